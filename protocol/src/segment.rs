//! Segments: signed runs of one actor's consecutive changes to one document. `docs/segment.md` draws the bytes.
//!
//! The same bytes stand in the journal, on the wire, in backups and in the simulator. [`Segment::seal`] makes
//! one; [`Sealed::parse`], [`Sealed::verify`] and [`Verified::open`] take a foreign one apart, in that order:
//! lengths first, then the signature, and only then the body.

use std::sync::Arc;

use automerge::Change;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::body;
use crate::error::{Code, Refusal};
use crate::id::{Actor, DocId};
use crate::record::{self, Record};
use crate::time::Hlc;
use crate::wire::{Reader, put_uint};

/// Bytes of a whole segment as stored.
pub const SEGMENT_BYTES: usize = 2 << 20;
const VERSION: u8 = 1;
const DOC_BYTES: usize = 48;
const SIGNATURE_BYTES: usize = 64;
/// The body is compressed.
const COMPRESSED: u8 = 0x01;
/// `prev` is left out: it is the only dependency of the first change.
const PREV_IS_DEP: u8 = 0x02;
/// Reserved: the body is sealed to the document's readers and starts with the tip in clear.
const SEALED: u8 = 0x04;

/// Operations in one document: Automerge numbers them in 32 bits and panics beyond.
pub const OPS: u64 = 1 << 31;

/// The Automerge hash of a change.
pub type ChangeId = [u8; 32];

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

/// What replication needs to know of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeMeta {
    /// Its hash.
    pub id: ChangeId,
    /// The heads that it was made on.
    pub deps: Vec<ChangeId>,
    /// Number of its first operation.
    pub start_op: u64,
    /// Number of its last operation.
    pub max_op: u64,
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

fn meta(change: &Change) -> ChangeMeta {
    let start_op = change.start_op().get();
    let max_op = start_op.saturating_add(change.len() as u64).saturating_sub(1);
    ChangeMeta { id: change.hash().0, deps: change.deps().iter().map(|hash| hash.0).collect(), start_op, max_op }
}

impl Segment {
    /// Seals changes made from `records` (one list a change) under `key`, whose node must be the actor's.
    ///
    /// # Errors
    /// [`Code::TooLarge`] when the changes do not fit one segment.
    pub fn seal(
        header: Header,
        prev: ChangeId,
        changes: &[Change],
        records: Vec<Vec<Record>>,
        key: &SigningKey,
    ) -> Result<Segment, Refusal> {
        let (body, compressed) = body::pack(changes)?;
        let linear = header.first > 1 && matches!(changes.first().map(Change::deps), Some([dep]) if dep.0 == prev);
        let doc = header.doc.to_string();
        let mut bytes = Vec::with_capacity(body.len() + 200);
        bytes.push(VERSION);
        bytes.push(if compressed { COMPRESSED } else { 0 } | if linear { PREV_IS_DEP } else { 0 });
        put_uint(&mut bytes, doc.len() as u64);
        bytes.extend_from_slice(doc.as_bytes());
        bytes.extend_from_slice(&header.actor.to_bytes());
        put_uint(&mut bytes, header.first);
        put_uint(&mut bytes, header.last - header.first);
        bytes.extend_from_slice(&header.hlc.0.to_be_bytes());
        if header.first > 1 && !linear {
            bytes.extend_from_slice(&prev);
        }
        bytes.extend_from_slice(&body);
        let signature = key.sign(&digest(&bytes));
        bytes.extend_from_slice(&signature.to_bytes());
        if bytes.len() > SEGMENT_BYTES {
            return Err(Refusal::new(Code::TooLarge, format_args!("segment of {} bytes", bytes.len())));
        }
        let changes = changes.iter().map(meta).collect();
        Ok(Segment { header, prev, changes, records, bytes: bytes.into() })
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
    flags: u8,
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
        if version != VERSION || flags & !(COMPRESSED | PREV_IS_DEP) != 0 {
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
        let prev = match (first, flags & PREV_IS_DEP) {
            (1, 0) => Some([0; 32]),
            (1, _) => return Err(bad("a first change has no predecessor")),
            (_, 0) => Some(reader.array()?),
            _ => None,
        };
        let body_at = signed - reader.rest().len();
        Ok(Sealed { header: Header { doc, actor, first, last, hlc }, flags, prev, body_at, bytes })
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

    /// Opens the body: inflates, bounds and decodes it, and checks that it is what the header says.
    ///
    /// # Errors
    /// [`Code::BadSegment`], [`Code::TooLarge`], [`Code::TooDeep`], all the sender's fault.
    pub fn open(self) -> Result<Segment, Refusal> {
        let changes = self.changes()?;
        let sealed = self.0;
        let expected = sealed.header.last - sealed.header.first + 1;
        if changes.len() as u64 != expected {
            return Err(bad("number of changes"));
        }
        let actor = sealed.header.actor.to_bytes();
        for (change, seq) in changes.iter().zip(sealed.header.first..) {
            if change.actor_id().to_bytes() != actor || change.seq() != seq {
                return Err(bad("a change of another actor or number"));
            }
        }
        let prev = match (sealed.prev, changes[0].deps()) {
            (Some(prev), _) => prev,
            (None, [dep]) => dep.0,
            (None, _) => return Err(bad("predecessor")),
        };
        let records = changes.iter().map(record::from_change).collect::<Result<_, _>>()?;
        let changes: Vec<ChangeMeta> = changes.iter().map(meta).collect();
        check_chain(&sealed.header, prev, &changes)?;
        Ok(Segment { header: sealed.header, prev, changes, records, bytes: sealed.bytes })
    }

    /// The Automerge changes of the body, for building a document.
    ///
    /// # Errors
    /// As [`Verified::open`].
    pub fn changes(&self) -> Result<Vec<Change>, Refusal> {
        let Sealed { bytes, body_at, flags, .. } = &self.0;
        let body = &bytes[*body_at..bytes.len() - SIGNATURE_BYTES];
        if flags & COMPRESSED != 0 { body::unpack(&body::inflate(body)?) } else { body::unpack(body) }
    }
}

/// Checks that each change builds on the one before and numbers its operations after it.
///
/// Automerge panics, some of it only when the saved document is loaded, on a branch that is not a chain and on
/// operation numbers that repeat or pass 32 bits. The first number is checked against the branch by the replica.
fn check_chain(header: &Header, prev: ChangeId, changes: &[ChangeMeta]) -> Result<(), Refusal> {
    let mut before = (header.first > 1).then_some((prev, 0));
    for change in changes {
        if change.max_op < change.start_op || change.max_op > OPS {
            return Err(bad("operation numbers"));
        }
        if let Some((id, max_op)) = before
            && (!change.deps.contains(&id) || change.start_op <= max_op)
        {
            return Err(bad("a change that does not follow its predecessor"));
        }
        before = Some((change.id, change.max_op));
    }
    Ok(())
}

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadSegment, what)
}
