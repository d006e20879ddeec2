//! Typed records, one module per kind of document: what a record means, and which values it may hold.
//!
//! Reading is lenient where [`crate::record`] is strict: a field that this version does not know is skipped,
//! and a record of a kind it does not know is `None`, kept and passed on but not counted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::error::{Code, Refusal};

pub mod accounts;
pub mod claim;
pub mod directory;
pub mod ledger;
pub mod line;
pub mod rules;

pub use accounts::Account;
pub use claim::Decline;
pub use directory::{NodeEntry, Org, Revocation};
pub use ledger::{Approval, Ask, Auto, Award, Entry, Expiry, Grant, Redemption, Reversal, Taken};
pub use line::Line;
pub use rules::{Item, Rule};

/// A whole number of points. Sums cannot wrap: overflow checks are on in every profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub i64);

impl Points {
    /// No points.
    pub const ZERO: Points = Points(0);
    /// The most that one entry may carry.
    pub const ENTRY_MAX: Points = Points(1_000_000);

    /// Parses the points of one entry.
    ///
    /// # Errors
    /// [`Code::BadNumber`] unless a whole number from 1 to [`Points::ENTRY_MAX`].
    pub fn parse_entry(text: &str) -> Result<Points, Refusal> {
        text.parse().ok().map(Points).filter(|p| p.is_entry()).ok_or_else(|| Refusal::new(Code::BadNumber, text))
    }

    /// Whether one entry may carry this many.
    pub fn is_entry(self) -> bool {
        self > Points::ZERO && self <= Points::ENTRY_MAX
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::ops::Add for Points {
    type Output = Points;
    fn add(self, other: Points) -> Points {
        Points(self.0 + other.0)
    }
}

impl std::ops::Sub for Points {
    type Output = Points;
    fn sub(self, other: Points) -> Points {
        Points(self.0 - other.0)
    }
}

impl std::ops::AddAssign for Points {
    fn add_assign(&mut self, other: Points) {
        self.0 += other.0;
    }
}

impl std::ops::SubAssign for Points {
    fn sub_assign(&mut self, other: Points) {
        self.0 -= other.0;
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Points>>(points: I) -> Points {
        points.fold(Points::ZERO, |a, b| a + b)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> { Self::try_from(SmolStr::from(text)) }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = Refusal;
            fn try_from(text: SmolStr) -> Result<Self, Refusal> {
                if text.is_empty() { return Err(Refusal::new(Code::MissingValue, stringify!($name))); }
                if text.len() > $max { return Err(Refusal::new(Code::TooLong, &text[..text.floor_char_boundary(16)])); }
                if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
                    return Err(Refusal::new(Code::BadValue, text.escape_debug()));
                }
                Ok($name(text))
            }
        }

        impl From<$name> for SmolStr { fn from(name: $name) -> SmolStr { name.0 } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )*};
}

names! {
    /// A pseudonymous account number, at most 32 bytes, without white space or `/`.
    AccountId 32;
    /// A rule's code in the rule book, at most 32 bytes.
    RuleCode 32;
    /// A redemption item's code in the rule book, at most 32 bytes.
    ItemCode 32;
    /// The number of a paper slip or a request: what makes a retry the same entry. At most 64 bytes.
    RequestId 64;
}

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal $zh:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[$name] = &[$($name::$variant,)*];
            /// As stored and as in English files.
            pub fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
            /// As in Chinese files and pages.
            pub fn zh(self) -> &'static str { match self { $($name::$variant => $zh,)* } }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::Refusal;
            fn from_str(text: &str) -> Result<Self, $crate::error::Refusal> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text || v.zh() == text)
                    .ok_or_else(|| $crate::error::Refusal::new($crate::error::Code::BadValue, text))
            }
        }
    };
}

choices! {
    /// Who holds an account (户别).
    HolderKind {
        /// One person.
        Person "person" "个人",
        /// A household.
        Household "household" "家庭",
        /// A unit, such as a partner organisation.
        Unit "unit" "单位",
    }
}

choices! {
    /// The resident segment that a rule addresses (人群). Named cohort here because segment is a run of changes.
    Cohort {
        /// Party members.
        Party "party" "党员",
        /// Villagers.
        Villager "villager" "村民",
        /// Minors.
        Minor "minor" "未成年人",
        /// Partner units.
        Unit "unit" "共建单位",
    }
}
