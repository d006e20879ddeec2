//! `GET /approvals`.

use axum::Json;
use axum::extract::{Query, State};
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::Award;
use xiangyue_protocol::summary::{ClaimId, ClaimState};

use super::{Answer, Asked, Services};
use crate::api::types::{Approvals, ApprovalsQuery, Declined, Waiting};
use crate::stats::walk::{Part, parts};

/// Awards in one answer.
const LISTED: usize = 1000;

pub(super) async fn approvals(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<ApprovalsQuery>>,
) -> Answer<Approvals> {
    Ok(Json(services.engine.ask(move |replica| listed(replica, query.declined)).await?))
}

/// What waits, or was declined, in the ledgers that this node holds.
fn listed(replica: &Replica, declined: bool) -> Approvals {
    let all = parts(replica, None).flat_map(|part| part.points.claims.iter().map(move |claim| (part, claim)));
    let wanted = |part: &Part<'_>, id: &ClaimId| match part.points.claim_state(id) {
        ClaimState::Approved => false,
        ClaimState::Waiting => !declined,
        ClaimState::Declined(_) => declined,
    };
    let all = all.filter(|(part, (id, _))| wanted(part, id));
    let mut waiting: Vec<Waiting> = all.map(|(part, claim)| told(replica, part, claim)).collect();
    waiting.sort_by(|a, b| (a.date, &a.request, &a.org).cmp(&(b.date, &b.request, &b.org)));
    let (total, points) = (waiting.len() as u64, waiting.iter().map(|award| award.points).sum());
    waiting.truncate(LISTED);
    Approvals { total, points, waiting }
}

fn told(replica: &Replica, part: Part<'_>, (id, award): (&ClaimId, &Award)) -> Waiting {
    let Award { request, account, rule, points, date, by, memo, .. } = award.clone();
    let others = part.points.under(&request).count() + part.points.claims_under(&request).count();
    let declined = match part.points.claim_state(id) {
        ClaimState::Declined(no) => Some(Declined { date: no.date, by: no.by.clone(), why: no.memo.clone() }),
        ClaimState::Waiting | ClaimState::Approved => None,
    };
    Waiting {
        date,
        org: part.id.org.clone(),
        org_name: replica.views().directory.name(&part.id.org).to_string(),
        account,
        rule,
        points,
        by,
        memo,
        possible_duplicate: others > 1,
        declined,
        request,
    }
}
