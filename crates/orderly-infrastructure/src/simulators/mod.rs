//! A payment provider and a carrier that exist only here, and behave as strangers do.
//!
//! They keep books of their own, in a file that the shop never writes. Whatever becomes of the shop's process or its
//! database, the books say what was taken, given back and shipped: without them, "nothing is charged twice" would only
//! mean that the shop believes itself.

mod books;
mod carrier;
mod draw;
mod gateway;
mod statement;

pub(crate) use statement::{Deed, DeedKind, Marks, Statement};

use std::{fmt, sync::Arc};

use orderly_payments::PaymentGateway;
use orderly_shipping::Carrier;

use self::{books::Books, carrier::SimulatedCarrier, gateway::SimulatedGateway};
use crate::{ConnectError, Settings};

/// The file in the data directory that holds the books.
pub const BOOKS_FILE: &str = "providers.db";

/// The simulated providers.
#[derive(Clone)]
pub struct Providers {
    /// Who takes the money.
    pub gateway: Arc<dyn PaymentGateway>,
    /// Who carries the parcels.
    pub carrier: Arc<dyn Carrier>,
    books: Books,
}

impl Providers {
    /// Closes their books, once what is being written stands in them. Later calls are answered with an error.
    pub async fn close(&self) {
        self.books.close().await;
    }
}

/// Opens the simulated providers on their books.
///
/// # Errors
/// When the books cannot be opened, or were written by a newer version.
pub async fn open(settings: &Settings) -> Result<Providers, ConnectError> {
    let books = Books::open(&settings.data_dir).await?;
    let clock = Arc::clone(&settings.clock);
    let gateway = SimulatedGateway::new(books.clone(), settings.simulators.clone(), Arc::clone(&clock));
    let carrier = SimulatedCarrier::new(books.clone(), settings.simulators.clone(), clock);
    Ok(Providers { gateway: Arc::new(gateway), carrier: Arc::new(carrier), books })
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").finish_non_exhaustive()
    }
}
