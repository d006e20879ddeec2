//! What a run has counted: costs, delays, and whether the interesting things happened at all.
//!
//! A green run means little if its partition cut nothing and its crash hit nothing. "Sometimes" counts say so.

use std::collections::BTreeMap;

macro_rules! sometimes {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Something that a good set of runs has met at least once.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Sometimes { $($(#[$doc])* $name,)* }

        impl Sometimes {
            /// All of them.
            pub const ALL: &[Sometimes] = &[$(Sometimes::$name,)*];
            /// Those that partitions, breaks, crashes and restores alone bring about.
            pub const USUAL: &[Sometimes] = Sometimes::ALL.split_at(Sometimes::CameThroughOneWay as usize).0;
            /// Its key in summaries and under `[expect]`.
            pub fn name(self) -> String { format!("{self:?}") }
            /// For people.
            pub fn text(self) -> &'static str { match self { $(Sometimes::$name => $text,)* } }
        }
    };
}

sometimes! {
    /// A redemption was acknowledged while the network was cut.
    RedeemedInPartition "a partition overlapped a redemption";
    /// One account was redeemed on both sides of a cut.
    RedeemedOnBothSides "one account was redeemed on both sides of a partition";
    /// A redemption was refused because the rights lay elsewhere.
    RefusedForRights "a redemption was refused for lack of rights";
    /// A reversal left a debt.
    ReversalLeftDebt "a reversal left a debt";
    /// A request that had been acknowledged was made again.
    RetriedAcknowledged "a request that was acknowledged was retried";
    /// A request whose answer was lost in a crash was made again.
    RetriedAfterCrash "a request without an answer was retried after a crash";
    /// An entry that had survived a crash unacknowledged was recognised.
    SurvivorRecognised "a retry met its own entry that had survived a crash unacknowledged";
    /// A crash met appends that were not synced.
    CrashHitUnsynced "a crash hit an append that was not synced";
    /// A crash tore an append.
    CrashToreAppend "a crash tore an append";
    /// An append survived a crash although it was not synced.
    UnsyncedSurvived "an append that was not synced survived a crash";
    /// A crash met commands that were staged and not flushed.
    CrashHitStaged "a crash hit commands that were staged and not flushed";
    /// A break lost frames in flight.
    LostInFlight "a break lost frames in flight";
    /// A frame was sent into a connection that had broken unnoticed.
    SentIntoTheVoid "a frame was sent into a connection that had broken unnoticed";
    /// A break met two nodes that had not finished comparing.
    BrokeWhileComparing "a connection broke before both sides had compared";
    /// Something was written between a node's hello and its peer's.
    WrittenBetweenHellos "a segment was appended between a node's hello and its peer's";
    /// A segment arrived that was there already.
    Redundant "a segment arrived that was there already";
    /// A segment arrived whose predecessors were missing.
    Gap "a segment arrived before its predecessors";
    /// A segment arrived before the directory named its author.
    UnknownAuthor "a segment arrived before its author was known";
    /// A node came back from a backup.
    Restored "a node was restored from a backup";
    /// A restore waited until the township had what others held of the node.
    RestoreWaited "a restore waited for the township to hear what others held of the node";
    /// A restored node refused to spend.
    RefusedFrozen "a restored node refused to spend";
    /// A restored node was let go again.
    Thawed "a restored node was let spend again";
    // What only some faults bring about.
    /// A frame came over a connection that carried one way only.
    CameThroughOneWay "a frame came over a connection that carried one way only";
    /// A flapping partition was cut.
    Flapped "a flapping partition was cut";
    /// A node that has power by turns was switched on.
    PowerCameBack "a node that has power by turns was switched on";
    /// A link that is there by turns came on.
    LinkCameOn "a link that is there by turns came on";
    /// An entry was refused because the node's clock was behind its date.
    RefusedWrongClock "an entry was refused because the node's clock was behind its date";
    /// A peer that did not keep up was disconnected.
    ClosedSlowPeer "a peer that did not keep up was disconnected";
    /// A connection took the place of an older one with the same peer.
    ReplacedConnection "a connection took the place of an older one with the same peer";
    /// A node refused to write because its disk was full.
    RefusedDiskFull "a node refused to write because its disk was full";
    /// A sync failed, and the node stopped.
    IoFailed "a sync failed and the node stopped";
    /// A node started with damaged rows in its journal.
    StartedDamaged "a node started with damaged rows in its journal";
    /// A node was revoked.
    Revoked "a node was revoked";
    /// What a revoked node had written was refused.
    RefusedRevoked "what a revoked node had written was refused";
    /// A node wrote two entries under one number.
    Equivocated "a node wrote two entries under one number";
    /// A second entry under one number was refused.
    RefusedFork "a second entry under one number was refused";
    /// A relay altered a segment.
    Forged "a relay altered a segment";
    /// An altered segment was refused.
    RefusedForgery "an altered segment was refused";
    /// A segment without predecessors was sent on purpose.
    Flooded "a segment without predecessors was sent on purpose";
    /// A node was started again as a later version.
    Upgraded "a node was started again as a later version";
    /// A node greeted that speaks a later version.
    MetNewerVersion "a node greeted that speaks a later version";
    /// A record of a kind was written that this version does not know.
    WroteUnknownKind "a record was written of a kind that this version does not know";
    /// A merchant redeemed while it had no connection at all.
    RedeemedOffline "a merchant redeemed while it had no connection";
    /// An import of many entries was acknowledged.
    Imported "an import of many entries was acknowledged";
    /// A roster row was acknowledged.
    RosterEdited "a roster row was acknowledged";
    /// An entry was taken back by one that is dated in an earlier month.
    ReversedAtClose "an entry was taken back while its month was being closed";
    /// A copy of a node's disk was started beside it.
    Cloned "a copy of a node's disk was started beside it";
    /// A township met both and keeps them out.
    KeptTwinsOut "a township had met a node and its copy, and kept both out";
    /// One of the two was refused what would have spent points.
    RefusedTwin "a node that had been told of its copy refused to spend";
    /// Both had spent the same points.
    SpentByBoth "a node and its copy spent the same points";
    /// A township let a node in again.
    Readmitted "a township let a node in again that had run twice";
    /// An alarm was raised that a fault of the plan explains.
    AlarmRaised "an alarm was raised that a fault explains";
    /// The core came to rest on its own.
    CoreRestedAlone "the core came to rest on its own";
}

/// Delays and costs of one run.
#[derive(Debug, Default, Clone)]
pub struct Stats {
    /// How often each thing happened.
    pub sometimes: BTreeMap<Sometimes, u64>,
    /// Entries acknowledged to clerks.
    pub acknowledged: u64,
    /// Frames sent.
    pub frames: u64,
    /// Frames that carried a segment.
    pub segments_sent: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Segments written by their authors.
    pub segments: u64,
    /// Changes in these.
    pub changes: u64,
    /// Segments accepted from peers.
    pub received: u64,
    /// Segments received that were there already.
    pub redundant: u64,
    /// Segments that somebody besides their author's node reads.
    pub shared: u64,
    /// How often these must arrive until every reader has all of them.
    pub due: u64,
    /// Redemptions and grants that clerks asked for, each try counted.
    pub spends: u64,
    /// Virtual milliseconds from writing a segment until its last reader had it.
    pub convergence: Vec<u64>,
}

impl Stats {
    /// Counts one occurrence.
    pub fn met(&mut self, what: Sometimes) {
        *self.sometimes.entry(what).or_insert(0) += 1;
    }

    /// Counts occurrences.
    pub fn met_times(&mut self, what: Sometimes, times: u64) {
        *self.sometimes.entry(what).or_insert(0) += times;
    }

    /// How often something happened.
    pub fn count(&self, what: Sometimes) -> u64 {
        self.sometimes.get(&what).copied().unwrap_or(0)
    }

    /// Adds another run's counts, for a table over seeds.
    pub fn add(&mut self, other: &Stats) {
        for (what, times) in &other.sometimes {
            self.met_times(*what, *times);
        }
        self.acknowledged += other.acknowledged;
        self.frames += other.frames;
        self.segments_sent += other.segments_sent;
        self.bytes += other.bytes;
        self.segments += other.segments;
        self.changes += other.changes;
        self.received += other.received;
        self.redundant += other.redundant;
        self.shared += other.shared;
        self.due += other.due;
        self.spends += other.spends;
        self.convergence.extend(&other.convergence);
    }

    /// Segments that arrived although they were there, of all that arrived; in thousandths.
    pub fn redundant_permille(&self) -> u64 {
        self.redundant * 1000 / (self.received + self.redundant).max(1)
    }
}

/// The value below which `percent` of a hundred lie (nearest rank); 0 of none.
pub fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!([50, 90, 99, 100].map(|p| percentile(&values, p)), [50, 90, 99, 100]);
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 99), 0);
    }
}
