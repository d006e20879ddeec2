//! Provisions: rows of forms by which points are judged and settled. Prices and concessions by age (article L11),
//! merchants' agreements (L9), until when points may be spent (L3), and what the
//! township sets.
//!
//! Most rows are for figures alone and stay in the journal ([`crate::forms::Marks`]). Of these few a node keeps what
//! they say, in every version. Of several versions the latest counts, and of those written apart the one whose hash is
//! lowest, as for every row.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::forms::Row;
use crate::forms::points::{CONCESSION, VALIDITY};
use crate::forms::township::{MERCHANT, PRICE, SETTING, default_setting};
use crate::org::OrgCode;
use crate::schema::{AccountId, ItemCode, Points};
use crate::time::Date;
use crate::views::keep_lower;

/// What one version of a row says. The version that counts is the lowest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version<T> {
    version: Reverse<u32>,
    content: u64,
    void: bool,
    says: T,
}

impl<T> Version<T> {
    fn of(row: &Row, says: T) -> Version<T> {
        Version { version: Reverse(row.version), content: row.content(), void: row.void, says }
    }

    fn says(&self) -> Option<&T> {
        (!self.void).then_some(&self.says)
    }
}

/// What a township has agreed with a merchant, from a day on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Agreement {
    /// Its last day; none while it is open.
    pub to: Option<Date>,
    /// Money for a point, in fen; none if nothing was agreed.
    pub fen: Option<i64>,
}

/// One version of a provision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Provision {
    /// Item, option, age from which it holds, first day; points, 0 when set at the counter.
    Price(ItemCode, SmolStr, u16, Date, Version<Points>),
    /// Account and age; the day from which its holder counts as of that age.
    Concession(AccountId, u16, Version<Date>),
    /// Merchant and first day.
    Agreement(OrgCode, Date, Version<Agreement>),
    /// Last day of earning; the last day on which such points may be spent.
    Expiry(Date, Version<Date>),
    /// A number that the township sets, by name and first day.
    Setting(SmolStr, Date, Version<i64>),
}

impl Provision {
    /// What a row says; none for rows of other forms.
    pub fn of(row: &Row) -> Option<Provision> {
        let age = |name| u16::try_from(row.number(name)?).ok();
        Some(match row.form() {
            form if *form == PRICE => {
                let points = Version::of(row, Points(row.number("points")?));
                let (item, option) = (row.text("item").parse().ok()?, row.text("option").into());
                Provision::Price(item, option, age("min_age")?, row.date("from")?, points)
            }
            form if *form == CONCESSION => {
                let from = Version::of(row, row.date("from")?);
                Provision::Concession(row.text("account").parse().ok()?, age("age")?, from)
            }
            form if *form == MERCHANT => {
                let agreement = Agreement { to: row.date("to"), fen: row.number("point_worth") };
                let merchant = row.text("merchant").parse().ok()?;
                Provision::Agreement(merchant, row.date("from")?, Version::of(row, agreement))
            }
            form if *form == VALIDITY => {
                Provision::Expiry(row.date("earned_to")?, Version::of(row, row.date("spend_until")?))
            }
            form if *form == SETTING => {
                let value = Version::of(row, row.number("value")?);
                Provision::Setting(row.text("setting").into(), row.date("from")?, value)
            }
            _ => return None,
        })
    }
}

/// Prices of one option of an item, by age and first day.
type Prices = BTreeMap<(u16, Date), Version<Points>>;

/// All provisions that a node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisions {
    prices: BTreeMap<ItemCode, BTreeMap<SmolStr, Prices>>,
    concessions: BTreeMap<AccountId, BTreeMap<u16, Version<Date>>>,
    agreements: BTreeMap<OrgCode, BTreeMap<Date, Version<Agreement>>>,
    expiries: BTreeMap<Date, Version<Date>>,
    settings: BTreeMap<SmolStr, BTreeMap<Date, Version<i64>>>,
}

impl Provisions {
    pub(crate) fn enter(&mut self, provision: Provision) {
        match provision {
            Provision::Price(item, option, age, from, says) => {
                keep_lower(self.prices.entry(item).or_default().entry(option).or_default(), (age, from), says);
            }
            Provision::Concession(account, age, says) => {
                keep_lower(self.concessions.entry(account).or_default(), age, says);
            }
            Provision::Agreement(merchant, from, says) => {
                keep_lower(self.agreements.entry(merchant).or_default(), from, says);
            }
            Provision::Expiry(earned_to, says) => keep_lower(&mut self.expiries, earned_to, says),
            Provision::Setting(name, from, says) => {
                keep_lower(self.settings.entry(name).or_default(), from, says);
            }
        }
    }

    /// The options of an item that have a price on a day.
    pub fn options<'a>(&'a self, item: &ItemCode, on: Date) -> impl Iterator<Item = &'a SmolStr> {
        let options = self.prices.get(item).into_iter().flatten();
        options.filter(move |(_, prices)| price(prices, u16::MAX, on).is_some()).map(|(option, _)| option)
    }

    /// Points for one person of an age: the price of the highest age that is not above it, in the version in effect on
    /// the day; 0 when it is set at the counter.
    pub fn price(&self, item: &ItemCode, option: &str, age: u16, on: Date) -> Option<Points> {
        price(self.prices.get(item)?.get(option)?, age, on)
    }

    /// The highest age from which on an account's holder is known to have a concession on a day; 0: none is known.
    pub fn age(&self, account: &AccountId, on: Date) -> u16 {
        let known = self.concessions.get(account).into_iter().flatten();
        let held = known.filter(|(_, from)| from.says().is_some_and(|from| *from <= on));
        held.map(|(age, _)| *age).max().unwrap_or(0)
    }

    /// Above how many points an award of a day wants a second person, where its rule does not say; none if it never does.
    pub fn approve_above(&self, on: Date) -> Option<Points> {
        self.set("approve_above", on).map(Points)
    }

    /// A number that the township sets, as of a day; its default while nothing is set.
    pub fn setting(&self, name: &str, on: Date) -> i64 {
        self.set(name, on).unwrap_or_else(|| default_setting(name))
    }

    fn set(&self, name: &str, on: Date) -> Option<i64> {
        self.settings.get(name)?.range(..=on).rev().find_map(|(_, value)| value.says().copied())
    }

    /// The last day of which the points may not be spent any more on a day; none while nothing expires.
    pub fn expired_by(&self, as_of: Date) -> Option<Date> {
        let over = |(_, until): &(&Date, &Version<Date>)| until.says().is_some_and(|until| *until < as_of);
        self.expiries.iter().rfind(over).map(|(earned_to, _)| *earned_to)
    }

    /// Whether a merchant has any agreement, and the one in force on a day: of several the one that began last.
    pub fn agreement(&self, merchant: &OrgCode, on: Date) -> (bool, Option<&Agreement>) {
        let all =
            || self.agreements.get(merchant).into_iter().flatten().filter_map(|(from, a)| Some((from, a.says()?)));
        let in_force = |(from, a): &(&Date, &Agreement)| **from <= on && a.to.is_none_or(|to| on <= to);
        (all().next().is_some(), all().rfind(in_force).map(|(_, agreement)| agreement))
    }
}

/// For each age the version of the latest first day counts.
fn price(prices: &Prices, age: u16, on: Date) -> Option<Points> {
    let in_effect = prices.range(..=(age, Date::MAX)).rev().filter(|((_, from), _)| *from <= on);
    in_effect.filter_map(|(_, points)| points.says().copied()).next()
}
