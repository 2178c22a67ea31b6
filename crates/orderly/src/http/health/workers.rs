//! Whether anybody works, where this process does not.

use wharf::Limits;

use super::{Patient, business::Finding};

/// `None` where this process works itself, and where nobody can tell: what carries signals has a check of its own, and the
/// database another.
pub(super) async fn finding(patient: &Patient) -> Option<Finding> {
    if patient.role.works() {
        return None;
    }
    let workers = patient.client.workers().await;
    let workers =
        workers.inspect_err(|error| tracing::warn!(%error, "nobody can tell whether a worker is alive")).ok()?;
    let silent_s = (Limits::default().heartbeat_every * Limits::HEARTBEATS_MISSED_MAX).as_secs();
    let reason = format!("workers: none has been heard of for {silent_s} s, so orders wait");
    Some(Finding { name: "workers", reason: workers.is_empty().then_some(reason) })
}
