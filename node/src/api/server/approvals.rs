//! `GET /approvals`.

use axum::Json;
use axum::extract::State;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::Award;
use xiangyue_protocol::summary::ClaimId;

use super::{Answer, Services};
use crate::api::types::{Approvals, Waiting};
use crate::stats::walk::{Part, parts};

/// Awards in one answer.
const LISTED: usize = 1000;

pub(super) async fn approvals(State(services): State<Services>) -> Answer<Approvals> {
    Ok(Json(services.engine.ask(waiting).await?))
}

/// What waits in the ledgers that this node holds.
fn waiting(replica: &Replica) -> Approvals {
    let all = parts(replica, None).flat_map(|part| part.points.waiting().map(move |claim| (part, claim)));
    let mut waiting: Vec<Waiting> = all.map(|(part, claim)| told(replica, part, claim)).collect();
    waiting.sort_by(|a, b| (a.date, &a.request, &a.org).cmp(&(b.date, &b.request, &b.org)));
    let (total, points) = (waiting.len() as u64, waiting.iter().map(|award| award.points).sum());
    waiting.truncate(LISTED);
    Approvals { total, points, waiting }
}

fn told(replica: &Replica, part: Part<'_>, (_, award): (&ClaimId, &Award)) -> Waiting {
    let Award { request, account, rule, points, date, by, memo, .. } = award.clone();
    let others = part.points.under(&request).count() + part.points.claims_under(&request).count();
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
        request,
    }
}
