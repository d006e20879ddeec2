//! The workload: ledger entries that any program can generate again, byte for byte.
//!
//! Every measurement here takes its entries from [`entry`]; the product's own benches follow the same rule, so
//! that both sides carry equal fields. The rule is written out in the README with test vectors. It may hold no
//! randomness, no clock and nothing of the platform.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjType, ROOT};

/// 2026-11-01 00:00:00 in Shanghai, in seconds since 1970.
const MONTH_START: u64 = 1_793_462_400;
/// Seconds between one entry of a document and the next, before jitter: 1,852 of them fill a month.
const STEP: u64 = 1_399;
/// Accounts of one village.
const ACCOUNTS: u64 = 347;
/// What each rule pays, by the rule's number.
const POINTS: [i64; 10] = [1, 2, 2, 3, 5, 5, 10, 10, 20, 30];

/// One award: what a village clerk copies from a paper slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Request id, the entry's key in the document's root map.
    pub(crate) request: String,
    /// Pseudonymous account.
    pub(crate) account: String,
    /// Points earned.
    pub(crate) points: i64,
    /// Day, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// Rule of the rule book.
    pub(crate) rule: String,
    /// Clerk.
    pub(crate) by: String,
    /// Time of the change that carries it, in seconds since 1970.
    pub(crate) time: i64,
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), all arithmetic modulo 2^64.
fn mix(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Entry `n` (from 0) of document `doc` (from 0).
pub(crate) fn entry(doc: u32, n: u32) -> Entry {
    let hash = mix((u64::from(doc) << 32) | u64::from(n));
    let rule = (hash >> 16) % 10;
    let second = u64::from(n) * STEP + (hash >> 40) % 900;
    Entry {
        request: format!("S-{doc:02}-{n:06}"),
        account: format!("A-{doc:02}-{:04}", hash % ACCOUNTS),
        points: usize::try_from(rule).map_or(1, |rule| POINTS[rule]),
        date: format!("2026-11-{:02}", 1 + second / 86_400 % 30),
        rule: format!("R{rule:02}"),
        by: format!("C-{doc:02}-{}", 1 + (hash >> 32) % 3),
        time: i64::try_from(MONTH_START + second).unwrap_or(i64::MAX),
    }
}

/// How many of `entries` fall to document `doc` of `docs`: equal shares, the first documents take the rest.
pub(crate) fn share(entries: u32, docs: u32, doc: u32) -> u32 {
    entries / docs + u32::from(doc < entries % docs)
}

/// The 20-byte actor of `side` (0: the one that fills the documents) in document `doc`.
///
/// As long as the product's actors, so that headers weigh the same.
pub(crate) fn actor(doc: u32, side: u32) -> ActorId {
    let seed = (u64::from(side) << 48) | (u64::from(doc) << 32) | 0xFFFF_FFFF;
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&mix(seed).to_be_bytes());
    bytes[8..16].copy_from_slice(&mix(mix(seed)).to_be_bytes());
    ActorId::from(bytes)
}

/// Writes one entry as one change of seven operations; returns the hash of the change.
pub(crate) fn commit(document: &mut Automerge, entry: &Entry) -> Option<ChangeHash> {
    let options = CommitOptions::default().with_time(entry.time);
    let write = |tx: &mut automerge::transaction::Transaction<'_>| {
        let record = tx.put_object(ROOT, entry.request.as_str(), ObjType::Map)?;
        tx.put(&record, "kind", "award")?;
        tx.put(&record, "account", entry.account.as_str())?;
        tx.put(&record, "points", entry.points)?;
        tx.put(&record, "date", entry.date.as_str())?;
        tx.put(&record, "rule", entry.rule.as_str())?;
        tx.put(&record, "by", entry.by.as_str())
    };
    let done = document.transact_with::<_, _, AutomergeError, _>(|()| options, write);
    done.ok().and_then(|success| success.hash)
}

/// Document `doc` with its first `count` entries, one change each.
pub(crate) fn document(doc: u32, count: u32) -> Automerge {
    let mut document = Automerge::new().with_actor(actor(doc, 0));
    for n in 0..count {
        commit(&mut document, &entry(doc, n));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::ReadDoc;

    fn line(doc: u32, n: u32) -> String {
        let e = entry(doc, n);
        format!("{} {} {} {} {} {} {}", e.request, e.account, e.points, e.date, e.rule, e.by, e.time)
    }

    /// FNV-1a, 64 bits, over the lines of all entries, each ended by a line feed.
    fn digest(docs: u32, entries: u32) -> u64 {
        let lines = (0..docs).flat_map(|doc| (0..share(entries, docs, doc)).map(move |n| line(doc, n) + "\n"));
        lines.fold(0xCBF2_9CE4_8422_2325, |hash, line| {
            line.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
        })
    }

    #[test]
    fn entries_are_those_of_the_readme() {
        let readme = include_str!("../README.md");
        for (doc, n) in [(0, 0), (0, 1), (7, 1851), (53, 1850)] {
            assert!(readme.contains(&line(doc, n)), "not in the README: {}", line(doc, n));
        }
        let digest = format!("{:016x}", digest(54, 100_000));
        assert!(readme.contains(&digest), "not in the README: {digest}");
    }

    #[test]
    fn shares_add_up() {
        assert_eq!((0..54).map(|doc| share(100_000, 54, doc)).sum::<u32>(), 100_000);
        assert_eq!((share(100_000, 54, 0), share(100_000, 54, 53)), (1852, 1851));
    }

    #[test]
    fn an_entry_is_one_change_of_seven_operations() {
        let document = document(3, 5);
        assert_eq!(document.stats().num_changes, 5);
        assert_eq!(document.stats().num_ops, 35);
        let (_, record) = document.get(ROOT, "S-03-000004").unwrap().unwrap();
        let (points, _) = document.get(&record, "points").unwrap().unwrap();
        assert_eq!(points.as_i64(), Some(entry(3, 4).points));
    }
}
