//! The trace: a hash over every event and effect of a run, in order. Equal hashes mean equal runs.

use crate::scheduler::Micros;

/// Hashes what happens.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    notes: u64,
}

impl Trace {
    /// Enters that at `time`, at node `at`, `what` happened with `detail`.
    pub fn note(&mut self, time: Micros, at: usize, what: &str, detail: &[u8]) {
        self.notes += 1;
        self.hasher.update(&time.to_be_bytes());
        self.hasher.update(&(at as u64).to_be_bytes());
        self.hasher.update(&(what.len() as u64).to_be_bytes());
        self.hasher.update(what.as_bytes());
        self.hasher.update(&(detail.len() as u64).to_be_bytes());
        self.hasher.update(detail);
    }

    /// How many notes there are.
    pub fn notes(&self) -> u64 {
        self.notes
    }

    /// The hash, in hexadecimal digits.
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
