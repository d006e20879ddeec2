//! The console page, and whether the node lives and is ready.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use xiangyue_protocol::replica::{Hold, Replica};

use super::{Asked, Refused, Services, points, status};
use crate::api::types::StatsQuery;
use crate::console::ConsolePage;
use crate::i18n::Lang;

/// What may be asked of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    lang: Option<Lang>,
}

pub(super) async fn console(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<PageQuery>>,
) -> Result<Html<String>, Refused> {
    let status = status::gather(&services).await?;
    let mut stats = points::figures(&services, StatsQuery::default()).await?;
    // The page asks for no token, so it names no account, least of all a minor's.
    stats.rows.retain(|row| !row.id.starts_with("L6."));
    let page = ConsolePage::new(query.lang.unwrap_or(Lang::Zh), &status, &stats, &[]);
    Ok(Html(page.html()?))
}

pub(super) async fn healthz(State(services): State<Services>) -> Response {
    match services.engine.ask(|_| ()).await {
        Ok(()) => "ok\n".into_response(),
        Err(refusal) => (StatusCode::SERVICE_UNAVAILABLE, refusal.en()).into_response(),
    }
}

/// Ready: data loaded and writable.
pub(super) async fn readyz(State(services): State<Services>) -> Response {
    let problem = services.engine.problem();
    match (problem.read_only, problem.disk_full) {
        (Some(refusal), _) => (StatusCode::SERVICE_UNAVAILABLE, refusal.en()).into_response(),
        (None, true) => (StatusCode::SERVICE_UNAVAILABLE, "disk full\n").into_response(),
        (None, false) => match services.engine.ask(Replica::hold).await {
            // Restored is no fault: awards are taken, and it passes by itself.
            Ok(Some(hold)) if hold != Hold::Restored => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", hold.code().en())).into_response()
            }
            _ => healthz(State(services)).await,
        },
    }
}
