//! One account: its balance and its statement, from the slips of the documents that this node holds.

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points, RequestId};
use xiangyue_protocol::summary::{Slip, Sort, Summary};
use xiangyue_protocol::{Code, Millis, NodeId, OrgCode, Refusal};

use crate::api::types::{Balance, Held, LineKind, Statement, StatementLine, StatementQuery};

fn known(replica: &Replica, account: &AccountId) -> Result<(), Refusal> {
    let views = replica.views();
    let known = views.accounts.contains_key(account) || views.book.contains_key(account);
    if known { Ok(()) } else { Err(Refusal::new(Code::UnknownAccount, account)) }
}

/// The organisation that a node acts for, and its name.
fn org_of(replica: &Replica, node: NodeId) -> (OrgCode, String) {
    let directory = &replica.views().directory;
    let org = directory.node(node).map_or_else(|| replica.org().clone(), |entry| entry.org.clone());
    let name = directory.name(&org).to_string();
    (org, name)
}

/// The slips of an account, in order of date.
fn slips(replica: &Replica, account: &AccountId) -> Vec<(RequestId, Slip)> {
    let mut slips: Vec<_> = replica
        .docs()
        .values()
        .filter_map(|doc| match &doc.summary {
            Summary::Points(points) if points.accounts.contains_key(account) => Some(&points.slips),
            _ => None,
        })
        .flatten()
        .filter(|(_, slip)| slip.account == *account)
        .map(|(request, slip)| (request.clone(), slip.clone()))
        .collect();
    slips.sort_by(|(a, x), (b, y)| (x.date, a).cmp(&(y.date, b)));
    slips
}

/// What an account has.
///
/// # Errors
/// [`Code::UnknownAccount`].
pub fn balance(replica: &Replica, account: &AccountId, as_of: Millis) -> Result<Balance, Refusal> {
    known(replica, account)?;
    let views = replica.views();
    let totals = views.totals(account);
    let register = views.accounts.get(account);
    let village = register.map_or_else(|| replica.org().clone(), |(village, _)| village.clone());
    let me = replica.node();
    // Without the register (a merchant's node) only a part of the entries is here: what other nodes hold is unknown.
    let known = register.is_some();
    let elsewhere = totals.shares.iter().filter(|(node, share)| known && *node != me && share.held != Points::ZERO);
    let returned = slips(replica, account)
        .iter()
        .filter(|(_, slip)| slip.sort == Sort::Redemption && slip.reversed)
        .map(|(_, slip)| slip.points)
        .sum();
    Ok(Balance {
        account: account.clone(),
        village_name: views.directory.name(&village).to_string(),
        also_used_in: views
            .users_of(account)
            .iter()
            .filter(|user| register.is_some() && **user != village)
            .map(|user| views.directory.name(user).to_string())
            .collect(),
        village,
        holder: register.map(|(_, account)| account.holder),
        cohort: register.map(|(_, account)| account.cohort),
        available: if known { totals.available() } else { totals.share(me).held },
        held_here: totals.share(me).held,
        held_elsewhere: elsewhere
            .map(|(node, share)| {
                let (org, name) = org_of(replica, *node);
                Held { node: node.to_string(), org, name, points: share.held }
            })
            .collect(),
        earned: totals.earned,
        redeemed: totals.redeemed + returned,
        reversed: totals.reversed,
        returned,
        debt: totals.debt(),
        as_of,
    })
}

/// The entries of an account with the balance after each.
///
/// # Errors
/// [`Code::UnknownAccount`].
pub fn statement(
    replica: &Replica,
    account: &AccountId,
    query: StatementQuery,
    as_of: Millis,
) -> Result<Statement, Refusal> {
    known(replica, account)?;
    let all = slips(replica, account);
    let sort_of = |request: &str| all.iter().find(|(r, _)| r.as_str() == request).map(|(_, slip)| slip.sort);
    let (mut balance, mut opening, mut lines) = (Points::ZERO, Points::ZERO, Vec::new());
    for (request, slip) in &all {
        let (kind, points) = match slip.sort {
            Sort::Award => (LineKind::Award, slip.points),
            Sort::Redemption => (LineKind::Redemption, Points(-slip.points.0)),
            Sort::Reversal if sort_of(&slip.what) == Some(Sort::Redemption) => {
                (LineKind::RedemptionReversed, slip.points)
            }
            Sort::Reversal => (LineKind::AwardReversed, Points(-slip.points.0)),
            Sort::Grant => (LineKind::Grant, slip.points),
        };
        if kind != LineKind::Grant {
            balance += points;
        }
        if query.to.is_some_and(|to| slip.date > to) {
            balance -= if kind == LineKind::Grant { Points::ZERO } else { points };
            break;
        }
        if query.from.is_some_and(|from| slip.date < from) {
            opening = balance;
            continue;
        }
        let (org, org_name) = org_of(replica, slip.author);
        let about = match (slip.sort, slip.what.parse()) {
            (Sort::Grant, Ok(node)) => org_of(replica, node).0.as_str().into(),
            _ => slip.what.clone(),
        };
        lines.push(StatementLine {
            date: slip.date,
            kind,
            request: request.clone(),
            points,
            about,
            org,
            org_name,
            memo: "".into(),
            balance,
            possible_duplicate_of: None,
        });
    }
    Ok(Statement { account: account.clone(), from: query.from, to: query.to, opening, lines, closing: balance, as_of })
}
