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
use xiangyue_protocol::replica::{KeyRing, PeerId};
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Code, NodeId, OrgCode, Refusal};

use super::traffic::Traffic;
use crate::engine::{Handle, Outgoing};

/// Things that may wait to be sent to one peer; a peer that falls further behind is closed and compares again.
const OUTGOING: usize = 16_384;
/// Frames of one connection that are verified at the same time.
const VERIFYING: usize = 8;
/// Segments below this are verified in place: handing them over would cost more.
const SMALL: usize = 16 << 10;
/// Bytes read from a stream at once.
const READ: usize = 64 << 10;
/// Stored segments read ahead of sending.
const SEND_BUFFER: usize = 256 << 10;
/// Application error code of an orderly close.
const CLOSED: u32 = 0;
/// Application error code of a close because of a refusal.
const REFUSED: u32 = 1;

/// A segment on its way through verification.
enum Incoming {
    Frame(Frame),
    Ready(Result<Segment, (Header, Refusal)>, Sealed),
    Running(JoinHandle<Result<Segment, (Header, Refusal)>>, Sealed),
}

/// Runs a connection until either side closes it. Returns why.
///
/// # Errors
/// [`Code::NotReady`] when the node stops; the peer's refusals are logged and returned as well.
pub(super) async fn run(
    connection: Connection,
    peer: PeerId,
    node: NodeId,
    org: OrgCode,
    engine: Handle,
    traffic: Arc<Traffic>,
) -> Result<(), Refusal> {
    let outgoing = engine.connected(peer, node, org, OUTGOING).await?;
    let sending = send(connection.clone(), outgoing, engine.clone(), Arc::clone(&traffic));
    let receiving = receive(connection.clone(), peer, engine.clone(), traffic);
    let end = tokio::select! {
        end = sending => end,
        end = receiving => end,
        error = connection.closed() => Err(Refusal::new(Code::Network, error)),
    };
    let (code, reason) = match &end {
        Ok(()) => (CLOSED, String::new()),
        Err(refusal) => (REFUSED, refusal.code().as_str().to_owned()),
    };
    connection.close(code.into(), reason.as_bytes());
    engine.disconnected(peer).await;
    end
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

/// Cuts the stream into frames and starts the verification of segments.
async fn read(
    mut stream: RecvStream,
    queue: mpsc::Sender<Incoming>,
    engine: Handle,
    traffic: Arc<Traffic>,
) -> Result<(), Refusal> {
    let mut deframer = Deframer::default();
    while let Some(chunk) = stream.read_chunk(READ, true).await.map_err(network)? {
        traffic.received(chunk.bytes.len());
        deframer.feed(&chunk.bytes);
        while let Some(bytes) = deframer.next_frame()? {
            let incoming = match Frame::decode(bytes)? {
                Some(Frame::Segment(bytes)) => {
                    traffic.segment_received();
                    start_verifying(bytes, engine.keys())?
                }
                Some(frame) => Incoming::Frame(frame),
                None => {
                    debug!(tag = bytes.first(), "unknown frame skipped");
                    continue;
                }
            };
            if queue.send(incoming).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn start_verifying(bytes: Arc<[u8]>, keys: KeyRing) -> Result<Incoming, Refusal> {
    let small = bytes.len() < SMALL;
    let sealed = Sealed::parse(bytes)?;
    let copy = sealed.clone();
    Ok(if small {
        Incoming::Ready(open(copy, &keys), sealed)
    } else {
        Incoming::Running(tokio::task::spawn_blocking(move || open(copy, &keys)), sealed)
    })
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
        let (opened, sealed) = match incoming {
            Incoming::Frame(frame) => {
                engine.frame(peer, frame).await?;
                continue;
            }
            Incoming::Ready(opened, sealed) => (opened, sealed),
            Incoming::Running(task, sealed) => (task.await.map_err(network)?, sealed),
        };
        let opened = match opened {
            // The directory that names the author may be on its way to the engine just before it: look again then.
            Err((_, refusal)) if refusal.code() == Code::UnknownAuthor => {
                let keys = engine.ask(|replica| replica.keys()).await?;
                open(sealed, &keys)
            }
            opened => opened,
        };
        match opened {
            Ok(segment) => engine.segment(peer, segment).await?,
            Err((header, refusal)) => engine.reject(peer, header, refusal).await?,
        }
    }
    Ok(())
}
