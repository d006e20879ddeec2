//! The enrolment token: what a township hands to a village, on paper, by phone or on a USB stick.
//!
//! Text: `xy1.` and Crockford's base32 (no I, L, O, U; capitals and dashes do not matter) of
//! `postcard(fields) ‖ 3 bytes of BLAKE3`, in groups of four. The last bytes tell a slip of the pen from a token
//! that the township does not know. It holds for one use, one organisation and a short time, and names the key of
//! the township's root, so that the secret is shown to nobody else.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};
use xiangyue_protocol::{Code, Millis, OrgCode, Refusal};
use zeroize::Zeroizing;

use super::address::Address;
use super::secret::TokenSecret;

const PREFIX: &str = "xy1.";
const CHECKSUM: usize = 3;
/// Addresses a token may carry.
const MAX_ADDRESSES: usize = 4;
/// No token of ours is longer as text.
const MAX_TEXT: usize = 2_600;
const MINUTE: u64 = 60_000;

/// The fingerprint of a root's public key: 16 bytes of BLAKE3 over its SubjectPublicKeyInfo.
///
/// To pass for the township, one would have to find a second key with the same 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin([u8; 16]);

impl Pin {
    /// The pin of a certificate's key.
    ///
    /// # Errors
    /// [`Code::BadCertificate`] when it is not a certificate.
    pub fn of_certificate(der: &[u8]) -> Result<Pin, Refusal> {
        let parsed = X509Certificate::from_der(der);
        let (_, certificate) = parsed.map_err(|_| Refusal::new(Code::BadCertificate, "not a certificate"))?;
        Ok(Pin::of_spki(certificate.public_key().raw))
    }

    pub(super) fn of_spki(spki: &[u8]) -> Pin {
        let mut pin = [0; 16];
        blake3::Hasher::new_derive_key("xiangyue ca pin v1").update(spki).finalize_xof().fill(&mut pin);
        Pin(pin)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A single-use permission for one new node. `{}` of [`Token::reveal`] is the only way to see the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose node it makes.
    pub org: OrgCode,
    /// When it was issued, to the minute; a joining node's clock cannot be before this.
    pub issued: Millis,
    /// When it ends, to the minute.
    pub expires: Millis,
    /// What the holder presents.
    pub secret: TokenSecret,
    /// The township's root key.
    pub pin: Pin,
    /// Where the township's nodes listen.
    pub addresses: Vec<Address>,
}

impl Token {
    /// A new token. The times are rounded to whole minutes, the end upwards.
    ///
    /// # Errors
    /// [`Code::BadValue`] when it would end before it begins or last over 45 days, and when there are no addresses
    /// or more than four.
    pub fn issue(
        secret: TokenSecret,
        org: OrgCode,
        issued: Millis,
        expires: Millis,
        pin: Pin,
        addresses: Vec<Address>,
    ) -> Result<Token, Refusal> {
        let issued = Millis(issued.0 / MINUTE * MINUTE);
        let expires = Millis(expires.0.div_ceil(MINUTE).saturating_mul(MINUTE));
        let token = Token { org, issued, expires, secret, pin, addresses };
        let well_formed = token.addresses.iter().all(Address::is_well_formed);
        if !well_formed || !(1..=MAX_ADDRESSES).contains(&token.addresses.len()) {
            return Err(Refusal::new(Code::BadValue, "a token needs one to four addresses"));
        }
        token.fields()?;
        Ok(token)
    }

    /// The text to write down. It is a secret until it has been used.
    ///
    /// # Errors
    /// [`Code::BadValue`] when its fields were changed to something that cannot be written.
    pub fn reveal(&self) -> Result<Zeroizing<String>, Refusal> {
        let fields = self.fields()?;
        let mut bytes =
            Zeroizing::new(postcard::to_stdvec(&fields).map_err(|_| Refusal::new(Code::BadValue, "token"))?);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        let encoded = Zeroizing::new(alphabet()?.encode(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + encoded.len() * 5 / 4 + 1));
        text.push_str(PREFIX);
        for (at, letter) in encoded.chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Ok(text)
    }

    fn fields(&self) -> Result<Fields, Refusal> {
        let refuse = || Refusal::new(Code::BadValue, "a token lasts from one minute to 45 days");
        let lifetime = self.expires.0.checked_sub(self.issued.0).ok_or_else(refuse)? / MINUTE;
        Ok(Fields {
            org: ShortOrg::from_code(&self.org)?,
            issued: u32::try_from(self.issued.0 / MINUTE).map_err(|_| refuse())?,
            lifetime: u16::try_from(lifetime).ok().filter(|minutes| *minutes > 0).ok_or_else(refuse)?,
            secret: self.secret.clone(),
            pin: self.pin,
            addresses: self.addresses.clone(),
        })
    }
}

impl FromStr for Token {
    type Err = Refusal;

    /// # Errors
    /// [`Code::TokenMistyped`] for a slip, [`Code::BadVersion`] for a token of another version.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mistyped = |what: &str| Refusal::new(Code::TokenMistyped, what);
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(mistyped("too long"));
        }
        let (prefix, body) = text.split_once('.').ok_or_else(|| mistyped("does not begin with xy1."))?;
        match prefix.to_ascii_lowercase().as_str() {
            "xy1" => {}
            other if other.starts_with("xy") => return Err(Refusal::new(Code::BadVersion, "token of another version")),
            _ => return Err(mistyped("does not begin with xy1.")),
        }
        let decoded = alphabet()?.decode(body.as_bytes()).map_err(|_| mistyped("a letter is missing or wrong"))?;
        let bytes = Zeroizing::new(decoded);
        let (fields, sum) = bytes
            .len()
            .checked_sub(CHECKSUM)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or_else(|| mistyped("too short"))?;
        if sum != checksum(fields) {
            return Err(mistyped("the check letters do not fit"));
        }
        let (fields, rest) = postcard::take_from_bytes::<Fields>(fields).map_err(|_| mistyped("not a token"))?;
        if rest.is_empty() { fields.into_token() } else { Err(mistyped("not a token")) }
    }
}

#[derive(Serialize, Deserialize)]
struct Fields {
    org: ShortOrg,
    /// Minutes since 1970.
    issued: u32,
    /// Minutes.
    lifetime: u16,
    secret: TokenSecret,
    pin: Pin,
    addresses: Vec<Address>,
}

impl Fields {
    fn into_token(self) -> Result<Token, Refusal> {
        let issued = Millis(u64::from(self.issued) * MINUTE);
        let expires = Millis(issued.0 + u64::from(self.lifetime) * MINUTE);
        let org = self.org.into_code()?;
        Token::issue(self.secret, org, issued, expires, self.pin, self.addresses)
    }
}

/// An organisation code as a number: 7 bytes instead of 13, eleven letters fewer to read out.
#[derive(Serialize, Deserialize)]
enum ShortOrg {
    Division(u64),
    Merchant(u32, [u8; 2]),
}

impl ShortOrg {
    fn from_code(org: &OrgCode) -> Result<ShortOrg, Refusal> {
        let refuse = || Refusal::new(Code::BadOrgCode, org);
        match org.as_str().split_once('M') {
            None => org.as_str().parse().map(ShortOrg::Division).map_err(|_| refuse()),
            Some((digits, tail)) => {
                let tail = <[u8; 2]>::try_from(tail.as_bytes()).map_err(|_| refuse())?;
                Ok(ShortOrg::Merchant(digits.parse().map_err(|_| refuse())?, tail))
            }
        }
    }

    fn into_code(self) -> Result<OrgCode, Refusal> {
        match self {
            ShortOrg::Division(number) => number.to_string().parse(),
            ShortOrg::Merchant(number, [first, second]) => {
                format!("{number}M{}{}", char::from(first), char::from(second)).parse()
            }
        }
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    blake3::Hasher::new_derive_key("xiangyue token checksum v1").update(bytes).finalize_xof().fill(&mut sum);
    sum
}

/// Crockford's base32, as people read it: `i`, `l` are 1, `o` is 0.
fn alphabet() -> Result<Encoding, Refusal> {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.translate.from.push_str("ABCDEFGHJKMNPQRSTVWXYZiIlLoO");
    specification.translate.to.push_str("abcdefghjkmnpqrstvwxyz111100");
    specification.ignore.push_str("- \t\r\n");
    specification.encoding().map_err(|error| Refusal::new(Code::BadConfig, error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(org: &str) -> Token {
        let secret = TokenSecret::from_bytes([0xa5; 10]);
        let addresses = vec!["192.168.10.2:4433".parse().unwrap()];
        let issued = Millis(1_795_000_000_000);
        Token::issue(secret, org.parse().unwrap(), issued, Millis(issued.0 + 3_600_000), Pin([7; 16]), addresses)
            .unwrap()
    }

    #[test]
    fn tokens_read_back_however_they_were_copied() {
        for org in ["110112119", "110112119201", "110112119M01"] {
            let token = token(org);
            let text = token.reveal().unwrap();
            assert_eq!(text.parse::<Token>().unwrap(), token);
            assert_eq!(text.to_uppercase().parse::<Token>().unwrap(), token);
            assert_eq!(format!("  {}\n", text.replace('-', " ")).parse::<Token>().unwrap(), token);
            assert_eq!(text.replace('1', "l").replace('0', "O").replace("xyl", "xy1").parse::<Token>().unwrap(), token);
            assert!(text.len() <= 110, "{} characters are too many to read out", text.len());
        }
    }

    #[test]
    fn every_single_wrong_letter_is_noticed() {
        let text = token("110112119201").reveal().unwrap();
        for at in PREFIX.len()..text.len() {
            for letter in "0123456789abcdefghjkmnpqrstvwxyz".bytes() {
                let mut wrong = text.as_bytes().to_vec();
                if wrong[at] == letter || wrong[at] == b'-' {
                    continue;
                }
                wrong[at] = letter;
                let refusal = String::from_utf8(wrong).unwrap().parse::<Token>().unwrap_err();
                assert_eq!(refusal.code(), Code::TokenMistyped, "letter {at}");
            }
        }
    }

    #[test]
    fn swapped_neighbours_and_missing_groups_are_noticed() {
        let text = token("110112119201").reveal().unwrap().replace('-', "");
        for at in PREFIX.len()..text.len() - 1 {
            let mut wrong = text.as_bytes().to_vec();
            wrong.swap(at, at + 1);
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(wrong == *text || wrong.parse::<Token>().unwrap_err().code() == Code::TokenMistyped);
            assert_eq!(text[..at].parse::<Token>().unwrap_err().code(), Code::TokenMistyped);
        }
        assert_eq!("xy2.0000".parse::<Token>().unwrap_err().code(), Code::BadVersion);
    }

    #[test]
    fn a_token_lives_weeks_at_most_and_names_an_address() {
        let issue = |expires, addresses| {
            let org = "110112119201".parse().unwrap();
            Token::issue(TokenSecret::from_bytes([1; 10]), org, Millis(MINUTE), expires, Pin([0; 16]), addresses)
        };
        let address = || vec!["t:1".parse::<Address>().unwrap()];
        assert!(issue(Millis(2 * MINUTE), address()).is_ok());
        assert_eq!(issue(Millis(2 * MINUTE), vec![]).unwrap_err().code(), Code::BadValue);
        assert_eq!(issue(Millis(0), address()).unwrap_err().code(), Code::BadValue);
        assert_eq!(issue(Millis(50 * 86_400_000), address()).unwrap_err().code(), Code::BadValue);
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let text = format!("{:?}", token("110112119201"));
        assert!(!text.contains("165") && !text.contains("a5a5"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_is_a_token(text in "(xy1\\.)?[ -~]{0,200}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.reveal().unwrap().parse::<Token>().unwrap(), token);
            }
        }

        #[test]
        fn any_checked_bytes_are_refused_or_are_a_token(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let sum = checksum(&bytes);
            bytes.extend_from_slice(&sum);
            let text = format!("{PREFIX}{}", alphabet().unwrap().encode(&bytes));
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.reveal().unwrap().parse::<Token>().unwrap(), token);
            }
        }
    }
}
