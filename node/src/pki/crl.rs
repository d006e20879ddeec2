//! Revocation lists that were received: only newer ones of our own issuers are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};
use xiangyue_protocol::{Code, Refusal};

use super::tls::provider;

/// A list of 2,000 revoked certificates takes about 80 KB.
const MAX_BYTES: usize = 256 * 1024;

/// The newest list of each issuer.
#[derive(Clone, Debug, Default)]
pub struct RevocationLists {
    newest: BTreeMap<Vec<u8>, (BigUint, CertificateRevocationListDer<'static>)>,
}

impl RevocationLists {
    /// Takes a list signed by one of `issuers` if it is newer than the one kept. True when it replaced it; the same
    /// list again is not an error.
    ///
    /// # Errors
    /// [`Code::TooLarge`]; [`Code::BadCertificate`] when it is malformed, unnumbered, older than the one kept or by
    /// nobody we know. The list kept stays.
    pub fn offer(&mut self, der: &[u8], issuers: &[CertificateDer<'_>]) -> Result<bool, Refusal> {
        if der.len() > MAX_BYTES {
            return Err(Refusal::new(Code::TooLarge, format_args!("revocation list of {} bytes", der.len())));
        }
        let bad = |what: &str| Refusal::new(Code::BadCertificate, format_args!("revocation list {what}"));
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| bad("malformed"))?;
        let number = list.crl_number().filter(|_| rest.is_empty()).ok_or_else(|| bad("malformed"))?;
        let key = signer(&list, issuers).ok_or_else(|| bad("not by an issuer of this township"))?;
        if !is_usable(der, issuers) {
            return Err(bad("malformed"));
        }
        match self.newest.get(&key) {
            Some((kept, _)) if kept > number => Err(bad("rolled back")),
            Some((kept, _)) if kept == number => Ok(false),
            _ => {
                let kept = (number.clone(), CertificateRevocationListDer::from(der.to_vec()));
                self.newest.insert(key, kept);
                Ok(true)
            }
        }
    }

    /// The lists, for [`super::Tls::with_revocations`].
    pub fn to_vec(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.newest.values().map(|(_, list)| list.clone()).collect()
    }
}

/// Whether rustls takes the list. It reads the few bytes that the signature does not cover more strictly, and one
/// list that it cannot use would keep a node from making any configuration.
fn is_usable(der: &[u8], issuers: &[CertificateDer<'_>]) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(issuers.iter().map(|issuer| issuer.clone().into_owned()));
    let lists = [CertificateRevocationListDer::from(der.to_vec())];
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).with_crls(lists).build().is_ok()
}

/// The key of the issuer that signed the list.
fn signer(list: &CertificateRevocationList<'_>, issuers: &[CertificateDer<'_>]) -> Option<Vec<u8>> {
    issuers.iter().find_map(|der| {
        let (_, issuer) = X509Certificate::from_der(der).ok()?;
        list.verify_signature(issuer.public_key()).ok()?;
        Some(issuer.public_key().raw.to_vec())
    })
}
