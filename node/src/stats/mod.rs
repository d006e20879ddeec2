//! Figures: merges of the documents' summaries. Nothing is counted twice and nothing is stored.
//!
//! Called by the API and the console with the replica in hand; it reads no file and no clock.

mod account;
mod figures;
mod statement;
pub(crate) mod walk;

pub use account::balance;
pub use figures::{Freshness, township};
pub(crate) use figures::{date_in, horizon, scope_of};
pub use statement::statement;
