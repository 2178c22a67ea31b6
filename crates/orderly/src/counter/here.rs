//! The counter of this process: each step is a commit of its own.

use anyhow::anyhow;
use orderly_contracts::{OrderId, Tenant};
use orderly_orders::{
    CancelError, PlaceOrder, PlacementError, Ports, ReturnError, ReturnItems, cancel_order, place_order, return_items,
};
use wharf::Client;

use super::Refusal;

pub(crate) struct Here {
    pub(crate) client: Client,
    pub(crate) orders: Ports,
    pub(crate) tenant: Tenant,
}

impl Here {
    pub(super) async fn place(&self, wanted: &PlaceOrder) -> Result<(), Refusal> {
        let mut work = self.client.begin(&self.tenant)?;
        match place_order(&self.orders, &mut work, wanted).await {
            Ok(_) => Ok(work.commit().await?),
            Err(PlacementError::Refused(problems)) => Err(Refusal::Final(anyhow!(problems))),
            Err(PlacementError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
        }
    }

    pub(super) async fn cancel(&self, order: OrderId, reference: &str) -> Result<(), Refusal> {
        let mut work = self.client.begin(&self.tenant)?;
        match cancel_order(&self.orders, &mut work, order, None, Some(reference)).await {
            Ok(_) => Ok(work.commit().await?),
            Err(CancelError::TooLate(_)) => Ok(work.rollback().await?),
            Err(unknown @ CancelError::Unknown(_)) => Err(Refusal::Final(anyhow!(unknown))),
            Err(CancelError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
        }
    }

    pub(super) async fn take_back(&self, wanted: &ReturnItems) -> Result<(), Refusal> {
        let mut work = self.client.begin(&self.tenant)?;
        match return_items(&self.orders, &mut work, wanted, None).await {
            Ok(_) => Ok(work.commit().await?),
            Err(
                refused @ (ReturnError::Unknown(_)
                | ReturnError::NotReturnable(_)
                | ReturnError::Refused(_)
                | ReturnError::ReferenceTaken { .. }),
            ) => Err(Refusal::Final(anyhow!(refused))),
            Err(ReturnError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
        }
    }
}
