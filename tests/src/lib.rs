//! What the whole-system tests share: towns of real `xiangyue` processes, and a relay that loses packets.
//!
//! The tests under `tests/` use it and nothing of the node's own code: they speak to a node as people do, through
//! the command line, the local API and its files. Helpers panic: a test that cannot set up its world has failed.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is how they report")]

mod node;
mod relay;
mod replay;
mod town;
mod wait;

pub use node::{Answer, Node, binary, copy_folder, example_config, journal_file, run};
pub use relay::Relay;
pub use replay::{Outcome, replay};
pub use town::{ACCOUNT, ITEM, MERCHANT, NEIGHBOUR, RULE, TOWNSHIP, Town, VILLAGE, award, grant, redeem};
pub use wait::{wait_until, wait_until_ok};
