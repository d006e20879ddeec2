//! The QUIC tier: the same scenarios with quinn-proto in the loop, for up to some fifty nodes.
//!
//! The tier of streams takes a connection for an ordered stream that breaks. Here it is what the node really uses: a
//! handshake in datagrams that may be lost, flow control, congestion control, probes that back off, an idle timeout.
//! Time stays virtual and the run repeatable. Called by the engine's wires; holds no rule of the protocol.

mod line;
mod tls;

pub use line::{Line, Told};
pub use tls::Tls;

#[cfg(test)]
mod tests;
