//! Shows how far a replay or a demo has come: a bar for people who watch, a line for each percent where nobody does.

use std::{io::IsTerminal as _, sync::OnceLock};

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{bar:40} {pos}/{len} orders at their end, {msg}  {per_sec}  {eta} to go";

/// The bar of this process, so that what is logged does not run into it.
static BAR_ON_SCREEN: OnceLock<ProgressBar> = OnceLock::new();

/// Takes the bar, if there is one, from the screen while `write` writes to it.
pub(crate) fn without_bar<T>(write: impl FnOnce() -> T) -> T {
    match BAR_ON_SCREEN.get() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// On stderr, so that stdout holds the result alone.
#[derive(Debug)]
pub(crate) struct Live {
    orders: u64,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// The number of ended orders that the next line waits for.
    Lines {
        next: u64,
    },
}

impl Live {
    /// Of a plan of so many orders.
    pub(crate) fn new(orders: u64) -> anyhow::Result<Self> {
        let shown = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(orders).with_style(ProgressStyle::with_template(BAR)?);
            Shown::Bar(BAR_ON_SCREEN.get_or_init(|| bar).clone())
        } else {
            Shown::Lines { next: 0 }
        };
        Ok(Self { orders, shown })
    }

    /// So many orders of the plan are placed, and so many are under way.
    pub(crate) fn show(&mut self, placed: u64, under_way: u64) {
        let ended = placed.saturating_sub(under_way);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(format!("{under_way} under way"));
                bar.set_position(ended);
            }
            Shown::Lines { next } => {
                if ended >= *next {
                    say(&format!("{placed} of {} orders placed, {ended} at their end", self.orders));
                    *next = ended + (self.orders / 100).max(1);
                }
            }
        }
    }

    /// Leaves the terminal to what follows.
    pub(crate) fn clear(&self) {
        match &self.shown {
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Lines { .. } => {}
        }
    }
}

#[expect(clippy::print_stderr, reason = "progress is for whoever watches, not for the log")]
fn say(line: &str) {
    eprintln!("{line}");
}
