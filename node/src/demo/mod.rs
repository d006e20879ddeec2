//! The demo: Lucheng town in small, from files to statistics, on processes of this same binary.
//!
//! It drives the nodes through the same commands and the same local API as an operator; nothing in the product
//! knows of it.

mod article;
mod data;
mod partition;
mod processes;
mod progress;
mod run;
mod stop;
mod town;

pub use run::{demo, scale};
pub use stop::stopped_by;
