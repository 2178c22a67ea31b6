//! The requirements: every id has one row in `docs/requirements.md`, and what a row names as its proof exists.

use crate::ledger::Ledger;

/// The source documents, and how many requirements each has: `S000-01` to `S000-54`, and so on.
const SOURCES: &[(&str, u32)] = &[("S000", 54), ("S001", 48), ("S002", 79), ("S003", 27), ("S004", 24)];

pub(crate) const REQUIREMENTS: Ledger = Ledger { page: "docs/requirements.md", ids };

fn ids() -> Vec<String> {
    let of_source = |(source, count): &(&str, u32)| {
        let source = (*source).to_owned();
        (1..=*count).map(move |number| format!("{source}-{number:02}"))
    };
    SOURCES.iter().flat_map(of_source).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_as_many_as_the_sources_have() {
        let ids = super::ids();
        assert_eq!((ids.len(), ids[0].as_str(), ids[231].as_str()), (232, "S000-01", "S004-24"));
    }
}
