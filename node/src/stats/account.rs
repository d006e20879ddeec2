//! One account: its slips in the documents that this node holds, and its balance.

use std::sync::Arc;

use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points, RequestId};
use xiangyue_protocol::summary::{Slip, Sort, Summary};
use xiangyue_protocol::{Code, DocId, Millis, NodeId, OrgCode, Refusal};

use super::walk::{Part, parts};
use crate::api::types::{Balance, Held};

/// Whether anything is known of the account.
pub(super) fn known(replica: &Replica, account: &AccountId) -> Result<(), Refusal> {
    let views = replica.views();
    let known = views.accounts.contains_key(account) || views.book.contains_key(account);
    if known { Ok(()) } else { Err(Refusal::new(Code::UnknownAccount, account)) }
}

/// The organisation that a node acts for, and its name.
pub(super) fn org_of(replica: &Replica, node: NodeId) -> (OrgCode, String) {
    let directory = &replica.views().directory;
    let org = directory.node(node).map_or_else(|| replica.org().clone(), |entry| entry.org.clone());
    let name = directory.name(&org).to_string();
    (org, name)
}

/// A slip of an account and where it stands.
pub(super) struct Found<'r> {
    pub(super) doc: &'r DocId,
    pub(super) request: &'r RequestId,
    pub(super) slip: &'r Slip,
    /// Whether its number was used for more than one entry.
    pub(super) duplicate: bool,
}

/// The slips of an account, in order of date.
pub(super) fn slips<'r>(replica: &'r Replica, account: &AccountId) -> Vec<Found<'r>> {
    let of_doc = |(doc, known): (&'r DocId, &'r Arc<Doc>)| match &known.summary {
        Summary::Points(points) if points.accounts.contains_key(account) => Some((doc, points)),
        _ => None,
    };
    let all = replica.docs().iter().filter_map(of_doc).flat_map(|(doc, points)| {
        points.slips.keys().flat_map(move |request| {
            let duplicate = points.duplicates.contains(request);
            points.under(request).map(move |slip| Found { doc, request, slip, duplicate })
        })
    });
    let mut slips: Vec<_> = all.filter(|found| found.slip.account == *account).collect();
    slips.sort_by_key(|found| (found.slip.date, found.request));
    slips
}

/// Points of an account that wait for a second person.
fn awaiting(replica: &Replica, account: &AccountId) -> Points {
    let waiting = parts(replica, None).flat_map(Part::waiting);
    waiting.filter(|(whose, _)| whose.account == account).map(|(_, points)| points).sum()
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
    let stranded = if known { views.stranded(account) } else { Points::ZERO };
    let returned = slips(replica, account)
        .iter()
        .filter(|found| found.slip.sort == Sort::Redemption && found.slip.reversed)
        .map(|found| found.slip.points)
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
        available: if known { totals.available() - stranded } else { totals.share(me).held },
        held_here: totals.share(me).held,
        held_elsewhere: elsewhere
            .map(|(node, share)| {
                let (org, name) = org_of(replica, *node);
                let revoked = views.directory.revocation(*node).is_some();
                Held { node: node.to_string(), org, name, points: share.held, revoked }
            })
            .collect(),
        stranded,
        earned: totals.earned,
        redeemed: totals.redeemed + returned,
        reversed: totals.reversed,
        expired: totals.expired,
        awaiting: awaiting(replica, account),
        returned,
        debt: totals.debt(),
        as_of,
    })
}
