//! Where a replay or a demo places its orders: at a counter of this process, or at those of others, through their HTTP
//! API.

mod here;
mod remote;

use orderly_contracts::OrderId;
use orderly_orders::{PlaceOrder, ReturnItems};

pub(crate) use here::Here;
pub(crate) use remote::Remote;

/// Takes orders, requests for cancellation, and what comes back. Each may be asked for again: an order and a return go by
/// their references, and a cancellation may be asked for twice.
pub(crate) enum Counter {
    Here(Here),
    Remote(Remote),
}

/// Why a step was not done.
pub(crate) enum Refusal {
    /// Trying again may help.
    Passing(anyhow::Error),
    /// It never will.
    Final(anyhow::Error),
}

impl Counter {
    pub(crate) async fn place(&self, wanted: &PlaceOrder) -> Result<(), Refusal> {
        match self {
            Self::Here(here) => here.place(wanted).await,
            Self::Remote(remote) => remote.place(wanted).await,
        }
    }

    /// Asks for an order to be cancelled, unless it has gone too far.
    pub(crate) async fn cancel(&self, order: OrderId, reference: &str) -> Result<(), Refusal> {
        match self {
            Self::Here(here) => here.cancel(order, reference).await,
            Self::Remote(remote) => remote.cancel(order, reference).await,
        }
    }

    pub(crate) async fn take_back(&self, wanted: &ReturnItems) -> Result<(), Refusal> {
        match self {
            Self::Here(here) => here.take_back(wanted).await,
            Self::Remote(remote) => remote.take_back(wanted).await,
        }
    }
}

impl From<wharf::Error> for Refusal {
    fn from(error: wharf::Error) -> Self {
        Self::Passing(error.into())
    }
}
