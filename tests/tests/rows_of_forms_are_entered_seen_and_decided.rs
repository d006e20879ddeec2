//! Rows of forms as people enter and see them: imports in Chinese, corrections written apart at village and township and
//! decided there, withdrawals, and what a village may not hold or a township not see.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::PathBuf;

use serde_json::{Value, json};
use xiangyue_tests::{Node, TOWNSHIP, Town, VILLAGE, wait_until, wait_until_ok};

const HOUSEHOLDS: &str = "户号,人口数,网格编码,常住,经办人\nH001,3,110112119201001,是,W07\nH002,５,,否,W07\n";
const GRIDS: &str = "网格编码,名称,网格员,层级\n110112119201001,东头,O001,3\n";
const PETITIONS: &str = "编号,收到日期,渠道,类别,摘要\n0001,2021年3月5日,来访,申诉求决,\"道路, 积水\"\n";
const STEPS: &str = "事项类别,编号,步骤号,日期,办理\n信访,0001,1,2021-03-06,受理\n信访,0001,2,2021-03-20,办结\n";

struct World {
    town: Town,
    village: Node,
}

impl World {
    fn new() -> World {
        let town = Town::found();
        let village = town.enrol(VILLAGE, "谢楼村");
        wait_until("the directory at the village", 20, || town.difference(&village).is_ok());
        World { town, village }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.town.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Imports a table at the village; every row must be new.
    fn import(&self, name: &str, text: &str) {
        let report = self.village.cli(&["import", self.file(name, text).to_str().unwrap()]).ok();
        let rows = text.lines().count() as u64 - 1;
        assert_eq!(report["files"][0]["new"].as_u64(), Some(rows), "{report}");
    }

    /// Waits until both have the same documents.
    fn settle(&self) {
        self.town.wait_for_equal_heads(&self.village, 20);
    }

    /// Stops the line, lets both write, and waits until they have met again.
    fn apart(&self, write: impl FnOnce(&World)) {
        self.village.pause_sync(true);
        wait_until("no line", 20, || !self.town.township.is_connected_to(VILLAGE));
        write(self);
        self.village.pause_sync(false);
        self.settle();
    }
}

fn rows(node: &Node, arguments: &[&str]) -> Vec<Value> {
    node.cli(&[&["rows"], arguments].concat()).ok()["rows"].as_array().unwrap().clone()
}

/// One column of one row.
fn value(node: &Node, form: &str, key: &str, column: &str) -> Value {
    rows(node, &[form, "--key", key])[0]["values"][column].clone()
}

#[test]
fn what_a_village_imports_its_township_sees() {
    let world = World::new();
    world.import("户.csv", HOUSEHOLDS);
    world.import("网格.csv", GRIDS);
    world.import("信访.csv", PETITIONS);
    world.import("办理.csv", STEPS);
    // Once more is no more.
    let again = world.village.cli(&["import", world.file("户.csv", HOUSEHOLDS).to_str().unwrap()]).ok();
    assert_eq!((&again["files"][0]["already"], &again["files"][0]["kind"]), (&json!(2), &json!("household")));
    world.settle();
    let township = &world.town.township;
    let seen = rows(township, &["户"]);
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[0]["values"],
        json!({"household": "H001", "persons": 3, "grid": "110112119201001", "resident": "yes"})
    );
    assert_eq!(
        (&seen[0]["org_name"], &seen[0]["author_name"], &seen[0]["by"]),
        (&json!("谢楼村"), &json!("谢楼村"), &json!("W07"))
    );
    assert_eq!(value(township, "petition", "0001", "about"), "道路, 积水");
    assert_eq!(rows(township, &["step", "--where", "what=办结"]).len(), 1);
    assert_eq!(rows(township, &["step", "--where", "办理=closed", "--village", "谢楼村"])[0]["key"], "petition/0001/2");
    let mistyped = township.cli(&["rows", "step", "--where", "办法=办结"]);
    assert_eq!(mistyped.refusal(), "XY-171");
    assert!(mistyped.json()["error"]["detail"].to_string().contains("办理 what"), "{mistyped:?}");
    a_page_goes_on(township);
    it_can_be_taken_along(&world);
}

fn a_page_goes_on(node: &Node) {
    let first = node.get("/rows", &[("form", "household"), ("limit", "1")]);
    let after = first["next"].as_str().unwrap();
    let second = node.get("/rows", &[("form", "household"), ("limit", "1"), ("after", after)]);
    assert_eq!((&first["rows"][0]["key"], &second["rows"][0]["key"]), (&json!("H001"), &json!("H002")));
    assert!(second.get("next").is_none(), "{second}");
}

/// What the township exports, in either language and format, another village of another township imports.
fn it_can_be_taken_along(world: &World) {
    let other = World::new();
    for (form, ending, lang) in [("household", "xlsx", "zh"), ("信访", "csv", "zh"), ("step", "csv", "en")] {
        let out = world.town.folder().join(format!("{form}.{ending}"));
        let out = out.to_str().unwrap();
        world.town.township.cli(&["export", form, "--format", ending, "--out", out, "--lang", lang]).ok();
        other.village.cli(&["import", out]).ok();
        let kept = |node: &Node| {
            let of = |row: &Value| (row["key"].clone(), row["values"].clone(), row["by"].clone());
            rows(node, &[form]).iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(kept(&other.village), kept(&world.village), "{form}");
    }
}

#[test]
fn corrections_written_apart_are_shown_to_both_until_one_decides() {
    let world = World::new();
    world.import("户.csv", HOUSEHOLDS);
    world.settle();
    world.apart(|world| {
        let corrected =
            world.village.cli(&["put", "户", "户号=H001", "人口数=4", "--amend", "--why", "新生儿", "--by", "W07"]);
        assert_eq!(corrected.ok()["results"][0]["became"], "new");
        let by_township =
            ["put", "household", "household=H001", "persons=2", "--amend", "--why", "核对", "--village", "谢楼村"];
        assert_eq!(world.town.township.cli(&by_township).ok()["results"][0]["became"], "new");
    });
    for node in [&world.village, &world.town.township] {
        let inbox = node.cli(&["inbox"]).ok();
        assert_eq!(inbox["total"], 1, "{inbox}");
        let conflict = &inbox["conflicts"][0];
        assert_eq!(
            (&conflict["what"], &conflict["form"], &conflict["key"]),
            (&json!("row"), &json!("household"), &json!("H001"))
        );
        let said = conflict["versions"].as_array().unwrap().iter().filter(|version| version["latest"] == true);
        let mut said: Vec<_> =
            said.map(|v| (v["author"].to_string(), v["values"]["persons"].clone(), v["why"].clone())).collect();
        said.sort_by_key(|(author, ..)| author.len());
        let of = |code: &str| format!("\"{code}\"");
        assert_eq!(said, [(of(TOWNSHIP), json!(2), json!("核对")), (of(VILLAGE), json!(4), json!("新生儿"))]);
        assert_eq!(rows(node, &["户", "--key", "H001"])[0]["undecided"], true);
    }
    let left_out = ["put", "户", "户号=H001", "常住=是", "--amend", "--why", "x"];
    assert_eq!(world.village.cli(&left_out).refusal(), "XY-177", "what they differ in has to be said");
    world.village.cli(&["put", "户", "户号=H001", "人口数=4", "--amend", "--why", "已与镇里核对"]).ok();
    world.settle();
    for node in [&world.village, &world.town.township] {
        assert_eq!(node.cli(&["inbox"]).ok()["total"], 0);
        assert_eq!(value(node, "户", "H001", "persons"), 4);
        assert_eq!(value(node, "户", "H001", "grid"), "110112119201001", "what was left out stays");
        assert_eq!(rows(node, &["户", "--key", "H001", "--versions"]).len(), 4);
    }
}

#[test]
fn a_row_that_is_there_is_corrected_and_withdrawn_on_purpose_alone() {
    let world = World::new();
    let village = &world.village;
    village.cli(&["put", "household", "household=H1", "persons=3"]).ok();
    assert_eq!(village.cli(&["put", "household", "household=H1", "persons=3"]).ok()["results"][0]["became"], "already");
    assert_eq!(village.cli(&["put", "household", "household=H1", "persons=4"]).refusal(), "XY-172");
    let without_reason = village.cli(&["put", "household", "household=H1", "persons=4", "--amend"]);
    assert_eq!((without_reason.code, without_reason.refusal().as_str()), (2, "XY-310"));
    let seen = json!({"form": "household", "rows": [{"户号": "H1", "人口数": 4}], "amend": {"version": 1}, "why": "x"});
    assert_eq!(village.post("/rows", &seen)["results"][0]["became"], "new");
    let stale =
        json!({"form": "household", "rows": [{"户号": "H1", "人口数": 5}], "amend": {"version": 1}, "why": "x"});
    assert_eq!(village.post("/rows", &stale)["results"][0]["problems"][0]["refusal"]["code"], "XY-173");
    let file = world.file("更正.csv", "户号,人口数\nH1,6\nH2,1\n");
    let file = file.to_str().unwrap();
    let refused = village.cli(&["import", file]).json();
    assert_eq!(
        (&refused["accepted"], &refused["problems"][0]["code"], &refused["problems"][0]["column"]),
        (&json!(false), &json!("XY-172"), &json!("户号"))
    );
    village.cli(&["import", file, "--amend", "--why", "年度核对"]).ok();
    assert_eq!(rows(village, &["户", "--key", "H1"])[0]["why"], "年度核对");
    assert_eq!(village.cli(&["withdraw", "户", "H9", "--why", "x"]).refusal(), "XY-174");
    village.cli(&["withdraw", "户", "H1", "--why", "重复登记", "--by", "W07"]).ok();
    world.settle();
    for node in [village, &world.town.township] {
        assert!(rows(node, &["户", "--key", "H1"]).is_empty());
        let versions = rows(node, &["户", "--key", "H1", "--versions"]);
        assert_eq!(versions.len(), 4);
        assert_eq!((&versions[3]["void"], &versions[3]["why"]), (&json!(true), &json!("重复登记")));
    }
}

#[test]
fn accusations_stay_at_the_township_and_people_at_their_village() {
    let world = World::new();
    let accusation = ["put", "信访", "编号=J001", "收到日期=2021-03-05", "渠道=来信", "类别=检举控告"];
    assert_eq!(world.village.cli(&accusation).refusal(), "XY-175");
    let file = world.file("检举.csv", "编号,收到日期,渠道,类别\nJ001,2021-03-05,来信,检举控告\n");
    let report = world.village.cli(&["import", file.to_str().unwrap()]).json();
    assert_eq!((&report["problems"][0]["code"], &report["problems"][0]["column"]), (&json!("XY-175"), &json!("类别")));
    let township = &world.town.township;
    township.cli(&accusation).ok();
    world.village.cli(&["put", "照料需求", "人员=R001", "类别=高龄", "起始日期=2021-01-05"]).ok();
    world.village.cli(&["put", "household", "household=H1", "persons=3"]).ok();
    wait_until_ok("the household at the township", 20, || match rows(township, &["household"]).len() {
        1 => Ok(()),
        other => Err(format!("{other} households")),
    });
    wait_until("the line is quiet", 20, || {
        // What the village alone holds is the only difference there may be.
        world.town.difference(&world.village).err().is_some_and(|what| what.starts_with("110112119201/people"))
    });
    assert!(rows(&world.village, &["petition"]).is_empty());
    assert_eq!(rows(township, &["petition"])[0]["org"], TOWNSHIP);
    assert!(rows(township, &["care_need"]).is_empty());
    assert_eq!(rows(&world.village, &["care_need"]).len(), 1);
}

#[test]
fn mistakes_are_told_with_what_is_allowed_in_both_languages() {
    let world = World::new();
    let village = &world.village;
    for (line, code, hint) in [
        (&["put", "houshold", "household=H1"][..], "XY-170", "household"),
        (&["put", "户", "户号=H1", "人口=3"], "XY-171", "人口数 persons"),
        (&["put", "petition", "case=1", "date=2021-01-05", "channel=来访", "class=投诉"], "XY-105", "申诉求决 request"),
        (&["put", "户", "户号=李某", "人口数=3"], "XY-150", "户号"),
        (&["put", "户", "户号=H1", "人口数=100"], "XY-104", "0–99"),
        (&["put", "户", "户号=H1"], "XY-106", "persons"),
        (&["put", "merchant", "merchant=养老驿站", "from=2021-01-01"], "XY-113", "养老驿站"),
        (&["put", "grid", "grid=110112119201001", "--village", "西村"], "XY-114", "西村"),
        (&["put", "step", "of=信访", "case=9", "step=1", "date=2021-01-05", "what=受理"], "XY-174", "petition 9"),
        (
            &["put", "close", "month=2021-01", "date=2021-02-01", "state=已结账", "villages=1", "missing=0"],
            "XY-130",
            "",
        ),
        (&["withdraw", "step", "9", "--why", "x"], "XY-106", "步骤号 step"),
        (&["export", "houshold", "--format", "csv", "--out", "-"], "XY-105", "household"),
        (&["form", "信"], "XY-170", "信访"),
    ] {
        let answer = village.cli(line);
        assert_eq!(answer.refusal(), code, "{line:?}: {answer:?}");
        let error = &answer.json()["error"];
        assert!(error["detail"].as_str().unwrap().contains(hint), "{line:?}: {error}");
        for message in ["message_zh", "message_en", "advice_zh", "advice_en"] {
            assert!(!error[message].as_str().unwrap().is_empty(), "{error}");
        }
    }
    let several = world.file("several.csv", "case,date,class\nS1,2021-01-05,other\n");
    let several = several.to_str().unwrap();
    let refused = village.cli(&["import", several]).json();
    assert_eq!(refused["problems"][0]["code"], "XY-176", "{refused}");
    assert_eq!(village.cli(&["import", several, "--kind", "服务"]).ok()["files"][0]["new"], 1);
    let at_township = world.town.township.cli(&["put", "household", "household=H1", "persons=3"]);
    assert_eq!(at_township.refusal(), "XY-106", "whose?");
    let body =
        json!({"form": "户", "rows": [{"户号": "H1", "人口数": 3}, {"户号": "H2"}, {"户号": "H3", "人口数": 1}]});
    let answer = village.post("/rows", &body);
    let became: Vec<_> = answer["results"].as_array().unwrap().iter().map(|r| r["became"].clone()).collect();
    assert_eq!(became, ["withheld", "refused", "withheld"]);
    assert!(rows(village, &["户"]).is_empty(), "nothing unless everything is good");
    assert_eq!(village.get("/forms", &[])["forms"][0]["name"], "community");
}
