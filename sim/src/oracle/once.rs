//! Promise 3: one slip, one entry, for good. A retry counts once and is answered "already"; what was answered
//! stands with the content that was asked for; nothing appears that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Entry, Points, Taken};
use xiangyue_protocol::summary::{Sort, Summary};
use xiangyue_protocol::{Command, DocId, Kind, Level, NodeId, Outcome, Refusal};

use super::shadow::{Act, Op, Shadow, Standing, key_of, standing};
use super::{Broken, People};

/// A clerk asked again for something done, which its node's disk holds: the answer is "already".
pub(super) fn check_answer(
    broken: &mut Broken,
    shadow: &Shadow,
    n: usize,
    command: &Command,
    answer: &Result<Outcome, Refusal>,
) {
    let key = key_of(command);
    let done = shadow.op(n, &key).is_some_and(|op| op.told && op.at_author);
    match answer {
        Ok(Outcome::New) if done => {
            broken.broke(3, "once", format!("node {n} took a retry of {key} for something new"));
        }
        // Of a row that has been corrected since, the clerk is told so.
        Err(refusal) if done && !shadow.is_corrected(n, &key) => {
            broken.broke(3, "once", format!("node {n} refused a retry of {key}, which is done: {refusal}"));
        }
        _ => {}
    }
}

/// How slip numbers begin under which a node grants on its own.
const UNASKED: &str = "auto-";

/// A node writes a record.
pub(super) fn check_written(
    broken: &mut Broken,
    shadow: &Shadow,
    n: usize,
    doc: &DocId,
    record: &Record,
    entry: Option<&Entry>,
) {
    let key = &record.key;
    // What a node grants on its own says so, under a number that no clerk uses; its rights are held against it like any.
    let unasked = matches!(entry, Some(Entry::Grant(grant)) if grant.auto.is_some() && key.starts_with(UNASKED));
    if !unasked && !shadow.was_asked(n, key) {
        broken.broke(3, "once", format!("node {n} writes {key} to {doc} and nobody asked for it"));
    }
    if shadow.op(n, key).is_some_and(|op| op.at_author) {
        broken.broke(3, "once", format!("node {n} writes {key} to {doc} a second time"));
    }
    if entry.is_none() && matches!(doc.kind, Kind::Ledger | Kind::Counter) {
        broken.broke(3, "once", format!("node {n} writes {key} to {doc}, which counts for nothing"));
    }
    let Some(Entry::Reversal(reversal)) = entry else { return };
    let redeemed = reversal.takes == Taken::Redemption;
    let target = shadow.op(n, reversal.of.as_str());
    let sound = target.is_some_and(|op| match &op.act {
        Act::Award(account, points, _) => same(redeemed, false, account, *points, reversal),
        Act::Redeem(account, points) => same(redeemed, true, account, *points, reversal),
        _ => false,
    });
    if !sound {
        broken.broke(3, "once", format!("node {n} reverses by {key} what {} is not", reversal.of));
    }
    if let Some(twin) = shadow.reversal_of(n, reversal.of.as_str()).filter(|op| op.at_author && op.key != *key) {
        broken.broke(3, "once", format!("node {n} reverses {} by {key} and by {}", reversal.of, twin.key));
    }
}

fn same(
    said: bool,
    is: bool,
    account: &AccountId,
    points: Points,
    reversal: &xiangyue_protocol::schema::Reversal,
) -> bool {
    said == is && (account, points) == (&reversal.account, reversal.points)
}

/// What was written is what was asked for.
pub(super) fn check_content(broken: &mut Broken, n: usize, key: &str, op: &Op, command: &Command) {
    let faithful = match (command, &op.act) {
        (Command::Award(asked), Act::Award(account, points, _)) => (&asked.account, asked.points) == (account, *points),
        (Command::Redeem(asked), Act::Redeem(account, points)) => (&asked.account, asked.points) == (account, *points),
        (Command::Grant(asked), Act::Grant(account, points, ..)) => {
            (&asked.account, asked.points) == (account, *points)
        }
        (Command::Reverse(asked), Act::Reverse { of, .. }) => asked.of.as_str() == of,
        (Command::Award(_) | Command::Redeem(_) | Command::Grant(_) | Command::Reverse(_), _) => false,
        _ => op.act == Act::Fact,
    };
    if !faithful {
        broken.broke(3, "once", format!("node {n} wrote {:?} for {key}", op.act));
    }
}

/// At the end: what was answered stands unchanged at every node that shows it.
pub(super) fn check_unchanged(broken: &mut Broken, people: &People, shadow: &Shadow, replicas: &[(usize, &Replica)]) {
    for (n, replica) in replicas {
        for op in shadow.ops().filter(|op| op.told && !people.is_hostile(op.author)) {
            let Some(Standing::Slips(slips)) = standing(replica, &op.doc, &op.key) else { continue };
            let (sort, points) = match &op.act {
                Act::Award(_, points, _) => (Sort::Award, points),
                Act::Redeem(_, points) => (Sort::Redemption, points),
                Act::Reverse { points, .. } => (Sort::Reversal, points),
                Act::Grant(_, points, ..) => (Sort::Grant, points),
                Act::Fact => continue,
            };
            let by_author = slips.iter().filter(|slip| slip.author == people.ids[op.author]);
            for slip in by_author {
                if (slip.sort, slip.points, Some(&slip.account)) != (sort, *points, op.act.account()) {
                    let what = format!("{} of node {} reads otherwise at node {n}: {slip:?}", op.key, op.author);
                    broken.broke(3, "once", what);
                }
            }
        }
    }
}

/// At the end: no slip counts twice, and each township counts as many entries as were acknowledged.
pub(super) fn check_counts(broken: &mut Broken, people: &People, shadow: &Shadow, replicas: &[(usize, &Replica)]) {
    // A node and its copy may both answer a merchant's ask, under one number, each with what it has.
    let may_be_double = |request: &str| request.starts_with(UNASKED) && !people.copies.is_empty();
    for (n, replica) in replicas {
        for (id, doc) in replica.docs() {
            if let Summary::Points(points) = &doc.summary
                && let Some(request) = points.duplicates.iter().find(|request| !may_be_double(request.as_str()))
                && people.hostile.is_empty()
            {
                broken.broke(3, "once", format!("{request} counts twice in {id} at node {n}"));
            }
        }
        if people.orgs[*n].level() != Level::Township || !people.hostile.is_empty() {
            continue;
        }
        let counted: u64 =
            replica.docs().values().map(|doc| if let Summary::Points(p) = &doc.summary { p.entries } else { 0 }).sum();
        let within = |op: &Op| op.doc.org.township().as_ref() == Some(&people.orgs[*n]);
        // Nobody is told of what a node granted on its own; it counts like what somebody was told of.
        let stands = |op: &Op| op.told || op.key.starts_with(UNASKED);
        let due = |op: &&Op| {
            op.act != Act::Fact && stands(op) && within(op) && (op.certain || shows(replica, people.ids[op.author], op))
        };
        // A node and its copy that write the same have written it once.
        let mut written: BTreeMap<(NodeId, &str), Vec<&Act>> = BTreeMap::new();
        for op in shadow.ops().filter(due) {
            let acts = written.entry((people.ids[op.author], op.key.as_str())).or_default();
            if !acts.contains(&&op.act) {
                acts.push(&op.act);
            }
        }
        let expected = written.values().map(Vec::len).sum::<usize>() as u64;
        if counted != expected {
            let shown: BTreeSet<(NodeId, &str)> =
                replica.docs().values().flat_map(|doc| authors_and_numbers(doc)).collect();
            let first = |(node, number): (NodeId, &str)| format!(", of {node} {number}");
            let extra = shown.iter().find(|entry| !written.contains_key(entry)).copied().map(first);
            let lacking = written.keys().find(|entry| !shown.contains(entry)).copied().map(first);
            let [extra, lacking] = [extra, lacking].map(Option::unwrap_or_default);
            let what = format!(
                "{expected} entries were acknowledged{lacking}; the township at node {n} counts {counted}{extra}"
            );
            broken.broke(3, "once", what);
        }
    }
}

/// Whether a replica shows this entry, and not only another of its author's under the same number.
fn shows(replica: &Replica, author: NodeId, op: &Op) -> bool {
    let Some(Standing::Slips(slips)) = standing(replica, &op.doc, &op.key) else { return false };
    slips.iter().filter(|slip| slip.author == author).any(|slip| match &op.act {
        Act::Grant(_, points, to, date) => {
            (slip.points, slip.date, slip.what.as_str()) == (*points, *date, to.to_string().as_str())
        }
        _ => true,
    })
}

fn authors_and_numbers(doc: &Doc) -> impl Iterator<Item = (NodeId, &str)> {
    let points = if let Summary::Points(points) = &doc.summary { Some(points) } else { None };
    points.into_iter().flat_map(|points| {
        let first = points.slips.iter().map(|(request, slip)| (slip.author, request.as_str()));
        first.chain(points.also.keys().map(|(request, author, _)| (*author, request.as_str())))
    })
}
