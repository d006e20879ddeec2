//! `[expect]`: conditions on the summary of a run.
//!
//! What happens only sometimes (`sometimes.…`) is a property of many seeds, so it is judged on all runs of one
//! invocation added up; everything else on each run.

use std::fmt;

use serde_json::Value;

use super::document::hint;
use crate::figures::gathered::Gathered;
use crate::plan::Plan;
use crate::report::Report;

/// Where the counts of what happens only sometimes stand in a summary.
const SOMETIMES: &str = "sometimes.";
/// What a process adds to the summary.
const MEMORY: &str = "max_rss_bytes";

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The figure, as a path in the summary.
    key: String,
    /// What it must be.
    must: Condition,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Equal(Value),
    Than(Comparison, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// Longer signs first: `<=` begins like `<`.
const SIGNS: [(&str, Comparison); 6] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.must {
            Condition::Equal(value) => write!(f, "{} = {value}", self.key),
            Condition::Than(comparison, number) => {
                let sign = SIGNS.iter().find(|(_, c)| c == comparison).map_or("", |(sign, _)| sign);
                write!(f, "{} {sign} {number}", self.key)
            }
        }
    }
}

impl Expectation {
    /// Reads a condition.
    ///
    /// # Errors
    /// When there is no such figure or no such comparison.
    pub fn read(key: &str, value: &toml::Value) -> Result<Expectation, String> {
        let figures = figures();
        if !figures.iter().any(|figure| figure == key) {
            let hint = hint(key, figures.iter().map(String::as_str));
            return Err(format!("no figure of the summary (docs/runs.md) is called `{key}`{hint}"));
        }
        let wrong = || format!("`{value}` is no condition: a number, true or false, or such as \"<= 60000\"");
        let must = match value {
            toml::Value::Boolean(yes) => Condition::Equal(Value::Bool(*yes)),
            toml::Value::Integer(_) | toml::Value::Float(_) => {
                Condition::Than(Comparison::Equal, value.to_string().parse().map_err(|_| wrong())?)
            }
            toml::Value::String(text) => {
                let (sign, comparison) = SIGNS.iter().find(|(sign, _)| text.starts_with(sign)).ok_or_else(wrong)?;
                Condition::Than(*comparison, text[sign.len()..].trim().parse().map_err(|_| wrong())?)
            }
            _ => return Err(wrong()),
        };
        Ok(Expectation { key: key.to_owned(), must })
    }

    /// Whether it is judged on all runs together.
    pub fn is_of_many(&self) -> bool {
        self.key.starts_with(SOMETIMES)
    }

    /// Whether it can be judged only when deliveries are watched.
    pub fn is_of_deliveries(&self) -> bool {
        of_deliveries().contains(&self.key)
    }

    /// What is wrong with a summary, if anything.
    pub fn missed(&self, summary: &Value) -> Option<String> {
        let value = lookup(summary, &self.key);
        let holds = match &self.must {
            Condition::Equal(expected) => value == Some(expected),
            Condition::Than(comparison, limit) => {
                value.and_then(Value::as_f64).is_some_and(|value| comparison.holds(value, *limit))
            }
        };
        let found = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        (!holds).then(|| format!("expected {self}, found {found}"))
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "whoever writes == means it: counts are exact below 2^53")]
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Comparison::Less => value < limit,
            Comparison::LessOrEqual => value <= limit,
            Comparison::Greater => value > limit,
            Comparison::GreaterOrEqual => value >= limit,
            Comparison::Equal => value == limit,
            Comparison::NotEqual => value != limit,
        }
    }
}

/// The figure at a path.
fn lookup<'s>(summary: &'s Value, key: &str) -> Option<&'s Value> {
    key.split('.').try_fold(summary, |value, part| value.get(part))
}

/// The paths of all figures of a summary that one can expect something of.
pub fn figures() -> Vec<String> {
    let mut figures = paths(&Report::default().summary(0));
    figures.extend(of_deliveries());
    figures.push(MEMORY.to_owned());
    figures
}

/// Of these, those that are known only when deliveries are watched.
fn of_deliveries() -> Vec<String> {
    paths(&Gathered::new(&Plan::calm(0, Vec::new(), Vec::new())).summary(&Report::default()))
}

fn paths(summary: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                walk(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, into);
            }),
            Value::Array(_) => {}
            _ => into.push(path.to_owned()),
        }
    }
    let mut paths = Vec::new();
    walk(summary, "", &mut paths);
    paths
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn missed(key: &str, value: impl Into<toml::Value>, summary: &Value) -> Option<String> {
        Expectation::read(key, &value.into()).unwrap().missed(summary)
    }

    #[test]
    fn conditions_hold_or_say_what_was_found_instead() {
        let summary = json!({ "converged": true, "convergence_ms": { "p99": 60_001 }, "nodes": 5,
            "sometimes": { "Restored": 2 } });
        assert_eq!(missed("converged", true, &summary), None);
        assert_eq!(missed("nodes", 5, &summary), None);
        assert_eq!(missed("nodes", "!= 5", &summary).unwrap(), "expected nodes != 5, found 5");
        assert_eq!(
            missed("convergence_ms.p99", "<= 60000", &summary).unwrap(),
            "expected convergence_ms.p99 <= 60000, found 60001"
        );
        assert_eq!(missed("sometimes.Restored", ">= 1", &summary), None);
        assert!(missed("bytes_per_change", "> 0", &summary).unwrap().ends_with("found nothing"));
    }

    #[test]
    fn figures_that_do_not_exist_and_words_that_compare_nothing_are_refused() {
        let said = Expectation::read("convergence_ms.p999", &true.into()).unwrap_err();
        assert!(said.ends_with("nearest: `convergence_ms.p99`"), "{said}");
        let said = Expectation::read("sometimes.Restore", &">= 1".into()).unwrap_err();
        assert!(said.ends_with("nearest: `sometimes.Restored`"), "{said}");
        let said = Expectation::read("quux", &">= 1".into()).unwrap_err();
        assert!(said.ends_with("is called `quux`"), "{said}");
        assert!(Expectation::read("nodes", &"about 5".into()).unwrap_err().contains("no condition"));
    }
}
