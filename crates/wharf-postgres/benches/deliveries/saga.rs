//! A step of a saga that sets a timer, beside a plain handler that writes one row and sends one message; either has a
//! commit of its own.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use wharf::{Module, Saga, SagaConsumer, Start, Step, begin, stay, to};

use crate::{
    place::{Happened, Place, TAKES},
    table::Table,
    work::{CASES, TOTAL, our_rate, rate_of},
};

/// Begins with each message; its timer is due long after the benchmark, so that it is only written.
struct Story;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Chapter {
    Begun,
}

#[derive(Debug, Clone)]
enum Event {
    Happened(i64),
    Forgotten,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Forgotten,
}

impl From<Timer> for Event {
    fn from(Timer::Forgotten: Timer) -> Self {
        Self::Forgotten
    }
}

impl Saga for Story {
    const NAME: &'static str = "bench.story";
    type Facts = i64;
    type State = Chapter;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Happened(number) => {
                begin(number, to(Chapter::Begun).after(Duration::from_secs(3600), Timer::Forgotten))
            }
            Event::Forgotten => Start::TooEarly,
        }
    }

    fn step(&self, _: &mut i64, Chapter::Begun: Chapter, event: Event) -> Step<Self> {
        match event {
            Event::Happened(_) | Event::Forgotten => stay(),
        }
    }
}

pub(crate) async fn measure(place: &Place, table: &mut Table) {
    for case in CASES.into_iter().filter(|case| matches!(case.at_once, 8 | 32)) {
        let (mut steps, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..TAKES {
            plain.push(our_rate(place, case, TOTAL).await);
            place.run("TRUNCATE wharf.sagas").await;
            let story = SagaConsumer::new(Story, ()).on(|happened: Happened| Event::Happened(happened.number));
            let module = Module::new("bench", ())
                .endpoint("bench-0", |at| at.concurrency(case.at_once).prefetch(400).saga(story));
            steps.push(rate_of(module, place, case, TOTAL).await);
        }
        table.rate(&format!("saga step beside plain: {}", case.name()), &steps, &plain);
    }
}
