//! Accepting segments from peers: scope, revocation, forks, gaps; then append, and only then tell others.

use std::sync::Arc;

use super::{Alarm, Effect, PeerId, Replica};
use crate::access;
use crate::doc::{Doc, tip_mark};
use crate::error::{Code, Refusal};
use crate::frame::Frame;
use crate::id::{Kind, NodeId};
use crate::mutant::Mutant;
use crate::segment::{ChangeId, Header, Segment};
use crate::time::{Hlc, Millis};

/// How far ahead of this node's own time another's clock may pull it: what two honest clocks may differ by. One village
/// whose clock is hours ahead must not move the day at its township, which all others go by.
const CLOCK_AHEAD_MS: u64 = 60_000;

impl Replica {
    /// Takes a segment that `peer` sent and the driver has verified and opened.
    ///
    /// # Errors
    /// A refusal for the log; the state is unchanged, the author is quarantined where it is at fault.
    pub fn receive(&mut self, now: Millis, peer: PeerId, segment: impl Into<Arc<Segment>>) -> Result<(), Refusal> {
        let segment: Arc<Segment> = segment.into();
        self.heard(now, peer);
        let header = &segment.header;
        self.check_author(peer, &segment).inspect_err(|refusal| self.refused(peer, header, refusal))?;
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        if self.forked.contains(&(header.doc.clone(), header.actor)) {
            let refusal = Refusal::new(Code::Forked, format_args!("{} {}", header.doc, header.actor));
            self.refused(peer, header, &refusal);
            return Err(refusal);
        }
        if header.first > have + 1 && !self.has(Mutant::AcceptGaps) {
            if !self.is_coming(header) {
                self.ask_again(peer, &header.doc);
            }
            return Err(Refusal::new(Code::Gap, format_args!("{} {} after {have}", header.doc, header.actor)));
        }
        self.check_branch(peer, &segment, have).inspect_err(|refusal| self.refused(peer, header, refusal))?;
        if header.last <= have {
            self.peer_has(peer, header);
            if self.takes_in_place(peer, header) {
                self.counters.recut += 1;
                self.append(Arc::clone(&segment));
            } else {
                self.counters.redundant += 1;
                self.prune_duplicate(peer, &header.doc);
            }
            self.thaw_if_caught_up();
            return Ok(());
        }
        let new_directory = header.doc.kind == Kind::Directory;
        self.apply(&segment);
        let ahead = Hlc::at(Millis(now.0.saturating_add(CLOCK_AHEAD_MS)));
        if segment.header.hlc <= ahead {
            self.clock = self.clock.max(segment.header.hlc);
        }
        self.counters.received += 1;
        self.append(Arc::clone(&segment));
        self.peer_has(peer, &segment.header);
        let header = &segment.header;
        self.emit(Effect::Send(peer, Frame::Have(vec![(header.doc.clone(), header.actor, header.last)])));
        self.spread(now, &segment, Some(peer));
        if new_directory {
            self.directory_changed();
        }
        self.thaw_if_caught_up();
        self.set_review(now);
        Ok(())
    }

    /// Enters a refusal that the driver met before the segment reached [`Replica::receive`].
    pub fn reject(&mut self, now: Millis, peer: PeerId, header: &Header, refusal: &Refusal) {
        self.heard(now, peer);
        self.refused(peer, header, refusal);
    }

    fn refused(&mut self, peer: PeerId, header: &Header, refusal: &Refusal) {
        match refusal.code() {
            // Not the author's fault: the directory that names it has not arrived.
            Code::UnknownAuthor => self.retry_later(peer, &header.doc),
            _ => self.set_aside(header.actor.node, refusal),
        }
    }

    fn check_author(&self, peer: PeerId, segment: &Segment) -> Result<(), Refusal> {
        let Header { doc, actor, .. } = &segment.header;
        let author = actor.node;
        if !access::may_carry(&self.member.org, doc) {
            return Err(Refusal::new(Code::NotReader, doc));
        }
        let org = self.org_of(author).ok_or_else(|| Refusal::new(Code::UnknownAuthor, author))?;
        let scope = |what: &str| Err(Refusal::new(Code::OutOfScope, format_args!("{what} in {doc} by {org}")));
        if self.has(Mutant::SkipScope) {
            return self.check_revocation(peer, author);
        }
        if !access::may_write(&org, doc) {
            return scope("anything");
        }
        for record in segment.records.iter().flatten() {
            if !access::may_write_record(&org, doc, record.kind()) {
                return scope(record.kind());
            }
        }
        self.check_revocation(peer, author)
    }

    /// A revoked author's segments count only if the township has accepted them: no one else vouches for it.
    fn check_revocation(&self, peer: PeerId, author: NodeId) -> Result<(), Refusal> {
        let vouched = self.session_org(peer).is_some_and(|org| Some(org) == self.member.org.township().as_ref());
        if self.is_revoked(author) && !vouched { Err(Refusal::new(Code::Revoked, author)) } else { Ok(()) }
    }

    /// Compares a segment with the branch that is here: the same numbers must carry the same changes, and the
    /// first new one must number its operations after the last.
    fn check_branch(&mut self, peer: PeerId, segment: &Segment, have: u64) -> Result<(), Refusal> {
        let Header { doc: id, actor, last, .. } = &segment.header;
        let forked = |seq| Refusal::new(Code::Forked, format_args!("{id} {actor} at {seq}"));
        let differs = self.docs.get(id).and_then(|doc| first_difference(doc, segment, have));
        if *actor == self.actor() && (differs.is_some() || *last > have) {
            self.note_clone();
        }
        match differs {
            Some(seq) => {
                self.forked.insert((id.clone(), *actor));
                self.emit(Effect::Alarm(Alarm::Forked { doc: id.clone(), actor: *actor, seq }));
                // Two signed segments are the proof: the peer holds one, and gets the other.
                self.emit(Effect::Serve { peer, doc: id.clone(), actor: *actor, after: seq - 1, upto: have });
                Err(forked(seq))
            }
            None if *actor == self.actor() && *last > have => Err(forked(*last)),
            None => self.check_operations(segment, have),
        }
    }

    fn check_operations(&self, segment: &Segment, have: u64) -> Result<(), Refusal> {
        let Header { doc, actor, first, .. } = &segment.header;
        let used = self.docs.get(doc).and_then(|doc| doc.vector.get(actor)).map_or(0, |tip| tip.max_op);
        let new = (*first..).zip(&segment.changes).find(|(seq, _)| *seq > have);
        match new {
            Some((seq, change)) if change.start_op <= used => {
                Err(Refusal::new(Code::BadSegment, format_args!("{doc} {actor} at {seq}: operation numbers")))
            }
            _ => Ok(()),
        }
    }
}

/// The first number under which a segment and the branch that is here hold different changes.
pub(super) fn first_difference(doc: &Doc, segment: &Segment, have: u64) -> Option<u64> {
    let Header { actor, first, .. } = segment.header;
    let here = |seq: u64, id: &ChangeId| match doc.vector.get(&actor) {
        Some(tip) if tip.last == seq => tip.id == *id,
        _ => doc.mark(actor, seq) == Some(tip_mark(id)),
    };
    let before = (first > 1).then_some((first - 1, &segment.prev));
    let overlap = (first..=have).zip(&segment.changes).map(|(seq, change)| (seq, &change.id));
    before.into_iter().chain(overlap).find(|(seq, id)| !here(*seq, id)).map(|(seq, _)| seq)
}
