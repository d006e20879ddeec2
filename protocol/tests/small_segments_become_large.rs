//! An author signs its small segments anew as large ones; everybody believes the same before and after.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use forge::Author;
use proptest::prelude::*;
use world::{
    MERCHANT, NOW, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, beliefs, deliver, drained, key, life, newborn,
    reopen, write,
};
use xiangyue_protocol::change::ChangeMeta;
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::pieces::{Crowd, FAN_IN};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::{Effect, PeerId, Replica};
use xiangyue_protocol::segment::{Header, Segment};
use xiangyue_protocol::{Actor, Code, DocId};

const LEDGER: &str = "110112119201/ledger/2021-01";
const ROSTER: &str = "110112119201/roster";

fn ledger() -> DocId {
    LEDGER.parse().unwrap()
}

/// A world in which the village has written so many awards one by one, each in a segment of its own.
fn busy(awards: usize) -> World {
    let mut world = World::whole();
    for n in 0..awards {
        world.commit(VILLAGE, vec![award(&format!("b{n}"), "A1", 1)]).unwrap();
    }
    world.settle();
    world
}

#[test]
fn the_author_and_then_the_township_hold_a_run_in_one_piece_and_nothing_else_changes() {
    let mut world = busy(60);
    let before: Vec<_> = [TOWNSHIP, VILLAGE].map(|node| beliefs(world.replica(node))).into();
    assert_eq!(world.pieces(VILLAGE, &ledger()), 61);
    let redundant = world.replica(TOWNSHIP).counters().redundant;

    world.tidy(VILLAGE);
    assert_eq!(world.pieces(VILLAGE, &ledger()), 1);
    assert_eq!(world.pieces(TOWNSHIP, &ledger()), 61, "nobody is told");
    let bytes = world.bytes_sent();
    world.tidy(TOWNSHIP);
    world.settle();
    assert_eq!(world.pieces(TOWNSHIP, &ledger()), 1);
    assert!(world.bytes_sent() - bytes < 1_500, "{} bytes for 61 entries", world.bytes_sent() - bytes);
    let after: Vec<_> = [TOWNSHIP, VILLAGE].map(|node| beliefs(world.replica(node))).into();
    assert_eq!(before, after);
    let counters = world.replica(TOWNSHIP).counters();
    assert_eq!((counters.redundant, counters.recut), (redundant, 1));

    let frames = world.frames_sent();
    world.tidy(VILLAGE);
    world.tidy(TOWNSHIP);
    world.settle();
    assert_eq!(world.frames_sent(), frames, "asked and answered once");
}

#[test]
fn who_comes_later_gets_the_large_ones() {
    let mut world = busy(100);
    world.tidy(VILLAGE);
    world.tidy(TOWNSHIP);
    world.settle();
    let fresh = world.add(life(u8::try_from(VILLAGE).unwrap(), VILLAGE_CODE, 2, true));
    let bytes = world.bytes_sent();
    world.connect(TOWNSHIP, fresh);
    world.settle();
    assert_eq!(world.replica(fresh).docs()[&ledger()], world.replica(TOWNSHIP).docs()[&ledger()]);
    assert!(!world.replica(fresh).is_frozen(), "it has its own lost entries back");
    assert_eq!(world.pieces(fresh, &ledger()), 1);
    assert!(world.bytes_sent() - bytes < 6_000, "{} bytes", world.bytes_sent() - bytes);
}

#[test]
fn a_restored_life_re_issues_what_the_one_before_wrote() {
    let mut world = busy(40);
    let journal = world.journal(VILLAGE).to_vec();
    world.replace(VILLAGE, life(u8::try_from(VILLAGE).unwrap(), VILLAGE_CODE, 2, false), journal);
    world.tidy(VILLAGE);
    assert_eq!(world.pieces(VILLAGE, &ledger()), 1);
}

#[test]
fn small_and_large_lie_in_one_journal_and_either_alone_gives_the_same() {
    let mut world = busy(50);
    world.tidy(VILLAGE);
    let whole = beliefs(world.replica(VILLAGE));
    let journal = world.journal(VILLAGE).to_vec();
    let large = |s: &&Arc<Segment>| s.header.last - s.header.first + 1 >= FAN_IN;
    let covered = |s: &&Arc<Segment>| {
        let by = |l: &Arc<Segment>| {
            let (small, large) = (&s.header, &l.header);
            (&small.doc, small.actor) == (&large.doc, large.actor)
                && large.first <= small.first
                && small.last <= large.last
        };
        !journal.iter().filter(large).any(|l| !Arc::ptr_eq(l, s) && by(l))
    };
    let without_large: Vec<_> = journal.iter().filter(|s| !large(s)).cloned().collect();
    let without_small: Vec<_> = journal.iter().filter(covered).cloned().collect();
    let mut backwards = without_small.clone();
    backwards.extend(without_large.clone());
    assert!(without_large.len() > 40 && without_small.len() < without_large.len() - 40);
    for rows in [journal.clone(), without_large, without_small, backwards] {
        let mut replica = newborn(u8::try_from(VILLAGE).unwrap(), VILLAGE_CODE);
        for segment in rows {
            let sealed = xiangyue_protocol::segment::Sealed::parse(segment.bytes.clone()).unwrap();
            assert_eq!(replica.replay(sealed.from_journal()), Ok(true));
        }
        assert_eq!(beliefs(&replica), whole);
    }
}

#[test]
fn only_the_author_re_issues_and_only_what_it_holds() {
    let mut world = busy(20);
    let pieces = |world: &World| -> Vec<Segment> {
        world.journal(VILLAGE).iter().filter(|s| s.header.doc == ledger()).map(|s| reopen(s.bytes.clone())).collect()
    };
    let segments = pieces(&world);
    let appended = world.journal(TOWNSHIP).len();
    assert_eq!(world.replica_mut(TOWNSHIP).reissue(&segments).unwrap_err().code(), Code::NotAllowed);
    let holes: Vec<_> = segments[..5].iter().chain(&segments[6..]).cloned().collect();
    assert_eq!(world.replica_mut(VILLAGE).reissue(&holes).unwrap_err().code(), Code::Gap);
    let mut altered = segments.clone();
    altered[3].changes[0].id = [7; 32];
    assert_eq!(world.replica_mut(VILLAGE).reissue(&altered).unwrap_err().code(), Code::Forked);
    let mut unknown = newborn(u8::try_from(VILLAGE).unwrap(), VILLAGE_CODE);
    assert_eq!(unknown.reissue(&segments).unwrap_err().code(), Code::Gap);
    assert_eq!(world.replica_mut(VILLAGE).reissue(&segments[..3]), Ok(()), "not worth it");
    world.drain(VILLAGE);
    assert_eq!((world.journal(TOWNSHIP).len(), pieces(&world).len()), (appended, segments.len()));
}

/// What the township stores when, instead of what it asked for, it gets this.
fn answered_with(world: &mut World, bytes: Arc<[u8]>) -> Result<usize, Code> {
    let before = beliefs(world.replica(TOWNSHIP));
    world.strict = false;
    let from = world.peer(TOWNSHIP, VILLAGE);
    let crowd = Crowd { doc: ledger(), actor: world.replica(VILLAGE).actor(), first: 1, last: 41, pieces: 41 };
    world.replica_mut(TOWNSHIP).recut(vec![crowd]);
    world.drain(TOWNSHIP);
    let taken = world.inject(TOWNSHIP, from, bytes);
    assert_eq!(beliefs(world.replica(TOWNSHIP)), before);
    taken.map(|()| world.pieces(TOWNSHIP, &ledger())).map_err(|refusal| refusal.code())
}

/// The village's changes in one segment, after `alter`, signed by `signer`.
fn joined(world: &World, signer: u8, alter: impl Fn(&mut Vec<ChangeMeta>, &mut Vec<Vec<Record>>)) -> Arc<[u8]> {
    let pieces: Vec<_> = world.journal(VILLAGE).iter().filter(|s| s.header.doc == ledger()).collect();
    let mut changes = pieces.iter().flat_map(|s| s.changes.clone()).collect();
    let mut records = pieces.iter().flat_map(|s| s.records.clone()).collect();
    alter(&mut changes, &mut records);
    let header = Header { last: changes.len() as u64, ..pieces[0].header.clone() };
    Segment::seal(header, [0; 32], changes, records, &key(signer)).unwrap().bytes
}

#[test]
fn a_forged_re_issue_is_refused() {
    let honest = joined(&busy(40), u8::try_from(VILLAGE).unwrap(), |_, _| {});
    assert_eq!(answered_with(&mut busy(40), honest), Ok(1), "the honest one");
    let others = joined(&busy(40), u8::try_from(OTHER).unwrap(), |_, _| {});
    assert_eq!(answered_with(&mut busy(40), others), Err(Code::BadSignature));
    let altered = joined(&busy(40), u8::try_from(VILLAGE).unwrap(), |_, records| {
        records[7][0].fields[3].1 = automerge::ScalarValue::Int(99);
    });
    assert_eq!(answered_with(&mut busy(40), altered), Err(Code::Forked), "by the author itself");
}

#[test]
fn what_was_not_asked_for_is_not_stored_again() {
    let mut world = busy(40);
    let honest = joined(&world, u8::try_from(VILLAGE).unwrap(), |_, _| {});
    let from = world.peer(TOWNSHIP, VILLAGE);
    let stored = world.journal(TOWNSHIP).len();
    world.inject(TOWNSHIP, from, Arc::clone(&honest)).unwrap();
    assert_eq!(world.journal(TOWNSHIP).len(), stored);
    assert_eq!(answered_with(&mut world, Arc::clone(&honest)), Ok(1));
    let stored = world.journal(TOWNSHIP).len();
    world.inject(TOWNSHIP, from, honest).unwrap();
    assert_eq!(world.journal(TOWNSHIP).len(), stored, "each change once for each question");
}

#[test]
fn a_question_is_answered_only_within_scope_and_only_with_far_fewer() {
    let mut world = busy(40);
    world.tidy(VILLAGE);
    let actor = world.replica(VILLAGE).actor();
    let asked = |world: &mut World, by: usize, pieces: u64| {
        let peer = world.peer(TOWNSHIP, by);
        let crowd = Crowd { doc: ledger(), actor, first: 1, last: 41, pieces };
        let replica = world.replica_mut(TOWNSHIP);
        replica.frame(NOW, peer, Frame::Recut(vec![crowd])).unwrap();
        drained(replica).into_iter().filter(|e| matches!(e, Effect::Recut { .. })).count()
    };
    assert_eq!(asked(&mut world, OTHER, 1000), 0, "another village's ledger");
    assert_eq!(asked(&mut world, MERCHANT, 1000), 0);
    assert_eq!(asked(&mut world, VILLAGE, 1000), 1);
    let peer = world.peer(VILLAGE, TOWNSHIP);
    let crowd = Crowd { doc: ledger(), actor, first: 1, last: 41, pieces: 3 };
    let frames = world.frames_sent();
    world.replica_mut(VILLAGE).frame(NOW, peer, Frame::Recut(vec![crowd])).unwrap();
    world.drain(VILLAGE);
    assert_eq!(world.frames_sent(), frames, "one for three is not worth sending");
}

/// Any cut of one author's changes into segments.
fn cut(author: &[Segment], sizes: &[usize]) -> Vec<Segment> {
    let changes: Vec<ChangeMeta> = author.iter().flat_map(|s| s.changes.clone()).collect();
    let records: Vec<Vec<Record>> = author.iter().flat_map(|s| s.records.clone()).collect();
    let (mut from, mut prev) = (0, [0; 32]);
    let mut segments = Vec::new();
    for size in sizes.iter().cycle() {
        let until = (from + size).min(changes.len());
        let header = Header { first: from as u64 + 1, last: until as u64, ..author[0].header.clone() };
        let (part, written) = (changes[from..until].to_vec(), records[from..until].to_vec());
        segments.push(Segment::seal(header, prev, part, written, &key(u8::try_from(VILLAGE).unwrap())).unwrap());
        (from, prev) = (until, segments[segments.len() - 1].tip());
        if until == changes.len() {
            break;
        }
    }
    segments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_cut_gives_the_same_document_vector_and_heads_mixed_in_any_order_doubled_and_restarted(
        count in 2usize..40,
        one in proptest::collection::vec(1usize..9, 1..6),
        two in proptest::collection::vec(1usize..20, 1..6),
        picks in proptest::collection::vec((any::<bool>(), any::<proptest::sample::Index>()), 0..60),
        crash in any::<proptest::sample::Index>(),
    ) {
        let mut author = Author::new(key(u8::try_from(VILLAGE).unwrap()), 1, ROSTER);
        let record = |n: usize| Record::new(format!("P{n:03}"), "term").text("role", "网格员").int("n", n as i64 % 3);
        let singles: Vec<Segment> = (0..count).map(|n| author.write(&[record(n)])).collect();
        let cuts = [cut(&singles, &one), cut(&singles, &two)];
        let mut founder = newborn(0, "110112119");
        let directory = write(&mut founder, &world::enrol(&world::org(VILLAGE_CODE), &key(u8::try_from(VILLAGE).unwrap())));
        let fresh = || {
            let mut replica = newborn(0, "110112119");
            for segment in &directory {
                replica.replay(xiangyue_protocol::segment::Sealed::parse(segment.bytes.clone()).unwrap().from_journal()).unwrap();
            }
            replica
        };
        let state = |replica: &Replica| replica.docs().get(&ROSTER.parse::<DocId>().unwrap()).cloned();
        let mut plain = fresh();
        for segment in singles {
            deliver(&mut plain, PeerId(1), segment.bytes).unwrap();
            drained(&mut plain);
        }

        let (mut replica, mut journal) = (fresh(), Vec::new());
        let keep = |replica: &mut Replica, journal: &mut Vec<Arc<[u8]>>| {
            let appended = drained(replica).into_iter();
            journal.extend(appended.filter_map(|e| if let Effect::Append { segment, .. } = e { Some(segment.bytes.clone()) } else { None }));
        };
        let all = picks.iter().map(|(which, at)| &cuts[usize::from(*which)][at.index(cuts[usize::from(*which)].len())]);
        let order: Vec<&Segment> = all.chain(&cuts[0]).chain(&cuts[1]).collect();
        let crash = crash.index(order.len());
        for (at, segment) in order.into_iter().enumerate() {
            if at == crash {
                replica = fresh();
                for bytes in &journal {
                    replica.replay(xiangyue_protocol::segment::Sealed::parse(Arc::clone(bytes)).unwrap().from_journal()).unwrap();
                }
            }
            match deliver(&mut replica, PeerId(1), Arc::clone(&segment.bytes)) {
                Ok(()) => {}
                Err(refusal) => prop_assert_eq!(refusal.code(), Code::Gap),
            }
            keep(&mut replica, &mut journal);
        }
        prop_assert_eq!(state(&replica), state(&plain));
        let digests = |replica: &Replica| -> BTreeMap<DocId, u64> {
            replica.docs().iter().map(|(id, doc)| (id.clone(), doc.digest())).collect()
        };
        prop_assert_eq!(digests(&replica), digests(&plain));
        let actor: Actor = author.actor;
        prop_assert_eq!(state(&replica).unwrap().last(actor), count as u64);
    }
}
