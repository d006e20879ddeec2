//! One connection: frames in, frames out.
//!
//! Each side sends on one unidirectional stream. Foreign segments are verified and opened here, several at a time
//! on the blocking pool, and reach the engine in the order in which they were sent.

use std::sync::Arc;

use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;
use xiangyue_protocol::frame::{Deframer, Frame};
use xiangyue_protocol::replica::{KeyRing, PeerId, SessionStatus};
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Code, NodeId, OrgCode, Refusal};

use super::goodbye::{self, End};
use super::traffic::Traffic;
use crate::engine::{Handle, Outgoing};

/// Things that may wait to be sent to one peer; a peer that falls further behind is closed and compares again.
const OUTGOING: usize = 16_384;
/// Frames of one connection that are verified at the same time.
const VERIFYING: usize = 8;
/// Bytes of segments that are verified together; less than [`SMALL`] is verified in place.
const TOGETHER: usize = 64 << 10;
/// Below this, handing segments over would cost more than verifying them.
const SMALL: usize = 2 << 10;
/// Pieces read from a stream at once. Each came in a packet of its own.
const READ: usize = 64;
/// Stored segments read ahead of sending.
const SEND_BUFFER: usize = 256 << 10;

/// What became of a segment; with the segment itself, to be looked at again with newer keys.
type Opened = (Result<Segment, (Header, Refusal)>, Sealed);

/// What came in, on its way through verification.
enum Incoming {
    Frame(Frame),
    Ready(Vec<Opened>),
    Running(JoinHandle<Vec<Opened>>),
}

/// Runs a connection until either side closes it. Returns why, and what was known of the peer's documents then.
///
/// # Errors
/// What broke it: a refusal of this node or of the peer, or the network.
pub(super) async fn run(
    connection: Connection,
    peer: PeerId,
    node: NodeId,
    org: OrgCode,
    engine: Handle,
    traffic: Arc<Traffic>,
) -> (Result<End, Refusal>, Option<SessionStatus>) {
    let outgoing = match engine.connected(peer, node, org, OUTGOING).await {
        Ok(outgoing) => outgoing,
        Err(refusal) => return (Err(refusal), None),
    };
    let sending = send(connection.clone(), outgoing, engine.clone(), Arc::clone(&traffic));
    let receiving = receive(connection.clone(), peer, engine.clone(), traffic);
    let end = tokio::select! {
        end = sending => end,
        end = receiving => end,
        error = connection.closed() => Err(Refusal::new(Code::Network, error)),
    };
    let end = goodbye::part(&connection, end);
    // The engine forgets a session with its connection; none when it has closed this one itself.
    let last = engine.ask(move |replica| replica.session(peer)).await.ok().flatten();
    engine.disconnected(peer).await;
    (end, last)
}

fn network(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::Network, error)
}

async fn send(
    connection: Connection,
    mut outgoing: mpsc::Receiver<Outgoing>,
    engine: Handle,
    traffic: Arc<Traffic>,
) -> Result<(), Refusal> {
    let mut stream = connection.open_uni().await.map_err(network)?;
    let mut batch = Vec::new();
    let mut buffer = Vec::new();
    while outgoing.recv_many(&mut batch, 256).await > 0 {
        announce_totals(&batch, &engine, &mut buffer);
        for item in batch.drain(..) {
            match item {
                Outgoing::Frame(frame) => buffer.extend_from_slice(&frame.encode()),
                Outgoing::Segments { doc, actor, after, upto } => {
                    for position in engine.segments().between(&doc, actor, after, upto) {
                        let bytes = engine.reader().read(position)?;
                        traffic.segment_sent();
                        buffer.extend_from_slice(&Frame::Segment(bytes.into()).encode());
                        if buffer.len() >= SEND_BUFFER {
                            write(&mut stream, &mut buffer, &traffic).await?;
                        }
                    }
                }
                Outgoing::Close(refusal) => return Err(refusal),
            }
        }
        write(&mut stream, &mut buffer, &traffic).await?;
    }
    Ok(())
}

async fn write(stream: &mut SendStream, buffer: &mut Vec<u8>, traffic: &Traffic) -> Result<(), Refusal> {
    stream.write_all(buffer).await.map_err(network)?;
    traffic.sent(buffer.len());
    buffer.clear();
    Ok(())
}

/// Tells the peer how much is coming, when it is worth a progress bar.
fn announce_totals(batch: &[Outgoing], engine: &Handle, buffer: &mut Vec<u8>) {
    let (mut segments, mut bytes) = (0, 0);
    for item in batch {
        if let Outgoing::Segments { doc, actor, after, upto } = item {
            for position in engine.segments().between(doc, *actor, *after, *upto) {
                segments += 1;
                bytes += u64::from(position.len);
            }
        }
    }
    if segments > 16 {
        buffer.extend_from_slice(&Frame::Totals(segments, bytes).encode());
    }
}

async fn receive(connection: Connection, peer: PeerId, engine: Handle, traffic: Arc<Traffic>) -> Result<(), Refusal> {
    let stream = connection.accept_uni().await.map_err(network)?;
    let (queue, verified) = mpsc::channel(VERIFYING);
    tokio::try_join!(read(stream, queue, engine.clone(), traffic), deliver(verified, peer, engine))?;
    Ok(())
}

/// Segments that came together and are to be verified together.
#[derive(Default)]
struct Group {
    segments: Vec<Sealed>,
    bytes: usize,
}

impl Group {
    fn add(&mut self, bytes: Arc<[u8]>) -> Result<(), Refusal> {
        self.bytes += bytes.len();
        self.segments.push(Sealed::parse(bytes)?);
        Ok(())
    }

    /// Starts the verification of what is gathered.
    fn start(&mut self, keys: impl FnOnce() -> KeyRing) -> Option<Incoming> {
        if self.segments.is_empty() {
            return None;
        }
        let small = std::mem::take(&mut self.bytes) < SMALL;
        let segments = std::mem::take(&mut self.segments);
        let keys = keys();
        let open_all = move || segments.into_iter().map(|sealed| (open(sealed.clone(), &keys), sealed)).collect();
        Some(if small { Incoming::Ready(open_all()) } else { Incoming::Running(tokio::task::spawn_blocking(open_all)) })
    }
}

/// Cuts the stream into frames and starts the verification of segments.
async fn read(
    mut stream: RecvStream,
    queue: mpsc::Sender<Incoming>,
    engine: Handle,
    traffic: Arc<Traffic>,
) -> Result<(), Refusal> {
    let mut deframer = Deframer::default();
    let mut group = Group::default();
    let mut pieces = Vec::new();
    pieces.resize_with(READ, Default::default);
    while let Some(count) = stream.read_chunks(&mut pieces).await.map_err(network)? {
        for piece in &mut pieces[..count] {
            let piece = std::mem::take(piece);
            traffic.received(piece.len());
            deframer.feed(&piece);
            while let Some(bytes) = deframer.next_frame()? {
                let frame = match Frame::decode(bytes)? {
                    Some(Frame::Segment(bytes)) => {
                        traffic.segment_received();
                        group.add(bytes)?;
                        None
                    }
                    Some(frame) => Some(Incoming::Frame(frame)),
                    None => {
                        debug!(tag = bytes.first(), "unknown frame skipped");
                        continue;
                    }
                };
                // What came before a frame goes before it.
                if frame.is_some() || group.bytes >= TOGETHER {
                    for incoming in group.start(|| engine.keys()).into_iter().chain(frame) {
                        if queue.send(incoming).await.is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        // Nothing more has come yet: what is here must not wait for it.
        if let Some(incoming) = group.start(|| engine.keys())
            && queue.send(incoming).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

fn open(sealed: Sealed, keys: &KeyRing) -> Result<Segment, (Header, Refusal)> {
    let header = sealed.header.clone();
    let Some(key) = keys.get(&header.actor.node) else {
        let refusal = Refusal::new(Code::UnknownAuthor, header.actor);
        return Err((header, refusal));
    };
    sealed.verify(key).and_then(|verified| verified.open()).map_err(|refusal| (header, refusal))
}

/// Brings what was verified to the engine, in order.
async fn deliver(mut verified: mpsc::Receiver<Incoming>, peer: PeerId, engine: Handle) -> Result<(), Refusal> {
    while let Some(incoming) = verified.recv().await {
        let group = match incoming {
            Incoming::Frame(frame) => {
                engine.frame(peer, frame).await?;
                continue;
            }
            Incoming::Ready(group) => group,
            Incoming::Running(task) => task.await.map_err(network)?,
        };
        for (opened, sealed) in group {
            deliver_one(opened, sealed, peer, &engine).await?;
        }
    }
    Ok(())
}

async fn deliver_one(
    opened: Result<Segment, (Header, Refusal)>,
    sealed: Sealed,
    peer: PeerId,
    engine: &Handle,
) -> Result<(), Refusal> {
    let opened = match opened {
        // The directory that names the author may be on its way to the engine just before it: look again then.
        Err((_, refusal)) if refusal.code() == Code::UnknownAuthor => {
            let keys = engine.ask(|replica| replica.keys()).await?;
            open(sealed, &keys)
        }
        opened => opened,
    };
    match opened {
        Ok(segment) => engine.segment(peer, segment).await,
        Err((header, refusal)) => engine.reject(peer, header, refusal).await,
    }
}
