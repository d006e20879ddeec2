//! An account's statement: its entries in an order in which they can have been made, with the balance after each.

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::summary::Sort;
use xiangyue_protocol::{DocId, Millis, NodeId, Refusal};

use super::account::{Found, known, org_of, slips};
use crate::api::types::{LineKind, Statement, StatementLine, StatementQuery};
use crate::documents::Mark;

/// A line before its balance is known.
struct Step<'r> {
    found: Found<'r>,
    kind: LineKind,
    /// Points as the line shows them.
    points: Points,
    /// By how much it changes the balance.
    change: Points,
}

impl<'r> Step<'r> {
    /// Where only a part of the account's entries is here, a step changes what this node may spend: a sum over the
    /// part would be none of the account's balances.
    fn new(found: Found<'r>, me: NodeId, partial: bool) -> Step<'r> {
        let slip = found.slip;
        let (kind, points) = match slip.sort {
            Sort::Award => (LineKind::Award, slip.points),
            Sort::Redemption => (LineKind::Redemption, Points(-slip.points.0)),
            Sort::Reversal => {
                let (kind, points) = match slip.takes {
                    Some(Sort::Redemption) => (LineKind::RedemptionReversed, slip.points),
                    Some(Sort::Expiry) => (LineKind::ExpiryReversed, slip.points),
                    _ => (LineKind::AwardReversed, Points(-slip.points.0)),
                };
                // Until the entry that it takes back is here, a reversal counts nothing.
                (kind, if slip.counted { points } else { Points::ZERO })
            }
            Sort::Grant => (LineKind::Grant, slip.points),
            Sort::Expiry => (LineKind::Expiry, Points(-slip.points.0)),
        };
        let change = match kind {
            LineKind::Grant if partial && slip.what == me.to_string() => points,
            LineKind::Grant if partial && slip.author == me => Points(-points.0),
            LineKind::Grant => Points::ZERO,
            _ if partial && slip.author != me => Points::ZERO,
            _ => points,
        };
        Step { found, kind, points, change }
    }

    /// Whether it takes back an entry that still waits for its place.
    fn waits_for(&self, day: &[Step<'_>]) -> bool {
        let slip = self.found.slip;
        slip.sort == Sort::Reversal && day.iter().any(|other| other.found.request.as_str() == slip.what)
    }
}

/// Puts entries, which come by date, in an order in which they can have been made. They carry a day and no hour, so
/// within a day what gives points goes before what takes them, a reversal after what it takes back, and nothing below
/// zero as long as something else of that day can go first.
fn in_order(mut waiting: Vec<Step<'_>>) -> Vec<Step<'_>> {
    let mut ordered = Vec::with_capacity(waiting.len());
    let mut balance = Points::ZERO;
    while let Some(first) = waiting.first() {
        let today = waiting.iter().take_while(|step| step.found.slip.date == first.found.slip.date).count();
        let day = &waiting[..today];
        let next = |may: &dyn Fn(&Step<'_>) -> bool| day.iter().position(|step| !step.waits_for(day) && may(step));
        let at = next(&|step| step.change > Points::ZERO)
            .or_else(|| next(&|step| balance + step.change >= Points::ZERO))
            .or_else(|| next(&|_| true))
            .unwrap_or(0);
        let step = waiting.remove(at);
        balance += step.change;
        ordered.push(step);
    }
    ordered
}

/// The entries of an account with the balance after each, without remarks; and for each where the whole entry stands.
///
/// # Errors
/// [`xiangyue_protocol::Code::UnknownAccount`].
pub fn statement(
    replica: &Replica,
    account: &AccountId,
    query: StatementQuery,
    as_of: Millis,
) -> Result<(Statement, Vec<(DocId, Mark)>), Refusal> {
    known(replica, account)?;
    let partial = !replica.views().accounts.contains_key(account);
    let steps = slips(replica, account).into_iter().map(|found| Step::new(found, replica.node(), partial));
    let (mut balance, mut opening, mut lines) = (Points::ZERO, Points::ZERO, Vec::new());
    let mut sources = Vec::new();
    for Step { found: Found { doc, request, slip, duplicate }, kind, points, change } in in_order(steps.collect()) {
        if query.to.is_some_and(|to| slip.date > to) {
            break;
        }
        balance += change;
        if query.from.is_some_and(|from| slip.date < from) {
            opening = balance;
            continue;
        }
        let (org, org_name) = org_of(replica, slip.author);
        let about = match (slip.sort, slip.what.parse()) {
            (Sort::Grant, Ok(node)) => org_of(replica, node).0.as_str().into(),
            _ => slip.what.clone(),
        };
        sources.push((doc.clone(), Mark::new(request, slip)));
        lines.push(StatementLine {
            date: slip.date,
            kind,
            request: request.clone(),
            points,
            about,
            org,
            org_name,
            memo: "".into(),
            approved_by: None,
            balance,
            possible_duplicate_of: duplicate.then(|| request.clone()),
        });
    }
    let (account, StatementQuery { from, to }) = (account.clone(), query);
    Ok((Statement { account, from, to, opening, partial, lines, closing: balance, as_of }, sources))
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::Date;
    use xiangyue_protocol::schema::RequestId;
    use xiangyue_protocol::summary::Slip;

    use super::*;

    const ME: NodeId = NodeId([1; 16]);
    const OTHER: NodeId = NodeId([2; 16]);

    /// An entry: number, day, sort, what it is about, points, author.
    type Row = (&'static str, i8, Sort, &'static str, i64, NodeId);

    /// The numbers in their order, each with the balance after it.
    fn order(rows: &[Row], partial: bool) -> String {
        let doc: DocId = "110112119201/ledger/2026-11".parse().unwrap();
        let entry = |(request, day, sort, what, points, author): &Row| {
            let taken = rows.iter().find(|row| row.0 == *what).map(|row| row.2);
            let slip = Slip {
                content: 0,
                author: *author,
                account: "A1".parse().unwrap(),
                points: Points(*points),
                sort: *sort,
                date: Date::constant(2026, 11, *day),
                what: (*what).into(),
                place: None,
                reversed: false,
                set: Points::ZERO,
                takes: taken,
                counted: taken.is_some(),
            };
            (request.parse::<RequestId>().unwrap(), slip)
        };
        let mut entries: Vec<_> = rows.iter().map(entry).collect();
        entries.sort_by_key(|(request, slip)| (slip.date, request.clone()));
        let found = |(request, slip)| Found { doc: &doc, request, slip, duplicate: false };
        let steps = entries.iter().map(|(request, slip)| Step::new(found((request, slip)), ME, partial)).collect();
        let mut balance = Points::ZERO;
        let line = |step: Step<'_>| {
            balance += step.change;
            format!("{}={balance}", step.found.request)
        };
        in_order(steps).into_iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_one_day_an_award_stands_before_what_spends_it() {
        let rows = [("a", 2, Sort::Redemption, "I", 10, ME), ("b", 2, Sort::Award, "R", 10, ME)];
        assert_eq!(order(&rows, false), "b=10 a=0");
    }

    #[test]
    fn a_redemption_taken_back_gives_the_points_for_the_next_one() {
        let rows = [
            ("a", 2, Sort::Redemption, "I", 10, ME),
            ("b", 2, Sort::Redemption, "I", 10, ME),
            ("c", 2, Sort::Reversal, "a", 10, ME),
            ("d", 1, Sort::Award, "R", 10, ME),
            ("e", 3, Sort::Reversal, "missing", 10, ME),
        ];
        assert_eq!(order(&rows, false), "d=10 a=0 c=10 b=0 e=0");
    }

    #[test]
    fn what_was_overspent_is_still_listed() {
        let rows = [("a", 2, Sort::Redemption, "I", 10, ME), ("b", 2, Sort::Award, "R", 5, ME)];
        assert_eq!(order(&rows, false), "b=5 a=-5");
    }

    #[test]
    fn a_merchant_s_part_counts_what_the_merchant_may_spend() {
        let me = "01010101010101010101010101010101";
        let rows = [
            ("g", 2, Sort::Grant, me, 30, OTHER),
            ("a", 2, Sort::Redemption, "I", 10, ME),
            ("b", 3, Sort::Redemption, "I", 5, OTHER),
        ];
        assert_eq!(order(&rows, true), "g=30 a=20 b=20");
        assert_eq!(NodeId([1; 16]).to_string(), me);
    }
}
