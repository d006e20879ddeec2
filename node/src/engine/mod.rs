//! The engine: one thread that owns the replica, the journal and the index, and carries out effects.
//!
//! Everybody else talks to it through a [`Handle`]: the API and the importer submit commands and ask questions,
//! sessions bring frames and take what is to be sent. Requests that are waiting together share one flush and one
//! `fdatasync` (group commit). The engine decides nothing: the replica does.

mod handle;
mod segments;
mod start;
mod thread;
mod tidy;
mod timer;

pub use handle::{Answers, Handle, Outgoing, Problem};
pub use segments::Segments;
pub use start::{Opened, Settings, open};
pub use tidy::{tidy, tidy_regularly};
