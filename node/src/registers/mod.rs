//! Figures over the rows of forms: one small tally for each document, kept until the document changes.
//!
//! A figure of a county is a sum over tallies, so that a change costs reading one document again and a report costs
//! adding. Rows are read from the journal off the engine's thread; what is kept of a document is its tally, the terms of
//! its few governance officers, and of the township's own small documents the rows too, since they say how things are
//! counted.
//!
//! Called by reports, the month's closing and the demo.

mod cases;
pub(crate) mod closing;
mod course;
mod events;
mod measure;
mod organisation;
mod points;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use xiangyue_protocol::forms::{Row, Rows};
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::summary::Summary;
use xiangyue_protocol::{Actor, Code, DocId, Kind, Level, Refusal};

pub use measure::Measure;
pub use tally::{Cell, Tally};

use crate::documents;
use crate::engine::Handle;

/// What is known of one document.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The document's digest when it was read; none if the journal did not have all of it yet.
    pub(crate) digest: Option<u64>,
    /// Its figures.
    pub tally: Arc<Tally>,
    /// Its rows, if it is the township's own.
    pub rows: Option<Arc<Rows>>,
    /// Its terms of governance officers, whose ages no tally could hold.
    pub officers: Arc<[Row]>,
}

/// The tallies of all documents that this node reads, by document.
pub type Counts = BTreeMap<DocId, Counted>;

/// The tallies of a node's documents, counted anew where a document has changed.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    known: Arc<Mutex<Arc<Counts>>>,
}

/// What the engine says of a document that is not known as it stands.
enum Changed {
    /// Count its points, which the summary has.
    Counted(Tally),
    /// Read its rows, which go so far.
    Read(Vec<(Actor, u64)>),
}

impl Registers {
    /// The tallies as they stand now.
    ///
    /// # Errors
    /// Of the disk; [`Code::BadSegment`](xiangyue_protocol::Code::BadSegment) when a stored segment does not open.
    pub async fn counts(&self, engine: &Handle) -> Result<Arc<Counts>, Refusal> {
        let known = self.known();
        let digests: BTreeMap<DocId, u64> =
            known.iter().filter_map(|(id, counted)| Some((id.clone(), counted.digest?))).collect();
        let changed = engine.ask(move |replica| changed(replica, &digests)).await?;
        if changed.is_empty() {
            return Ok(known);
        }
        let engine = engine.clone();
        let count = move || -> Result<Arc<Counts>, Refusal> {
            let mut counts = Counts::clone(&known);
            counts.extend(count(&engine, changed)?);
            Ok(Arc::new(counts))
        };
        let counts =
            tokio::task::spawn_blocking(count).await.map_err(|error| Refusal::new(Code::NotRunning, error))??;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&counts);
        Ok(counts)
    }

    fn known(&self) -> Arc<Counts> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The documents that are not known as they stand.
fn changed(replica: &Replica, digests: &BTreeMap<DocId, u64>) -> Vec<(DocId, u64, Changed)> {
    let docs = replica.docs().iter().filter(|(id, doc)| digests.get(id) != Some(&doc.digest()));
    docs.map(|(id, doc)| {
        let changed = match &doc.summary {
            Summary::Points(points) => Changed::Counted(points::tally(replica, id, points)),
            Summary::Register(register) if id.kind == Kind::Accounts => Changed::Counted(points::accounts(register)),
            Summary::Register(register) if register.marks.is_empty() => Changed::Counted(Tally::default()),
            Summary::Register(_) => Changed::Read(doc.vector.iter().map(|(actor, tip)| (*actor, tip.last)).collect()),
        };
        (id.clone(), doc.digest(), changed)
    })
    .collect()
}

/// Counts documents, on all processors: each is read by itself.
fn count(engine: &Handle, changed: Vec<(DocId, u64, Changed)>) -> Result<Vec<(DocId, Counted)>, Refusal> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(changed.len().max(1));
    let part = changed.len().div_ceil(workers).max(1);
    let mut changed = changed.into_iter();
    let parts: Vec<Vec<_>> = (0..workers).map(|_| changed.by_ref().take(part).collect()).collect();
    std::thread::scope(|scope| {
        let started: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| count_part(engine, part))).collect();
        let mut counted = Vec::new();
        for worker in started {
            counted.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(counted)
    })
}

fn count_part(engine: &Handle, part: Vec<(DocId, u64, Changed)>) -> Result<Vec<(DocId, Counted)>, Refusal> {
    part.into_iter()
        .map(|(id, digest, changed)| {
            let counted = match changed {
                Changed::Counted(tally) => {
                    Counted { digest: Some(digest), tally: Arc::new(tally), ..Counted::default() }
                }
                Changed::Read(tips) => {
                    // Asked before reading: what is placed by then is read.
                    let digest = engine.segments().hold(&id, &tips).then_some(digest);
                    let rows = documents::rows(engine, &id)?;
                    let tally = Arc::new(tally_of(&rows));
                    let officers = organisation::officers(&rows).cloned().collect();
                    Counted { digest, tally, rows: is_small(&id).then(|| Arc::new(rows)), officers }
                }
            };
            Ok((id, counted))
        })
        .collect()
}

fn is_small(id: &DocId) -> bool {
    id.org.level() == Level::Township && id.kind != Kind::Cases
}

/// The figures of one document's rows.
pub(crate) fn tally_of(rows: &Rows) -> Tally {
    let mut tally = Tally::default();
    organisation::count(rows, &mut tally);
    cases::count(rows, &mut tally);
    events::count(rows, &mut tally);
    for form in xiangyue_protocol::forms::ALL {
        let undecided = rows.histories(form).filter(|(_, history)| history.is_undecided()).count();
        tally.add(Cell::of(Measure::Undecided).class(form.name), undecided);
    }
    tally
}
