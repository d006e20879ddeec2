//! What was run, so that the same can be run again: the program, the scenario's text and the values put over it.

use std::path::Path;

use serde_json::{Value, json};
use xiangyue_sim::scenario::Scenario;

use super::rundir::{make_folder, write_whole};
use super::{Failure, file_failure};

/// What tells this program and this scenario from others. Runs of one sweep have equal ones but for `sets`.
pub(super) fn of(scenario: &Scenario) -> Result<Value, Failure> {
    let (document, table) = scenario.sources();
    let mut hasher = blake3::Hasher::new();
    for text in [Some(&document.text), table.map(|table| &table.text)].into_iter().flatten() {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    Ok(json!({
        "program": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "build": build()?,
        "scenario": scenario.name(),
        "text_hash": hasher.finalize().to_hex().to_string(),
        "sets": scenario.sets().iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

/// A hash of the program's file: two builds of one version may still differ.
#[expect(clippy::disallowed_methods, reason = "the program's own file is no part of a run")]
fn build() -> Result<String, Failure> {
    let path = std::env::current_exe().map_err(|error| file_failure(Path::new("this program"), &error))?;
    let bytes = std::fs::read(&path).map_err(|error| file_failure(&path, &error))?;
    Ok(blake3::hash(&bytes).to_hex().chars().take(16).collect())
}

/// Writes the scenario's text, and that of its table, into a folder, and hands back the command that repeats a run
/// from there; `{}` in `command` stands for the file's name.
pub(super) fn save(dir: &Path, scenario: &Scenario, command: &str) -> Result<String, Failure> {
    let (document, table) = scenario.sources();
    let name = format!("{}.toml", scenario.name());
    write_whole(&dir.join(&name), document.text.as_bytes())?;
    let mut command = format!("{} {}", env!("CARGO_PKG_NAME"), command.replace("{}", &quoted(&name)));
    for set in scenario.sets() {
        command = format!("{command} --set {}", quoted(&set.to_string()));
    }
    if let Some(table) = table {
        let file = table.name.rsplit('/').next().unwrap_or(&table.name);
        let folder = dir.join("tables");
        make_folder(&folder)?;
        write_whole(&folder.join(file), table.text.as_bytes())?;
        command = format!("{command} --set {}", quoted(&format!("topology.csv=tables/{file}")));
    }
    Ok(command)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_where_they_must_be() {
        assert_eq!(quoted("topology.villages=12"), "topology.villages=12");
        assert_eq!(quoted("a b'c"), "'a b'\\''c'");
    }
}
