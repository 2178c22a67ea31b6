//! A cluster of brokers, whose queue goes on under another leader when the one it had is gone.

use std::time::Duration;

use tokio::time::timeout;
use wharf::{
    Limits,
    ports::{Claim, Transport},
};
use wharf_rabbitmq::{RabbitMq, RabbitMqOptions};

use crate::{
    outages::{PREFETCH, hear_all, publish_backlog, worker},
    private::Private,
    work::counted,
};

const PIECES: u32 = 3_000;
/// Declares the queue where there is none.
fn look() -> Claim<'static> {
    Claim::new("work", 1, Duration::from_secs(30))
}

fn options(node: &Private) -> RabbitMqOptions {
    RabbitMq::options(&node.url("guest")).unwrap().prefetch(PREFETCH)
}

/// The name of the node that leads the queue, as `node` sees it.
async fn leader(node: &Private) -> String {
    let queues = node.control(&["list_queues", "--quiet", "--no-table-headers", "name", "leader"]).await;
    let of_work = queues.lines().find_map(|line| line.strip_prefix("work\t"));
    of_work.unwrap_or_else(|| panic!("no queue `work`: {queues}")).trim().to_owned()
}

/// The worker is connected to a node that lives on, and never hears that the queue's leader is another now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w23_what_was_handed_out_before_the_queue_has_another_leader_is_handled_once_and_none_is_left_behind() {
    let Some([mut first, second, mut third]) = Private::start_cluster().await else { return };
    // Who declares a queue makes its own node lead it.
    let declares = options(&first).connect().await.unwrap();
    declares.claim(&look()).await.unwrap();
    declares.close().await;
    assert_eq!(leader(&second).await, first.node());
    publish_backlog(&second.url("guest"), PIECES).await;

    let transport = options(&second).connect().await.unwrap();
    let (worker, memory, mut hears) = worker(&transport, Limits::default()).await;
    worker
        .run_until(async {
            let mut seen = vec![false; PIECES as usize];
            hear_all(&mut hears, &mut seen, PIECES / 5).await;
            first.kill();
            hear_all(&mut hears, &mut seen, PIECES / 2).await;
            first.begin().await;
            let leads = leader(&second).await;
            assert_ne!(leads, first.node());
            let next = if leads == third.node() { &mut third } else { &mut first };
            next.kill();
            hear_all(&mut hears, &mut seen, PIECES).await;
        })
        .await;
    for number in 0..PIECES {
        assert_eq!(counted(&memory, number).await, 1, "piece {number}");
    }

    // What the broker still thought to be in somebody's hands would come back now.
    transport.close().await;
    let looks = options(&second).connect().await.unwrap();
    let left = timeout(Duration::from_secs(60), looks.claim(&look())).await.unwrap().unwrap().deliveries;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(looks.depth().await.unwrap(), []);
}
