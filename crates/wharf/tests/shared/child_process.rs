//! A test of this binary run in a process of its own, so that it can be killed. Shared by the tests of the engines.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

/// Killed when it is dropped.
pub(crate) struct ChildProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl ChildProcess {
    /// Starts this ignored test, with these variables beside ours.
    pub(crate) fn start<'a>(test: &str, variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Waits until it has said so, so often.
    pub(crate) fn wait_for(&mut self, words: &str, times: usize) {
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        assert_eq!(lines.filter(|line| line == words).take(times).count(), times, "it ended before it was `{words}`");
    }

    /// SIGTERM.
    pub(crate) fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.unwrap().success());
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        assert!(!self.ends_well());
    }

    /// Waits for its end, and says whether it was a good one.
    pub(crate) fn ends_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Most have ended by now; the error that says so is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
