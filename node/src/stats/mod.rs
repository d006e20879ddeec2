//! Figures: merges of the documents' summaries. Nothing is counted twice and nothing is stored.
//!
//! Called by the API and the console with the replica in hand; it reads no file and no clock.

mod account;
mod figures;

pub use account::{balance, statement};
pub use figures::{Freshness, township};
