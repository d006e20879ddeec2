//! What has gone over the network, for status and metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one peer, over all its connections. Bytes are those of frames, before QUIC's own.
#[derive(Debug, Default)]
pub struct Traffic {
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    segments_sent: AtomicU64,
    segments_received: AtomicU64,
}

impl Traffic {
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_received.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn segment_sent(&self) {
        self.segments_sent.fetch_add(1, Relaxed);
    }

    pub(super) fn segment_received(&self) {
        self.segments_received.fetch_add(1, Relaxed);
    }

    /// Bytes sent.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Relaxed)
    }

    /// Bytes received.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Relaxed)
    }

    /// Segments sent.
    pub fn segments_sent(&self) -> u64 {
        self.segments_sent.load(Relaxed)
    }

    /// Segments received.
    pub fn segments_received(&self) -> u64 {
        self.segments_received.load(Relaxed)
    }
}
