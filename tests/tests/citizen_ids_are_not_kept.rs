//! A citizen id that is typed anywhere is in no file, document, answer or log afterwards.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::{Path, PathBuf};

use xiangyue_tests::{Node, RULE, Town, VILLAGE};

/// The example of the standard (GB 11643), and its part that no mask leaves.
const ID: &str = "11010519491231002X";
const HIDDEN: &str = "19491231";

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files and documents of a node in which the id stands. Bodies are compressed, so documents are read too.
fn kept(node: &Node) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(HIDDEN.len()).any(|part| part == HIDDEN.as_bytes());
    let mut found: Vec<String> = files(&node.data)
        .into_iter()
        .filter(|path| holds(&std::fs::read(path).unwrap()))
        .map(|path| path.display().to_string())
        .collect();
    for id in node.heads().into_keys() {
        let records = node.get("/export", &[("what", &id), ("format", "json")]).to_string();
        found.extend(records.contains(HIDDEN).then_some(id));
    }
    found
}

/// The same of rows of forms, from the command line and from tables.
fn rows_of_forms_keep_none(town: &Town, village: &Node) {
    let (household, note) = (format!("户号={ID}"), format!("摘要=给{ID}送餐"));
    let line = ["put", "户", &household, "人口数=3", "--by", ID, "--why", ID];
    let key = village.cli(&line).ok()["results"][0]["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with('p') && key.len() == 25, "{key}");
    assert_eq!(village.cli(&["rows", "户", "--key", ID]).ok()["rows"][0]["key"], *key);
    assert_eq!(village.cli(&["rows", "户", "--where", &household]).ok()["rows"][0]["key"], *key);
    let petition = ["put", "信访", "编号=P1", "收到日期=2026-11-02", "渠道=来访", "类别=申诉求决", &note];
    village.cli(&petition).ok();
    for line in [
        &["put", "信访", &format!("编号={ID}"), "收到日期=2026-11-02", "渠道=来访", "类别=申诉求决"][..],
        &["put", "户", &household, &format!("{ID}=3")],
        &["put", "户", &household, &household],
        &["put", "户", &household, &format!("人口数={ID}")],
        &["put", &format!("户{ID}"), "户号=H1"],
        &["rows", "户", "--where", &format!("常住={ID}")],
        &["withdraw", "户", "11010519491231002X/1", "--why", "x"],
    ] {
        let answer = village.cli(line);
        assert!(answer.code != 0 && !answer.out.contains(HIDDEN) && !answer.err.contains(HIDDEN), "{answer:?}");
    }
    let table = town.folder().join("households.csv");
    std::fs::write(&table, format!("户号,人口数,网格编码,原因\n{ID},{ID},{ID},{ID}\n")).unwrap();
    let refused = town.folder().join("refused-households.csv");
    let imported = village.cli(&["import", table.to_str().unwrap(), "--skip-bad", refused.to_str().unwrap()]);
    assert!(!imported.out.contains(HIDDEN), "{imported:?}");
    assert!(!std::fs::read_to_string(&refused).unwrap().contains(HIDDEN));
    village.cli(&["withdraw", "户", ID, "--why", "x"]).ok();
}

#[test]
fn an_id_is_looked_up_by_its_pseudonym_and_stays_nowhere() {
    let town = Town::with_rules();
    let mut village = town.enrol(VILLAGE, "谢楼村");
    town.wait_for_equal_heads(&village, 20);
    let table = town.folder().join("accounts.csv");
    std::fs::write(&table, format!("账户,户别,人群,村,开户日期\n{ID},个人,村民,谢楼村,2021-01-26\n")).unwrap();
    village.cli(&["import", table.to_str().unwrap()]).ok();

    let by = format!("经办{ID}");
    let memo = format!("给{ID}送餐");
    let line = ["award", ID, RULE, "5", "--request", "S-1", "--by", &by, "--memo", &memo];
    let awarded = village.cli(&line);
    let pseudonym = awarded.ok()["results"][0]["account"].as_str().unwrap().to_owned();
    assert!(pseudonym.starts_with('p') && pseudonym.len() == 25, "{pseudonym}");
    assert_eq!(village.cli(&["balance", ID]).ok()["available"], 5);
    assert_eq!(village.cli(&["statement", ID]).ok()["closing"], 5);

    let mut said = vec![awarded];
    for (line, code) in [
        (["award", "110105194912310021", RULE, "5", "--request", "S-2"], "XY-108"),
        (["award", "110105********21", RULE, "5", "--request", "S-2"], "XY-108"),
        (["award", "110105491231002", RULE, "5", "--request", "S-2"], "XY-108"),
        (["award", ID, RULE, "5", "--request", ID], "XY-143"),
        (["redeem", ID, "I01", "6", "--request", "S-3"], "XY-124"),
        (["redeem", ID, "I01", ID, "--request", "S-3"], "XY-104"),
    ] {
        let answer = village.cli(&line);
        assert_eq!(answer.refusal(), code, "{answer:?}");
        said.push(answer);
    }
    for answer in &said {
        assert!(!answer.out.contains(HIDDEN) && !answer.err.contains(HIDDEN), "{answer:?}");
    }

    let entries = town.folder().join("entries.csv");
    let rows = format!(
        "凭证号,日期,账户,规则,积分,经办人,备注\n{ID},2026-11-02,{ID},{RULE},5,{by},{memo}\nS-4,2026-11-02,{ID},{RULE},5,{by},{memo}\n"
    );
    std::fs::write(&entries, rows).unwrap();
    let refused = town.folder().join("refused.csv");
    let imported = village.cli(&["import", entries.to_str().unwrap(), "--skip-bad", refused.to_str().unwrap()]);
    assert!(imported.out.contains("XY-143") && !imported.out.contains(HIDDEN), "{imported:?}");
    assert!(!std::fs::read_to_string(&refused).unwrap().contains(HIDDEN));

    // A masked id from a file of refused rows opens no account.
    let masked = town.folder().join("masked.csv");
    std::fs::write(&masked, "账户,户别,人群,村,开户日期\n110105********21,个人,村民,谢楼村,2021-01-26\n").unwrap();
    assert!(village.cli(&["import", masked.to_str().unwrap()]).out.contains("XY-108"));

    rows_of_forms_keep_none(&town, &village);
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(kept(&village), Vec::<String>::new());
    assert_eq!(kept(&town.township), Vec::<String>::new());
    village.stop();
}
