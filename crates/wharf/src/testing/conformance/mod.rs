//! One suite for every engine: each case is one sentence about one promise, told through the ports alone.
//!
//! ```text
//! struct OnMyEngine { .. }
//! impl Subject for OnMyEngine { .. }
//! wharf::conformance!(OnMyEngine);
//! ```
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite of tests fails by panicking")]

#[doc(hidden)]
pub mod announcing;
pub mod apart;
#[doc(hidden)]
pub mod atomicity;
#[doc(hidden)]
pub mod cancelling;
#[doc(hidden)]
pub mod crash;
#[doc(hidden)]
pub mod dead_letters;
#[doc(hidden)]
pub mod delivery;
#[doc(hidden)]
pub mod flow;
#[doc(hidden)]
pub mod foreign;
#[doc(hidden)]
pub mod history;
#[doc(hidden)]
pub mod inbox;
#[doc(hidden)]
pub mod instances;
#[doc(hidden)]
pub mod leases;
#[doc(hidden)]
pub mod overlaps;
#[doc(hidden)]
pub mod pruning;
#[doc(hidden)]
pub mod retry;
#[doc(hidden)]
pub mod sagas;
#[doc(hidden)]
pub mod schedules;
#[doc(hidden)]
pub mod settling;
pub mod signals;
mod stage;
#[doc(hidden)]
pub mod subscriptions;
#[doc(hidden)]
pub mod survivors;
#[doc(hidden)]
pub mod timers;
#[doc(hidden)]
pub mod timetables;
#[doc(hidden)]
pub mod turns;
#[doc(hidden)]
pub mod urgency;

use std::time::Duration;

use async_trait::async_trait;

use super::ManualClock;
use crate::{Result, Tx, ports::Engine};

pub use stage::Stage;

/// An engine that is to keep the promises, and a table of the user's beside it.
#[async_trait]
pub trait Subject: Send + Sync + Sized + 'static {
    /// The engine.
    type Engine: Engine + Clone;

    /// Crashes are tried at every so many awaits. More than one is for a further configuration of an engine whose first
    /// is tried at each; an odd number, as awaits before and after a call of a port take turns.
    const CRASH_EVERY_AWAITS: usize = 1;

    /// The same for a worker with a transport of another kind, which has twice the awaits.
    const CRASH_EVERY_AWAITS_APART: usize = Self::CRASH_EVERY_AWAITS;

    /// A fresh, empty engine that lives by this clock, with a table for the suite's own writes.
    async fn start(clock: ManualClock) -> Self;

    /// A handle on the engine.
    fn engine(&self) -> Self::Engine;

    /// Ends this handle as a crash would, settling nothing, and opens another on the same data. `None` when nothing
    /// outlives the handle, as in memory.
    async fn reopen(self) -> Option<Self> {
        None
    }

    /// A write of the user's own, within the transaction. The last write of a key counts.
    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result;

    /// What was committed under a key.
    async fn read(&self, key: &str) -> Option<String>;

    /// Writes a row into the engine's table of deliveries as a foreign program might: with this name and body, and nonsense
    /// wherever the table takes it. Whether the table took the row; `None` when there is no table.
    async fn plant(&self, _endpoint: &str, _name: &str, _body: &[u8]) -> Option<bool> {
        None
    }

    /// Does to the transaction what a careless handler might. `false` when this engine offers no way to.
    async fn sabotage(_tx: &mut Tx, _how: Sabotage) -> bool {
        false
    }

    /// Closes the engine and removes what it left on disk.
    async fn stop(self) {}
}

/// What a careless handler might do to its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Runs a statement that the database refuses, such as a duplicate key, and ignores the error.
    SwallowedError,
    /// Ends the transaction with a `ROLLBACK` of its own.
    RawRollback,
    /// Ends the transaction with a `COMMIT` of its own.
    RawCommit,
}

/// A case that takes longer than this hangs. Real time: it guards the suite, and no case waits for it.
const CASE_DURATION_MAX: Duration = Duration::from_secs(600);

/// Runs one case on a fresh engine.
#[doc(hidden)]
pub async fn run<S: Subject>(case: impl AsyncFn(&mut Stage<S>)) {
    let mut stage = Stage::start().await;
    tokio::time::timeout(CASE_DURATION_MAX, case(&mut stage)).await.expect("the case hangs");
    stage.stop().await;
}

/// Makes a test of every case of the suite for one [`Subject`](crate::testing::conformance::Subject), in a module for
/// each promise.
#[macro_export]
macro_rules! conformance {
    ($subject:ty) => {
        $crate::conformance! { $subject:
            delivery {
                what_was_sent_arrives_byte_for_byte,
                claims_take_the_oldest_first_and_no_more_than_asked,
                an_endpoint_claims_only_its_own,
                an_event_reaches_each_of_its_subscribers_once,
                a_delayed_message_comes_not_a_microsecond_early,
                a_claim_says_when_the_next_delivery_will_be_due,
                concurrent_claims_never_share_a_delivery,
                depth_tells_due_delayed_and_held_apart,
                w19_depth_is_counted_only_so_far,
                the_bell_rings_for_what_was_sent,
                the_bell_tells_how_long_until_what_was_sent_is_due,
                nothing_is_lost_when_the_process_dies,
            }
            atomicity {
                writes_sends_and_settlement_are_one_commit,
                a_rollback_undoes_all_and_keeps_the_delivery,
                a_dropped_transaction_leaves_nothing_behind,
                a_stale_epoch_commits_nothing,
                a_swallowed_database_error_never_acknowledges_half,
                a_rollback_behind_our_back_acknowledges_nothing,
                a_commit_behind_our_back_acknowledges_nothing,
                a_unit_of_work_writes_and_sends_in_one_commit,
            }
            settling {
                a_delivery_is_settled_exactly_once,
                a_batch_says_of_each_delivery_whether_it_was_ours,
                only_what_was_still_ours_sends,
                an_empty_batch_is_nothing,
                what_was_settled_is_not_settled_again_by_a_transaction,
            }
            retry {
                a_retry_waits_its_delay_to_the_microsecond,
                a_return_costs_no_attempt_and_no_crash,
                attempts_and_crashes_are_counted_apart,
                a_retry_keeps_the_message_as_it_was,
                retries_queue_behind_what_was_due_before_them,
            }
            survivors {
                a_survivor_comes_alone,
                only_a_loss_while_alone_is_a_crash,
                w10_a_page_that_none_may_take_hides_nothing_behind_it,
                survivors_and_fresh_ones_do_not_starve_each_other,
                w25_a_poison_message_takes_no_neighbour_with_it,
            }
            turns {
                no_two_of_a_key_are_held_at_once,
                many_workers_keep_the_order_of_every_key,
                what_waits_for_a_retry_lets_others_pass_unless_ordered,
                an_ordered_key_waits_for_its_first_and_others_do_not,
                a_crash_keeps_the_order_of_its_key,
                a_dead_letter_lets_pass_and_comes_first_again,
                a_dead_letter_holds_its_key_where_asked_for,
                a_dead_letter_that_had_expired_holds_nobody,
                w10_a_key_with_many_waiting_hides_no_other,
                turns_are_of_one_tenant_key_and_endpoint,
                a_message_takes_its_place_when_it_falls_due,
                a_firing_takes_its_turn,
            }
            urgency {
                a_higher_priority_is_claimed_first,
                a_priority_outlives_retries_and_redrives,
                what_has_expired_says_so_and_a_redrive_forgives_it,
                an_expiry_that_came_with_the_envelope_is_kept,
                what_is_unknown_is_so_from_when_that_was_first_said,
            }
            foreign {
                w26_a_foreign_row_is_handled_or_dead_lettered_and_holds_up_nobody,
                a_nul_in_a_key_or_tenant_is_refused_when_it_is_sent,
                w09_what_a_newer_process_left_behind_is_kept_for_the_next_one,
            }
            dead_letters {
                a_dead_letter_tells_the_whole_story,
                dead_letters_are_found_by_each_field,
                dead_letters_come_oldest_first_and_no_more_than_asked,
                a_redrive_starts_afresh_and_is_counted,
                a_redrive_moves_each_letter_once,
                a_redriven_letter_may_die_again,
                a_discarded_letter_is_gone,
                dead_letters_are_counted_no_further_than_asked,
            }
            cancelling {
                what_waits_of_a_message_becomes_dead_letters,
                what_is_held_is_left_to_its_holder_until_its_lease_ends,
                a_cancelled_message_may_be_redriven,
            }
            history {
                a_run_goes_from_its_queue_into_the_history,
                what_a_run_logs_is_kept_in_its_order_and_once,
                a_run_that_goes_on_tells_how_far_it_has_come,
                of_many_that_tell_at_once_only_those_that_are_held_are_heard,
                w05_who_lost_a_run_can_no_longer_tell_of_it,
                a_run_ends_in_the_commit_of_its_own_writes,
                a_run_that_failed_may_be_redriven_and_is_then_in_its_queue_alone,
                a_job_cancelled_in_its_queue_leaves_no_dead_letter,
                runs_are_found_by_each_field_and_page_by_page,
                each_status_is_kept_for_its_own_time,
                w19_no_more_runs_go_at_once_than_asked,
                w31_a_unique_job_keeps_others_of_its_key_out_until_it_ends,
                w31_of_many_who_enqueue_a_unique_job_at_once_one_does,
                a_unique_job_that_failed_is_redriven_whatever_else_waits,
            }
            announcing {
                the_newest_version_of_a_job_speaks,
                arguments_written_by_hand_are_of_the_announced_version_and_fit_its_schema,
                a_job_that_nobody_has_announced_waits_unchecked,
            }
            leases {
                what_is_held_is_nobody_elses_until_the_lease_ends,
                a_lease_that_ran_out_passes_to_the_next_with_a_higher_epoch,
                the_old_holder_can_no_longer_settle,
                w05_a_holder_that_was_taken_for_dead_cannot_finish_too,
                a_renewal_extends_the_lease_to_the_microsecond,
                a_renewal_reports_what_is_no_longer_ours,
            }
            sagas {
                an_instance_is_stored_as_it_was_written,
                an_instance_is_seen_by_its_own_transaction_first,
                a_save_must_follow_the_revision_before,
                tenants_and_sagas_are_kept_apart,
                concurrent_steps_lose_no_update,
                a_finished_instance_stays_and_loses_its_timers,
                instances_are_found_by_each_field_with_what_they_wait_for,
            }
            timers {
                a_timer_fires_once_and_not_a_microsecond_early,
                a_firing_carries_whose_timer_it_was,
                rearming_replaces,
                a_disarmed_timer_never_fires,
                a_fired_timer_is_known_until_it_is_taken_back,
                a_rolled_back_timer_was_never_armed,
                timers_fire_oldest_first_and_no_more_than_asked,
                timers_of_tenants_and_instances_are_kept_apart,
                concurrent_firing_fires_each_timer_once,
                w07_who_stood_still_in_the_midst_of_firing_fires_no_timer_twice,
            }
            subscriptions {
                what_was_declared_is_known_to_all_and_since_when,
                a_contradiction_is_refused_and_changes_nothing,
                of_many_that_claim_a_command_at_once_one_gets_it,
                an_endpoint_may_take_anothers_place,
                what_waits_for_a_retired_subscription_is_not_lost,
                what_was_retired_stays_away_though_a_worker_confirms_it,
                an_event_is_kept_for_a_consumer_that_has_never_run,
                an_older_process_soon_sends_to_a_consumer_it_did_not_know,
            }
            schedules {
                a_schedule_fires_at_each_multiple_of_its_period_and_not_a_microsecond_early,
                of_many_who_fire_at_once_one_sends,
                several_are_fired_together_each_with_an_answer_of_its_own,
                of_many_who_fire_many_together_each_is_sent_once,
                w07_who_stood_still_in_the_midst_of_firing_sends_nothing_twice,
                what_was_missed_is_counted_and_fired_once,
                a_changed_period_takes_effect_when_it_is_declared,
                schedules_are_told_apart_by_name,
                a_forsaken_schedule_is_forgotten_in_the_end,
                w06_two_workers_send_each_due_time_once,
            }
            timetables {
                w29_cron_goes_by_the_clocks_of_its_zone_where_they_are_put_forward_and_back,
                w06_of_a_thousand_due_times_two_schedulers_send_each_once,
                what_was_missed_may_be_made_up_for_a_hundred_at_a_time,
                what_is_too_late_may_be_skipped,
                what_is_due_once_is_sent_once_though_its_sending_fails,
                what_is_paused_is_never_due,
                w27_what_was_resumed_is_noticed_at_once,
                a_trigger_sends_the_message_and_leaves_the_due_times_alone,
                what_somebody_changed_is_kept_until_it_is_reset,
                what_is_declared_otherwise_is_due_at_its_new_times_only,
                a_restart_of_everything_fires_nothing_that_is_not_due,
            }
            overlaps {
                the_runs_of_a_schedule_are_found_among_others,
                an_overlapping_due_time_is_skipped_and_recorded,
                overlapping_due_times_queue_in_order,
                a_schedule_whose_runs_keep_failing_is_paused_until_somebody_resumes_it,
                failures_that_are_far_apart_pause_nothing,
                a_good_end_in_between_begins_a_new_count,
            }
            pruning {
                a_finished_saga_goes_after_its_retention_and_not_before,
                w19_no_more_goes_at_once_than_asked,
            }
            crash {
                a_crash_at_any_await_loses_and_doubles_nothing,
            }
            instances {
                an_older_instance_is_migrated_by_its_next_event,
                an_event_that_changes_nothing_migrates_all_the_same,
                an_event_of_a_newer_instance_waits_for_the_newer_code,
                an_instance_nobody_can_read_says_what_and_where,
                a_timer_this_code_does_not_know_waits_for_code_that_does,
                an_event_before_its_instance_waits_for_it,
                an_event_whose_instance_never_begins_is_dead_lettered_with_that_reason,
                a_finished_instance_still_decides_what_comes_late,
                a_firing_overtaken_by_a_new_arming_is_ignored,
                a_firing_that_comes_after_the_end_is_ignored,
                two_firings_of_one_generation_happen_once,
                a_firing_whose_handler_crashed_is_still_current,
            }
            inbox {
                a_round_ends_once,
                of_concurrent_copies_one_is_new,
                a_later_round_is_new_and_ends_all_before_it,
                in_one_batch_a_round_is_new_once,
                messages_of_endpoints_and_tenants_are_kept_apart,
                what_is_not_committed_has_not_ended,
                a_transaction_ended_behind_our_back_notes_nothing,
                a_buried_message_tells_the_whole_story,
                a_buried_message_is_redriven_by_its_outbox_and_the_inbox_says_so,
                buried_messages_and_dead_deliveries_live_side_by_side,
                pruning_forgets_the_oldest_and_not_a_microsecond_early,
            }
            flow {
                a_harness_tells_the_story_of_a_flow,
                a_worker_wakes_for_every_step_and_stops_with_nothing_left,
                whatever_fails_every_effect_happens_once_and_nothing_is_left,
            }
        }
    };
    ($subject:ty: $($promise:ident { $($case:ident,)* })*) => {
        $(mod $promise {
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    use $crate::testing::conformance;
                    conformance::run::<$subject>(conformance::$promise::$case).await;
                }
            )*
        })*
    };
}
