//! Pages that keep a promise: a table with one row for each id, and what a row names as its proof exists.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    gate::{GATES, Outcome},
    tidy::source_files,
};

/// In a row that nothing shows yet.
pub(crate) const NOT_YET: &str = "not yet";

/// A page whose table has one row for each id: `| id | what | where | test |`.
pub(crate) struct Ledger {
    pub(crate) page: &'static str,
    pub(crate) ids: fn() -> Vec<String>,
}

struct Row<'a> {
    line: usize,
    id: &'a str,
    place: &'a str,
    /// Test functions in backticks and `gate NAME`s, separated by commas; or "not yet".
    test: &'a str,
}

impl Ledger {
    pub(crate) fn check(&self, root: &Path) -> Result<Outcome> {
        let text = fs::read_to_string(root.join(self.page)).with_context(|| format!("cannot read {}", self.page))?;
        let mut functions = BTreeSet::new();
        for source in source_files(root)? {
            functions.extend(source.functions().map(str::to_owned));
        }
        let rows = self.rows(&text);
        let shown = rows.iter().filter(|row| row.test != NOT_YET).count();
        let summary = format!("{shown} of {} shown by a test", (self.ids)().len());
        Ok(Outcome::of(self.problems(&rows, &functions, |path| root.join(path).exists()), summary))
    }

    fn rows<'a>(&self, text: &'a str) -> Vec<Row<'a>> {
        let initials: BTreeSet<_> = (self.ids)().iter().filter_map(|id| id.chars().next()).collect();
        let mut rows = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let ["", id, _, place, test, ""] = cells[..]
                && id.starts_with(|first| initials.contains(&first))
                && id.ends_with(|last: char| last.is_ascii_digit())
            {
                rows.push(Row { line: index + 1, id, place, test });
            }
        }
        rows
    }

    fn problems(&self, rows: &[Row<'_>], functions: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> Vec<String> {
        let page = self.page;
        let mut problems = Vec::new();
        let mut missing: BTreeSet<String> = (self.ids)().into_iter().collect();
        for row in rows {
            let mut report = |message: String| problems.push(format!("{page}:{}: {}: {message}", row.line, row.id));
            if !missing.remove(row.id) {
                report("the id is unknown, or has a row already".to_owned());
            }
            for path in in_backticks(row.place).filter(|path| is_path(path) && !exists(path)) {
                report(format!("there is no {path}"));
            }
            if row.test == NOT_YET {
                continue;
            }
            if row.place == NOT_YET {
                report("a test shows what is met nowhere".to_owned());
            }
            for proof in row.test.split(',').map(str::trim) {
                if let Some(gate) = proof.strip_prefix("gate ") {
                    if !GATES.iter().any(|known| known.name == gate) {
                        report(format!("there is no gate {gate}"));
                    }
                } else if let Some(name) = in_backticks(proof).next() {
                    let function = name.rsplit("::").next().unwrap_or(name);
                    if !functions.contains(function) {
                        report(format!("there is no test function {function}"));
                    }
                } else {
                    report(format!("\"{proof}\" is neither a test in backticks, nor a gate, nor \"{NOT_YET}\""));
                }
            }
        }
        problems.extend(missing.into_iter().map(|id| format!("{page}: {id} has no row")));
        problems
    }
}

fn in_backticks(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// A file or folder of the tree, as opposed to a route or a command.
fn is_path(text: &str) -> bool {
    ["crates/", "xtask/", "docs/", "deploy/", ".ci/"].iter().any(|folder| text.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Ledger, NOT_YET};

    const LEDGER: Ledger =
        Ledger { page: "docs/page.md", ids: || (1..=9).map(|number| format!("S0-{number:02}")).collect() };

    /// What is wrong with a page on which every other id has its row.
    fn found(row: &str) -> Vec<String> {
        let id = row.split('|').nth(1).unwrap().trim();
        let mut page = format!("{row}\n");
        for other in (LEDGER.ids)().iter().filter(|other| *other != id) {
            page.push_str(&format!("| {other} | something | {NOT_YET} | {NOT_YET} |\n"));
        }
        let functions = BTreeSet::from(["stock_is_held_once".to_owned()]);
        LEDGER.problems(&LEDGER.rows(&page), &functions, |path| path == "crates/wharf/src/lib.rs")
    }

    #[test]
    fn rows_that_keep_their_word_pass() {
        assert_eq!(found("| S0-01 | layers | not yet | not yet |"), [""; 0]);
        assert_eq!(found("| S0-01 | layers | `crates/wharf/src/lib.rs` | gate layers |"), [""; 0]);
        assert_eq!(found("| S0-09 | idempotent | `POST /api/orders` | `it::stock_is_held_once`, gate tidy |"), [""; 0]);
    }

    #[test]
    fn an_id_without_a_row_is_found() {
        assert_eq!(found("| S0-1 | mistyped | not yet | not yet |").len(), 1);
        let of_nothing = LEDGER.problems(&LEDGER.rows(""), &BTreeSet::new(), |_| true);
        assert_eq!((of_nothing.len(), of_nothing[0].as_str()), (9, "docs/page.md: S0-01 has no row"));
    }

    #[test]
    fn a_second_row_for_an_id_is_found() {
        let twice = "| S0-01 | a | not yet | not yet |\n| S0-01 | b | not yet | not yet |";
        assert_eq!(found(twice), ["docs/page.md:2: S0-01: the id is unknown, or has a row already"]);
    }

    #[test]
    fn a_proof_that_does_not_exist_is_found() {
        let row = |test: &str| found(&format!("| S0-01 | a | `crates/wharf/src/lib.rs` | {test} |"));
        assert_eq!(row("`gone`"), ["docs/page.md:1: S0-01: there is no test function gone"]);
        assert_eq!(row("gate beauty"), ["docs/page.md:1: S0-01: there is no gate beauty"]);
        assert_eq!(row("by hand").len(), 1);
        assert_eq!(row("").len(), 1);
    }

    #[test]
    fn a_place_that_does_not_exist_is_found() {
        let problem = "docs/page.md:1: S0-01: there is no crates/gone.rs";
        assert_eq!(found("| S0-01 | a | `crates/gone.rs` | not yet |"), [problem]);
        assert_eq!(found("| S0-01 | a | not yet | `stock_is_held_once` |").len(), 1);
    }
}
