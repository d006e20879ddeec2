//! Limits of QUIC connections, and whom to let in when many knock.
//!
//! Two limits cannot be set in quinn and are the driver's:
//! - [`HANDSHAKE_TIMEOUT`]: quinn has only the idle timeout (60 s here), which a peer that trickles packets can
//!   stretch. Wrap `connecting.await` in `tokio::time::timeout`; dropping it closes the attempt.
//! - [`admission`]: ask it for every `Incoming`, with the number of handshakes that are under way, and do as it says:
//!   `incoming.accept()`, `incoming.retry()`, or `incoming.refuse()`.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};
use xiangyue_protocol::transport::{
    CONNECTION_WINDOW, HANDSHAKE_MILLIS, IDLE_MILLIS, KEEP_ALIVE_MILLIS, STREAM_WINDOW, STREAMS,
};

/// A handshake that takes longer is given up.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(HANDSHAKE_MILLIS as u64);
/// Handshakes under way at which further ones are refused.
pub const MAX_HALF_OPEN: usize = 64;
/// Handshakes under way at which an address must first prove that it receives what we send.
pub const RETRY_FROM: usize = 16;
/// Bytes kept for attempts that the driver has not looked at yet: one, and all of them.
const INCOMING_BYTES: u64 = 16 * 1024;
const INCOMING_BYTES_TOTAL: u64 = 512 * 1024;

/// What to do with an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// `incoming.accept()`.
    Accept,
    /// `incoming.retry()`: answer with a token, keep nothing.
    Retry,
    /// `incoming.refuse()`.
    Refuse,
}

/// Decides about an attempt: `validated` is `incoming.remote_address_validated()`, `half_open` the number of
/// handshakes under way.
pub fn admission(validated: bool, half_open: usize) -> Admission {
    match half_open {
        MAX_HALF_OPEN.. => Admission::Refuse,
        RETRY_FROM.. if !validated => Admission::Retry,
        _ => Admission::Accept,
    }
}

/// The limits of one connection, the same at both ends.
pub(super) fn connection_limits() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .keep_alive_interval(Some(Duration::from_millis(KEEP_ALIVE_MILLIS.into())))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MILLIS))))
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}

/// Applies the limits to a server.
pub(super) fn limit_server(config: &mut quinn::ServerConfig) {
    config
        .transport_config(connection_limits())
        .max_incoming(MAX_HALF_OPEN)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_addresses_prove_themselves_when_many_knock() {
        assert_eq!(admission(false, 0), Admission::Accept);
        assert_eq!(admission(false, RETRY_FROM), Admission::Retry);
        assert_eq!(admission(true, RETRY_FROM), Admission::Accept);
        assert_eq!(admission(true, MAX_HALF_OPEN), Admission::Refuse);
        assert_eq!(admission(false, MAX_HALF_OPEN), Admission::Refuse);
    }
}
