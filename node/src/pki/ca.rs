//! A township's certificate authority: a root key that can lie in a drawer, and an issuer that works every day.
//!
//! Everything in a node's certificate is decided here; from the node comes its public key alone.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ED25519, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use xiangyue_protocol::{Code, Millis, NodeId, OrgCode, Refusal};
use zeroize::Zeroizing;

use super::credentials::validity;
use super::files;
use super::spiffe::{Spiffe, TrustDomain};
use super::token::Pin;

/// How long certificates live, in days.
const NODE_DAYS: u64 = 90;
const ISSUER_DAYS: u64 = 3 * 365;
const ROOT_DAYS: u64 = 20 * 365;
/// How far back a certificate starts, for nodes whose clock is a little behind.
const BACKDATE_DAYS: u64 = 1;
const DAY: u64 = 86_400_000;

/// The root: its key signs issuers only. Its folder (`root.key`, `root.pem`) can be moved to a USB stick.
pub struct Root(Authority);

/// The issuer: an intermediate authority, certified by the root, that certifies nodes.
pub struct Issuer {
    authority: Authority,
    root: CertificateDer<'static>,
}

struct Authority {
    role: &'static str,
    domain: TrustDomain,
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

impl Root {
    /// A new root of a township.
    ///
    /// # Errors
    /// [`Code::NotReady`] when no key can be made.
    pub fn generate(domain: TrustDomain, now: Millis) -> Result<Root, Refusal> {
        let key = new_key()?;
        let params = authority_params("root", &domain, &key, now, ROOT_DAYS);
        let certificate = params.self_signed(&key).map_err(local)?.der().clone();
        Ok(Root(Authority { role: "root", domain, key, certificate }))
    }

    /// The root's own certificate, a trust anchor.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// A new issuer under this root.
    ///
    /// # Errors
    /// [`Code::NotReady`] when no key can be made.
    pub fn new_issuer(&self, now: Millis) -> Result<Issuer, Refusal> {
        let domain = self.0.domain.clone();
        let key = new_key()?;
        let params = authority_params("issuer", &domain, &key, now, ISSUER_DAYS);
        let certificate = self.0.sign(&params, &key)?;
        let authority = Authority { role: "issuer", domain, key, certificate };
        Ok(Issuer { authority, root: self.0.certificate.clone() })
    }

    /// Writes `root.key` and `root.pem`.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when a root is there already, [`Code::Disk`], [`Code::DiskFull`].
    pub fn save(&self, dir: &Path) -> Result<(), Refusal> {
        self.0.save(dir)?;
        files::write(
            dir,
            "root.pem",
            files::to_pem(std::slice::from_ref(&self.0.certificate)).as_bytes(),
            files::PUBLIC,
        )
    }

    /// Reads a root back.
    ///
    /// # Errors
    /// [`Code::KeptFile`] when it is not here or damaged, [`Code::Disk`].
    pub fn load(dir: &Path, domain: TrustDomain) -> Result<Root, Refusal> {
        let certificates = files::from_pem("root.pem", &files::read(dir, "root.pem")?)?;
        Authority::load(dir, "root", domain, certificates.into_iter().next()).map(Root)
    }
}

impl Issuer {
    /// The township's domain.
    pub fn domain(&self) -> &TrustDomain {
        &self.authority.domain
    }

    /// The certificate of the root that stands behind this issuer.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The issuer's own certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.authority.certificate
    }

    /// The pin that tokens carry: of the root's key, so that it outlives issuers.
    ///
    /// # Errors
    /// [`Code::KeptFile`] when the root certificate cannot be read.
    pub fn pin(&self) -> Result<Pin, Refusal> {
        Pin::of_certificate(&self.root)
    }

    /// Certifies that `public_key` is a node of `org`, from a day ago for 90 days: the node's certificate and the
    /// issuer's, as they are served. The same arguments give the same bytes.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] for an organisation outside this township, [`Code::NotReady`] when this issuer has
    /// expired.
    pub fn issue(
        &self,
        now: Millis,
        org: &OrgCode,
        public_key: &[u8; 32],
    ) -> Result<Vec<CertificateDer<'static>>, Refusal> {
        let domain = &self.authority.domain;
        if !domain.admits(org) {
            return Err(Refusal::new(Code::NotAllowed, format_args!("{org} has no nodes in {domain}")));
        }
        let (_, last) = validity(&self.authority.certificate)?;
        if now >= last {
            return Err(Refusal::new(Code::NotReady, "the issuer's certificate has expired; make a new one"));
        }
        let spiffe = Spiffe { domain: domain.clone(), org: org.clone(), node: NodeId::of_key(public_key) };
        let mut params = node_params(&spiffe, now)?;
        params.serial_number = Some(serial(public_key, now));
        params.not_after = params.not_after.min(date(last));
        let certificate = self.authority.sign(&params, &NodeKey(public_key))?;
        Ok(vec![certificate, self.authority.certificate.clone()])
    }

    /// Certifies anything, as a compromised issuer could.
    #[cfg(test)]
    pub(super) fn forge(
        &self,
        spiffe: &Spiffe,
        now: Millis,
        public_key: &[u8; 32],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<CertificateDer<'static>> {
        let mut params = node_params(spiffe, now).unwrap();
        change(&mut params);
        let certificate = self.authority.sign(&params, &NodeKey(public_key)).unwrap();
        vec![certificate, self.authority.certificate.clone()]
    }

    /// A node's certificate signed by somebody who is no authority.
    #[cfg(test)]
    pub(super) fn forge_by(
        &self,
        spiffe: &Spiffe,
        now: Millis,
        public_key: &[u8; 32],
        signer: &rcgen::Issuer<'_, KeyPair>,
    ) -> CertificateDer<'static> {
        node_params(spiffe, now).unwrap().signed_by(&NodeKey(public_key), signer).unwrap().der().clone()
    }

    /// A revocation list: the serial numbers of the certificates refused, each with the time it was revoked.
    /// `number` must grow with each list, for older lists are refused.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when a list cannot be made of these.
    pub fn revocation_list(
        &self,
        now: Millis,
        number: u64,
        revoked: &[(Vec<u8>, Millis)],
    ) -> Result<CertificateRevocationListDer<'static>, Refusal> {
        let entry = |(serial, at): &(Vec<u8>, Millis)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date(*at),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date(now),
            next_update: date(Millis(now.0.saturating_add(NODE_DAYS * DAY))),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.authority.issuer()).map_err(local)?;
        Ok(signed.der().clone())
    }

    /// Writes `issuer.key`, and `issuer.pem` with the root's certificate after the issuer's.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when another issuer is there, [`Code::Disk`], [`Code::DiskFull`].
    pub fn save(&self, dir: &Path) -> Result<(), Refusal> {
        self.authority.save(dir)?;
        let chain = files::to_pem(&[self.authority.certificate.clone(), self.root.clone()]);
        files::write(dir, "issuer.pem", chain.as_bytes(), files::PUBLIC)
    }

    /// Reads an issuer back.
    ///
    /// # Errors
    /// [`Code::KeptFile`] when it is not here or damaged, [`Code::Disk`].
    pub fn load(dir: &Path, domain: TrustDomain) -> Result<Issuer, Refusal> {
        let chain = files::from_pem("issuer.pem", &files::read(dir, "issuer.pem")?)?;
        let [certificate, root] = <[_; 2]>::try_from(chain).map_err(|_| Refusal::new(Code::KeptFile, "issuer.pem"))?;
        let authority = Authority::load(dir, "issuer", domain, Some(certificate))?;
        Ok(Issuer { authority, root })
    }
}

impl Authority {
    /// As rcgen wants an issuer. The name follows from the key, so nothing of it needs to be stored.
    fn issuer(&self) -> rcgen::Issuer<'_, &KeyPair> {
        let params = authority_params(self.role, &self.domain, &self.key, Millis(0), 0);
        rcgen::Issuer::new(params, &self.key)
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Result<CertificateDer<'static>, Refusal> {
        Ok(params.signed_by(key, &self.issuer()).map_err(local)?.der().clone())
    }

    /// Writes the key; one that is there already stays, for certificates hang on it.
    fn save(&self, dir: &Path) -> Result<(), Refusal> {
        let name = format!("{}.key", self.role);
        if files::exists(dir, &name) {
            return Err(Refusal::new(Code::BadConfig, format_args!("{name} exists")));
        }
        files::write(dir, &name, Zeroizing::new(self.key.serialize_pem()).as_bytes(), files::SECRET)
    }

    fn load(
        dir: &Path,
        role: &'static str,
        domain: TrustDomain,
        certificate: Option<CertificateDer<'static>>,
    ) -> Result<Authority, Refusal> {
        let name = format!("{role}.key");
        let corrupt = || Refusal::new(Code::KeptFile, &name);
        let text = files::read_secret(dir, &name)?;
        let der = Zeroizing::new(pem::parse(text.as_slice()).map_err(|_| corrupt())?.into_contents());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_slice()), &PKCS_ED25519)
            .map_err(|_| corrupt())?;
        let certificate = certificate.ok_or_else(corrupt)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| corrupt())?;
        let named = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        if named != Some(&common_name(role, &domain, &key)) || parsed.public_key().raw != key.subject_public_key_info()
        {
            return Err(Refusal::new(Code::KeptFile, format_args!("{name} and {role}.pem do not belong to {domain}")));
        }
        Ok(Authority { role, domain, key, certificate })
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.0.domain)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({})", self.authority.domain)
    }
}

/// A node's public key, all that is taken from the node.
struct NodeKey<'a>(&'a [u8; 32]);

impl PublicKeyData for NodeKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

fn new_key() -> Result<KeyPair, Refusal> {
    KeyPair::generate_for(&PKCS_ED25519).map_err(local)
}

/// The name of an authority carries a few digits of its key, so that two roots of one township differ in name.
fn common_name(role: &str, domain: &TrustDomain, key: &KeyPair) -> String {
    format!("{domain} {role} {}", &Pin::of_spki(&key.subject_public_key_info()).to_string()[..8])
}

fn base_params(name: String, now: Millis, days: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date(Millis(now.0.saturating_sub(BACKDATE_DAYS * DAY)));
    params.not_after = date(Millis(now.0.saturating_add(days * DAY)));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority_params(role: &str, domain: &TrustDomain, key: &KeyPair, now: Millis, days: u64) -> CertificateParams {
    let mut params = base_params(common_name(role, domain, key), now, days);
    // Below the root one issuer, below the issuer nodes only.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(u8::from(role == "root")));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn node_params(spiffe: &Spiffe, now: Millis) -> Result<CertificateParams, Refusal> {
    let ia5 = |text: String| Ia5String::try_from(text).map_err(local);
    let mut params = base_params(spiffe.node.to_string(), now, NODE_DAYS);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names =
        vec![SanType::URI(ia5(spiffe.to_string())?), SanType::DnsName(ia5(spiffe.domain.dns_name(spiffe.node))?)];
    Ok(params)
}

/// Differs for every renewal, so that revoking one certificate leaves the next one alone. No randomness is needed:
/// the same key at the same millisecond is the same request.
fn serial(public_key: &[u8; 32], now: Millis) -> SerialNumber {
    let mut bytes = [0; 16];
    let mut hasher = blake3::Hasher::new_derive_key("xiangyue certificate serial v1");
    hasher.update(public_key).update(&now.0.to_be_bytes()).finalize_xof().fill(&mut bytes);
    // Positive and without leading zeros in DER.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// Whole seconds, at most the last of the year 9999.
fn date(at: Millis) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs((at.0 / 1000).min(253_402_300_799))
}

fn local(error: rcgen::Error) -> Refusal {
    Refusal::new(Code::NotReady, error)
}
