//! A discrete-event simulator of a township's nodes. It drives the same `Replica` as the real node does, over
//! links that break and disks that lose what was not synced, in virtual time, and watches the promises.
//!
//! A [`plan::Plan`] says everything that will be done to the nodes; [`scenario`] makes plans from a seed;
//! [`engine::Engine`] carries one out and hands back a [`report::Report`]. The command line and the tests call
//! these three. Nothing here reads a clock, a file, an unordered map or another thread: the same plan gives the
//! same trace, byte for byte. No rule of the protocol is written here a second time, except where an oracle
//! must say on its own what may never happen.

#![forbid(unsafe_code)]

pub mod clock;
pub mod commons;
pub mod disk;
pub mod engine;
pub mod explore;
pub mod figures;
pub mod hostile;
pub mod link;
pub mod mutant;
pub mod node;
pub mod observer;
pub mod oracle;
pub mod plan;
pub mod plot;
pub mod quic;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod scheduler;
pub mod shrink;
pub mod spread;
pub mod stats;
pub mod trace;
pub mod workload;
