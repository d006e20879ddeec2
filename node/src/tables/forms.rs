//! Rows of forms: what may stand in a cell by the type of its column, the command that a row stands for, and back.

use smol_str::SmolStr;
use xiangyue_protocol::forms::{Field, Form, Row, Type, Value, Word};
use xiangyue_protocol::schema::ledger;
use xiangyue_protocol::{Code, Command, Level, Month, OrgCode, PutRequest, Refusal};

use super::columns::Column;
use super::judge::{Context, Fields};
use super::rows::{mangled, person_code, too_long, words};
use super::{Cell, decimal, value};
use crate::border;
use crate::i18n::Lang;

/// The command that a row of a form stands for; none when a problem was noted.
pub(super) fn put(fields: &mut Fields<'_>, form: &'static Form) -> Option<Command> {
    let context = fields.context;
    let village = fields.may(Column::Village, |text| context.names.village(text));
    let given = given(fields, form);
    let by = said(fields, Column::By, context.put.by, ledger::BY_BYTES);
    let why = said(fields, Column::Why, context.put.why, ledger::MEMO_BYTES);
    let village = village?.or_else(|| context.put.village.cloned());
    let values = completed(fields, form, village.as_ref(), given?)?;
    let row = Row::new(form, values).map_err(|refusal| note_form(fields, form, refusal)).ok()?;
    let row = row.entered(by?, why?);
    let row = if context.put.withdraw { row.withdrawn() } else { row };
    Some(Command::Put(PutRequest { village, row, amend: context.put.amend }))
}

/// What the row says, or what is said for all rows.
fn said(fields: &mut Fields<'_>, column: Column, all: &str, most: usize) -> Option<SmolStr> {
    match fields.may(column, |text| words(text, most))? {
        Some(own) => Some(own),
        None => words(value::trimmed(all), most).map_err(|refusal| fields.note(column, refusal)).ok(),
    }
}

/// Values by the names of their columns.
type Values = Vec<(&'static str, Value)>;

/// The values that the row gives; none when one of them is bad or missing. A correction may leave columns out.
fn given(fields: &mut Fields<'_>, form: &'static Form) -> Option<Values> {
    let (context, epoch_1904) = (fields.context, fields.epoch_1904());
    let (mut values, mut good) = (Vec::with_capacity(form.fields.len()), true);
    for field in form.fields {
        let column = Column::Of(field);
        if context.put.corrects() && !field.key && !fields.has(column) {
            continue;
        }
        let parse = |text: &str| value_of(field.of, text, context, epoch_1904);
        let read = if field.required { fields.need(column, parse).map(Some) } else { fields.may(column, parse) };
        match read {
            Some(value) => values.extend(value.map(|value| (field.name, value))),
            None => good = false,
        }
    }
    good.then_some(values)
}

/// The same with the columns that a correction left out as they stand now.
fn completed(
    fields: &mut Fields<'_>,
    form: &'static Form,
    village: Option<&OrgCode>,
    mut values: Values,
) -> Option<Values> {
    let put = &fields.context.put;
    let left_out = form.fields.iter().filter(|field| !field.key && !fields.has(Column::Of(field)));
    let left_out: Vec<&'static Field> = left_out.collect();
    if !put.corrects() || left_out.is_empty() {
        return Some(values);
    }
    let keys = form.key().filter_map(|field| values.iter().find(|(name, _)| *name == field.name));
    let key = keys.map(|(_, value)| value.to_string()).collect::<Vec<_>>().join("/");
    let latest = (put.known)(form, village, &key).map_err(|refusal| fields.note_row(refusal)).ok()?;
    let mut good = true;
    for field in left_out {
        let mut versions = latest.iter().map(|row| row.get(field.name));
        let first = versions.next().flatten();
        if latest.is_empty() && field.required {
            let refusal = match put.withdraw {
                true => Refusal::new(Code::UnknownRow, format_args!("{} {key}", form.name)),
                false => Refusal::new(Code::MissingValue, field.name),
            };
            fields.note(Column::Of(field), refusal);
            good = false;
            if put.withdraw {
                break;
            }
        } else if !put.withdraw && versions.any(|other| other != first) {
            let said =
                latest.iter().map(|row| row.get(field.name).map_or(String::new(), |v| shown(field.of, v, Lang::Zh)));
            let said = said.collect::<Vec<_>>().join(" ≠ ");
            fields.note(Column::Of(field), Refusal::new(Code::UndecidedColumn, format_args!("{}: {said}", field.zh)));
            good = false;
        } else {
            values.extend(first.map(|value| (field.name, value.clone())));
        }
    }
    good.then_some(values)
}

/// Notes what the form itself says of a row whose cells are good one by one, at the column that it names.
fn note_form(fields: &mut Fields<'_>, form: &'static Form, refusal: Refusal) {
    let named = |field: &&Field| refusal.detail().starts_with(&format!("{} {}", field.zh, field.name));
    let last = || form.field("to").filter(|_| refusal.code() == Code::EndsBefore);
    match form.fields.iter().find(named).or_else(last) {
        Some(field) => fields.note(Column::Of(field), refusal),
        None => fields.note_row(refusal),
    }
}

/// What a text stands for in a column of this type.
///
/// # Errors
/// What is wrong with it, for people; no name and no citizen id is echoed.
pub fn value_of(of: Type, text: &str, context: &Context<'_>, epoch_1904: bool) -> Result<Value, Refusal> {
    let org = |org: OrgCode| Value::from(org.as_str());
    let value = match of {
        Type::Text(most) => Value::from(lines(text, most)?),
        Type::Label(most) => Value::from(words(value::trimmed(text), most)?),
        Type::Code | Type::Key(_) => Value::from(code(text)?),
        Type::Person => Value::from(person_code(text, context)?),
        Type::Org(Level::Village) => org(context.names.village(text)?),
        Type::Org(Level::Merchant) => org(context.names.merchant(text)?),
        Type::Org(_) => Value::from(code(text)?),
        Type::Past => {
            let date = value::date(text, epoch_1904)?;
            if date > context.today {
                return Err(Refusal::new(Code::FutureDate, format_args!("{date} > {}", context.today)));
            }
            Value::from(date)
        }
        Type::Day => Value::from(value::date(text, epoch_1904)?),
        Type::Month => Value::from(month(text, epoch_1904)?),
        Type::Number(least, most) => {
            let hint = format_args!("{least}–{most}");
            let number = value::number(text).ok_or_else(|| value::refuse_with(Code::BadNumber, text, hint))?;
            Value::from(number)
        }
        Type::Fen => Value::from(fen(text)?),
        Type::One(words) => Value::from(word(text, words)?),
    };
    of.check(&value).map_err(|refusal| match refusal.code() {
        // The type's own refusal may echo more of the cell than may be shown.
        code @ (Code::BadValue | Code::BadOrgCode) => value::refuse(code, text),
        _ => refusal,
    })?;
    Ok(value)
}

/// A code in half-width characters.
fn code(text: &str) -> Result<SmolStr, Refusal> {
    let folded = value::half_width(text);
    if value::is_mangled(&folded) {
        return Err(mangled(text));
    }
    border::unlike_citizen(&folded)?;
    Ok(SmolStr::new(folded))
}

/// Free text, lines kept, citizen ids masked.
fn lines(text: &str, most: usize) -> Result<SmolStr, Refusal> {
    let text = value::trimmed(text).replace("\r\n", "\n").replace(['\r', '\t'], " ");
    if text.len() > most { Err(too_long(&text, most)) } else { Ok(border::masked(&text)) }
}

/// A month as people write it: `2021-04`, `2021/4`, `2021.4`, `2021年4月`, `202104`, or a day in it.
fn month(text: &str, epoch_1904: bool) -> Result<Month, Refusal> {
    let folded = value::half_width(text);
    let plain = folded.trim_end_matches('份').trim_end_matches('月');
    let parts = match plain.split_once(['-', '/', '.', '年']) {
        None if plain.len() == 6 && plain.is_ascii() => Some(plain.split_at(4)),
        parts => parts,
    };
    let digits = |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if let Some((year, month)) = parts.filter(|(year, month)| year.len() == 4 && digits(year, 4) && digits(month, 2)) {
        let month = format!("{year}-{month:0>2}").parse();
        return month.map_err(|refusal: Refusal| value::refuse(refusal.code(), text));
    }
    value::date(text, epoch_1904).map(Month::of)
}

/// An amount in yuan with at most two decimals, as fen: `12.50`, `1,234.5`, `￥80`, `80元`.
fn fen(text: &str) -> Result<i64, Refusal> {
    let refuse = || value::refuse_with(Code::BadNumber, text, "元 yuan: 12.50");
    let folded = value::half_width(text);
    let plain = folded.trim_start_matches(['¥', '￥']).trim_end_matches('元').trim();
    let (whole, cents) = plain.split_once('.').unwrap_or((plain, ""));
    let cents = cents.trim_end_matches('0');
    if whole.starts_with(['-', '+']) || cents.len() > 2 || !cents.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    let whole = value::number(whole).ok_or_else(refuse)?;
    let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| refuse())?;
    whole.checked_mul(100).and_then(|fen| fen.checked_add(cents)).ok_or_else(refuse)
}

/// One of the words, in either language and any case.
fn word(text: &str, words: &'static [Word]) -> Result<&'static str, Refusal> {
    let folded = value::half_width(text).to_lowercase();
    let found = words.iter().find(|word| word.is_spelled(&folded));
    let allowed = || words.iter().map(|word| format!("{} {}", word.zh, word.name)).collect::<Vec<_>>().join(" / ");
    found.map(|word| word.name).ok_or_else(|| value::refuse_with(Code::BadValue, text, allowed()))
}

/// A value as people read and write it in this language.
pub fn shown(of: Type, value: &Value, lang: Lang) -> String {
    match (of, value) {
        (Type::Fen, Value::Number(fen)) => decimal(*fen, 2, |yuan| yuan.to_string()),
        (Type::One(words), Value::Text(text)) => {
            let word = words.iter().find(|word| word.name == text);
            word.map_or(text.as_str(), |word| lang.pick(word.zh, word.name)).to_owned()
        }
        _ => value.to_string(),
    }
}

/// A row as cells under [`super::Sort::headers_en`] or `headers_zh`, its words in this language.
pub fn row_cells(village: Option<&OrgCode>, row: &Row, lang: Lang) -> Vec<Cell> {
    let of = |column: Column| match column {
        Column::Village => village.map_or(Cell::Empty, |village| Cell::text(village.as_str())),
        Column::By => Cell::Text(row.by.clone()),
        Column::Why => Cell::Text(row.why.clone()),
        Column::Of(field) => row.get(field.name).map_or(Cell::Empty, |value| cell(field.of, value, lang)),
        _ => Cell::Empty,
    };
    super::Sort::Form(row.form()).columns().map(of).collect()
}

fn cell(of: Type, value: &Value, lang: Lang) -> Cell {
    match (of, value) {
        (Type::Fen, Value::Number(fen)) => Cell::Decimal(*fen, 2),
        (_, Value::Number(number)) => Cell::Number(*number),
        (Type::Past | Type::Day, Value::Text(text)) => match value::date(text, false) {
            Ok(date) => Cell::Date(date),
            Err(_) => Cell::Text(text.clone()),
        },
        _ => Cell::text(shown(of, value, lang)),
    }
}

#[cfg(test)]
mod tests;
