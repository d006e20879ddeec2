//! Accepting segments from peers: scope, revocation, forks, gaps; then append, and only then tell others.

use std::sync::Arc;

use super::{Alarm, Effect, PeerId, Replica};
use crate::access;
use crate::error::{Code, Refusal};
use crate::frame::Frame;
use crate::id::{Kind, NodeId};
use crate::segment::{Header, Segment};
use crate::time::Millis;

impl Replica {
    /// Takes a segment that `peer` sent and the driver has verified and opened.
    ///
    /// # Errors
    /// A refusal for the log; the state is unchanged, the author is quarantined where it is at fault.
    pub fn receive(&mut self, now: Millis, peer: PeerId, segment: Segment) -> Result<(), Refusal> {
        self.heard(now, peer);
        let header = &segment.header;
        self.check_author(peer, &segment).inspect_err(|refusal| self.refused(peer, header, refusal))?;
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        if header.first > have + 1 {
            self.ask_again(peer, &header.doc);
            return Err(Refusal::new(Code::Gap, format_args!("{} {} after {have}", header.doc, header.actor)));
        }
        self.check_branch(&segment, have).inspect_err(|refusal| self.refused(peer, header, refusal))?;
        if header.last <= have {
            self.counters.redundant += 1;
            self.peer_has(peer, header);
            self.thaw_if_caught_up();
            return Ok(());
        }
        let new_directory = header.doc.kind == Kind::Directory;
        self.apply(&segment);
        self.counters.received += 1;
        let segment = Arc::new(segment);
        self.append(Arc::clone(&segment));
        self.peer_has(peer, &segment.header);
        let header = &segment.header;
        self.emit(Effect::Send(peer, Frame::Have(vec![(header.doc.clone(), header.actor, header.last)])));
        self.announce(&segment, Some(peer));
        if new_directory {
            self.directory_changed();
        }
        self.thaw_if_caught_up();
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
        match self.views.directory.revocation(author) {
            Some(_) if !vouched => Err(Refusal::new(Code::Revoked, author)),
            _ => Ok(()),
        }
    }

    /// Compares a segment with the branch that is here: the same numbers must carry the same changes.
    fn check_branch(&mut self, segment: &Segment, have: u64) -> Result<(), Refusal> {
        let Header { doc: id, actor, first, last, .. } = &segment.header;
        let forked = |seq| Refusal::new(Code::Forked, format_args!("{id} {actor} at {seq}"));
        if self.forked.contains(&(id.clone(), *actor)) {
            return Err(forked(*first));
        }
        let tip = self.docs.get(id).map_or([0; 32], |doc| doc.tip(*actor));
        let same = if *first == have + 1 {
            have == 0 || segment.prev == tip
        } else if *last >= have {
            // Numbers overlap: `first <= have <= last`, so the change numbered `have` is in the segment.
            let at = usize::try_from(have - first).unwrap_or(usize::MAX);
            segment.changes.get(at).is_some_and(|change| change.id == tip)
        } else {
            true
        };
        if same && *actor == self.actor() && *last > have {
            // Somebody else continues under this node's own name and life.
            self.frozen = true;
            self.emit(Effect::Alarm(Alarm::Cloned));
            return Err(forked(*last));
        }
        if same {
            return Ok(());
        }
        self.forked.insert((id.clone(), *actor));
        self.emit(Effect::Alarm(Alarm::Forked { doc: id.clone(), actor: *actor, seq: have }));
        Err(forked(have))
    }
}
