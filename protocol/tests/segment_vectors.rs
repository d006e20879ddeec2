//! The test vectors of `docs/segment.md` hold both ways: these inputs give these bytes, and the bytes read back so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;

use std::collections::BTreeMap;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use forge::{actor_of, open};
use xiangyue_protocol::change::{ChangeId, ChangeMeta, Position};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Actor, Hlc, NodeId};

const DOCUMENT: &str = include_str!("../../docs/segment.md");

type Vector = BTreeMap<String, String>;

/// The blocks fenced as `vector`: lines of `name = value`, long values continued on indented lines.
fn vectors() -> Vec<Vector> {
    let blocks = DOCUMENT.split("```vector\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| read(&block.replace("\n  ", ""))).collect()
}

fn read(block: &str) -> Vector {
    let pair =
        |line: &str| line.split_once(" = ").map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    block.lines().filter_map(pair).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(vector: &Vector, name: &str) -> ChangeId {
    unhex(&vector[name]).try_into().unwrap()
}

fn key(vector: &Vector) -> SigningKey {
    SigningKey::from_bytes(&id(vector, "secret key"))
}

fn actor(vector: &Vector) -> Actor {
    actor_of(&key(vector), vector["incarnation"].parse().unwrap())
}

fn header(vector: &Vector) -> Header {
    let number = |name: &str| vector[name].parse::<u64>().unwrap();
    let (first, last) = (number("first"), number("last"));
    Header { doc: vector["document"].parse().unwrap(), actor: actor(vector), first, last, hlc: Hlc(number("clock")) }
}

/// The one record of a vector: `kind` first, then text fields in the order that the document gives.
fn record(vector: &Vector) -> Record {
    let mut record = Record::new(vector["record key"].as_str(), "term");
    record = record.text("role", vector["record role"].repeat(vector["role repeated"].parse().unwrap()));
    record.int("n", vector["record n"].parse().unwrap())
}

#[test]
fn the_document_has_three_vectors() {
    assert_eq!(vectors().len(), 3);
}

#[test]
fn these_inputs_give_these_bytes() {
    for vector in vectors().iter().filter(|vector| vector["compressed"] == "no") {
        let header = header(vector);
        let prev = id(vector, "prev");
        let deps = if header.first == 1 { Vec::new() } else { vec![prev] };
        let start_op = vector["start op"].parse().unwrap();
        let position = Position { actor: header.actor, seq: header.first, start_op, deps, time: 0 };
        let change = ChangeMeta::new(position, &[record(vector)]);
        assert_eq!(hex(&change.id), vector["change hash"]);
        let sealed = Segment::seal(header, prev, vec![change], vec![vec![record(vector)]], &key(vector)).unwrap();
        assert_eq!(hex(&sealed.bytes), vector["segment"]);
        assert_eq!(sealed.bytes.len().to_string(), vector["bytes"]);
    }
}

#[test]
fn these_bytes_read_back() {
    for vector in vectors() {
        let public = key(&vector).verifying_key();
        assert_eq!(hex(public.as_bytes()), vector["public key"]);
        assert_eq!(NodeId::of_key(public.as_bytes()).to_string(), vector["node id"]);
        let bytes: Arc<[u8]> = unhex(&vector["segment"]).into();
        assert_eq!(Sealed::parse(Arc::clone(&bytes)).unwrap().header, header(&vector));
        let segment = open(&key(&vector), bytes).unwrap();
        assert_eq!(segment.records, [[record(&vector)]]);
        assert_eq!((hex(&segment.prev), hex(&segment.tip())), (vector["prev"].clone(), vector["change hash"].clone()));
    }
}

#[test]
fn the_limits_that_the_document_names_are_those_of_the_code() {
    use xiangyue_protocol::record::limits;
    use xiangyue_protocol::segment::{OPS, SEGMENT_BYTES};
    let limits = [
        ("segment, bytes", SEGMENT_BYTES as u64),
        ("operations in a document", OPS),
        ("records in a change", limits::RECORDS as u64),
        ("fields in a record", limits::FIELDS as u64),
        ("record key, bytes", limits::KEY_BYTES as u64),
        ("field name, bytes", limits::NAME_BYTES as u64),
        ("field value, bytes", limits::VALUE_BYTES as u64),
    ];
    for (name, value) in limits {
        let row = format!("| {name} | {value} |");
        assert!(DOCUMENT.contains(&row), "no row {row}");
    }
}

#[test]
#[ignore = "prints fresh vectors when the format changes"]
fn print_vectors() {
    let secret = SigningKey::from_bytes(&[7; 32]);
    let mut prev = [0; 32];
    let mut start_op = 1;
    for (seq, repeat) in [(1, 1), (2, 1), (3, 80)] {
        let record = Record::new("P0001", "term").text("role", "网格员".repeat(repeat)).int("n", 3);
        let header = Header {
            doc: "110112119201/roster".parse().unwrap(),
            actor: actor_of(&secret, 1),
            first: seq,
            last: seq,
            hlc: Hlc(1_611_100_800_000 << 16),
        };
        let deps = if seq == 1 { Vec::new() } else { vec![prev] };
        let position = Position { actor: header.actor, seq, start_op, deps, time: 0 };
        let change = ChangeMeta::new(position, std::slice::from_ref(&record));
        let (node, public) = (header.actor.node, secret.verifying_key());
        let sealed = Segment::seal(header, prev, vec![change.clone()], vec![vec![record]], &secret).unwrap();
        let long = |bytes: &[u8]| {
            hex(bytes)
                .as_bytes()
                .chunks(96)
                .map(|c| std::str::from_utf8(c).unwrap().to_owned())
                .collect::<Vec<_>>()
                .join("\n  ")
        };
        println!("```vector\nsecret key = {}\npublic key = {}", hex(secret.as_bytes()), hex(public.as_bytes()));
        println!("node id = {node}\nincarnation = 1\ndocument = 110112119201/roster\nfirst = {seq}\nlast = {seq}");
        println!("clock = {}\nprev = {}\nstart op = {start_op}", sealed.header.hlc.0, hex(&prev));
        println!("record key = P0001\nrecord role = 网格员\nrole repeated = {repeat}\nrecord n = 3");
        println!("compressed = {}", if sealed.bytes[1] & 1 == 1 { "yes" } else { "no" });
        println!(
            "change hash = {}\nbytes = {}\nsegment = {}\n```\n",
            hex(&change.id),
            sealed.bytes.len(),
            long(&sealed.bytes)
        );
        prev = change.id;
        start_op = change.max_op + 1;
    }
}
