//! Scenarios: TOML files from which a seed makes a plan.
//!
//! ```text
//! text ─► document (parse, values put over it) ─► file (typed sections) ─► topology, faults ─► Plan
//! ```
//!
//! The command line and the tests read scenarios here and hand the plans to the engine. What a file may say is
//! written in `docs/scenarios.md`. The library reads no files: the text of one, and that of a table that it names,
//! are handed in. The same text and seed give the same plan on every machine.

use std::str::FromStr;

use serde_json::Value;
use xiangyue_protocol::Refusal;

use crate::engine::Engine;
use crate::figures::gathered::Gathering;
use crate::plan::Plan;
use crate::report::Report;

mod compose;
mod csv;
mod document;
mod expect;
mod faults;
mod file;
mod library;
mod place;
mod select;
mod sweep;
mod topology;
mod units;

pub use document::{Document, Problem, Set, hint};
pub use expect::{Expectation, figures};
pub use file::{File, Meta, Seeds};
pub use library::{in_library, library, table_in_library};

/// A scenario that has been read and checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    document: Document,
    table: Option<Document>,
    sets: Vec<Set>,
    file: File,
    expect: Vec<Expectation>,
}

impl Scenario {
    /// Reads a scenario, with values put over those in the file. `load` reads the table that it may name.
    ///
    /// # Errors
    /// The file, line and key that is wrong, and what is allowed.
    pub fn read(
        document: Document,
        sets: &[Set],
        load: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Scenario, Problem> {
        let mut file: File = document.read(sets)?;
        let mut table = None;
        if let Some(name) = &file.topology.csv {
            if file.topology.rows.is_some() {
                return Err(document.problem("topology.rows", "stands beside `csv`: one table is enough".to_owned()));
            }
            let text = load(name).map_err(|what| document.problem("topology.csv", what))?;
            file.topology.rows = Some(text.clone());
            table = Some(Document { name: name.clone(), text });
        }
        let expect = file.expect.iter().map(|(key, value)| {
            let read = Expectation::read(key, value);
            read.map_err(|what| document.problem(&format!("expect.{key}"), what))
        });
        let expect = expect.collect::<Result<_, _>>()?;
        let scenario = Scenario { table, sets: sets.to_vec(), expect, file, document };
        scenario.check()?;
        Ok(scenario)
    }

    /// A scenario of the library.
    ///
    /// # Errors
    /// When there is none of this name, or a value put over it is wrong.
    pub fn of_library(name: &str, sets: &[Set]) -> Result<Scenario, Problem> {
        let wrong = |what: String| Problem { origin: name.to_owned(), line: None, key: String::new(), what };
        let text = in_library(name).ok_or_else(|| wrong("no scenario of the library is called so".to_owned()))?;
        let document = Document { name: format!("{name}.toml"), text: text.to_owned() };
        let table = |file: &str| {
            let text = table_in_library(file).ok_or("the library has no such table")?;
            Ok(text.to_owned())
        };
        Scenario::read(document, sets, &table)
    }

    /// What stands in it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The text that it was read from, and that of its table: what another machine needs to repeat a run.
    pub fn sources(&self) -> (&Document, Option<&Document>) {
        (&self.document, self.table.as_ref())
    }

    /// Values that were put over the file.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// What its name is: the file's, without folder and ending.
    pub fn name(&self) -> &str {
        let name = self.document.name.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".toml").unwrap_or(name)
    }

    /// The combinations of its sweep; one that is empty if there is no sweep.
    pub fn points(&self) -> Vec<Vec<Set>> {
        sweep::points(&self.file.sweep)
    }

    /// The same scenario with further values put over it, such as a point of its sweep.
    ///
    /// # Errors
    /// When a value does not fit.
    pub fn with(&self, sets: &[Set]) -> Result<Scenario, Problem> {
        let sets: Vec<Set> = self.sets.iter().chain(sets).cloned().collect();
        let load = |name: &str| match &self.table {
            Some(table) if table.name == name => Ok(table.text.clone()),
            _ => Err("a value put over the file cannot name another table".to_owned()),
        };
        Scenario::read(self.document.clone(), &sets, &load)
    }

    /// Whether it expects something that is known only when deliveries are watched.
    pub fn expects_of_deliveries(&self) -> bool {
        self.expect.iter().any(Expectation::is_of_deliveries)
    }

    /// Conditions that one run's summary misses. What happens only sometimes is judged by
    /// [`Scenario::missed_by_all`].
    pub fn missed_by(&self, summary: &Value) -> Vec<String> {
        self.expect.iter().filter(|expect| !expect.is_of_many()).filter_map(|expect| expect.missed(summary)).collect()
    }

    /// Conditions on what happens only sometimes that the summary of all runs together misses.
    pub fn missed_by_all(&self, summary: &Value) -> Vec<String> {
        self.expect.iter().filter(|expect| expect.is_of_many()).filter_map(|expect| expect.missed(summary)).collect()
    }
}

/// Carries out a plan while nobody watches.
///
/// # Errors
/// When a node does not start.
pub fn run(plan: Plan) -> Result<Report, Refusal> {
    Ok(Engine::new(plan)?.run(&mut ()))
}

/// The same with the summary of the run, deliveries watched.
///
/// # Errors
/// When a node does not start.
pub fn run_gathering(plan: Plan) -> Result<(Report, Value), Refusal> {
    let mut nobody = ();
    let mut gathering = Gathering::new(&plan, &mut nobody);
    let report = Engine::new(plan)?.run(&mut gathering);
    let mut summary = report.summary(0);
    gathering.gathered.add_to(&mut summary, &report);
    Ok((report, summary))
}

/// A value that is known to be well formed: it is written here, or made of parts that are.
fn must<T: FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    crate::workload::name(text)
}
