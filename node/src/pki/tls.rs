//! quinn configurations: mutual TLS 1.3 between nodes, and the one-sided handshake of a joining node.
//!
//! One UDP port serves both. The driver asks [`purpose`] what a connection is for, and for [`Purpose::Sync`] asks
//! [`peer_identity`] who is there before it reads a byte. Configurations are immutable: after a renewal or a
//! revocation the driver builds new ones (`endpoint.set_server_config`) and closes the connections concerned.
//!
//! There are no session tickets and no early data, on either side: every connection shows its certificate again.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use quinn::ConnectionError;
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{AlertDescription, RootCertStore};
use xiangyue_protocol::{Code, Level, NodeId, Refusal};

use super::clock::Clock;
use super::credentials::Credentials;
use super::identity::Identity;
use super::spiffe::{Spiffe, TrustDomain};
use super::token::Pin;
use super::transport;
use super::verify::{self, ClientVerifier, Expected, PinVerifier, ServerVerifier, Trust};

/// ALPN of sync, version 1.
pub const SYNC_ALPN: &[u8] = b"xiangyue/1";
/// ALPN of enrolment and renewal, version 1.
pub const ENROL_ALPN: &[u8] = b"xiangyue-enrol/1";

/// At most one root and its successor.
const MAX_ROOTS: usize = 2;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sync between two nodes that know each other's certificates.
    Sync,
    /// Enrolment or renewal: the client has shown no certificate.
    Enrol,
}

/// A node's key, certificate and trust, ready to make configurations of.
pub struct Tls {
    own: Spiffe,
    key: Arc<CertifiedKey>,
    /// With the root's certificate at the end, for nodes that know only its pin.
    key_to_root: Arc<CertifiedKey>,
    trust: Trust,
    clock: Arc<Clock>,
}

impl Tls {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when the certificate is not for this key or the bundle is empty, unreadable or has
    /// more than two roots.
    pub fn new(identity: &Identity, credentials: &Credentials, clock: Arc<Clock>) -> Result<Tls, Refusal> {
        let own = credentials.spiffe()?;
        if own.node != identity.node() {
            return Err(Refusal::new(Code::BadCertificate, "certificate of another node"));
        }
        let provider = provider();
        let trust = Trust {
            provider: provider.clone(),
            domain: own.domain.clone(),
            roots: root_store(&credentials.bundle)?,
            lists: Vec::new(),
            revoked: Arc::default(),
        };
        let certified = |chain| {
            let key = PrivateKeyDer::from(identity.pkcs8());
            CertifiedKey::from_der(chain, key, &provider).map(Arc::new).map_err(config_error)
        };
        let mut to_root = credentials.chain.clone();
        to_root.extend(root_of(credentials));
        Ok(Tls { own, key: certified(credentials.chain.clone())?, key_to_root: certified(to_root)?, trust, clock })
    }

    /// Refuses the certificates on `lists` and the nodes in `revoked`, from the next configuration on.
    #[must_use]
    pub fn with_revocations(
        mut self,
        lists: Vec<CertificateRevocationListDer<'static>>,
        revoked: BTreeSet<NodeId>,
    ) -> Tls {
        self.trust.lists = lists;
        self.trust.revoked = Arc::new(revoked);
        self
    }

    /// This node's own name.
    pub fn own(&self) -> &Spiffe {
        &self.own
    }

    /// For the endpoint that listens. The township's own nodes also serve enrolment.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when rustls cannot use the keys or lists.
    pub fn server_config(&self) -> Result<quinn::ServerConfig, Refusal> {
        quic_server(self.server_tls()?)
    }

    /// For dialling a peer. Pass `domain.dns_name(node)`, or any DNS name when the node is not known, to `connect`.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when rustls cannot use the keys or lists.
    pub fn client_config(&self, expected: Expected) -> Result<quinn::ClientConfig, Refusal> {
        quic_client(self.client_tls(expected)?)
    }

    #[cfg(test)]
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(super) fn client_tls(&self, expected: Expected) -> Result<rustls::ClientConfig, Refusal> {
        let verifier = ServerVerifier::new(self.trust.clone(), expected)?;
        let mut tls = rustls::ClientConfig::builder_with_details(self.trust.provider.clone(), self.clock.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(config_error)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(self.key.clone())));
        tls.alpn_protocols = vec![SYNC_ALPN.to_vec()];
        tls.resumption = Resumption::disabled();
        Ok(tls)
    }

    pub(super) fn server_tls(&self) -> Result<rustls::ServerConfig, Refusal> {
        let verifier = ClientVerifier::new(self.trust.clone())?;
        let resolver = ChainByPurpose { sync: self.key.clone(), enrol: self.key_to_root.clone() };
        let mut tls = rustls::ServerConfig::builder_with_details(self.trust.provider.clone(), self.clock.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(config_error)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(resolver));
        tls.alpn_protocols = vec![SYNC_ALPN.to_vec()];
        if self.own.org.level() == Level::Township {
            tls.alpn_protocols.push(ENROL_ALPN.to_vec());
        }
        tls.send_tls13_tickets = 0;
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.max_early_data_size = 0;
        Ok(tls)
    }
}

/// For a joining or renewing node: the township of `domain` is known only by the key of its root. Nothing is sent
/// on the connection before the pin and the server's signature have been checked. Raise `clock` to the token's
/// time of issue first.
///
/// # Errors
/// [`Code::BadConfig`] when rustls refuses the settings.
pub fn enrol_client_config(
    pins: Vec<Pin>,
    domain: TrustDomain,
    clock: Arc<Clock>,
) -> Result<quinn::ClientConfig, Refusal> {
    let provider = provider();
    let verifier = PinVerifier { provider: provider.clone(), pins, domain };
    let mut tls = rustls::ClientConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&TLS13])
        .map_err(config_error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ENROL_ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    quic_client(tls)
}

pub(super) fn quic_server(tls: rustls::ServerConfig) -> Result<quinn::ServerConfig, Refusal> {
    let crypto = QuicServerConfig::try_from(tls).map_err(config_error)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    transport::limit_server(&mut config);
    Ok(config)
}

pub(super) fn quic_client(tls: rustls::ClientConfig) -> Result<quinn::ClientConfig, Refusal> {
    let crypto = QuicClientConfig::try_from(tls).map_err(config_error)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport::connection_limits());
    Ok(config)
}

/// What an established connection is for.
///
/// # Errors
/// [`Code::BadVersion`] when it negotiated nothing we know.
pub fn purpose(connection: &quinn::Connection) -> Result<Purpose, Refusal> {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    match data.and_then(|data| data.protocol).as_deref() {
        Some(SYNC_ALPN) => Ok(Purpose::Sync),
        Some(ENROL_ALPN) => Ok(Purpose::Enrol),
        _ => Err(Refusal::new(Code::BadVersion, "no protocol negotiated")),
    }
}

/// Who is at the other end of a sync connection. The handshake has checked the chain; a server that accepts a
/// connection must call this before anything else, for a client may have shown no certificate at all.
///
/// # Errors
/// [`Code::BadCertificate`] when there is none or it is not one of ours; [`Code::WrongDomain`] for another
/// township's; [`Code::BadVersion`] when the connection is not for sync.
pub fn peer_identity(connection: &quinn::Connection, domain: &TrustDomain) -> Result<Spiffe, Refusal> {
    if purpose(connection)? != Purpose::Sync {
        return Err(Refusal::new(Code::BadVersion, "not a sync connection"));
    }
    let chain = peer_chain(connection);
    let leaf = chain.first().ok_or_else(|| Refusal::new(Code::BadCertificate, "the peer showed none"))?;
    Spiffe::of_certificate(leaf)?.require(domain)
}

/// The pin of the root that the server of an enrolment connection showed, for [`super::enrol::Request::renew`].
///
/// # Errors
/// [`Code::BadCertificate`] when it showed none.
pub fn server_pin(connection: &quinn::Connection) -> Result<Pin, Refusal> {
    let chain = peer_chain(connection);
    Pin::of_certificate(chain.last().ok_or_else(|| Refusal::new(Code::BadCertificate, "the peer showed none"))?)
}

fn peer_chain(connection: &quinn::Connection) -> Vec<CertificateDer<'static>> {
    let chain = connection.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    chain.map(|chain| *chain).unwrap_or_default()
}

/// Why a connection was not established, in our codes: our refusal of the peer, or the peer's of us.
pub fn handshake_refusal(error: &ConnectionError) -> Refusal {
    let (code, by) = match error {
        ConnectionError::TransportError(error) => (u64::from(error.code), "this node refused the peer"),
        ConnectionError::ConnectionClosed(close) => (u64::from(close.error_code), "the peer refused this node"),
        ConnectionError::VersionMismatch => return Refusal::new(Code::BadVersion, "QUIC version"),
        other => return Refusal::new(Code::Network, other),
    };
    // RFC 9001, section 4.8: a TLS alert is the low byte of a code from 0x100 to 0x1ff.
    let Some(alert) = code.checked_sub(0x100).and_then(|low| u8::try_from(low).ok()) else {
        return Refusal::new(Code::Network, error);
    };
    let (code, what) = match AlertDescription::from(alert) {
        AlertDescription::AccessDenied => (Code::PinMismatch, "wrong root"),
        AlertDescription::UnknownCA => (Code::WrongDomain, "unknown root"),
        AlertDescription::CertificateRevoked => (Code::Revoked, "certificate revoked"),
        AlertDescription::CertificateExpired => (Code::BadCertificate, "certificate expired or not yet valid"),
        AlertDescription::CertificateRequired => (Code::BadCertificate, "certificate missing"),
        AlertDescription::NoApplicationProtocol => (Code::BadVersion, "no common protocol"),
        AlertDescription::ProtocolVersion => (Code::BadVersion, "TLS version"),
        _ => (Code::BadCertificate, "handshake failed"),
    };
    Refusal::new(code, format_args!("{by}: {what}"))
}

/// Sends the chain up to the root to nodes that enrol, and leaves the root out for those that have it.
#[derive(Debug)]
struct ChainByPurpose {
    sync: Arc<CertifiedKey>,
    enrol: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ChainByPurpose {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let enrolling = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == ENROL_ALPN));
        Some(if enrolling { self.enrol.clone() } else { self.sync.clone() })
    }
}

/// *ring*: the other backend of rustls takes minutes and CMake to build.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn root_store(bundle: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, Refusal> {
    if !(1..=MAX_ROOTS).contains(&bundle.len()) {
        return Err(Refusal::new(Code::BadCertificate, "a trust bundle has one or two roots"));
    }
    let mut roots = RootCertStore::empty();
    for root in bundle {
        roots.add(root.clone()).map_err(|_| Refusal::new(Code::BadCertificate, "unreadable root"))?;
    }
    Ok(Arc::new(roots))
}

/// Checks a node's own chain against its own bundle, as a peer would.
pub(super) fn verify_chain(credentials: &Credentials, domain: &TrustDomain, now: UnixTime) -> Result<(), Refusal> {
    let trust = Trust {
        provider: provider(),
        domain: domain.clone(),
        roots: root_store(&credentials.bundle)?,
        lists: Vec::new(),
        revoked: Arc::default(),
    };
    let verifier = ServerVerifier::new(trust, Expected::Anyone)?;
    let bad = |error| Refusal::new(Code::BadCertificate, error);
    let name = verify::server_name(domain, credentials.spiffe()?.node).map_err(bad)?;
    let issuers = credentials.chain.get(1..).unwrap_or_default();
    verifier.verify_server_cert(credentials.leaf()?, issuers, &name, &[], now).map(drop).map_err(bad)
}

/// The root of the bundle that certified the chain's issuer.
fn root_of(credentials: &Credentials) -> Option<CertificateDer<'static>> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, issuer) = X509Certificate::from_der(credentials.chain.last()?).ok()?;
    let signed_it = |root: &&CertificateDer<'static>| {
        X509Certificate::from_der(root).is_ok_and(|(_, root)| issuer.verify_signature(Some(root.public_key())).is_ok())
    };
    credentials.bundle.iter().find(signed_it).cloned()
}

fn config_error(error: impl fmt::Display) -> Refusal {
    Refusal::new(Code::BadConfig, error)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("own", &self.own).finish_non_exhaustive()
    }
}
