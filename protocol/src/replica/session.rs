//! Reconciliation with one connected peer. All of it belongs to the connection and dies with it.
//!
//! Both sides say [`Hello`] with digests of the documents that both may hold. Documents that only one side has
//! are served at once; for those that differ, both send their vectors and serve what the other lacks: one and a
//! half round trips until the last missing segment is on its way. How segments spread afterwards is in `propagate`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::propagate::Link;
use super::{Effect, Replica};
use crate::access;
use crate::doc::{doc_mark, first_eight, tip_mark};
use crate::error::{Code, Refusal};
use crate::frame::{ANNOUNCES, DocVector, Frame, Hello, LOWEST, Marks, VERSION};
use crate::id::{Actor, DocId, Kind, NodeId};
use crate::mutant::Mutant;
use crate::org::{Level, OrgCode};
use crate::segment::Header;
use crate::time::Millis;

/// Up to this many documents are named one by one in the first word.
const DOC_MARKS: usize = 256;
/// Vectors in one frame.
const VECTORS_PER_FRAME: usize = 512;
/// Rows of each sort kept for one connection; a peer that names more breaks the protocol.
const SESSION_ROWS: usize = 1 << 17;
/// Documents of unknown authors that are asked for again; the others come with the next connection.
const RETRIED_DOCS: usize = 4096;
/// Times that a document is asked for again over one connection: a peer whose journal has a hole cannot fill it.
const ASK_AGAIN: u8 = 3;

/// A connection, as the driver numbers it. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// What is known of one connection.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) node: NodeId,
    pub(super) org: OrgCode,
    greeted: bool,
    /// Whether the peer's word may thaw this node: not if the township has turned the node away since this began. The
    /// township has closed it then, and this end has yet to notice.
    vouches: bool,
    last_heard: Millis,
    skew_ms: i64,
    /// How far the peer has said it is, or has been served or told, per document. A document that is absent is
    /// unsettled.
    pub(super) known: BTreeMap<DocId, BTreeMap<Actor, u64>>,
    /// Documents whose vectors were sent to the peer.
    vectors_sent: BTreeSet<DocId>,
    /// Marks of documents whose vectors the peer has sent.
    vectors_heard: BTreeSet<u64>,
    /// Organisations whose documents' digests were sent to the peer.
    orgs_sent: BTreeSet<OrgCode>,
    /// Documents that differ and whose vectors the peer has yet to send.
    awaited: BTreeSet<u64>,
    /// Organisations that differ and whose documents' digests the peer has yet to send.
    awaited_orgs: BTreeSet<OrgCode>,
    /// How often a document was asked for again after a gap.
    asked: BTreeMap<DocId, u8>,
    /// What the peer has and this node lacks: last sequence number by document and actor.
    lacking: BTreeMap<(DocId, Actor), u64>,
    /// Documents with a segment whose author was not known.
    unknown_authors: BTreeSet<DocId>,
    /// Runs of changes that the peer was asked for in fewer pieces: first and last number.
    pub(super) recuts: BTreeMap<(DocId, Actor), (u64, u64)>,
    /// Segments and bytes that the peer said it would send.
    promised: (u64, u64),
    /// Its part in how new segments spread.
    pub(super) link: Link,
}

impl Session {
    /// Whether new segments of a document may go to the peer now: not while the document is being compared, since
    /// the comparison, which looks at what is here when the peer's vectors arrive, covers them.
    pub(super) fn takes(&self, doc: &DocId) -> bool {
        // A document that the peer has said nothing of is unsettled only while its vectors are on the way.
        let awaited = || !self.awaited.is_empty() && self.awaited.contains(&doc_mark(doc));
        let comparing = || self.awaited_orgs.contains(&doc.org) || awaited();
        self.greeted && access::may_carry(&self.org, doc) && (!comparing() || self.known.contains_key(doc))
    }

    /// Whether both sides have compared everything.
    fn has_compared(&self) -> bool {
        self.greeted && self.awaited.is_empty() && self.awaited_orgs.is_empty()
    }

    /// Whether the peer has named more than a township can have.
    fn is_overfull(&self) -> bool {
        let named = [
            self.known.len(),
            self.lacking.len(),
            self.awaited.len(),
            self.awaited_orgs.len(),
            self.orgs_sent.len(),
            self.vectors_heard.len(),
            self.vectors_sent.len(),
        ];
        named.into_iter().any(|count| count > SESSION_ROWS)
    }
}

/// What a person may know of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// The peer.
    pub node: NodeId,
    /// Its organisation.
    pub org: OrgCode,
    /// When anything was last heard from it.
    pub last_heard: Millis,
    /// Its clock minus ours when it greeted, in milliseconds.
    pub skew_ms: i64,
    /// Changes that it has and we lack, as far as known.
    pub behind: u64,
    /// Changes that we have and it has not confirmed.
    pub ahead: u64,
    /// Whether both have compared everything and nothing is on the way to us.
    pub caught_up: bool,
    /// Segments and bytes that the peer said it would send.
    pub promised: (u64, u64),
}

impl Replica {
    /// A connection to `node` of `org` is up, both proven by its certificate.
    pub fn connected(&mut self, now: Millis, peer: PeerId, node: NodeId, org: OrgCode) {
        let session = Session {
            node,
            org: org.clone(),
            greeted: false,
            vouches: true,
            last_heard: now,
            skew_ms: 0,
            known: BTreeMap::new(),
            vectors_sent: BTreeSet::new(),
            vectors_heard: BTreeSet::new(),
            orgs_sent: BTreeSet::new(),
            awaited: BTreeSet::new(),
            awaited_orgs: BTreeSet::new(),
            asked: BTreeMap::new(),
            lacking: BTreeMap::new(),
            unknown_authors: BTreeSet::new(),
            recuts: BTreeMap::new(),
            promised: (0, 0),
            link: self.new_link(&org),
        };
        self.sessions.insert(peer, session);
        if let Err(refusal) = self.may_connect(node) {
            self.emit(Effect::Close(peer, refusal));
            return;
        }
        let marks = self.marks_for(&org);
        let clock = self.tick(now);
        let (org, life) = (self.member.org.clone(), Some(self.member.incarnation));
        let hello = Hello { min_version: LOWEST, max_version: VERSION, node: self.node, org, clock, marks, life };
        self.emit(Effect::Send(peer, Frame::Hello(hello)));
    }

    /// A connection is gone, and with it all that was known of it.
    pub fn disconnected(&mut self, peer: PeerId) {
        if !self.has(Mutant::KeepSessions) {
            self.sessions.remove(&peer);
            // It may have been the last that was to be heard out.
            self.thaw_if_caught_up();
        }
    }

    /// Takes any frame but a segment, which the driver verifies first.
    ///
    /// # Errors
    /// [`Code::BadFrame`] and [`Code::BadVersion`]; the driver closes the connection.
    pub fn frame(&mut self, now: Millis, peer: PeerId, frame: Frame) -> Result<(), Refusal> {
        self.heard(now, peer);
        if let Some(session) = self.sessions.get(&peer) {
            self.may_connect(session.node)?;
        }
        let greeted = self.sessions.get(&peer).is_some_and(|session| session.greeted);
        match frame {
            Frame::Hello(hello) if !greeted => {
                let life = hello.life;
                self.greet(now, peer, hello)?;
                self.lives_as(peer, life);
            }
            _ if !greeted => return Err(Refusal::new(Code::BadFrame, "before hello")),
            Frame::OrgDocs(org, docs) => self.compare_org(peer, &org, &docs),
            Frame::Vectors(vectors) => self.compare_vectors(peer, vectors),
            Frame::Have(rows) => self.confirm(peer, rows),
            Frame::Totals(segments, bytes) => self.promise(peer, segments, bytes),
            Frame::Announce(rows) => self.told(now, peer, rows),
            Frame::Want(push, rows) => self.wanted(peer, push, rows),
            Frame::Prune(orgs) => self.pruned(peer, orgs),
            Frame::Busy(_) => {}
            Frame::Recut(crowds) => self.asked_to_recut(peer, crowds),
            Frame::Hello(_) | Frame::Segment(_) => return Err(Refusal::new(Code::BadFrame, "out of place")),
        }
        self.thaw_if_caught_up();
        match self.sessions.get(&peer) {
            Some(session) if session.is_overfull() => Err(Refusal::new(Code::TooLarge, "documents named by a peer")),
            _ => Ok(()),
        }
    }

    /// All connections.
    pub fn sessions(&self) -> impl Iterator<Item = (PeerId, SessionStatus)> {
        self.sessions.iter().map(|(peer, session)| (*peer, self.status(session)))
    }

    /// One connection; none once it is gone.
    pub fn session(&self, peer: PeerId) -> Option<SessionStatus> {
        self.sessions.get(&peer).map(|session| self.status(session))
    }

    fn status(&self, session: &Session) -> SessionStatus {
        let have = |doc: &DocId, actor: Actor| self.docs.get(doc).map_or(0, |d| d.last(actor));
        let lacking = session.lacking.iter().map(|((doc, actor), last)| last.saturating_sub(have(doc, *actor)));
        // A peer may claim any number, so the sum must not trust them.
        let behind = lacking.fold(0, u64::saturating_add);
        let ahead = self
            .shared_with(&session.org)
            .filter_map(|(id, doc)| session.known.get(id).map(|known| (doc, known)))
            .flat_map(|(doc, known)| {
                doc.vector.iter().map(|(actor, tip)| tip.last.saturating_sub(known.get(actor).copied().unwrap_or(0)))
            })
            .sum();
        SessionStatus {
            node: session.node,
            org: session.org.clone(),
            last_heard: session.last_heard,
            skew_ms: session.skew_ms,
            behind,
            ahead,
            caught_up: session.has_compared() && behind == 0 || self.has(Mutant::CaughtUpTooSoon) && session.greeted,
            promised: session.promised,
        }
    }

    pub(super) fn session_org(&self, peer: PeerId) -> Option<&OrgCode> {
        self.sessions.get(&peer).map(|session| &session.org)
    }

    pub(super) fn session_node(&self, peer: PeerId) -> Option<NodeId> {
        self.sessions.get(&peer).map(|session| session.node)
    }

    /// What is open now no longer thaws this node.
    pub(super) fn no_session_vouches(&mut self) {
        self.sessions.values_mut().for_each(|session| session.vouches = false);
    }

    /// The connections to a node.
    pub(super) fn peers_of(&self, node: NodeId) -> Vec<PeerId> {
        self.sessions.iter().filter(|(_, session)| session.node == node).map(|(peer, _)| *peer).collect()
    }

    pub(super) fn heard(&mut self, now: Millis, peer: PeerId) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.last_heard = now;
        }
    }

    fn doc_marks(&self, org: &OrgCode) -> Vec<(u64, u64)> {
        let mut marks: Vec<_> = self.shared_with(org).map(|(id, doc)| (doc_mark(id), doc.digest())).collect();
        marks.sort_unstable();
        marks
    }

    fn org_marks(&self, org: &OrgCode) -> BTreeMap<OrgCode, u64> {
        let mut hashers: BTreeMap<OrgCode, blake3::Hasher> = BTreeMap::new();
        for (id, doc) in self.shared_with(org) {
            let hasher = hashers.entry(id.org.clone()).or_default();
            hasher.update(&doc_mark(id).to_be_bytes());
            hasher.update(&doc.digest().to_be_bytes());
        }
        hashers.into_iter().map(|(org, hasher)| (org, first_eight(&hasher))).collect()
    }

    fn marks_for(&self, org: &OrgCode) -> Marks {
        if self.shared_with(org).count() <= DOC_MARKS {
            Marks::Docs(self.doc_marks(org))
        } else {
            Marks::Orgs(self.org_marks(org).into_iter().collect())
        }
    }

    fn greet(&mut self, now: Millis, peer: PeerId, hello: Hello) -> Result<(), Refusal> {
        if hello.min_version > VERSION || hello.max_version < LOWEST {
            let detail = format!("{}-{} / {LOWEST}-{VERSION}", hello.min_version, hello.max_version);
            return Err(Refusal::new(Code::BadVersion, detail));
        }
        let refuse_skewed = self.has(Mutant::RefuseSkewedPeers);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if (session.node, &session.org) != (hello.node, &hello.org) {
            return Err(Refusal::new(Code::BadFrame, "hello does not match the certificate"));
        }
        session.greeted = true;
        session.link.announces = hello.max_version >= ANNOUNCES;
        let signed = |millis: Millis| i64::try_from(millis.0).unwrap_or(i64::MAX);
        session.skew_ms = signed(hello.clock.millis()) - signed(now);
        if session.org != self.member.org && Some(&session.org) == self.member.org.township().as_ref() {
            self.township_clock = Some((hello.clock.millis(), session.skew_ms));
        }
        if refuse_skewed && session.skew_ms.abs() > 60_000 {
            return Err(Refusal::new(Code::BadFrame, "clock"));
        }
        let org = session.org.clone();
        match hello.marks {
            Marks::Docs(theirs) => self.compare_docs(peer, &theirs, |_| true),
            Marks::Orgs(theirs) => {
                let theirs: BTreeMap<OrgCode, u64> = theirs.into_iter().collect();
                let mine = self.org_marks(&org);
                let equal: BTreeSet<OrgCode> = mine
                    .iter()
                    .filter(|(org, mark)| theirs.get(*org) == Some(mark))
                    .map(|(org, _)| org.clone())
                    .collect();
                self.settle(peer, |id| equal.contains(&id.org));
                let differing = mine.keys().chain(theirs.keys()).filter(|org| !equal.contains(*org)).cloned().collect();
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.awaited_orgs = differing;
                }
                for org in mine.keys().chain(theirs.keys()).filter(|org| !equal.contains(*org)) {
                    self.send_org_docs(peer, org);
                }
            }
        }
        Ok(())
    }

    /// Sends the digests of one organisation's documents, once over a connection.
    fn send_org_docs(&mut self, peer: PeerId, org: &OrgCode) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if !session.orgs_sent.insert(org.clone()) {
            return;
        }
        let peer_org = session.org.clone();
        let docs = self.shared_with(&peer_org).filter(|(id, _)| id.org == *org);
        let docs = docs.map(|(id, doc)| (doc_mark(id), doc.digest())).collect();
        self.emit(Effect::Send(peer, Frame::OrgDocs(org.clone(), docs)));
    }

    /// Goes into an organisation that differs. The peer waits for our digests in return, even if it greeted by
    /// document, or if we have seen no difference because something was written while the greetings crossed.
    fn compare_org(&mut self, peer: PeerId, org: &OrgCode, theirs: &[(u64, u64)]) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.awaited_orgs.remove(org);
        }
        self.send_org_docs(peer, org);
        self.compare_docs(peer, theirs, |id| id.org == *org);
    }

    /// Takes documents for which digests are equal as settled.
    fn settle(&mut self, peer: PeerId, equal: impl Fn(&DocId) -> bool) {
        let Some(org) = self.session_org(peer).cloned() else { return };
        let settled: Vec<_> = self
            .shared_with(&org)
            .filter(|(id, _)| equal(id))
            .map(|(id, doc)| (id.clone(), doc.vector.iter().map(|(actor, tip)| (*actor, tip.last)).collect()))
            .collect();
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.known.extend(settled);
        }
    }

    /// Compares digests: equal ones are settled, ours alone are served, differing ones go on with vectors.
    fn compare_docs(&mut self, peer: PeerId, theirs: &[(u64, u64)], part: impl Fn(&DocId) -> bool) {
        let Some(org) = self.session_org(peer).cloned() else { return };
        let theirs: BTreeMap<u64, u64> = theirs.iter().copied().collect();
        let mine: BTreeMap<u64, (DocId, u64)> = self
            .shared_with(&org)
            .filter(|(id, _)| part(id))
            .map(|(id, doc)| (doc_mark(id), (id.clone(), doc.digest())))
            .collect();
        self.settle(peer, |id| {
            mine.get(&doc_mark(id)).is_some_and(|(_, digest)| theirs.get(&doc_mark(id)) == Some(digest))
        });
        let drop_differing = self.has(Mutant::DropOnReconnect);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        for (mark, digest) in &theirs {
            if mine.get(mark).is_some_and(|(_, mine)| mine == digest) {
                // It may have been awaited since the greeting and have come from another peer.
                session.awaited.remove(mark);
            } else if !session.vectors_heard.contains(mark) {
                session.awaited.insert(*mark);
            }
        }
        let mut differing = Vec::new();
        let mut alone = Vec::new();
        // A document may be compared twice, by the greeting and by its organisation: what was said is not repeated.
        for (mark, (id, digest)) in mine.into_iter().filter(|(_, (id, _))| !session.vectors_sent.contains(id)) {
            match theirs.get(&mark) {
                Some(their_digest) if *their_digest == digest => {}
                Some(_) => differing.push(id),
                None if session.known.contains_key(&id) => {}
                None => alone.push(id),
            }
        }
        alone.sort_by_key(sync_order);
        differing.sort_by_key(sync_order);
        if drop_differing {
            session.awaited.clear();
            differing.clear();
        }
        self.send_vectors(peer, &differing);
        self.send_vectors(peer, &alone);
        for id in alone {
            self.serve(peer, &id, BTreeMap::new());
        }
    }

    /// Sends the vectors of these documents.
    fn send_vectors(&mut self, peer: PeerId, ids: &[DocId]) {
        for group in ids.chunks(VECTORS_PER_FRAME) {
            let vectors = group.iter().map(|id| self.vector_of(id)).collect();
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.vectors_sent.extend(group.iter().cloned());
            }
            self.emit(Effect::Send(peer, Frame::Vectors(vectors)));
        }
    }

    fn vector_of(&self, id: &DocId) -> DocVector {
        let doc = self.docs.get(id);
        let tips = doc.into_iter().flat_map(|doc| &doc.vector);
        DocVector { doc: id.clone(), tips: tips.map(|(actor, tip)| (*actor, tip.last, tip_mark(&tip.id))).collect() }
    }

    fn compare_vectors(&mut self, peer: PeerId, vectors: Vec<DocVector>) {
        let Some(org) = self.session_org(peer).cloned() else { return };
        let mut mine_unsent = Vec::new();
        let mut to_serve = Vec::new();
        for DocVector { doc: id, mut tips } in vectors {
            if !access::may_carry(&org, &id) || !access::may_carry(&self.member.org, &id) {
                continue;
            }
            tips.retain(|(_, last, _)| *last > 0);
            self.doubt_forks(&id, &mut tips);
            let lacking: Vec<_> = tips
                .iter()
                .filter(|(actor, last, _)| self.docs.get(&id).map_or(0, |doc| doc.last(*actor)) < *last)
                .map(|(actor, last, _)| ((id.clone(), *actor), *last))
                .collect();
            self.note_lacking(peer, lacking);
            let Some(session) = self.sessions.get_mut(&peer) else { return };
            session.awaited.remove(&doc_mark(&id));
            session.vectors_heard.insert(doc_mark(&id));
            if !session.vectors_sent.contains(&id) && self.docs.contains_key(&id) {
                mine_unsent.push(id.clone());
            }
            to_serve.push((id, tips.into_iter().map(|(actor, last, _)| (actor, last)).collect()));
        }
        self.send_vectors(peer, &mine_unsent);
        to_serve.sort_by_key(|(id, _)| sync_order(id));
        for (id, theirs) in to_serve {
            self.serve(peer, &id, theirs);
        }
    }

    /// Enters what a peer has and this node lacks.
    pub(super) fn note_lacking(&mut self, peer: PeerId, lacking: Vec<((DocId, Actor), u64)>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        // Entries of this node that its township, or another node of its own organisation, has and it has not: its
        // folder is an older copy, or its disk has lost them. What it seems to hold may have been spent. Another peer's
        // bare word does not count.
        let by_own = session.org == self.member.org && self.member.org.level() != Level::Township;
        let by_township = Some(&session.org) == self.member.org.township().as_ref() && session.org != self.member.org;
        let lacks_own = (by_own || by_township) && lacking.iter().any(|((_, actor), _)| actor.node == self.node);
        session.lacking.extend(lacking);
        if lacks_own {
            self.freeze();
        }
    }

    /// A number that stands here with another hash is a fork, or a lie. A peer's word is no proof against an author:
    /// the branch is served to it from that number on, and whoever holds both signed segments has the proof.
    fn doubt_forks(&self, id: &DocId, tips: &mut [(Actor, u64, u64)]) {
        let Some(doc) = self.docs.get(id) else { return };
        for (actor, last, mark) in tips {
            if doc.mark(*actor, *last).is_some_and(|here| here != *mark) {
                *last -= 1;
            }
        }
    }

    /// Serves what the peer, which is as far as `theirs`, lacks of a document. A node's earlier lives go first: the
    /// later ones build on them, so their operations have higher numbers. If its disk dies half-way, nobody is left
    /// with changes whose predecessors nobody has.
    fn serve(&mut self, peer: PeerId, id: &DocId, mut theirs: BTreeMap<Actor, u64>) {
        let tips = self.docs.get(id).into_iter().flat_map(|doc| &doc.vector);
        let mut mine: Vec<(u64, Actor, u64)> = tips.map(|(actor, tip)| (tip.max_op, *actor, tip.last)).collect();
        mine.sort_unstable();
        for (_, actor, last) in mine {
            let after = theirs.get(&actor).copied().unwrap_or(0);
            if after < last {
                theirs.insert(actor, last);
                self.emit(Effect::Serve { peer, doc: id.clone(), actor, after, upto: last });
            }
        }
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.known.insert(id.clone(), theirs);
        }
    }

    /// Notes that the peer has a segment, because it sent it.
    pub(super) fn peer_has(&mut self, peer: PeerId, header: &Header) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        let key = (header.doc.clone(), header.actor);
        if session.lacking.get(&key).is_some_and(|last| *last <= have) {
            session.lacking.remove(&key);
        }
        if let Some(known) = session.known.get_mut(&header.doc) {
            let last = known.entry(header.actor).or_insert(0);
            *last = header.last.max(*last);
        }
    }

    fn confirm(&mut self, peer: PeerId, rows: Vec<(DocId, Actor, u64)>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        for (doc, actor, last) in rows {
            if let Some(known) = session.known.get_mut(&doc) {
                let entry = known.entry(actor).or_insert(0);
                *entry = last.max(*entry);
            }
        }
    }

    fn promise(&mut self, peer: PeerId, segments: u64, bytes: u64) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.promised = (segments, bytes);
        }
    }

    /// Tells the peer how far this node is, so that it serves again from there.
    pub(super) fn ask_again(&mut self, peer: PeerId, id: &DocId) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let asked = session.asked.entry(id.clone()).or_insert(0);
        if *asked == ASK_AGAIN {
            return;
        }
        *asked += 1;
        self.send_vectors(peer, std::slice::from_ref(id));
    }

    pub(super) fn retry_later(&mut self, peer: PeerId, id: &DocId) {
        if let Some(session) = self.sessions.get_mut(&peer)
            && session.unknown_authors.len() < RETRIED_DOCS
        {
            session.unknown_authors.insert(id.clone());
        }
    }

    /// The directory has grown, by a peer's entry or by our own.
    pub(super) fn directory_changed(&mut self) {
        self.retry_unknown_authors();
        self.close_revoked();
        self.review_merchants();
    }

    /// Asks again for what was refused because its author was not in the directory.
    fn retry_unknown_authors(&mut self) {
        let retries: Vec<(PeerId, Vec<DocId>)> = self
            .sessions
            .iter_mut()
            .map(|(peer, session)| (*peer, std::mem::take(&mut session.unknown_authors).into_iter().collect()))
            .collect();
        for (peer, docs) in retries {
            self.send_vectors(peer, &docs);
        }
    }

    fn close_revoked(&mut self) {
        let revoked: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| self.is_revoked(session.node))
            .map(|(peer, session)| (*peer, session.node))
            .collect();
        for (peer, node) in revoked {
            self.emit(Effect::Close(peer, Refusal::new(Code::Revoked, node)));
        }
    }

    /// A restored node may spend again once the township has nothing of its own that it lacks, nor has any other node of
    /// its organisation that is connected: such a one may reach the township through this node alone, and is heard out.
    pub(super) fn thaw_if_caught_up(&mut self) {
        if !self.may_thaw() {
            return;
        }
        let township = self.member.org.township();
        let have = |doc: &DocId, actor: Actor| self.docs.get(doc).map_or(0, |d| d.last(actor));
        let lacks_own = |session: &Session| {
            let own_org = session.org == self.member.org;
            let mut own = session.lacking.iter().filter(|((_, actor), _)| actor.node == self.node);
            own.any(|((doc, actor), last)| have(doc, *actor) < *last) || own_org && !session.has_compared()
        };
        let told = |session: &Session| {
            let by_township = Some(&session.org) == township.as_ref() && session.vouches && session.has_compared();
            by_township || self.has(Mutant::ThawTooSoon) && session.greeted
        };
        let own_house = |session: &&Session| Some(&session.org) == township.as_ref() || session.org == self.member.org;
        let complete = !self.sessions.values().filter(own_house).any(lacks_own) || self.has(Mutant::ThawTooSoon);
        if complete && self.sessions.values().any(told) {
            self.thaw();
        }
    }
}

/// What others need to be understood first, then the newest.
fn sync_order(id: &DocId) -> (usize, std::cmp::Reverse<crate::id::Shard>, OrgCode) {
    let kind = Kind::ALL.iter().position(|kind| *kind == id.kind).unwrap_or(Kind::ALL.len());
    (kind, std::cmp::Reverse(id.shard), id.org.clone())
}
