//! When a schedule is due.

use std::{fmt, str::FromStr, time::Duration};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Zoned, tz::TimeZone};

use crate::{Code, Error, Timestamp, micros};

/// What people write is shorter; a parser is not to be fed more.
const EXPRESSION_MAX_BYTES: usize = 200;

/// When a schedule is due: at every multiple of a period, by a cron expression and the clocks of a time zone, or once.
///
/// ```
/// use std::time::Duration;
/// use wharf::{Timestamp, Timetable};
///
/// let nightly = Timetable::cron("0 3 * * *", "Europe/Berlin")?;
/// let midnight = Timestamp::from_micros(1_795_305_600_000_000); // 2026-11-22, UTC
/// let hours = nightly.after(midnight).map(|due| due.since(midnight).as_secs() / 3600);
/// assert_eq!(hours.take(3).collect::<Vec<_>>(), [2, 26, 50]);
/// # Ok::<(), wharf::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Every(Duration),
    Cron { cron: Box<Cron>, expression: String, zone: TimeZone, zone_name: String },
    Once(Timestamp),
}

impl Timetable {
    /// Every multiple of `period` since 1970 in UTC, a microsecond at least.
    pub fn every(period: Duration) -> Self {
        Self(Kind::Every(period.max(Duration::from_micros(1))))
    }

    /// A cron expression of five fields, from minutes to days of the week, or of six that begin with seconds; by the
    /// clocks of a time zone such as `Europe/Berlin` or `UTC`.
    ///
    /// Where clocks go forward, a time of day that they leave out is due as soon as they have; where they go back, a
    /// time of day that comes twice is due the first time. What is due every so often, as by `*/15 * * * *`, goes on
    /// through either at the same pace.
    ///
    /// # Errors
    /// `W0090` when the expression is none, or can never be due; `W0091` when the time zone is not known.
    pub fn cron(expression: &str, zone: &str) -> Result<Self, Error> {
        let invalid = |why: String| {
            let shown: String = expression.chars().take(EXPRESSION_MAX_BYTES).collect();
            Error::new(Code::CRON_INVALID, format!("cron expression \"{shown}\": {why}"))
        };
        if expression.len() > EXPRESSION_MAX_BYTES {
            return Err(invalid(format!("longer than {EXPRESSION_MAX_BYTES} bytes")));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| invalid(error.to_string()))?;
        let tz = TimeZone::get(zone)
            .map_err(|error| Error::new(Code::TIME_ZONE_UNKNOWN, format!("time zone \"{zone}\"")).caused_by(error))?;
        let fields: Vec<_> = expression.split_whitespace().collect();
        let timetable = Self(Kind::Cron {
            cron: Box::new(cron),
            expression: fields.join(" "),
            zone: tz,
            zone_name: zone.to_owned(),
        });
        match timetable.first_after(Timestamp::from_micros(0)) {
            Some(_) => Ok(timetable),
            None => Err(invalid("there is no such time".to_owned())),
        }
    }

    /// Only at this moment.
    pub fn once(at: Timestamp) -> Self {
        Self(Kind::Once(at))
    }

    /// The first time it is due after `moment`.
    pub fn first_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Every(period) => {
                let period = micros(*period);
                Some(Timestamp::from_micros((moment.as_micros().div_euclid(period) + 1).saturating_mul(period)))
            }
            Kind::Cron { cron, zone, .. } => {
                let moment = jiff::Timestamp::from_microsecond(moment.as_micros()).ok()?.to_zoned(zone.clone());
                let next: Zoned = cron.find_next_occurrence(&moment, false).ok()?;
                Some(Timestamp::from_micros(next.timestamp().as_microsecond()))
            }
            Kind::Once(at) => (*at > moment).then_some(*at),
        }
    }

    /// All the times it is due after `moment`, one after another.
    pub fn after(&self, moment: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.first_after(moment), |due| self.first_after(*due))
    }

    /// How often it is due after `moment` and until `end`. By a cron expression that is counted one by one, and no further
    /// than `max`.
    pub(crate) fn count(&self, moment: Timestamp, end: Timestamp, max: u64) -> u64 {
        match &self.0 {
            Kind::Every(period) => {
                let nth = |moment: Timestamp| moment.as_micros().div_euclid(micros(*period));
                (nth(end) - nth(moment)).unsigned_abs()
            }
            Kind::Cron { .. } | Kind::Once(_) => {
                let due = self.after(moment).take_while(|due| *due <= end);
                (0..max).zip(due).count() as u64
            }
        }
    }

    /// How long it is from one due time to the next, if that is always the same.
    pub(crate) fn period(&self) -> Option<Duration> {
        match &self.0 {
            Kind::Every(period) => Some(*period),
            Kind::Cron { .. } | Kind::Once(_) => None,
        }
    }
}

/// As it is stored: `every 60s`, `cron 0 3 * * * in Europe/Berlin`, `once at 1795305600000000µs`.
impl fmt::Display for Timetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Every(period) => write!(f, "every {}µs", micros(*period)),
            Kind::Cron { expression, zone_name, .. } => write!(f, "cron {expression} in {zone_name}"),
            Kind::Once(at) => write!(f, "once at {at}"),
        }
    }
}

impl FromStr for Timetable {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let not_one = || Error::new(Code::CRON_INVALID, format!("\"{text}\" is no timetable"));
        let number = |micros: &str| micros.strip_suffix("µs").and_then(|digits| digits.parse::<i64>().ok());
        match text.split_once(' ').ok_or_else(not_one)? {
            ("every", period) => {
                let period = number(period).and_then(|micros| u64::try_from(micros).ok()).ok_or_else(not_one)?;
                Ok(Self::every(Duration::from_micros(period)))
            }
            ("cron", cron) => {
                let (expression, zone) = cron.rsplit_once(" in ").ok_or_else(not_one)?;
                Self::cron(expression, zone)
            }
            ("once", at) => {
                let at = at.strip_prefix("at ").and_then(number).ok_or_else(not_one)?;
                Ok(Self::once(Timestamp::from_micros(at)))
            }
            _ => Err(not_one()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is due after a moment, by the clocks of the zone.
    fn due(expression: &str, zone: &str, after: &str, times: usize) -> Vec<String> {
        let after: Zoned = format!("{after}[{zone}]").parse().unwrap();
        let after = Timestamp::from_micros(after.timestamp().as_microsecond());
        let timetable = Timetable::cron(expression, zone).unwrap();
        let shown = |due: Timestamp| {
            let due =
                jiff::Timestamp::from_microsecond(due.as_micros()).unwrap().to_zoned(TimeZone::get(zone).unwrap());
            due.strftime("%m-%d %H:%M:%S %:z").to_string()
        };
        timetable.after(after).take(times).map(shown).collect()
    }

    #[test]
    fn w29_a_time_of_day_that_the_clocks_leave_out_is_due_once_they_have() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", 2),
            ["03-29 03:00:00 +02:00", "03-30 02:30:00 +02:00"]
        );
        assert_eq!(
            due("30 2 * * *", "America/New_York", "2026-03-07T12:00:00", 2),
            ["03-08 03:00:00 -04:00", "03-09 02:30:00 -04:00"]
        );
        // By half an hour.
        assert_eq!(
            due("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00", 2),
            ["10-04 02:30:00 +11:00", "10-05 02:15:00 +11:00"]
        );
    }

    #[test]
    fn w29_a_time_of_day_that_comes_twice_is_due_once() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", 2),
            ["10-25 02:30:00 +02:00", "10-26 02:30:00 +01:00"]
        );
        assert_eq!(
            due("30 1 * * *", "America/New_York", "2026-10-31T12:00:00", 2),
            ["11-01 01:30:00 -04:00", "11-02 01:30:00 -05:00"]
        );
        assert_eq!(
            due("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00", 2),
            ["04-05 01:45:00 +11:00", "04-06 01:45:00 +10:30"]
        );
    }

    #[test]
    fn w29_what_is_due_every_so_often_goes_on_at_the_same_pace() {
        assert_eq!(
            due("*/30 * * * *", "Europe/Berlin", "2026-03-29T01:00:00", 3),
            ["03-29 01:30:00 +01:00", "03-29 03:00:00 +02:00", "03-29 03:30:00 +02:00"]
        );
        assert_eq!(
            due("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:30:00", 5),
            [
                "10-25 02:00:00 +02:00",
                "10-25 02:30:00 +02:00",
                "10-25 02:00:00 +01:00",
                "10-25 02:30:00 +01:00",
                "10-25 03:00:00 +01:00"
            ]
        );
    }

    #[test]
    fn five_fields_or_six_with_seconds_and_names_for_days() {
        assert_eq!(
            due("*/20 30 4 * * MON", "UTC", "2026-11-22T00:00:00", 2),
            ["11-23 04:30:00 +00:00", "11-23 04:30:20 +00:00"]
        );
        assert_eq!(due("0 0 29 2 *", "UTC", "2026-11-22T00:00:00", 1), ["02-29 00:00:00 +00:00"]);
    }

    #[test]
    fn w35_what_is_no_expression_is_refused_with_its_reason_and_a_long_one_unread() {
        let refusal = |expression: &str, zone: &str| Timetable::cron(expression, zone).unwrap_err().to_string();
        for (expression, words) in [
            ("", "W0090"),
            ("* * * *", "W0090"),
            ("* * * * * * 2030", "W0090"),
            ("61 * * * *", "W0090"),
            ("*/0 * * * *", "W0090"),
            ("0 0 31 2 *", "there is no such time"),
            (&"1,".repeat(1_000_000), "longer than 200 bytes"),
        ] {
            let refusal = refusal(expression, "UTC");
            assert!(refusal.contains("W0090") && refusal.contains(words), "{refusal}");
            assert!(refusal.len() < 500, "{}", refusal.len());
        }
        assert!(refusal("* * * * *", "Mars/Olympus").contains("W0091: time zone \"Mars/Olympus\""));
    }

    #[test]
    fn once_is_due_once_and_periods_at_their_multiples() {
        let at = Timestamp::from_micros(100);
        assert_eq!(Timetable::once(at).after(Timestamp::from_micros(0)).collect::<Vec<_>>(), [at]);
        assert_eq!(Timetable::once(at).first_after(at), None);
        let every = Timetable::every(Duration::from_micros(7));
        let due: Vec<_> = every.after(Timestamp::from_micros(-8)).take(3).map(Timestamp::as_micros).collect();
        assert_eq!(due, [-7, 0, 7]);
    }

    proptest! {
        #[test]
        fn w35_no_text_panics_or_takes_long(text in "[0-9*/,\\-LW#?@A-Za-z+ ]{0,40}") {
            let _ = Timetable::cron(&text, "Europe/Berlin");
        }

        #[test]
        fn what_is_stored_is_read_back_as_it_was(minute in 0..60, hour in 0..24, period in 1_u64..1_000_000_000_000, at: i64) {
            let cron = Timetable::cron(&format!(" {minute}  {hour} * * * "), "Europe/Berlin").unwrap();
            for timetable in [cron, Timetable::every(Duration::from_micros(period)), Timetable::once(Timestamp::from_micros(at))] {
                let read: Timetable = timetable.to_string().parse().unwrap();
                prop_assert_eq!(read.to_string(), timetable.to_string());
                prop_assert_eq!(read.first_after(Timestamp::from_micros(0)), timetable.first_after(Timestamp::from_micros(0)));
            }
        }
    }
}
