//! Organisation codes: who a document or a node belongs to.
//!
//! A division is named by the statistical division code (National Bureau of Statistics): 2 digits province,
//! 2 city, 2 county, 3 town, 3 village, then 3 of our own for a grid. There is no check digit. A contracted
//! merchant has no division code; it is named by its township's nine digits, `M`, and two characters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal};

/// Where an organisation stands in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// County, six digits.
    County,
    /// Township, town or street office, nine digits.
    Township,
    /// Administrative village or residents' committee, twelve digits.
    Village,
    /// Grid, fifteen digits.
    Grid,
    /// Contracted merchant or care station of a township.
    Merchant,
}

/// The permanent id of an organisation: the division code of its first day, or a merchant's code.
///
/// Codes are strings, not numbers, and keep their leading zeros. Trailing zero groups are dropped, so
/// `110112119000` and `110112119` are the same township.
///
/// Every document's id begins with one, so it stands in place: a clone takes no memory and comparing reads none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgCode {
    /// The code, then zeros, which are lower than any character of a code: the order is that of the text.
    bytes: [u8; LONGEST],
    len: u8,
}

/// Characters of the longest code, a grid's.
const LONGEST: usize = 15;

impl OrgCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.text()).unwrap_or_else(|_| unreachable!("digits and capital letters"))
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The code that these bytes, which have been looked at, stand for.
    fn of(text: &[u8]) -> OrgCode {
        let mut bytes = [0; LONGEST];
        bytes[..text.len()].copy_from_slice(text);
        OrgCode { bytes, len: u8::try_from(text.len()).unwrap_or_else(|_| unreachable!("at most fifteen")) }
    }

    /// The level that the code's shape stands for.
    pub fn level(&self) -> Level {
        if self.bytes[9] == b'M' {
            return Level::Merchant;
        }
        match self.len {
            6 => Level::County,
            9 => Level::Township,
            12 => Level::Village,
            _ => Level::Grid,
        }
    }

    /// The organisation one level up, none above a county.
    pub fn parent(&self) -> Option<OrgCode> {
        let cut = match self.level() {
            Level::County => return None,
            Level::Township => 6,
            Level::Village | Level::Merchant => 9,
            Level::Grid => 12,
        };
        Some(OrgCode::of(&self.bytes[..cut]))
    }

    /// Whether this organisation is `other` or lies under it.
    pub fn is_within(&self, other: &OrgCode) -> bool {
        self.text().starts_with(other.text())
    }

    /// Whether this is the township of `other`, or `other` itself if that is a township.
    pub fn is_township_of(&self, other: &OrgCode) -> bool {
        self.len == 9 && other.is_within(self)
    }

    /// Whether both lie in one township.
    pub fn is_neighbour_of(&self, other: &OrgCode) -> bool {
        self.len >= 9 && self.bytes[..9] == other.bytes[..9]
    }

    /// The township of this organisation, itself if it is one; none for a county.
    pub fn township(&self) -> Option<OrgCode> {
        (self.len >= 9).then(|| OrgCode::of(&self.bytes[..9]))
    }
}

impl FromStr for OrgCode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::new(Code::BadOrgCode, text);
        let bytes = text.as_bytes();
        if bytes.len() == 12 && bytes[9] == b'M' {
            let digits = bytes[..9].iter().all(u8::is_ascii_digit);
            let tail = bytes[10..].iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
            return if digits && tail && bytes[0] != b'0' { Ok(OrgCode::of(bytes)) } else { Err(refuse()) };
        }
        if !bytes.iter().all(u8::is_ascii_digit) || bytes.first() == Some(&b'0') {
            return Err(refuse());
        }
        let kept = match bytes.len() {
            6 | 9 | 15 => text,
            12 if text.ends_with("000000") => &text[..6],
            12 if text.ends_with("000") => &text[..9],
            12 => text,
            _ => return Err(refuse()),
        };
        Ok(OrgCode::of(kept.as_bytes()))
    }
}

impl TryFrom<String> for OrgCode {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<OrgCode> for String {
    fn from(code: OrgCode) -> String {
        code.as_str().to_owned()
    }
}

impl fmt::Display for OrgCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrgCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(text: &str) -> OrgCode {
        text.parse().expect(text)
    }

    #[test]
    fn levels_follow_the_length() {
        assert_eq!(org("370724").level(), Level::County);
        assert_eq!(org("110112119").level(), Level::Township);
        assert_eq!(org("110112119000"), org("110112119"));
        assert_eq!(org("110112119201").level(), Level::Village);
        assert_eq!(org("110112119201003").level(), Level::Grid);
        assert_eq!(org("110112119M01").level(), Level::Merchant);
    }

    #[test]
    fn parents_are_prefixes() {
        assert_eq!(org("110112119201003").parent(), Some(org("110112119201")));
        assert_eq!(org("110112119M01").parent(), Some(org("110112119")));
        assert_eq!(org("110112").parent(), None);
        assert!(org("110112119201").is_within(&org("110112119")));
        assert!(!org("110112120201").is_within(&org("110112119")));
        assert_eq!(org("110112119201003").township(), Some(org("110112119")));
    }

    #[test]
    fn other_shapes_are_refused() {
        for bad in ["", "1", "11011211920", "1101121192011", "11011211920x", "011012", "110112119m01", "１１０１１２"]
        {
            assert_eq!(bad.parse::<OrgCode>().expect_err(bad).code(), Code::BadOrgCode);
        }
    }
}
