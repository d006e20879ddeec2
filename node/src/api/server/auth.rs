//! Who may ask: holders of the data folder's token, from this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use xiangyue_protocol::{Code, Refusal};

use super::Refused;

/// Lets a request pass when it carries the token.
pub(super) async fn bearer(State(token): State<Arc<String>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if blake3::hash(shown.as_bytes()) != blake3::hash(token.as_bytes()) {
        return Refused::from(Refusal::new(Code::TokenWanted, "Authorization")).into_response();
    }
    next.run(request).await
}

/// Refuses requests that name another host: a page of another origin that has its name resolved to this machine.
pub(super) async fn own_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let own = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if own {
        return next.run(request).await;
    }
    let refusal = Refusal::new(Code::ForeignHost, format_args!("Host: {host}"));
    Refused::with_status(StatusCode::MISDIRECTED_REQUEST, refusal).into_response()
}
