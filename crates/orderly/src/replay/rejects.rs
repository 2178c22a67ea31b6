//! The lines of the file that ask for nothing that can be done, and the file that tells why.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::file::{Column, OrderFile, ReadError};
use super::plan::{Cancellation, Return};

/// Why a line is rejected. The text of a reason, in reports and in the rejects file, is its name in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// It has too many or too few fields, no invoice number, or a number or date that is none.
    Malformed,
    /// It belongs to an A invoice.
    NotAnOrder,
    /// It returns a product that no earlier order of its customer holds, other than those that were taken back as a whole.
    MatchesNoOrder,
    /// It returns more of a product than is left of any one earlier order of its customer.
    MoreThanIsLeft,
    /// It returns a part of an order that was never delivered.
    OrderNotDelivered,
    /// It belongs to a C invoice whose order had gone too far when it came.
    NoLongerCancellable,
    /// Its code is not that of a product: postage, fees, samples, corrections.
    NotAProduct,
    NonPositiveQuantity,
    NonPositivePrice,
    /// Its price is no whole number of pence.
    SubCentPrice,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotAnOrder => "not-an-order",
            Self::MatchesNoOrder => "matches-no-order",
            Self::MoreThanIsLeft => "more-than-is-left",
            Self::OrderNotDelivered => "order-not-delivered",
            Self::NoLongerCancellable => "no-longer-cancellable",
            Self::NotAProduct => "not-a-product",
            Self::NonPositiveQuantity => "non-positive-quantity",
            Self::NonPositivePrice => "non-positive-price",
            Self::SubCentPrice => "sub-cent-price",
        }
    }
}

/// A line of the file that asks for nothing that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RejectedLine {
    /// Counted from 1, the header being line 1, as an editor shows it.
    pub(crate) line_number: u64,
    pub(crate) reason: Reason,
}

/// All rejected lines of a run, by number and reason alone: the file itself still has their text.
#[derive(Debug, Default)]
pub(crate) struct Rejects {
    lines: Vec<RejectedLine>,
}

/// Why the rejects file could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the rejected lines cannot be written over the order file {}; name another file", path.display())]
    OverOrderFile { path: PathBuf },
    #[error("cannot write the rejected lines to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Line number and reason, and then every column in the order of [`Column::ALL`].
const HEADER: [&str; 10] = [
    "line",
    "reason",
    "invoice",
    "stock_code",
    "description",
    "quantity",
    "invoice_date",
    "unit_price",
    "customer",
    "country",
];

impl Rejects {
    pub(crate) fn add(&mut self, rejected: RejectedLine) {
        self.lines.push(rejected);
    }

    /// Adds the lines of a C invoice whose order had gone too far.
    pub(crate) fn add_too_late(&mut self, cancellation: &Cancellation) {
        let lines = cancellation.line_numbers.iter();
        self.lines.extend(lines.map(|&line_number| RejectedLine { line_number, reason: Reason::NoLongerCancellable }));
    }

    /// Adds a line that returns a part of what was never delivered.
    pub(crate) fn add_undelivered(&mut self, part: &Return) {
        self.add(RejectedLine { line_number: part.line_number, reason: Reason::OrderNotDelivered });
    }

    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(crate) fn by_reason(&self) -> BTreeMap<Reason, u64> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.reason).or_default() += 1;
        }
        counts
    }

    /// Writes the rejected lines, in the order of the file, with their reasons: to a file beside `path`, which then
    /// takes its name, so that a crash leaves the old file or the new one. What is no regular file (a pipe, a
    /// terminal) is written as it is. Reads the order file once more.
    pub(crate) fn write(&mut self, file: &OrderFile, path: &Path) -> Result<(), WriteError> {
        if file.is_at(path) {
            return Err(WriteError::OverOrderFile { path: path.to_owned() });
        }
        self.lines.sort_unstable();
        let failed = |source| WriteError::Write { path: path.to_owned(), source };
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let target = File::options().write(true).open(path).map_err(failed)?;
            self.copy(file, target, path)?;
            return Ok(());
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let written = File::create(&partial).map_err(failed).and_then(|target| {
            let target = self.copy(file, target, path)?;
            target.sync_all().and_then(|()| fs::rename(&partial, path)).map_err(failed)
        });
        if written.is_err() {
            // The error that is reported is the first one; a partial file that stays behind is overwritten next time.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    /// Copies every rejected line from the order file to `target`.
    fn copy(&self, file: &OrderFile, target: File, path: &Path) -> Result<File, WriteError> {
        let failed = |source: csv::Error| WriteError::Write { path: path.to_owned(), source: source.into() };
        let mut target = csv::Writer::from_writer(BufWriter::new(target));
        target.write_record(HEADER).map_err(failed)?;
        let mut lines = file.lines()?;
        let mut rejected = self.lines.iter().peekable();
        while let Some(next) = rejected.peek() {
            let Some(record) = lines.next()? else { return Err(lines.changed().into()) };
            if record.line != next.line_number {
                continue;
            }
            target.write_field(next.line_number.to_string()).map_err(failed)?;
            target.write_field(next.reason.as_str()).map_err(failed)?;
            for column in Column::ALL {
                target.write_field(record.field(file.columns().index(column)).as_bytes()).map_err(failed)?;
            }
            target.write_record(None::<&[u8]>).map_err(failed)?;
            rejected.next();
        }
        let failed = |source| WriteError::Write { path: path.to_owned(), source };
        let target = target.into_inner().map_err(|error| failed(error.into_error()))?;
        let mut target = target.into_inner().map_err(|error| failed(error.into_error()))?;
        target.flush().map_err(failed)?;
        Ok(target)
    }
}
