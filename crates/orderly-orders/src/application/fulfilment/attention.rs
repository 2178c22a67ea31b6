//! What does not go on by itself: a person is called, and whatever happens meanwhile is still decided.

use wharf::{Next as Whither, to};

use super::{Case, Event, Next, OrderChange, State, decide};

/// Halts where it stands, and says so in the book. Events go on being decided as there.
pub(super) fn halt(at: State, reason: String) -> Next {
    to(State::NeedsAttention { reason: reason.clone(), halted: Box::new(at) }).record(OrderChange::Halted { reason })
}

/// Decides as in the state it is halted in. If that leads anywhere, it goes on, and nobody has to see to it any more.
pub(super) fn halted(case: Case<'_>, halted: State, event: Event) -> Next {
    let step = decide(case, halted, event);
    match &step.next {
        Whither::Stay | Whither::To(State::NeedsAttention { .. }) => step,
        Whither::To(
            State::Created
            | State::InventoryReserved
            | State::PaymentProcessing
            | State::Paid { .. }
            | State::Shipped
            | State::Compensating { .. }
            | State::Completed
            | State::Failed,
        )
        | Whither::Finish(_) => step.record(OrderChange::GoesOn),
    }
}
