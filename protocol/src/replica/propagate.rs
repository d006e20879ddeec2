//! How new segments spread between connected nodes, as [`crate::policy::Propagation`] says.
//!
//! Every link is, for the documents of each organisation, either *eager* (a new segment is pushed) or *lazy* (it is
//! announced after a while, and asked for by a peer that lacks it). The policies differ in how a link begins and in
//! who may change it. One organisation's documents have the same readers, so a tree for each organisation is a tree of
//! nodes that may all carry what flows along it.
//!
//! Timers are values: the driver asks [`Replica::due`] after draining and calls [`Replica::wake`] then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::session::Session;
use super::{Effect, PeerId, Replica};
use crate::access;
use crate::frame::{Frame, Row};
use crate::id::{Actor, DocId};
use crate::mutant::Mutant;
use crate::org::{Level, OrgCode};
use crate::policy::{Policy, Propagation};
use crate::segment::{Header, Segment};
use crate::time::Millis;

/// Rows in one announcement; with more waiting it is made at once.
const ROWS: usize = 512;
/// Segments heard of and not yet asked for; beyond it one is asked for at once.
const MISSING: usize = 4_096;
/// Peers that are asked for one missing segment, one after the other.
const ANNOUNCERS: usize = 4;
/// Organisations for whose documents a link has an agreement of its own; further ones follow the link.
const AGREED: usize = 4_096;

/// One connection's part in how segments spread.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Whether the peer understands announcements. One that does not is pushed everything.
    pub(super) announces: bool,
    /// Whether segments are pushed where nothing else was agreed.
    eager: bool,
    /// Whether the documents of single organisations are pushed.
    agreed: BTreeMap<OrgCode, bool>,
    /// What is to be announced.
    waiting: BTreeSet<(DocId, Actor)>,
    /// When it is.
    due: Option<Millis>,
}

impl Link {
    /// Whether new segments of an organisation's documents are pushed to the peer. The tree of a merchant's
    /// counters begins as the township's, which most of its readers share.
    fn pushes(&self, org: &OrgCode) -> bool {
        let parent = || org.township().filter(|_| org.level() == Level::Merchant);
        let agreed = self.agreed.get(org).or_else(|| self.agreed.get(&parent()?));
        !self.announces || agreed.copied().unwrap_or(self.eager)
    }

    fn agree(&mut self, org: &OrgCode, push: bool) {
        if self.agreed.len() < AGREED || self.agreed.contains_key(org) {
            self.agreed.insert(org.clone(), push);
        }
    }
}

/// A segment that was announced and is not here.
#[derive(Clone, Debug)]
struct Missing {
    upto: u64,
    announcers: VecDeque<PeerId>,
    due: Millis,
}

/// What the replica remembers of spreading over all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    missing: BTreeMap<(DocId, Actor), Missing>,
    /// Timers set so far: what the next one's stretch is drawn from.
    timers: u64,
    /// No timer is due before this.
    next: Option<Millis>,
}

impl Spread {
    /// What there is to do; the draws made so far move only when.
    pub(super) fn print(&self) -> impl std::fmt::Debug {
        (&self.missing, self.next)
    }

    fn note(&mut self, due: Millis) {
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }
}

impl Replica {
    /// When [`Replica::wake`] is to be called next; none while nothing waits.
    pub fn due(&self) -> Option<Millis> {
        [self.spread.next, self.review_due()].into_iter().flatten().min()
    }

    /// Announces, asks for and grants what is due; call [`Replica::flush`] afterwards. May be called at any time; a
    /// clock that was set back delays nothing by more than the policy's own times.
    pub fn wake(&mut self, now: Millis) {
        self.review_if_due(now);
        self.clamp_timers(now);
        self.announce_due(now);
        self.ask_due(now);
        let links = self.sessions.values().filter_map(|session| session.link.due);
        self.spread.next = links.chain(self.spread.missing.values().map(|missing| missing.due)).min();
    }

    /// How a new connection begins.
    pub(super) fn new_link(&self, org: &OrgCode) -> Link {
        let eager = begins_eager(&self.policy, &self.member.org, org);
        Link { announces: false, eager, agreed: BTreeMap::new(), waiting: BTreeSet::new(), due: None }
    }

    /// Begins all links anew under another policy.
    pub(super) fn respread(&mut self) {
        for session in self.sessions.values_mut() {
            session.link.eager = begins_eager(&self.policy, &self.member.org, &session.org);
            session.link.agreed.clear();
        }
    }

    /// Pushes a new segment over eager links, and notes it for announcement over lazy ones. Peers that have it, may
    /// not hold it, or are still comparing its document are left out.
    pub(super) fn spread(&mut self, now: Millis, segment: &Segment, from: Option<PeerId>) {
        let Header { doc, actor, last, .. } = &segment.header;
        let later = self.later(now, self.announce_after());
        self.arrived(doc, *actor, *last);
        let push_to_all = self.has(Mutant::PushToAll);
        let mut serves = Vec::new();
        for (peer, session) in &mut self.sessions {
            if Some(*peer) == from || !(session.takes(doc) || push_to_all) {
                continue;
            }
            let known = session.known.entry(doc.clone()).or_default().entry(*actor).or_insert(0);
            if *known >= *last {
                continue;
            }
            if session.link.pushes(&doc.org) {
                serves.push(Effect::Serve { peer: *peer, doc: doc.clone(), actor: *actor, after: *known, upto: *last });
                *known = *last;
            } else {
                session.link.waiting.insert((doc.clone(), *actor));
                let due = if session.link.waiting.len() >= ROWS { now } else { later };
                session.link.due = Some(session.link.due.map_or(due, |set| set.min(due)));
                self.spread.note(due);
            }
        }
        for serve in serves {
            self.emit(serve);
        }
    }

    /// A peer has announced what it does not push.
    pub(super) fn told(&mut self, now: Millis, peer: PeerId, rows: Vec<Row>) {
        let due = self.later(now, self.policy.timing.wait_ms);
        let mut at_once = Vec::new();
        for (doc, actor, last) in rows {
            let Some(session) = self.sessions.get_mut(&peer).filter(|session| session.takes(&doc)) else { continue };
            if !access::may_carry(&self.member.org, &doc) {
                continue;
            }
            let known = session.known.entry(doc.clone()).or_default().entry(actor).or_insert(0);
            *known = last.max(*known);
            let have = self.docs.get(&doc).map_or(0, |doc| doc.last(actor));
            if last <= have || self.forked.contains(&(doc.clone(), actor)) {
                continue;
            }
            self.note_lacking(peer, vec![((doc.clone(), actor), last)]);
            let full = self.spread.missing.len() >= MISSING;
            match self.spread.missing.get_mut(&(doc.clone(), actor)) {
                Some(missing) => {
                    missing.upto = last.max(missing.upto);
                    if missing.announcers.len() < ANNOUNCERS && !missing.announcers.contains(&peer) {
                        missing.announcers.push_back(peer);
                    }
                }
                None if full => at_once.push((doc, actor, have)),
                None => {
                    let missing = Missing { upto: last, announcers: VecDeque::from([peer]), due };
                    self.spread.missing.insert((doc, actor), missing);
                    self.spread.note(due);
                }
            }
        }
        self.want(peer, at_once);
    }

    /// A peer asks for what it lacks, and perhaps for what follows to be pushed.
    pub(super) fn wanted(&mut self, peer: PeerId, push: bool, rows: Vec<Row>) {
        let may_push = grafts(self.policy.propagation);
        for (doc, actor, have) in rows {
            let last = self.docs.get(&doc).map_or(0, |doc| doc.last(actor));
            let Some(session) = self.sessions.get_mut(&peer).filter(|session| session.takes(&doc)) else { continue };
            if push && may_push {
                session.link.agree(&doc.org, true);
            }
            if have < last {
                session.known.entry(doc.clone()).or_default().insert(actor, last);
                self.emit(Effect::Serve { peer, doc, actor, after: have, upto: last });
            }
        }
    }

    /// A peer gets what is pushed to it sooner from others.
    pub(super) fn pruned(&mut self, peer: PeerId, orgs: Vec<OrgCode>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        for org in orgs {
            session.link.agree(&org, false);
        }
    }

    /// A peer has sent what was here already: its link is no branch of this tree, as long as another is.
    pub(super) fn prune_duplicate(&mut self, peer: PeerId, doc: &DocId) {
        if self.policy.propagation != Propagation::Lazy {
            return;
        }
        let org = &doc.org;
        let branch = |session: &Session| session.takes(doc) && session.link.pushes(org);
        let others = self.sessions.iter().any(|(other, session)| *other != peer && branch(session));
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if others && session.link.announces && branch(session) {
            session.link.agree(org, false);
            self.counters.pruned += 1;
            self.emit(Effect::Send(peer, Frame::Prune(vec![org.clone()])));
        }
    }

    /// Whether what a segment builds on has been announced and is about to be asked for, with the segment.
    pub(super) fn is_coming(&mut self, header: &Header) -> bool {
        let missing = self.spread.missing.get_mut(&(header.doc.clone(), header.actor));
        missing.is_some_and(|missing| {
            missing.upto = header.last.max(missing.upto);
            true
        })
    }

    fn arrived(&mut self, doc: &DocId, actor: Actor, last: u64) {
        if self.spread.missing.is_empty() {
            return;
        }
        let key = (doc.clone(), actor);
        if self.spread.missing.get(&key).is_some_and(|missing| missing.upto <= last) {
            self.spread.missing.remove(&key);
        }
    }

    fn announce_due(&mut self, now: Millis) {
        let mut frames = Vec::new();
        for (peer, session) in &mut self.sessions {
            if session.link.due.is_none_or(|due| due > now) {
                continue;
            }
            session.link.due = None;
            let mut rows: Vec<Row> = Vec::new();
            for (doc, actor) in std::mem::take(&mut session.link.waiting) {
                let last = self.docs.get(&doc).map_or(0, |doc| doc.last(actor));
                let Some(known) = session.known.get_mut(&doc) else { continue };
                let known = known.entry(actor).or_insert(0);
                if *known < last {
                    *known = last;
                    rows.push((doc, actor, last));
                }
            }
            frames.extend(rows.chunks(ROWS).map(|rows| (*peer, rows.to_vec())));
        }
        for (peer, rows) in frames {
            self.counters.announced += rows.len() as u64;
            self.emit(Effect::Send(peer, Frame::Announce(rows)));
        }
    }

    fn ask_due(&mut self, now: Millis) {
        if self.spread.missing.values().all(|missing| missing.due > now) {
            return;
        }
        let again = self.later(now, self.policy.timing.wait_ms);
        let mut wants: BTreeMap<PeerId, Vec<Row>> = BTreeMap::new();
        let Replica { docs, sessions, spread, .. } = self;
        spread.missing.retain(|(doc, actor), missing| {
            if missing.due > now {
                return true;
            }
            let have = docs.get(doc).map_or(0, |doc| doc.last(*actor));
            let next = loop {
                match missing.announcers.pop_front() {
                    Some(peer) if !sessions.contains_key(&peer) => {}
                    next => break next,
                }
            };
            missing.due = again;
            // When nobody is left to ask, connections have broken since: the next one compares.
            let Some(peer) = next.filter(|_| have < missing.upto) else { return false };
            wants.entry(peer).or_default().push((doc.clone(), *actor, have));
            true
        });
        for (peer, rows) in wants {
            self.want(peer, rows);
        }
    }

    fn want(&mut self, peer: PeerId, rows: Vec<Row>) {
        let push = grafts(self.policy.propagation);
        let Some(session) = self.sessions.get_mut(&peer).filter(|_| !rows.is_empty()) else { return };
        if push {
            rows.iter().for_each(|(doc, _, _)| session.link.agree(&doc.org, true));
        }
        self.counters.wanted += rows.len() as u64;
        for rows in rows.chunks(ROWS) {
            self.emit(Effect::Send(peer, Frame::Want(push, rows.to_vec())));
        }
    }

    /// How long a segment waits to be announced over a lazy link.
    fn announce_after(&self) -> u32 {
        if grafts(self.policy.propagation) { self.policy.timing.announce_ms } else { self.policy.timing.compare_ms }
    }

    /// A time so many milliseconds from now, stretched by up to a quarter.
    pub(super) fn later(&mut self, now: Millis, millis: u32) -> Millis {
        self.spread.timers += 1;
        let [a, b, c, d, e, f, g, h, ..] = self.node.0;
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ self.spread.timers;
        // The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let stretch = (mixed ^ (mixed >> 31)) % (u64::from(millis) / 4 + 1);
        Millis(now.0.saturating_add(u64::from(millis) + stretch))
    }

    /// Brings timers back that a clock which was set back has put far off.
    fn clamp_timers(&mut self, now: Millis) {
        let longest = |millis: u32| Millis(now.0.saturating_add(u64::from(millis) * 5 / 4));
        let (announce, wait) = (longest(self.announce_after()), longest(self.policy.timing.wait_ms));
        for due in self.sessions.values_mut().filter_map(|session| session.link.due.as_mut()) {
            *due = announce.min(*due);
        }
        for missing in self.spread.missing.values_mut() {
            missing.due = wait.min(missing.due);
        }
    }
}

/// Whether a link is pushed over from the start.
fn begins_eager(policy: &Policy, own: &OrgCode, peer: &OrgCode) -> bool {
    match policy.propagation {
        Propagation::Flood | Propagation::Lazy => true,
        Propagation::AntiEntropy => false,
        Propagation::Parent => {
            own == peer || own.township().as_ref() == Some(peer) || peer.township().as_ref() == Some(own)
        }
    }
}

/// Whether links may become eager by being asked.
fn grafts(propagation: Propagation) -> bool {
    matches!(propagation, Propagation::Flood | Propagation::Lazy)
}
