//! One version of one record of a form.

use smol_str::SmolStr;

use super::field::{Type, Value};
use super::{Form, find};
use crate::error::{Code, Refusal};
use crate::record::Record;
use crate::time::{Date, Month, parse_date};

/// One version of one record of a form. Its values keep to the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    form: &'static Form,
    values: Box<[Option<Value>]>,
    /// Which version of the record, from 1.
    pub version: u32,
    /// Code of the clerk who entered it.
    pub by: SmolStr,
    /// Why it was corrected or withdrawn, for people.
    pub why: SmolStr,
    /// Whether the record is withdrawn by this version.
    pub void: bool,
}

impl Row {
    /// A first version with these values.
    ///
    /// # Errors
    /// What is missing, unknown or wrong, naming the column.
    pub fn new<'v>(form: &'static Form, values: impl IntoIterator<Item = (&'v str, Value)>) -> Result<Row, Refusal> {
        let mut row = Row::blank(form);
        for (name, value) in values {
            let at =
                form.at(name).ok_or_else(|| Refusal::new(Code::UnknownField, format_args!("{}.{name}", form.name)))?;
            row.values[at] = Some(value);
        }
        row.check()?;
        Ok(row)
    }

    fn blank(form: &'static Form) -> Row {
        let values = vec![None; form.fields.len()].into();
        Row { form, values, version: 1, by: SmolStr::default(), why: SmolStr::default(), void: false }
    }

    /// The same, as this version of its record.
    #[must_use]
    pub fn at(self, version: u32) -> Row {
        Row { version, ..self }
    }

    /// The same, entered by this clerk for this reason.
    #[must_use]
    pub fn entered(self, by: SmolStr, why: SmolStr) -> Row {
        Row { by, why, ..self }
    }

    /// The same, withdrawing its record.
    #[must_use]
    pub fn withdrawn(self) -> Row {
        Row { void: true, ..self }
    }

    /// Checks every value and the form's own rule.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        for (field, value) in self.form.fields.iter().zip(&self.values) {
            let name = || format!("{} {}", field.zh, field.name);
            match value {
                Some(value) => field.of.check(value).map_err(|r| r.about(name()))?,
                None if field.required => return Err(Refusal::new(Code::MissingValue, name())),
                None => {}
            }
        }
        (self.form.check)(self)
    }

    /// Refuses a date that has not come yet in a column for what has happened.
    pub(crate) fn check_past(&self, today: Date) -> Result<(), Refusal> {
        let past = self.form.fields.iter().filter(|field| field.of == Type::Past);
        for field in past {
            if let Some(date) = self.date(field.name)
                && date > today
            {
                let detail = format_args!("{} {}: {date} > {today}", field.zh, field.name);
                return Err(Refusal::new(Code::FutureDate, detail));
            }
        }
        Ok(())
    }

    /// Its form.
    pub fn form(&self) -> &'static Form {
        self.form
    }

    /// What stands in a column.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.form.at(name);
        debug_assert!(at.is_some(), "{} has no column {name}", self.form.name);
        self.values[at?].as_ref()
    }

    /// A text, code or word; empty when the column is.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A number or amount.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A date.
    pub fn date(&self, name: &str) -> Option<Date> {
        parse_date(self.text(name)).ok()
    }

    /// Whether a column says yes.
    pub fn yes(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    /// The month in which it lies: of the column that dates it.
    pub fn month(&self) -> Option<Month> {
        let field = self.form.fields.iter().find(|field| field.dates)?;
        match field.of {
            Type::Month => self.text(field.name).parse().ok(),
            Type::Number(..) => Month::new(u16::try_from(self.number(field.name)?).ok()?, 1),
            _ => self.date(field.name).map(Month::of),
        }
    }

    /// Whether it is a petition that accuses somebody, which the accused unit's node never holds.
    pub fn is_accusation(&self) -> bool {
        self.form.at("class").is_some() && self.text("class") == "accusation"
    }

    /// The values with their columns.
    pub fn values(&self) -> impl Iterator<Item = (&'static super::Field, Option<&Value>)> {
        self.form.fields.iter().zip(self.values.iter().map(Option::as_ref))
    }

    /// The key of the record, of which it is one version: the key's values, separated by `/`.
    pub fn key(&self) -> String {
        let parts = self.values().filter(|(field, _)| field.key);
        parts.filter_map(|(_, value)| value.map(Value::to_string)).collect::<Vec<_>>().join("/")
    }

    /// First eight bytes of the BLAKE3 hash of what it says, without who says it and which version it is.
    pub(crate) fn content(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        for (field, value) in self.values() {
            if let Some(value) = value {
                let text = value.to_string();
                hasher.update(field.name.as_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
            }
        }
        hasher.update(&[u8::from(self.void)]);
        crate::doc::first_eight(&hasher)
    }

    /// As a record.
    pub fn to_record(&self) -> Record {
        let key = format!("{}/{}/{}", self.form.name, self.key(), self.version);
        let mut record = Record::new(key, self.form.name);
        for (field, value) in self.values() {
            if let Some(value) = value {
                record.fields.push((SmolStr::new_static(field.name), value.to_scalar()));
            }
        }
        record = record.int("version", self.version.into()).text("by", self.by.clone()).text("why", self.why.clone());
        if self.void { record.text("void", "yes") } else { record }
    }

    /// From a record; none if it is of no form, or not a whole row. Fields that this version does not know are skipped.
    pub fn from_record(record: &Record) -> Option<Row> {
        let form = find(record.kind()).filter(|form| form.name == record.kind())?;
        let mut row = Row::blank(form);
        for (at, field) in form.fields.iter().enumerate() {
            row.values[at] = match field.of {
                Type::Number(..) | Type::Fen => record.get_int(field.name).map(Value::Number),
                _ => record.get_text(field.name).cloned().map(Value::Text),
            };
        }
        row.version = u32::try_from(record.get_int("version")?).ok().filter(|version| *version > 0)?;
        row.by = record.get_text("by").cloned().unwrap_or_default();
        row.why = record.get_text("why").cloned().unwrap_or_default();
        row.void = record.get_text("void").is_some();
        row.check().ok()?;
        Some(row)
    }
}
