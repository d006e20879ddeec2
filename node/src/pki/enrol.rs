//! What a node and its township say to each other on an enrolment connection.
//!
//! The node sends one [`Request`], the township one [`Reply`], both in postcard and at most [`MAX_FRAME`] bytes.
//! [`answer`] is the township's whole decision; the driver stores the token book durably before it sends the reply.
//! The proof is a signature over what only this connection and this token know (the TLS exporter with
//! [`EXPORTER_LABEL`], the secret and the root's pin), so it can be neither replayed nor relayed.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ed25519_dalek::{Signature, VerifyingKey};
use rustls::pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Millis, NodeId, OrgCode, Refusal};

use super::address::Address;
use super::book::TokenBook;
use super::ca::Issuer;
use super::clock::unix_time;
use super::credentials::Credentials;
use super::identity::Identity;
use super::secret::{PseudonymKey, TokenSecret};
use super::spiffe::{Spiffe, TrustDomain};
use super::tls::verify_chain;
use super::token::Pin;

/// The largest request or reply, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;
/// Label of the 32-byte TLS exporter that ties a proof to its connection; the context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-xiangyue-enrol-1";

const MAX_SOFTWARE: usize = 64;
const MAX_CERTIFICATE: usize = 4 * 1024;
const MAX_NODES: usize = 16;
const MAX_ADDRESSES: usize = 16;

/// What a node asks for. Of the node's own claims only the public key goes into its certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A first certificate, against a token.
    Join {
        /// The token's secret.
        secret: TokenSecret,
        /// The node's Ed25519 key.
        public_key: [u8; 32],
        /// Signature by that key, see the module.
        proof: Vec<u8>,
        /// Name and version of the node's software, for the log.
        software: String,
    },
    /// A new certificate for a node that the directory knows, even when the old one has expired.
    Renew {
        /// The node's Ed25519 key.
        public_key: [u8; 32],
        /// Signature by that key, see the module.
        proof: Vec<u8>,
        /// Name and version of the node's software, for the log.
        software: String,
    },
}

/// The township's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Come in.
    Welcome(Box<Response>),
    /// The code and detail of a refusal.
    Refused(String, String),
}

/// All that a node needs to begin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The node's certificate, then its issuer's, in DER.
    pub chain: Vec<Vec<u8>>,
    /// The roots to trust, in DER.
    pub bundle: Vec<Vec<u8>>,
    /// The township.
    pub township: OrgCode,
    /// Public keys of the township's own nodes, whose signatures under the directory are believed.
    pub township_keys: Vec<[u8; 32]>,
    /// For pseudonymous account numbers.
    pub pseudonym_key: PseudonymKey,
    /// Where to fetch the directory first.
    pub addresses: Vec<Address>,
}

/// A checked [`Response`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The node's name, with the organisation it writes for.
    pub own: Spiffe,
    /// To be saved beside the key.
    pub credentials: Credentials,
    /// The township's own nodes and their keys.
    pub township_nodes: Vec<(NodeId, [u8; 32])>,
    /// For pseudonymous account numbers.
    pub pseudonym_key: PseudonymKey,
    /// Where to fetch the directory first.
    pub addresses: Vec<Address>,
}

/// What the directory says of a key that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Never heard of.
    Unknown,
    /// A node of this organisation.
    Member(OrgCode),
    /// Revoked.
    Revoked,
}

/// The township's side of an enrolment: who answers, and what every new node is told.
#[derive(Clone, Copy, Debug)]
pub struct Township<'a> {
    /// Signs the certificates.
    pub issuer: &'a Issuer,
    /// The roots to trust, the issuer's own among them.
    pub bundle: &'a [CertificateDer<'static>],
    /// Public keys of the township's own nodes.
    pub keys: &'a [[u8; 32]],
    /// For pseudonymous account numbers.
    pub pseudonym_key: &'a PseudonymKey,
    /// Where the township's nodes listen.
    pub addresses: &'a [Address],
}

/// Under what circumstances a request came.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The township's time.
    pub now: Millis,
    /// The address it came from.
    pub source: IpAddr,
    /// The connection's TLS exporter.
    pub binding: [u8; 32],
}

impl Request {
    /// A request to join.
    pub fn join(identity: &Identity, secret: &TokenSecret, pin: Pin, binding: &[u8; 32], software: &str) -> Request {
        let message = proof_message(Some(secret), pin, binding, &identity.public_key());
        Request::Join {
            secret: secret.clone(),
            public_key: identity.public_key(),
            proof: identity.sign(&message).to_vec(),
            software: software.to_owned(),
        }
    }

    /// A request for a new certificate; `pin` comes from [`super::server_pin`].
    pub fn renew(identity: &Identity, pin: Pin, binding: &[u8; 32], software: &str) -> Request {
        let message = proof_message(None, pin, binding, &identity.public_key());
        Request::Renew {
            public_key: identity.public_key(),
            proof: identity.sign(&message).to_vec(),
            software: software.to_owned(),
        }
    }

    /// The node that asks, by its key.
    pub fn node(&self) -> NodeId {
        NodeId::of_key(self.parts().0)
    }

    /// The node's software, for the log.
    pub fn software(&self) -> &str {
        self.parts().2
    }

    fn parts(&self) -> (&[u8; 32], &[u8], &str) {
        match self {
            Request::Join { public_key, proof, software, .. } | Request::Renew { public_key, proof, software } => {
                (public_key, proof, software)
            }
        }
    }

    fn secret(&self) -> Option<&TokenSecret> {
        match self {
            Request::Join { secret, .. } => Some(secret),
            Request::Renew { .. } => None,
        }
    }

    fn check(&self, pin: Pin, binding: &[u8; 32]) -> Result<(), Refusal> {
        let (public_key, proof, software) = self.parts();
        if software.len() > MAX_SOFTWARE || !software.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Refusal::new(Code::BadFrame, "software version"));
        }
        let bad = || Refusal::new(Code::BadSignature, "proof of possession");
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| bad())?;
        let proof = Signature::from_slice(proof).map_err(|_| bad())?;
        let message = proof_message(self.secret(), pin, binding, public_key);
        key.verify_strict(&message, &proof).map_err(|_| bad())
    }
}

/// Hashed under its own context, so that it can never be the bytes of a segment.
fn proof_message(secret: Option<&TokenSecret>, pin: Pin, binding: &[u8; 32], public_key: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("xiangyue enrolment proof v1");
    hasher.update(binding).update(pin.as_bytes()).update(public_key);
    match secret {
        Some(secret) => hasher.update(b"join").update(secret.as_bytes()),
        None => hasher.update(b"renew"),
    };
    hasher.finalize().into()
}

/// The township's decision on a request. Only `book` changes, and only when a token is used or a wrong one noted.
///
/// # Errors
/// [`Code::BadSignature`] when the node does not hold the key; [`Code::Revoked`]; [`Code::NotAllowed`] when the
/// node belongs to another organisation than the token's, or asks to renew and is unknown; those of
/// [`TokenBook::redeem`] and [`Issuer::issue`].
pub fn answer(
    township: &Township<'_>,
    book: &mut TokenBook,
    standing: impl Fn(&NodeId) -> Standing,
    asked: Asked,
    request: &Request,
) -> Result<Response, Refusal> {
    request.check(township.issuer.pin()?, &asked.binding)?;
    let node = request.node();
    let member = match standing(&node) {
        Standing::Revoked => return Err(Refusal::new(Code::Revoked, node)),
        Standing::Member(org) => Some(org),
        Standing::Unknown => None,
    };
    let org = match (request.secret(), member) {
        (None, Some(org)) => org,
        (None, None) => return Err(Refusal::new(Code::NotAllowed, format_args!("{node} is not in the directory"))),
        (Some(secret), member) => {
            // What a node wrote stays signed for its first organisation, so its key does not move.
            let org = book.redeem(asked.now, asked.source, secret, node)?;
            match member {
                Some(other) if other != org => {
                    return Err(Refusal::new(Code::NotAllowed, format_args!("{node} is a node of {other}")));
                }
                _ => org,
            }
        }
    };
    let chain = township.issuer.issue(asked.now, &org, request.parts().0)?;
    Ok(Response {
        chain: chain.iter().map(|der| der.to_vec()).collect(),
        bundle: township.bundle.iter().map(|der| der.to_vec()).collect(),
        township: township.issuer.domain().township().clone(),
        township_keys: township.keys.to_vec(),
        pseudonym_key: township.pseudonym_key.clone(),
        addresses: township.addresses.to_vec(),
    })
}

impl Response {
    /// The node's check of what it was given: the certificate is for its key, leads to the roots, and one of those
    /// has a pin it knew before.
    ///
    /// # Errors
    /// [`Code::PinMismatch`], [`Code::BadCertificate`], [`Code::WrongDomain`]; [`Code::TooLarge`] beyond the limits.
    pub fn accept(
        self,
        identity: &Identity,
        domain: &TrustDomain,
        pins: &[Pin],
        now: Millis,
    ) -> Result<Enrolled, Refusal> {
        self.check_sizes()?;
        let der = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect();
        let credentials = Credentials { chain: der(self.chain), bundle: der(self.bundle) };
        if !credentials.pins()?.iter().any(|pin| pins.contains(pin)) {
            return Err(Refusal::new(Code::PinMismatch, "the roots sent"));
        }
        let own = credentials.spiffe()?.require(domain)?;
        if own.node != identity.node() || self.township != *domain.township() {
            return Err(Refusal::new(Code::BadCertificate, "certificate for another node or township"));
        }
        verify_chain(&credentials, domain, unix_time(now))?;
        let ids: BTreeSet<NodeId> = self.township_keys.iter().map(NodeId::of_key).collect();
        if ids.len() != self.township_keys.len() || ids.is_empty() {
            return Err(Refusal::new(Code::BadFrame, "township keys"));
        }
        Ok(Enrolled {
            own,
            credentials,
            township_nodes: self.township_keys.into_iter().map(|key| (NodeId::of_key(&key), key)).collect(),
            pseudonym_key: self.pseudonym_key,
            addresses: self.addresses,
        })
    }

    fn check_sizes(&self) -> Result<(), Refusal> {
        let mut certificates = self.chain.iter().chain(&self.bundle);
        let fits = self.chain.len() == 2
            && self.bundle.len() <= 2
            && certificates.all(|der| der.len() <= MAX_CERTIFICATE)
            && self.township_keys.len() <= MAX_NODES
            && self.addresses.len() <= MAX_ADDRESSES
            && self.addresses.iter().all(Address::is_well_formed);
        if fits { Ok(()) } else { Err(Refusal::new(Code::TooLarge, "enrolment response")) }
    }
}

impl Reply {
    /// The reply for what was decided.
    pub fn of(decision: Result<Response, Refusal>) -> Reply {
        match decision {
            Ok(response) => Reply::Welcome(Box::new(response)),
            Err(refusal) => Reply::Refused(refusal.code().as_str().to_owned(), refusal.detail().to_owned()),
        }
    }

    /// What was decided, at the node's end. A code that this version does not know becomes
    /// [`Code::TokenRefused`]; the detail is cut to 200 printable characters.
    ///
    /// # Errors
    /// The township's refusal.
    pub fn into_result(self) -> Result<Response, Refusal> {
        match self {
            Reply::Welcome(response) => Ok(*response),
            Reply::Refused(code, detail) => {
                let known = Code::ALL.iter().find(|known| known.as_str() == code);
                let detail: String = detail.chars().filter(|c| !c.is_control()).take(200).collect();
                Err(Refusal::new(known.copied().unwrap_or(Code::TokenRefused), detail))
            }
        }
    }
}

/// The bytes of a request or reply.
///
/// # Errors
/// [`Code::TooLarge`] above [`MAX_FRAME`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Refusal> {
    let bytes = postcard::to_stdvec(message).map_err(|error| Refusal::new(Code::BadFrame, error))?;
    if bytes.len() > MAX_FRAME { Err(Refusal::new(Code::TooLarge, "enrolment frame")) } else { Ok(bytes) }
}

/// Reads a request or reply: the whole of `bytes` and nothing after it.
///
/// # Errors
/// [`Code::TooLarge`] above [`MAX_FRAME`], [`Code::BadFrame`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.len() > MAX_FRAME {
        return Err(Refusal::new(Code::TooLarge, "enrolment frame"));
    }
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(Refusal::new(Code::BadFrame, "enrolment frame")),
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.secret().is_some() { "Join" } else { "Renew" };
        write!(f, "{kind}({:?}, {:?})", self.node(), self.software())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.township)
    }
}
