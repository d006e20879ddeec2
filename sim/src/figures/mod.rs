//! From what runs have measured to what a table or a plot shows: percentiles, means with confidence intervals,
//! distributions, series over time, comparisons. Called by the commands `sweep`, `merge`, `compare` and `plot`.
//!
//! Nothing here opens a file or draws. Every figure has one definition, and it stands where it is computed; the
//! tests compare with values worked out by hand or taken from published tables.

pub mod cells;
pub mod estimate;
pub mod gathered;
pub mod metric;
pub mod rank;
pub mod recovery;
pub mod spread;
