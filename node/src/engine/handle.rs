//! What the rest of the node may ask of the engine.

use tokio::sync::{mpsc, oneshot, watch};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::pieces::Crowd;
use xiangyue_protocol::replica::{KeyRing, Mode, PeerId, Replica};
use xiangyue_protocol::segment::{Header, Segment};
use xiangyue_protocol::{Actor, Code, Command, DocId, NodeId, OrgCode, Outcome, Refusal};

use super::Segments;
use crate::storage::Reader;

/// One answer for each command, in order.
pub type Answers = Vec<Result<Outcome, Refusal>>;

/// Things to send to a peer, in order.
#[derive(Debug)]
pub enum Outgoing {
    /// A frame.
    Frame(Frame),
    /// The stored segments of this actor after `after`, up to `upto`.
    Segments {
        /// Which document.
        doc: DocId,
        /// Whose.
        actor: Actor,
        /// The peer has everything up to here.
        after: u64,
        /// The last that it lacks.
        upto: u64,
    },
    /// Close the connection and say why.
    Close(Refusal),
}

/// A fault of the node itself that a person must see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The disk failed: nothing is written any more.
    pub read_only: Option<Refusal>,
    /// The disk is full: writing waits for space.
    pub disk_full: bool,
}

/// A question to the replica, answered on the engine's thread.
pub(super) type Question = Box<dyn FnOnce(&Replica) + Send>;

/// What the engine's thread is asked.
pub(super) enum Request {
    Submit { commands: Vec<Command>, mode: Mode, reply: oneshot::Sender<Result<Answers, Refusal>> },
    Ask(Question),
    Connected { peer: PeerId, node: NodeId, org: OrgCode, outgoing: mpsc::Sender<Outgoing> },
    Disconnected(PeerId),
    Frame(PeerId, Frame),
    Segment(PeerId, Box<Segment>),
    Reject(PeerId, Header, Refusal),
    Wake,
    Reissue(Vec<Segment>, oneshot::Sender<Result<(), Refusal>>),
    Recut(Vec<Crowd>),
    TurnedAway(Code),
    Readmit(NodeId, oneshot::Sender<Result<(), Refusal>>),
    Stop(oneshot::Sender<()>),
}

/// A way to talk to the engine; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) keys: watch::Receiver<KeyRing>,
    pub(super) problem: watch::Receiver<Problem>,
    pub(super) changed: watch::Receiver<u64>,
    pub(super) segments: Segments,
    pub(super) reader: Reader,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

fn gone() -> Refusal {
    Refusal::new(Code::NotRunning, "stopping")
}

impl Handle {
    async fn request(&self, request: Request) -> Result<(), Refusal> {
        self.requests.send(request).await.map_err(|_| gone())
    }

    /// Judges commands and writes them as `mode` says; answers once what was written is durable.
    ///
    /// # Errors
    /// [`Code::ReadOnly`], [`Code::DiskFull`], [`Code::NotRunning`] for the whole; refusals of single commands are
    /// among the answers.
    pub async fn submit(&self, commands: Vec<Command>, mode: Mode) -> Result<Answers, Refusal> {
        let (reply, answers) = oneshot::channel();
        self.request(Request::Submit { commands, mode, reply }).await?;
        answers.await.map_err(|_| gone())?
    }

    /// Bytes of the journal's files; none when the disk does not say.
    pub fn journal_bytes(&self) -> Option<u64> {
        self.reader.bytes().ok()
    }

    /// Runs a question on the engine's thread. It must be quick: everything else waits for it.
    ///
    /// # Errors
    /// [`Code::NotRunning`] when the node is stopping.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Replica) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let question = move |replica: &Replica| {
            // The asker may have gone away; then nobody wants the answer.
            let _ = reply.send(question(replica));
        };
        self.request(Request::Ask(Box::new(question))).await?;
        answer.await.map_err(|_| gone())
    }

    /// Tells of a new connection and returns what is to be sent over it.
    ///
    /// # Errors
    /// [`Code::NotRunning`] when the node is stopping.
    pub async fn connected(
        &self,
        peer: PeerId,
        node: NodeId,
        org: OrgCode,
        queue: usize,
    ) -> Result<mpsc::Receiver<Outgoing>, Refusal> {
        let (outgoing, receiver) = mpsc::channel(queue);
        self.request(Request::Connected { peer, node, org, outgoing }).await?;
        Ok(receiver)
    }

    /// Tells that a connection is gone.
    pub async fn disconnected(&self, peer: PeerId) {
        // When the engine has stopped there is nobody left to tell.
        let _ = self.request(Request::Disconnected(peer)).await;
    }

    /// Brings a frame that is not a segment.
    ///
    /// # Errors
    /// [`Code::NotRunning`] when the node is stopping.
    pub async fn frame(&self, peer: PeerId, frame: Frame) -> Result<(), Refusal> {
        self.request(Request::Frame(peer, frame)).await
    }

    /// Brings a segment that has been verified and opened.
    ///
    /// # Errors
    /// [`Code::NotRunning`] when the node is stopping.
    pub async fn segment(&self, peer: PeerId, segment: Segment) -> Result<(), Refusal> {
        self.request(Request::Segment(peer, Box::new(segment))).await
    }

    /// Tells of a segment that was refused before it could be opened.
    ///
    /// # Errors
    /// [`Code::NotRunning`] when the node is stopping.
    pub async fn reject(&self, peer: PeerId, header: Header, refusal: Refusal) -> Result<(), Refusal> {
        self.request(Request::Reject(peer, header, refusal)).await
    }

    /// Signs consecutive segments of this node's own anew as few large ones; answers once these are durable.
    ///
    /// # Errors
    /// As [`Replica::reissue`]; [`Code::DiskFull`], [`Code::ReadOnly`], [`Code::NotRunning`].
    pub(super) async fn reissue(&self, segments: Vec<Segment>) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        self.request(Request::Reissue(segments, reply)).await?;
        done.await.map_err(|_| gone())?
    }

    /// Asks connected peers for these runs in fewer pieces.
    pub(super) async fn recut(&self, crowds: Vec<Crowd>) -> Result<(), Refusal> {
        self.request(Request::Recut(crowds)).await
    }

    /// Tells that this node's own township, proven by its certificate, has turned it away.
    pub async fn turned_away(&self, code: Code) {
        // When the engine has stopped there is nobody left to tell.
        let _ = self.request(Request::TurnedAway(code)).await;
    }

    /// Lets a node in again that was kept out for running twice.
    ///
    /// # Errors
    /// [`Code::NotKeptOut`] or [`Code::UnknownNode`] when it is not kept out; [`Code::NotRunning`] when the node is stopping.
    pub async fn readmit(&self, node: NodeId) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.request(Request::Readmit(node, reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Keys of the authors known now.
    pub fn keys(&self) -> KeyRing {
        self.keys.borrow().clone()
    }

    /// The node's own faults.
    pub fn problem(&self) -> Problem {
        self.problem.borrow().clone()
    }

    /// Waits until the node must stop because of a fault of its disk.
    pub async fn failed(&self) -> Refusal {
        let mut problem = self.problem.clone();
        match problem.wait_for(|problem| problem.read_only.is_some()).await {
            Ok(problem) => problem.read_only.clone().unwrap_or_else(gone),
            Err(_) => gone(),
        }
    }

    /// Changes whenever documents have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Where segments stand.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Reads segments.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Writes what is staged, stores the index and stops the engine's thread.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.request(Request::Stop(done)).await.is_ok() {
            // Either way the thread is over.
            let _ = stopped.await;
        }
    }
}
