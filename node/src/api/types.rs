//! Shapes of the local API's requests and responses. Server, command line and console share them.
//!
//! | method and path (under `/api/v1`) | request | response |
//! |---|---|---|
//! | `GET /status` | | [`Status`] |
//! | `POST /commands` | [`CommandsRequest`] | [`CommandsResponse`] |
//! | `POST /import` | [`ImportQuery`], the files' bytes | lines of [`ImportEvent`] |
//! | `GET /balance/{account}` | | [`Balance`] |
//! | `GET /statement/{account}` | [`StatementQuery`] | [`Statement`] |
//! | `GET /approvals` | [`ApprovalsQuery`] | [`Approvals`] |
//! | `GET /stats` | [`StatsQuery`] | [`Stats`] |
//! | `GET /report` | [`ReportQuery`] | [`Report`], or bytes |
//! | `POST /expire` | [`ExpireRequest`] | [`Expired`] |
//! | `POST /close` | [`CloseRequest`] | [`Closed`] |
//! | `GET /docs` | | [`DocList`] |
//! | `GET /docs/show` | [`DocQuery`] | [`DocContent`] |
//! | `GET /docs/history` | [`DocQuery`] | [`DocHistory`] |
//! | `GET /export` | [`ExportQuery`] | bytes |
//! | `GET /forms` | | [`FormList`] |
//! | `GET /rows` | [`RowsQuery`] | [`RowsPage`] |
//! | `POST /rows` | [`RowsRequest`] | [`RowsResponse`] |
//! | `GET /inbox` | | [`Inbox`] |
//! | `POST /tokens` | [`TokenRequest`] | [`Token`] |
//! | `POST /revoke` | [`RevokeRequest`] | [`Revoked`] |
//! | `POST /readmit` | [`ReadmitRequest`] | [`Readmitted`] |
//!
//! A refusal of the whole request is an [`ErrorBody`] under the status that [`http_status`] gives. Times are
//! milliseconds since 1970 UTC, points whole numbers, organisations codes, nodes 32 hexadecimal digits.
//! Readers skip fields that they do not know, so that an older command line can ask a newer node.

mod approvals;
mod closing;
mod commands;
mod docs;
mod expiry;
mod import;
mod points;
mod reports;
mod rows;
mod stats;
mod status;

pub use approvals::*;
pub use closing::*;
pub use commands::*;
pub use docs::*;
pub use expiry::*;
pub use import::*;
pub use points::*;
pub use reports::*;
pub use rows::*;
use serde::{Deserialize, Serialize};
pub use stats::*;
pub use status::*;
use xiangyue_protocol::{Code, Refusal, Side};

use crate::i18n::Lang;

/// A refusal as the API tells it: complete in both languages, so that no reader needs the table of codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// The stable code, such as `XY-110`.
    pub code: String,
    /// `input`, `peer`, `version` or `local`.
    pub side: String,
    /// What happened, in Chinese.
    pub message_zh: String,
    /// What happened, in English.
    pub message_en: String,
    /// What to do, in Chinese.
    #[serde(default)]
    pub advice_zh: String,
    /// What to do, in English.
    #[serde(default)]
    pub advice_en: String,
    /// What it is about: a code, key or number.
    pub detail: String,
}

impl ApiError {
    /// What happened.
    pub fn message(&self, lang: Lang) -> &str {
        lang.pick(&self.message_zh, &self.message_en)
    }

    /// What to do.
    pub fn advice(&self, lang: Lang) -> &str {
        lang.pick(&self.advice_zh, &self.advice_en)
    }

    /// Whose side it lies on; none when this version does not know the word.
    pub fn side(&self) -> Option<Side> {
        [Side::Input, Side::Peer, Side::Version, Side::Local].into_iter().find(|s| side_name(*s) == self.side)
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> ApiError {
        let code = refusal.code();
        ApiError {
            code: code.as_str().to_owned(),
            side: side_name(code.side()).to_owned(),
            message_zh: code.zh().to_owned(),
            message_en: code.en().to_owned(),
            advice_zh: code.zh_advice().to_owned(),
            advice_en: code.en_advice().to_owned(),
            detail: refusal.detail().to_owned(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        ApiError::from(&refusal)
    }
}

/// The word for a side in JSON.
fn side_name(side: Side) -> &'static str {
    match side {
        Side::Input => "input",
        Side::Peer => "peer",
        Side::Version => "version",
        Side::Local => "local",
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The refusal.
    pub error: ApiError,
}

/// The HTTP status under which a refusal of a whole request travels.
pub fn http_status(code: Code) -> u16 {
    match code {
        Code::NotAllowed | Code::TokenWanted => 403,
        Code::UnknownAccount
        | Code::UnknownVillage
        | Code::UnknownMerchant
        | Code::UnknownEntry
        | Code::UnknownDocument
        | Code::UnknownForm
        | Code::UnknownRow
        | Code::UnknownNode => 404,
        Code::RequestReused
        | Code::AlreadyReversed
        | Code::AccountExists
        | Code::InsufficientRights
        | Code::RowExists
        | Code::RowChanged => 409,
        Code::TooLarge | Code::RequestTooLarge | Code::FileTooLarge => 413,
        Code::BadRequest => 400,
        Code::Busy => 429,
        Code::NotReady | Code::NotRunning | Code::Frozen | Code::ReadOnly | Code::TwinRunning | Code::NodeRevoked => {
            503
        }
        Code::DiskFull => 507,
        code if code.side() == Side::Input => 422,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_crosses_the_wire_whole() {
        let error = ApiError::from(Refusal::new(Code::UnknownAccount, "A000001"));
        let json = serde_json::to_value(ErrorBody { error: error.clone() }).unwrap();
        assert_eq!(json["error"]["code"], "XY-110");
        assert_eq!(json["error"]["message_zh"], "账户不存在");
        let back: ErrorBody = serde_json::from_value(json).unwrap();
        assert_eq!(back.error, error);
        assert_eq!(back.error.side(), Some(Side::Input));
    }

    #[test]
    fn every_code_has_an_error_status() {
        for code in Code::ALL {
            assert!((400..600).contains(&http_status(*code)), "{}", code.as_str());
        }
    }
}
