//! Every limit of the HTTP API in one place, each with its unit last in its name.

/// An order of 1,000 items takes less than a third of it.
pub(super) const BODY_SIZE_MAX_BYTES: usize = 256 * 1024;
/// What no request may take longer than, waiting for the database included.
pub(super) const REQUEST_DURATION_MAX_S: u64 = 30;
/// Each hashes a password with 19 MiB of memory; others wait.
pub(super) const LOG_INS_AT_ONCE_MAX: usize = 4;
/// How long a client may wait for an order to come to its end, and how many may at once; others are answered at once.
pub(super) const WAIT_MAX_S: u64 = 25;
pub(super) const WAITS_AT_ONCE_MAX: usize = 100;
/// The rows of a page when none are asked for, and at most.
pub(super) const PAGE_DEFAULT_ROWS: u32 = 50;
pub(super) const PAGE_MAX_ROWS: u32 = 200;
/// A client's own name for an order, a cancellation or a delivery of goods.
pub(super) const REFERENCE_LENGTH_MAX_CHARS: usize = 100;
/// How long a token is good for.
pub(crate) const TOKEN_LIFETIME_S: i64 = 8 * 60 * 60;
/// How soon a client may ask again after 503.
pub(super) const RETRY_AFTER_S: u64 = 2;
