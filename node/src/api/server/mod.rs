//! The node's end of the local API, its console page and its metrics.
//!
//! Loopback only. Everything under `/api/v1` asks for the bearer token of the data folder; the console, the
//! metrics and the health checks show no account and ask for none, but only to requests whose `Host` is this
//! machine, so that a page of another origin cannot read them.

mod approvals;
mod auth;
mod close;
mod docs;
mod expiry;
mod export;
mod import;
mod metrics;
mod pages;
mod points;
mod refused;
mod reports;
mod rows;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use xiangyue_protocol::{Code, Millis, Refusal};

use self::refused::{Asked, Refused};
use super::{ADDRESS_FILE, PREFIX, TOKEN_FILE};
use crate::config::Config;
use crate::engine::Handle;
use crate::files::write_atomic;
use crate::membership::hex;
use crate::net::{Net, Registrar};
use crate::pki::{Clock, PseudonymKey};
use crate::registers::Registers;

/// Largest body of anything but an import.
const BODY_BYTES: usize = 2 << 20;

/// The parts of a running node that the API speaks for.
#[derive(Clone, Debug)]
pub struct Services {
    /// The engine.
    pub engine: Handle,
    /// Figures over rows of forms.
    pub registers: Registers,
    /// The network.
    pub net: Net,
    /// The trusted clock.
    pub clock: Arc<Clock>,
    /// Issues tokens, at a township.
    pub registrar: Option<Arc<Registrar>>,
    /// For citizen ids in imported files.
    pub pseudonym_key: PseudonymKey,
    /// When the node was started.
    pub started: Millis,
    /// When its certificate ends.
    pub certificate_ends: Millis,
    /// Its configuration.
    pub config: Config,
}

type Answer<T> = Result<Json<T>, Refused>;

/// Starts the server and returns its address, which it also leaves in the data folder with a fresh token.
///
/// # Errors
/// [`Code::Network`], [`Code::Disk`].
pub async fn start(services: Services) -> Result<SocketAddr, Refusal> {
    let listener = tokio::net::TcpListener::bind(services.config.api)
        .await
        .map_err(|error| Refusal::new(Code::Network, format_args!("{}: {error}", services.config.api)))?;
    let address = listener.local_addr().map_err(|error| Refusal::new(Code::Network, error))?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Refusal::new(Code::Disk, error))?;
    let token = hex(&secret);
    write_atomic(&services.config.data.join(TOKEN_FILE), token.as_bytes(), 0o600)?;
    write_atomic(&services.config.data.join(ADDRESS_FILE), address.to_string().as_bytes(), 0o644)?;
    let router = router(services, token);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "local API stopped");
        }
    });
    Ok(address)
}

fn router(services: Services, token: String) -> Router {
    let api = Router::new()
        .route("/status", get(status::status))
        .route("/commands", post(points::commands))
        .route("/balance/{account}", get(points::balance))
        .route("/statement/{account}", get(points::statement))
        .route("/approvals", get(approvals::approvals))
        .route("/stats", get(points::stats))
        .route("/docs", get(docs::list))
        .route("/docs/show", get(docs::show))
        .route("/docs/history", get(docs::history))
        .route("/export", get(export::export))
        .route("/report", get(reports::report))
        .route("/expire", post(expiry::expire))
        .route("/close", post(close::close))
        .route("/forms", get(rows::forms))
        .route("/rows", get(rows::list).post(rows::put))
        .route("/inbox", get(rows::inbox))
        .route("/tokens", post(status::issue_token))
        .route("/revoke", post(status::revoke))
        .route("/readmit", post(status::readmit))
        .route("/sync", get(status::sync_policy).post(status::set_sync_policy))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route("/import", post(import::import))
        .fallback(refused::no_such_path)
        .method_not_allowed_fallback(refused::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::new(token), auth::bearer));
    Router::new()
        .nest(PREFIX, api)
        .route("/", get(pages::console))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(pages::healthz))
        .route("/readyz", get(pages::readyz))
        .fallback(refused::no_such_path)
        .method_not_allowed_fallback(refused::no_such_method)
        .layer(middleware::from_fn(auth::own_host))
        .with_state(services)
}
