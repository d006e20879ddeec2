//! Frames: what two nodes say to each other on an ordered stream. `docs/wire.md` lists them.
//!
//! A frame is a LEB128 length, a type byte and a postcard payload; a segment's payload is its bytes. A type that
//! this version does not know is skipped, so old and new nodes can share a network.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal};
use crate::id::{Actor, DocId, NodeId};
use crate::org::OrgCode;
use crate::pieces::Crowd;
use crate::segment::SEGMENT_BYTES;
use crate::time::Hlc;
use crate::wire::put_uint;

/// Bytes of one frame: a segment and its type.
pub const FRAME_BYTES: usize = SEGMENT_BYTES + 1;
/// The lowest protocol version that this code speaks.
pub const LOWEST: u16 = 1;
/// The highest protocol version that this code speaks.
pub const VERSION: u16 = 2;
/// From this version on a node understands [`Frame::Announce`], [`Frame::Want`] and [`Frame::Prune`].
pub const ANNOUNCES: u16 = 2;

/// First word of either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest version spoken.
    pub min_version: u16,
    /// Highest version spoken.
    pub max_version: u16,
    /// Sender.
    pub node: NodeId,
    /// Its organisation.
    pub org: OrgCode,
    /// Its clock, to show skew.
    pub clock: Hlc,
    /// Digests of what both sides may hold.
    pub marks: Marks,
    /// Which life of the sender this is. Appended to the payload: a node that has not heard of it skips it, and one
    /// that does not say it leaves none.
    #[serde(skip)]
    pub life: Option<u32>,
}

impl Hello {
    fn encode(&self) -> postcard::Result<Vec<u8>> {
        let payload = postcard::to_stdvec(self)?;
        match self.life {
            Some(life) => postcard::to_extend(&life, payload),
            None => Ok(payload),
        }
    }

    fn decode(payload: &[u8]) -> Result<Hello, Refusal> {
        let (mut hello, rest) = postcard::take_from_bytes::<Hello>(payload).map_err(|error| bad(&error.to_string()))?;
        // What a later version appends behind it is skipped.
        hello.life = if rest.is_empty() { None } else { Some(read(rest)?) };
        Ok(hello)
    }
}

/// Digests of the documents in the scope of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Marks {
    /// Few documents: each one's mark and digest, sorted by mark.
    Docs(Vec<(u64, u64)>),
    /// Many: one digest for each organisation; [`Frame::OrgDocs`] goes into those that differ.
    Orgs(Vec<(OrgCode, u64)>),
}

/// How far each actor has written to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocVector {
    /// The document.
    pub doc: DocId,
    /// Actor, last sequence number, mark of that change's hash.
    pub tips: Vec<(Actor, u64, u64)>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// First word of either side.
    Hello(Hello),
    /// Marks and digests of one organisation's documents.
    OrgDocs(OrgCode, Vec<(u64, u64)>),
    /// The sender's vectors of documents in which the two sides differ.
    Vectors(Vec<DocVector>),
    /// What is about to be sent: segments and bytes, for progress.
    Totals(u64, u64),
    /// A segment.
    Segment(Arc<[u8]>),
    /// Segments up to these are durable at the sender.
    Have(Vec<Row>),
    /// The sender serves too many: come back after so many milliseconds.
    Busy(u32),
    /// Segments up to these are durable at the sender and are not pushed to the receiver.
    Announce(Vec<Row>),
    /// The sender lacks what comes after these; if true, what follows in these organisations' documents is to be
    /// pushed to it.
    Want(bool, Vec<Row>),
    /// What the receiver pushes of these organisations' documents reaches the sender sooner from others: announce it.
    Prune(Vec<OrgCode>),
    /// The sender has these runs in so many pieces: the receiver's are welcome if they are far fewer.
    Recut(Vec<Crowd>),
}

/// A document, an author, and how far it has written there.
pub type Row = (DocId, Actor, u64);

impl Frame {
    /// As sent: length, type, payload.
    pub fn encode(&self) -> Vec<u8> {
        let payload = match self {
            Frame::Hello(hello) => (1, hello.encode()),
            Frame::OrgDocs(org, docs) => (2, postcard::to_stdvec(&(org, docs))),
            Frame::Vectors(vectors) => (3, postcard::to_stdvec(vectors)),
            Frame::Totals(segments, bytes) => (4, postcard::to_stdvec(&(segments, bytes))),
            Frame::Segment(bytes) => (5, Ok(bytes.to_vec())),
            Frame::Have(rows) => (6, postcard::to_stdvec(rows)),
            Frame::Busy(millis) => (7, postcard::to_stdvec(millis)),
            Frame::Announce(rows) => (8, postcard::to_stdvec(rows)),
            Frame::Want(push, rows) => (9, postcard::to_stdvec(&(push, rows))),
            Frame::Prune(orgs) => (10, postcard::to_stdvec(orgs)),
            Frame::Recut(crowds) => (11, postcard::to_stdvec(crowds)),
        };
        let (tag, payload) = (payload.0, payload.1.unwrap_or_default());
        let mut bytes = Vec::with_capacity(payload.len() + 6);
        put_uint(&mut bytes, payload.len() as u64 + 1);
        bytes.push(tag);
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Reads the type and payload of a frame (without its length); none for an unknown type.
    ///
    /// # Errors
    /// [`Code::BadFrame`] when a known type's payload is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Option<Frame>, Refusal> {
        let Some((tag, payload)) = bytes.split_first() else { return Err(bad("empty")) };
        Ok(Some(match tag {
            1 => Frame::Hello(Hello::decode(payload)?),
            2 => {
                let (org, docs) = read(payload)?;
                Frame::OrgDocs(org, docs)
            }
            3 => Frame::Vectors(read(payload)?),
            4 => {
                let (segments, bytes) = read(payload)?;
                Frame::Totals(segments, bytes)
            }
            5 => Frame::Segment(payload.into()),
            6 => Frame::Have(read(payload)?),
            7 => Frame::Busy(read(payload)?),
            8 => Frame::Announce(read(payload)?),
            9 => {
                let (push, rows) = read(payload)?;
                Frame::Want(push, rows)
            }
            10 => Frame::Prune(read(payload)?),
            11 => Frame::Recut(read(payload)?),
            _ => return Ok(None),
        }))
    }
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Refusal> {
    postcard::from_bytes(payload).map_err(|error| bad(&error.to_string()))
}

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadFrame, what)
}

/// Cuts a byte stream into frames: feed it bytes, take frames out.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    at: usize,
}

impl Deframer {
    /// Adds bytes from the stream. The caller takes all frames out before adding more, so at most one frame and
    /// one read are held.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame's type and payload; none until more bytes are fed.
    ///
    /// # Errors
    /// [`Code::TooLarge`] as soon as a length over [`FRAME_BYTES`] is stated.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Refusal> {
        let rest = &self.buffer[self.at..];
        let mut reader = crate::wire::Reader::new(rest);
        let len = match reader.len(FRAME_BYTES) {
            Ok(len) => len,
            Err(refusal) if refusal.code() == Code::TooLarge => return Err(refusal),
            Err(_) if rest.len() < 10 => return Ok(None),
            Err(_) => return Err(bad("length")),
        };
        let Ok(frame) = reader.take(len) else { return Ok(None) };
        self.at = self.buffer.len() - reader.rest().len();
        let _ = frame;
        Ok(Some(&self.buffer[self.at - len..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        let doc: DocId = "110112119201/ledger/2021-01".parse().unwrap();
        let actor = Actor { node: NodeId([3; 16]), incarnation: 1 };
        let hello = Hello {
            min_version: 1,
            max_version: 1,
            node: NodeId([1; 16]),
            org: "110112119201".parse().unwrap(),
            clock: Hlc(7),
            marks: Marks::Docs(vec![(1, 2), (3, 4)]),
            life: Some(77),
        };
        vec![
            Frame::Hello(Hello { life: None, ..hello.clone() }),
            Frame::Hello(hello),
            Frame::OrgDocs("110112119".parse().unwrap(), vec![(9, 9)]),
            Frame::Vectors(vec![DocVector { doc: doc.clone(), tips: vec![(actor, 5, 6)] }]),
            Frame::Totals(3, 4096),
            Frame::Segment(vec![1, 2, 3].into()),
            Frame::Have(vec![(doc.clone(), actor, 5)]),
            Frame::Busy(1500),
            Frame::Announce(vec![(doc.clone(), actor, 7)]),
            Frame::Want(true, vec![(doc.clone(), actor, 6)]),
            Frame::Recut(vec![Crowd { doc, actor, first: 1, last: 16, pieces: 16 }]),
            Frame::Prune(vec!["110112119".parse().unwrap()]),
        ]
    }

    #[test]
    fn frames_read_back_however_the_stream_is_cut() {
        let stream: Vec<u8> = frames().iter().flat_map(Frame::encode).collect();
        for step in [1, 2, 7, stream.len()] {
            let (mut deframer, mut got) = (Deframer::default(), Vec::new());
            for piece in stream.chunks(step) {
                deframer.feed(piece);
                while let Some(bytes) = deframer.next_frame().unwrap() {
                    got.push(Frame::decode(bytes).unwrap().unwrap());
                }
            }
            assert_eq!(got, frames(), "in steps of {step}");
        }
    }

    #[test]
    fn every_prefix_of_a_payload_is_refused_or_another_frame_but_never_a_panic() {
        for frame in frames() {
            let bytes = frame.encode();
            for cut in 1..bytes.len() {
                let _ = Frame::decode(&bytes[bytes.len() - cut..]);
                let _ = Frame::decode(&bytes[1..cut.max(1)]);
            }
        }
    }

    #[test]
    fn an_unknown_type_is_skipped_and_a_stated_giant_refused_at_once() {
        assert_eq!(Frame::decode(&[200, 1, 2]).unwrap(), None);
        let mut deframer = Deframer::default();
        deframer.feed(&[0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(deframer.next_frame().unwrap_err().code(), Code::TooLarge);
    }
}
