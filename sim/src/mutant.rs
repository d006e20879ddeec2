//! Bugs that can be planted in a driver, to see that an oracle finds each.

use serde::Serialize;

/// A bug planted in the driver, to see that an oracle finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Mutant {
    /// The driver says "durable" before the disk does.
    AcknowledgeBeforeSync,
    /// A crash takes the last segment that had been synced.
    LoseSyncedTail,
    /// A start from an old backup goes on under an old incarnation.
    ReuseIncarnation,
    /// A restored node may spend before its own lost entries are back.
    RestoreUnfrozen,
    /// The driver keeps a session across a break instead of greeting anew.
    KeepSessionAcrossBreak,
    /// The driver serves the whole journal where one document was asked for.
    ServeWholeJournal,
    /// A retry gets a slip number of its own.
    RenumberRetries,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 7] = [
        Mutant::AcknowledgeBeforeSync,
        Mutant::LoseSyncedTail,
        Mutant::ReuseIncarnation,
        Mutant::RestoreUnfrozen,
        Mutant::KeepSessionAcrossBreak,
        Mutant::ServeWholeJournal,
        Mutant::RenumberRetries,
    ];
}
