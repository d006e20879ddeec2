//! Lines of a redemption: what was had, by persons of which age (article L7, L11).
//!
//! As text a line is `option@age*persons=points`, where `@age` is left out for no age, `*persons` for one person. A
//! record holds them under `lines`, separated by `;`. Where people type, `×` is as good as `*`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Points;
use crate::error::{Code, Refusal};

/// Most lines of one redemption.
pub const LINES: usize = 8;
/// Longest option, in bytes.
const OPTION_BYTES: usize = 32;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The option of the item, as in its price list.
    pub option: SmolStr,
    /// The age from which on the price is asked for; 0: none.
    #[serde(default)]
    pub age: u16,
    /// For so many persons.
    #[serde(default = "one")]
    pub persons: u16,
    /// All of it; 0 until the node has found it.
    #[serde(default)]
    pub points: Points,
}

fn one() -> u16 {
    1
}

impl Line {
    /// Whether it can be written and read back.
    ///
    /// # Errors
    /// [`Code::MissingValue`], [`Code::TooLong`], [`Code::BadValue`] or [`Code::BadNumber`].
    pub fn check(&self) -> Result<(), Refusal> {
        check_option(&self.option)?;
        if self.persons == 0 || self.age > 150 || self.points < Points::ZERO {
            return Err(Refusal::new(Code::BadNumber, self));
        }
        Ok(())
    }
}

/// Whether a line can name this option.
///
/// # Errors
/// [`Code::MissingValue`], [`Code::TooLong`] or [`Code::BadValue`].
pub(crate) fn check_option(option: &str) -> Result<(), Refusal> {
    let apart = |c: char| c.is_control() || c.is_whitespace() || "@*×=;/".contains(c);
    match option {
        "" => Err(Refusal::new(Code::MissingValue, "规格 option")),
        _ if option.len() > OPTION_BYTES => Err(Refusal::new(Code::TooLong, "规格 option")),
        _ if option.contains(apart) => Err(Refusal::new(Code::BadValue, option.escape_debug())),
        _ => Ok(()),
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.option)?;
        if self.age > 0 {
            write!(f, "@{}", self.age)?;
        }
        if self.persons != 1 {
            write!(f, "*{}", self.persons)?;
        }
        if self.points != Points::ZERO { write!(f, "={}", self.points) } else { Ok(()) }
    }
}

impl FromStr for Line {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Line, Refusal> {
        let number = |part: Option<&str>, otherwise: u16| match part {
            Some(part) => part.trim().parse().map_err(|_| Refusal::new(Code::BadNumber, part.escape_debug())),
            None => Ok(otherwise),
        };
        let (rest, points) = cut(text, &['=']);
        let (rest, persons) = cut(rest, &['*', '×']);
        let (option, age) = cut(rest, &['@']);
        let points = match points {
            Some(points) => Points::parse_entry(points.trim())?,
            None => Points::ZERO,
        };
        let line = Line { option: option.into(), age: number(age, 0)?, persons: number(persons, 1)?, points };
        line.check().map(|()| line)
    }
}

fn cut<'t>(text: &'t str, at: &[char]) -> (&'t str, Option<&'t str>) {
    match text.split_once(at) {
        Some((before, after)) => (before.trim(), Some(after)),
        None => (text.trim(), None),
    }
}

/// Lines as one text; empty of none.
pub fn lines_text(lines: &[Line]) -> String {
    lines.iter().map(Line::to_string).collect::<Vec<_>>().join(";")
}

/// Lines from one text.
///
/// # Errors
/// Those of [`Line`]; [`Code::TooLong`] beyond [`LINES`].
pub fn parse_lines(text: &str) -> Result<Vec<Line>, Refusal> {
    let parts = text.split(';').filter(|part| !part.trim().is_empty());
    if parts.clone().count() > LINES {
        return Err(Refusal::new(Code::TooLong, format_args!("> {LINES} 行 lines")));
    }
    parts.map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for text in ["long", "long@60", "long@60*2=176", "长发-植物*3", "x=5"] {
            assert_eq!(text.parse::<Line>().unwrap().to_string(), text);
        }
        let lines = parse_lines(" long @ 60 * 1 = 88; short ;").unwrap();
        assert_eq!(lines_text(&lines), "long@60=88;short");
        for (text, code) in [
            ("", Code::MissingValue),
            ("@60", Code::MissingValue),
            ("long@old", Code::BadNumber),
            ("long*0", Code::BadNumber),
            ("long=-5", Code::BadNumber),
            ("a b", Code::BadValue),
        ] {
            assert_eq!(text.parse::<Line>().unwrap_err().code(), code, "{text}");
        }
        assert_eq!(parse_lines(&"a;".repeat(9)).unwrap_err().code(), Code::TooLong);
    }
}
