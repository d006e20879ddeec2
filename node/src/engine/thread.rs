//! The engine's loop: take what waits, let the replica decide, make it durable once, carry out the effects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{Alarm, Effect, KeyRing, PeerId, Replica, Ticket};
use xiangyue_protocol::{Actor, Code, DocId, Kind, Refusal};

use super::Segments;
use super::handle::{Answers, Outgoing, Problem, Request};
use super::start::{Losses, Note};
use super::timer::Timer;
use crate::pki::Clock;
use crate::storage::{Index, Journal, Position};

/// Requests that share one flush and one sync.
const BATCH: usize = 512;
/// Bytes of segments that share one sync, so that catching up does not pile up in memory.
const BATCH_BYTES: usize = 4 << 20;
/// How often changed documents are stored in the index.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// A machine's clock that is further off than this is worth a line in the log.
const CLOCK_OFF_SECONDS: i64 = 120;

type Reply = (oneshot::Sender<Result<Answers, Refusal>>, Answers);

/// How far a peer is to be told that this node is durable.
pub(super) type Confirmed = BTreeMap<(DocId, Actor), u64>;

/// Tells whoever asked how it went.
type Done = oneshot::Sender<Result<(), Refusal>>;

/// Everything that the engine's thread owns.
pub(super) struct Engine {
    pub(super) replica: Replica,
    pub(super) journal: Journal,
    pub(super) index: Box<dyn Index + Send>,
    pub(super) segments: Segments,
    pub(super) clock: Arc<Clock>,
    pub(super) end: Option<Position>,
    pub(super) losses: Losses,
    pub(super) dirty: BTreeSet<DocId>,
    pub(super) keys: watch::Sender<KeyRing>,
    pub(super) problem: watch::Sender<Problem>,
    pub(super) changed: watch::Sender<u64>,
    pub(super) peers: BTreeMap<PeerId, mpsc::Sender<Outgoing>>,
    pub(super) waiting: BTreeMap<Ticket, Reply>,
    pub(super) confirmed: BTreeMap<PeerId, Confirmed>,
    /// Who waits until what was signed anew is durable.
    pub(super) reissued: Vec<(Done, Result<(), Refusal>)>,
    pub(super) room: Option<Result<(), Refusal>>,
    pub(super) checkpointed: Instant,
    pub(super) timer: Timer,
}

impl Engine {
    /// Runs until stopped, until all handles are gone, or until the disk fails.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        // A disk that was full before the node started is told at once, not with the first entry.
        let _ = self.room();
        while let Some(first) = requests.blocking_recv() {
            let mut stop = None;
            let mut next = Some(first);
            let mut taken = 0;
            let mut bytes = 0;
            self.room = None;
            while let Some(request) = next {
                if let Request::Segment(_, segment) = &request {
                    bytes += segment.bytes.len();
                }
                if let Request::Stop(done) = request {
                    stop = Some(done);
                    break;
                }
                self.take(request);
                taken += 1;
                next = if taken < BATCH && bytes < BATCH_BYTES { requests.try_recv().ok() } else { None };
            }
            if let Err(refusal) = self.carry_out() {
                self.fail(refusal);
                return;
            }
            if let Some(done) = stop {
                self.checkpoint();
                // The asker may have gone away.
                let _ = done.send(());
                return;
            }
            if self.checkpointed.elapsed() >= CHECKPOINT_EVERY {
                self.checkpoint();
            }
        }
        self.checkpoint();
    }

    fn take(&mut self, request: Request) {
        let now = self.clock.steady();
        match request {
            Request::Submit { commands, mode, reply } => {
                if let Err(refusal) = self.room() {
                    // The asker may have gone away.
                    let _ = reply.send(Err(refusal));
                    return;
                }
                let (answers, ticket) = self.replica.submit(now, &commands, mode);
                self.waiting.insert(ticket, (reply, answers));
            }
            Request::Ask(question) => question(&self.replica),
            Request::Connected { peer, node, org, outgoing } => {
                self.peers.insert(peer, outgoing);
                self.replica.connected(now, peer, node, org);
            }
            Request::Disconnected(peer) => {
                self.peers.remove(&peer);
                self.replica.disconnected(peer);
            }
            Request::Frame(peer, frame) => {
                let greeting = matches!(frame, Frame::Hello(_));
                if let Err(refusal) = self.replica.frame(now, peer, frame) {
                    self.close(peer, refusal);
                }
                if let (true, Some(skew)) = (greeting, self.replica.township_skew()) {
                    self.agree(skew);
                }
            }
            Request::Segment(peer, segment) => {
                if let Err(refusal) = self.room() {
                    self.close(peer, refusal);
                    return;
                }
                if let Err(refusal) = self.replica.receive(now, peer, *segment) {
                    warn!(peer = peer.0, %refusal, "segment refused");
                }
            }
            Request::Reject(peer, header, refusal) => {
                warn!(peer = peer.0, doc = %header.doc, author = %header.actor, %refusal, "segment refused");
                self.replica.reject(now, peer, &header, &refusal);
            }
            // What is granted without a clerk is written: with a full disk it waits.
            Request::Wake if self.room().is_err() => self.timer.postpone(),
            Request::Wake => {
                self.timer.rang();
                self.replica.wake(now);
            }
            Request::Reissue(segments, reply) => {
                let done = self.room().and_then(|()| self.replica.reissue(&segments));
                self.reissued.push((reply, done));
            }
            Request::Recut(crowds) => self.replica.recut(crowds),
            Request::TurnedAway(code) => {
                self.replica.turned_away(code);
                self.standing_changed();
            }
            Request::Readmit(node, reply) => {
                // The asker may have gone away.
                let _ = reply.send(self.replica.readmit(node));
                self.standing_changed();
            }
            Request::Stop(_) => {}
        }
    }

    /// Refuses what would be written while the disk is full, before the replica has counted it. Asked once for what
    /// shares a sync: nothing is written in between.
    fn room(&mut self) -> Result<(), Refusal> {
        if let Some(room) = &self.room {
            return room.clone();
        }
        let room = self.journal.has_room();
        self.room = Some(room.clone());
        let full = room.is_err();
        let turned = |problem: &mut Problem| std::mem::replace(&mut problem.disk_full, full) != full;
        if self.problem.send_if_modified(turned) {
            match &room {
                Err(refusal) => error!(%refusal, "nothing is written until there is room"),
                Ok(()) => info!("there is room on the disk again"),
            }
        }
        room
    }

    /// Takes the township's clock for right.
    fn agree(&self, skew: i64) {
        self.clock.agree(skew);
        let off = self.clock.machine_skew() / 1000;
        if off.abs() > CLOCK_OFF_SECONDS {
            warn!(
                seconds = off,
                "this machine's clock differs from the township's; entries are dated by the township's"
            );
        }
    }

    /// Flushes, makes durable, and carries out every effect.
    ///
    /// # Errors
    /// Of the disk. The replica in memory is then ahead of the journal and must not be used any more.
    fn carry_out(&mut self) -> Result<(), Refusal> {
        self.replica.flush(self.clock.steady())?;
        let mut appended = Vec::new();
        let mut changed = false;
        loop {
            match self.replica.poll_effect() {
                Some(Effect::Append { token, segment }) => appended.push((token, segment)),
                Some(effect) => self.perform(effect),
                None if appended.is_empty() => break,
                None => {
                    changed = true;
                    let frames: Vec<&[u8]> = appended.iter().map(|(_, segment)| &segment.bytes[..]).collect();
                    let positions = self.journal.append(&frames)?;
                    self.journal.sync()?;
                    for ((token, segment), position) in appended.drain(..).zip(positions) {
                        self.segments.enter(&segment.header, position);
                        self.end = Some(position);
                        if segment.header.doc.kind == Kind::Directory {
                            self.keys.send_replace(self.replica.keys());
                        }
                        self.dirty.insert(segment.header.doc.clone());
                        self.replica.durable(token);
                    }
                }
            }
        }
        for (peer, rows) in std::mem::take(&mut self.confirmed) {
            let rows = rows.into_iter().map(|((doc, actor), last)| (doc, actor, last)).collect();
            self.send(peer, Outgoing::Frame(Frame::Have(rows)));
        }
        for (reply, done) in self.reissued.drain(..) {
            // The asker may have gone away.
            let _ = reply.send(done);
        }
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
        self.timer.set(self.clock.steady(), self.replica.due());
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Append { .. } => {}
            Effect::Acknowledge(ticket) => {
                if let Some((reply, answers)) = self.waiting.remove(&ticket) {
                    // The asker may have gone away; a retry will be answered "already".
                    let _ = reply.send(Ok(answers));
                }
            }
            // What was made durable by one sync is confirmed by one frame, and only the last of each author.
            Effect::Send(peer, Frame::Have(rows)) => {
                let confirmed = self.confirmed.entry(peer).or_default();
                for (doc, actor, last) in rows {
                    let row = confirmed.entry((doc, actor)).or_insert(last);
                    *row = last.max(*row);
                }
            }
            Effect::Send(peer, frame) => self.send(peer, Outgoing::Frame(frame)),
            Effect::Serve { peer, doc, actor, after, upto } => {
                self.send(peer, Outgoing::Segments { doc, actor, after, upto });
            }
            Effect::Recut { peer, doc, actor, after, upto, at_most } => {
                if self.segments.between(&doc, actor, after, upto).len() as u64 <= at_most {
                    self.send(peer, Outgoing::Segments { doc, actor, after, upto });
                }
            }
            Effect::Close(peer, refusal) => self.close(peer, refusal),
            Effect::Alarm(alarm) => {
                report(&alarm);
                if matches!(alarm, Alarm::Twins { .. } | Alarm::Cloned) {
                    self.standing_changed();
                }
            }
        }
    }

    /// Hands something to a session. A session that does not keep up is closed: it compares again when it returns.
    fn send(&mut self, peer: PeerId, outgoing: Outgoing) {
        let Some(queue) = self.peers.get(&peer) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(outgoing) {
            warn!(peer = peer.0, "peer does not keep up, connection closed");
            self.peers.remove(&peer);
            self.replica.disconnected(peer);
        }
    }

    fn close(&mut self, peer: PeerId, refusal: Refusal) {
        self.send(peer, Outgoing::Close(refusal));
        self.peers.remove(&peer);
        self.replica.disconnected(peer);
    }

    /// Who may write and connect is stored at once, not when a document next changes.
    fn standing_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Stores changed documents in the index. A failure costs time at the next start, nothing else.
    fn checkpoint(&mut self) {
        self.checkpointed = Instant::now();
        if self.dirty.is_empty() {
            return;
        }
        let rows: Vec<(Vec<u8>, Vec<u8>)> = std::mem::take(&mut self.dirty)
            .into_iter()
            .filter_map(|id| {
                let doc = postcard::to_stdvec(&**self.replica.docs().get(&id)?).ok()?;
                Some((id.to_string().into_bytes(), doc))
            })
            .collect();
        let note = Note { end: self.end, clock: self.replica.clock(), losses: self.losses.clone() };
        let changes: Vec<_> = rows.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice()))).collect();
        self.index.put_batch(&changes);
        let note = postcard::to_stdvec(&note).map_err(|error| Refusal::new(Code::Corrupt, error));
        let stored = note.and_then(|note| self.index.checkpoint(&note));
        if let Err(refusal) = stored {
            warn!(%refusal, "index not stored; it will be rebuilt from the journal");
        }
    }

    /// The disk failed: says so to everybody who waits, and stops. Nothing of what waited is claimed to be done.
    fn fail(&mut self, refusal: Refusal) {
        error!(%refusal, "the journal failed; the node is read-only and stops");
        for (reply, _) in std::mem::take(&mut self.waiting).into_values() {
            // The asker may have gone away.
            let _ = reply.send(Err(Refusal::new(Code::ReadOnly, refusal.detail())));
        }
        self.problem.send_modify(|problem| problem.read_only = Some(refusal));
    }
}

fn report(alarm: &Alarm) {
    match alarm {
        Alarm::Forked { doc, actor, seq } => error!(%doc, author = %actor, seq, "fork: one number, two contents"),
        Alarm::Cloned => error!(advice = Code::TwinRunning.en_advice(), "{}", Code::TwinRunning.en()),
        Alarm::Revoked => error!(advice = Code::NodeRevoked.en_advice(), "{}", Code::NodeRevoked.en()),
        Alarm::Twins { node } => {
            error!(%node, "two copies of this node are running; both are kept out until it is readmitted");
        }
        Alarm::Quarantined { author, refusal } => warn!(%author, %refusal, "author quarantined"),
    }
}
