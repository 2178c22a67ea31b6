//! The lines that a history is told in.

use std::fmt::Debug;

use crate::{
    Next, Saga, Step, TimerChange,
    testing::instance::{name_of, timer_name},
};

/// `PaymentApproved → Paid, records Paid, sends shipping.requested, arms ⏰ Shipping`
pub(super) fn tell_step<S: Saga>(cause: &str, state: &str, step: &Step<S>) -> String {
    let mut parts = vec![match &step.next {
        Next::Stay => format!("{cause}, still {state}"),
        Next::To(_) => format!("{cause} → {state}"),
        Next::Finish(_) => format!("{cause} → {state}, the end"),
    }];
    let timers = |armed: bool| {
        step.timers.iter().filter_map(move |change| match change {
            TimerChange::Arm(timer, _) if armed => Some(timer_name(timer)),
            TimerChange::Disarm(timer) if !armed => Some(timer_name(timer)),
            TimerChange::Arm(..) | TimerChange::Disarm(_) => None,
        })
    };
    push(&mut parts, "records", step.changes.iter().map(name_of));
    push(&mut parts, "sends", step.messages.iter().map(|message| message.name.to_string()));
    push(&mut parts, "arms", timers(true));
    push(&mut parts, "disarms", timers(false));
    parts.join(", ")
}

/// `shipping.requested is received, answered by Shipped`
pub(super) fn tell_reception(message: &str, answers: &[impl Debug], crashed: bool) -> String {
    if crashed {
        return format!("{message} is received, and a crash loses the answer; it will come again");
    }
    let mut parts = vec![format!("{message} is received")];
    push(&mut parts, "answered by", answers.iter().map(name_of));
    parts.join(", ")
}

fn push(parts: &mut Vec<String>, verb: &str, names: impl Iterator<Item = String>) {
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        parts.push(format!("{verb} {}", names.join(" and ")));
    }
}
