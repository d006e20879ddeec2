//! `xiangyue demo`: a township with twelve villages and a care station as processes, and the article's figures.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::run;

#[test]
fn every_figure_of_the_article_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let answer = run(folder.path(), &["demo", "--exit", "--json", "--data", folder.path().to_str().unwrap()]);
    let report = answer.ok();
    let wrong = |rows: &str| {
        let rows = report[rows].as_array().unwrap_or_else(|| panic!("no {rows}: {report}"));
        assert!(!rows.is_empty());
        rows.iter().filter(|row| row["ok"] != true).cloned().collect::<Vec<_>>()
    };
    assert_eq!(wrong("golden"), Vec::<serde_json::Value>::new());
    assert_eq!(wrong("facts"), Vec::<serde_json::Value>::new());
    assert_eq!(report["depositors"], 18_717);
    assert_eq!(report["accounts_negative"], 0);
    assert_eq!((&report["converged"], &report["ok"]), (&true.into(), &true.into()));
    assert_eq!(report["villages"].as_array().unwrap().len(), 12);
    println!("{} s", report["seconds"]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "it cleans up after itself: {left:?}");
}
