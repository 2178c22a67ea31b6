//! P7: where it is asked for, the deliveries of one key come one at a time, and in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Stage, Subject, stage::LEASE};
use crate::{
    Code, DeadLetterFilter, Delivery, Key, Outgoing, SagaId, Tenant,
    ports::{Claim, Outcome, Settlement, Store, TimerArm, Transport, Turns},
};

const ORDERED: Turns = Turns::Ordered { dead_letters_hold: false };
const HOLDING: Turns = Turns::Ordered { dead_letters_hold: true };
const SECOND: Duration = Duration::from_secs(1);

impl<S: Subject> Stage<S> {
    /// Messages that take turns: `a1` and `a2` are of one key, `b1` of another.
    async fn send_in_turn(&self, names: &[&str]) {
        self.send_all(&names.iter().map(|name| self.in_turn("inbox", &name[..1], name)).collect::<Vec<_>>()).await;
    }

    fn in_turn(&self, endpoint: &str, key: &str, name: &str) -> Outgoing {
        let mut message = self.message(endpoint, name);
        message.envelope.key = Key::new("turn", key);
        message.in_turn()
    }

    async fn take(&self, turns: Turns, max: usize) -> Vec<Delivery> {
        let claim = Claim::new("inbox", max, LEASE).turns(turns);
        self.engine().claim(&claim).await.unwrap().deliveries
    }

    /// Claims all that may go now.
    async fn take_all(&self, turns: Turns) -> Taken {
        let deliveries = self.take(turns, 100).await;
        Taken(deliveries.into_iter().map(|one| (one.envelope.name.to_string(), one)).collect())
    }

    async fn end(&self, taken: &Taken, name: &str, outcome: Outcome) {
        assert!(self.settle(taken.0[name].lease, outcome).await, "{name} was ours");
    }
}

/// What was claimed, by name.
struct Taken(BTreeMap<String, Delivery>);

impl Taken {
    #[track_caller]
    fn assert(&self, expected: &[&str]) {
        assert_eq!(self.0.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}

fn retry(delay: Duration) -> Outcome {
    Outcome::Retry { delay, attempt: 1 }
}

fn dead() -> Outcome {
    Outcome::DeadLetter { code: Code::PERMANENT, reason: "no".to_owned(), attempt: 1 }
}

pub async fn no_two_of_a_key_are_held_at_once<S: Subject>(stage: &mut Stage<S>) {
    many_workers(stage, Turns::OneAtATime).await;
}

pub async fn many_workers_keep_the_order_of_every_key<S: Subject>(stage: &mut Stage<S>) {
    for (key, order) in many_workers(stage, ORDERED).await {
        assert!(order.is_sorted(), "key {key} was handled in the order {order:?}");
    }
}

/// Lets workers race for the deliveries of many keys. In which order those of each were handled.
async fn many_workers<S: Subject>(stage: &Stage<S>, turns: Turns) -> BTreeMap<String, Vec<usize>> {
    const KEYS: usize = 12;
    const MESSAGES: usize = 96;
    let batch: Vec<_> =
        (0..MESSAGES).map(|n| stage.in_turn("inbox", &(n % KEYS).to_string(), &n.to_string())).collect();
    stage.send_all(&batch).await;
    let held = Arc::new(Mutex::new(BTreeSet::new()));
    let handled = Arc::new(Mutex::new(BTreeMap::<String, Vec<usize>>::new()));

    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (engine, held, handled) = (stage.engine(), Arc::clone(&held), Arc::clone(&handled));
            tokio::spawn(async move {
                while handled.lock().unwrap().values().map(Vec::len).sum::<usize>() < MESSAGES {
                    let claim = Claim::new("inbox", 5, LEASE).turns(turns);
                    let claimed = engine.claim(&claim).await.unwrap().deliveries;
                    for delivery in &claimed {
                        let key = delivery.envelope.key.to_string();
                        assert!(held.lock().unwrap().insert(key.clone()), "two of {key} at once");
                    }
                    for delivery in claimed {
                        tokio::task::yield_now().await;
                        let key = delivery.envelope.key.to_string();
                        let n = delivery.envelope.name.parse().unwrap();
                        handled.lock().unwrap().entry(key.clone()).or_default().push(n);
                        held.lock().unwrap().remove(&key);
                        let (lease, outcome) = (delivery.lease, Outcome::Done);
                        let settled = engine.settle(&[Settlement::new(lease, outcome)]).await;
                        assert_eq!(settled.unwrap(), [true]);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    Arc::into_inner(handled).unwrap().into_inner().unwrap()
}

pub async fn what_waits_for_a_retry_lets_others_pass_unless_ordered<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2", "b1"]).await;
    let taken = stage.take_all(Turns::OneAtATime).await;
    taken.assert(&["a1", "b1"]);
    stage.end(&taken, "a1", retry(SECOND)).await;

    let taken = stage.take_all(Turns::OneAtATime).await;
    taken.assert(&["a2"]);
    stage.wind(SECOND).await;
    stage.take_all(Turns::OneAtATime).await.assert(&[]);
    stage.end(&taken, "a2", Outcome::Done).await;
    stage.take_all(Turns::OneAtATime).await.assert(&["a1"]);
}

pub async fn an_ordered_key_waits_for_its_first_and_others_do_not<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2", "b1", "b2"]).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1", "b1"]);
    stage.take_all(ORDERED).await.assert(&[]);

    stage.end(&taken, "a1", retry(SECOND)).await;
    stage.end(&taken, "b1", Outcome::Done).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["b2"]);
    stage.end(&taken, "b2", Outcome::Return { delay: SECOND * 2 }).await;
    stage.send_in_turn(&["b3", "c1"]).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["c1"]);
    stage.end(&taken, "c1", Outcome::Unknown { delay: SECOND }).await;
    stage.send_in_turn(&["c2"]).await;

    stage.wind(SECOND).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1", "c1"]);
    stage.end(&taken, "a1", Outcome::Return { delay: Duration::ZERO }).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1"]);
    stage.end(&taken, "a1", Outcome::Done).await;
    stage.wind(SECOND).await;
    stage.take_all(ORDERED).await.assert(&["a2", "b2"]);
}

pub async fn a_crash_keeps_the_order_of_its_key<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2", "b1"]).await;
    for turns in [Turns::OneAtATime, ORDERED] {
        stage.take_all(turns).await.assert(&["a1", "b1"]);
        stage.wind(LEASE).await;
        stage.send_in_turn(&["c1"]).await;

        let fresh = Claim::new("inbox", 10, LEASE).turns(turns).without_survivors();
        let fresh = stage.engine().claim(&fresh).await.unwrap().deliveries;
        assert_eq!(fresh.iter().map(|one| &*one.envelope.name).collect::<Vec<_>>(), ["c1"], "a survivor holds its key");
        assert!(stage.settle(fresh[0].lease, Outcome::Done).await);

        let mut survivors = BTreeSet::new();
        for _ in 0..2 {
            let survivor = stage.take(turns, 10).await;
            assert!(survivor.len() == 1 && survivor[0].is_survivor, "{survivor:?}");
            survivors.insert(survivor[0].envelope.name.to_string());
            assert!(stage.settle(survivor[0].lease, Outcome::Return { delay: Duration::ZERO }).await);
        }
        assert_eq!(survivors, BTreeSet::from(["a1", "b1"].map(str::to_owned)));
        // As due as a2 now, so that neither is older.
        let taken = stage.take_all(ORDERED).await;
        taken.assert(&["a1", "b1"]);
        stage.end(&taken, "a1", Outcome::Return { delay: Duration::ZERO }).await;
        stage.end(&taken, "b1", Outcome::Return { delay: Duration::ZERO }).await;
        if turns == Turns::OneAtATime {
            // Which of the two is next is not promised here; the rest of the case needs to know.
            let taken = stage.take_all(ORDERED).await;
            stage.end(&taken, "a1", Outcome::Done).await;
            stage.end(&taken, "b1", Outcome::Done).await;
            let taken = stage.take_all(ORDERED).await;
            taken.assert(&["a2"]);
            stage.end(&taken, "a2", Outcome::Done).await;
            stage.send_in_turn(&["a1", "a2", "b1"]).await;
        }
    }
}

pub async fn a_dead_letter_lets_pass_and_comes_first_again<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2", "a3"]).await;
    let taken = stage.take_all(ORDERED).await;
    stage.end(&taken, "a1", dead()).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a2"]);

    assert_eq!(stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap(), 1);
    stage.take_all(ORDERED).await.assert(&[]);
    stage.end(&taken, "a2", Outcome::Done).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1"]);
    stage.end(&taken, "a1", Outcome::Done).await;
    stage.take_all(ORDERED).await.assert(&["a3"]);
}

pub async fn a_dead_letter_holds_its_key_where_asked_for<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2", "b1", "b2"]).await;
    let taken = stage.take_all(HOLDING).await;
    taken.assert(&["a1", "b1"]);
    stage.end(&taken, "a1", dead()).await;
    stage.end(&taken, "b1", dead()).await;
    stage.send_in_turn(&["c1"]).await;
    stage.take_all(HOLDING).await.assert(&["c1"]);

    let letters = stage.dead_letters().await;
    let of = |name: &str| {
        let id = letters.iter().find(|letter| &*letter.envelope.name == name).map(|letter| letter.id);
        DeadLetterFilter { id, ..DeadLetterFilter::default() }
    };
    assert_eq!(stage.engine().discard(&of("b1")).await.unwrap(), 1);
    stage.take_all(HOLDING).await.assert(&["b2"]);
    assert_eq!(stage.engine().redrive(&of("a1")).await.unwrap(), 1);
    let taken = stage.take_all(HOLDING).await;
    taken.assert(&["a1"]);
    stage.end(&taken, "a1", dead()).await;
    stage.take_all(HOLDING).await.assert(&[]);
    assert_eq!(stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap(), 1);
    let taken = stage.take_all(HOLDING).await;
    taken.assert(&["a1"]);
    stage.end(&taken, "a1", Outcome::Done).await;
    stage.take_all(HOLDING).await.assert(&["a2"]);
}

pub async fn a_dead_letter_that_had_expired_holds_nobody<S: Subject>(stage: &mut Stage<S>) {
    stage.send_in_turn(&["a1", "a2"]).await;
    let taken = stage.take_all(HOLDING).await;
    taken.assert(&["a1"]);
    let expired = Outcome::DeadLetter { code: Code::EXPIRED, reason: "it came too late".to_owned(), attempt: 0 };
    stage.end(&taken, "a1", expired).await;
    stage.take_all(HOLDING).await.assert(&["a2"]);
}

pub async fn w10_a_key_with_many_waiting_hides_no_other<S: Subject>(stage: &mut Stage<S>) {
    for turns in [Turns::OneAtATime, ORDERED] {
        let crowd: Vec<_> = (0..200).map(|n| stage.in_turn("inbox", "crowd", &format!("crowd {n}"))).collect();
        stage.send_all(&crowd).await;
        stage.wind(SECOND).await;
        stage.send_in_turn(&["a1", "a2", "b1", "x1", "z1"]).await;

        let mut names = BTreeSet::new();
        for _ in 0..3 {
            let taken = stage.take(turns, 2).await;
            names.extend(taken.iter().map(|one| one.envelope.name.to_string()));
        }
        assert_eq!(names, BTreeSet::from(["a1", "b1", "crowd 0", "x1", "z1"].map(str::to_owned)));
        assert!(stage.take(turns, 2).await.is_empty());
        stage.empty().await;
    }
}

impl<S: Subject> Stage<S> {
    /// Ends everything that waits or is held.
    async fn empty(&self) {
        self.wind(LEASE).await;
        loop {
            let left = self.claim("inbox", 1_000).await;
            if left.is_empty() {
                return;
            }
            for delivery in left {
                assert!(self.settle(delivery.lease, Outcome::Done).await);
            }
        }
    }
}

pub async fn turns_are_of_one_tenant_key_and_endpoint<S: Subject>(stage: &mut Stage<S>) {
    let mut theirs = stage.message("inbox", "of another tenant");
    (theirs.envelope.key, theirs.envelope.tenant) = (Key::new("turn", "a"), Tenant::new("acme"));
    let no_turns = ["taking none", "taking none too"].map(|name| {
        let mut message = stage.message("inbox", name);
        message.envelope.key = Key::new("turn", "a");
        message
    });
    let elsewhere = stage.in_turn("elsewhere", "a", "a1");
    stage.send_in_turn(&["a1", "a2"]).await;
    stage.send_all(&[theirs.in_turn(), elsewhere.clone(), elsewhere]).await;
    stage.send_all(&no_turns).await;

    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1", "of another tenant", "taking none", "taking none too"]);
    assert_eq!(stage.claim("elsewhere", 10).await.len(), 2, "there they take none");
}

pub async fn a_message_takes_its_place_when_it_falls_due<S: Subject>(stage: &mut Stage<S>) {
    let later = stage.in_turn("inbox", "a", "a later").after(SECOND);
    stage.send_all(&[later]).await;
    stage.send_in_turn(&["a1"]).await;
    let taken = stage.take_all(ORDERED).await;
    taken.assert(&["a1"]);
    stage.wind(SECOND * 2).await;
    stage.send_in_turn(&["a2"]).await;
    stage.end(&taken, "a1", Outcome::Done).await;
    stage.take_all(ORDERED).await.assert(&["a later"]);
}

pub async fn a_firing_takes_its_turn<S: Subject>(stage: &mut Stage<S>) {
    let arm = TimerArm {
        saga: SagaId { tenant: Tenant::default(), saga: Arc::from("case"), key: Key::new("turn", "a") },
        name: "timeout".to_owned(),
        generation: 1,
        delay: Duration::ZERO,
        endpoint: Arc::from("inbox"),
        takes_turns: true,
        trail: super::stage::trail(),
    };
    stage.send_in_turn(&["a1"]).await;
    let taken = stage.take_all(ORDERED).await;
    let mut transaction = stage.engine().begin().await.unwrap();
    transaction.arm(&arm).await.unwrap();
    transaction.commit(&[]).await.unwrap();
    assert_eq!(stage.engine().fire_timers(10).await.unwrap().fired, 1);

    stage.take_all(ORDERED).await.assert(&[]);
    stage.end(&taken, "a1", Outcome::Done).await;
    stage.take_all(ORDERED).await.assert(&["wharf.timer-fired"]);
}
