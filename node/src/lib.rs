//! The driver around `xiangyue-protocol`: everything that touches a file, a socket, a clock or a person.

#![forbid(unsafe_code)]

/// Bugs are planted in the simulator's own builds alone. Building the node beside such a simulator in one go
/// would give it the same protocol; then it does not compile.
const _: () = assert!(!xiangyue_protocol::mutant::PLANTABLE, "build the node without the feature `mutants`");

pub mod api;
mod border;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod documents;
pub mod engine;
mod files;
pub mod i18n;
pub mod membership;
pub mod net;
pub mod pki;
pub mod registers;
pub mod reports;
pub mod run;
pub mod stats;
pub mod storage;
pub mod tables;
