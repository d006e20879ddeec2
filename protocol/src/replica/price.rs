//! What a redemption costs on its day: the item's fixed price, its price list, or what the counter says (article L11).

use super::Replica;
use crate::error::{Code, Refusal};
use crate::schema::line::LINES;
use crate::schema::{HolderKind, Item, Line, Points, Redemption};

impl Replica {
    /// The redemption with its points, which may have been left out.
    ///
    /// # Errors
    /// [`Code::UnknownItem`]; [`Code::BelowPrice`] saying the right price when other points were given;
    /// [`Code::UnknownOption`] naming the options that there are; [`Code::NoConcession`]; [`Code::MissingValue`] of
    /// points that the counter sets.
    pub fn priced(&self, redemption: &Redemption) -> Result<Redemption, Refusal> {
        let mut entry = redemption.clone();
        let item = self.views.rules.item(&entry.item, entry.date);
        let item = item.ok_or_else(|| Refusal::new(Code::UnknownItem, &entry.item))?;
        let asked = entry.points;
        if entry.lines.is_empty() {
            entry.points = self.plain_price(item, &entry)?;
        } else {
            self.price_lines(item, &mut entry)?;
            entry.points = entry.lines.iter().map(|line| line.points).sum();
            if asked != Points::ZERO && asked != entry.points {
                return Err(other_price(asked, entry.points));
            }
        }
        if entry.points.is_entry() { Ok(entry) } else { Err(other_price(entry.points, item.price)) }
    }

    /// Points of a redemption without lines.
    fn plain_price(&self, item: &Item, entry: &Redemption) -> Result<Points, Refusal> {
        if item.price == Points::ZERO && self.views.provisions.options(&item.code, entry.date).next().is_some() {
            return Err(self.unknown_option("", entry));
        }
        match (item.price, entry.points) {
            (Points::ZERO, Points::ZERO) => Err(Refusal::new(Code::MissingValue, "积分 points")),
            (price, Points::ZERO) => Ok(price),
            (price, points) if price > Points::ZERO && points.0 % price.0 != 0 => Err(other_price(points, price)),
            (_, points) => Ok(points),
        }
    }

    fn price_lines(&self, item: &Item, entry: &mut Redemption) -> Result<(), Refusal> {
        if entry.lines.len() > LINES {
            return Err(Refusal::new(Code::TooLong, format_args!("> {LINES} 行 lines")));
        }
        let known = self.known_age(entry);
        let mut lines = std::mem::take(&mut entry.lines);
        for line in &mut lines {
            line.check()?;
            match known {
                Some(age) if line.age > age => {
                    return Err(Refusal::new(Code::NoConcession, format_args!("{} {line}", entry.account)));
                }
                Some(age) if line.age == 0 => line.age = age,
                _ => {}
            }
            let price = self.views.provisions.price(&item.code, &line.option, line.age, entry.date);
            let each = price.filter(|_| item.price == Points::ZERO);
            let each = each.ok_or_else(|| self.unknown_option(&line.option, entry))?;
            line.points = line_price(line, Points(each.0.saturating_mul(line.persons.into())))?;
        }
        entry.lines = lines;
        Ok(())
    }

    /// The age that the register knows: of a person's account that pays for one person, where the account is known.
    /// Of a household, of several persons and at a merchant, the counter sees who is there.
    fn known_age(&self, entry: &Redemption) -> Option<u16> {
        let (village, account) = self.views.accounts.get(&entry.account)?;
        let alone = matches!(&entry.lines[..], [Line { persons: 1, .. }]) && account.holder == HolderKind::Person;
        (alone && *village == self.member.org).then(|| self.views.provisions.age(&entry.account, entry.date))
    }

    fn unknown_option(&self, option: &str, entry: &Redemption) -> Refusal {
        let options: Vec<_> = self.views.provisions.options(&entry.item, entry.date).map(|o| o.as_str()).collect();
        Refusal::new(Code::UnknownOption, format_args!("{} {option} ({})", entry.item, options.join(", ")))
    }
}

/// What a line costs; zero is set at the counter.
fn line_price(line: &Line, price: Points) -> Result<Points, Refusal> {
    match (price, line.points) {
        (Points::ZERO, Points::ZERO) => Err(Refusal::new(Code::MissingValue, format_args!("积分 points: {line}"))),
        (Points::ZERO, points) => Ok(points),
        (price, points) if points != Points::ZERO && points != price => Err(other_price(points, price)),
        (price, _) => Ok(price),
    }
}

fn other_price(points: Points, price: Points) -> Refusal {
    Refusal::new(Code::BelowPrice, format_args!("{points} / {price}"))
}
