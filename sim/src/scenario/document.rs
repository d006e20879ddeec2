//! The text of a scenario file, before it means anything: parsing, values put over it, and where an error is.
//!
//! A person who mistypes a key must read which file, which line, which key, what is allowed and which key is
//! nearest. Values put over the file (`--set`, points of a sweep) go into the parsed table, so they are checked
//! by the same rules as the file itself.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// What is wrong with a scenario, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or where else the value came from.
    pub origin: String,
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The key, with dots.
    pub key: String,
    /// What is wrong, what is allowed.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Problem {}

/// A value put over the one in the file: the path of its key, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// With dots, such as `topology.villages` or `fault.road.lasts`.
    pub key: String,
    /// As TOML.
    pub value: toml::Value,
}

impl std::str::FromStr for Set {
    type Err = String;

    /// Reads `key=value`; a value that is no TOML is taken as text, so `5ms` needs no quotes.
    fn from_str(text: &str) -> Result<Set, String> {
        let (key, value) = text.split_once('=').ok_or("expected key=value, such as topology.villages=12")?;
        let (key, value) = (key.trim(), value.trim());
        let parsed = format!("it = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("it"));
        Ok(Set { key: key.to_owned(), value: parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())) })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            toml::Value::String(text) => write!(f, "{}={text}", self.key),
            value => write!(f, "{}={value}", self.key),
        }
    }
}

/// The text of one file.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is called in messages.
    pub name: String,
    /// What it says.
    pub text: String,
}

impl Document {
    /// Reads the file, then puts each value over it in turn.
    ///
    /// # Errors
    /// Where the file or a value is wrong.
    pub fn read<T: DeserializeOwned>(&self, sets: &[Set]) -> Result<T, Problem> {
        let values: Vec<String> = sets.iter().map(|set| set.value.to_string()).collect();
        let mut table = self.table()?;
        let mut read = decode::<T>(&table).map_err(|error| self.explain(&table, &error))?;
        for (set, value) in sets.iter().zip(&values) {
            let wrong = |what: String| Problem { origin: set.to_string(), line: None, key: String::new(), what };
            let value = DeValue::parse(value).map_err(|error| wrong(one_line(error.message())))?;
            put(table.get_mut(), &set.key, value).map_err(&wrong)?;
            read = decode(&table).map_err(|error| wrong(with_nearest(error.message())))?;
        }
        Ok(read)
    }

    /// A problem with the value of a key that stands in the file.
    pub fn problem(&self, key: &str, what: String) -> Problem {
        let at = self.table().ok().and_then(|table| find(table.get_ref(), key).map(|span| span.start));
        Problem { origin: self.name.clone(), line: at.map(|at| self.line(at)), key: key.to_owned(), what }
    }

    fn table(&self) -> Result<Spanned<DeTable<'_>>, Problem> {
        DeTable::parse(&self.text).map_err(|error| Problem {
            origin: self.name.clone(),
            line: error.span().map(|span| self.line(span.start)),
            key: String::new(),
            what: one_line(error.message()),
        })
    }

    fn line(&self, at: usize) -> usize {
        self.text[..self.text.floor_char_boundary(at)].matches('\n').count() + 1
    }

    fn explain(&self, table: &Spanned<DeTable<'_>>, error: &toml::de::Error) -> Problem {
        let key = error.span().map(|span| key_at(table.get_ref(), &span)).unwrap_or_default();
        let line = error.span().map(|span| self.line(span.start));
        Problem { origin: self.name.clone(), line, key, what: with_nearest(error.message()) }
    }
}

fn decode<T: DeserializeOwned>(table: &Spanned<DeTable<'_>>) -> Result<T, toml::de::Error> {
    T::deserialize(Deserializer::from(table.clone()))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The span of the key at a path; of what it is missing in, if it is not there.
fn find(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    // In quotes a key may have dots.
    if let Some((key, _)) = table.get_key_value(path) {
        return Some(key.span());
    }
    let (head, rest) = path.split_once('.')?;
    let (key, value) = table.get_key_value(head)?;
    match (rest, value.get_ref()) {
        (rest, DeValue::Table(inner)) => find(inner, rest).or_else(|| Some(key.span())),
        (rest, DeValue::Array(items)) => {
            let (item, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let item = items.get(item_position(items, item)?)?;
            match item.get_ref() {
                DeValue::Table(inner) if !rest.is_empty() => find(inner, rest).or_else(|| Some(item.span())),
                _ => Some(item.span()),
            }
        }
        _ => None,
    }
}

/// The path of the deepest key whose own span or whose value's lies around this one.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> String {
    let around = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    for (key, value) in table {
        let below = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, span),
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .filter_map(|(n, item)| match item.get_ref() {
                    DeValue::Table(inner) => Some((n, key_at(inner, span))).filter(|(_, key)| !key.is_empty()),
                    _ => None,
                })
                .map(|(n, key)| format!("{}.{key}", n + 1))
                .next()
                .unwrap_or_default(),
            _ => String::new(),
        };
        if !below.is_empty() {
            return format!("{}.{below}", key.get_ref());
        }
        if around(key.span()) || around(value.span()) {
            return key.get_ref().to_string();
        }
    }
    String::new()
}

/// The place of an item that is named so, or counted so from 1.
fn item_position(items: &[Spanned<DeValue<'_>>], item: &str) -> Option<usize> {
    let name = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(table) => table.get("name").and_then(|name| name.get_ref().as_str().map(str::to_owned)),
        _ => None,
    };
    let named = items.iter().position(|value| name(value).as_deref() == Some(item));
    named.or_else(|| item.parse::<usize>().ok()?.checked_sub(1).filter(|n| *n < items.len()))
}

/// Puts a value at a path; tables on the way are made, items of lists must be there.
fn put<'t>(table: &mut DeTable<'t>, path: &'t str, value: Spanned<DeValue<'t>>) -> Result<(), String> {
    let Some((head, rest)) = path.split_once('.') else {
        table.insert(Spanned::new(NOWHERE, path.into()), value);
        return Ok(());
    };
    let inner = table
        .entry(Spanned::new(NOWHERE, head.into()))
        .or_insert_with(|| Spanned::new(NOWHERE, DeValue::Table(DeTable::new())));
    match inner.get_mut() {
        // Names with dots in them, such as figures that are expected, are keys as a whole.
        DeValue::Table(inner) if matches!(head, "expect" | "sweep") => {
            inner.insert(Spanned::new(NOWHERE, rest.into()), value);
            Ok(())
        }
        DeValue::Table(inner) => put(inner, rest, value),
        DeValue::Array(items) => {
            let (item, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let at = item_position(items, item).ok_or_else(|| format!("`{head}` has no item named {item:?}"))?;
            match items.get_mut(at).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) if !rest.is_empty() => put(inner, rest, value),
                _ => Err(format!("`{head}.{item}` needs a key, such as `{head}.{item}.lasts`")),
            }
        }
        _ => Err(format!("`{head}` has no keys below it")),
    }
}

/// Where a key lies that stands in no file: behind all that do.
const NOWHERE: Range<usize> = usize::MAX..usize::MAX;

/// What the parser calls types, and what people call them.
const TYPES: [(&str, &str); 6] = [
    ("a boolean", "true or false"),
    ("a string", "a text in quotes"),
    ("a sequence", "a list in brackets"),
    ("a map", "a section of keys"),
    ("u64", "a whole number"),
    ("struct", "a section of keys"),
];

/// A complaint about a type in plain words.
fn in_plain_words(message: &str) -> Option<String> {
    let (found, wanted) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let wanted = TYPES.iter().find(|(of, _)| wanted.starts_with(of)).map_or(wanted, |(_, plain)| plain);
    let found = found.split_once(' ').map_or(found, |(_, value)| value).replace('`', "");
    Some(format!("{found} is not {wanted}"))
}

/// A message of the parser in plain words, with the nearest of the words that it allows.
fn with_nearest(message: &str) -> String {
    let message = one_line(message);
    if let Some(plain) = in_plain_words(&message) {
        return plain;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown ");
    let Some(word) = words.next().filter(|_| is_unknown) else { return message };
    let hint = hint(word, words);
    message + &hint
}

/// What to add to a refusal of a word, where one of these was most likely meant.
pub fn hint<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!("; nearest: `{near}`"))
}

/// Words that are less alike than this have nothing to do with each other.
const ALIKE: f64 = 0.8;

/// The candidate that a misspelt word most likely meant; none if it resembles no one.
fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let rated = candidates.map(|other| (strsim::jaro_winkler(word, other), other));
    rated.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct File {
        star: Star,
        #[serde(default)]
        planet: Vec<Planet>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Star {
        mass: u64,
        #[serde(default)]
        colours: BTreeMap<String, u64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Planet {
        name: String,
        moons: u64,
    }

    const TEXT: &str = "# a comment\n[star]\nmass = 3\n\n[[planet]]\nname = \"mars\"\nmoons = 2\n";

    fn read(text: &str, sets: &[&str]) -> Result<File, Problem> {
        let sets: Vec<Set> = sets.iter().map(|set| set.parse().unwrap()).collect();
        Document { name: "sky.toml".to_owned(), text: text.to_owned() }.read(&sets)
    }

    fn complaint(text: &str, sets: &[&str]) -> String {
        read(text, sets).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_type_is_told_in_plain_words() {
        let said = |message| in_plain_words(message).unwrap();
        assert_eq!(said("invalid type: string \"yes\", expected a boolean"), "\"yes\" is not true or false");
        assert_eq!(said("invalid type: integer `3`, expected struct Topology"), "3 is not a section of keys");
        assert_eq!(in_plain_words("unknown field `x`"), None);
    }

    #[test]
    fn an_unknown_key_is_named_with_line_path_and_the_nearest_there_is() {
        let text = TEXT.replace("moons", "moon");
        let said = complaint(&text, &[]);
        assert!(said.starts_with("sky.toml:7: `planet.1.moon`: unknown field"), "{said}");
        assert!(said.ends_with("nearest: `moons`"), "{said}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_line_and_path() {
        let said = complaint(&TEXT.replace('3', "\"heavy\""), &[]);
        assert!(said.starts_with("sky.toml:3: `star.mass`: \"heavy\" is not a whole number"), "{said}");
        let said = complaint("[star\n", &[]);
        assert!(said.starts_with("sky.toml:1: "), "{said}");
    }

    #[test]
    fn values_put_over_the_file_are_checked_like_it() {
        let file = read(TEXT, &["planet.mars.moons=5", "star.mass=7", "star.colours.red=1"]).unwrap();
        assert_eq!((file.planet[0].moons, file.star.mass, file.star.colours["red"]), (5, 7, 1));
        assert_eq!(read(TEXT, &["planet.1.moons=5"]).unwrap().planet[0].moons, 5);
        let said = complaint(TEXT, &["star.mas=7"]);
        assert!(said.starts_with("star.mas=7: unknown field `mas`") && said.ends_with("nearest: `mass`"), "{said}");
        assert!(complaint(TEXT, &["planet.venus.moons=1"]).contains("no item named"), "venus");
        assert!(complaint(TEXT, &["star.mass=much"]).contains("is not a whole number"), "much");
    }
}
