//! What both ends of a xiangyue sync must agree on.
//!
//! There is no socket, file, clock, thread, randomness or unordered map in this crate: times, random bytes
//! and keys are arguments, so the same inputs give the same bytes. `xiangyue-node` and `xiangyue-sim` drive it.

#![forbid(unsafe_code)]

pub mod access;
mod account_numbers;
mod body;
pub mod change;
pub mod command;
pub mod doc;
pub mod error;
pub mod escrow;
pub mod forms;
pub mod frame;
pub mod id;
mod known;
pub mod mutant;
pub mod org;
pub mod pieces;
pub mod policy;
pub mod provisions;
pub mod record;
pub mod replica;
pub mod schema;
pub mod segment;
pub mod summary;
pub mod time;
pub mod transport;
pub mod views;
mod wire;

pub use command::{Amend, Command, ExpireRequest, GrantRequest, Outcome, PutRequest, ReverseRequest, Verdict};
pub use error::{Code, Refusal, Side};
pub use id::{Actor, DocId, Kind, NodeId, Shard};
pub use org::{Level, OrgCode};
pub use time::{Date, Hlc, Millis, Month};
