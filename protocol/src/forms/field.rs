//! Columns of forms: what may stand in them.

use automerge::ScalarValue;
use smol_str::SmolStr;

use crate::error::{Code, Refusal};
use crate::org::{Level, OrgCode};
use crate::record::limits;
use crate::time::{Date, Month, parse_date};

/// A column of a form.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name: in records, in English files and in commands.
    pub name: &'static str,
    /// Its header in Chinese files.
    pub zh: &'static str,
    /// Other spellings that are understood in files, separated by spaces.
    pub also: &'static str,
    /// What may stand in it.
    pub of: Type,
    /// Whether it must be filled in.
    pub required: bool,
    /// Whether it is part of the key.
    pub key: bool,
    /// Whether it says in which year's or month's document a row lies.
    pub dates: bool,
}

impl Field {
    /// A column that may be left empty.
    pub(super) const fn may(name: &'static str, zh: &'static str, of: Type) -> Field {
        Field { name, zh, also: "", of, required: false, key: false, dates: false }
    }

    /// A column that must be filled in.
    pub(super) const fn need(name: &'static str, zh: &'static str, of: Type) -> Field {
        Field { required: true, ..Field::may(name, zh, of) }
    }

    /// A column of the key.
    pub(super) const fn key(name: &'static str, zh: &'static str, of: Type) -> Field {
        Field { key: true, ..Field::need(name, zh, of) }
    }

    /// The same, saying in which document a row lies.
    pub(super) const fn dating(self) -> Field {
        Field { dates: true, ..self }
    }

    /// The same, with further spellings.
    pub(super) const fn also(self, also: &'static str) -> Field {
        Field { also, ..self }
    }
}

/// What may stand in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text of at most so many bytes, without control characters but line breaks.
    Text(usize),
    /// Text on one line of at most so many bytes, without control characters or `/`: fit for a key.
    Label(usize),
    /// A code or number of a slip, at most 32 bytes, without white space or `/`.
    Code,
    /// As [`Type::Code`], of at most so many bytes.
    Key(usize),
    /// The pseudonymous code of a person or household, as [`Type::Code`]; never a name.
    Person,
    /// An organisation of this level: its code.
    Org(Level),
    /// A date, not after the day on which it is entered.
    Past,
    /// Any date.
    Day,
    /// A month.
    Month,
    /// A whole number from … to ….
    Number(i64, i64),
    /// An amount in fen, zero or more.
    Fen,
    /// One of these words.
    One(&'static [Word]),
}

/// A word that a column offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// As stored, and in English files.
    pub name: &'static str,
    /// In Chinese files.
    pub zh: &'static str,
    /// Other spellings that are understood in files, in lower case, separated by spaces.
    pub also: &'static str,
}

impl Word {
    /// The same, with further spellings.
    pub(super) const fn also(self, also: &'static str) -> Word {
        Word { also, ..self }
    }

    /// Whether a text in lower case means it.
    pub fn is_spelled(&self, text: &str) -> bool {
        self.name == text || self.zh == text || self.also.split(' ').any(|also| !also.is_empty() && also == text)
    }
}

/// Declares a word.
pub(super) const fn word(name: &'static str, zh: &'static str) -> Word {
    Word { name, zh, also: "" }
}

/// Yes or no, also by the marks that people make.
pub(super) const YES_NO: Type =
    Type::One(&[word("yes", "是").also("y true √ ✓ ✔ 有 对"), word("no", "否").also("n false × ✗ ✘ 无")]);

/// The most that an amount may be, in fen: ten billion yuan.
const FEN_MAX: i64 = 1_000_000_000_000;
/// Bytes of a code.
const CODE_BYTES: usize = 32;

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text, code, date, month or word.
    Text(SmolStr),
    /// A number or amount.
    Number(i64),
}

impl Value {
    pub(crate) fn to_scalar(&self) -> ScalarValue {
        match self {
            Value::Text(text) => ScalarValue::Str(text.clone()),
            Value::Number(number) => ScalarValue::Int(*number),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Number(number) => write!(f, "{number}"),
        }
    }
}

impl From<Date> for Value {
    fn from(date: Date) -> Value {
        Value::Text(SmolStr::new(date.to_string()))
    }
}

impl From<Month> for Value {
    fn from(month: Month) -> Value {
        Value::Text(SmolStr::new(month.to_string()))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<SmolStr> for Value {
    fn from(text: SmolStr) -> Value {
        Value::Text(text)
    }
}

impl Type {
    /// Whether this may stand in the column, in the form in which it is stored.
    ///
    /// # Errors
    /// What is wrong with it, without the text itself where that could be a person's name.
    pub fn check(self, value: &Value) -> Result<(), Refusal> {
        let bad = |code| Refusal::new(code, value);
        match (self, value) {
            (Type::Number(least, most), Value::Number(number)) if (least..=most).contains(number) => Ok(()),
            (Type::Number(least, most), _) => {
                Err(Refusal::new(Code::BadNumber, format_args!("{value} ({least}–{most})")))
            }
            (Type::Fen, Value::Number(0..=FEN_MAX)) => Ok(()),
            (Type::Fen, _) => Err(bad(Code::BadNumber)),
            (_, Value::Number(_)) => Err(bad(Code::BadValue)),
            (Type::Text(most), Value::Text(text)) => check_text(text, most),
            (Type::Label(_), Value::Text(text)) if text.contains(['\n', '/']) => Err(bad(Code::BadValue)),
            (Type::Label(most), Value::Text(text)) => check_text(text, most),
            (Type::Code | Type::Person, Value::Text(text)) => check_code(text, CODE_BYTES),
            (Type::Key(most), Value::Text(text)) => check_code(text, most),
            (Type::Org(level), Value::Text(text)) => match text.parse::<OrgCode>() {
                Ok(org) if org.level() == level && org.as_str() == text => Ok(()),
                _ => Err(bad(Code::BadOrgCode)),
            },
            (Type::Past | Type::Day, Value::Text(text)) => parse_date(text).map(|_| ()),
            (Type::Month, Value::Text(text)) => text.parse::<Month>().map(|_| ()),
            (Type::One(words), Value::Text(text)) => {
                let known = words.iter().any(|word| word.name == text);
                if known { Ok(()) } else { Err(bad(Code::BadValue)) }
            }
        }
    }

    /// The most bytes that it takes in a record's key.
    #[cfg(test)]
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Type::Text(most) | Type::Label(most) | Type::Key(most) => most,
            Type::Code | Type::Person => CODE_BYTES,
            Type::Org(_) => 15,
            Type::Past | Type::Day => 10,
            Type::Month => 7,
            Type::Number(..) | Type::Fen => 13,
            Type::One(words) => words.iter().map(|word| word.name.len()).max().unwrap_or(0),
        }
    }
}

fn check_code(text: &str, most: usize) -> Result<(), Refusal> {
    if text.len() > most {
        return Err(Refusal::new(Code::TooLong, format_args!("{} > {most}", text.len())));
    }
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
        return Err(Refusal::new(Code::BadValue, text.escape_debug()));
    }
    Ok(())
}

fn check_text(text: &str, most: usize) -> Result<(), Refusal> {
    let most = most.min(limits::VALUE_BYTES);
    if text.len() > most {
        return Err(Refusal::new(Code::TooLong, format_args!("{} > {most}", text.len())));
    }
    let hidden = |c: char| c.is_control() && c != '\n';
    if text.is_empty() || text.chars().any(hidden) {
        return Err(Refusal::new(Code::BadValue, "control character / 控制字符"));
    }
    Ok(())
}
