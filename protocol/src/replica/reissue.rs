//! Re-issuing: an author signs its small segments anew as large ones, and others take these in place of theirs.
//!
//! The changes and their hashes stay, so vectors, digests and documents do not change and nothing is sent to peers that
//! have them; whoever lacks them gets the large segments. A node that stores many small pieces of another's changes
//! asks for them in larger ones, quietly and now and then ([`Replica::recut`]), since it may be the one that serves
//! the next newcomer. Which runs are too many pieces says [`crate::pieces`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::receive::first_difference;
use super::{Effect, PeerId, Replica};
use crate::access;
use crate::body;
use crate::change::ChangeMeta;
use crate::error::{Code, Refusal};
use crate::frame::Frame;
use crate::pieces::{Crowd, FAN_IN};
use crate::record::Record;
use crate::segment::{Header, Segment};

/// Rows of one question.
const ROWS: usize = 512;
/// Pieces must become at most one in so many.
const WORTH: u64 = 4;

/// Changes on their way into one segment.
#[derive(Default)]
struct Joined {
    changes: Vec<ChangeMeta>,
    records: Vec<Vec<Record>>,
    operations: u64,
    bytes: usize,
}

impl Joined {
    fn has_room_for(&self, records: &[Record]) -> bool {
        let operations: u64 = records.iter().map(Record::ops).sum();
        let bytes: usize = records.iter().map(Record::bytes).sum();
        self.changes.len() < body::CHANGES
            && self.operations + operations <= body::OPERATIONS
            && self.bytes + bytes <= super::commit::SEGMENT_CONTENT
    }

    fn add(&mut self, change: &ChangeMeta, records: &[Record]) {
        self.operations += records.iter().map(Record::ops).sum::<u64>();
        self.bytes += records.iter().map(Record::bytes).sum::<usize>();
        self.changes.push(change.clone());
        self.records.push(records.to_vec());
    }
}

impl Replica {
    /// Signs consecutive stored segments of one of this node's own lives anew as few large ones, and asks for these to
    /// be appended. Nothing happens when they would not become far fewer. Until the appends are durable the driver
    /// serves the old ones; afterwards nobody needs them.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for another author's, [`Code::Gap`] when they do not follow each other, [`Code::Forked`]
    /// when they are not what this replica holds. Nothing has happened then.
    pub fn reissue(&mut self, segments: &[Segment]) -> Result<(), Refusal> {
        let Some(Header { doc: id, actor, first, .. }) = segments.first().map(|segment| &segment.header) else {
            return Ok(());
        };
        let refuse = |code| Err(Refusal::new(code, format_args!("{id} {actor}")));
        if actor.node != self.node {
            return refuse(Code::NotAllowed);
        }
        let mut parts = vec![Joined::default()];
        let mut next = *first;
        for segment in segments {
            let header = &segment.header;
            let doc = self.docs.get(id).filter(|doc| doc.last(*actor) >= header.last);
            if (&header.doc, &header.actor) != (id, actor) || header.first > next || doc.is_none() {
                return refuse(Code::Gap);
            }
            if doc.and_then(|doc| first_difference(doc, segment, header.last)).is_some() {
                return refuse(Code::Forked);
            }
            let changes = (header.first..).zip(segment.changes.iter().zip(&segment.records));
            for (_, (change, records)) in changes.filter(|(seq, _)| *seq >= next) {
                if parts.last().is_some_and(|part| !part.has_room_for(records)) {
                    parts.push(Joined::default());
                }
                parts.iter_mut().last().into_iter().for_each(|part| part.add(change, records));
            }
            next = next.max(header.last + 1);
        }
        if parts.len() as u64 * WORTH > segments.len() as u64 {
            return Ok(());
        }
        let hlc = segments.iter().map(|segment| segment.header.hlc).max().unwrap_or_default();
        let (mut first, mut prev) = (*first, segments[0].prev);
        let mut sealed = Vec::new();
        for Joined { changes, records, .. } in parts {
            let last = first + changes.len() as u64 - 1;
            let header = Header { doc: id.clone(), actor: *actor, first, last, hlc };
            let segment = Segment::seal(header, prev, changes, records, &self.member.key)?;
            (first, prev) = (last + 1, segment.tip());
            sealed.push(Arc::new(segment));
        }
        self.counters.reissued += sealed.len() as u64;
        sealed.into_iter().for_each(|segment| self.append(segment));
        Ok(())
    }

    /// Asks for runs of other authors' changes in fewer pieces: their author if it is connected, else the township.
    /// Call it now and then; who has nothing better stays silent.
    pub fn recut(&mut self, crowds: Vec<Crowd>) {
        let mut questions: BTreeMap<PeerId, Vec<Crowd>> = BTreeMap::new();
        let township = self.member.org.township();
        for crowd in crowds.into_iter().filter(|crowd| crowd.actor.node != self.node) {
            let may = |session: &super::Session| session.takes(&crowd.doc);
            let author = self.sessions.iter_mut().find(|(_, s)| s.node == crowd.actor.node && may(s));
            let asked = match author {
                Some(author) => Some(author),
                None => self.sessions.iter_mut().find(|(_, s)| Some(&s.org) == township.as_ref() && may(s)),
            };
            if let Some((peer, session)) = asked {
                session.recuts.insert((crowd.doc.clone(), crowd.actor), (crowd.first, crowd.last));
                questions.entry(*peer).or_default().push(crowd);
            }
        }
        for (peer, crowds) in questions {
            for crowds in crowds.chunks(ROWS) {
                self.emit(Effect::Send(peer, Frame::Recut(crowds.to_vec())));
            }
        }
    }

    /// A peer stores a run in so many pieces: it gets ours if they are far fewer.
    pub(super) fn asked_to_recut(&mut self, peer: PeerId, crowds: Vec<Crowd>) {
        for Crowd { doc, actor, first, last, pieces } in crowds.into_iter().take(ROWS) {
            let may = self.sessions.get(&peer).is_some_and(|session| session.takes(&doc));
            if may && access::may_carry(&self.member.org, &doc) && first > 0 {
                let at_most = pieces / WORTH;
                self.emit(Effect::Recut { peer, doc, actor, after: first - 1, upto: last, at_most });
            }
        }
    }

    /// Whether a segment of which everything is here was asked for, to be stored in place of smaller ones. Each change
    /// is taken at most once for each question.
    pub(super) fn takes_in_place(&mut self, peer: PeerId, header: &Header) -> bool {
        let Some(session) = self.sessions.get_mut(&peer) else { return false };
        let key = (header.doc.clone(), header.actor);
        let Some((first, last)) = session.recuts.get_mut(&key) else { return false };
        if header.last < *first || header.first > *last || header.last - header.first + 1 < FAN_IN {
            return false;
        }
        *first = header.last + 1;
        if first > last {
            session.recuts.remove(&key);
        }
        true
    }
}
