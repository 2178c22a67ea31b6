//! A table is held for half an hour, then given away: `cargo run -p wharf --example saga`.
//!
//! The half hour takes a millisecond, as the harness winds the clock; it prints what happened, and a drawing of the saga.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use wharf::testing::{Harness, ManualClock, explore};
use wharf::{Key, Memory, Message, Module, Msg, Result, Saga, SagaConsumer, Start, Step, Worker};
use wharf::{begin, finish, stay, to};

/// The three events, each with the number of its table.
macro_rules! event {
    ($name:ident, $wire:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name(u8);

        impl Message for $name {
            const NAME: &'static str = $wire;
            fn key(&self) -> Key {
                Key::new("table", self.0)
            }
        }
    };
}
event!(Reserved, "table.reserved");
event!(GuestsCame, "table.guests-came");
event!(GivenAway, "table.given-away");

struct Reservation;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    Held,
    Taken,
    GivenAway,
}

#[derive(Debug, Clone)]
enum Event {
    Reserved(u8),
    GuestsCame,
    TimeIsUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    TimeIsUp,
}

impl From<Timer> for Event {
    fn from(Timer::TimeIsUp: Timer) -> Self {
        Self::TimeIsUp
    }
}

impl Saga for Reservation {
    const NAME: &'static str = "table.reservation";
    type Facts = u8;
    type State = State;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Reserved(table) => begin(table, to(State::Held).after(Duration::from_secs(1800), Timer::TimeIsUp)),
            Event::GuestsCame | Event::TimeIsUp => Start::TooEarly,
        }
    }

    fn step(&self, table: &mut u8, state: State, event: Event) -> Step<Self> {
        match state {
            State::Held => match event {
                Event::GuestsCame => finish(State::Taken),
                Event::TimeIsUp => finish(State::GivenAway).publish(GivenAway(*table)),
                Event::Reserved(_) => stay(),
            },
            State::Taken | State::GivenAway => stay(),
        }
    }
}

async fn tell_the_queue(Msg(_): Msg<GivenAway>) -> Result {
    Ok(())
}

/// Two tables are reserved, and the guests of one come. Tells what happened, and draws the saga.
pub(crate) async fn run(mut say: impl FnMut(String)) {
    let reservation = SagaConsumer::new(Reservation, ()).on(|Reserved(table)| Event::Reserved(table));
    let reservation = reservation.on(|GuestsCame(_)| Event::GuestsCame);
    let module = Module::new("tables", ()).saga("reservations", reservation).consume("queue", tell_the_queue);
    let clock = ManualClock::new();
    let mut app = Harness::start(Worker::new(Memory::with_clock(clock.clone())).module(module), clock).await;

    app.publish(Reserved(7)).await;
    app.publish(Reserved(8)).await;
    app.settle().await;
    app.publish(GuestsCame(8)).await;
    app.wind(Duration::from_secs(3600)).await;

    say(app.transcript());
    say(format!("table 7: {:?}", app.saga::<Reservation>(&Key::new("table", 7)).await));
    app.finish().await;

    match explore(&Reservation, [Event::Reserved(7), Event::GuestsCame], 100) {
        Ok(drawing) => say(format!("\n{drawing}")),
        Err(endless) => say(format!("\n{endless}")),
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() {
    run(|line| println!("{line}")).await;
}
