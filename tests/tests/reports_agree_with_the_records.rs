//! Reports: what the township hands on is what the records say, in every format, and names who is missing.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::{Value, json};
use xiangyue_tests::{ACCOUNT, MERCHANT, NEIGHBOUR, Node, Town, VILLAGE, award, grant, redeem, wait_until};

const SHOP: &str = "便民驿站";

/// A report of the township's, its rows as objects by the keys of their columns.
fn report(node: &Node, options: &[&str]) -> (Value, Vec<Value>) {
    let report = node.cli(&[&["report"], options].concat()).ok();
    let keys: Vec<_> = report["columns"].as_array().unwrap().iter().map(|c| c["key"].as_str().unwrap()).collect();
    let object = |row: &Value| {
        let cells = row.as_array().unwrap();
        assert_eq!(cells.len(), keys.len(), "a cell for every column: {report}");
        keys.iter().map(|key| (*key).to_owned()).zip(cells.iter().cloned()).collect::<serde_json::Map<_, _>>().into()
    };
    let rows = report["rows"].as_array().unwrap().iter().map(object).collect();
    (report, rows)
}

fn row<'r>(rows: &'r [Value], key: &str, value: &str) -> &'r Value {
    rows.iter().find(|row| row[key] == value).unwrap_or_else(|| panic!("no {value} in {rows:?}"))
}

/// A town in which the village has earned 140 and spent 30 at home and 20 at the shop, and taken 40 back.
fn busy_town() -> (Town, Node, Node, Node) {
    let town = Town::with_rules();
    let village = town.village_with(100);
    let neighbour = town.enrol(NEIGHBOUR, "古城村");
    let shop = town.enrol(MERCHANT, SHOP);
    assert_eq!(village.command(&award("A-40", 40)), "new");
    wait_until("the shop at the village", 20, || village.command(&grant("G-1", 50, MERCHANT)) == "new");
    assert_eq!(village.command(&redeem("R-30", 30, None)), "new");
    wait_until("grant at the shop", 20, || shop.balance(ACCOUNT, "held_here") == Some(50));
    assert_eq!(shop.command(&redeem("S-15", 15, Some(MERCHANT))), "new");
    assert_eq!(shop.command(&redeem("S-5", 5, Some(MERCHANT))), "new");
    village.cli(&["reverse", "A-40", "--request", "X-40", "--by", "W07"]).ok();
    town.wait_for_equal_heads(&village, 20);
    town.wait_for_equal_heads(&shop, 20);
    (town, village, neighbour, shop)
}

fn the_bank_adds_up(town: &Town) {
    let (whole, rows) = report(&town.township, &["villages"]);
    let first = row(&rows, "code", VILLAGE);
    let figures = ["accounts", "active", "gross", "redeemed", "reversed", "net", "redemptions"];
    assert_eq!(figures.map(|key| first[key].as_i64().unwrap()), [1, 1, 140, 50, 40, 50, 3], "{whole}");
    assert_eq!(row(&rows, "code", NEIGHBOUR)["gross"], 0);
    let stats = town.township.cli(&["stats"]).ok();
    let total = whole["total"].as_array().unwrap();
    for (at, key) in [(4, "gross"), (5, "redeemed"), (6, "reversed"), (7, "expired"), (8, "net")] {
        assert_eq!(total[at], stats[key], "the sum below is the figure of `stats`: {key}");
    }
    let (_, segments) = report(&town.township, &["segments"]);
    assert_eq!(row(&segments, "code", "villager")["net"], 50);
    assert_eq!(row(&segments, "code", "minor")["net"], 0);
    let (_, exemplars) = report(&town.township, &["exemplars", "--threshold", "100"]);
    assert_eq!((exemplars.len(), &exemplars[0]["earned"], &exemplars[0]["rank"]), (1, &json!(100), &json!(1)));
    assert!(report(&town.township, &["exemplars", "--threshold", "101"]).1.is_empty());
    assert!(report(&town.township, &["exemplars"]).1.is_empty(), "500 unless the township sets it");
    town.township.cli(&["put", "设置", "设置项=积分大户起点", "生效日期=2021-01-01", "数值=100", "--by", "T01"]).ok();
    assert_eq!(report(&town.township, &["exemplars"]).1.len(), 1, "as the township has set it");
}

fn merchants_are_settled(town: &Town) {
    let (whole, rows) = report(&town.township, &["settlement", "--fen-per-point", "80"]);
    let settled = row(&rows, "code", MERCHANT);
    assert_eq!((&settled["points"], &settled["amount_fen"]), (&json!(20), &json!(1_600)), "{whole}");
    assert_eq!(settled["standing"], "no rate agreed");
    let (_, ranking) = report(&town.township, &["ranking"]);
    assert_eq!((&ranking[0]["code"], &ranking[0]["points"]), (&json!(VILLAGE), &json!(20)));
    let (_, merchants) = report(&town.township, &["merchants"]);
    assert_eq!(row(&merchants, "merchant", SHOP)["redemptions"], 2);
    let month = settled["month"].as_str().unwrap();
    assert_eq!(report(&town.township, &["settlement", "--month", month]).1.len(), 1);
    assert!(report(&town.township, &["settlement", "--month", "2021-01"]).1.is_empty());
    let (_, completeness) = report(&town.township, &["completeness"]);
    assert_eq!(row(&completeness, "code", NEIGHBOUR)[month], 0);
    assert!(row(&completeness, "code", VILLAGE)[month].as_i64().unwrap() >= 4);
}

fn every_format_says_what_it_is(town: &Town) {
    let out = |name: &str| town.folder().join(name);
    for (name, magic) in [("s.csv", "\u{feff}"), ("s.xlsx", "PK"), ("s.html", "<!DOCTYPE html>"), ("s.json", "{")] {
        let path = out(name);
        town.township.cli(&["report", "settlement", "--lang", "zh", "--out", path.to_str().unwrap()]).ok();
        assert!(std::fs::read(&path).unwrap().starts_with(magic.as_bytes()), "{name}");
    }
    let csv = std::fs::read_to_string(out("s.csv")).unwrap();
    assert!(csv.contains("结算金额（元）") && csv.contains(",1.00,20.00"), "fen are read as yuan: {csv}");
    let html = std::fs::read_to_string(out("s.html")).unwrap();
    for part in ["商户结算", "潞城镇", "截至 ", SHOP, "20.00"] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn a_report_is_what_the_records_say() {
    let (town, village, _neighbour, shop) = busy_town();
    the_bank_adds_up(&town);
    merchants_are_settled(&town);
    every_format_says_what_it_is(&town);
    let (own, rows) = report(&village, &["villages"]);
    assert_eq!((rows.len(), &rows[0]["net"], &own["horizon"]["scope"]), (1, &json!(50), &json!("village")), "{own}");
    let (_, rows) = report(&shop, &["merchants"]);
    assert_eq!(rows.len(), 1, "a shop sees itself: {rows:?}");
    let unknown = town.township.cli(&["report", "everything"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert_eq!(town.township.cli(&["report", "exemplars", "--threshold=-1"]).refusal(), "XY-104");
}

#[test]
fn a_merchant_is_settled_by_the_agreement_of_the_day() {
    let town = Town::with_rules();
    let village = town.village_with(100);
    let _shop = town.enrol(MERCHANT, SHOP);
    let at = |request: &str, points: i64, date: &str| {
        let mut command = redeem(request, points, Some(MERCHANT));
        command["date"] = json!(date);
        wait_until("the shop at the village", 20, || village.command(&command) != "XY-113");
    };
    let agreed = |from: &str, to: &str, worth: &str| {
        let cells = [format!("商户={MERCHANT}"), format!("起始日期={from}"), format!("终止日期={to}")];
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let worth = if worth.is_empty() { vec![] } else { vec![worth] };
        town.township.cli(&[&["put", "商户协议"], &cells[..], &worth[..], &["--by", "T01"]].concat()).ok();
    };
    agreed("2021-03-01", "2021-03-31", "每积分金额=0.80");
    agreed("2021-03-11", "2021-03-20", "每积分金额=0.90");
    agreed("2021-05-01", "2021-05-31", "");
    for (request, points, date) in [
        ("M-1", 10, "2021-03-10"),
        ("M-2", 20, "2021-03-11"),
        ("M-3", 5, "2021-03-21"),
        ("M-4", 7, "2021-04-01"),
        ("M-5", 3, "2021-05-02"),
    ] {
        at(request, points, date);
    }
    town.wait_for_equal_heads(&village, 20);
    let (whole, rows) = report(&town.township, &["settlement"]);
    let told = |row: &Value| {
        let part = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        (part("month"), part("standing"), row["points"].as_i64(), row["amount_fen"].as_i64())
    };
    let expected = [
        ("2021-03", "by agreement", 15, Some(1_200)),
        ("2021-03", "by agreement", 20, Some(1_800)),
        ("2021-04", "outside the agreement", 7, None),
        ("2021-05", "no rate agreed", 3, Some(300)),
    ];
    let expected = expected.map(|(month, standing, points, fen)| (month.into(), standing.into(), Some(points), fen));
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected, "{whole}");
    let total = whole["total"].as_array().unwrap();
    assert_eq!((&total[5], &total[7]), (&json!(45), &json!(3_300)), "{whole}");
}

#[test]
fn officers_are_counted_as_of_a_day_and_one_too_many_is_a_warning() {
    let town = Town::with_rules();
    let village = town.village_with(10);
    let roster = town.folder().join("roster.csv");
    let rows = "人员,户,网格,角色,性别,出生日期,政治面貌,文化程度,起始日期,终止日期\n\
        P1,H1,,乡村治理员,男,1990-06-01,中共党员,大学本科,2020-01-01,\n\
        P2,H2,,乡村治理员,女,1998-03-10,共青团员,大专,2021-01-01,\n\
        P3,H3,,网格员,女,1970-01-01,群众,高中,2019-01-01,\n";
    std::fs::write(&roster, rows).unwrap();
    village.cli(&["import", roster.to_str().unwrap()]).ok();
    std::fs::write(&roster, "人员,角色,起始日期,终止日期\nP1,乡村治理员,2020-01-01,2020-12-31\n").unwrap();
    let refused = village.cli(&["import", roster.to_str().unwrap(), "--kind", "名册"]);
    assert!(refused.code != 0 && refused.json().to_string().contains("XY-172"), "{refused:?}");
    village.cli(&["import", roster.to_str().unwrap(), "--kind", "roster", "--amend"]).ok();
    town.wait_for_equal_heads(&village, 20);
    let at = |day: &str| report(&town.township, &["officers", "--at", day]);
    let (_, rows) = at("2021-03-10");
    let figures = ["officers", "mean_age_tenths", "college_permille", "league_permille"];
    assert_eq!(figures.map(|key| rows[0][key].as_i64().unwrap()), [1, 230, 1000, 1000], "{rows:?}");
    let (_, rows) = at("2020-06-30");
    assert_eq!(figures.map(|key| rows[0][key].as_i64().unwrap()), [1, 300, 1000, 0], "{rows:?}");
    let (whole, rows) = at("2019-12-31");
    assert_eq!((&rows[0]["officers"], &rows[0]["mean_age_tenths"]), (&json!(0), &Value::Null));
    assert!(whole["notes"].to_string().contains("应为 1 名"), "{whole}");
}
