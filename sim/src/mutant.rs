//! Bugs that can be planted, to see that the oracles find them: a simulator that has never found a bug proves
//! nothing.
//!
//! Some are planted in the simulated driver and are in every build. The others are bugs of the protocol itself;
//! they exist only in builds with the feature `mutants`, which the node refuses to be built with.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::Refusal;
use xiangyue_protocol::mutant::{Mutant as Inner, PLANTABLE};

use crate::clock::ClockFault;
use crate::oracle::Violation;
use crate::plan::{Fault, Plan};
use crate::report::Report;
use crate::scenario::{self, Scenario, Set};
use crate::scheduler::SECOND;

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident $text:literal [$($promise:literal)+] $inner:expr;)*) => {
        /// A planted bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Mutant { $($(#[$doc])* $name,)* }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Mutant] = &[$(Mutant::$name,)*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str { match self { $(Mutant::$name => $text,)* } }

            /// The promises that it breaks, each of which may be the first to show.
            pub fn promises(self) -> &'static [u8] { match self { $(Mutant::$name => &[$($promise),+],)* } }

            /// The bug of the protocol that it is; none if it sits in the driver.
            pub fn in_protocol(self) -> Option<Inner> { match self { $(Mutant::$name => $inner,)* } }
        }
    };
}

mutants! {
    /// The driver says "durable" before the disk does.
    AcknowledgeBeforeSync "acknowledge-before-sync" [1] None;
    /// A crash takes the last segment that had been synced.
    LoseSyncedTail "lose-synced-tail" [1] None;
    /// Effects leave before what came before them is durable.
    HoldNothingBack "hold-nothing-back" [1] Some(Inner::HoldNothingBack);
    /// Rights that were granted away may still be spent.
    SpendGrantedTwice "spend-granted-twice" [2] Some(Inner::SpendGrantedTwice);
    /// A restored node may spend before its own lost entries are back.
    RestoreUnfrozen "restore-unfrozen" [2 7] None;
    /// A retry gets a slip number of its own.
    RenumberRetries "renumber-retries" [3] None;
    /// A retry is not recognised.
    CountRetryTwice "count-retry-twice" [3] Some(Inner::CountRetryTwice);
    /// An entry may be reversed again and again.
    ReverseTwice "reverse-twice" [3] Some(Inner::ReverseTwice);
    /// Segments are taken in whatever their author may write.
    SkipScope "skip-scope" [4] Some(Inner::SkipScope);
    /// The driver takes segments in without looking at their signature.
    SkipSignature "skip-signature" [4] None;
    /// A revocation changes nothing.
    IgnoreRevocation "ignore-revocation" [4] Some(Inner::IgnoreRevocation);
    /// The driver serves the whole journal where one document was asked for.
    ServeWholeJournal "serve-whole-journal" [5] None;
    /// New segments are pushed to every peer, reader or not.
    PushToAll "push-to-all" [5] Some(Inner::PushToAll);
    /// The driver keeps a session across a break instead of greeting anew.
    KeepSessionAcrossBreak "keep-session-across-break" [6] None;
    /// Documents that differ when a connection comes up are not compared further.
    DropOnReconnect "drop-on-reconnect" [6 9] Some(Inner::DropOnReconnect);
    /// A peer whose clock differs by more than a minute is refused.
    RefuseSkewedPeers "refuse-skewed-peers" [6 7] Some(Inner::RefuseSkewedPeers);
    /// A segment is taken in without its predecessors.
    AcceptGaps "accept-gaps" [6] Some(Inner::AcceptGaps);
    /// A start from an old backup goes on under an old incarnation.
    ReuseIncarnation "reuse-incarnation" [7] None;
    /// A copy of a node's disk goes on under the life that it was made in.
    CloneKeepsLife "clone-keeps-life" [7] None;
    /// A township does not keep a node out of which it has met two.
    LetTwinsIn "let-twins-in" [7] Some(Inner::LetTwinsIn);
    /// A frozen node thaws when anybody has greeted it.
    ThawTooSoon "thaw-too-soon" [7 2] Some(Inner::ThawTooSoon);
    /// Sessions stay when their connection is gone.
    KeepSessions "keep-sessions" [8] Some(Inner::KeepSessions);
    /// A peer counts as caught up with as soon as it has greeted.
    CaughtUpTooSoon "caught-up-too-soon" [9] Some(Inner::CaughtUpTooSoon);
}

impl Mutant {
    /// Whether this build has it.
    pub fn is_built(self) -> bool {
        PLANTABLE || self.in_protocol().is_none()
    }

    /// The violation that shows it in a run.
    pub fn shown_by(self, report: &Report) -> Option<&Violation> {
        report.violations.iter().find(|violation| self.promises().contains(&violation.promise))
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(text: &str) -> Result<Mutant, String> {
        let known = Mutant::ALL.iter().copied().find(|mutant| mutant.name() == text);
        known.ok_or_else(|| format!("no planted bug is called {text}; `xiangyue-sim mutants` lists them"))
    }
}

/// How a planted bug was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The seed under which it showed: they were tried from 1 on.
    pub seed: u64,
    /// What showed it.
    pub violation: Violation,
}

/// The plan that bugs are hunted with: villages that meet at a township and a merchant, power cuts, breaks, a
/// partition, and a village whose disk dies.
pub fn ground(seed: u64) -> Plan {
    let sets = ["fault.restore.chance=100%", "fault.crash.times=0..4", "phases.load=60s"];
    let sets: Vec<Set> = sets.iter().filter_map(|set| set.parse().ok()).collect();
    let plan = Scenario::of_library("three-villages", &sets).and_then(|scenario| scenario.plan(seed));
    plan.unwrap_or_else(|problem| unreachable!("the library's own file: {problem}"))
}

/// The same with a bug planted, and with the trouble that it takes to show it.
pub fn planted(mutant: Mutant, seed: u64) -> Plan {
    let mut plan = ground(seed);
    plan.mutant = Some(mutant);
    let (township, village, lasts) = (0, 1, 20 * SECOND);
    plan.faults.extend(match mutant {
        Mutant::SkipSignature => Some((20 * SECOND, Fault::Forge { node: township, lasts })),
        Mutant::IgnoreRevocation => Some((20 * SECOND, Fault::Revoke { node: village })),
        Mutant::SkipScope => Some((20 * SECOND, Fault::Flood { node: village, lasts, per_second: 2 })),
        Mutant::RefuseSkewedPeers => {
            let shows = ClockFault::Offset(600_000);
            Some((20 * SECOND, Fault::Clock { node: village, shows, lasts }))
        }
        Mutant::CloneKeepsLife | Mutant::LetTwinsIn => {
            Some((20 * SECOND, Fault::Clone { node: village, age: 0, beside: lasts }))
        }
        _ => None,
    });
    plan
}

/// Tries seeds from 1 to `seeds` until an oracle of a promise that the bug breaks has seen it.
///
/// # Errors
/// When a plan does not start.
pub fn hunt(mutant: Mutant, seeds: u64) -> Result<Option<Found>, Refusal> {
    for seed in 1..=seeds {
        let report = scenario::run(planted(mutant, seed))?;
        if let Some(violation) = mutant.shown_by(&report) {
            return Ok(Some(Found { seed, violation: violation.clone() }));
        }
    }
    Ok(None)
}
