//! The node.

pub mod storage;
