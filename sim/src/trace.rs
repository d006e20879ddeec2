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
        let mut head = [0; 20];
        head[..8].copy_from_slice(&time.to_be_bytes());
        head[8..12].copy_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes());
        head[12..16].copy_from_slice(&u32::try_from(what.len()).unwrap_or(u32::MAX).to_be_bytes());
        head[16..].copy_from_slice(&u32::try_from(detail.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.hasher.update(&head);
        self.hasher.update(what.as_bytes());
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
