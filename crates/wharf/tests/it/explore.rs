//! Sagas drawn.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use wharf::{Code, Saga, Start, Step, begin, finish, stay, testing::explore, to};

/// A letter: asked for twice at most, read, and answered even after its end.
struct Letter;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    OnItsWay { asked: u8 },
    Lying,
    Answered,
    Lost,
}

#[derive(Debug, Clone)]
enum Event {
    Sent { express: bool },
    Arrived,
    Read,
    Counted,
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Late,
    Never,
}

impl From<Timer> for Event {
    fn from(timer: Timer) -> Self {
        match timer {
            Timer::Late => Self::Late,
            Timer::Never => Self::Counted,
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

impl Saga for Letter {
    const NAME: &'static str = "test.letter";
    type Facts = u64;
    type State = State;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Sent { express: true } => begin(0, to(State::Lying)),
            Event::Sent { express: false } => begin(0, to(State::OnItsWay { asked: 0 }).after(DAY, Timer::Late)),
            Event::Arrived | Event::Read | Event::Counted | Event::Late => Start::TooEarly,
        }
    }

    fn step(&self, read: &mut u64, state: State, event: Event) -> Step<Self> {
        match (state, event) {
            (State::OnItsWay { .. }, Event::Arrived) => to(State::Lying).disarm(Timer::Late).after(DAY, Timer::Never),
            (State::OnItsWay { asked }, Event::Late) if asked < 2 => {
                to(State::OnItsWay { asked: asked + 1 }).after(DAY, Timer::Late)
            }
            // A timer armed by the last step is not armed at all.
            (State::OnItsWay { .. }, Event::Late) => finish(State::Lost).after(DAY, Timer::Late),
            (State::Lying, Event::Read) => finish(State::Answered).disarm(Timer::Never),
            (State::Lying, Event::Counted) => {
                *read += 1;
                stay()
            }
            // Found after all.
            (State::Lost, Event::Arrived) => to(State::Lying),
            _ => stay(),
        }
    }
}

const SENT: Event = Event::Sent { express: false };

#[test]
fn a_saga_is_drawn_by_the_names_of_its_states_and_events() {
    let graph = explore(&Letter, [SENT, Event::Sent { express: true }, Event::Arrived, Event::Read], 100).unwrap();
    insta::assert_snapshot!(graph.to_string(), @r#"
    stateDiagram-v2
        state "on-its-way" as on_its_way
        [*] --> on_its_way: Sent
        [*] --> lying: Sent
        on_its_way --> lying: Arrived
        on_its_way --> on_its_way: ⏰ Late
        on_its_way --> lost: ⏰ Late
        lying --> answered: Read
        lost --> lying: Arrived
        answered --> [*]
        lost --> [*]
    "#);
    assert_eq!(graph.states, 9);
}

#[test]
fn what_no_sample_leads_to_is_not_drawn() {
    insta::assert_snapshot!(explore(&Letter, [SENT], 100).unwrap().to_string(), @r#"
    stateDiagram-v2
        state "on-its-way" as on_its_way
        [*] --> on_its_way: Sent
        on_its_way --> on_its_way: ⏰ Late
        on_its_way --> lost: ⏰ Late
        lost --> [*]
    "#);
    insta::assert_snapshot!(explore(&Letter, [Event::Read], 100).unwrap().to_string(), @"stateDiagram-v2");
}

#[test]
fn a_walk_without_an_end_is_refused_and_says_where_it_was() {
    let endless = explore(&Letter, [Event::Sent { express: true }, Event::Counted], 100).unwrap_err();
    assert_eq!(endless.code(), Code::SAGA_ENDLESS);
    insta::assert_snapshot!(endless.to_string(), @"W0046: saga `test.letter` has more than 100 states; the last is Lying of 100");
}
