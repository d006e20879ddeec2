//! The network: one QUIC endpoint that listens and dials, and a session for each connection.
//!
//! It decides whom to dial and when to try again; who may connect is decided by certificates and the directory,
//! and what is said on a connection by the replica.

mod dial;
mod endpoint;
mod enrol;
mod goodbye;
mod peers;
mod reset;
mod session;
mod traffic;

pub use endpoint::{Net, NetSettings, SyncPolicy};
pub use enrol::{Registrar, join, renew};
pub use peers::PeerInfo;
pub use traffic::Traffic;
