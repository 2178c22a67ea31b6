//! A saga that does not say what an event means in one of its states.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use wharf::{Saga, Start, Step, begin, finish, stay, to};

struct Reservation;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    Held,
    Taken,
}

#[derive(Debug)]
enum Event {
    Reserved,
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
    const NAME: &'static str = "test.reservation";
    type Facts = ();
    type State = State;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Reserved => begin((), to(State::Held)),
            Event::GuestsCame | Event::TimeIsUp => Start::TooEarly,
        }
    }

    fn step(&self, _: &mut (), state: State, event: Event) -> Step<Self> {
        match state {
            State::Held => match event {
                Event::GuestsCame => finish(State::Taken),
                Event::Reserved => stay(),
            },
            State::Taken => stay(),
        }
    }
}

fn main() {}
