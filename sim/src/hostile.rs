//! Segments that no honest node of this version writes: what hostile and newer nodes of a plan send.

use std::sync::Arc;

use xiangyue_protocol::change::{ChangeMeta, Position};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::{Effect, Mode};
use xiangyue_protocol::schema::{AccountId, Award, Points};
use xiangyue_protocol::segment::{Header, Segment};
use xiangyue_protocol::time::Month;
use xiangyue_protocol::{Command, Date, DocId, Hlc, Kind, Level, Millis, OrgCode};

use crate::disk::Row;
use crate::node::SimNode;
use crate::workload::name;

/// An award under the rule that every scenario has.
pub fn award(request: &str, account: &AccountId, points: i64, date: Date) -> Command {
    let (request, account, rule, points) = (name(request), account.clone(), name("R1"), Points(points));
    let (by, memo) = ("c1".into(), Default::default());
    Command::Award(Award { request, account, rule, points, repaid: Points::ZERO, date, by, memo, approval: None })
}

/// What a node would have written next if it had been asked for another award: under the same number, another content.
pub fn second_tale(node: &SimNode, now: Millis, account: &AccountId, date: Date) -> Option<Vec<Arc<Row>>> {
    let mut twin = node.replayed(node.disk.rows()).ok()?;
    let (answers, _) = twin.submit(now, &[award("tale-2", account, 2, date)], Mode::AllOrNothing);
    if answers.iter().any(Result::is_err) || twin.flush(now).is_err() {
        return None;
    }
    let mut rows = Vec::new();
    while let Some(effect) = twin.poll_effect() {
        if let Effect::Append { segment, .. } = effect {
            rows.push(Arc::new(Row::of(&segment)));
        }
    }
    Some(rows)
}

/// A well-signed segment with this number, whose predecessors nobody has.
pub fn gapped(node: &SimNode, date: Date, seq: u64) -> Option<Arc<Row>> {
    let doc = own_doc(&node.org, date)?;
    let record = Record::new(format!("flood-{seq}"), "award");
    Some(Arc::new(Row::of(&seal(node, doc, seq, 10 * seq, record)?)))
}

/// A well-signed record in the township's directory, which a village or a merchant may not write.
pub fn trespass(node: &SimNode) -> Option<Arc<Row>> {
    let township = node.org.township().filter(|township| *township != node.org)?;
    let record = Record::new(format!("org/{}/2", node.org), "org").text("name", "Capital");
    let doc = DocId::whole(&township, Kind::Directory);
    Some(Arc::new(Row::of(&seal(node, doc, 1, 1, record)?)))
}

/// A record of a kind that this version does not know, as the first thing that a node writes in a life.
pub fn unknown_kind(node: &SimNode, date: Date) -> Option<(Segment, Arc<Row>)> {
    let doc = own_doc(&node.org, date)?;
    let known = node.replica.as_ref()?.docs().get(&doc);
    if known.is_some_and(|doc| doc.last(node.actor()) > 0) {
        return None;
    }
    let record = Record::new(format!("{}-{}", node.name, node.incarnation), "pledge").text("to", "a later version");
    let segment = seal(node, doc, 1, 1, record)?;
    let row = Arc::new(Row::of(&segment));
    Some((segment, row))
}

/// A document that a node of this organisation may write to.
fn own_doc(org: &OrgCode, date: Date) -> Option<DocId> {
    match org.level() {
        Level::Village => Some(DocId::of_month(org, Kind::Ledger, Month::of(date))),
        Level::Merchant => Some(DocId::of_month(org, Kind::Counter, Month::of(date))),
        _ => None,
    }
}

fn seal(node: &SimNode, doc: DocId, seq: u64, start_op: u64, record: Record) -> Option<Segment> {
    let actor = node.actor();
    let prev = if seq == 1 { [0; 32] } else { [7; 32] };
    let deps = if seq == 1 { Vec::new() } else { vec![prev] };
    let records = vec![record];
    let change = ChangeMeta::new(Position { actor, seq, start_op, deps, time: 0 }, &records);
    let header = Header { doc, actor, first: seq, last: seq, hlc: Hlc::at(Millis(0)) };
    Segment::seal(header, prev, vec![change], vec![records], node.key()).ok()
}
