//! What a node has after enrolment: its certificate chain and the roots it trusts.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use xiangyue_protocol::{Code, Millis, Refusal};

use super::files;
use super::spiffe::Spiffe;
use super::token::Pin;

const CHAIN_FILE: &str = "node.pem";
const BUNDLE_FILE: &str = "roots.pem";

/// How long before its end a certificate is renewed: at 60 of its 90 days.
const RENEW_BEFORE: u64 = 30 * 86_400_000;

/// A node's certificate with the issuer's after it, and one or two roots (two while a root is being replaced).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The node's certificate, then its issuer's.
    pub chain: Vec<CertificateDer<'static>>,
    /// The trust bundle.
    pub bundle: Vec<CertificateDer<'static>>,
}

impl Credentials {
    /// Reads `node.pem` and `roots.pem`.
    ///
    /// # Errors
    /// [`Code::KeptFile`] when one is missing or damaged, [`Code::Disk`].
    pub fn load(dir: &Path) -> Result<Credentials, Refusal> {
        let read = |name| files::from_pem(name, &files::read(dir, name)?);
        Ok(Credentials { chain: read(CHAIN_FILE)?, bundle: read(BUNDLE_FILE)? })
    }

    /// Writes both durably, the roots first: a chain without its roots would be of no use.
    ///
    /// # Errors
    /// [`Code::Disk`], [`Code::DiskFull`].
    pub fn save(&self, dir: &Path) -> Result<(), Refusal> {
        files::write(dir, BUNDLE_FILE, files::to_pem(&self.bundle).as_bytes(), files::PUBLIC)?;
        files::write(dir, CHAIN_FILE, files::to_pem(&self.chain).as_bytes(), files::PUBLIC)
    }

    /// The node's name.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when there is no certificate of ours.
    pub fn spiffe(&self) -> Result<Spiffe, Refusal> {
        Spiffe::of_certificate(self.leaf()?)
    }

    /// When the certificate starts and ends.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when it cannot be read.
    pub fn validity(&self) -> Result<(Millis, Millis), Refusal> {
        validity(self.leaf()?)
    }

    /// Whether it is time to ask for a new certificate: 30 days before the end, or after it.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when it cannot be read.
    pub fn is_renewal_due(&self, now: Millis) -> Result<bool, Refusal> {
        let (_, last) = self.validity()?;
        Ok(now.0.saturating_add(RENEW_BEFORE) >= last.0)
    }

    /// The serial number, as [`super::Issuer::revocation_list`] takes it.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when the certificate cannot be read.
    pub fn serial(&self) -> Result<Vec<u8>, Refusal> {
        Ok(parse(self.leaf()?)?.raw_serial().to_vec())
    }

    /// The pins of the roots, by which a renewing node knows its township.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when a root cannot be read.
    pub fn pins(&self) -> Result<Vec<Pin>, Refusal> {
        self.bundle.iter().map(|root| Pin::of_certificate(root)).collect()
    }

    pub(super) fn leaf(&self) -> Result<&CertificateDer<'static>, Refusal> {
        self.chain.first().ok_or_else(|| Refusal::new(Code::BadCertificate, "empty chain"))
    }
}

/// When a certificate starts and ends.
pub(super) fn validity(der: &[u8]) -> Result<(Millis, Millis), Refusal> {
    let certificate = parse(der)?;
    let millis = |seconds: i64| Millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
    let validity = certificate.validity();
    Ok((millis(validity.not_before.timestamp()), millis(validity.not_after.timestamp())))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Refusal> {
    let parsed = X509Certificate::from_der(der);
    parsed.map(|(_, certificate)| certificate).map_err(|_| Refusal::new(Code::BadCertificate, "not a certificate"))
}
