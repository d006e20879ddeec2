//! Starting the engine: journal, index, replica, and whether spending must wait for what the disk has lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};
use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::policy::Policy;
use xiangyue_protocol::replica::{Member, Replica};
use xiangyue_protocol::segment::Sealed;
use xiangyue_protocol::{Code, DocId, Hlc, NodeId, Refusal};

use super::Segments;
use super::handle::{Handle, Problem};
use super::thread::Engine;
use super::timer::Timer;
use crate::pki::Clock;
use crate::storage::{
    Index, JOURNAL_FOLDER, Journal, JournalOptions, NoIndex, Position, Recovery, SledIndex, SledOptions, disk_space,
};

/// Requests that may wait for the engine.
const QUEUE: usize = 1024;
/// An empty index takes one MiB; with less than this free it is not opened.
const INDEX_ROOM: u64 = 4 << 20;

/// What the engine is started with.
#[derive(Debug)]
pub struct Settings {
    /// The node's data folder.
    pub data: PathBuf,
    /// Who the node is; its incarnation and `frozen` as stored.
    pub member: Member,
    /// How it spreads what is new, and grants rights.
    pub policy: Policy,
    /// Whether the node has been told that it was revoked.
    pub revoked: bool,
    /// At a township: nodes that are kept out for running twice.
    pub twins: Vec<NodeId>,
    /// The trusted clock.
    pub clock: Arc<Clock>,
    /// How journal files are kept.
    pub journal: JournalOptions,
    /// Bytes of memory for the index's cache.
    pub cache_bytes: u64,
}

/// What the journal is known to have lost. Damage stays where it is, so only damage that is new begins a new life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Losses {
    damaged: Vec<Position>,
    missing_files: Vec<u32>,
}

impl Losses {
    fn of(recovery: &Recovery) -> Losses {
        Losses { damaged: recovery.damaged.clone(), missing_files: recovery.missing_files.clone() }
    }

    fn is_new(&self, known: &Losses) -> bool {
        *self != Losses::default() && self != known
    }
}

/// What the index knows beside its rows: up to where it covers the journal.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// The last segment that it covers.
    pub(super) end: Option<Position>,
    /// The replica's clock then.
    pub(super) clock: Hlc,
    /// What the journal had lost then; the node began a new life for it.
    pub(super) losses: Losses,
}

/// A started engine.
#[derive(Debug)]
pub struct Opened {
    /// How to talk to it.
    pub handle: Handle,
    /// The incarnation that it writes under; the caller stores it before anything is written.
    pub incarnation: u32,
    /// Whether spending waits for lost entries; stored likewise.
    pub frozen: bool,
    /// What was wrong with the journal, if anything was.
    pub recovered: Option<&'static str>,
}

/// Why a new life begins: what the node must assume that it has lost.
fn new_life(recovery: &Recovery, known: &Losses, missing: bool) -> Option<(&'static str, bool)> {
    if missing {
        Some(("the journal ends before what the index had seen durable", true))
    } else if recovery.damaged != known.damaged && !recovery.damaged.is_empty() {
        Some(("the journal holds damaged records", true))
    } else if recovery.missing_files != known.missing_files && !recovery.missing_files.is_empty() {
        Some(("journal files are missing", true))
    } else if recovery.cut.is_some() {
        // Nothing of a torn tail had been acknowledged or sent.
        Some(("the journal's tail was torn", false))
    } else {
        None
    }
}

/// Opens journal and index, rebuilds the replica and starts the thread. `remember` is called with the incarnation
/// and the frozen flag before the replica may write.
///
/// # Errors
/// When the journal cannot be opened, or `remember` fails.
pub fn open(settings: Settings, remember: impl FnOnce(u32, bool) -> Result<(), Refusal>) -> Result<Opened, Refusal> {
    let began = Instant::now();
    let Settings { data, mut member, policy, revoked, twins, clock, journal, cache_bytes } = settings;
    let mut index = open_index(&data, cache_bytes);
    let mut note: Note = index.note().and_then(|note| postcard::from_bytes(note).ok()).unwrap_or_default();
    let mut docs = load_docs(index.as_ref()).unwrap_or_else(|refusal| {
        warn!(%refusal, "index unreadable, rebuilding");
        note = Note::default();
        Vec::new()
    });
    let (journal, recovery) = Journal::open(&data.join(JOURNAL_FOLDER), journal)?;
    let reader = journal.reader();
    let missing = note.end.is_some_and(|end| reader.read(end).is_err());
    let losses = Losses::of(&recovery);
    let recovered = new_life(&recovery, &note.losses, missing);
    if missing || losses.is_new(&note.losses) {
        // The index has seen what the journal has lost: only what stands in the journal may be claimed.
        docs.clear();
        clear(index.as_mut())?;
        note = Note::default();
    }
    if let Some((_, lost)) = recovered {
        member.frozen |= lost;
    }
    let (incarnation, frozen) = (member.incarnation, member.frozen);
    remember(incarnation, frozen)?;
    let mut replica = Replica::new(member)?;
    replica.restore_standing(revoked, twins);
    replica.raise_clock(note.clock);
    for (id, doc) in docs {
        replica.restore(id, doc);
    }
    let segments = Segments::default();
    let mut dirty = BTreeSet::new();
    let mut end = note.end;
    let mut replayed = 0u64;
    for record in journal.iter_from(None) {
        let (position, bytes) = match record {
            Ok(record) => record,
            // Told at opening; what it held is fetched again from peers.
            Err(refusal) if refusal.code() == Code::Corrupt => continue,
            Err(refusal) => return Err(refusal),
        };
        let sealed = match Sealed::parse(bytes.into()) {
            Ok(sealed) => sealed,
            Err(refusal) => {
                warn!(%refusal, ?position, "record in the journal is not a segment of this version");
                continue;
            }
        };
        let header = sealed.header.clone();
        let covered = note.end.is_some_and(|covered| position <= covered);
        let counts = covered
            || replica.replay(sealed.from_journal()).unwrap_or_else(|refusal| {
                warn!(doc = %header.doc, author = %header.actor, %refusal, "segment in the journal does not open");
                false
            });
        if counts {
            segments.enter(&header, position);
        }
        if !covered {
            dirty.insert(header.doc);
            end = Some(position);
            replayed += 1;
        }
    }
    replica.govern(policy);
    clock.raise(replica.clock().millis());
    let (count, bytes) = segments.totals();
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(documents = replica.docs().len(), segments = count, bytes, replayed, millis, "data ready");
    if let Some((why, _)) = recovered {
        warn!(why, incarnation, frozen, damaged = recovery.damaged.len(), "recovered");
    }
    let (requests, receiver) = mpsc::channel(QUEUE);
    let mut timer = Timer::start(requests.downgrade())?;
    timer.set(clock.steady(), replica.due());
    let (keys, keys_seen) = watch::channel(replica.keys());
    let (problem, problem_seen) = watch::channel(Problem::default());
    let (changed, changed_seen) = watch::channel(0);
    let engine = Engine {
        replica,
        journal,
        index,
        segments: segments.clone(),
        clock,
        end,
        losses,
        dirty,
        keys,
        problem,
        changed,
        peers: BTreeMap::new(),
        waiting: BTreeMap::new(),
        confirmed: BTreeMap::new(),
        reissued: Vec::new(),
        room: None,
        checkpointed: Instant::now(),
        timer,
    };
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || engine.run(receiver))
        .map_err(|error| Refusal::new(Code::Disk, error))?;
    let handle = Handle { requests, keys: keys_seen, problem: problem_seen, changed: changed_seen, segments, reader };
    Ok(Opened { handle, incarnation, frozen, recovered: recovered.map(|(why, _)| why) })
}

/// Opens the index, or goes without. It holds nothing that the journal does not: without it a start takes longer, that
/// is all, and a full disk must not keep a node from being read.
fn open_index(data: &Path, cache_bytes: u64) -> Box<dyn Index> {
    // Opened for want of room it would be set aside as damaged; left alone, it serves again when there is room.
    let (free, total) = disk_space(data);
    if total > 0 && free < INDEX_ROOM {
        warn!(free, "no room for the index: the journal is read through");
        return Box::new(NoIndex);
    }
    match SledIndex::open(&data.join("index"), SledOptions { cache_bytes, ..SledOptions::default() }) {
        Ok(index) => {
            if let Some(why) = index.rebuilt() {
                warn!(why, "index set aside, rebuilding");
            }
            Box::new(index)
        }
        Err(refusal) => {
            warn!(%refusal, "no index: the journal is read through");
            Box::new(NoIndex)
        }
    }
}

fn load_docs(index: &dyn Index) -> Result<Vec<(DocId, Doc)>, Refusal> {
    let mut docs = Vec::new();
    index.scan(b"", &mut |key, value| {
        let id = std::str::from_utf8(key).map_err(|_| Refusal::new(Code::Corrupt, "index key"))?.parse()?;
        let doc = postcard::from_bytes(value).map_err(|error| Refusal::new(Code::Corrupt, error))?;
        docs.push((id, doc));
        Ok(())
    })?;
    Ok(docs)
}

/// Removes every row; durable with the next checkpoint.
fn clear(index: &mut dyn Index) -> Result<(), Refusal> {
    let mut keys = Vec::new();
    index.scan(b"", &mut |key, _| {
        keys.push(key.to_vec());
        Ok(())
    })?;
    let removals: Vec<_> = keys.iter().map(|key| (key.as_slice(), None)).collect();
    index.put_batch(&removals);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_cannot_be_opened_is_done_without() {
        let data = tempfile::tempdir().unwrap();
        assert!(format!("{:?}", open_index(data.path(), 1 << 20)).starts_with("SledIndex"));
        // Where its note should be, there is a folder: no reading, no writing, as on a disk that fails.
        std::fs::create_dir(data.path().join("index.note")).unwrap();
        let mut index = open_index(data.path(), 1 << 20);
        assert_eq!(format!("{index:?}"), "NoIndex");
        index.put_batch(&[(b"a", Some(b"1"))]);
        assert_eq!((index.checkpoint(b"note"), index.note(), index.get(b"a")), (Ok(()), None, Ok(None)));
    }
}
