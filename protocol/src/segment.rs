//! Segments: signed runs of one actor's consecutive changes to one document. `docs/segment.md` draws the bytes.
//!
//! The same bytes stand in the journal, on the wire, in backups and in the simulator. [`Segment::seal`] makes
//! one; [`Sealed::parse`], [`Sealed::verify`] and [`Verified::open`] take a foreign one apart, in that order:
//! lengths first, then the signature, and only then the body.

use std::sync::Arc;

use automerge::Change;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::body;
use crate::change::{self, Position};
pub use crate::change::{ChangeId, ChangeMeta};
use crate::error::{Code, Refusal};
use crate::id::{Actor, DocId};
use crate::record::Record;
use crate::time::Hlc;
use crate::wire::{Reader, put_uint};

/// Bytes of a whole segment as stored.
pub const SEGMENT_BYTES: usize = 2 << 20;
const VERSION: u8 = 1;
const DOC_BYTES: usize = 48;
const SIGNATURE_BYTES: usize = 64;
/// The body is compressed.
const COMPRESSED: u8 = 0x01;
/// Reserved: the body is sealed to the document's readers and starts with the tip in clear.
const SEALED: u8 = 0x04;

/// Operations in one document: Automerge numbers them in 32 bits and panics beyond.
pub const OPS: u64 = 1 << 31;

/// What a segment says of itself in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which document.
    pub doc: DocId,
    /// By whom.
    pub actor: Actor,
    /// Sequence number of the first change.
    pub first: u64,
    /// Sequence number of the last change.
    pub last: u64,
    /// When it was sealed.
    pub hlc: Hlc,
}

/// A segment whose content is known to be sound.
#[derive(Clone, Debug)]
pub struct Segment {
    /// What it says of itself.
    pub header: Header,
    /// Hash of the change before the first; zeros at the start of an actor.
    pub prev: ChangeId,
    /// Its changes, in order.
    pub changes: Vec<ChangeMeta>,
    /// What each change writes.
    pub records: Vec<Vec<Record>>,
    /// As stored and sent.
    pub bytes: Arc<[u8]>,
}

fn digest(signed: &[u8]) -> [u8; 32] {
    blake3::derive_key("xiangyue segment signature v1", signed)
}

impl Segment {
    /// Seals changes under `key`, whose node must be the actor's. `prev` is zeros at the start of an actor.
    ///
    /// # Errors
    /// [`Code::TooLarge`] when the changes do not fit one segment; [`Code::BadSegment`] when they are not a chain.
    pub fn seal(
        header: Header,
        prev: ChangeId,
        changes: Vec<ChangeMeta>,
        records: Vec<Vec<Record>>,
        key: &SigningKey,
    ) -> Result<Segment, Refusal> {
        let before = (header.first > 1).then_some(&prev);
        let (body, compressed) = body::pack(&header, before, &changes, &records)?;
        let doc = header.doc.to_string();
        let mut bytes = Vec::with_capacity(body.len() + 200);
        bytes.push(VERSION);
        bytes.push(if compressed { COMPRESSED } else { 0 });
        put_uint(&mut bytes, doc.len() as u64);
        bytes.extend_from_slice(doc.as_bytes());
        bytes.extend_from_slice(&header.actor.to_bytes());
        put_uint(&mut bytes, header.first);
        put_uint(&mut bytes, header.last - header.first);
        bytes.extend_from_slice(&header.hlc.0.to_be_bytes());
        if header.first > 1 {
            bytes.extend_from_slice(&prev);
        }
        bytes.extend_from_slice(&body);
        let signature = key.sign(&digest(&bytes));
        bytes.extend_from_slice(&signature.to_bytes());
        if bytes.len() > SEGMENT_BYTES {
            return Err(Refusal::new(Code::TooLarge, format_args!("segment of {} bytes", bytes.len())));
        }
        Ok(Segment { header, prev, changes, records, bytes: bytes.into() })
    }

    /// The Automerge changes, for building a document.
    ///
    /// # Errors
    /// [`Code::BadSegment`] when Automerge does not take them.
    pub fn to_automerge(&self) -> Result<Vec<Change>, Refusal> {
        let Header { actor, first, .. } = self.header;
        let each = self.changes.iter().zip(&self.records).zip(first..).map(|((change, records), seq)| {
            let ChangeMeta { start_op, ref deps, time, .. } = *change;
            change::to_automerge(&Position { actor, seq, start_op, deps: deps.clone(), time }, records)
        });
        each.collect()
    }

    /// Hash of the last change.
    pub fn tip(&self) -> ChangeId {
        self.changes.last().map_or(self.prev, |change| change.id)
    }
}

/// A foreign segment with its header read and nothing else believed.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What it says of itself.
    pub header: Header,
    compressed: bool,
    prev: Option<ChangeId>,
    body_at: usize,
    bytes: Arc<[u8]>,
}

impl Sealed {
    /// Reads the header of a foreign segment.
    ///
    /// # Errors
    /// [`Code::TooLarge`] over [`SEGMENT_BYTES`]; [`Code::BadVersion`] for a form this version does not know;
    /// [`Code::BadSegment`] when cut short or inconsistent.
    pub fn parse(bytes: Arc<[u8]>) -> Result<Sealed, Refusal> {
        if bytes.len() > SEGMENT_BYTES {
            return Err(Refusal::new(Code::TooLarge, format_args!("segment of {} bytes", bytes.len())));
        }
        let signed = bytes.len().checked_sub(SIGNATURE_BYTES).ok_or_else(|| bad("cut short"))?;
        let mut reader = Reader::new(&bytes[..signed]);
        let (version, flags) = (reader.byte()?, reader.byte()?);
        if version != VERSION || flags & !COMPRESSED != 0 {
            let form = if flags & SEALED != 0 { "sealed body" } else { "segment form" };
            return Err(Refusal::new(Code::BadVersion, format_args!("{form} {version}/{flags:#04x}")));
        }
        let doc = std::str::from_utf8(reader.run(DOC_BYTES)?).map_err(|_| bad("document id"))?.parse()?;
        let actor = Actor::from_bytes(&reader.array::<20>()?).ok_or_else(|| bad("actor"))?;
        let first = reader.uint()?;
        let more = reader.uint()?;
        let last = first.checked_add(more).filter(|_| first > 0 && more < body::CHANGES as u64);
        let last = last.ok_or_else(|| bad("sequence numbers"))?;
        let hlc = Hlc(u64::from_be_bytes(reader.array()?));
        let prev = if first > 1 { Some(reader.array()?) } else { None };
        let body_at = signed - reader.rest().len();
        let compressed = flags & COMPRESSED != 0;
        Ok(Sealed { header: Header { doc, actor, first, last, hlc }, compressed, prev, body_at, bytes })
    }

    /// Checks the author's signature over everything before it.
    ///
    /// # Errors
    /// [`Code::BadSignature`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, Refusal> {
        let (signed, signature) = self.bytes.split_at(self.bytes.len() - SIGNATURE_BYTES);
        let signature = Signature::from_slice(signature).map_err(|_| bad("signature"))?;
        key.verify_strict(&digest(signed), &signature).map_err(|_| {
            Refusal::new(Code::BadSignature, format_args!("{} by {}", self.header.doc, self.header.actor))
        })?;
        Ok(Verified(self))
    }

    /// Takes a segment from this node's own journal, whose frames are hashed and which holds only verified ones.
    pub fn from_journal(self) -> Verified {
        Verified(self)
    }
}

/// A segment whose signature has been checked.
#[derive(Clone, Debug)]
pub struct Verified(Sealed);

impl Verified {
    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Opens the body: inflates, bounds and reads it, and makes the changes' hashes anew.
    ///
    /// # Errors
    /// [`Code::BadSegment`], [`Code::TooLarge`], [`Code::TooDeep`], all the sender's fault.
    pub fn open(self) -> Result<Segment, Refusal> {
        let Sealed { header, compressed, prev, body_at, bytes } = self.0;
        let body = &bytes[body_at..bytes.len() - SIGNATURE_BYTES];
        let (changes, records) = body::unpack(body, compressed, &header, prev)?;
        Ok(Segment { header, prev: prev.unwrap_or_default(), changes, records, bytes })
    }
}

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadSegment, what)
}
