//! The township below its villages: communities, natural villages, grids, households, who holds which office and who
//! answers for whom (article B1, Q1–Q4, Q10, C3, C5, S1, Y1, Y6).

use super::field::{Field, Type, Word, YES_NO, word};
use super::{Form, Home, Row, Writers, anything};
use crate::error::{Code, Refusal};
use crate::id::Kind;
use crate::org::Level;

const NAME: Type = Type::Text(96);

/// Party organisations, from the top of a community down to a grid (article Q1).
const PARTY: Type = Type::One(&[
    word("committee", "党委"),
    word("general_branch", "党总支"),
    word("branch", "党支部"),
    word("group", "党小组"),
    word("none", "无"),
]);

/// A community (社区) of several villages, with its party committee.
pub static COMMUNITY: Form = Form {
    name: "community",
    zh: "社区",
    about_zh: "社区及其党组织",
    about: "a community of several villages, and its party organisation",
    article: "Q1",
    home: Home::Township(Kind::Directory),
    writers: Writers::Own,
    fields: &[
        Field::key("community", "社区编码", Type::Code),
        Field::need("name", "名称", NAME),
        Field::need("party_org", "党组织", PARTY),
    ],
    check: anything,
    belongs_to: None,
};

/// Area and population of a village or of the township, as of a day.
pub static PROFILE: Form = Form {
    name: "profile",
    zh: "概况",
    about_zh: "镇或村截至某日的面积、人口和所属社区",
    about: "area, population and community of the township or a village as of a day",
    article: "C5 Q1",
    home: Home::Township(Kind::Directory),
    writers: Writers::Own,
    fields: &[
        Field::key("unit", "单位编码", Type::Code),
        Field::key("as_of", "截至日期", Type::Past),
        Field::may("area_ha", "面积（公顷）", Type::Number(0, 100_000_000)),
        Field::may("population", "人口数", Type::Number(0, 100_000_000)),
        Field::may("community", "社区编码", Type::Code),
        Field::may("party_org", "党组织", PARTY),
    ],
    check: anything,
    belongs_to: None,
};

/// A governance centre (综治中心) and which of its four rooms, hall and platform exist.
pub static CENTRE: Form = Form {
    name: "centre",
    zh: "综治中心",
    about_zh: "县、镇、村综治中心的“四室一厅一平台”",
    about: "a governance centre: four rooms, one hall, one platform",
    article: "Q10",
    home: Home::Township(Kind::Directory),
    writers: Writers::Own,
    fields: &[
        Field::key("unit", "单位编码", Type::Code),
        Field::need(
            "level",
            "层级",
            Type::One(&[word("county", "县级"), word("township", "镇级"), word("village", "村级")]),
        ),
        Field::need("coordination", "综合协调室", YES_NO),
        Field::need("mediation", "矛盾调处室", YES_NO),
        Field::need("grid_office", "网格办公室", YES_NO),
        Field::need("video", "视频监控室", YES_NO),
        Field::need("reception", "群众接访大厅", YES_NO),
        Field::need("platform", "综治信息平台", YES_NO),
    ],
    check: anything,
    belongs_to: None,
};

/// A natural village (自然村) or villagers' group.
pub static HAMLET: Form = Form {
    name: "hamlet",
    zh: "自然村",
    about_zh: "自然村或村民小组",
    about: "a natural village or villagers' group",
    article: "Q1 C3",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("hamlet", "自然村编码", Type::Code).also("村民小组编码"),
        Field::need("name", "名称", NAME),
        Field::may("sort", "类别", Type::One(&[word("natural", "自然村"), word("group", "村民小组")])),
        Field::may("party_org", "党组织", PARTY),
    ],
    check: anything,
    belongs_to: None,
};

/// A grid (网格) of 50 to 100 households.
pub static GRID: Form = Form {
    name: "grid",
    zh: "网格",
    about_zh: "基础网格：以 50 至 100 户为宜",
    about: "a grid, of 50 to 100 households as a rule",
    article: "Q2 Q3",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("grid", "网格编码", Type::Org(Level::Grid)),
        Field::may("name", "名称", NAME),
        Field::may("hamlet", "自然村编码", Type::Code),
        Field::may("party_group", "党小组编码", Type::Code),
        Field::may("officer", "网格员", Type::Person),
        Field::may("tier", "层级", Type::Number(1, 3)),
    ],
    check: anything,
    belongs_to: None,
};

/// A household (户).
pub static HOUSEHOLD: Form = Form {
    name: "household",
    zh: "户",
    about_zh: "户及其人口、所在网格",
    about: "a household, its number of persons and its grid",
    article: "Q2 Q4",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("household", "户号", Type::Person).also("户"),
        Field::need("persons", "人口数", Type::Number(0, 99)).also("人数"),
        Field::may("grid", "网格编码", Type::Org(Level::Grid)),
        Field::may("hamlet", "自然村编码", Type::Code),
        Field::may("resident", "常住", YES_NO),
    ],
    check: anything,
    belongs_to: None,
};

/// Sex as coded by GB/T 2261.1.
const SEX: Type = Type::One(&[
    word("0", "未知").also("unknown"),
    word("1", "男").also("male m"),
    word("2", "女").also("female f"),
    word("9", "未说明").also("unspecified"),
]);

/// A person's role in the village from a day on (任职); earlier called the roster (名册). A term that ends is corrected.
pub static TERM: Form = Form {
    name: "term",
    zh: "任职",
    about_zh: "人员自某日起在村里担任的角色；任期结束时更正原记录",
    about: "a person's role in the village from a day on; when it ends, the record is corrected",
    article: "Q3 Q4 B1",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("role", "角色", Type::Label(64)),
        Field::key("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
        Field::may("household", "户号", Type::Person).also("户"),
        Field::may("grid", "网格编码", Type::Org(Level::Grid)).also("网格"),
        Field::may("sex", "性别", SEX),
        Field::may("born", "出生日期", Type::Past),
        Field::may("party", "政治面貌", Type::Text(64)),
        Field::may("education", "文化程度", Type::Text(64)),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// A party member's or officer's responsibility for a household (包联).
pub static PAIRING: Form = Form {
    name: "pairing",
    zh: "包联",
    about_zh: "党员包联户：每名党员以 5 至 10 户为宜",
    about: "a member's responsibility for a household, 5 to 10 households each as a rule",
    article: "Q4",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("member", "党员", Type::Person),
        Field::key("household", "户号", Type::Person),
        Field::key("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
        Field::may("grid", "网格编码", Type::Org(Level::Grid)),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// An area of a group that a steward answers for (责任区).
pub static AREA: Form = Form {
    name: "area",
    zh: "责任区",
    about_zh: "村民小组内划分的责任区",
    about: "an area that a steward answers for",
    article: "Y1",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("area", "责任区编码", Type::Code),
        Field::need("name", "名称", NAME),
        Field::may("hamlet", "村民小组编码", Type::Code),
    ],
    check: anything,
    belongs_to: None,
};

/// Who is assigned to what (article C3, S1, Y1).
const ROLES: &[Word] = &[
    word("steward", "农管家"),
    word("adviser", "法律顾问"),
    word("mediator", "调解员"),
    word("grid_officer", "网格员"),
    word("tier1", "一级网格长"),
    word("tier2", "二级网格长"),
    word("tier3", "三级网格员"),
    word("law_literate", "法律明白人"),
    word("agent", "信访代理员"),
];

/// A person's assignment to a village, group, grid, area or household.
pub static ASSIGNMENT: Form = Form {
    name: "assignment",
    zh: "任务分工",
    about_zh: "农管家、法律顾问、调解员、各级网格长等人员包到村、组、格、户",
    about: "who is assigned to which village, group, grid, area or household, and as what",
    article: "C3 S1 S2 Y1",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("role", "角色", Type::One(ROLES)),
        Field::key("target", "负责对象", Type::Code),
        Field::key("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
        Field::may(
            "chosen",
            "产生方式",
            Type::One(&[word("residents", "群众选择"), word("claimed", "党员认领"), word("appointed", "指派")]),
        ),
        Field::may("public", "已公示", YES_NO),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// A year's figures of an area of farming (article Y6).
pub static INDUSTRY: Form = Form {
    name: "industry",
    zh: "产业",
    about_zh: "产业坝区一年的面积、务工人数和收入",
    about: "an area of farming in a year: mu, workers, income",
    article: "Y6",
    home: Home::Village(Kind::Roster),
    writers: Writers::Both,
    fields: &[
        Field::key("place", "坝区编码", Type::Code),
        Field::key("year", "年份", Type::Number(1949, 9999)),
        Field::need("name", "名称", NAME),
        Field::may("mu", "面积（亩）", Type::Number(0, 10_000_000)),
        Field::may("workers", "务工人数", Type::Number(0, 1_000_000)),
        Field::may("income_person", "人均纯收入（元）", Type::Fen),
        Field::may("income_household", "户均收入（元）", Type::Fen),
    ],
    check: anything,
    belongs_to: None,
};

/// A last day is not before the first.
pub(super) fn ends_after_start(row: &Row) -> Result<(), Refusal> {
    match (row.date("from"), row.date("to")) {
        (Some(from), Some(to)) if to < from => Err(Refusal::new(Code::EndsBefore, format_args!("{to} < {from}"))),
        _ => Ok(()),
    }
}
