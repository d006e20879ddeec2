//! A misspelt key stops the node before it serves, naming line and key; the example itself is good.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{example_config, run};

#[test]
fn the_example_configuration_is_accepted_with_and_without_its_commented_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = example_config();
    let checked = run(folder.path(), &["config", "check", "--json", "--config", path.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let all = std::fs::read_to_string(&path).unwrap().replace("#: ", "");
    let everything = folder.path().join("everything.toml");
    std::fs::write(&everything, all).unwrap();
    let checked = run(folder.path(), &["config", "check", "--json", "--config", everything.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_stops_serve() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(example_config()).unwrap().replace("cache_mib", "cash_mib");
    let line = 1 + text.lines().position(|line| line.starts_with("cash_mib")).unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, text).unwrap();
    for verb in [&["config", "check"][..], &["serve"]] {
        let answer = run(folder.path(), &[verb, &["--json", "--config", path.to_str().unwrap()]].concat());
        assert_eq!((answer.code, answer.refusal().as_str()), (2, "XY-301"), "{answer:?}");
        let detail = answer.json()["error"]["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("cash_mib") && detail.contains("cache_mib"), "key and nearest key: {detail}");
        assert!(detail.contains(&format!("wrong.toml:{line}")) || detail.contains(&format!("line {line}")), "{detail}");
    }
}
