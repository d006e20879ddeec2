//! Whatever the order in which segments arrive, heads are Automerge's heads and every figure is the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::collections::BTreeSet;

use automerge::Automerge;
use ed25519_dalek::SigningKey;
use forge::{Author, signing_key};
use proptest::prelude::*;
use world::{MERCHANT_CODE, NOW, VILLAGE_CODE, deliver, drained, enrol, key, newborn, org};
use xiangyue_protocol::forms::Row;
use xiangyue_protocol::forms::points::VALIDITY;
use xiangyue_protocol::forms::township::{MERCHANT, PRICE, SETTING};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::{PeerId, Replica};
use xiangyue_protocol::schema::{
    Approval, Award, Decline, Entry, Expiry, Grant, Points, Redemption, Reversal, Taken, claim,
};
use xiangyue_protocol::segment::{ChangeId, Sealed, Segment};
use xiangyue_protocol::summary::{Slip, Summary};
use xiangyue_protocol::views::Views;
use xiangyue_protocol::{DocId, NodeId};

const LEDGER: &str = "110112119201/ledger/2021-01";
const RULES: &str = "110112119/rules/2021";

/// The township's replica with the village and a second node of it in the directory.
fn reader() -> Replica {
    let mut township = newborn(0, "110112119");
    let mut commands = enrol(&org(VILLAGE_CODE), &key(1)).to_vec();
    commands.extend(enrol(&org(VILLAGE_CODE), &key(2))[1..].to_vec());
    commands.extend(enrol(&org(MERCHANT_CODE), &key(3)));
    world::write(&mut township, &commands);
    township.connected(NOW, PeerId(1), newborn(1, VILLAGE_CODE).node(), org(VILLAGE_CODE));
    township
}

/// What authors write, and on whose changes of the others they build.
#[derive(Clone, Debug)]
struct Step {
    author: usize,
    entry: u16,
    /// For each other author: whether its last change is named.
    on: [bool; 3],
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0usize..3, 0u16..0x700, any::<[bool; 3]>());
    proptest::collection::vec(step.prop_map(|(author, entry, on)| Step { author, entry, on }), 1..24)
}

/// Records from a small space of numbers, accounts and amounts, so that they collide in every way.
fn record(n: u16) -> Record {
    let award = |approval| match entry(n & 0xcf) {
        Entry::Award(award) => Award { approval, ..award },
        _ => unreachable!("awards are the first sort"),
    };
    let claimant = [key(1), key(2)].map(|key| newborn_of(&key))[usize::from((n >> 4) & 1)];
    match n >> 8 {
        6 => {
            let Award { request, account, points, date, by, .. } = award(None);
            Entry::Expiry(Expiry { request, account, points, earned_to: date, date, by }).to_record()
        }
        0..=2 => entry(n & 0xff).to_record(),
        3 => claim::claim_record(&Award { repaid: Points::ZERO, ..award(None) }),
        4 => Entry::Award(award(Some(Approval { by: "c2".into(), claimant: Some(claimant) }))).to_record(),
        _ => {
            let claimed = award(None);
            let content = Slip::of(&Entry::Award(claimed.clone()), claimant).content;
            let (request, date, by) = (claimed.request, claimed.date, "c2".into());
            Decline { request, claimant, content, date, by, memo: format!("{}", n >> 5).into() }.to_record()
        }
    }
}

fn newborn_of(key: &SigningKey) -> NodeId {
    NodeId::of_key(&key.verifying_key().to_bytes())
}

fn entry(n: u16) -> Entry {
    let (request, of) = (format!("s{}", n % 4).parse().unwrap(), format!("s{}", (n / 4) % 4).parse().unwrap());
    let account = format!("A{}", n & 1).parse().unwrap();
    let points = Points(10 + i64::from((n >> 5) & 1));
    let part = Points(i64::from((n >> 6) & 1) * 3);
    let date = format!("2021-01-0{}", 1 + (n >> 7)).parse().unwrap();
    let by = "c1".into();
    match (n / 16) % 4 {
        0 => {
            let (rule, memo) = ("R1".parse().unwrap(), format!("{n}").into());
            Entry::Award(Award { request, account, rule, points, repaid: part, date, by, memo, approval: None })
        }
        1 => {
            let item = "I1".parse().unwrap();
            Entry::Redemption(Redemption {
                request,
                account,
                item,
                points,
                date,
                merchant: None,
                by,
                lines: Vec::new(),
            })
        }
        2 => {
            let takes = [Taken::Award, Taken::Redemption, Taken::Expiry][usize::from(n % 3)];
            let memo = "".into();
            Entry::Reversal(Reversal { request, of, account, takes, points, debt: part, date, by, memo })
        }
        _ => {
            Entry::Grant(Grant { request, account, points, to: newborn(3, MERCHANT_CODE).node(), date, by, auto: None })
        }
    }
}

/// Two lives of one village node, and a second node of the village.
fn authors() -> [Author; 3] {
    [Author::new(key(1), 1, LEDGER), Author::new(key(1), 2, LEDGER), Author::new(key(2), 1, LEDGER)]
}

/// Three lives of the township's node.
fn township_lives() -> [Author; 3] {
    [1, 2, 3].map(|life| Author::new(key(0), life, RULES))
}

fn written(steps: &[Step], record: impl Fn(&Step) -> Record) -> Vec<Segment> {
    written_by(authors(), steps, record)
}

fn written_by(mut authors: [Author; 3], steps: &[Step], record: impl Fn(&Step) -> Record) -> Vec<Segment> {
    let mut segments = Vec::new();
    for step in steps {
        let others: Vec<Author> = (0..3)
            .filter(|n| *n != step.author && step.on[*n] && authors[*n].last > 0)
            .map(|n| authors[n].clone())
            .collect();
        let heads: Vec<ChangeId> = others.iter().map(|author| author.tip).collect();
        let author = &mut authors[step.author];
        author.next_op = others.iter().map(|other| other.next_op).fold(author.next_op, u64::max);
        segments.push(author.write_on(&[record(step)], &heads));
    }
    segments
}

/// Shuffles segments, keeping each author's own order, as it is on any path.
fn interleaved(segments: &[Segment], picks: &[usize]) -> Vec<Segment> {
    let actors: BTreeSet<_> = segments.iter().map(|segment| segment.header.actor).collect();
    let queue = |actor: &_| segments.iter().filter(|s| s.header.actor == *actor).cloned().collect::<Vec<_>>();
    let mut queues: Vec<Vec<Segment>> = actors.iter().map(queue).collect();
    let mut order = Vec::new();
    for at in 0..segments.len() {
        queues.retain(|queue| !queue.is_empty());
        let pick = picks.get(at).copied().unwrap_or(0) % queues.len();
        order.push(queues[pick].remove(0));
    }
    order
}

fn automerge_heads(segments: &[Segment]) -> BTreeSet<ChangeId> {
    let mut doc = Automerge::new();
    for segment in segments {
        doc.apply_changes(segment.to_automerge().unwrap()).unwrap();
    }
    let loaded = Automerge::load(&doc.save()).expect("what replicas accept can be saved and loaded");
    assert_eq!(loaded.get_heads(), doc.get_heads());
    doc.get_heads().into_iter().map(|hash| hash.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn heads_and_sums_do_not_depend_on_the_order_of_delivery(
        steps in steps(),
        one in proptest::collection::vec(0usize..3, 24),
        two in proptest::collection::vec(0usize..3, 24),
    ) {
        let segments = written(&steps, |step| record(step.entry));
        let ledger: DocId = LEDGER.parse().unwrap();
        let states = [one, two].map(|picks| {
            let mut replica = reader();
            for segment in interleaved(&segments, &picks) {
                deliver(&mut replica, PeerId(1), segment.bytes).expect("taken");
                drained(&mut replica);
            }
            replica
        });
        let [a, b] = &states;
        prop_assert_eq!(&a.docs()[&ledger], &b.docs()[&ledger]);
        prop_assert_eq!(a.views(), b.views());
        prop_assert_eq!(a.views(), &Views::of(a.docs().iter()), "rebuilt from summaries");
        let doc = &*a.docs()[&ledger];
        prop_assert_eq!(&doc.heads, &automerge_heads(&segments));
        prop_assert!(doc.awaited.is_empty(), "everything has arrived");
        let stored = postcard::to_stdvec(doc).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<xiangyue_protocol::doc::Doc>(&stored).unwrap(), doc);
    }

    #[test]
    fn a_summary_and_the_tail_after_it_equal_a_full_replay(
        steps in steps(),
        picks in proptest::collection::vec(0usize..3, 24),
        cut in any::<proptest::sample::Index>(),
    ) {
        let order = interleaved(&written(&steps, |step| record(step.entry)), &picks);
        let replay = |replica: &mut Replica, segments: &[Segment]| {
            for segment in segments {
                replica.replay(Sealed::parse(segment.bytes.clone()).unwrap().from_journal()).unwrap();
            }
        };
        let mut full = newborn(0, "110112119");
        replay(&mut full, &order);
        let cut = cut.index(order.len() + 1);
        let mut stored = newborn(0, "110112119");
        replay(&mut stored, &order[..cut]);
        let mut restored = newborn(0, "110112119");
        for (id, doc) in stored.docs() {
            let bytes = postcard::to_stdvec(&**doc).unwrap();
            restored.restore(id.clone(), postcard::from_bytes(&bytes).unwrap());
        }
        // The tail of the journal overlaps what the stored documents cover.
        replay(&mut restored, &order[cut / 2..]);
        prop_assert_eq!(restored.views(), full.views());
        for (id, doc) in full.docs() {
            prop_assert_eq!(&restored.docs()[id], doc);
        }
    }

    #[test]
    fn registers_show_the_same_facts_in_any_order(
        steps in steps(),
        one in proptest::collection::vec(0usize..3, 24),
        two in proptest::collection::vec(0usize..3, 24),
    ) {
        let fact = |step: &Step| {
            Record::new(format!("A{}", step.entry % 2), "account")
                .text("holder", if step.entry & 2 == 0 { "person" } else { "household" })
                .text("segment", if step.entry & 4 == 0 { "villager" } else { "party" })
                .text("opened", format!("2020-01-0{}", 1 + step.entry % 7))
        };
        let segments = written(&steps, fact);
        let doc: DocId = "110112119201/accounts".parse().unwrap();
        let views = [one, two].map(|picks| {
            let mut summary = xiangyue_protocol::doc::Doc::empty(&doc);
            for segment in interleaved(&segments, &picks) {
                for record in segment.records.iter().flatten() {
                    summary.summary.absorb(&doc, record, segment.header.actor.node);
                }
            }
            (Views::of([(&doc, &summary)].into_iter()), summary.summary)
        });
        prop_assert_eq!(&views[0], &views[1]);
    }

    #[test]
    fn provisions_say_the_same_in_any_order(
        steps in steps(),
        one in proptest::collection::vec(0usize..3, 24),
        two in proptest::collection::vec(0usize..3, 24),
    ) {
        let segments = written_by(township_lives(), &steps, |step| provision(step.entry));
        let states = [one, two].map(|picks| {
            let mut village = newborn(1, VILLAGE_CODE);
            village.connected(NOW, PeerId(1), newborn(0, "110112119").node(), org("110112119"));
            for segment in interleaved(&segments, &picks) {
                deliver(&mut village, PeerId(1), segment.bytes).expect("taken");
                drained(&mut village);
            }
            village
        });
        let [a, b] = &states;
        prop_assert_eq!(a.views(), b.views(), "as the rows arrive");
        prop_assert_eq!(a.views(), &Views::of(a.docs().iter()), "rebuilt from summaries");
        let doc = &a.docs()[&RULES.parse().unwrap()].summary;
        let stored = postcard::to_stdvec(doc).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Summary>(&stored).unwrap(), doc);
    }
}

/// Versions of a few rows by which points are judged, some of them written apart and some withdrawn.
fn provision(n: u16) -> Record {
    let (points, day) = (("points", i64::from(n % 3).into()), format!("2021-01-0{}", 1 + (n >> 2) % 2));
    let from = ("from", day.as_str().into());
    let row = match (n >> 3) % 4 {
        0 => Row::new(&PRICE, [("item", "I1".into()), ("option", "o".into()), ("min_age", 0.into()), from, points]),
        1 => Row::new(&MERCHANT, [("merchant", MERCHANT_CODE.into()), from, ("point_worth", i64::from(n % 3).into())]),
        2 => Row::new(&SETTING, [("setting", "approve_above".into()), from, ("value", i64::from(n % 3).into())]),
        _ => Row::new(&VALIDITY, [("earned_to", "2020-12-31".into()), ("spend_until", day.as_str().into())]),
    };
    let row = row.unwrap().at(u32::from(1 + (n >> 5) % 3));
    if (n >> 7).is_multiple_of(4) { row.withdrawn() } else { row }.to_record()
}

#[test]
fn a_hole_in_the_journal_is_told_and_not_papered_over() {
    let mut author = Author::new(signing_key(2), 1, LEDGER);
    let segments: Vec<Segment> = (0..3).map(|n| author.write(&[record(n)])).collect();
    let mut replica = newborn(1, VILLAGE_CODE);
    let mut replay = |n: usize| replica.replay(Sealed::parse(segments[n].bytes.clone()).unwrap().from_journal());
    assert_eq!(replay(0), Ok(true));
    assert_eq!(replay(2), Ok(false), "the second is missing");
    let ledger: DocId = LEDGER.parse().unwrap();
    assert_eq!(replica.docs()[&ledger].last(author.actor), 1, "it claims only what it has");
}
