//! `GET /report`: one report, in the format asked for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::docs::blocking;
use super::status::freshness;
use super::{Asked, Refused, Services};
use crate::api::types::{ReportFormat, ReportQuery};
use crate::reports;

pub(super) async fn report(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<ReportQuery>>,
) -> Result<Response, Refused> {
    let now = services.clock.now();
    let freshness = freshness(&services).await?;
    let asked = query.clone();
    let counts = match reports::needs_counts(query.name) {
        true => services.registers.counts(&services.engine).await?,
        false => Arc::default(),
    };
    let report = services.engine.ask(move |replica| reports::make(replica, &counts, &asked, now, &freshness)).await??;
    let kind = match query.format {
        ReportFormat::Json => "application/json",
        ReportFormat::Csv => "text/csv; charset=utf-8",
        ReportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ReportFormat::Html => "text/html; charset=utf-8",
    };
    let bytes = blocking(move || reports::write(&report, query.format, query.lang)).await?;
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}
