//! An invariant that one query can prove.

use futures_util::TryStreamExt;

use super::{findings::Findings, report::IDS_PER_VIOLATION_MAX, snapshot::Snapshot};

/// An invariant of the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    /// Its name, as reports show it.
    pub(super) invariant: &'static str,
    /// What the found ids are of: `order`, `product`.
    pub(super) of: &'static str,
    /// Counts what is looked at.
    pub(super) rows: &'static str,
    /// Finds what breaks it: `id` and `detail` of each.
    pub(super) broken: &'static str,
}

impl Check {
    pub(super) async fn run(&self, shop: &mut Snapshot, findings: &mut Findings) -> sqlx::Result<()> {
        findings.checked(self.invariant, shop.number(self.rows).await?);
        // One more than is listed, so that the report knows that there are more.
        let sql = format!("{} ORDER BY 1, 2 LIMIT {}", self.broken, IDS_PER_VIOLATION_MAX + 1);
        let mut broken = shop.rows::<(i64, String)>(&sql);
        let mut found = 0;
        while let Some((id, detail)) = broken.try_next().await? {
            findings.add(self.invariant, format!("{}:{id}", self.of), || detail);
            found += 1;
        }
        if found > IDS_PER_VIOLATION_MAX {
            findings.add_more(self.invariant);
        }
        Ok(())
    }
}
