//! What `export` writes, `import` reads: a village's tables are taken to another township and come out the same there,
//! with every column of the import.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::Path;

use xiangyue_tests::{Node, Town, VILLAGE, wait_until};

const RULES: &str = "rule,segment,points,daily_cap,effective_from,approve_above\n\
    R01,villager,100,300,2021-01-01,50\nR02,party,5,,2021-01-01,\nI01,redeem,0,,2021-01-01,\n\
    I02,redeem,20,,2021-02-01,\n";
const ACCOUNTS: &str = "account,holder_kind,segment,village,opened\n\
    000017,household,villager,110112119201,2021-01-26\nL20201838,person,party,110112119201,2021-02-01\n";
const ENTRIES: &str = "request_id,date,account,rule,points,by,memo,approved_by\n\
    0001,2021-03-01,000017,R01,100,W07,\"巡河, 两人\",W08\n0002,2021-03-02,L20201838,R02,5,,=1+1,\n\
    0003,2021-04-02,000017,R01,30,W08,,\n";
const REDEMPTIONS: &str = "request_id,date,account,item,points,merchant,lines\n\
    X1,2021-04-01,000017,I02,40,,\nX2,2021-04-01,000017,I01,7,110112119M01,\n";
const ROSTER: &str = "village,person,role,from,to,household,grid,sex,born,party,education,by,why\n\
    110112119201,P01,网格员,2021-01-01,2022-12-31,H01,110112119201001,2,1980-05-01,群众,高中,W07,普查\n\
    110112119201,P02,楼门长,2021-01-01,,,,1,,,,,\n";

/// The tables of a village; the rules are the township's to import.
const TABLES: [(&str, &str); 5] =
    [("rules", RULES), ("accounts", ACCOUNTS), ("entries", ENTRIES), ("redemptions", REDEMPTIONS), ("roster", ROSTER)];

fn with_village() -> (Town, Node) {
    let town = Town::found();
    let village = town.enrol(VILLAGE, "谢楼村");
    town.token("110112119M01", "爱心驿站");
    (town, village)
}

/// Imports the five tables found in `folder`; every row must be new.
fn import_all(town: &Town, village: &Node, folder: &Path, ending: &str) {
    for (name, text) in TABLES {
        let file = folder.join(format!("{name}.{ending}"));
        let node = if name == "rules" { &town.township } else { village };
        let report = node.cli(&["import", file.to_str().unwrap()]);
        let rows = text.lines().count() as u64 - 1;
        assert_eq!((report.code, report.json()["files"][0]["new"].as_u64()), (0, Some(rows)), "{name}: {report:?}");
        if name == "rules" {
            wait_until("rules at the village", 20, || town.difference(village).is_ok());
        }
    }
}

fn export_all(village: &Node, folder: &Path, ending: &str, lang: &str) {
    for (name, _) in TABLES {
        let file = folder.join(format!("{name}.{ending}"));
        village.cli(&["export", name, "--format", ending, "--out", file.to_str().unwrap(), "--lang", lang]).ok();
    }
}

fn text_of(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(format!("{name}.csv"))).unwrap().replace('\u{feff}', "").replace("\r\n", "\n")
}

#[test]
fn a_village_moves_house_with_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let (town, village) = with_village();
    for (name, text) in TABLES {
        std::fs::write(at("first").join(format!("{name}.csv")), text).unwrap();
    }
    import_all(&town, &village, &at("first"), "csv");
    // What was taken back stays behind.
    village.cli(&["award", "000017", "R01", "9", "--date", "2021-04-03", "--request", "0004", "--by", "W07"]).ok();
    village.cli(&["reverse", "0004", "--request", "0005", "--by", "W07", "--memo", "重复登记"]).ok();
    export_all(&village, &at("csv"), "csv", "en");
    for (name, text) in TABLES {
        // A text that a spreadsheet would run is guarded; everything else comes out as it went in.
        assert_eq!(text_of(&at("csv"), name).replace("'=1+1", "=1+1"), text, "{name}");
    }
    export_all(&village, &at("xlsx"), "xlsx", "zh");

    let (town, village) = with_village();
    import_all(&town, &village, &at("xlsx"), "xlsx");
    export_all(&village, &at("again"), "csv", "en");
    for (name, _) in TABLES {
        assert_eq!(text_of(&at("again"), name), text_of(&at("csv"), name), "{name}");
    }
}

#[test]
fn headers_follow_the_language_and_json_does_not() {
    let (town, village) = with_village();
    wait_until("the directory at the village", 20, || town.difference(&village).is_ok());
    let out = town.folder().join("out");
    let export = |format: &str, lang: &str| {
        let name = out.to_str().unwrap();
        village.cli(&["export", "entries", "--format", format, "--out", name, "--lang", lang]).ok();
        std::fs::read_to_string(&out).unwrap()
    };
    assert!(export("csv", "zh").contains("凭证号,日期,账户,规则,积分,经办人,备注"));
    assert!(export("csv", "en").contains("request_id,date,account,rule,points,by,memo"));
    assert_eq!(export("json", "zh"), "[]");
}
