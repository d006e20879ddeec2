//! Everything that is not a success leaves the API as an error object: refusals of the node, and requests that the web
//! framework could not make sense of.

use std::error::Error;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use xiangyue_protocol::{Code, Refusal};

use crate::api::types::{ErrorBody, http_status};

/// A refusal on its way to the client.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    refusal: Refusal,
}

impl Refused {
    /// A refusal under a status of its own, instead of the one that its code has.
    pub(super) fn with_status(status: StatusCode, refusal: Refusal) -> Refused {
        Refused { status, refusal }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        let status = StatusCode::from_u16(http_status(refusal.code())).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Refused { status, refusal }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorBody { error: self.refusal.into() })).into_response()
    }
}

/// Part of a request, taken by the extractor `E`; what `E` cannot make sense of is a [`Refused`].
#[derive(Debug)]
pub(super) struct Asked<E>(pub(super) E);

/// What an extractor's rejection means: its status, and the innermost reason, which says where and why.
fn refused(rejection: impl Error + IntoResponse) -> Refused {
    let mut reason: &dyn Error = &rejection;
    while let Some(deeper) = reason.source() {
        reason = deeper;
    }
    let detail = reason.to_string();
    let status = rejection.into_response().status();
    let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::RequestTooLarge } else { Code::BadRequest };
    Refused::with_status(status, Refusal::new(code, detail))
}

impl<S, E> FromRequest<S> for Asked<E>
where
    S: Send + Sync,
    E: FromRequest<S>,
    E::Rejection: Error,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        E::from_request(request, state).await.map(Asked).map_err(refused)
    }
}

impl<S, E> FromRequestParts<S> for Asked<E>
where
    S: Send + Sync,
    E: FromRequestParts<S>,
    E::Rejection: Error,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        E::from_request_parts(parts, state).await.map(Asked).map_err(refused)
    }
}

/// Answers a path that there is not.
pub(super) async fn no_such_path(uri: Uri) -> Refused {
    Refused::with_status(StatusCode::NOT_FOUND, Refusal::new(Code::BadRequest, uri.path()))
}

/// Answers a method that a path does not have.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Refused {
    let detail = format_args!("{method} {}", uri.path()).to_string();
    Refused::with_status(StatusCode::METHOD_NOT_ALLOWED, Refusal::new(Code::BadRequest, detail))
}
