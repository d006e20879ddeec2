//! Limits of a connection that both ends keep to: what the node sets in QUIC and the simulator's QUIC tier too.

/// Streams of each kind that a peer may have open.
pub const STREAMS: u32 = 16;
/// Bytes in flight on one stream.
pub const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes in flight on all streams of a connection.
pub const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// Milliseconds of silence after which a sign of life is sent.
pub const KEEP_ALIVE_MILLIS: u32 = 15_000;
/// Milliseconds of silence after which a peer can no longer be taken to be there: a sign of life is overdue, with room
/// for one that was lost and for a slow line.
pub const SILENT_MILLIS: u64 = 20_000;
/// Milliseconds of silence after which a connection counts as lost.
pub const IDLE_MILLIS: u32 = 60_000;
/// Milliseconds after which a handshake is given up.
pub const HANDSHAKE_MILLIS: u32 = 10_000;
