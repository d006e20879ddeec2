//! An exported document is a plain Automerge document: the JavaScript implementation reads the same records.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xiangyue_tests::{Town, VILLAGE, award, redeem};

/// The folder of the JavaScript part with its package installed; none with the reason when that cannot be.
fn interop() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    for program in ["node", "npm"] {
        let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
        if !there {
            return Err(format!("{program} is not installed"));
        }
    }
    if !folder.join("node_modules/@automerge/automerge").exists() {
        let install = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
        let output = Command::new("npm").args(install).current_dir(&folder).output().unwrap();
        if !output.status.success() {
            return Err(format!("npm ci: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    Ok(folder)
}

#[test]
fn the_javascript_automerge_reads_the_same_records() {
    let town = Town::with_rules();
    let village = town.village_with(50);
    for at in 0..25 {
        assert_eq!(village.command(&award(&format!("S{at}"), 2)), "new");
    }
    assert_eq!(village.command(&redeem("R1", 7, None)), "new");
    let id = village.heads().into_keys().find(|id| id.starts_with(&format!("{VILLAGE}/ledger/"))).unwrap();
    let file = town.folder().join("ledger.automerge");
    let exported = village.cli(&["export", &id, "--format", "automerge", "--out", file.to_str().unwrap()]).ok();
    assert_eq!(exported["bytes"], file.metadata().unwrap().len());
    let shown = village.cli(&["doc", "show", &id, "--limit", "1000"]).ok();
    let records = shown["records"].as_array().unwrap();

    let folder = match interop() {
        Ok(folder) => folder,
        Err(why) => return println!("SKIPPED: the JavaScript Automerge was not asked: {why}"),
    };
    let output = Command::new("node").arg("open.mjs").arg(&file).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = read["document"].as_object().unwrap();
    assert_eq!(entries.len(), records.len(), "as many entries as doc show counts");
    assert_eq!(records.len(), 27, "one opening award, 25 awards, one redemption");
    for record in records {
        let key = record["key"].as_str().unwrap();
        assert_eq!(entries[key], record["fields"], "{key}");
    }
}
