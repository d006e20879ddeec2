//! Certificate checks during the TLS handshake, on top of the path validation of rustls-webpki.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};
use xiangyue_protocol::{Code, NodeId, OrgCode, Refusal};

use super::clock::unix_time;
use super::credentials::validity;
use super::spiffe::{Spiffe, TrustDomain};
use super::token::Pin;

/// Whom a dialling node expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any node of the township.
    Anyone,
    /// Any node of this organisation.
    Org(OrgCode),
    /// This node.
    Node(NodeId),
}

impl Expected {
    fn admits(&self, peer: &Spiffe) -> bool {
        match self {
            Expected::Anyone => true,
            Expected::Org(org) => peer.org == *org,
            Expected::Node(node) => peer.node == *node,
        }
    }
}

/// What every verifier of a node works from.
#[derive(Clone)]
pub(super) struct Trust {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) domain: TrustDomain,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    pub(super) revoked: Arc<BTreeSet<NodeId>>,
}

impl Trust {
    /// The chain, the dates and the revocation lists; the name is left to [`Trust::check_name`].
    ///
    /// A list of one issuer says nothing of another's certificates, so "unknown" is not "revoked"; and a list past
    /// its next update still counts, for a node that was offline must not be locked out by the age of its lists.
    fn server_chain(&self) -> Result<Arc<WebPkiServerVerifier>, Refusal> {
        WebPkiServerVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .with_crls(self.lists.clone())
            .allow_unknown_revocation_status()
            .build()
            .map_err(|error| Refusal::new(Code::BadConfig, error))
    }

    fn client_chain(&self) -> Result<Arc<dyn ClientCertVerifier>, Refusal> {
        WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .with_crls(self.lists.clone())
            .allow_unknown_revocation_status()
            .allow_unauthenticated()
            .build()
            .map_err(|error| Refusal::new(Code::BadConfig, error))
    }

    /// When to judge a certificate that begins in our future: at its beginning. Our own authority signed it, so it is
    /// this clock that is behind; a board that was off for weeks would otherwise refuse everyone who has renewed.
    /// The clock itself stays as it is, or one certificate from an authority whose clock runs ahead would make all
    /// others look expired.
    fn judged_at(
        now: UnixTime,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<UnixTime, Error> {
        intermediates.iter().chain([certificate]).try_fold(now, |at, der| {
            let (first, _) = validity(der).map_err(unacceptable)?;
            Ok(at.max(unix_time(first)))
        })
    }

    fn check_name(&self, certificate: &[u8]) -> Result<Spiffe, Error> {
        let peer = Spiffe::of_certificate(certificate).and_then(|peer| peer.require(&self.domain));
        let peer = peer.map_err(|refusal| match refusal.code() {
            Code::WrongDomain => Error::InvalidCertificate(CertificateError::UnknownIssuer),
            _ => unacceptable(refusal),
        })?;
        if self.revoked.contains(&peer.node) {
            return Err(Error::InvalidCertificate(CertificateError::Revoked));
        }
        Ok(peer)
    }
}

/// A client's check of a server: chain, dates, lists, usage, then the SPIFFE id; host names play no part.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    chain: Arc<WebPkiServerVerifier>,
    trust: Trust,
    expected: Expected,
}

impl ServerVerifier {
    pub(super) fn new(trust: Trust, expected: Expected) -> Result<ServerVerifier, Refusal> {
        Ok(ServerVerifier { chain: trust.server_chain()?, trust, expected })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let peer = self.trust.check_name(certificate)?;
        let own_name = server_name(&self.trust.domain, peer.node)?;
        let at = Trust::judged_at(now, certificate, intermediates)?;
        self.chain.verify_server_cert(certificate, intermediates, &own_name, ocsp, at)?;
        if !self.expected.admits(&peer) {
            return Err(unacceptable(Refusal::new(Code::BadCertificate, "another node than the one dialled")));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// A server's check of a client. A client without a certificate passes, because a joining node has none yet;
/// [`super::peer_identity`] refuses it where one is needed.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    trust: Trust,
}

impl ClientVerifier {
    pub(super) fn new(trust: Trust) -> Result<ClientVerifier, Refusal> {
        Ok(ClientVerifier { chain: trust.client_chain()?, trust })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.trust.check_name(certificate)?;
        let at = Trust::judged_at(now, certificate, intermediates)?;
        self.chain.verify_client_cert(certificate, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// A joining node's check of its township: the chain must end in a root whose key has the pin, and the server must
/// be the township's own node, for a village's node also has a good certificate and must not collect tokens.
pub(super) struct PinVerifier {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) pins: Vec<Pin>,
    pub(super) domain: TrustDomain,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Its alert, access_denied, is what `handshake_refusal` knows a wrong pin by.
        let mismatch = || Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let root = intermediates.last().ok_or_else(mismatch)?;
        let pin = Pin::of_certificate(root).map_err(|_| mismatch())?;
        if !self.pins.contains(&pin) {
            return Err(mismatch());
        }
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        let trust = Trust {
            provider: self.provider.clone(),
            domain: self.domain.clone(),
            roots: Arc::new(roots),
            lists: Vec::new(),
            revoked: Arc::default(),
        };
        let expected = Expected::Org(self.domain.township().clone());
        let verifier = ServerVerifier::new(trust, expected).map_err(unacceptable)?;
        // A false server can append the true root, which is public, to a chain that does not lead there.
        verifier.verify_server_cert(certificate, intermediates, dialled, ocsp, now).map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => mismatch(),
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(never_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// The DNS name of a node, as webpki takes it.
pub(super) fn server_name(domain: &TrustDomain, node: NodeId) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(domain.dns_name(node)).map_err(|_| Error::General("not a DNS name".to_owned()))
}

fn unacceptable(refusal: Refusal) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

fn never_tls12() -> Error {
    Error::General("TLS 1.2 is never offered".to_owned())
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinVerifier").field("pins", &self.pins).finish_non_exhaustive()
    }
}
