//! Builds segments that no honest node writes: any body under a good signature, and changes of any shape.
#![allow(dead_code, reason = "each test file uses a part")]

use std::num::NonZeroU64;
use std::sync::Arc;

use automerge::{ActorId, Change, ChangeHash, ExpandedChange};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use xiangyue_protocol::record::{self, Position, Record};
use xiangyue_protocol::segment::{ChangeId, Header, Sealed, Segment};
use xiangyue_protocol::{Actor, DocId, Hlc, NodeId, Refusal};

pub(crate) const COMPRESSED: u8 = 1;
pub(crate) const PREV_IS_DEP: u8 = 2;

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

/// The bytes of a change behind its chunk header: magic 4, checksum 4, type 1, LEB128 length.
pub(crate) fn content(change: &Change) -> Vec<u8> {
    let raw = change.raw_bytes();
    assert_eq!(raw[8], 1, "an uncompressed change");
    let skipped = raw[9..].iter().position(|byte| byte & 0x80 == 0).unwrap();
    raw[9 + skipped + 1..].to_vec()
}

/// A body of these change contents, uncompressed.
pub(crate) fn body(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    contents.iter().for_each(|content| put_run(&mut body, content));
    body
}

/// The hash that names a change, from its content.
pub(crate) fn hash(content: &[u8]) -> ChangeId {
    let mut typed = vec![1];
    put_run(&mut typed, content);
    Sha256::digest(&typed).into()
}

/// A body compressed as one, under any stated length.
pub(crate) fn deflated(plain: &[u8], stated: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, stated);
    let mut encoder = flate2::write::DeflateEncoder::new(out, flate2::Compression::new(9));
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

/// One change's content with columns given byte by byte.
pub(crate) fn raw_change(actor: Actor, seq: u64, start_op: u64, columns: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 0);
    put_run(&mut out, &actor.to_bytes());
    put_uint(&mut out, seq);
    put_uint(&mut out, start_op);
    put_int(&mut out, 0);
    put_run(&mut out, b"");
    put_uint(&mut out, 0);
    put_uint(&mut out, columns.len() as u64);
    for (spec, data) in columns {
        put_uint(&mut out, *spec);
        put_uint(&mut out, data.len() as u64);
    }
    columns.iter().for_each(|(_, data)| out.extend_from_slice(data));
    out
}

/// Seals changes as an honest author would, but with whatever the changes hold.
pub(crate) fn segment(key: &SigningKey, doc: &str, prev: ChangeId, changes: &[Change]) -> Arc<[u8]> {
    let actor = Actor::from_bytes(changes[0].actor_id().to_bytes()).unwrap();
    let header = header(doc, actor, changes[0].seq(), changes[changes.len() - 1].seq());
    let contents: Vec<_> = changes.iter().map(content).collect();
    seal(key, &header, 0, (header.first > 1).then_some(prev), &body(&contents))
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
        let mut deps: Vec<ChangeHash> = heads.iter().map(|head| ChangeHash(*head)).collect();
        if self.last > 0 && !heads.contains(&self.tip) {
            deps.push(ChangeHash(self.tip));
        }
        deps.sort_unstable();
        let seq = self.last + 1;
        let position = Position { actor: self.actor, seq, start_op: self.next_op, deps, time: 0 };
        let change = record::to_change(position, records);
        let header = Header { doc: self.doc.clone(), actor: self.actor, first: seq, last: seq, hlc: self.hlc };
        let records = vec![records.to_vec()];
        let segment = Segment::seal(header, self.tip, std::slice::from_ref(&change), records, &self.key).unwrap();
        self.next_op += change.len() as u64;
        (self.last, self.tip) = (seq, change.hash().0);
        segment
    }

    /// Writes one change on top of its own last one.
    pub(crate) fn write(&mut self, records: &[Record]) -> Segment {
        self.write_on(records, &[])
    }
}

/// A change made of legacy operations, as another Automerge client might send.
pub(crate) fn expanded(actor: Actor, seq: u64, start_op: u64, operations: Vec<automerge::legacy::Op>) -> Change {
    Change::from(ExpandedChange {
        operations,
        actor_id: ActorId::from(&actor.to_bytes()[..]),
        hash: None,
        seq,
        start_op: NonZeroU64::new(start_op).unwrap(),
        time: 0,
        message: None,
        deps: Vec::new(),
        extra_bytes: Vec::new(),
        author: None,
    })
}
