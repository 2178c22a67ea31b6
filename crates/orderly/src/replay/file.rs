//! The order file on disk: plain or gzip, told by its first bytes, with the columns that its header names.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::bufread::MultiGzDecoder;

use super::records::{Record, Records};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const READ_BUFFER_SIZE_BYTES: usize = 64 * 1024;

/// A column that an order file must have. The header may name them in any order, and others beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Invoice,
    StockCode,
    Description,
    Quantity,
    InvoiceDate,
    UnitPrice,
    Customer,
    Country,
}

impl Column {
    pub(super) const ALL: [Self; 8] = [
        Self::Invoice,
        Self::StockCode,
        Self::Description,
        Self::Quantity,
        Self::InvoiceDate,
        Self::UnitPrice,
        Self::Customer,
        Self::Country,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Invoice => "InvoiceNo",
            Self::StockCode => "StockCode",
            Self::Description => "Description",
            Self::Quantity => "Quantity",
            Self::InvoiceDate => "InvoiceDate",
            Self::UnitPrice => "UnitPrice",
            Self::Customer => "CustomerID",
            Self::Country => "Country",
        }
    }
}

/// Where in a record each column stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns([usize; Column::ALL.len()]);

impl Columns {
    pub(super) fn index(self, column: Column) -> usize {
        self.0[column as usize]
    }
}

/// Why an order file cannot be read at all. A damaged line is none of these: it is rejected and the file goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("cannot read the order file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the order file {} is not a regular file; a replay reads it more than once, so store it first", path.display())]
    NotAFile { path: PathBuf },
    #[error("the order file {} is empty; its first line must name the columns {}", path.display(), expected())]
    Empty { path: PathBuf },
    #[error(
        "the order file {} has no column `{column}`: its first line reads `{header}`, and must name the columns {}",
        path.display(),
        expected()
    )]
    MissingColumn { path: PathBuf, column: &'static str, header: String },
    #[error("the order file {} was changed while it was being replayed; start again", path.display())]
    Changed { path: PathBuf },
}

fn expected() -> String {
    Column::ALL.map(Column::name).join(",")
}

/// An order file that exists, is readable and has all columns, as it was when it was opened.
#[derive(Clone, Debug)]
pub(crate) struct OrderFile {
    path: PathBuf,
    columns: Columns,
    version: Version,
}

/// Tells whether a file is still the one that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    size_bytes: u64,
    modified: Option<SystemTime>,
}

impl OrderFile {
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, ReadError> {
        let path = path.into();
        let version = version(&path)?;
        let mut records = Records::new(bytes(&path)?);
        let columns = columns(&path, &mut records)?;
        Ok(Self { path, columns, version })
    }

    /// Whether `path` leads to this very file, so that nothing must be written there.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(&self.path).is_ok_and(|own| own == path))
    }

    pub(super) fn columns(&self) -> Columns {
        self.columns
    }

    /// The file's records below its header, from the beginning.
    pub(super) fn lines(&self) -> Result<Lines, ReadError> {
        if version(&self.path)? != self.version {
            return Err(ReadError::Changed { path: self.path.clone() });
        }
        let mut records = Records::new(bytes(&self.path)?);
        columns(&self.path, &mut records)?;
        Ok(Lines { path: self.path.clone(), records })
    }
}

/// The records of an [`OrderFile`]; its errors name the file.
pub(super) struct Lines {
    path: PathBuf,
    records: Records<Box<dyn BufRead + Send>>,
}

impl Lines {
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        self.records.next().map_err(|source| ReadError::Unreadable { path: self.path.clone(), source })
    }

    /// The error of a reader that finds in the file what an earlier reading of it did not.
    pub(super) fn changed(&self) -> ReadError {
        ReadError::Changed { path: self.path.clone() }
    }
}

fn version(path: &Path) -> Result<Version, ReadError> {
    let metadata = fs::metadata(path).map_err(unreadable(path))?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile { path: path.to_owned() });
    }
    Ok(Version { size_bytes: metadata.len(), modified: metadata.modified().ok() })
}

fn bytes(path: &Path) -> Result<Box<dyn BufRead + Send>, ReadError> {
    let open = || -> io::Result<Box<dyn BufRead + Send>> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
        file.rewind()?;
        let file = BufReader::with_capacity(READ_BUFFER_SIZE_BYTES, file);
        if magic == GZIP_MAGIC {
            Ok(Box::new(BufReader::with_capacity(READ_BUFFER_SIZE_BYTES, MultiGzDecoder::new(file))))
        } else {
            Ok(Box::new(file))
        }
    };
    open().map_err(unreadable(path))
}

/// Reads the header and tells the reader how many fields a whole record has.
fn columns<R: BufRead>(path: &Path, records: &mut Records<R>) -> Result<Columns, ReadError> {
    let Some(header) = records.next().map_err(unreadable(path))? else {
        return Err(ReadError::Empty { path: path.to_owned() });
    };
    let names: Vec<String> = (0..header.len()).map(|index| header.field(index).into_owned()).collect();
    let mut columns = Columns([0; Column::ALL.len()]);
    for column in Column::ALL {
        let index = names.iter().position(|name| name.eq_ignore_ascii_case(column.name()));
        let Some(index) = index else {
            return Err(ReadError::MissingColumn {
                path: path.to_owned(),
                column: column.name(),
                header: excerpt(&names.join(",")),
            });
        };
        columns.0[column as usize] = index;
    }
    records.expect_width(names.len());
    Ok(columns)
}

/// Enough of a first line to recognise it by, whatever the file is.
fn excerpt(header: &str) -> String {
    const EXCERPT_CHARS_MAX: usize = 120;
    let mut shown: String = header.chars().take(EXCERPT_CHARS_MAX).flat_map(char::escape_debug).collect();
    if header.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    let path = path.to_owned();
    |source| ReadError::Unreadable { path, source }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::NamedTempFile;

    use super::*;

    const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

    fn file(bytes: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn refusal(bytes: &[u8]) -> String {
        let file = file(bytes);
        let error = OrderFile::open(file.path()).unwrap_err().to_string();
        error.replace(&file.path().display().to_string(), "orders.csv")
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn country_of_first_line(bytes: &[u8]) -> String {
        let file = file(bytes);
        let orders = OrderFile::open(file.path()).unwrap();
        let mut lines = orders.lines().unwrap();
        let record = lines.next().unwrap().unwrap();
        record.field(orders.columns().index(Column::Country)).into_owned()
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes_and_may_have_several_members() {
        let line = "1,12345,x,1,2011-01-01T00:00:00,1.00,,France\n";
        assert_eq!(country_of_first_line(format!("{HEADER}{line}").as_bytes()), "France");
        assert_eq!(country_of_first_line(&gzip(&format!("{HEADER}{line}"))), "France");
        assert_eq!(country_of_first_line(&[gzip(HEADER), gzip(line)].concat()), "France");
    }

    #[test]
    fn columns_are_found_by_name_behind_a_byte_order_mark_in_any_order() {
        let text = "\u{feff}country,Extra,InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\r\n\
                    France,?,1,12345,x,1,2011-01-01T00:00:00,1.00,\r\n";
        assert_eq!(country_of_first_line(text.as_bytes()), "France");
    }

    #[test]
    fn a_file_that_holds_no_orders_is_refused_with_what_is_expected() {
        insta::assert_snapshot!(refusal(b""), @"the order file orders.csv is empty; its first line must name the columns InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country");
        insta::assert_snapshot!(refusal(b"InvoiceNo,StockCode,Description,Qty\n"), @"the order file orders.csv has no column `Quantity`: its first line reads `InvoiceNo,StockCode,Description,Qty`, and must name the columns InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country");
        assert!(refusal(&[0x00, 0x80, b'\n']).contains("no column `InvoiceNo`"));
    }

    #[test]
    fn a_missing_file_and_a_directory_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let missing = OrderFile::open(directory.path().join("none.csv")).unwrap_err();
        assert!(matches!(missing, ReadError::Unreadable { .. }), "{missing}");
        let not_a_file = OrderFile::open(directory.path()).unwrap_err();
        assert!(matches!(not_a_file, ReadError::NotAFile { .. }), "{not_a_file}");
    }

    #[test]
    fn a_gzip_file_cut_short_is_an_error_and_not_a_short_file() {
        let whole = gzip(&format!("{HEADER}{}", "1,12345,x,1,2011-01-01T00:00:00,1.00,,France\n".repeat(1000)));
        let file = file(&whole[..whole.len() - 6]);
        let orders = OrderFile::open(file.path()).unwrap();
        let mut lines = orders.lines().unwrap();
        let error = loop {
            match lines.next() {
                Ok(record) => assert!(record.is_some(), "the file seemed to end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ReadError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn a_file_that_changed_since_it_was_opened_is_not_read_on() {
        let mut file = file(HEADER.as_bytes());
        let orders = OrderFile::open(file.path()).unwrap();
        file.write_all(b"1,12345,x,1,2011-01-01T00:00:00,1.00,,France\n").unwrap();
        assert!(matches!(orders.lines(), Err(ReadError::Changed { .. })));
    }
}
