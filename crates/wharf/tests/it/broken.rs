//! The conformance suite, tested: engines that each break one promise must be caught.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use wharf::{
    Clock, Code, DeadLetter, DeadLetterFilter, Delivery, Depth, Error, Memory, MemoryTx, Outgoing, Priority, Result,
    SagaId, SagaRow, Tenant, Tx,
    ports::{
        Burial, Claim, Claimed, Declaration, Declared, Ending, Fired, Lease, Outbox, Outcome, Receipt, Retention,
        Round, Settlement, Store, StoredSchedule, StoredSubscription, Subscription, Ticked, TimerArm, Transaction,
        Transport, Turns, Wakeups,
    },
    testing::{
        ManualClock,
        conformance::{
            self, Stage, Subject,
            apart::{self, Apart, Carrier},
        },
    },
};

use crate::conformance::plant;

macro_rules! flaws {
    ($($flaw:ident,)*) => {
        /// What a bad engine does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Flaw {
            $($flaw,)*
        }

        impl Flaw {
            const ALL: &[Flaw] = &[$(Flaw::$flaw,)*];
        }
    };
}

flaws! {
    IgnoresTheEpoch,
    CommitsWithoutSettling,
    SettlesWithoutCommitting,
    CommitsThenSettles,
    SharesWhatIsHeld,
    ForgetsDelays,
    ForgetsCrashes,
    CountsEveryLossAsACrash,
    ClaimsSurvivorsTogether,
    BringsSurvivorsUnasked,
    StarvesSurvivors,
    IgnoresTurns,
    LetsOthersPassARetry,
    LetsOthersPassADeadLetter,
    FiresTimersOutOfTurn,
    IgnoresPriorities,
    ForgetsExpiry,
    CountsTheGraceFromTheSending,
    StumblesOverForeignRows,
    CountsReturnsAsAttempts,
    RenewsAnything,
    TruncatesBodies,
    ClaimsNewestFirst,
    OverwritesSagas,
    FiresTimersTwice,
    KeepsWhatItRedrives,
    AcknowledgesOnDelivery,
    DropsOnReconnect,
    MarksSentFirst,
    SkipsTheInbox,
    PrunesTheInboxEarly,
    ForgetsSubscriptions,
    AcceptsContradictions,
    ReplacesNothing,
    LosesWhatItRetires,
    ConfirmsByDeclaring,
    FiresSchedulesEarly,
    FiresSchedulesTwice,
    MakesUpForMissedTimes,
    KeepsTheFirstPeriod,
    KnowsOneSchedule,
    PrunesEarly,
    PrunesTheUnfinished,
    PrunesAtWill,
    CountsToTheEnd,
}

/// The memory engine with one flaw.
#[derive(Debug, Clone)]
struct Broken {
    memory: Memory,
    flaw: Flaw,
    claimed: Arc<Mutex<HashMap<i64, Delivery>>>,
}

impl Broken {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Settles these as if all were well.
    async fn forget(&self, deliveries: &[Delivery]) -> Result<(), Error> {
        let done = |delivery: &Delivery| {
            let (lease, outgoing) = (delivery.lease, Vec::new());
            Settlement { lease, outcome: Outcome::Done, outgoing }
        };
        self.memory.settle(&deliveries.iter().map(done).collect::<Vec<_>>()).await.map(drop)
    }

    /// The lease under which a row was last claimed, whoever claimed it.
    fn newest(&self, lease: Lease) -> Lease {
        self.claimed.lock().unwrap().get(&lease.id).map_or(lease, |delivery| delivery.lease)
    }
}

#[async_trait]
impl Transport for Broken {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let mut asked = *claim;
        asked.survivors |= self.has(Flaw::BringsSurvivorsUnasked);
        asked.survivors &= !self.has(Flaw::StarvesSurvivors);
        asked.turns = match asked.turns {
            _ if self.has(Flaw::IgnoresTurns) => Turns::Free,
            Turns::Ordered { .. } if self.has(Flaw::LetsOthersPassARetry) => Turns::OneAtATime,
            Turns::Ordered { .. } if self.has(Flaw::LetsOthersPassADeadLetter) => {
                Turns::Ordered { dead_letters_hold: false }
            }
            turns @ (Turns::Free | Turns::OneAtATime | Turns::Ordered { .. }) => turns,
        };
        let mut claimed = self.memory.claim(&asked).await?;
        let foreign = |one: &Delivery| serde_json::from_str::<serde_json::Value>(&one.body).is_err();
        if self.has(Flaw::StumblesOverForeignRows) && claimed.deliveries.iter().any(foreign) {
            return Err(Error::new(Code::ENGINE_FAILED, "a row is no message"));
        }
        let forgets = match Outbox::destination(claim.endpoint) {
            Some(_) => self.has(Flaw::MarksSentFirst),
            None => self.has(Flaw::AcknowledgesOnDelivery),
        };
        if forgets {
            self.forget(&claimed.deliveries).await?;
        }
        if self.has(Flaw::ClaimsSurvivorsTogether) && claimed.deliveries.iter().any(|one| one.is_survivor) {
            claimed.deliveries.extend(self.memory.claim(claim).await?.deliveries);
        }
        let mut before = self.claimed.lock().unwrap();
        if self.has(Flaw::SharesWhatIsHeld) && claimed.deliveries.is_empty() {
            claimed.deliveries.extend(before.values().take(claim.max).cloned());
        }
        if self.has(Flaw::ClaimsNewestFirst) {
            claimed.deliveries.reverse();
        }
        for delivery in &mut claimed.deliveries {
            if self.has(Flaw::ForgetsCrashes) {
                delivery.envelope.crashes = 0;
            }
            if self.has(Flaw::CountsEveryLossAsACrash) {
                delivery.envelope.crashes = delivery.lost_leases;
            }
            if self.has(Flaw::ForgetsExpiry) {
                delivery.is_expired = false;
            }
            if self.has(Flaw::CountsTheGraceFromTheSending) {
                delivery.unknown_for = Some(self.memory.clock().now().since(delivery.envelope.sent_at));
            }
            if self.has(Flaw::TruncatesBodies) {
                delivery.body = Arc::from(&delivery.body[..delivery.body.len().min(100)]);
            }
            before.insert(delivery.lease.id, delivery.clone());
        }
        Ok(claimed)
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        let mut batch = batch.to_vec();
        for settlement in &mut batch {
            if self.has(Flaw::IgnoresTheEpoch) {
                settlement.lease = self.newest(settlement.lease);
            }
            match &mut settlement.outcome {
                Outcome::Retry { delay, .. } if self.has(Flaw::ForgetsDelays) => *delay = Duration::ZERO,
                Outcome::Return { delay } if self.has(Flaw::CountsReturnsAsAttempts) => {
                    settlement.outcome = Outcome::Retry { delay: *delay, attempt: 1 };
                }
                Outcome::Return { delay } if self.has(Flaw::DropsOnReconnect) && delay.is_zero() => {
                    settlement.outcome = Outcome::Done;
                }
                Outcome::Done
                | Outcome::Retry { .. }
                | Outcome::Return { .. }
                | Outcome::Unknown { .. }
                | Outcome::DeadLetter { .. } => {}
            }
        }
        self.memory.settle(&batch).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        let lost = self.memory.renew(leases, length).await?;
        Ok(if self.has(Flaw::RenewsAnything) { Vec::new() } else { lost })
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        let mut batch = batch.to_vec();
        if self.has(Flaw::IgnoresPriorities) {
            batch.iter_mut().for_each(|one| one.envelope.priority = Priority::Normal);
        }
        self.memory.send(&batch).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let mut depths = self.memory.depth().await?;
        if self.has(Flaw::CountsToTheEnd) {
            let capped = depths.iter_mut().filter(|depth| depth.due == Depth::COUNT_MAX_ROWS);
            capped.for_each(|depth| depth.due += 1);
        }
        Ok(depths)
    }

    fn wakeups(&self) -> &Wakeups {
        self.memory.wakeups()
    }
}

#[async_trait]
impl Store for Broken {
    async fn begin(&self) -> Result<Box<dyn Transaction>, Error> {
        let inner = self.memory.begin().await?;
        Ok(Box::new(BrokenTransaction { inner, engine: self.clone() }))
    }

    async fn fire_timers(&self, max: usize) -> Result<Fired, Error> {
        let before = self.memory.fire_timers(max).await?;
        if self.has(Flaw::FiresTimersTwice) && before.fired > 0 {
            let again: Vec<_> = self.memory.claim(&Claim::new("saga", 1, Duration::ZERO)).await?.deliveries;
            for one in &again {
                let outcome = Outcome::Return { delay: Duration::ZERO };
                self.memory.settle(&[Settlement { lease: one.lease, outcome, outgoing: Vec::new() }]).await?;
            }
            let copies: Vec<_> =
                again.into_iter().map(|one| Outgoing::new(Arc::from("saga"), one.envelope, one.body)).collect();
            self.memory.send(&copies).await?;
        }
        Ok(before)
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        self.memory.dead_letters(filter).await
    }

    async fn count_dead_letters(&self, max: u64) -> Result<u64, Error> {
        let max = if self.has(Flaw::CountsToTheEnd) { u64::MAX } else { max };
        self.memory.count_dead_letters(max).await
    }

    async fn redrive(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        if !self.has(Flaw::KeepsWhatItRedrives) {
            return self.memory.redrive(filter).await;
        }
        let letters = self.memory.dead_letters(filter).await?;
        for letter in &letters {
            let outgoing =
                Outgoing::new(Arc::from(&*letter.endpoint), letter.envelope.clone(), Arc::clone(&letter.body));
            self.memory.send(&[outgoing]).await?;
        }
        Ok(letters.len() as u64)
    }

    async fn discard(&self, filter: &DeadLetterFilter) -> Result<u64, Error> {
        self.memory.discard(filter).await
    }

    async fn saga(&self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        Store::saga(&self.memory, id).await
    }

    async fn endings(&self, rounds: &[Round]) -> Result<Vec<Option<Ending>>, Error> {
        self.memory.endings(rounds).await
    }

    async fn prune_inbox(&self, ended_before: Duration, max: usize) -> Result<u64, Error> {
        let ended_before = if self.has(Flaw::PrunesTheInboxEarly) { Duration::ZERO } else { ended_before };
        self.memory.prune_inbox(ended_before, max).await
    }

    async fn declare(&self, declaration: &Declaration) -> Result<Declared, Error> {
        if self.has(Flaw::ForgetsSubscriptions) {
            return Ok(Declared::Accepted);
        }
        let mut declaration = declaration.clone();
        if self.has(Flaw::ReplacesNothing) {
            declaration.replacements.iter_mut().for_each(|one| one.new = Arc::clone(&one.old));
        }
        if self.has(Flaw::KeepsTheFirstPeriod) {
            let known = Store::schedules(&self.memory).await?;
            declaration.schedules.retain(|ours| known.iter().all(|stored| stored.schedule.name != ours.name));
        }
        let declared = Store::declare(&self.memory, &declaration).await?;
        Ok(if self.has(Flaw::AcceptsContradictions) { Declared::Accepted } else { declared })
    }

    async fn subscriptions(&self) -> Result<Vec<StoredSubscription>, Error> {
        Store::subscriptions(&self.memory).await
    }

    async fn confirm(&self, subscriptions: &[Subscription]) -> Result<(), Error> {
        if self.has(Flaw::ConfirmsByDeclaring) {
            let subscriptions = subscriptions.to_vec();
            let declaration = Declaration { subscriptions, ..Declaration::default() };
            return Store::declare(&self.memory, &declaration).await.map(drop);
        }
        Store::confirm(&self.memory, subscriptions).await
    }

    async fn retire(&self, endpoint: &str, message: &str, max: usize) -> Result<u64, Error> {
        let retired = Store::retire(&self.memory, endpoint, message, max).await?;
        if self.has(Flaw::LosesWhatItRetires) {
            self.memory.discard(&DeadLetterFilter::default()).await?;
        }
        Ok(retired)
    }

    async fn fire_schedule(&self, tenant: &Tenant, name: &str, outgoing: &[Outgoing]) -> Result<Ticked, Error> {
        if self.has(Flaw::KnowsOneSchedule) {
            let known = Store::schedules(&self.memory).await?;
            let Some(one) = known.first() else { return Ok(Ticked::default()) };
            return Store::fire_schedule(&self.memory, &one.schedule.tenant, &one.schedule.name, outgoing).await;
        }
        let mut ticked = Store::fire_schedule(&self.memory, tenant, name, outgoing).await?;
        if self.has(Flaw::FiresSchedulesEarly) && ticked.next_due.is_some() && !ticked.fired {
            self.memory.send(outgoing).await?;
            ticked.fired = true;
        }
        if self.has(Flaw::FiresSchedulesTwice) && ticked.next_due.is_some() {
            // As one who looks, then sends, then moves it on: whoever looks meanwhile finds it due too.
            ticked.fired = true;
        }
        if self.has(Flaw::MakesUpForMissedTimes) {
            for _ in 0..std::mem::take(&mut ticked.missed) {
                self.memory.send(outgoing).await?;
            }
        }
        Ok(ticked)
    }

    async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        Store::schedules(&self.memory).await
    }

    async fn prune(&self, retention: &Retention, max: usize) -> Result<u64, Error> {
        let mut retention = *retention;
        if self.has(Flaw::PrunesEarly) {
            retention.finished_sagas /= 2;
            retention.forsaken_schedules /= 2;
        }
        let max = if self.has(Flaw::PrunesAtWill) { usize::MAX } else { max };
        Store::prune(&self.memory, &retention, max).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.memory.ping().await
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.memory.clock()
    }
}

struct BrokenTransaction {
    inner: Box<dyn Transaction>,
    engine: Broken,
}

#[async_trait]
impl Transaction for BrokenTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        self.inner.saga(id).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        if self.engine.has(Flaw::PrunesTheUnfinished) {
            return self.inner.save_saga(&SagaRow { finished: true, ..row.clone() }).await;
        }
        let saved = self.inner.save_saga(row).await;
        if self.engine.has(Flaw::OverwritesSagas) { Ok(()) } else { saved }
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        let mut timer = timer.clone();
        timer.takes_turns &= !self.engine.has(Flaw::FiresTimersOutOfTurn);
        self.inner.arm(&timer).await
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.inner.disarm(id, name).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.inner.timer(id, name).await
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        match self.engine.has(Flaw::SkipsTheInbox) {
            true => Ok(vec![true; receipts.len()]),
            false => self.inner.note(receipts).await,
        }
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        self.inner.bury(burials).await
    }

    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        let Self { inner, engine } = *self;
        let done = |lease| [Settlement { lease, outcome: Outcome::Done, outgoing: Vec::new() }];
        if engine.has(Flaw::CommitsWithoutSettling) {
            inner.commit(outgoing).await?;
            return Ok(true);
        }
        if engine.has(Flaw::SettlesWithoutCommitting) {
            inner.rollback().await?;
            return Ok(engine.memory.settle(&done(lease)).await? == [true]);
        }
        if engine.has(Flaw::CommitsThenSettles) {
            inner.commit(outgoing).await?;
            return Ok(engine.memory.settle(&done(lease)).await? == [true]);
        }
        let lease = if engine.has(Flaw::IgnoresTheEpoch) { engine.newest(lease) } else { lease };
        inner.settle(lease, outgoing).await
    }

    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.inner.commit(outgoing).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.inner.rollback().await
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self.inner.as_any()
    }
}

/// The flaw's place in [`Flaw::ALL`] makes the type, as a subject is started by its type alone.
struct OnBroken<const FLAW: usize>(Broken);

#[async_trait]
impl<const FLAW: usize> Subject for OnBroken<FLAW> {
    type Engine = Broken;

    async fn start(clock: ManualClock) -> Self {
        let flaw = Flaw::ALL[FLAW];
        Self(Broken { memory: Memory::with_clock(clock), flaw, claimed: Arc::default() })
    }

    fn engine(&self) -> Broken {
        self.0.clone()
    }

    async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
        plant(&self.0.memory, endpoint, name, body).await
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        tx.memory().await?.put(key, value);
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        self.0.memory.get(key).await
    }
}

/// The same as a transport beside a store.
struct ByBroken<const FLAW: usize>(Broken);

#[async_trait]
impl<const FLAW: usize> Carrier for ByBroken<FLAW> {
    type Transport = Broken;

    async fn start(clock: ManualClock) -> Self {
        Self(OnBroken::<FLAW>::start(clock).await.0)
    }

    fn transport(&self) -> Broken {
        self.0.clone()
    }
}

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
    an_engine_whose_transactions_ignore_the_epoch: IgnoresTheEpoch by atomicity::a_stale_epoch_commits_nothing;
    an_engine_that_never_settles: CommitsWithoutSettling by atomicity::writes_sends_and_settlement_are_one_commit;
    an_engine_that_acknowledges_first: SettlesWithoutCommitting by atomicity::writes_sends_and_settlement_are_one_commit;
    an_engine_that_commits_first: CommitsThenSettles by atomicity::a_stale_epoch_commits_nothing;
    an_engine_that_shares_what_is_held: SharesWhatIsHeld by leases::what_is_held_is_nobody_elses_until_the_lease_ends;
    an_engine_that_forgets_delays: ForgetsDelays by retry::a_retry_waits_its_delay_to_the_microsecond;
    an_engine_that_forgets_crashes: ForgetsCrashes by retry::attempts_and_crashes_are_counted_apart;
    an_engine_that_blames_neighbours: CountsEveryLossAsACrash by survivors::only_a_loss_while_alone_is_a_crash;
    an_engine_that_lets_poison_spread: CountsEveryLossAsACrash by survivors::a_poison_message_takes_no_neighbour_with_it;
    an_engine_that_claims_survivors_together: ClaimsSurvivorsTogether by survivors::a_survivor_comes_alone;
    an_engine_that_brings_survivors_unasked: BringsSurvivorsUnasked by survivors::a_page_that_none_may_take_hides_nothing_behind_it;
    an_engine_that_starves_survivors: StarvesSurvivors by survivors::survivors_and_fresh_ones_do_not_starve_each_other;
    an_engine_that_ignores_turns: IgnoresTurns by turns::no_two_of_a_key_are_held_at_once;
    an_engine_that_reorders_a_key: IgnoresTurns by turns::many_workers_keep_the_order_of_every_key;
    an_engine_whose_survivors_let_pass: IgnoresTurns by turns::a_crash_keeps_the_order_of_its_key;
    an_engine_whose_retries_let_pass: LetsOthersPassARetry by turns::an_ordered_key_waits_for_its_first_and_others_do_not;
    an_engine_whose_dead_letters_let_pass: LetsOthersPassADeadLetter by turns::a_dead_letter_holds_its_key_where_asked_for;
    an_engine_that_redrives_out_of_turn: KeepsWhatItRedrives by turns::a_dead_letter_lets_pass_and_comes_first_again;
    an_engine_that_fires_timers_out_of_turn: FiresTimersOutOfTurn by turns::a_firing_takes_its_turn;
    an_engine_that_ignores_priorities: IgnoresPriorities by urgency::a_higher_priority_is_claimed_first;
    an_engine_that_forgets_expiry: ForgetsExpiry by urgency::what_has_expired_says_so_and_a_redrive_forgives_it;
    an_engine_that_counts_the_grace_from_the_sending: CountsTheGraceFromTheSending by urgency::what_is_unknown_is_so_from_when_that_was_first_said;
    an_engine_that_stumbles_over_foreign_rows: StumblesOverForeignRows by foreign::a_foreign_row_is_handled_or_dead_lettered_and_holds_up_nobody;
    an_engine_that_counts_returns: CountsReturnsAsAttempts by retry::a_return_costs_no_attempt_and_no_crash;
    an_engine_that_renews_anything: RenewsAnything by leases::a_renewal_reports_what_is_no_longer_ours;
    an_engine_that_truncates_bodies: TruncatesBodies by delivery::what_was_sent_arrives_byte_for_byte;
    an_engine_that_claims_newest_first: ClaimsNewestFirst by delivery::claims_take_the_oldest_first_and_no_more_than_asked;
    an_engine_that_overwrites_sagas: OverwritesSagas by sagas::a_save_must_follow_the_revision_before;
    an_engine_that_fires_timers_twice: FiresTimersTwice by timers::a_timer_fires_once_and_not_a_microsecond_early;
    an_engine_that_keeps_what_it_redrives: KeepsWhatItRedrives by dead_letters::a_redrive_moves_each_letter_once;
    an_engine_that_forgets_subscriptions: ForgetsSubscriptions by subscriptions::what_was_declared_is_known_to_all_and_since_when;
    an_engine_that_keeps_nothing_for_later_consumers: ForgetsSubscriptions by subscriptions::an_event_is_kept_for_a_consumer_that_has_never_run;
    an_engine_whose_news_reach_nobody: ForgetsSubscriptions by subscriptions::an_older_process_soon_sends_to_a_consumer_it_did_not_know;
    an_engine_that_accepts_contradictions: AcceptsContradictions by subscriptions::a_contradiction_is_refused_and_changes_nothing;
    an_engine_that_gives_a_command_to_many: AcceptsContradictions by subscriptions::of_many_that_claim_a_command_at_once_one_gets_it;
    an_engine_that_replaces_nothing: ReplacesNothing by subscriptions::an_endpoint_may_take_anothers_place;
    an_engine_that_loses_what_it_retires: LosesWhatItRetires by subscriptions::what_waits_for_a_retired_subscription_is_not_lost;
    an_engine_that_fires_schedules_early: FiresSchedulesEarly by schedules::a_schedule_fires_at_each_multiple_of_its_period_and_not_a_microsecond_early;
    an_engine_that_fires_schedules_twice: FiresSchedulesTwice by schedules::of_many_who_fire_at_once_one_sends;
    an_engine_that_sends_each_due_time_twice: FiresSchedulesEarly by schedules::w06_two_workers_send_each_due_time_once;
    an_engine_that_makes_up_for_missed_times: MakesUpForMissedTimes by schedules::what_was_missed_is_counted_and_fired_once;
    an_engine_that_keeps_the_first_period: KeepsTheFirstPeriod by schedules::a_changed_period_takes_effect_when_it_is_declared;
    an_engine_that_knows_one_schedule: KnowsOneSchedule by schedules::schedules_are_told_apart_by_name;
    an_engine_that_forgets_schedules_early: PrunesEarly by schedules::a_forsaken_schedule_is_forgotten_in_the_end;
    an_engine_that_counts_every_delivery: CountsToTheEnd by delivery::w19_depth_is_counted_only_so_far;
    an_engine_that_counts_every_dead_letter: CountsToTheEnd by dead_letters::dead_letters_are_counted_no_further_than_asked;
    an_engine_that_prunes_early: PrunesEarly by pruning::a_finished_saga_goes_after_its_retention_and_not_before;
    an_engine_that_prunes_the_unfinished: PrunesTheUnfinished by pruning::a_finished_saga_goes_after_its_retention_and_not_before;
    an_engine_that_prunes_at_will: PrunesAtWill by pruning::no_more_goes_at_once_than_asked;
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
    a_store_that_prunes_the_inbox_early: PrunesTheInboxEarly by horizon::a_copy_is_known_for_as_long_as_it_may_come;
}
