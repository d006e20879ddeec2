//! The demo: Lucheng town in small, from files to statistics.

pub mod data;
