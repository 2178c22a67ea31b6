//! The example of the outbox tells what it promises to.

#[path = "../../examples/outbox.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod outbox;

#[tokio::test]
async fn the_outbox_example_packs_each_order_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    outbox::run(directory.path(), |line| lines.push(line)).await.unwrap();

    assert_eq!(
        lines,
        [
            "the broker is away; 2 messages wait in outbox:pack",
            "the broker is back\n\
         -- 4s later\n\
         pack ← shop.order-placed order:1\n\
         pack ← shop.order-placed order:1 ⊘ handled before\n\
         pack ← shop.order-placed order:2\n\
         pack ← shop.order-placed order:2 ⊘ handled before",
            "parcels for orders: [1, 2]",
        ]
    );
}
