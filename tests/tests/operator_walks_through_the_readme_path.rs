//! What an operator does on the first day, by the command line alone: from `init` to exports.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use xiangyue_tests::{MERCHANT, Node, TOWNSHIP, Town, VILLAGE, run, wait_until};

const RULES: &str = "规则,人群,积分,单日上限,生效日期\n\
    R01,村民,10,30,2021-01-01\nR02,党员,5,,2021-01-01\nI01,兑换,0,,2021-01-01\n";
const ACCOUNTS: &str = "账户,户别,人群,村,开户日期\n\
    A000001,家庭,村民,谢楼村,2021-01-26\nA000002,个人,党员,110112119201,2021/2/1\n";
const ENTRIES: &str = "凭证号,日期,账户,规则,积分,经办人,备注\n\
    S1,2021-03-01,A000001,R01,10,W07,巡河\nS2,2021-03-02,A000001,R01,8,W07,\nS3,2021-03-02,A000002,R02,5,W07,\n";
const REDEMPTIONS: &str = "凭证号,日期,账户,兑换项,积分,商户\nX1,2021-04-01,A000001,I01,6,\n";

/// Rows that are each wrong in one way, and the code for it.
const BAD: [(&str, &str); 6] = [
    ("B1,2021-03-03,A999999,R01,1,W07,", "XY-110"),
    ("B2,2021-03-03,A000001,R01,11,W07,", "XY-120"),
    ("B3,2099-01-01,A000001,R01,1,W07,", "XY-122"),
    ("B4,2021-03-03,A000001,R99,1,W07,", "XY-111"),
    ("B5,2021-03-03,110105194912310021,R01,1,W07,", "XY-108"),
    ("S1,2021-03-01,A000001,R01,9,W07,", "XY-128"),
];

fn free_port() -> String {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// New, already, bad rows over all files of a report.
fn counts(report: &Value) -> (u64, u64, u64) {
    let sum = |field: &str| report["files"].as_array().unwrap().iter().map(|file| file[field].as_u64().unwrap()).sum();
    (sum("new"), sum("already"), sum("bad"))
}

/// Founds, enrols and serves by hand; the nodes find what `init` and `join` have kept for them.
fn first_day(folder: &Path) -> (Node, Node, Node) {
    let address = free_port();
    let data = folder.join("town");
    let init =
        ["init", "township", "--code", TOWNSHIP, "--name", "潞城镇", "--listen", &address, "--address", &address];
    let founded = run(&data, &[&init[..], &["--json"]].concat()).ok();
    assert_eq!((&founded["org"], &founded["name"]), (&TOWNSHIP.into(), &"潞城镇".into()));
    assert_eq!(run(&data, &[&init[..], &["--json"]].concat()).refusal(), "XY-313", "a township is founded once");
    let mut town = Node::new(TOWNSHIP, data, &[("API", "127.0.0.1:0")]).with_own_config();
    town.start();
    assert_eq!(town.status()["listen"], address, "serve listens where init said");
    let mut nodes = Vec::new();
    for (org, name) in [(VILLAGE, "谢楼村"), (MERCHANT, "便民驿站")] {
        let token = town.cli(&["enroll", "token", "--org", org, "--name", name, "--valid", "2h"]).ok();
        let data = folder.join(org);
        run(&data, &["enroll", "join", token["token"].as_str().unwrap(), "--json"]).ok();
        let mut node = Node::new(org, data, &[]).with_own_config();
        node.start();
        nodes.push(node);
    }
    let merchant = nodes.pop().unwrap();
    (town, nodes.pop().unwrap(), merchant)
}

fn bad_rows_are_explained(folder: &Path, village: &Node) {
    let rows: String = BAD.iter().map(|(row, _)| format!("{row}\n")).collect();
    let bad = file(folder, "bad.csv", &format!("{ENTRIES}{rows}"));
    let spent = file(folder, "spent.csv", &format!("{REDEMPTIONS}X2,2021-04-02,A000001,I01,500,\n"));
    let accounts = file(folder, "accounts.csv", ACCOUNTS);
    let answer = village.cli(&["import", &accounts, &bad, &spent, "--dry-run"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let report = answer.json();
    let problems = report["problems"].as_array().unwrap();
    let mut codes = Vec::new();
    for problem in problems {
        for part in ["reason_zh", "reason_en", "advice_zh", "advice_en", "file"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {problem}");
        }
        assert!(problem["row"].as_u64().unwrap() > 1, "{problem}");
        codes.push(problem["code"].as_str().unwrap());
    }
    for (row, code) in BAD.into_iter().chain([("X2", "XY-124")]) {
        assert!(codes.contains(&code), "{row}: expected {code}, got {codes:?}");
    }
    let row_of = |code: &str| problems.iter().find(|problem| problem["code"] == code).unwrap()["row"].clone();
    assert_eq!(row_of("XY-110"), 5, "row numbers are those that a spreadsheet shows");
    assert!(!answer.out.contains("110105194912310021"), "a citizen id is masked");
    assert_eq!(village.balance("A000001", "available"), None, "a dry run writes nothing");
    let text = run(&village.data, &["import", &accounts, &bad, "--dry-run", "--lang", "zh"]);
    assert!(text.out.contains("bad.csv 第 5 行") && text.out.contains("账户不存在"), "{}", text.out);
    let text = run(&village.data, &["import", &accounts, &bad, "--dry-run", "--lang", "en"]);
    assert!(text.out.contains("bad.csv row 5") && text.out.contains("unknown account"), "{}", text.out);
}

fn import_three_times(folder: &Path, village: &Node) {
    let files = [
        file(folder, "accounts.csv", ACCOUNTS),
        file(folder, "entries.csv", ENTRIES),
        file(folder, "redemptions.csv", REDEMPTIONS),
    ];
    let import: Vec<&str> = ["import"].into_iter().chain(files.iter().map(String::as_str)).collect();
    assert_eq!(counts(&village.cli(&import).ok()), (6, 0, 0));
    let (heads, segments) = (village.heads(), village.status()["segments"].clone());
    assert_eq!(counts(&village.cli(&import).ok()), (0, 6, 0), "the same files again change nothing");
    assert_eq!((village.heads(), village.status()["segments"].clone()), (heads, segments));

    let rows = format!("{ENTRIES}S4,2021-03-05,A000001,R01,4,W07,=1+1\n{}\n", BAD[0].0);
    let mixed = file(folder, "mixed.csv", &rows);
    let refused = folder.join("refused.csv");
    let report = village.cli(&["import", &mixed, "--skip-bad", refused.to_str().unwrap()]).ok();
    assert_eq!(counts(&report), (1, 3, 1));
    let kept = std::fs::read_to_string(&refused).unwrap();
    assert!(kept.contains("B1") && kept.contains("原因") && !kept.contains("S4"), "{kept}");
    assert_eq!(village.balance("A000001", "available"), Some(16));
}

fn a_day_at_the_counter(village: &Node, merchant: &Node) {
    let award = ["award", "A000001", "R01", "10", "--request", "2026-1", "--by", "W07", "--memo", "巡河"];
    let answer = village.cli(&award).ok();
    assert_eq!((&answer["results"][0]["became"], &answer["results"][0]["available"]), (&"new".into(), &26.into()));
    assert_eq!(village.cli(&award).ok()["results"][0]["became"], "already");
    village.cli(&["redeem", "A000001", "I01", "6", "--request", "2026-2", "--by", "W07"]).ok();
    let again = ["reverse", "2026-1", "--request", "2026-3", "--by", "W07", "--memo", "重复登记"];
    village.cli(&again).ok();
    let twice = village.cli(&["reverse", "2026-1", "--request", "2026-4", "--by", "W07"]);
    assert_eq!(twice.refusal(), "XY-126");
    assert_eq!(village.cli(&["redeem", "A000001", "I01", "11", "--request", "2026-5"]).refusal(), "XY-124");
    village.cli(&["grant", "A000001", "4", "--to", MERCHANT, "--request", "2026-6", "--by", "W07"]).ok();
    wait_until("grant at the merchant", 20, || merchant.balance("A000001", "held_here") == Some(4));
    let spent = ["redeem", "A000001", "I01", "3", "--request", "M-1", "--merchant", MERCHANT, "--by", "M1"];
    merchant.cli(&spent).ok();
    wait_until("redemption at the village", 20, || village.balance("A000001", "available") == Some(7));
    let balance = village.cli(&["balance", "A000001"]).ok();
    let figures =
        ["earned", "redeemed", "reversed", "available", "held_here"].map(|name| balance[name].as_i64().unwrap());
    assert_eq!(figures, [32, 15, 10, 7, 6]);
    let statement = village.cli(&["statement", "A000001"]).ok();
    assert_eq!(statement["closing"], 7);
    let remarks: Vec<_> = statement["lines"].as_array().unwrap().iter().map(|l| l["memo"].as_str().unwrap()).collect();
    assert_eq!(remarks.iter().filter(|memo| **memo == "巡河").count(), 2, "remarks as they were entered: {remarks:?}");
    assert!(remarks.contains(&"重复登记") && remarks.contains(&"=1+1"), "{remarks:?}");
    let kinds: Vec<_> = statement["lines"].as_array().unwrap().iter().map(|l| l["kind"].as_str().unwrap()).collect();
    for kind in ["award", "redemption", "award_reversed", "grant"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let march = village.cli(&["statement", "A000001", "--from", "2021-03-01", "--to", "2021-03-31"]).ok();
    assert_eq!((march["lines"].as_array().unwrap().len(), &march["closing"]), (3, &22.into()));
}

fn looked_into_and_taken_along(folder: &Path, village: &Node) {
    let list = village.cli(&["doc", "list"]).ok();
    let id = format!("{VILLAGE}/ledger/2021-03");
    assert!(list["docs"].as_array().unwrap().iter().any(|row| row["id"] == *id), "{list}");
    let shown = village.cli(&["doc", "show", &id]).ok();
    assert_eq!(shown["records"].as_array().unwrap().len(), 4);
    let history = village.cli(&["doc", "history", &id]).ok();
    assert_eq!(history["segments"][0]["org"], VILLAGE);
    let begins: [(&str, &str, &[u8]); 6] = [
        ("accounts", "csv", b"\xef\xbb\xbf"),
        ("entries", "csv", b"\xef\xbb\xbf"),
        ("redemptions", "xlsx", b"PK"),
        ("balances", "json", b"["),
        (&id, "json", b"["),
        (&id, "automerge", &[0x85, 0x6f, 0x4a, 0x83]),
    ];
    for (what, format, magic) in begins {
        let out = folder.join(format!("out.{format}"));
        village.cli(&["export", what, "--format", format, "--out", out.to_str().unwrap()]).ok();
        assert!(std::fs::read(&out).unwrap().starts_with(magic), "{what} as {format}");
    }
    for what in ["accounts", "entries"] {
        let out = folder.join(format!("again-{what}.csv"));
        let out = out.to_str().unwrap();
        village.cli(&["export", what, "--format", "csv", "--out", out]).ok();
        let report = village.cli(&["import", out, "--dry-run"]);
        assert_eq!(counts(&report.json()).0, 0, "an export brings nothing new where it came from: {report:?}");
    }
}

#[test]
fn from_init_to_exports() {
    let folder = tempfile::tempdir().unwrap();
    let (town, village, merchant) = first_day(folder.path());
    let rules = file(folder.path(), "rules.csv", RULES);
    assert_eq!(counts(&town.cli(&["import", &rules]).ok()), (3, 0, 0));
    wait_until("rules at the village", 20, || {
        village.heads().iter().any(|(id, heads)| id.contains("/rules") && town.heads().get(id) == Some(heads))
    });
    bad_rows_are_explained(folder.path(), &village);
    import_three_times(folder.path(), &village);
    a_day_at_the_counter(&village, &merchant);
    looked_into_and_taken_along(folder.path(), &village);
    wait_until("figures at the township", 20, || town.balance("A000001", "available") == Some(7));
    let stats = town.cli(&["stats"]).ok();
    let ids: Vec<_> = stats["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"entries") && ids.contains(&"L10.points"), "{ids:?}");
    let figures =
        ["depositors", "gross", "redeemed", "reversed", "accounts_negative"].map(|f| stats[f].as_i64().unwrap());
    assert_eq!(figures, [2, 37, 15, 10, 0]);
    assert!(stats["horizon"]["missing"].is_array(), "every figure names its horizon: {stats}");
    let march = town.cli(&["stats", "--month", "2021-03"]).ok();
    assert_eq!(march["gross"], 27);
}

#[test]
fn figures_name_the_villages_that_have_not_reported() {
    let town = Town::with_rules();
    let mut village = town.village_with(10);
    town.wait_for_equal_heads(&village, 20);
    let token = town.token("110112119203", "古城村");
    assert!(!token.is_empty());
    let own = village.cli(&["stats"]).ok();
    assert_eq!(own["horizon"]["scope"], "village", "it tells of itself alone: {own}");
    assert_eq!(own["villages"].as_array().unwrap().len(), 1, "{own}");
    let name = village.cli(&["status"]).ok()["name"].clone();
    village.kill();
    // The township learns of the end with the connection's, not at the same moment.
    wait_until("promise 9: the village is named as missing", 90, || {
        let stats = town.township.cli(&["stats"]).ok();
        stats["horizon"]["missing"].as_array().unwrap().iter().any(|row| row["name"] == name)
    });
    let stats = town.township.cli(&["stats"]).ok();
    assert_eq!(stats["gross"], 10, "what was heard counts");
    let not_joined = stats["horizon"]["not_joined"].as_array().unwrap();
    assert!(not_joined.iter().any(|row| row["name"] == "古城村"), "a token alone leaves nothing to wait for: {stats}");
}
