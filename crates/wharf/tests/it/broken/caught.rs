//! The conformance suite, tested: which case catches which broken engine.

use wharf::testing::conformance::{
    self, Stage, Subject,
    apart::{self, Apart, Carrier},
};

use super::{ByBroken, Flaw, OnBroken};

/// Whether a case fails on this subject. A case panics to fail; that is heard at the end of its task.
async fn fails<S: Subject>(case: impl AsyncFn(&mut Stage<S>) + Send + 'static) -> bool {
    tokio::task::LocalSet::new()
        .run_until(async { tokio::task::spawn_local(conformance::run(case)).await.is_err() })
        .await
}

/// The same for a case of a store and a transport apart.
async fn fails_apart<S: Subject, C: Carrier>(case: impl AsyncFn(&mut Apart<S, C>) + Send + 'static) -> bool {
    tokio::task::LocalSet::new().run_until(async { tokio::task::spawn_local(apart::run(case)).await.is_err() }).await
}

macro_rules! caught {
    ($($test:ident: $flaw:ident by $promise:ident::$case:ident;)*) => {
        $(#[tokio::test]
        async fn $test() {
            let caught = fails::<OnBroken<{ Flaw::$flaw as usize }>>(conformance::$promise::$case).await;
            assert!(caught, "an engine that has {:?} passes", Flaw::$flaw);
        })*
    };
}

caught! {
    an_engine_that_ignores_the_epoch: IgnoresTheEpoch by leases::the_old_holder_can_no_longer_settle;
    an_engine_that_lets_the_dead_finish: IgnoresTheEpoch by leases::w05_a_holder_that_was_taken_for_dead_cannot_finish_too;
    an_engine_whose_transactions_ignore_the_epoch: IgnoresTheEpoch by atomicity::a_stale_epoch_commits_nothing;
    an_engine_that_never_settles: CommitsWithoutSettling by atomicity::writes_sends_and_settlement_are_one_commit;
    an_engine_that_acknowledges_first: SettlesWithoutCommitting by atomicity::writes_sends_and_settlement_are_one_commit;
    an_engine_that_commits_first: CommitsThenSettles by atomicity::a_stale_epoch_commits_nothing;
    an_engine_that_shares_what_is_held: SharesWhatIsHeld by leases::what_is_held_is_nobody_elses_until_the_lease_ends;
    an_engine_that_forgets_delays: ForgetsDelays by retry::a_retry_waits_its_delay_to_the_microsecond;
    an_engine_that_forgets_crashes: ForgetsCrashes by retry::attempts_and_crashes_are_counted_apart;
    an_engine_that_blames_neighbours: CountsEveryLossAsACrash by survivors::only_a_loss_while_alone_is_a_crash;
    an_engine_that_lets_poison_spread: CountsEveryLossAsACrash by survivors::w25_a_poison_message_takes_no_neighbour_with_it;
    an_engine_that_claims_survivors_together: ClaimsSurvivorsTogether by survivors::a_survivor_comes_alone;
    an_engine_that_brings_survivors_unasked: BringsSurvivorsUnasked by survivors::w10_a_page_that_none_may_take_hides_nothing_behind_it;
    an_engine_that_starves_survivors: StarvesSurvivors by survivors::survivors_and_fresh_ones_do_not_starve_each_other;
    an_engine_that_ignores_turns: IgnoresTurns by turns::no_two_of_a_key_are_held_at_once;
    an_engine_that_reorders_a_key: IgnoresTurns by turns::many_workers_keep_the_order_of_every_key;
    an_engine_that_looks_no_further_than_a_page: LooksAtOnePage by turns::w10_a_key_with_many_waiting_hides_no_other;
    an_engine_whose_survivors_let_pass: IgnoresTurns by turns::a_crash_keeps_the_order_of_its_key;
    an_engine_whose_retries_let_pass: LetsOthersPassARetry by turns::an_ordered_key_waits_for_its_first_and_others_do_not;
    an_engine_whose_dead_letters_let_pass: LetsOthersPassADeadLetter by turns::a_dead_letter_holds_its_key_where_asked_for;
    an_engine_that_redrives_out_of_turn: KeepsWhatItRedrives by turns::a_dead_letter_lets_pass_and_comes_first_again;
    an_engine_that_fires_timers_out_of_turn: FiresTimersOutOfTurn by turns::a_firing_takes_its_turn;
    an_engine_that_ignores_priorities: IgnoresPriorities by urgency::a_higher_priority_is_claimed_first;
    an_engine_that_forgets_expiry: ForgetsExpiry by urgency::what_has_expired_says_so_and_a_redrive_forgives_it;
    an_engine_that_counts_the_grace_from_the_sending: CountsTheGraceFromTheSending by urgency::what_is_unknown_is_so_from_when_that_was_first_said;
    an_engine_that_discards_what_nobody_here_knows: DiscardsTheUnknown by foreign::w09_what_a_newer_process_left_behind_is_kept_for_the_next_one;
    an_engine_that_stumbles_over_foreign_rows: StumblesOverForeignRows by foreign::w26_a_foreign_row_is_handled_or_dead_lettered_and_holds_up_nobody;
    an_engine_that_counts_returns: CountsReturnsAsAttempts by retry::a_return_costs_no_attempt_and_no_crash;
    an_engine_that_renews_anything: RenewsAnything by leases::a_renewal_reports_what_is_no_longer_ours;
    an_engine_that_truncates_bodies: TruncatesBodies by delivery::what_was_sent_arrives_byte_for_byte;
    an_engine_that_claims_newest_first: ClaimsNewestFirst by delivery::claims_take_the_oldest_first_and_no_more_than_asked;
    an_engine_that_overwrites_sagas: OverwritesSagas by sagas::a_save_must_follow_the_revision_before;
    an_engine_that_fires_timers_twice: FiresTimersTwice by timers::a_timer_fires_once_and_not_a_microsecond_early;
    an_engine_that_fires_timers_for_a_past_leader: FiresTimersTwice by timers::w07_who_stood_still_in_the_midst_of_firing_fires_no_timer_twice;
    an_engine_that_loses_a_timer: LosesTimers by timers::a_timer_fires_once_and_not_a_microsecond_early;
    an_engine_that_keeps_what_it_redrives: KeepsWhatItRedrives by dead_letters::a_redrive_moves_each_letter_once;
    an_engine_that_forgets_subscriptions: ForgetsSubscriptions by subscriptions::what_was_declared_is_known_to_all_and_since_when;
    an_engine_that_keeps_nothing_for_later_consumers: ForgetsSubscriptions by subscriptions::an_event_is_kept_for_a_consumer_that_has_never_run;
    an_engine_whose_news_reach_nobody: ForgetsSubscriptions by subscriptions::an_older_process_soon_sends_to_a_consumer_it_did_not_know;
    an_engine_that_accepts_contradictions: AcceptsContradictions by subscriptions::a_contradiction_is_refused_and_changes_nothing;
    an_engine_that_gives_a_command_to_many: AcceptsContradictions by subscriptions::of_many_that_claim_a_command_at_once_one_gets_it;
    an_engine_that_replaces_nothing: ReplacesNothing by subscriptions::an_endpoint_may_take_anothers_place;
    an_engine_that_loses_what_it_retires: LosesWhatItRetires by subscriptions::what_waits_for_a_retired_subscription_is_not_lost;
    an_engine_that_loses_what_it_cancels: LosesWhatItCancels by cancelling::what_waits_of_a_message_becomes_dead_letters;
    an_engine_that_fires_schedules_early: FiresSchedulesEarly by schedules::a_schedule_fires_at_each_multiple_of_its_period_and_not_a_microsecond_early;
    an_engine_that_fires_schedules_twice: FiresSchedulesTwice by schedules::of_many_who_fire_at_once_one_sends;
    an_engine_that_fires_schedules_for_a_past_leader: FiresSchedulesTwice by schedules::w07_who_stood_still_in_the_midst_of_firing_sends_nothing_twice;
    an_engine_that_sends_each_due_time_twice: FiresSchedulesEarly by schedules::w06_two_workers_send_each_due_time_once;
    an_engine_that_makes_up_for_missed_times: MakesUpForMissedTimes by schedules::what_was_missed_is_counted_and_fired_once;
    an_engine_that_keeps_the_first_period: KeepsTheFirstPeriod by schedules::a_changed_period_takes_effect_when_it_is_declared;
    an_engine_that_answers_for_another_schedule: AnswersForAnotherSchedule by schedules::several_are_fired_together_each_with_an_answer_of_its_own;
    an_engine_that_fires_together_unlocked: FiresTogetherUnlocked by schedules::of_many_who_fire_many_together_each_is_sent_once;
    an_engine_that_knows_one_schedule: KnowsOneSchedule by schedules::schedules_are_told_apart_by_name;
    an_engine_that_knows_no_time_zones: KnowsNoTimeZones by timetables::w29_cron_goes_by_the_clocks_of_its_zone_where_they_are_put_forward_and_back;
    an_engine_that_sends_due_times_twice: FiresSchedulesEarly by timetables::w06_of_a_thousand_due_times_two_schedulers_send_each_once;
    an_engine_that_makes_up_for_nothing: ForgetsMisfires by timetables::what_was_missed_may_be_made_up_for_a_hundred_at_a_time;
    an_engine_that_sends_what_is_too_late: ForgetsMisfires by timetables::what_is_too_late_may_be_skipped;
    an_engine_that_fires_again_what_is_due_once: FiresWhatIsNeverDue by timetables::what_is_due_once_is_sent_once_though_its_sending_fails;
    an_engine_that_fires_what_is_paused: FiresWhatIsNeverDue by timetables::what_is_paused_is_never_due;
    an_engine_that_resumes_at_the_start: ResumesAtTheStart by timetables::what_is_paused_is_never_due;
    an_engine_that_wakes_nobody: WakesNobody by timetables::w27_what_was_resumed_is_noticed_at_once;
    an_engine_that_forgets_what_it_sends: ForgetsWhatItSends by timetables::a_trigger_sends_the_message_and_leaves_the_due_times_alone;
    an_engine_that_overwrites_changes: OverwritesChanges by timetables::what_somebody_changed_is_kept_until_it_is_reset;
    an_engine_that_keeps_the_first_timetable: KeepsTheFirstPeriod by timetables::what_is_declared_otherwise_is_due_at_its_new_times_only;
    an_engine_that_fires_at_the_start: FiresSchedulesEarly by timetables::a_restart_of_everything_fires_nothing_that_is_not_due;
    an_engine_that_forgets_schedules_early: PrunesEarly by schedules::a_forsaken_schedule_is_forgotten_in_the_end;
    an_engine_that_counts_every_delivery: CountsToTheEnd by delivery::w19_depth_is_counted_only_so_far;
    an_engine_that_counts_every_dead_letter: CountsToTheEnd by dead_letters::dead_letters_are_counted_no_further_than_asked;
    an_engine_that_lists_what_has_ended: ListsWhatHasEnded by sagas::instances_are_found_by_each_field_with_what_they_wait_for;
    an_engine_that_forgets_how_runs_ended: ForgetsHowRunsEnded by history::a_run_goes_from_its_queue_into_the_history;
    an_engine_that_ends_runs_for_whoever_lost_them: IgnoresTheEpoch by history::w05_who_lost_a_run_can_no_longer_tell_of_it;
    an_engine_that_lets_anyone_tell_of_a_run: LetsAnyoneTellOfARun by history::w05_who_lost_a_run_can_no_longer_tell_of_it;
    an_engine_that_tells_all_or_nothing: TellsAllOrNothing by history::of_many_that_tell_at_once_only_those_that_are_held_are_heard;
    an_engine_that_numbers_lines_anew: NumbersLinesAnew by history::what_a_run_logs_is_kept_in_its_order_and_once;
    an_engine_that_forgets_what_jobs_there_are: ForgetsJobTypes by announcing::the_newest_version_of_a_job_speaks;
    an_engine_that_checks_no_arguments: ForgetsJobTypes by announcing::arguments_written_by_hand_are_of_the_announced_version_and_fit_its_schema;
    an_engine_that_forgets_what_it_skipped: ForgetsSkips by overlaps::an_overlapping_due_time_is_skipped_and_recorded;
    an_engine_that_lets_runs_of_a_schedule_overlap: IgnoresTurns by overlaps::overlapping_due_times_queue_in_order;
    an_engine_that_never_gives_up_on_a_schedule: NeverGivesUp by overlaps::a_schedule_whose_runs_keep_failing_is_paused_until_somebody_resumes_it;
    an_engine_that_prunes_runs_early: PrunesEarly by history::each_status_is_kept_for_its_own_time;
    an_engine_that_prunes_runs_at_will: PrunesAtWill by history::w19_no_more_runs_go_at_once_than_asked;
    an_engine_that_prunes_early: PrunesEarly by pruning::a_finished_saga_goes_after_its_retention_and_not_before;
    an_engine_that_prunes_the_unfinished: PrunesTheUnfinished by pruning::a_finished_saga_goes_after_its_retention_and_not_before;
    an_engine_that_prunes_at_will: PrunesAtWill by pruning::w19_no_more_goes_at_once_than_asked;
    an_engine_that_brings_back_what_was_retired: ConfirmsByDeclaring by subscriptions::what_was_retired_stays_away_though_a_worker_confirms_it;
}

macro_rules! caught_apart {
    ($($test:ident: $flaw:ident by $promise:ident::$case:ident;)*) => {
        $(#[tokio::test]
        async fn $test() {
            const FLAW: usize = Flaw::$flaw as usize;
            let caught = fails_apart::<OnBroken<FLAW>, ByBroken<FLAW>>(apart::$promise::$case).await;
            assert!(caught, "a store and a transport that have {:?} pass", Flaw::$flaw);
        })*
    };
}

caught_apart! {
    a_transport_that_acknowledges_on_delivery: AcknowledgesOnDelivery by exactly_once::a_crash_at_any_await_loses_and_doubles_nothing;
    a_transport_that_drops_on_reconnect: DropsOnReconnect by exactly_once::what_a_lost_connection_delivers_again_is_known;
    a_relay_that_marks_before_the_confirmation: MarksSentFirst by outbox::while_the_transport_is_away_the_outbox_grows_and_no_attempt_is_counted;
    a_relay_that_lets_others_pass_a_bad_row: IgnoresTurns by outbox::a_message_that_is_refused_holds_up_only_its_key;
    a_store_that_skips_the_inbox: SkipsTheInbox by exactly_once::what_comes_twice_has_its_effects_once;
    a_store_that_skips_the_inbox_when_copies_meet: SkipsTheInbox by exactly_once::two_copies_handled_at_once_have_one_effect;
    a_store_that_keeps_letters_whose_copies_were_put_back: KeepsWhatItRedrives by letters::a_copy_that_is_put_back_twice_is_one_redrive;
    a_store_that_forgets_who_was_alone: ForgetsWhoWasAlone by crashes::w25_a_message_that_kills_its_process_is_set_aside_though_the_transport_forgets;
    a_store_that_takes_a_return_for_a_crash: TakesAReturnForACrash by crashes::only_what_was_never_let_go_of_was_lost;
    a_store_that_prunes_the_inbox_early: PrunesTheInboxEarly by horizon::a_copy_is_known_for_as_long_as_it_may_come;
}
