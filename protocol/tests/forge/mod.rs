//! Builds segments that no honest node writes: any body under a good signature.
#![allow(dead_code, reason = "each test file uses a part")]

use std::num::NonZeroU64;
use std::sync::Arc;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{Change, ChangeHash, ExpandedChange, ObjType};
use ed25519_dalek::{Signer, SigningKey};
use xiangyue_protocol::change::{ChangeId, ChangeMeta, Position};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Actor, DocId, Hlc, NodeId, Refusal};

pub(crate) const COMPRESSED: u8 = 1;

pub(crate) fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn actor_of(key: &SigningKey, incarnation: u32) -> Actor {
    Actor { node: NodeId::of_key(key.verifying_key().as_bytes()), incarnation }
}

pub(crate) fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0];
        value >>= 7;
        out.push(if value == 0 { low & 0x7f } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

pub(crate) fn put_int(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        let done = (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0);
        out.push(if done { low } else { low | 0x80 });
        if done {
            return;
        }
    }
}

pub(crate) fn put_run(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A segment's bytes around any body, signed as an author would.
pub(crate) fn seal(key: &SigningKey, header: &Header, flags: u8, prev: Option<ChangeId>, body: &[u8]) -> Arc<[u8]> {
    let mut bytes = vec![1, flags];
    put_run(&mut bytes, header.doc.to_string().as_bytes());
    bytes.extend_from_slice(&header.actor.to_bytes());
    put_uint(&mut bytes, header.first);
    put_uint(&mut bytes, header.last - header.first);
    bytes.extend_from_slice(&header.hlc.0.to_be_bytes());
    bytes.extend_from_slice(prev.as_ref().map_or(&[][..], |prev| &prev[..]));
    bytes.extend_from_slice(body);
    let signature = key.sign(&blake3::derive_key("xiangyue segment signature v1", &bytes));
    bytes.extend_from_slice(&signature.to_bytes());
    bytes.into()
}

/// Takes a segment apart as a driver does.
pub(crate) fn open(key: &SigningKey, bytes: Arc<[u8]>) -> Result<Segment, Refusal> {
    Sealed::parse(bytes)?.verify(&key.verifying_key())?.open()
}

pub(crate) fn header(doc: &str, actor: Actor, first: u64, last: u64) -> Header {
    Header { doc: doc.parse().unwrap(), actor, first, last, hlc: Hlc(1_611_100_800_000 << 16) }
}

/// A body's columns, byte by byte. The default is one change that makes an empty record under `a`.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) counts: Vec<u8>,
    pub(crate) hashes: Vec<u8>,
    pub(crate) gaps: Vec<u8>,
    pub(crate) times: Vec<u8>,
    pub(crate) sizes: Vec<u8>,
    pub(crate) shapes: Vec<u8>,
    pub(crate) which: Vec<u8>,
    pub(crate) marks: Vec<u8>,
    pub(crate) own: Vec<u8>,
    /// One or two for each field of each shape.
    pub(crate) values: Vec<Vec<u8>>,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            counts: vec![0],
            hashes: Vec::new(),
            gaps: vec![0],
            times: vec![0],
            sizes: vec![1],
            shapes: vec![1, 0],
            which: vec![0],
            marks: vec![0, 1],
            own: b"a".to_vec(),
            values: Vec::new(),
        }
    }
}

impl Columns {
    /// One record under `a` with one field `f` of this type and with these columns.
    pub(crate) fn with_field(code: u8, values: &[&[u8]]) -> Columns {
        let values = values.iter().map(|column| column.to_vec()).collect();
        Columns { shapes: vec![1, 1, code, 1, b'f'], values, ..Columns::default() }
    }

    fn all(&self) -> Vec<&Vec<u8>> {
        let fixed = [
            &self.counts,
            &self.hashes,
            &self.gaps,
            &self.times,
            &self.sizes,
            &self.shapes,
            &self.which,
            &self.marks,
            &self.own,
        ];
        fixed.into_iter().chain(&self.values).collect()
    }

    /// As an uncompressed body.
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.all().into_iter().flatten().copied().collect()
    }

    /// As a compressed body.
    pub(crate) fn packed(&self) -> Vec<u8> {
        self.all().into_iter().flat_map(|column| packed(column, column.len() as u64)).collect()
    }
}

/// A deflated column under any stated length.
pub(crate) fn packed(plain: &[u8], stated: u64) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(9));
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    let mut out = Vec::new();
    put_uint(&mut out, stated);
    put_run(&mut out, &encoder.finish().unwrap());
    out
}

/// The change as Automerge itself makes it, operation by operation.
pub(crate) fn automerge_change(position: &Position, records: &[Record]) -> Change {
    let actor = position.actor.to_automerge();
    let mut next = position.start_op;
    let mut operations = Vec::new();
    for record in records {
        let object = ObjectId::Id(OpId::new(next, &actor));
        let mut op = |obj: &ObjectId, action, key: &str| {
            let (obj, key) = (obj.clone(), Key::Map(key.into()));
            operations.push(Op { action, obj, key, pred: SortedVec::new(), insert: false });
        };
        op(&ObjectId::Root, OpType::Make(ObjType::Map), &record.key);
        record.fields.iter().for_each(|(name, value)| op(&object, OpType::Put(value.clone()), name));
        next += record.ops();
    }
    Change::from(ExpandedChange {
        operations,
        actor_id: actor,
        hash: None,
        seq: position.seq,
        start_op: NonZeroU64::new(position.start_op).unwrap(),
        time: position.time,
        message: None,
        deps: position.deps.iter().map(|dep| ChangeHash(*dep)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// Seals changes at these positions as an honest author would; the first builds on `prev` unless it is its first.
pub(crate) fn segment(key: &SigningKey, doc: &str, prev: ChangeId, changes: Vec<(Position, Vec<Record>)>) -> Segment {
    let (first, last) = (&changes[0].0, &changes[changes.len() - 1].0);
    let header = header(doc, first.actor, first.seq, last.seq);
    let metas = changes.iter().map(|(position, records)| ChangeMeta::new(position.clone(), records)).collect();
    let records = changes.into_iter().map(|(_, records)| records).collect();
    Segment::seal(header, prev, metas, records, key).unwrap()
}

/// One author's branch of a document, written change by change on whatever heads are named.
#[derive(Clone)]
pub(crate) struct Author {
    pub(crate) key: SigningKey,
    pub(crate) actor: Actor,
    pub(crate) doc: DocId,
    pub(crate) last: u64,
    pub(crate) tip: ChangeId,
    pub(crate) next_op: u64,
    pub(crate) hlc: Hlc,
}

impl Author {
    pub(crate) fn new(key: SigningKey, incarnation: u32, doc: &str) -> Author {
        let actor = actor_of(&key, incarnation);
        let hlc = Hlc(1_611_100_800_000 << 16);
        Author { key, actor, doc: doc.parse().unwrap(), last: 0, tip: [0; 32], next_op: 1, hlc }
    }

    /// Writes one change on top of its own last one and `heads`.
    pub(crate) fn write_on(&mut self, records: &[Record], heads: &[ChangeId]) -> Segment {
        let mut deps = heads.to_vec();
        if self.last > 0 && !heads.contains(&self.tip) {
            deps.push(self.tip);
        }
        deps.sort_unstable();
        let seq = self.last + 1;
        let position = Position { actor: self.actor, seq, start_op: self.next_op, deps, time: 0 };
        let change = ChangeMeta::new(position, records);
        let header = Header { doc: self.doc.clone(), actor: self.actor, first: seq, last: seq, hlc: self.hlc };
        let segment = Segment::seal(header, self.tip, vec![change], vec![records.to_vec()], &self.key).unwrap();
        self.next_op = segment.changes[0].max_op + 1;
        (self.last, self.tip) = (seq, segment.tip());
        segment
    }

    /// Writes one change on top of its own last one.
    pub(crate) fn write(&mut self, records: &[Record]) -> Segment {
        self.write_on(records, &[])
    }
}
