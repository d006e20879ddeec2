//! A township's node of the article's demo, and what its reports say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use xiangyue_protocol::access::may_carry;
use xiangyue_protocol::schema::{Cohort, Org, Points, Rule};
use xiangyue_protocol::{Code, Date, DocId, Refusal};

use super::super::processes::{Node, refusal, run};
use super::super::town::{enrol, free_port, import_at, wait_for};
use super::sheets::Sheets;
use crate::api::types::{CommandsRequest, CommandsResponse, DocList, GoldenRow, Mode, Report, ReportCell, WireCommand};

/// Commands in one request.
const COMMANDS: usize = 1000;
/// First day of rules.
const RULES_FROM: Date = Date::constant(2021, 1, 1);

/// A place of the article.
pub(super) struct Place {
    /// Code of its township.
    pub(super) code: &'static str,
    /// Its name.
    pub(super) zh: &'static str,
    /// Its name in English.
    pub(super) en: &'static str,
    /// Draws its records.
    pub(super) draw: fn(u64) -> Result<Sheets, Refusal>,
    /// Compares its reports with the article.
    pub(super) golden: fn(&Hub) -> Result<Vec<GoldenRow>, Refusal>,
    /// A village of it that has a node of its own.
    pub(super) village: Option<Village>,
}

/// A village with a node of its own, and what is entered there.
pub(super) struct Village {
    /// Its code.
    pub(super) code: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// A rule of the township by which it awards points, and how many.
    pub(super) rule: (&'static str, i64),
    /// Names and texts of its files.
    pub(super) files: fn() -> Vec<(&'static str, String)>,
}

/// A running township's node, and a village's if one has a node of its own.
pub(super) struct Hub(Node, Option<Node>);

impl Hub {
    pub(super) fn found(place: &Place, data: &Path) -> Result<Hub, Refusal> {
        let _: Value = run(data, &["init", "township", "--code", place.code, "--name", place.zh])?;
        let listen = free_port()?;
        let settings = [("LISTEN", listen.as_str()), ("ADDRESS", listen.as_str())];
        Ok(Hub(Node::start(place.code.parse()?, data.to_owned(), &settings)?, None))
    }

    /// Enrols a village's node and imports there what is entered at the village itself, once the township's rules are
    /// known to it; returns when the township has it all.
    pub(super) fn enter_village(&mut self, place: &Place, folder: &Path) -> Result<(), Refusal> {
        let Some(Village { code, name, rule: (rule, points), files }) = &place.village else { return Ok(()) };
        self.command(vec![WireCommand::Rule(Rule {
            code: rule.parse()?,
            cohort: Cohort::Villager,
            points: Points(*points),
            daily_cap: None,
            approve_above: None,
            effective_from: RULES_FROM,
        })])?;
        let village = enrol(folder, &self.0, &code.parse()?, name)?;
        let heads = |node: &Node| -> Result<_, Refusal> {
            let list: DocList = node.client()?.get("/docs", &[]).map_err(|failure| refusal(&failure))?;
            Ok(list.docs.into_iter().map(|doc| (doc.id, doc.heads)).collect::<BTreeMap<_, _>>())
        };
        let all_at = |from: &Node, to: &Node| -> Result<bool, Refusal> {
            let (there, here) = (heads(from)?, heads(to)?);
            let shared = |id: &&DocId| [&from.org, &to.org].iter().all(|org| may_carry(org, id));
            Ok(there.keys().filter(shared).all(|id| here.get(id) == there.get(id)))
        };
        wait_for("rules at the village", || all_at(&self.0, &village))?;
        for (name, text) in files() {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| Refusal::new(Code::Disk, format_args!("{name}: {error}")))?;
            import_at(&village, &[path])?;
        }
        wait_for("the village's entries at the township", || all_at(&village, &self.0))?;
        self.1 = Some(village);
        Ok(())
    }

    /// Its node.
    pub(super) fn node(&self) -> &Node {
        &self.0
    }

    /// Stops the node and starts it again.
    pub(super) fn restart(&mut self) -> Result<(), Refusal> {
        self.0.stop();
        self.0 = Node::start(self.0.org.clone(), self.0.data.clone(), &[("LISTEN", "127.0.0.1:0")])?;
        Ok(())
    }

    /// Enters the villages in the directory.
    pub(super) fn name_villages(&self, sheets: &Sheets) -> Result<(), Refusal> {
        let name = |(code, name): &(_, String)| {
            let code: &xiangyue_protocol::OrgCode = code;
            WireCommand::Org(Org { code: code.clone(), name: name.into(), version: 1 })
        };
        let commands: Vec<WireCommand> = sheets.villages().iter().map(name).collect();
        for part in commands.chunks(COMMANDS) {
            self.command(part.to_vec())?;
        }
        Ok(())
    }

    fn command(&self, commands: Vec<WireCommand>) -> Result<(), Refusal> {
        let request = CommandsRequest { mode: Mode::AllOrNothing, commands };
        let answer: CommandsResponse =
            self.0.client()?.post("/commands", &request).map_err(|failure| refusal(&failure))?;
        let refused = answer.results.into_iter().find_map(|result| result.refusal);
        refused.map_or(Ok(()), |error| Err(Refusal::new(Code::NotReady, error.detail)))
    }

    pub(super) fn import(&self, path: &Path) -> Result<u64, Refusal> {
        import_at(&self.0, &[path.to_owned()])
    }

    /// A report.
    pub(super) fn report(&self, name: &str, options: &[(&str, &str)]) -> Result<Told, Refusal> {
        Told::of(&self.0, name, options)
    }
}

/// What a report says.
pub(super) struct Told(Report);

impl Told {
    pub(super) fn of(node: &Node, name: &str, options: &[(&str, &str)]) -> Result<Told, Refusal> {
        let mut query = vec![("name", name.to_owned())];
        query.extend(options.iter().map(|(key, value)| (*key, (*value).to_owned())));
        node.client()?.get("/report", &query).map(Told).map_err(|failure| refusal(&failure))
    }

    /// A number below the rows.
    pub(super) fn total(&self, key: &str) -> Result<i64, Refusal> {
        self.number(&self.0.total, key)
    }

    /// A number of the row whose first or second cell is `named`.
    pub(super) fn of_row(&self, named: &str, key: &str) -> Result<i64, Refusal> {
        let is_named = |cell: &ReportCell| matches!(cell, ReportCell::Text(text) if text == named);
        let row = self.0.rows.iter().find(|row| row.iter().take(2).any(is_named));
        row.map_or(Ok(0), |row| self.number(row, key))
    }

    /// How many rows have these words, each in one of the cells.
    pub(super) fn with(&self, words: &[&str]) -> i64 {
        let has = |row: &&Vec<ReportCell>| {
            words.iter().all(|word| row.iter().any(|cell| *cell == ReportCell::Text((*word).into())))
        };
        i64::try_from(self.0.rows.iter().filter(has).count()).unwrap_or(i64::MAX)
    }

    /// How many different texts stand in a column.
    pub(super) fn distinct(&self, key: &str) -> i64 {
        let at = self.0.columns.iter().position(|column| column.key == key);
        let cells = self.0.rows.iter().filter_map(|row| match row.get(at?) {
            Some(ReportCell::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        i64::try_from(cells.collect::<BTreeSet<_>>().len()).unwrap_or(i64::MAX)
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.0.rows.len()).unwrap_or(i64::MAX)
    }

    fn number(&self, row: &[ReportCell], key: &str) -> Result<i64, Refusal> {
        let at = self.0.columns.iter().position(|column| column.key == key);
        match at.and_then(|at| row.get(at)) {
            Some(ReportCell::Number(number)) => Ok(*number),
            Some(_) => Ok(0),
            None => Err(Refusal::new(Code::UnknownField, format_args!("{}.{key}", self.0.name.as_str()))),
        }
    }
}

/// A figure that the article gives as it is.
pub(super) fn equal(id: &str, zh: &str, en: &str, expected: i64, computed: i64) -> GoldenRow {
    GoldenRow::new(id, (zh, en), expected.to_string(), computed.to_string(), expected == computed)
}

/// A figure that the article gives as "more than" or "at least".
pub(super) fn at_least(id: &str, zh: &str, en: &str, least: i64, computed: i64) -> GoldenRow {
    GoldenRow::new(id, (zh, en), format!("≥ {least}"), computed.to_string(), computed >= least)
}

/// A figure with one or more digits behind the point.
pub(super) fn decimal(id: &str, zh: &str, en: &str, expected: &str, computed: i64, decimals: u8) -> GoldenRow {
    let computed = crate::tables::decimal(computed, decimals, |number| number.to_string());
    let ok = expected == computed;
    GoldenRow::new(id, (zh, en), expected.to_owned(), computed, ok)
}

impl GoldenRow {
    /// The same with a remark, as where the article contradicts itself.
    #[must_use]
    pub(super) fn noted(self, zh: &str, en: &str) -> GoldenRow {
        GoldenRow { note_zh: zh.to_owned(), note_en: en.to_owned(), ..self }
    }
}
