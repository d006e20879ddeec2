//! One number, one account in the township: what a node sees of a number that more than one village uses.
//!
//! A village cannot read another's register, so two may open one number unaware of each other. Nothing here prevents
//! that; it is noticed wherever the two meet. The township reads both registers and shows the number. In a merchant's
//! counter, which all villages read, two villages' grants on one number meet: from then on neither village grants and
//! the merchant redeems nothing on it, so that no one spends what another village's people have earned.
//!
//! Asked when judging commands, and by statistics and status.

use std::collections::BTreeSet;

use crate::error::{Code, Refusal};
use crate::org::{Level, OrgCode};
use crate::schema::{Account, AccountId, Points};
use crate::views::Views;

impl Views {
    /// Every account of every village whose register is here, those under a shared number each for itself.
    pub fn registered(&self) -> impl Iterator<Item = (&OrgCode, &Account)> {
        let alone = self.accounts.iter().filter(|(number, _)| !self.shared.contains_key(*number));
        alone.map(|(_, (village, account))| (village, account)).chain(self.shared.values().flatten())
    }

    /// The village of an account, unless it is unknown or several have opened its number.
    pub fn village_of(&self, account: &AccountId) -> Option<&OrgCode> {
        let (village, _) = self.accounts.get(account)?;
        (!self.shared.contains_key(account)).then_some(village)
    }

    /// Points of an account over which a village's nodes hold the rights. In a merchant's view it is what the village has
    /// granted, below zero.
    pub fn held_by(&self, village: &OrgCode, account: &AccountId) -> Points {
        let shares = self.book.get(account).into_iter().flat_map(|totals| &totals.shares);
        let own = shares.filter(|(node, _)| self.directory.node(*node).is_some_and(|entry| entry.org == *village));
        own.map(|(_, share)| share.held).sum()
    }

    /// The villages that have opened this number, or whose nodes have moved points under it that have not come back.
    pub fn users_of(&self, account: &AccountId) -> BTreeSet<OrgCode> {
        let opened = self.accounts.get(account).map(|(village, _)| village);
        let opened = opened.into_iter().chain(self.shared.get(account).into_iter().flat_map(|rows| rows.keys()));
        let shares = self.book.get(account).into_iter().flat_map(|totals| &totals.shares);
        let moved = shares.filter_map(|(node, _)| self.directory.node(*node)).map(|entry| &entry.org);
        let moved = moved.filter(|org| org.level() == Level::Village && self.held_by(org, account) != Points::ZERO);
        opened.chain(moved).cloned().collect()
    }

    /// Refuses what would mix the points of two villages' accounts, as seen by a node of `me`.
    ///
    /// # Errors
    /// [`Code::AccountElsewhere`] naming the villages.
    pub(crate) fn check_unshared(&self, me: &OrgCode, account: &AccountId) -> Result<(), Refusal> {
        let mut users = self.users_of(account);
        if me.level() == Level::Village {
            users.insert(me.clone());
        }
        if users.len() < 2 {
            return Ok(());
        }
        let users: Vec<&str> = users.iter().map(OrgCode::as_str).collect();
        Err(Refusal::new(Code::AccountElsewhere, format_args!("{account}: {}", users.join(", "))))
    }
}
