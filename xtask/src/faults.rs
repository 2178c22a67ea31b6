//! The faults: every id has one row in `docs/faults.md`, and the tests that inject it exist.

use crate::ledger::Ledger;

/// What must survive: 48 faults of orderly, `o01` to `o48`, and 36 of wharf, `w01` to `w36`.
const PARTS: &[(char, u32)] = &[('o', 48), ('w', 36)];

pub(crate) const FAULTS: Ledger = Ledger { page: "docs/faults.md", ids };

fn ids() -> Vec<String> {
    PARTS.iter().flat_map(|(part, count)| (1..=*count).map(move |number| format!("{part}{number:02}"))).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_84_of_them() {
        let ids = super::ids();
        assert_eq!((ids.len(), ids[0].as_str(), ids[83].as_str()), (84, "o01", "w36"));
    }
}
