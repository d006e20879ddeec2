//! The node's local API: the shapes that both ends share, and the client that the command line uses.
//!
//! It listens on loopback only, speaks JSON over HTTP under `/api/v1`, and asks for the bearer token that the
//! node writes to its data folder. Neither the shapes nor the client opens a journal or a document.

pub mod client;
pub mod server;
pub mod types;

/// Prefix of every path.
pub const PREFIX: &str = "/api/v1";
/// File in the data folder that holds the bearer token, mode 0600.
pub const TOKEN_FILE: &str = "api.token";
/// File in the data folder that holds the API's address, `host:port`.
pub const ADDRESS_FILE: &str = "api.addr";
