//! Cuts a byte stream into CSV records (RFC 4180) that know their line number, and survives damaged ones.
//!
//! The parser is the `csv` crate's own core. What is added here is a bound: a stray quote would make any plain CSV
//! reader swallow everything up to the next quote, however far. Here a record that spans lines and does not come out
//! whole costs its first line only; reading resumes on the next.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The longest physical line that is read; of a longer one the rest is skipped and the line is damaged.
const LINE_SIZE_MAX_BYTES: usize = 64 * 1024;
/// How many physical lines one record may span by line breaks inside quotes.
const RECORD_LINES_MAX: usize = 16;
/// How many fields of a record are looked at; one with more is damaged.
const FIELDS_MAX: usize = 64;

/// Reads records one after another from a byte stream.
pub(super) struct Records<R> {
    input: R,
    parser: Reader,
    /// How many fields a whole record has; unknown until the header is read.
    width: Option<usize>,
    /// The number of the first line in `window`, counted from 1.
    line: u64,
    /// Physical lines read and not yet consumed, each ended by one `\n`.
    window: Vec<u8>,
    window_lines: VecDeque<PhysicalLine>,
    text: Vec<u8>,
    ends: [usize; FIELDS_MAX],
}

#[derive(Clone, Copy)]
struct PhysicalLine {
    size_bytes: usize,
    overlong: bool,
}

/// One record, borrowed from the reader.
pub(super) struct Record<'r> {
    /// The physical line on which it begins, counted from 1.
    pub(super) line: u64,
    /// Whether its quotes close and it has as many fields as the header. Of a damaged one the fields are a best guess.
    pub(super) whole: bool,
    text: &'r [u8],
    ends: &'r [usize],
}

impl<'r> Record<'r> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at `index`, without the blanks around it; empty if the record has no such field. Bytes that are not
    /// UTF-8 are read as Latin-1, so that an old spreadsheet's pound sign does not cost an order line.
    pub(super) fn field(&self, index: usize) -> Cow<'r, str> {
        let begin = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let bytes = begin.zip(self.ends.get(index)).and_then(|(begin, &end)| self.text.get(begin..end));
        let bytes = bytes.unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text.trim()),
            Err(_) => {
                let text: String = bytes.iter().copied().map(char::from).collect();
                Cow::Owned(text.trim().to_owned())
            }
        }
    }
}

/// How far one attempt to parse a record came.
struct Parsed {
    fields: usize,
    /// The record ended with its last line, rather than inside quotes or beyond the limit of fields.
    closed: bool,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            parser: parser(),
            width: None,
            line: 1,
            window: Vec::new(),
            window_lines: VecDeque::new(),
            text: Vec::new(),
            ends: [0; FIELDS_MAX],
        }
    }

    /// From here on a whole record has `width` fields.
    pub(super) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The next record, or `None` at the end of the stream. Blank lines hold no record and are passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        let Some(first) = self.first_line_with_text()? else { return Ok(None) };
        let mut spanned_bytes = first.size_bytes;
        let mut spanned_lines = 1;
        let mut parsed = self.parse(spanned_bytes);
        while !parsed.closed && spanned_lines < RECORD_LINES_MAX {
            if self.window_lines.len() == spanned_lines && !self.read_line()? {
                break;
            }
            let Some(next) = self.window_lines.get(spanned_lines) else { break };
            spanned_bytes += next.size_bytes;
            spanned_lines += 1;
            parsed = self.parse(spanned_bytes);
        }

        let of_width = self.width.is_none_or(|width| width == parsed.fields);
        let within_limits = self.window_lines.iter().take(spanned_lines).all(|line| !line.overlong);
        let meant = spanned_lines == 1 || is_well_quoted(&self.window[..spanned_bytes]);
        let whole = parsed.closed && of_width && within_limits && meant;
        if !whole && spanned_lines > 1 {
            spanned_lines = 1;
            parsed = self.parse(first.size_bytes);
        }

        let line = self.line;
        self.consume(spanned_lines);
        Ok(Some(Record { line, whole, text: &self.text, ends: &self.ends[..parsed.fields] }))
    }

    fn first_line_with_text(&mut self) -> io::Result<Option<PhysicalLine>> {
        loop {
            if self.window_lines.is_empty() && !self.read_line()? {
                return Ok(None);
            }
            let Some(&first) = self.window_lines.front() else { return Ok(None) };
            if !self.window[..first.size_bytes].trim_ascii().is_empty() {
                return Ok(Some(first));
            }
            self.consume(1);
        }
    }

    /// Appends one physical line to the window, its ending made `\n`; false at the end of the stream.
    fn read_line(&mut self) -> io::Result<bool> {
        let begin = self.window.len();
        let limit = LINE_SIZE_MAX_BYTES as u64;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut self.window)? == 0 {
            return Ok(false);
        }
        let mut overlong = false;
        if self.window.ends_with(b"\n") {
            self.window.pop();
            if self.window.len() > begin && self.window.ends_with(b"\r") {
                self.window.pop();
            }
        } else if self.window.len() - begin == LINE_SIZE_MAX_BYTES {
            overlong = true;
            self.input.skip_until(b'\n')?;
        }
        self.window.push(b'\n');
        self.window_lines.push_back(PhysicalLine { size_bytes: self.window.len() - begin, overlong });
        Ok(true)
    }

    fn consume(&mut self, lines: usize) {
        let size_bytes: usize = self.window_lines.drain(..lines).map(|line| line.size_bytes).sum();
        self.window.drain(..size_bytes);
        self.line += lines as u64;
    }

    /// Parses the first `size_bytes` of the window as one record into `text` and `ends`.
    fn parse(&mut self, size_bytes: usize) -> Parsed {
        // One byte more than the record can need, or the parser would stop to ask for room.
        self.text.resize(size_bytes + 1, 0);
        self.parser.reset();
        let window = &self.window[..size_bytes];
        let (result, _, _, fields) = self.parser.read_record(window, &mut self.text, &mut self.ends);
        match result {
            ReadRecordResult::Record => Parsed { fields, closed: true },
            ReadRecordResult::InputEmpty => {
                // Inside quotes. Told that the input is over, the parser closes the field and is clean again.
                let (_, _, _, last) = self.parser.read_record(&[], &mut [], &mut self.ends[fields..]);
                Parsed { fields: fields + last, closed: false }
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull | ReadRecordResult::End => {
                // A parser stopped in the middle keeps its position through a reset.
                self.parser = parser();
                Parsed { fields, closed: false }
            }
        }
    }
}

/// Whether quotes stand only where RFC 4180 has them: around whole fields, and doubled inside.
///
/// On one line nobody minds a `6" RULER`. But a stray quote and the opening quote of the same column some lines below
/// make a pair between them, and so a record of the right width that nobody wrote; only this tells.
fn is_well_quoted(record: &[u8]) -> bool {
    enum At {
        FieldStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    for byte in record {
        at = match at {
            At::FieldStart => match byte {
                b'"' => At::Quoted,
                b',' => At::FieldStart,
                _ => At::Plain,
            },
            At::Plain => match byte {
                b'"' => return false,
                b',' => At::FieldStart,
                _ => At::Plain,
            },
            At::Quoted => match byte {
                b'"' => At::QuoteInQuoted,
                _ => At::Quoted,
            },
            At::QuoteInQuoted => match byte {
                b'"' => At::Quoted,
                b',' | b'\n' => At::FieldStart,
                _ => return false,
            },
        };
    }
    true
}

/// Lines are cut, and CRLF is unified, before the parser sees them; to it a lone CR is text like any other.
fn parser() -> Reader {
    ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of three columns makes of `bytes`, one line a record.
    fn read(bytes: &[u8]) -> String {
        let mut records = Records::new(bytes);
        records.expect_width(3);
        let mut seen = String::new();
        while let Some(record) = records.next().unwrap() {
            let fields: Vec<_> = (0..record.len()).map(|index| record.field(index)).collect();
            let damaged = if record.whole { "" } else { " damaged" };
            seen += &format!("{}{damaged}: {}\n", record.line, fields.join("|").replace('\n', "⏎"));
        }
        seen
    }

    #[test]
    fn line_numbers_are_those_of_the_file_through_blank_lines_quotes_and_either_line_ending() {
        insta::assert_snapshot!(
            read(b"\xef\xbb\xbfa,b,c\r\n\r\n1,\"two, \"\"too\"\"\",3\n  \n4,\"five\r\nand more\",6\n7,8,9"),
            @r#"
        1: a|b|c
        3: 1|two, "too"|3
        5: 4|five⏎and more|6
        7: 7|8|9
        "#
        );
    }

    #[test]
    fn a_record_of_another_width_is_damaged_and_the_next_is_not() {
        insta::assert_snapshot!(read(b"1,2\n1,2,3\n1,2,3,4\n1,2,3\n"), @"
        1 damaged: 1|2
        2: 1|2|3
        3 damaged: 1|2|3|4
        4: 1|2|3
        ");
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        insta::assert_snapshot!(read(b"1,\"2,3\n4,5,6\n7,\"8\",9\n1,2,\"3"), @"
    1 damaged: 1|2,3
    2: 4|5|6
    3: 7|8|9
    4 damaged: 1|2|3
    ");
    }

    #[test]
    fn a_quote_that_never_closes_costs_its_own_line_only() {
        let mut file = b"1,\"2,3\n".to_vec();
        file.extend(b"4,5,6\n".repeat(2 * RECORD_LINES_MAX));
        let seen = read(&file);
        assert_eq!(seen.lines().count(), 1 + 2 * RECORD_LINES_MAX);
        assert_eq!(seen.matches("damaged").count(), 1);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_as_latin_1() {
        insta::assert_snapshot!(read(b"1,caf\xe9 \xa35,3\n1,caf\xc3\xa9,3\n"), @"
        1: 1|café £5|3
        2: 1|café|3
        ");
    }

    #[test]
    fn an_endless_line_is_damaged_and_is_not_held_in_memory() {
        let mut file = vec![b'x'; 3 * LINE_SIZE_MAX_BYTES];
        file.extend(b"\n4,5,6\n");
        let mut records = Records::new(&file[..]);
        records.expect_width(3);
        let first = records.next().unwrap().unwrap();
        assert!(!first.whole);
        assert_eq!(first.field(0).len(), LINE_SIZE_MAX_BYTES);
        assert!(records.window.capacity() <= 2 * LINE_SIZE_MAX_BYTES);
        let second = records.next().unwrap().unwrap();
        assert_eq!((second.line, second.whole), (2, true));
    }

    #[test]
    fn more_fields_than_are_looked_at_make_a_damaged_record() {
        let mut file = ",".repeat(3 * FIELDS_MAX).into_bytes();
        file.extend(b"\n4,5,6\n");
        let seen = read(&file);
        assert!(seen.starts_with("1 damaged"));
        assert!(seen.ends_with("2: 4|5|6\n"), "{seen}");
    }
}
