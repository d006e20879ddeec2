//! Configuration: a TOML file, then `XIANGYUE_*` variables over it, then the command line over both.
//!
//! Everything has a default, so no file is needed. An unknown key is an error that names the line and the nearest
//! key there is. Variables are named after the keys: `limits.peers` is `XIANGYUE_LIMITS__PEERS`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};
use xiangyue_protocol::policy::{Grants, Propagation};
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Code, Level, Refusal};

use crate::i18n::Lang;

/// Where a packaged node keeps its configuration.
pub const SYSTEM_FILE: &str = "/etc/xiangyue/config.toml";
/// UDP port of a township.
pub const TOWNSHIP_PORT: u16 = 7443;
/// Name of a node's own configuration in its data folder.
const DATA_FILE: &str = "config.toml";
/// Prefix of the variables.
const PREFIX: &str = "XIANGYUE_";
/// Variables that are not keys: the file to read, and the clerk that the command line enters things for.
const OTHER_VARIABLES: [&str; 2] = ["XIANGYUE_CONFIG", "XIANGYUE_BY"];

/// What a key's value looks like in a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    /// Separated by commas.
    List,
}

/// Every key there is.
const KEYS: [(&str, Shape); 19] = [
    ("data", Shape::Text),
    ("lang", Shape::Text),
    ("listen", Shape::Text),
    ("address", Shape::Text),
    ("api", Shape::Text),
    ("dial", Shape::List),
    ("log", Shape::Text),
    ("log_format", Shape::Text),
    ("propagation", Shape::Text),
    ("grants.policy", Shape::Text),
    ("grants.points", Shape::Number),
    ("grants.share_percent", Shape::Number),
    ("grants.merchants", Shape::List),
    ("limits.peers", Shape::Number),
    ("limits.journal_file_mib", Shape::Number),
    ("limits.cache_mib", Shape::Number),
    ("limits.import_mib", Shape::Number),
    ("limits.free_disk_mib", Shape::Number),
    ("limits.queue", Shape::Number),
];

/// Keys that hold further keys.
const TABLES: [&str; 2] = ["limits", "grants"];

/// A node's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of keys, journal and index. Default `/var/lib/xiangyue`.
    pub data: PathBuf,
    /// Language of messages; none: from the locale.
    pub lang: Option<Lang>,
    /// UDP address for QUIC; none: port 7443 on all addresses at a township, any free port elsewhere.
    pub listen: Option<SocketAddr>,
    /// `host:port` under which other nodes dial this one; none: they do not.
    pub address: Option<String>,
    /// Address of the local API and the console; loopback only. Port 0 takes any free port. Default `127.0.0.1:0`.
    pub api: SocketAddr,
    /// Further nodes to dial, `host:port`, beside those that the directory lists.
    pub dial: Vec<String>,
    /// Which log lines are written, as `level` or `target=level,…`. Default `info`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// How new entries reach connected nodes; `docs/policies.md` compares the ways.
    pub propagation: Propagation,
    /// Spending rights that are granted to merchants, or asked for, without a clerk.
    pub grants: Grants,
    /// Bounds on what the node takes on.
    pub limits: Limits,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds on what a node takes on. At each the outcome is a refusal or a wait, never growth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connected peers, 1 to 10,000. Further ones are told to come back later.
    pub peers: u32,
    /// Size at which a journal file is closed and the next begun, MiB, 1 to 4,096.
    pub journal_file_mib: u32,
    /// Memory for the index's cache, MiB, 1 to 4,096.
    pub cache_mib: u32,
    /// Largest import in one request, MiB, 1 to 1,024.
    pub import_mib: u32,
    /// Free disk space below which writes are refused, MiB, 0 to 1,048,576.
    pub free_disk_mib: u32,
    /// Requests that may wait for the node's core, 1 to 100,000. Further ones are refused as busy.
    pub queue: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data: PathBuf::from("/var/lib/xiangyue"),
            lang: None,
            listen: None,
            address: None,
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
            dial: Vec::new(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            // What the comparison in docs/policies.md recommends.
            propagation: Propagation::Lazy,
            grants: Grants::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { peers: 64, journal_file_mib: 64, cache_mib: 16, import_mib: 64, free_disk_mib: 64, queue: 1_024 }
    }
}

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Built in.
    Default,
    /// The file.
    File,
    /// A variable.
    Variable,
    /// The command line.
    CommandLine,
}

/// A configuration and where its parts came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Per key, in order: its value as text and its source.
    pub settings: Vec<(&'static str, String, Source)>,
    /// Variables that begin like ours and name no key, each with the nearest name there is.
    pub strange_variables: Vec<(String, String)>,
}

/// What the command line says about configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// Other keys and their values, as variables spell them.
    pub keys: Vec<(&'static str, String)>,
}

impl Config {
    /// Reads the configuration.
    ///
    /// The file is `--config`, or `XIANGYUE_CONFIG`, or `config.toml` in the data folder named on the command line
    /// or by `XIANGYUE_DATA`; when none is named, [`SYSTEM_FILE`], or `config.toml` in the default data folder.
    /// Only a file that was named has to exist.
    ///
    /// # Errors
    /// [`Code::BadConfig`] naming file, line or variable and key, or the file that cannot be read.
    pub fn load(overrides: &Overrides, env: &[(String, String)]) -> Result<Loaded, Refusal> {
        let file = find_file(overrides, env);
        let text = match &file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Refusal::new(Code::BadConfig, format_args!("{}: {error}", path.display())))?,
            None => String::new(),
        };
        let name = file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let table = parse(&name, &text)?;
        let mut loaded = overlay(table, overrides, env)?;
        loaded.config.check()?;
        loaded.file = file;
        Ok(loaded)
    }

    /// Checks what a type cannot say.
    fn check(&self) -> Result<(), Refusal> {
        let refuse = |key: &str, what: &str| Err(Refusal::new(Code::BadConfig, format_args!("{key}: {what}")));
        if !self.api.ip().is_loopback() {
            return refuse("api", "must be a loopback address, such as 127.0.0.1:0");
        }
        if self.data.as_os_str().is_empty() {
            return refuse("data", "must not be empty");
        }
        if let Some(wrong) = self.dial.iter().chain(&self.address).find(|text| !is_host_port(text)) {
            return refuse("dial / address", &format!("{wrong:?} is not host:port"));
        }
        if !self.grants.points.is_entry() {
            return refuse("grants.points", &format!("must be 1 to {}", Points::ENTRY_MAX));
        }
        if self.grants.share_percent > 100 {
            return refuse("grants.share_percent", "must be 0 to 100");
        }
        if let Some(org) = self.grants.merchants.iter().find(|org| org.level() != Level::Merchant) {
            return refuse("grants.merchants", &format!("{org} is not a merchant's code, such as 110112119M01"));
        }
        let Limits { peers, journal_file_mib, cache_mib, import_mib, free_disk_mib, queue } = self.limits;
        let ranges = [
            ("limits.peers", peers, 1, 10_000),
            ("limits.journal_file_mib", journal_file_mib, 1, 4_096),
            ("limits.cache_mib", cache_mib, 1, 4_096),
            ("limits.import_mib", import_mib, 1, 1_024),
            ("limits.free_disk_mib", free_disk_mib, 0, 1 << 20),
            ("limits.queue", queue, 1, 100_000),
        ];
        match ranges.into_iter().find(|(_, value, low, high)| value < low || value > high) {
            Some((key, value, low, high)) => refuse(key, &format!("{value} is not within {low}..{high}")),
            None => Ok(()),
        }
    }
}

/// Writes settings given at enrolment to a new `config.toml` in the data folder, so that `serve` finds them again.
///
/// # Errors
/// [`Code::Disk`] when the file cannot be written. An existing file is left alone and `false` returned.
pub fn remember(data: &Path, settings: &[(&'static str, String)]) -> Result<bool, Refusal> {
    let path = data.join(DATA_FILE);
    if settings.is_empty() || path.exists() {
        return Ok(false);
    }
    let mut table = Table::new();
    for (key, value) in settings {
        insert(&mut table, key, to_value(key, value)?);
    }
    std::fs::write(&path, table.to_string())
        .map_err(|error| Refusal::new(Code::Disk, format_args!("{}: {error}", path.display())))?;
    Ok(true)
}

/// A variable that is set and not empty.
fn variable<'e>(env: &'e [(String, String)], name: &str) -> Option<&'e str> {
    env.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn find_file(overrides: &Overrides, env: &[(String, String)]) -> Option<PathBuf> {
    let named = overrides.file.clone().or_else(|| variable(env, "XIANGYUE_CONFIG").map(PathBuf::from));
    let data = overrides.data.clone().or_else(|| variable(env, "XIANGYUE_DATA").map(PathBuf::from));
    let usual = match data {
        Some(data) => vec![data.join(DATA_FILE)],
        None => vec![PathBuf::from(SYSTEM_FILE), Config::default().data.join(DATA_FILE)],
    };
    named.or_else(|| usual.into_iter().find(|path| path.exists()))
}

/// Parses and checks the text of a file.
fn parse(file: &str, text: &str) -> Result<Table, Refusal> {
    let refuse = |at: usize, what: String| {
        let line = text[..text.floor_char_boundary(at)].matches('\n').count() + 1;
        Refusal::new(Code::BadConfig, format_args!("{file}:{line}: {what}"))
    };
    let of_toml = |error: toml::de::Error| {
        refuse(error.span().map_or(0, |span| span.start), error.message().lines().collect::<Vec<_>>().join(" "))
    };
    let table = DeTable::parse(text).map_err(of_toml)?;
    if let Some((at, key)) = strange_key(table.get_ref(), "") {
        let near = nearest(&key, KEYS.iter().map(|(key, _)| *key));
        return Err(refuse(at, format!("unknown key `{key}`; nearest: `{near}`")));
    }
    toml::from_str::<Config>(text).map_err(of_toml)?;
    text.parse().map_err(of_toml)
}

/// The first key of a table that is not one of ours, and where it stands.
fn strange_key(table: &DeTable<'_>, prefix: &str) -> Option<(usize, String)> {
    let mut strange: Vec<_> = table
        .iter()
        .filter_map(|(name, value)| {
            let key = format!("{prefix}{}", name.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) if TABLES.contains(&key.as_str()) => strange_key(inner, &format!("{key}.")),
                _ if TABLES.contains(&key.as_str()) || KEYS.iter().any(|(known, _)| *known == key) => None,
                _ => Some((name.span().start, key)),
            }
        })
        .collect();
    strange.sort();
    strange.into_iter().next()
}

/// The candidate that a misspelt word most likely meant.
fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> &'c str {
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &str| strsim::jaro_winkler(word, key).max(strsim::jaro_winkler(&last(word), &last(key)));
    candidates.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

/// Puts variables and the command line over what the file says.
fn overlay(mut table: Table, overrides: &Overrides, env: &[(String, String)]) -> Result<Loaded, Refusal> {
    let mut sources: Vec<(&'static str, Source)> = Vec::new();
    for (key, _) in KEYS {
        let name = variable_name(key);
        if lookup(&table, key).is_some() {
            sources.push((key, Source::File));
        }
        if let Some(text) = variable(env, &name) {
            replace(&mut table, key, text, &name)?;
            sources.push((key, Source::Variable));
        }
    }
    let data = overrides.data.iter().map(|path| ("data", path.display().to_string()));
    for (key, text) in data.chain(overrides.keys.iter().cloned()) {
        replace(&mut table, key, &text, &format!("--{}", key.replace('_', "-")))?;
        sources.push((key, Source::CommandLine));
    }
    let config: Config = table.try_into().map_err(|error| Refusal::new(Code::BadConfig, error))?;
    let shown = Table::try_from(&config).map_err(|error| Refusal::new(Code::BadConfig, error))?;
    let settings = KEYS.map(|(key, _)| {
        let source = sources.iter().rev().find(|(k, _)| *k == key).map_or(Source::Default, |(_, source)| *source);
        (key, lookup(&shown, key).map_or_else(String::new, plain), source)
    });
    let strange_variables = strange_variables(env);
    Ok(Loaded { config, file: None, settings: settings.into(), strange_variables })
}

fn strange_variables(env: &[(String, String)]) -> Vec<(String, String)> {
    let known: Vec<String> =
        KEYS.iter().map(|(key, _)| variable_name(key)).chain(OTHER_VARIABLES.map(str::to_owned)).collect();
    let strange = env.iter().filter(|(name, _)| name.starts_with(PREFIX) && !known.contains(name));
    strange.map(|(name, _)| (name.clone(), nearest(name, known.iter().map(String::as_str)).to_owned())).collect()
}

/// Sets a key from text; `origin` is named when the value does not fit.
fn replace(table: &mut Table, key: &str, text: &str, origin: &str) -> Result<(), Refusal> {
    let refuse = |what: String| Refusal::new(Code::BadConfig, format_args!("{origin}: {what}"));
    insert(table, key, to_value(key, text).map_err(|refusal| refuse(refusal.detail().to_owned()))?);
    match table.clone().try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => Err(refuse(error.message().to_owned())),
    }
}

/// The TOML value that a key's text stands for.
fn to_value(key: &str, text: &str) -> Result<Value, Refusal> {
    let shape = KEYS.iter().find(|(known, _)| *known == key).map_or(Shape::Text, |(_, shape)| *shape);
    Ok(match shape {
        Shape::Text => Value::String(text.to_owned()),
        Shape::Number => Value::Integer(text.parse().map_err(|_| Refusal::new(Code::BadNumber, text))?),
        Shape::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
    })
}

fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn lookup<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        Some((outer, inner)) => table.get(outer)?.as_table()?.get(inner),
        None => table.get(key),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        Some((outer, inner)) => {
            let nested = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
            if let Some(nested) = nested.as_table_mut() {
                nested.insert(inner.to_owned(), value);
            }
        }
        None => {
            table.insert(key.to_owned(), value);
        }
    }
}

/// A value as a person reads it: text without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
