//! When to look for due work again, after a look that did not bring all that was asked for.

use std::time::Duration;

use crate::Timestamp;

/// How long to wait when the engine's clock is behind ours, and what should be due is not yet.
const EARLY_PAUSE: Duration = Duration::from_millis(10);

/// Remembers whether the last look came too early.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    was_early: bool,
}

impl Lookout {
    /// The next look: when something is due, at the latest after `poll`. The first look that came too early is repeated
    /// at once, as time may have moved on meanwhile; the next ones after a pause.
    pub(crate) fn next(&mut self, now: Timestamp, found: usize, due: Option<Timestamp>, poll: Duration) -> Timestamp {
        let is_early = found == 0 && due.is_some_and(|due| due <= now);
        let pause = if is_early && self.was_early { EARLY_PAUSE } else { Duration::ZERO };
        self.was_early = is_early;
        due.map_or(now + poll, |due| due.max(now + pause).min(now + poll))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);
    const POLL: Duration = Duration::from_secs(1);

    #[test]
    fn the_next_look_is_when_something_is_due_or_after_the_poll() {
        let soon = NOW + Duration::from_millis(5);
        assert_eq!(Lookout::default().next(NOW, 0, Some(soon), POLL), soon);
        assert_eq!(Lookout::default().next(NOW, 3, Some(NOW + POLL * 2), POLL), NOW + POLL);
        assert_eq!(Lookout::default().next(NOW, 0, None, POLL), NOW + POLL);
    }

    #[test]
    fn an_engine_whose_clock_is_behind_is_not_asked_without_pause() {
        let mut lookout = Lookout::default();
        let looks = [0, 0, 0, 1, 0].map(|found| lookout.next(NOW, found, Some(NOW), POLL));
        assert_eq!(looks, [NOW, NOW + EARLY_PAUSE, NOW + EARLY_PAUSE, NOW, NOW]);
    }
}
