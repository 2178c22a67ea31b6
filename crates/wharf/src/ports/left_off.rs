//! Where a claim left off that looked key by key, so that the next begins behind it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// For each endpoint, the turn after which to look on.
#[derive(Debug, Default)]
pub struct LeftOff(Mutex<HashMap<String, String>>);

impl LeftOff {
    /// The turn to look behind; empty at the beginning.
    pub fn at(&self, endpoint: &str) -> String {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.get(endpoint).cloned().unwrap_or_default()
    }

    /// Notes the last turn looked at; empty begins anew.
    pub fn set(&self, endpoint: &str, turn: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.to_owned(), turn);
    }
}
