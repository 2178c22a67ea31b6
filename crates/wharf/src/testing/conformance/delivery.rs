//! Carrying: what was sent arrives, at its endpoint, in its time, once, as it was.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{Stage, Subject, stage::LEASE, stage::MICROSECOND};
use crate::{
    Depth, Key, Tenant,
    ports::{Claim, Outcome, Settlement, Store, Transport},
};

pub async fn what_was_sent_arrives_byte_for_byte<S: Subject>(stage: &mut Stage<S>) {
    let strange = "Zoë’s 🛒 said: \"it's 100%; DROP TABLE\\ \t\n$1 {}\u{202e}\"";
    let body = serde_json::json!({ "text": strange, "large": "x".repeat(200_000) }).to_string();
    let mut sent = stage.message("inbox", "strange.things");
    sent.body = Arc::from(body);
    sent.envelope.key = Key::new("o'key", strange);
    sent.envelope.tenant = Tenant::new("tenant \"ü\"");
    sent.envelope.version = 7;
    sent.envelope.trail.headers.insert(strange.to_owned(), strange.to_owned());
    stage.send_all(std::slice::from_ref(&sent)).await;

    let arrived = stage.claim_one("inbox").await;

    assert_eq!(arrived.body, sent.body);
    assert_eq!(arrived.envelope, sent.envelope);
}

pub async fn claims_take_the_oldest_first_and_no_more_than_asked<S: Subject>(stage: &mut Stage<S>) {
    let late = stage.message("inbox", "late").after(Duration::from_millis(2));
    stage.send_all(&[late, stage.message("inbox", "first"), stage.message("inbox", "second")]).await;
    stage.wind(Duration::from_millis(1)).await;
    stage.send("inbox", "third").await;
    stage.wind(Duration::from_millis(1)).await;
    stage.send("inbox", "last").await;

    let names = async |max| {
        let claimed = stage.claim("inbox", max).await;
        claimed.iter().map(|delivery| delivery.envelope.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(3).await, ["first", "second", "third"]);
    assert_eq!(names(3).await, ["late", "last"]);
    assert_eq!(names(3).await, [""; 0]);
}

pub async fn an_endpoint_claims_only_its_own<S: Subject>(stage: &mut Stage<S>) {
    stage.send("ours", "hello").await;

    stage.assert_idle("theirs").await;
    stage.assert_idle("our").await;
    stage.claim_one("ours").await;
}

pub async fn an_event_reaches_each_of_its_subscribers_once<S: Subject>(stage: &mut Stage<S>) {
    let event = stage.message("billing", "order.placed");
    let copies = ["billing", "shipping", "mail"].map(|endpoint| {
        let mut copy = event.clone();
        copy.endpoint = Arc::from(endpoint);
        copy
    });
    stage.send_all(&copies).await;

    for endpoint in ["billing", "shipping", "mail"] {
        let delivery = stage.claim_one(endpoint).await;
        assert_eq!(delivery.envelope.id, event.envelope.id);
        assert!(stage.settle(delivery.lease, Outcome::Done).await);
    }

    stage.wind(LEASE * 2).await;
    for endpoint in ["billing", "shipping", "mail"] {
        stage.assert_idle(endpoint).await;
    }
}

pub async fn a_delayed_message_comes_not_a_microsecond_early<S: Subject>(stage: &mut Stage<S>) {
    let delay = Duration::from_micros(86_400_000_007);
    stage.send_all(&[stage.message("inbox", "tomorrow").after(delay)]).await;

    stage.wind(delay - MICROSECOND).await;
    stage.assert_idle("inbox").await;
    stage.wind(MICROSECOND).await;
    stage.claim_one("inbox").await;
}

pub async fn a_claim_says_when_the_next_delivery_will_be_due<S: Subject>(stage: &mut Stage<S>) {
    let engine = stage.engine();
    let next_due = async || engine.claim(&Claim::new("inbox", 10, LEASE)).await.unwrap().next_due;
    assert_eq!(next_due().await, None, "nothing waits");

    let (soon, later) = (stage.now() + Duration::from_secs(3), stage.now() + Duration::from_secs(60));
    stage.send_all(&[stage.message("inbox", "later").after(Duration::from_secs(60))]).await;
    stage.send_all(&[stage.message("inbox", "soon").after(Duration::from_secs(3))]).await;
    stage.send_all(&[stage.message("other", "sooner").after(Duration::from_secs(1))]).await;
    stage.send("inbox", "now").await;

    assert_eq!(next_due().await, Some(soon), "one was due, and the claim asked for more");
    stage.wind(Duration::from_secs(3)).await;
    let claimed = engine.claim(&Claim::new("inbox", 10, LEASE * 10)).await.unwrap();
    assert_eq!(claimed.deliveries.len(), 1);
    let lease_of_now_ends = soon - Duration::from_secs(3) + LEASE;
    assert!(
        [Some(later), Some(lease_of_now_ends)].contains(&claimed.next_due),
        "what is held may count until its lease ends, but not before: {:?}",
        claimed.next_due
    );
}

pub async fn concurrent_claims_never_share_a_delivery<S: Subject>(stage: &mut Stage<S>) {
    const MESSAGES: usize = 60;
    let batch: Vec<_> = (0..MESSAGES).map(|n| stage.message("inbox", &format!("n{n}"))).collect();
    stage.send_all(&batch).await;

    let claimers: Vec<_> = (0..6)
        .map(|_| {
            let engine = stage.engine();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = engine.claim(&Claim::new("inbox", 7, LEASE)).await.unwrap().deliveries;
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed);
                }
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    // A claimer may have come away empty while another held its rows locked.
    claimed.extend(stage.claim("inbox", MESSAGES).await);

    let distinct: BTreeSet<_> = claimed.iter().map(|delivery| delivery.lease.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (MESSAGES, MESSAGES));
}

pub async fn depth_tells_due_delayed_and_held_apart<S: Subject>(stage: &mut Stage<S>) {
    stage.send("busy", "held").await;
    stage.claim_one("busy").await;
    stage.send_all(&[stage.message("busy", "due"), stage.message("busy", "due too")]).await;
    stage.send_all(&[stage.message("busy", "delayed").after(Duration::from_secs(60))]).await;
    stage.send_all(&[stage.message("sleepy", "delayed").after(Duration::from_secs(60))]).await;
    stage.wind(Duration::from_secs(5)).await;

    let mut depths = stage.engine().depth().await.unwrap();

    depths.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
    let oldest = Some(Duration::from_secs(5));
    let expected = [
        Depth { endpoint: "busy".to_owned(), due: 2, delayed: 1, held: 1, oldest },
        Depth { endpoint: "sleepy".to_owned(), due: 0, delayed: 1, held: 0, oldest: None },
    ];
    assert_eq!(depths, expected);
}

pub async fn w19_depth_is_counted_only_so_far<S: Subject>(stage: &mut Stage<S>) {
    const MORE: u64 = Depth::COUNT_MAX_ROWS + 1;
    let due: Vec<_> = (0..MORE).map(|_| stage.message("many", "due")).collect();
    stage.send_all(&due).await;
    let delayed: Vec<_> = (0..3).map(|_| stage.message("many", "delayed").after(Duration::from_secs(60))).collect();
    stage.send_all(&delayed).await;
    stage.send("one", "due").await;
    stage.wind(Duration::from_secs(5)).await;

    let oldest = Some(Duration::from_secs(5));
    let many = Depth { endpoint: "many".to_owned(), due: Depth::COUNT_MAX_ROWS, delayed: 3, held: 0, oldest };
    let one = Depth { endpoint: "one".to_owned(), due: 1, delayed: 0, held: 0, oldest };
    assert_eq!(stage.engine().depth().await.unwrap(), [many, one]);
}

pub async fn the_bell_rings_for_what_was_sent<S: Subject>(stage: &mut Stage<S>) {
    let engine = stage.engine();
    let (inbox, outbox) = (engine.wakeups().bell("inbox"), engine.wakeups().bell("outbox"));
    let listening = tokio::spawn({
        let engine = engine.clone();
        async move { engine.listen().await }
    });

    stage.send("inbox", "hello").await;
    inbox.notified().await;

    let delivery = stage.claim_one("inbox").await;
    let reply = stage.message("outbox", "reply");
    let settlement = Settlement::new(delivery.lease, Outcome::Done).sending(vec![reply]);
    assert_eq!(engine.settle(&[settlement]).await.unwrap(), [true]);
    outbox.notified().await;

    let transaction = stage.open(&[("k", "v")]).await;
    transaction.commit(&[stage.message("inbox", "again")]).await.unwrap();
    inbox.notified().await;
    listening.abort();
}

/// So that nobody looks in vain for what is due in an hour.
pub async fn the_bell_tells_how_long_until_what_was_sent_is_due<S: Subject>(stage: &mut Stage<S>) {
    const HOUR: Duration = Duration::from_secs(3600);
    let engine = stage.engine();
    let bell = engine.wakeups().bell("inbox");
    let later = || stage.message("inbox", "later").after(HOUR);

    stage.send_all(&[later()]).await;
    let due_in = bell.notified().await;
    assert!(due_in > HOUR / 2 && due_in <= HOUR, "{due_in:?}");

    stage.open(&[("k", "v")]).await.commit(&[later(), stage.message("inbox", "now"), later()]).await.unwrap();
    assert_eq!(bell.notified().await, Duration::ZERO);
}

pub async fn nothing_is_lost_when_the_process_dies<S: Subject>(stage: &mut Stage<S>) {
    stage.send("inbox", "under way").await;
    let under_way = stage.claim_one("inbox").await;
    stage.send("inbox", "waiting").await;
    drop(stage.open(&[("half", "written")]).await);

    if !stage.reopen().await {
        return;
    }

    stage.wind(LEASE).await;
    let mut claimed = stage.claim("inbox", 10).await;
    claimed.extend(stage.claim("inbox", 10).await);
    let told: BTreeSet<_> = claimed.iter().map(|delivery| (&*delivery.envelope.name, delivery.lost_leases)).collect();
    assert_eq!(told, BTreeSet::from([("under way", 1), ("waiting", 0)]));
    assert!(!stage.settle(under_way.lease, Outcome::Done).await, "the epoch of the dead is over");
    for delivery in claimed {
        assert!(stage.settle(delivery.lease, Outcome::Done).await);
    }
    assert_eq!(stage.read("half").await, None);
    stage.engine().ping().await.unwrap();
}
