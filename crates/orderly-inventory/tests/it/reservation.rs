//! A reservation is decided the same way however often, and in whatever order, it is asked for.

use orderly_inventory::domain::{
    CommitDecision, HoldDecision, NotHeld, ReleaseDecision, ReservationState, WasCommitted,
};
use proptest::prelude::*;

use ReservationState::{Committed, Held, Released};

#[test]
fn a_request_holds_once() {
    assert_eq!(HoldDecision::of(None), HoldDecision::Hold);
    assert_eq!(HoldDecision::of(Some(Held)), HoldDecision::Repeat);
    assert_eq!(HoldDecision::of(Some(Committed)), HoldDecision::Repeat);
}

#[test]
fn a_request_that_its_release_overtook_holds_nothing() {
    assert_eq!(ReleaseDecision::of(None), Ok(ReleaseDecision::LeaveTombstone));
    assert_eq!(HoldDecision::of(Some(Released)), HoldDecision::Refuse);
}

#[test]
fn a_release_gives_back_once() {
    assert_eq!(ReleaseDecision::of(Some(Held)), Ok(ReleaseDecision::GiveBack));
    assert_eq!(ReleaseDecision::of(Some(Released)), Ok(ReleaseDecision::Repeat));
}

#[test]
fn what_has_left_cannot_be_released() {
    assert_eq!(ReleaseDecision::of(Some(Committed)), Err(WasCommitted));
}

#[test]
fn only_what_is_held_can_leave() {
    assert_eq!(CommitDecision::of(Some(Held)), Ok(CommitDecision::TakeOut));
    assert_eq!(CommitDecision::of(Some(Committed)), Ok(CommitDecision::Repeat));
    assert_eq!(CommitDecision::of(None), Err(NotHeld { released: false }));
    assert_eq!(CommitDecision::of(Some(Released)), Err(NotHeld { released: true }));
}

#[test]
fn a_state_is_read_as_it_is_written() {
    for state in ReservationState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    assert!("Held".parse::<ReservationState>().is_err());
}

proptest! {
    /// Whatever arrives, units are held at most once, and what was held is given back or taken out at most once.
    #[test]
    fn units_move_once_each_way(requests in prop::collection::vec(0..3_u8, 0..20)) {
        let mut state = None;
        let (mut held, mut settled) = (0, 0);
        for request in requests {
            match request {
                0 => if HoldDecision::of(state) == HoldDecision::Hold {
                    held += 1;
                    state = Some(Held);
                },
                1 => match ReleaseDecision::of(state) {
                    Ok(ReleaseDecision::GiveBack) => { settled += 1; state = Some(Released); }
                    Ok(ReleaseDecision::LeaveTombstone) => state = Some(Released),
                    Ok(ReleaseDecision::Repeat) | Err(WasCommitted) => {}
                },
                _ => if CommitDecision::of(state) == Ok(CommitDecision::TakeOut) {
                    settled += 1;
                    state = Some(Committed);
                },
            }
            prop_assert!(held <= 1 && settled <= held);
            prop_assert_eq!(state == Some(Held), held > settled);
        }
    }
}
