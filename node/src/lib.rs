//! The node.

#![forbid(unsafe_code)]

pub mod demo;
pub mod tables;
