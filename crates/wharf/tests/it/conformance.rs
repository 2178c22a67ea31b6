//! The memory engine keeps the promises of every engine.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wharf::{
    Memory,
    ports::{Signals, Store},
    testing::{
        ManualClock,
        conformance::{apart::InMemory, signals::Signallers},
    },
};

use crate::on_memory::OnMemory;

wharf::conformance!(OnMemory);

mod apart {
    use super::*;
    wharf::conformance_apart!(OnMemory, InMemory);
}

mod signals {
    use super::*;

    struct InProcess {
        clock: ManualClock,
        ours: Memory,
        theirs: Memory,
    }

    #[async_trait]
    impl Signallers for InProcess {
        async fn start() -> Self {
            let clock = ManualClock::new();
            let (ours, theirs) = (Memory::with_clock(clock.clone()), Memory::with_clock(clock.clone()));
            Self { clock, ours, theirs }
        }

        fn here(&self) -> Arc<dyn Signals> {
            Store::signals(&self.ours)
        }

        /// There is no other process: two workers in this one.
        fn there(&self) -> Arc<dyn Signals> {
            Store::signals(&self.ours.clone())
        }

        fn elsewhere(&self) -> Arc<dyn Signals> {
            Store::signals(&self.theirs)
        }

        async fn pass(&self, time: Duration) {
            self.clock.wind(time);
        }
    }

    wharf::conformance_signals!(InProcess);
}
