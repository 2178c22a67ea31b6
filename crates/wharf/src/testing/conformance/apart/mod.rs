//! The same promises with a store and a transport of different kinds, whatever the transport does.
//!
//! ```text
//! wharf::conformance_apart!(OnMyEngine, OnMyTransport);
//! ```

#[doc(hidden)]
pub mod crashes;
#[doc(hidden)]
pub mod exactly_once;
#[doc(hidden)]
pub mod horizon;
#[doc(hidden)]
pub mod later;
#[doc(hidden)]
pub mod letters;
#[doc(hidden)]
pub mod outbox;

use std::fmt;

use async_trait::async_trait;

use super::{CASE_DURATION_MAX, Stage, Subject};
use crate::{
    Memory, Module, Worker,
    ports::{Depth, Transport},
    testing::{Harness, ManualClock},
};

/// A transport that is to carry messages for a store of another kind.
#[async_trait]
pub trait Carrier: Send + Sync + Sized + 'static {
    /// The transport.
    type Transport: Transport + Clone;

    /// A fresh, empty transport that lives by this clock.
    async fn start(clock: ManualClock) -> Self;

    /// A handle on the transport.
    fn transport(&self) -> Self::Transport;

    /// Closes it and removes what it left behind.
    async fn stop(self) {}
}

/// Carries messages in memory, beside whatever store.
#[derive(Debug)]
pub struct InMemory(Memory);

#[async_trait]
impl Carrier for InMemory {
    type Transport = Memory;

    async fn start(clock: ManualClock) -> Self {
        Self(Memory::with_clock(clock))
    }

    fn transport(&self) -> Memory {
        self.0.clone()
    }
}

/// A store and a transport of another kind, on one wound clock.
pub struct Apart<S, C> {
    pub(super) stage: Stage<S>,
    carrier: C,
}

impl<S: Subject, C: Carrier> Apart<S, C> {
    fn transport(&self) -> C::Transport {
        self.carrier.transport()
    }

    /// A worker on the store and this transport, in a harness.
    async fn app<M: Clone + Send + Sync + 'static>(&self, transport: impl Transport, module: Module<M>) -> Harness {
        let worker = Worker::new(self.stage.engine()).via(transport).module(module);
        Harness::start(worker, self.stage.clock()).await
    }

    /// How much waits in the store: in the outbox, that is.
    async fn in_the_store(&self) -> Vec<Depth> {
        self.stage.engine().depth().await.expect("the store answers")
    }

    /// How much waits on the transport.
    async fn on_the_transport(&self) -> Vec<Depth> {
        self.transport().depth().await.expect("the transport answers")
    }
}

/// Runs one case on a fresh store and a fresh transport.
#[doc(hidden)]
pub async fn run<S: Subject, C: Carrier>(case: impl AsyncFn(&mut Apart<S, C>)) {
    let stage = Stage::start().await;
    let carrier = C::start(stage.clock()).await;
    let mut apart = Apart { stage, carrier };
    tokio::time::timeout(CASE_DURATION_MAX, case(&mut apart)).await.expect("the case hangs");
    apart.carrier.stop().await;
    apart.stage.stop().await;
}

impl<S, C> fmt::Debug for Apart<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart").finish_non_exhaustive()
    }
}

/// Makes a test of every case for a store, a [`Subject`](crate::testing::conformance::Subject), with a transport of
/// another kind, a [`Carrier`](crate::testing::conformance::apart::Carrier), in a module for each promise.
#[macro_export]
macro_rules! conformance_apart {
    ($subject:ty, $carrier:ty) => {
        $crate::conformance_apart! { $subject, $carrier:
            exactly_once {
                the_story_is_that_of_a_joined_worker,
                what_comes_twice_has_its_effects_once,
                two_copies_handled_at_once_have_one_effect,
                a_forgotten_acknowledgement_changes_nothing,
                what_a_lost_connection_delivers_again_is_known,
                whatever_fails_every_effect_happens_once_and_nothing_is_left,
                a_crash_at_any_await_loses_and_doubles_nothing,
            }
            outbox {
                what_is_sent_waits_in_the_outbox_until_it_is_confirmed,
                while_the_transport_is_away_the_outbox_grows_and_no_attempt_is_counted,
                a_message_that_is_refused_holds_up_only_its_key,
                a_message_given_up_by_the_relay_is_redriven_by_it,
                a_delayed_message_waits_in_the_store,
                o07_what_was_confirmed_and_not_marked_is_sent_again_and_known,
                o08_two_relays_send_each_message_once,
                o08_relays_side_by_side_keep_the_order_of_each_key,
            }
            later {
                a_delayed_retry_waits_in_the_store_and_keeps_its_count,
                a_snooze_costs_no_attempt,
                w22_a_delay_longer_than_the_lease_is_one_run,
                copies_do_not_multiply_with_retries,
                an_unknown_message_waits_for_the_next_version,
            }
            letters {
                a_dead_letter_stands_in_the_store,
                o47_redriving_twice_has_one_effect,
                w30_a_redrive_and_a_late_copy_have_one_effect,
                a_copy_that_is_put_back_twice_is_one_redrive,
                a_copy_of_an_earlier_death_takes_no_later_letter_away,
                w24_a_crash_at_any_await_loses_no_copy_and_redrives_once,
            }
            crashes {
                w25_a_message_that_kills_its_process_is_set_aside_though_the_transport_forgets,
                only_what_was_never_let_go_of_was_lost,
            }
            horizon {
                a_message_beyond_the_horizon_is_given_up_unrun,
                what_waited_long_in_the_outbox_is_not_too_old,
                a_copy_is_known_for_as_long_as_it_may_come,
            }
        }
    };
    ($subject:ty, $carrier:ty: $($promise:ident { $($case:ident,)* })*) => {
        $(mod $promise {
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    use $crate::testing::conformance::apart;
                    apart::run::<$subject, $carrier>(apart::$promise::$case).await;
                }
            )*
        })*
    };
}
