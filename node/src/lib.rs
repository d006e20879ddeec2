//! The driver around `xiangyue-protocol`: everything that touches a file, a socket, a clock or a person.

#![forbid(unsafe_code)]

pub mod api;
pub mod cli;
pub mod config;
pub mod console;
pub mod i18n;
pub mod run;
