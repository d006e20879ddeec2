//! Closing a month: its figures are frozen as rows of a bulletin, and what comes later is an adjustment that is counted
//! with the next month that is closed. So what was published never changes, and all that was published adds up to what
//! is known.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use xiangyue_protocol::forms::township::{ADJUSTMENT, CLOSE, FIGURE};
use xiangyue_protocol::forms::{Form, Row, Value};
use xiangyue_protocol::{Amend, Code, Command, Date, Month, PutRequest, Refusal};

use super::measure::Sort;
use super::{Counts, Measure};

/// One figure of a bulletin: unit, measure, class.
pub(crate) type Key = (SmolStr, Measure, SmolStr);
/// Figures of a month.
pub(crate) type Figures = BTreeMap<Key, i64>;

/// The class of what has but one.
const NO_CLASS: &str = "-";
/// Bytes of the list of villages that had not reported.
const CODES_BYTES: usize = 1024;

/// What stands for the codes that do not fit.
const MORE: &str = " …";

/// What is said of a closing beside its figures.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) month: Month,
    pub(crate) today: Date,
    /// How many villages there are.
    pub(crate) villages: usize,
    /// Codes of those that are behind.
    pub(crate) missing: Vec<SmolStr>,
    pub(crate) by: SmolStr,
    pub(crate) why: SmolStr,
}

/// What is known of a month now. `standing` adds what stands until it is changed, as it stands today.
pub(crate) fn current(counts: &Counts, month: Month, standing: bool) -> Figures {
    let mut figures = Figures::new();
    for (id, counted) in counts {
        let cells = counted.tally.cells().filter(|(cell, _)| match cell.measure.sort() {
            Sort::Happens => cell.month == Some(month),
            Sort::Stands => standing,
            Sort::Spread => false,
        });
        for (cell, many) in cells {
            let class = if cell.class.is_empty() { NO_CLASS.into() } else { cell.class.clone() };
            *figures.entry((id.org.as_str().into(), cell.measure, class)).or_default() += many;
        }
    }
    figures
}

fn bulletins<'c>(counts: &'c Counts, form: &'static Form) -> impl Iterator<Item = &'c Row> {
    counts.values().filter_map(|counted| counted.rows.as_deref()).flat_map(move |rows| rows.of(form))
}

fn key_of(row: &Row) -> Option<Key> {
    Some((row.text("unit").into(), Measure::find(row.text("measure"))?, row.text("label").into()))
}

/// What was frozen when a month was closed.
pub(crate) fn frozen(counts: &Counts, month: Month) -> Figures {
    let rows = bulletins(counts, &FIGURE).filter(|row| row.month() == Some(month));
    rows.filter_map(|row| Some((key_of(row)?, row.number("value")?))).collect()
}

/// What was adjusted of a month, in bulletins that `of` accepts.
pub(crate) fn adjusted(counts: &Counts, of: Month, bulletin: impl Fn(Month) -> bool) -> Figures {
    let mut figures = Figures::new();
    for row in bulletins(counts, &ADJUSTMENT) {
        let (Some(key), Some(value), Some(month)) = (key_of(row), row.number("value"), row.month()) else { continue };
        if row.text("of") == of.to_string() && bulletin(month) {
            *figures.entry(key).or_default() += value;
        }
    }
    figures
}

/// Months with the row that says whether they are closed.
pub(crate) fn months(counts: &Counts) -> BTreeMap<Month, &Row> {
    bulletins(counts, &CLOSE).filter_map(|row| Some((row.month()?, row))).collect()
}

fn is_closed(counts: &Counts, month: Month) -> bool {
    months(counts).get(&month).is_some_and(|row| row.text("state") == "closed")
}

/// The commands that close a month.
///
/// # Errors
/// [`Code::MonthNotOver`], [`Code::MonthClosed`].
pub(crate) fn close(counts: &Counts, closing: &Closing) -> Result<Vec<Command>, Refusal> {
    let month = closing.month;
    if month >= Month::of(closing.today) {
        return Err(Refusal::new(Code::MonthNotOver, month));
    }
    if is_closed(counts, month) {
        return Err(Refusal::new(Code::MonthClosed, month));
    }
    let mut commands = Vec::new();
    let now = current(counts, month, true);
    let before = frozen(counts, month);
    // A month that is closed again after it was reopened may have been adjusted by bulletins that stand.
    let elsewhere = adjusted(counts, month, |_| true);
    for (key, value) in with_gone(&now, before.keys().chain(elsewhere.keys())) {
        let value = value - elsewhere.get(key).copied().unwrap_or_default();
        if before.get(key) != Some(&value) {
            commands.push(put(&FIGURE, closing, key, &[], value)?);
        }
    }
    let earlier = months(counts);
    for (of, _) in earlier.iter().filter(|(of, row)| **of != month && row.text("state") == "closed") {
        let now = current(counts, *of, false);
        let published = published_flows(counts, *of, month);
        let already = adjusted(counts, *of, |bulletin| bulletin == month);
        for (key, value) in with_gone(&now, published.keys().chain(already.keys())) {
            let late = value - published.get(key).copied().unwrap_or_default();
            if late != already.get(key).copied().unwrap_or_default() {
                commands.push(put(&ADJUSTMENT, closing, key, &[("of", Value::from(*of))], late)?);
            }
        }
    }
    commands.push(state(closing, "closed")?);
    Ok(commands)
}

/// The command that opens a closed month again.
///
/// # Errors
/// [`Code::MonthOpen`].
pub(crate) fn reopen(counts: &Counts, closing: &Closing) -> Result<Vec<Command>, Refusal> {
    if !is_closed(counts, closing.month) {
        return Err(Refusal::new(Code::MonthOpen, closing.month));
    }
    Ok(vec![state(closing, "reopened")?])
}

/// What has been published of what happened in a month, in all bulletins but one.
fn published_flows(counts: &Counts, of: Month, but: Month) -> Figures {
    let mut published = frozen(counts, of);
    // What stands until it is changed is as it was on the day of closing, and is never adjusted.
    published.retain(|(_, measure, _), _| measure.sort() == Sort::Happens);
    for (key, value) in adjusted(counts, of, |bulletin| bulletin != but) {
        *published.entry(key).or_default() += value;
    }
    published
}

/// The figures as they are now, and as zero those that were there before.
fn with_gone<'f>(now: &'f Figures, before: impl Iterator<Item = &'f Key>) -> BTreeMap<&'f Key, i64> {
    let gone = before.filter(|key| !now.contains_key(*key)).map(|key| (key, 0));
    now.iter().map(|(key, value)| (key, *value)).chain(gone).collect()
}

fn put(
    form: &'static Form,
    closing: &Closing,
    (unit, measure, class): &Key,
    further: &[(&'static str, Value)],
    value: i64,
) -> Result<Command, Refusal> {
    let values = [
        ("month", Value::from(closing.month)),
        ("unit", Value::from(unit.clone())),
        ("measure", Value::from(measure.as_str())),
        ("label", Value::from(class.clone())),
        ("value", Value::from(value)),
    ];
    command(closing, Row::new(form, values.into_iter().chain(further.iter().cloned()))?)
}

fn state(closing: &Closing, state: &'static str) -> Result<Command, Refusal> {
    let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
    let codes = listed(&closing.missing);
    let values = [
        ("month", Value::from(closing.month)),
        ("date", Value::from(closing.today)),
        ("state", Value::from(state)),
        ("villages", number(closing.villages)),
        ("missing", number(closing.missing.len())),
    ];
    let codes = (!codes.is_empty()).then(|| ("missing_codes", Value::from(codes.as_str())));
    command(closing, Row::new(&CLOSE, values.into_iter().chain(codes))?)
}

/// As many of these codes as fit, each whole, and dots if there are more.
fn listed(missing: &[SmolStr]) -> String {
    let mut codes = String::new();
    for code in missing {
        if codes.len() + code.len() + 1 + MORE.len() > CODES_BYTES {
            return codes + MORE;
        }
        if !codes.is_empty() {
            codes.push(' ');
        }
        codes.push_str(code);
    }
    codes
}

fn command(closing: &Closing, row: Row) -> Result<Command, Refusal> {
    let row = row.entered(closing.by.clone(), closing.why.clone());
    Ok(Command::Put(PutRequest { village: None, row, amend: Amend::Latest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_of_a_missing_village_is_cut() {
        let code = |n: usize| SmolStr::new(format!("370724100{n:03}"));
        let few: Vec<SmolStr> = (1..=3).map(code).collect();
        assert_eq!(listed(&few), "370724100001 370724100002 370724100003");
        let many: Vec<SmolStr> = (1..=350).map(code).collect();
        let listed = listed(&many);
        let (codes, more) = listed.rsplit_once(' ').unwrap();
        assert!(listed.len() <= CODES_BYTES && more == "…", "{listed}");
        assert!(codes.split(' ').all(|code| many.iter().any(|known| known == code)), "{codes}");
    }
}
