//! Two records of the same thing, which one query can put beside each other.

use futures_util::TryStreamExt;

use super::{findings::Findings, report::IDS_PER_VIOLATION_MAX, snapshot::Snapshot};

/// Two records that must say the same. An audit proves that they do; a reconciliation tells what each of them says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    /// The code of what differs, as reconciliations show it.
    pub(crate) code: &'static str,
    /// What the found ids are of: `order`, `product`.
    pub(crate) of: &'static str,
    /// Counts what is compared.
    pub(crate) rows: &'static str,
    /// What the two records are called.
    pub(crate) records: [&'static str; 2],
    /// Finds what differs: `id`, and what either record says of it.
    pub(crate) differing: &'static str,
}

/// What differs: of which id, and what either record says.
pub(crate) type Differing = (i64, String, String);

impl Comparison {
    /// What differs, in the order of ids; at most `limit`.
    pub(crate) fn sql(&self, limit: usize) -> String {
        format!("{} ORDER BY 1, 2, 3 LIMIT {limit}", self.differing)
    }

    /// Proves it as an invariant.
    pub(super) async fn prove(
        &self,
        invariant: &'static str,
        shop: &mut Snapshot,
        findings: &mut Findings,
    ) -> sqlx::Result<()> {
        findings.checked(invariant, shop.number(self.rows).await?);
        // One more than is listed, so that the report knows that there are more.
        let sql = self.sql(IDS_PER_VIOLATION_MAX + 1);
        let mut differing = shop.rows::<Differing>(&sql);
        let mut found = 0;
        while let Some((id, one, other)) = differing.try_next().await? {
            let [first, second] = self.records;
            let detail = || format!("{first} {one}, {second} {other}");
            findings.add(invariant, format!("{}:{id}", self.of), detail);
            found += 1;
        }
        if found > IDS_PER_VIOLATION_MAX {
            findings.add_more(invariant);
        }
        Ok(())
    }
}
