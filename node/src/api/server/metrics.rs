//! Metrics in Prometheus' text format, computed when asked for. No account, person or key is among them.
//!
//! Written by hand: every value stands in some other place already, so a registry would only copy them.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{Refused, Services, status};
use crate::api::types::Hold;

/// One line with its help and type.
fn metric(out: &mut String, kind: &str, name: &str, help: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP xiangyue_{name} {help}\n# TYPE xiangyue_{name} {kind}\nxiangyue_{name} {value}");
}

pub(super) async fn metrics(State(services): State<Services>) -> Result<Response, Refused> {
    let state = status::gather(&services).await?;
    let counters = services.engine.ask(|replica| (replica.counters(), replica.views().overspent().count())).await?;
    let (counters, overspent) = counters;
    let problem = services.engine.problem();
    let mut out = String::new();
    let o = &mut out;
    metric(o, "counter", "segments_received_total", "Segments accepted from peers.", counters.received);
    metric(o, "counter", "segments_redundant_total", "Segments from peers that were here already.", counters.redundant);
    metric(o, "counter", "segments_refused_total", "Segments refused.", counters.refused);
    metric(o, "counter", "segments_committed_total", "Segments written here.", counters.committed);
    metric(o, "counter", "rows_announced_total", "Segments announced to peers instead of pushed.", counters.announced);
    metric(o, "counter", "rows_wanted_total", "Segments asked for after an announcement.", counters.wanted);
    metric(o, "counter", "links_pruned_total", "Times that a peer was asked to announce, not push.", counters.pruned);
    metric(o, "counter", "auto_grants_total", "Rights granted without a clerk.", counters.granted);
    metric(o, "counter", "asks_total", "Rights asked for after a refusal.", counters.asked);
    metric(o, "gauge", "open_asks", "Asks for rights that nobody has answered.", state.grants.open_asks);
    metric(o, "gauge", "segments", "Segments in the journal.", state.segments);
    metric(o, "gauge", "journal_bytes", "Bytes of the journal's files.", state.journal_bytes);
    metric(o, "gauge", "documents", "Documents held.", state.documents);
    metric(o, "gauge", "quarantined_authors", "Authors whose segments were refused.", state.quarantined);
    metric(
        o,
        "gauge",
        "accounts_overspent",
        "Accounts that some node has overspent; 0 unless something is very wrong.",
        overspent,
    );
    metric(
        o,
        "gauge",
        "accounts_shared",
        "Account numbers that several villages have opened, as a township sees it.",
        state.shared_accounts_total,
    );
    metric(o, "gauge", "read_only", "1 after a disk fault.", u8::from(problem.read_only.is_some()));
    metric(o, "gauge", "disk_full", "1 while writing waits for disk space.", u8::from(problem.disk_full));
    metric(o, "gauge", "disk_free_bytes", "Bytes free on the data folder's disk.", state.disk.free);
    metric(o, "gauge", "frozen", "1 while nothing may be spent here.", u8::from(state.frozen));
    metric(o, "gauge", "revoked", "1 when this node was revoked.", u8::from(state.hold == Some(Hold::Revoked)));
    let twins = state.villages.iter().map(|village| village.twins.len()).sum::<usize>();
    let twins = twins + usize::from(state.hold == Some(Hold::Twin));
    metric(o, "gauge", "twins", "Nodes of which two copies are running, this one included.", twins);
    let off = state.clock_off_ms / 1000;
    metric(o, "gauge", "clock_off_seconds", "The machine's clock minus the time that entries are dated by.", off);
    metric(o, "gauge", "certificate_days", "Days until the certificate ends.", state.certificate_days);
    let connected = state.peers.iter().filter(|peer| peer.connected).count();
    metric(o, "gauge", "peers_connected", "Peers connected.", connected);
    let behind: u64 = state.peers.iter().filter_map(|peer| peer.changes_behind).sum();
    metric(o, "gauge", "changes_behind", "Changes that connected peers have and this node lacks.", behind);
    let sent: u64 = state.peers.iter().map(|peer| peer.bytes_sent).sum();
    metric(o, "counter", "bytes_sent_total", "Bytes of frames sent.", sent);
    let received: u64 = state.peers.iter().map(|peer| peer.bytes_received).sum();
    metric(o, "counter", "bytes_received_total", "Bytes of frames received.", received);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response())
}
