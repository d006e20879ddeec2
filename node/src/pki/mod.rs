//! Who a node is, and how two nodes prove it to each other.
//!
//! A node is an Ed25519 key ([`Identity`]). A township's authority ([`Root`], [`Issuer`]) certifies that the key
//! belongs to an organisation ([`Spiffe`]); [`Tls`] turns both into quinn configurations, and [`peer_identity`]
//! says who is at the other end. A new node comes in through [`Token`], [`TokenBook`] and [`enrol`].
//!
//! The network driver and the command line call this module. Nothing here opens a socket, decides who may write
//! what (the protocol's access table does), or reads a clock other than [`Clock`]. Refusals and logs never carry
//! a key, a token or a person's name.

mod address;
mod book;
mod ca;
mod clock;
mod credentials;
mod crl;
pub mod enrol;
mod files;
mod identity;
mod secret;
mod spiffe;
mod tls;
mod token;
pub mod transport;
mod verify;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use book::{State, TokenBook, TokenStatus};
pub use ca::{Issuer, Root};
pub use clock::Clock;
pub use credentials::Credentials;
pub use crl::RevocationLists;
pub use identity::Identity;
pub use secret::{PseudonymKey, TokenSecret};
pub use spiffe::{Spiffe, TrustDomain};
pub use tls::{
    ENROL_ALPN, Purpose, SYNC_ALPN, Tls, enrol_client_config, handshake_refusal, peer_identity, purpose, server_pin,
};
pub use token::{Pin, Token};
pub use verify::Expected;
