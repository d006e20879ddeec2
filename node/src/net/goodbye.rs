//! How connections are closed, so that the other side knows an orderly end from a broken line.
//!
//! The code travels as QUIC's application error code; `docs/wire.md` lists them. A peer's word decides what is logged
//! and how soon it is called again, nothing else.

use std::fmt;

use quinn::{ApplicationClose, Connection, ConnectionError, Endpoint, VarInt};
use xiangyue_protocol::{Code, Refusal};

/// Application error code of a close because of a refusal; the reason is the refusal's code.
const REFUSED: u32 = 1;

/// An orderly end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Goodbye {
    /// Everything has been said.
    Done = 0,
    /// The node was told to stop.
    Stopped = 2,
    /// An operator has paused the sync.
    Paused = 3,
    /// A newer connection between the same nodes has taken its place.
    Replaced = 4,
    /// Both sides dialled at the same time; the other connection stays.
    Crossed = 5,
}

impl Goodbye {
    const ALL: [Goodbye; 5] = [Goodbye::Done, Goodbye::Stopped, Goodbye::Paused, Goodbye::Replaced, Goodbye::Crossed];

    fn as_str(self) -> &'static str {
        match self {
            Goodbye::Done => "done",
            Goodbye::Stopped => "stopped",
            Goodbye::Paused => "paused",
            Goodbye::Replaced => "replaced",
            Goodbye::Crossed => "crossed",
        }
    }

    /// Closes a connection with this word, unless it is closed.
    pub(super) fn say(self, connection: &Connection) {
        connection.close(self.code(), self.as_str().as_bytes());
    }

    /// Closes every connection of an endpoint with this word.
    pub(super) fn say_to_all(self, endpoint: &Endpoint) {
        endpoint.close(self.code(), self.as_str().as_bytes());
    }

    fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    /// What a peer's close says; a code that is not known is an orderly end without a reason.
    fn heard(close: &ApplicationClose) -> Result<Goodbye, Refusal> {
        if close.error_code == VarInt::from_u32(REFUSED) {
            let code = Code::ALL.iter().find(|code| code.as_str().as_bytes() == &*close.reason);
            return Err(Refusal::new(code.copied().unwrap_or(Code::Network), "the other node says so"));
        }
        let said = Goodbye::ALL.into_iter().find(|goodbye| goodbye.code() == close.error_code);
        Ok(said.unwrap_or(Goodbye::Done))
    }
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which side ended a connection in order, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// This node.
    Here,
    /// The peer.
    There(Goodbye),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Here => f.write_str("closed here"),
            End::There(goodbye) => write!(f, "{goodbye} by the peer"),
        }
    }
}

/// Closes a connection because of a refusal.
pub(super) fn refuse(connection: &Connection, refusal: &Refusal) {
    connection.close(REFUSED.into(), refusal.code().as_str().as_bytes());
}

/// Closes a connection whose work ended with `end`, unless it is closed, and says what really ended it: when the
/// peer has closed it, its word counts, not the streams that broke.
pub(super) fn part(connection: &Connection, end: Result<(), Refusal>) -> Result<End, Refusal> {
    match (connection.close_reason(), end) {
        (Some(ConnectionError::ApplicationClosed(close)), _) => Goodbye::heard(&close).map(End::There),
        (Some(ConnectionError::LocallyClosed), _) => Ok(End::Here),
        (_, Ok(())) => {
            Goodbye::Done.say(connection);
            Ok(End::Here)
        }
        (_, Err(refusal)) => {
            refuse(connection, &refusal);
            Err(refusal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(code: u32, reason: &str) -> Result<Goodbye, Refusal> {
        Goodbye::heard(&ApplicationClose { error_code: code.into(), reason: reason.to_owned().into() })
    }

    #[test]
    fn every_goodbye_is_heard_as_it_was_said() {
        for goodbye in Goodbye::ALL {
            assert_eq!(heard(goodbye as u32, "whatever").unwrap(), goodbye);
        }
        assert_eq!(heard(4_711, "a later version's").unwrap(), Goodbye::Done);
    }

    #[test]
    fn a_refusal_keeps_its_code_and_brings_no_text_of_the_peer() {
        let refusal = heard(REFUSED, "XY-210").unwrap_err();
        assert_eq!(refusal.code(), Code::Revoked);
        let refusal = heard(REFUSED, "XY-210\nforged line").unwrap_err();
        assert_eq!((refusal.code(), refusal.detail()), (Code::Network, "the other node says so"));
    }
}
