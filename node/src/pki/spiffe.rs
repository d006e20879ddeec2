//! The name in a node's certificate: which organisation of which township, and which key.
//!
//! `spiffe://110112119.xiangyue/township/110112119/village/110112119201/node/<32 hexadecimal digits>`, with
//! `/merchant/…` for a merchant's node and neither for the township's own nodes.

use std::fmt;
use std::str::FromStr;

use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use xiangyue_protocol::{Code, Level, NodeId, OrgCode, Refusal};

/// A township's name space of certificates, written `110112119.xiangyue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain(OrgCode);

impl TrustDomain {
    /// The domain of a township.
    ///
    /// # Errors
    /// [`Code::BadOrgCode`] for an organisation of another level.
    pub fn new(township: OrgCode) -> Result<TrustDomain, Refusal> {
        match township.level() {
            Level::Township => Ok(TrustDomain(township)),
            _ => Err(Refusal::new(Code::BadOrgCode, township)),
        }
    }

    /// The township.
    pub fn township(&self) -> &OrgCode {
        &self.0
    }

    /// The DNS name that a node is dialled by; it is never looked up.
    pub fn dns_name(&self, node: NodeId) -> String {
        format!("{node}.{self}")
    }

    /// Whether `org` may have nodes in this domain: the township, its villages, its merchants.
    pub fn admits(&self, org: &OrgCode) -> bool {
        let has_nodes = matches!(org.level(), Level::Township | Level::Village | Level::Merchant);
        has_nodes && org.is_within(&self.0)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.xiangyue", self.0)
    }
}

/// A node's full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spiffe {
    /// Whose name space it is in.
    pub domain: TrustDomain,
    /// The organisation that the node writes for.
    pub org: OrgCode,
    /// The node.
    pub node: NodeId,
}

impl Spiffe {
    /// Reads the name from a certificate and checks that the certificate is one of ours in shape: an Ed25519 key
    /// whose hash is the node id, exactly one URI and exactly its own DNS name. Signatures and dates are not
    /// checked here.
    ///
    /// # Errors
    /// [`Code::BadCertificate`], saying what is wrong with it.
    pub fn of_certificate(der: &[u8]) -> Result<Spiffe, Refusal> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| bad("not a certificate"))?;
        if !rest.is_empty() {
            return Err(bad("bytes after the certificate"));
        }
        let (uri, dns) = names(&certificate)?;
        let spiffe: Spiffe = uri.parse()?;
        if dns != spiffe.domain.dns_name(spiffe.node) {
            return Err(bad("DNS name is not the node's"));
        }
        if NodeId::of_key(&ed25519_key(&certificate)?) != spiffe.node {
            return Err(bad("key does not match the node id"));
        }
        Ok(spiffe)
    }

    /// Checks that the name is in `domain`.
    ///
    /// # Errors
    /// [`Code::WrongDomain`] for a node of another township.
    pub fn require(self, domain: &TrustDomain) -> Result<Spiffe, Refusal> {
        if self.domain == *domain { Ok(self) } else { Err(Refusal::new(Code::WrongDomain, &self.domain)) }
    }
}

fn names<'a>(certificate: &'a X509Certificate<'_>) -> Result<(&'a str, &'a str), Refusal> {
    // The library answers an error when the extension is there twice.
    let names = certificate.subject_alternative_name().map_err(|_| bad("alternative names unreadable"))?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    match names {
        [GeneralName::URI(uri), GeneralName::DNSName(dns)] | [GeneralName::DNSName(dns), GeneralName::URI(uri)] => {
            Ok((uri, dns))
        }
        _ => Err(bad("needs exactly one URI and one DNS name")),
    }
}

/// The raw public key of a certificate.
pub(super) fn ed25519_key(certificate: &X509Certificate<'_>) -> Result<[u8; 32], Refusal> {
    let info = certificate.public_key();
    if info.algorithm.algorithm != OID_SIG_ED25519 {
        return Err(bad("key is not Ed25519"));
    }
    <[u8; 32]>::try_from(info.subject_public_key.data.as_ref()).map_err(|_| bad("key is not 32 bytes"))
}

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadCertificate, what)
}

impl FromStr for Spiffe {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || bad("not a node's SPIFFE id");
        let path = text.strip_prefix("spiffe://").filter(|path| path.len() <= 128).ok_or_else(refuse)?;
        let parts: Vec<&str> = path.split('/').collect();
        let (township, org, node) = match parts[..] {
            [_, "township", township, "node", node] => (township, township, node),
            [_, "township", township, "village" | "merchant", org, "node", node] => (township, org, node),
            _ => return Err(refuse()),
        };
        let domain = TrustDomain::new(township.parse().map_err(|_| refuse())?).map_err(|_| refuse())?;
        let org = org.parse().map_err(|_| refuse())?;
        if !domain.admits(&org) {
            return Err(refuse());
        }
        let spiffe = Spiffe { domain, org, node: node.parse().map_err(|_| refuse())? };
        // One spelling only: this catches capitals, trailing zeros, the wrong word for the level, another domain.
        if spiffe.to_string() == text { Ok(spiffe) } else { Err(refuse()) }
    }
}

impl fmt::Display for Spiffe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/township/{}", self.domain, self.domain.township())?;
        match self.org.level() {
            Level::Township | Level::County => {}
            Level::Merchant => write!(f, "/merchant/{}", self.org)?,
            Level::Village | Level::Grid => write!(f, "/village/{}", self.org)?,
        }
        write!(f, "/node/{}", self.node)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODE: &str = "00112233445566778899aabbccddeeff";

    fn id(middle: &str) -> String {
        format!("spiffe://110112119.xiangyue/township/110112119{middle}/node/{NODE}")
    }

    #[test]
    fn the_three_kinds_of_node_read_back() {
        for (middle, org) in
            [("", "110112119"), ("/village/110112119201", "110112119201"), ("/merchant/110112119M01", "110112119M01")]
        {
            let spiffe: Spiffe = id(middle).parse().unwrap();
            assert_eq!(spiffe.org.as_str(), org);
            assert_eq!(spiffe.to_string(), id(middle));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = id("/village/110112119201");
        for bad in [
            id("/village/110112120201"),
            id("/village/110112119"),
            id("/village/110112119000"),
            id("/village/110112119201003"),
            id("/merchant/110112119201"),
            id("/village/110112119201/village/110112119202"),
            good.replace("xiangyue", "Xiangyue"),
            good.replace("110112119.", "110112118."),
            good.replace("aabb", "AABB"),
            good.replace("00112233", "+0112233"),
            good.replace("spiffe:", "SPIFFE:"),
            format!("{good}/"),
            format!("{good}?x"),
            format!(" {good}"),
            String::new(),
        ] {
            assert_eq!(bad.parse::<Spiffe>().expect_err(&bad).code(), Code::BadCertificate, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back(text in "(spiffe://)?[ -~/0-9a-f]{0,160}") {
            if let Ok(spiffe) = text.parse::<Spiffe>() {
                prop_assert_eq!(spiffe.to_string(), text);
            }
        }

        #[test]
        fn one_changed_byte_never_gives_the_same_name(at in 0usize..100, byte in 0x20u8..0x7f) {
            let good = id("/village/110112119201");
            let mut bytes = good.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let text = String::from_utf8(bytes).unwrap();
            if let Ok(spiffe) = text.parse::<Spiffe>() {
                prop_assert_eq!(spiffe == good.parse::<Spiffe>().unwrap(), text == good);
            }
        }

        #[test]
        fn any_bytes_as_certificate_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(Spiffe::of_certificate(&bytes).is_err());
        }
    }
}
