//! One call to the provider, and what may become known of it.

use orderly_payments::domain::{AttemptState, IllegalAttempt};

use AttemptState::*;

#[test]
fn the_last_word_ends_it() {
    for word in [Approved, Declined] {
        for next in AttemptState::ALL {
            assert_eq!(word.to(next), Err(IllegalAttempt { from: word, to: next }));
        }
    }
}

#[test]
fn a_state_is_read_as_it_is_written() {
    for state in AttemptState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    assert!("Lost".parse::<AttemptState>().is_err());
}
