//! Lucheng's records in small, drawn from a seed and written to ordinary files, as a clerk would keep them.
//!
//! The demo and the whole-system tests call [`generate`] and import the files like anyone's. Only records are made
//! here: what the article reports (depositors, gross points, the child's 156 days, Xielou at the care station) comes
//! out of them by the ordinary statistics. All people are codes; no name is drawn.

use std::path::{Path, PathBuf};

use xiangyue_protocol::forms::organisation::TERM;
use xiangyue_protocol::forms::township::PRICE;
use xiangyue_protocol::forms::{Row, Value};
use xiangyue_protocol::schema::{Account, AccountId, Item, Points, Rule};
use xiangyue_protocol::{Code, Command, Date, OrgCode, Refusal};

use crate::i18n::Lang;
use crate::tables::{Cell, Sort, cells, csv_bytes, row_cells, write_csv, write_xlsx};

mod dice;
mod town;
mod village;

#[cfg(test)]
mod tests;

pub(super) use dice::Dice;
use village::Records;

/// First day of the rule book.
const RULES_FROM: Date = Date::constant(2018, 6, 1);

/// What was written, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct DemoFiles {
    /// The township.
    pub township: OrgCode,
    /// Its name.
    pub township_name: String,
    /// The contracted care station.
    pub merchant: OrgCode,
    /// Its name.
    pub merchant_name: String,
    /// Rules and redemption items, for the township's node.
    pub rules: PathBuf,
    /// The price list of what is priced by option and age, for the township's node.
    pub prices: PathBuf,
    /// The files of each village, for its node.
    pub villages: Vec<VillageFiles>,
    /// The account of the child with the most check-ins (article L6).
    pub child: AccountId,
}

/// The files of one village. Accounts come first, then entries, then redemptions.
#[derive(Clone, Debug)]
pub(crate) struct VillageFiles {
    /// The village.
    pub code: OrgCode,
    /// Its name.
    pub name: String,
    /// Its accounts.
    pub accounts: PathBuf,
    /// Its awards.
    pub entries: PathBuf,
    /// Its redemptions.
    pub redemptions: PathBuf,
    /// Its roster, where it keeps one.
    pub roster: Option<PathBuf>,
}

impl DemoFiles {
    /// The names by which the files call organisations.
    #[cfg(test)]
    pub(crate) fn names(&self) -> crate::tables::Names {
        let villages = self.villages.iter().map(|village| (village.name.as_str(), &village.code));
        crate::tables::Names::new(villages.chain([(self.merchant_name.as_str(), &self.merchant)]))
    }
}

/// Draws the town and writes its files under `out`, which is made when missing: `rules.csv`, and a folder for each
/// village named by its code. The same seed gives the same bytes.
///
/// # Errors
/// [`Code::Disk`] or [`Code::DiskFull`].
pub(crate) fn generate(seed: u64, out: &Path) -> Result<DemoFiles, Refusal> {
    let merchant: OrgCode = town::STATION.parse()?;
    make_folder(out)?;
    let rules = out.join("rules.csv");
    write_csv(&rules, &Sort::Rules.headers_zh(), rule_book()?)?;
    let prices = out.join("prices.csv");
    write_csv(&prices, &Sort::Form(&PRICE).headers_zh(), price_list()?)?;
    let weights: usize = town::VILLAGES.iter().map(|village| village.weight).sum();
    let mut villages = Vec::new();
    let mut child = None;
    let mut before = 0;
    for (at, place) in town::VILLAGES.iter().enumerate() {
        // Shares are cut from the whole, so that they add up to it.
        let share = |total: usize| total * (before + place.weight) / weights - total * before / weights;
        let (accounts, entries) = (share(town::DEPOSITORS), share(town::ENTRIES));
        before += place.weight;
        let records = village::draw(place, seed, accounts, entries, merchant.clone())?;
        if place.number == town::CHILDS_VILLAGE {
            child = records.accounts.last().map(|account| account.account.clone());
        }
        villages.push(write_village(at, place, records, seed, out)?);
    }
    Ok(DemoFiles {
        township: town::TOWNSHIP.parse()?,
        township_name: town::TOWNSHIP_NAME.to_owned(),
        merchant,
        merchant_name: town::STATION_NAME.to_owned(),
        rules,
        prices,
        villages,
        child: child.ok_or_else(|| Refusal::new(Code::MissingValue, "village"))?,
    })
}

fn rule_book() -> Result<Vec<Vec<Cell>>, Refusal> {
    let mut commands = Vec::new();
    for rule in &town::RULES {
        commands.push(Command::Rule(Rule {
            code: rule.code.parse()?,
            cohort: rule.cohort,
            points: Points(rule.points),
            daily_cap: rule.cap.map(Points),
            approve_above: None,
            effective_from: RULES_FROM,
        }));
    }
    for item in &town::ITEMS {
        let (code, price) = (item.code.parse()?, Points(item.price));
        commands.push(Command::Item(Item { code, price, effective_from: RULES_FROM }));
    }
    Ok(commands.iter().filter_map(cells).collect())
}

fn price_list() -> Result<Vec<Vec<Cell>>, Refusal> {
    let row = |(option, age, points): &(&str, u16, i64)| {
        let (option, from) = (("option", (*option).into()), ("from", RULES_FROM.into()));
        let values = [("item", town::DYE.into()), option, ("min_age", i64::from(*age).into()), from];
        let row = Row::new(&PRICE, values.into_iter().chain([("points", (*points).into())]))?;
        Ok(row_cells(None, &row, Lang::Zh))
    };
    town::DYE_PRICES.iter().map(row).collect()
}

/// Writes a village's files. Villages keep them differently, as villages do.
fn write_village(
    at: usize,
    place: &town::Village,
    records: Records,
    seed: u64,
    out: &Path,
) -> Result<VillageFiles, Refusal> {
    let code: OrgCode = format!("{}{}", town::TOWNSHIP, place.number).parse()?;
    let folder = out.join(code.as_str());
    make_folder(&folder)?;
    let style = Style { chinese: at % 3 != 2, xlsx: at.is_multiple_of(2), gbk: at == 1 };
    let accounts = records.accounts.into_iter().map(|account| style.account_row(&code, place.name, account));
    let accounts = style.write(&folder, "accounts", Sort::Accounts, accounts)?;
    let style = Style { xlsx: at % 4 == 3, ..style };
    let entries = records.awards.into_iter().filter_map(|award| cells(&Command::Award(award)));
    let entries = style.write(&folder, "entries", Sort::Entries, entries)?;
    let style = Style { xlsx: false, gbk: false, ..style };
    let redemptions = records.redemptions.into_iter().filter_map(|redemption| cells(&Command::Redeem(redemption)));
    let redemptions = redemptions.map(|row| style.redemption_row(row));
    let redemptions = style.write(&folder, "redemptions", Sort::Redemptions, redemptions)?;
    let roster = match at {
        0 | 3 => Some(style.write(&folder, "roster", Sort::Form(&TERM), roster(place, &code, seed, style.chinese))?),
        _ => None,
    };
    Ok(VillageFiles { code, name: place.name.to_owned(), accounts, entries, redemptions, roster })
}

/// How a village keeps a file.
#[derive(Clone, Copy)]
struct Style {
    /// Chinese headers and values, names instead of codes.
    chinese: bool,
    /// A workbook.
    xlsx: bool,
    /// CSV as old office programs save it, if not a workbook.
    gbk: bool,
}

impl Style {
    fn account_row(self, code: &OrgCode, name: &str, account: Account) -> Vec<Cell> {
        if !self.chinese {
            return cells(&Command::Account { village: code.clone(), account }).unwrap_or_default();
        }
        vec![
            Cell::text(account.account.as_str()),
            Cell::text(account.holder.zh()),
            Cell::text(account.cohort.zh()),
            Cell::text(name),
            Cell::Date(account.opened),
        ]
    }

    fn redemption_row(self, mut row: Vec<Cell>) -> Vec<Cell> {
        let station = Cell::text(town::STATION);
        for merchant in row.iter_mut().filter(|cell| self.chinese && **cell == station) {
            *merchant = Cell::text(town::STATION_NAME);
        }
        row
    }

    fn write(
        self,
        folder: &Path,
        name: &str,
        sort: Sort,
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Result<PathBuf, Refusal> {
        let headers = if self.chinese { sort.headers_zh() } else { sort.headers_en() };
        let path = folder.join(name).with_extension(if self.xlsx { "xlsx" } else { "csv" });
        if self.xlsx {
            write_xlsx(&path, if self.chinese { sort.zh() } else { sort.as_str() }, &headers, rows)?;
        } else if self.gbk {
            let text = String::from_utf8_lossy(&csv_bytes(&headers, rows)).replace('\u{feff}', "");
            std::fs::write(&path, encoding_rs::GBK.encode(&text).0).map_err(|error| disk(&path, &error))?;
        } else {
            write_csv(&path, &headers, rows)?;
        }
        Ok(path)
    }
}

/// Terms of a village's officers and volunteers.
fn roster(place: &town::Village, code: &OrgCode, seed: u64, chinese: bool) -> impl Iterator<Item = Vec<Cell>> {
    const ROLES: [&str; 5] = ["网格员", "志愿者", "志愿者", "送餐志愿者", "村规民约修订员"];
    let mut dice = Dice::new(seed, 1_000 + u64::from(place.number));
    let (number, code) = (place.number, code.clone());
    let lang = if chinese { Lang::Zh } else { Lang::En };
    (1..=40).filter_map(move |person| {
        let born = Date::constant(1950, 1, 1).checked_add(jiff::Span::new().days(dice.between(0, 18_000))).ok();
        let ended = dice.chance(10).then_some(Date::constant(2020, 12, 31));
        let values = [
            ("person", Some(format!("P{number}{person:04}").as_str().into())),
            ("household", Some(format!("H{number}{:04}", dice.between(1, 300)).as_str().into())),
            ("grid", Some(format!("{code}{:03}", dice.between(1, 6)).as_str().into())),
            ("role", Some((*dice.pick(&ROLES)).into())),
            ("sex", Some((*dice.pick(&["1", "2"])).into())),
            ("born", born.map(Value::from)),
            ("party", Some((*dice.pick(&["中共党员", "群众", "共青团员"])).into())),
            ("education", Some((*dice.pick(&["初中", "高中", "大专", "本科"])).into())),
            ("from", Some(Date::constant(2020, 1, 1).into())),
            ("to", ended.map(Value::from)),
        ];
        let values = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Row::new(&TERM, values).ok().map(|row| row_cells(Some(&code), &row, lang))
    })
}

fn make_folder(path: &Path) -> Result<(), Refusal> {
    std::fs::create_dir_all(path).map_err(|error| disk(path, &error))
}

fn disk(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new(Code::Disk, format_args!("{}: {error}", path.display()))
}
