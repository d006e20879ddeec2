//! The four measurements. Each builds its own world, takes one reading and returns it as a JSON object.

use std::time::{Duration, Instant};

use automerge::Automerge;
use futures::StreamExt;
use samod::DocHandle;
use serde_json::{Value, json};

use crate::entries::{actor, commit, entry, share};
use crate::pair::{Failure, Pair, all_equal, documents, heads, ids, sorted};
use crate::wire::Bytes;

/// Entries that each end of `reconnect` has and the other lacks.
const DIFFERING: u32 = 10;

/// Size of a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Documents.
    pub(crate) docs: u32,
    /// Entries in all of them together.
    pub(crate) entries: u32,
    /// Whether the holder offers its documents unasked, as samod does by default, or only answers. Both at once
    /// send many documents twice.
    pub(crate) announce: bool,
}

/// An empty peer asks for all documents of a holder: time from dialling until all heads are equal.
pub(crate) async fn catch_up(size: Size) -> Result<Value, Failure> {
    let pair = Pair::new(size.announce).await?;
    let held = pair.fill(documents(size.docs, size.entries)).await?;
    let wanted: Vec<_> = held.iter().map(heads).collect();

    let start = Instant::now();
    pair.dial().await?;
    let fetched = pair.fetch(ids(&held)).await?;
    let fetched_after = start.elapsed();
    all_equal(&held, &fetched).await;
    let elapsed = start.elapsed();

    let bytes = pair.settled_bytes().await;
    if fetched.iter().map(heads).ne(wanted) {
        return Err("heads differ after catching up".into());
    }
    let saved = saved_bytes(&held);
    pair.stop().await;
    Ok(json!({
        "measure": "catch-up", "peer": "samod", "docs": size.docs, "entries": size.entries, "announce": size.announce,
        "seconds": seconds(elapsed), "seconds_found": seconds(fetched_after),
        "entries_per_second": per_second(size.entries, elapsed),
        "bytes_from_holder": bytes.from_holder, "bytes_to_holder": bytes.to_holder, "bytes_total": bytes.total(),
        "saved_bytes": saved, "bytes_over_saved": ratio(bytes.total(), saved),
    }))
}

/// Entries committed one after another at one end: time until each is visible at the other, and what it cost.
pub(crate) async fn single(base: u32, entries: u32, gap: Duration) -> Result<Value, Failure> {
    let world = Connected::new(base).await?;
    let mut changes = Box::pin(world.theirs.changes());
    let mut latencies = Vec::new();
    for n in base..base + entries {
        let next = entry(0, n);
        let start = Instant::now();
        let wanted = world.ours.with_document(|document| {
            commit(document, &next);
            sorted(document.get_heads())
        });
        while changes.next().await.ok_or("the document was closed")?.new_heads != wanted {}
        latencies.push(start.elapsed());
        tokio::time::sleep(gap).await;
    }
    latencies.sort();
    let bytes = world.finish().await?;
    let each = |bytes| ratio(bytes, u64::from(entries));
    Ok(json!({
        "measure": "single", "peer": "samod", "base_entries": base, "entries": entries, "gap_ms": millis(gap),
        "p50_ms": millis(quantile(&latencies, 50)), "p99_ms": millis(quantile(&latencies, 99)),
        "max_ms": millis(quantile(&latencies, 100)),
        "bytes_per_entry": each(bytes.total()), "bytes_per_entry_out": each(bytes.from_holder),
        "bytes_per_entry_back": each(bytes.to_holder),
    }))
}

/// Entries committed as fast as the writer can, one change each: rate until the other end has them all.
pub(crate) async fn burst(base: u32, entries: u32) -> Result<Value, Failure> {
    let world = Connected::new(base).await?;
    let mut changes = Box::pin(world.theirs.changes());
    let batch: Vec<_> = (base..base + entries).map(|n| entry(0, n)).collect();
    let writer = world.ours.clone();

    let start = Instant::now();
    let committing = tokio::task::spawn_blocking(move || {
        for entry in &batch {
            writer.with_document(|document| commit(document, entry));
        }
        (heads(&writer), start.elapsed())
    });
    let (wanted, committed) = committing.await?;
    let mut seen = heads(&world.theirs);
    while seen != wanted {
        seen = sorted(changes.next().await.ok_or("the document was closed")?.new_heads);
    }
    let elapsed = start.elapsed();

    let bytes = world.finish().await?;
    Ok(json!({
        "measure": "burst", "peer": "samod", "base_entries": base, "entries": entries,
        "seconds": seconds(elapsed), "seconds_committing": seconds(committed),
        "entries_per_second": per_second(entries, elapsed),
        "bytes_per_entry": ratio(bytes.total(), u64::from(entries)),
    }))
}

/// Both ends hold everything, part, write ten entries each, and meet again.
pub(crate) async fn reconnect(size: Size) -> Result<Value, Failure> {
    let pair = Pair::new(size.announce).await?;
    let held = pair.fill(documents(size.docs, size.entries)).await?;
    let first = pair.dial().await?;
    let fetched = pair.fetch(ids(&held)).await?;
    all_equal(&held, &fetched).await;
    pair.settled_bytes().await;
    pair.hang_up(&first).await;
    for i in 0..DIFFERING {
        write_alone(&held, size, i, 0);
        write_alone(&fetched, size, i, 1);
    }

    let before = pair.bytes();
    let equal = all_equal(&held, &fetched);
    let start = Instant::now();
    pair.dial().await?;
    equal.await;
    let elapsed = start.elapsed();
    let at_equal = pair.bytes().since(before);

    let bytes = pair.settled_bytes().await.since(before);
    if held.iter().map(heads).ne(fetched.iter().map(heads)) {
        return Err("heads differ after the reconnect".into());
    }
    pair.stop().await;
    Ok(json!({
        "measure": "reconnect", "peer": "samod", "docs": size.docs, "entries": size.entries, "announce": size.announce,
        "differing_each": DIFFERING, "seconds": seconds(elapsed), "bytes_until_equal": at_equal.total(),
        "bytes_from_holder": bytes.from_holder, "bytes_to_holder": bytes.to_holder, "bytes_total": bytes.total(),
    }))
}

/// Writes the `i`-th entry that `side` has alone: the holder into even documents, the peer into odd ones.
fn write_alone(handles: &[DocHandle], size: Size, i: u32, side: u32) {
    let doc = (2 * i + side) % size.docs;
    let new = entry(doc, share(size.entries, size.docs, doc) + side * DIFFERING + i);
    let Some(handle) = usize::try_from(doc).ok().and_then(|at| handles.get(at)) else { return };
    handle.with_document(|document| {
        document.set_actor(actor(doc, side));
        commit(document, &new)
    });
}

/// One document at both ends of a connection that has fallen silent.
struct Connected {
    pair: Pair,
    ours: DocHandle,
    theirs: DocHandle,
    before: Bytes,
}

impl Connected {
    async fn new(base: u32) -> Result<Connected, Failure> {
        let pair = Pair::new(true).await?;
        let held = pair.fill(documents(1, base)).await?;
        pair.dial().await?;
        let fetched = pair.fetch(ids(&held)).await?;
        all_equal(&held, &fetched).await;
        let before = pair.settled_bytes().await;
        let (Some(ours), Some(theirs)) = (held.into_iter().next(), fetched.into_iter().next()) else {
            return Err("no document".into());
        };
        Ok(Connected { pair, ours, theirs, before })
    }

    /// Checks that both ends agree and returns the bytes since the start.
    async fn finish(self) -> Result<Bytes, Failure> {
        let bytes = self.pair.settled_bytes().await.since(self.before);
        if heads(&self.ours) != heads(&self.theirs) {
            return Err("heads differ at the end".into());
        }
        self.pair.stop().await;
        Ok(bytes)
    }
}

fn saved_bytes(handles: &[DocHandle]) -> u64 {
    handles.iter().map(|handle| handle.with_document(|document: &mut Automerge| document.save().len() as u64)).sum()
}

/// The value that `percent` of the sorted readings do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64(), 1e4)
}

fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3, 1e3)
}

fn per_second(entries: u32, time: Duration) -> f64 {
    rounded(f64::from(entries) / time.as_secs_f64(), 1.0)
}

/// Byte counts here stay far below 2^53, where `f64` is exact.
fn ratio(part: u64, whole: u64) -> f64 {
    rounded(part as f64 / whole as f64, 1e3)
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size { docs: 3, entries: 30, announce: false };

    fn positive(value: &Value, key: &str) {
        assert!(value[key].as_f64().is_some_and(|number| number > 0.0), "{key} in {value}");
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        let sorted: Vec<_> = (1..=300).map(Duration::from_millis).collect();
        assert_eq!(quantile(&sorted, 50), Duration::from_millis(150));
        assert_eq!(quantile(&sorted, 99), Duration::from_millis(297));
        assert_eq!(quantile(&sorted, 100), Duration::from_millis(300));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_empty_peer_catches_up_and_the_wire_carries_at_least_the_content() {
        for announce in [true, false] {
            let result = catch_up(Size { announce, ..SMALL }).await.unwrap();
            positive(&result, "seconds");
            assert!(result["bytes_from_holder"].as_u64() > Some(300), "{result}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn single_entries_and_bursts_arrive() {
        positive(&single(5, 3, Duration::ZERO).await.unwrap(), "p50_ms");
        positive(&burst(0, 20).await.unwrap(), "entries_per_second");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn parted_peers_meet_again_with_equal_heads() {
        positive(&reconnect(SMALL).await.unwrap(), "bytes_total");
    }
}
