//! What the broker does not know and the process keeps: leases that end, epochs, and turns of one key.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use uuid::Uuid;
use wharf::{
    Envelope, Key, Kind, Outgoing, Priority, Tenant, Timestamp, Trail,
    ports::{Claim, Delivery, Outcome, Settlement, Transport, Turns},
    testing::ManualClock,
};

use crate::broker;

const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn message(key: &str) -> Outgoing {
    let envelope = Envelope {
        id: Uuid::now_v7(),
        name: Arc::from("test.told"),
        version: 1,
        kind: Kind::Event,
        key: Key::new("about", key),
        tenant: Tenant::default(),
        sent_at: Timestamp::from_micros(0),
        attempt: 0,
        crashes: 0,
        redrives: 0,
        priority: Priority::Normal,
        expires_at: None,
        trail: Trail::begin(Arc::from("a test")),
    };
    Outgoing::new(Arc::from("hear"), envelope, Arc::from("{}"))
}

fn done(delivery: &Delivery) -> Settlement {
    Settlement::new(delivery.lease, Outcome::Done)
}

#[tokio::test]
async fn who_lost_its_lease_settles_nothing_and_the_next_has_a_survivor_alone() {
    let clock = ManualClock::new();
    let transport = broker::connect(clock.clone()).await;
    transport.send(&[message("a"), message("b")]).await.unwrap();
    let claim = Claim::new("hear", 10, LEASE);
    let first = transport.claim(&claim).await.unwrap().deliveries;
    assert_eq!(first.len(), 2);
    assert_eq!(transport.renew(&[first[0].lease], LEASE * 3).await.unwrap(), []);

    clock.wind(LEASE * 2);
    let second = transport.claim(&claim).await.unwrap().deliveries;
    let [survivor] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!(survivor.envelope.key, first[1].envelope.key, "the other was renewed");
    assert!(survivor.is_survivor && survivor.lost_leases == 1);
    assert_eq!(transport.renew(&[first[1].lease], LEASE).await.unwrap(), [first[1].lease]);
    assert_eq!(
        transport.settle(&[done(&first[1]), done(survivor), done(&first[0])]).await.unwrap(),
        [false, true, true]
    );
    assert_eq!(transport.depth().await.unwrap(), []);
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn those_of_one_key_take_turns_within_a_process() {
    let transport = broker::connect(ManualClock::new()).await;
    transport.send(&[message("a"), message("a"), message("b")]).await.unwrap();
    let claim = Claim::new("hear", 10, LEASE).turns(Turns::OneAtATime);
    let keys = |deliveries: &[Delivery]| -> Vec<String> {
        deliveries.iter().map(|delivery| delivery.envelope.key.as_str().to_owned()).collect()
    };
    let first = transport.claim(&claim).await.unwrap().deliveries;
    assert_eq!(keys(&first), ["about:a", "about:b"]);
    assert_eq!(keys(&transport.claim(&claim).await.unwrap().deliveries), [""; 0]);
    transport.settle(&[done(&first[0])]).await.unwrap();
    let second = transport.claim(&claim).await.unwrap().deliveries;
    assert_eq!(keys(&second), ["about:a"]);
    assert_eq!(transport.settle(&[done(&first[1]), done(&second[0])]).await.unwrap(), [true, true]);
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn what_is_acknowledged_out_of_order_and_by_several_at_once_is_acknowledged_and_nothing_else() {
    const MESSAGES: usize = 60;

    let prefix = broker::prefix();
    let transport = broker::options(&prefix).connect().await.unwrap();
    let keys: Vec<String> = (0..MESSAGES).map(|number| format!("{number:02}")).collect();
    transport.send(&keys.iter().map(|key| message(key)).collect::<Vec<_>>()).await.unwrap();
    let held = transport.claim(&Claim::new("hear", MESSAGES, LEASE)).await.unwrap().deliveries;
    assert_eq!(held.len(), MESSAGES);

    // The first alone, then many at once: some of them next to what is outstanding, some with gaps between.
    assert_eq!(transport.settle(&[done(&held[0])]).await.unwrap(), [true]);
    let batch = |places: &[usize]| places.iter().map(|place| done(&held[*place])).collect::<Vec<_>>();
    let batches = [batch(&[3, 1, 2]), batch(&[5, 4]), batch(&[9, 7]), batch(&[30, 8, 31]), batch(&[59])];
    let told = join_all(batches.iter().map(|batch| transport.settle(batch))).await;
    assert!(told.into_iter().all(|told| told.unwrap().into_iter().all(|told| told)));
    assert_eq!(transport.settle(&batch(&[3, 6, 5])).await.unwrap(), [false, true, false], "only once each");
    transport.close().await;

    let next = broker::options(&prefix).connect().await.unwrap();
    let claim = Claim::new("hear", MESSAGES, LEASE);
    let mut back = Vec::new();
    while back.len() < MESSAGES - 13 {
        let claimed = next.claim(&claim).await.unwrap().deliveries;
        assert_eq!(
            next.settle(&claimed.iter().map(done).collect::<Vec<_>>()).await.unwrap(),
            vec![true; claimed.len()]
        );
        back.extend(claimed.into_iter().map(|delivery| delivery.envelope.key.as_str().to_owned()));
    }
    let acknowledged = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 59];
    let mut left: Vec<_> =
        (0..MESSAGES).filter(|number| !acknowledged.contains(number)).map(|n| format!("about:{n:02}")).collect();
    left.sort_unstable();
    back.sort_unstable();
    assert_eq!(back, left);
    assert_eq!(next.depth().await.unwrap(), []);
    next.remove().await.unwrap();
}
