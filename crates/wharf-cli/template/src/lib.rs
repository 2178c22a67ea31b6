//! What this worker does. A new job is a file of its own and a line in [`module`].

mod greet;

use std::time::Duration;

use wharf::{JobOptions, Module};

pub use greet::Greet;

const HOUR: Duration = Duration::from_secs(3600);

/// The jobs, each with how it is run, and the schedules that send them.
pub fn module() -> Module<()> {
    let gently = JobOptions::default().timeout(HOUR).mirror_logs();
    let names = vec!["world".to_owned()];
    Module::new("my-worker", ())
        .job_with("greet", gently, greet::greet)
        .every(Duration::from_secs(60), Greet { names })
}
