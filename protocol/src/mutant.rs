//! Bugs that can be planted in a replica, to see that the simulator's oracles find them.
//!
//! Only a build with the feature `mutants` has anything to plant them with. In every other build the question
//! whether one is planted is a constant, and nothing of it is left in the program; the node refuses to compile
//! with the feature, so that building it beside the simulator cannot turn it on.

/// Whether bugs can be planted in this build.
pub const PLANTABLE: bool = cfg!(feature = "mutants");

/// A bug of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// Effects leave before what came before them is durable.
    HoldNothingBack,
    /// Rights that were granted away may still be spent here.
    SpendGrantedTwice,
    /// A retry is not recognised.
    CountRetryTwice,
    /// An entry may be reversed again and again.
    ReverseTwice,
    /// Segments are taken in whatever their author may write.
    SkipScope,
    /// A revocation changes nothing.
    IgnoreRevocation,
    /// New segments are pushed to every peer, reader or not.
    PushToAll,
    /// Documents that differ when a connection comes up are not compared further.
    DropOnReconnect,
    /// A segment is taken in without its predecessors.
    AcceptGaps,
    /// A frozen node thaws when anybody has greeted it.
    ThawTooSoon,
    /// A node of which the township has met two is not kept out.
    LetTwinsIn,
    /// A peer whose clock differs by more than a minute is refused.
    RefuseSkewedPeers,
    /// Sessions stay when their connection is gone.
    KeepSessions,
    /// A peer counts as caught up with as soon as it has greeted.
    CaughtUpTooSoon,
}
