//! What is logged while a test runs.

use std::{cell::RefCell, io, marker::PhantomData, sync::Once};

thread_local! {
    /// What was logged on this thread since somebody began to listen.
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Hears what is logged on this thread, from information on, until it is dropped. A test runs on one thread.
pub(crate) struct Log {
    /// It is of its thread.
    _thread: PhantomData<*const ()>,
}

impl Log {
    pub(crate) fn start() -> Self {
        // One for all tests: subscribers that come and go while others log miss what is logged meanwhile.
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::INFO)
                .without_time()
                .with_ansi(false)
                .with_writer(|| Ear)
                .init();
        });
        HEARD.set(Some(Vec::new()));
        Self { _thread: PhantomData }
    }

    /// The lines since it was last asked in which `word` stands, without the spaces before them.
    pub(crate) fn take(&self, word: &str) -> Vec<String> {
        let text = String::from_utf8(HEARD.replace(Some(Vec::new())).unwrap()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).filter(|line| line.contains(word)).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.as_mut().map(|heard| heard.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
