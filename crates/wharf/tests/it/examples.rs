//! The examples do what their first lines say.

#[path = "../../examples/hello.rs"]
#[expect(dead_code, reason = "its `main` is for the terminal")]
mod hello;

#[path = "../../examples/jobs.rs"]
#[expect(dead_code, reason = "its `main` is for the terminal")]
mod jobs;

#[path = "../../examples/saga.rs"]
#[expect(dead_code, reason = "its `main` is for the terminal")]
mod saga;

#[tokio::test]
async fn hello_counts_each_guests_visits() {
    let mut lines = Vec::new();
    hello::run(|line| lines.push(line)).await.unwrap();

    lines.sort();
    assert_eq!(lines, ["Hello, Ada! (visit 1)", "Hello, Ada! (visit 2)", "Hello, Grace! (visit 1)"]);
}

#[tokio::test]
async fn jobs_succeed_fail_run_again_and_are_cancelled() {
    let mut lines = Vec::new();
    jobs::run(|line| lines.push(line)).await.unwrap();

    insta::assert_snapshot!(lines.join("\n"), @r#"
    pictures.resize succeeded: {"thumbnails":2}, 2 of 2
      info a.png is done
      info b.png is done
    pictures.resize failed: broken.png is no picture
      dead letter W0004: {"pictures":["broken.png"]}
    pictures.resize failed again, after 1 redrive
    numbers.count cancelled
    pictures.resize succeeded: {"pictures":["album.png"]}
    W0104: job `pictures.resize`: /pictures: want array, but got number
    "#);
}

#[tokio::test]
async fn the_saga_gives_away_the_table_whose_guests_did_not_come() {
    let mut lines = Vec::new();
    saga::run(|line| lines.push(line)).await;

    insta::assert_snapshot!(lines.join("\n"), @"
    → table.reserved table:7
    → table.reserved table:8
    reservations ← table.reserved table:7
    reservations ← table.reserved table:8
    → table.guests-came table:8
    reservations ← table.guests-came table:8
    -- 30m later
    reservations ← ⏰ TimeIsUp table:7 ⇒ table.given-away
    queue ← table.given-away table:7
    table 7: Some((GivenAway, 7))

    stateDiagram-v2
        [*] --> Held: Reserved
        Held --> Taken: GuestsCame
        Held --> GivenAway: ⏰ TimeIsUp
        Taken --> [*]
        GivenAway --> [*]
    ");
}
