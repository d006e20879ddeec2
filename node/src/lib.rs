//! The driver around `xiangyue-protocol`: everything that touches a file, a socket, a clock or a person.

#![forbid(unsafe_code)]

pub mod api;
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
pub mod run;
pub mod stats;
pub mod storage;
pub mod tables;
