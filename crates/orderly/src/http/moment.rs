//! Points in time on the wire: RFC 3339 in UTC.

use serde::{Serialize, Serializer, ser::Error as _};
use wharf::Timestamp;

/// A point in time as an answer shows it: `2026-11-21T02:25:00.123456Z`.
pub(super) struct Moment(pub(super) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = jiff::Timestamp::from_microsecond(self.0.as_micros()).map_err(S::Error::custom)?;
        serializer.collect_str(&moment)
    }
}
