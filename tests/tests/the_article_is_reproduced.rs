//! `xiangyue demo --article`: every figure that the article gives, from records of its full size; and the page that
//! lists them says for each row of the article where it is.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::collections::BTreeSet;

use xiangyue_tests::run;

const PAGE: &str = include_str!("../../docs/article.md");

/// Rows of the article: L1–L13, Q1–Q11, C1–C5, B1, Y1–Y6, S1–S5.
fn article() -> BTreeSet<String> {
    let counts = [("L", 13), ("Q", 11), ("C", 5), ("B", 1), ("Y", 6), ("S", 5)];
    counts.iter().flat_map(|(place, count)| (1..=*count).map(move |n| format!("{place}{n}"))).collect()
}

#[test]
fn every_figure_of_all_six_places_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let answer = run(folder.path(), &["demo", "--article", "--exit", "--json", "--data", data]);
    let report = answer.ok();
    let golden = report["golden"].as_array().unwrap();
    let wrong: Vec<_> = golden.iter().filter(|row| row["ok"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let shown: BTreeSet<&str> = golden.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(shown.len() >= 30, "{shown:?}");
    for id in shown {
        let line = PAGE.lines().find(|line| line.starts_with(&format!("| {id} |"))).unwrap_or_default();
        assert!(line.contains("demo"), "docs/article.md does not say that the demo shows {id}: {line}");
    }
}

#[test]
fn the_page_has_every_row_of_the_article_once() {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")).map(|(id, _)| id);
    let rows: Vec<String> = rows.filter(|id| article().contains(*id)).map(str::to_owned).collect();
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), article());
    assert_eq!(rows.len(), article().len(), "one line a row");
}
