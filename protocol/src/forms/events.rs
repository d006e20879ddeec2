//! What happened on a day or in a month: sessions, incidents, roll-calls, allowances, study, activities (article C4, L5,
//! Q6–Q9, Q11, S2, Y2).

use super::field::{Field, Type, YES_NO, word};
use super::{Form, Home, Writers, anything};
use crate::id::Kind;
use crate::org::Level;

const NAME: Type = Type::Text(96);
const GRID: Type = Type::Org(Level::Grid);
const MANY: Type = Type::Number(0, 1_000_000);

/// A publicity session or training (宣传、培训).
pub static SESSION: Form = Form {
    name: "session",
    zh: "宣传培训",
    about_zh: "宣传活动、培训、法治讲座",
    about: "a publicity session, training or lecture",
    article: "Q7 S2 Y2",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("session", "场次编号", Type::Code).also("编号"),
        Field::need("date", "日期", Type::Past).dating(),
        Field::need(
            "class",
            "类型",
            Type::One(&[
                word("publicity", "宣传"),
                word("training", "培训"),
                word("lecture", "法治讲堂"),
                word("culture", "文化活动"),
            ]),
        ),
        Field::may("topic", "主题", NAME),
        Field::may("attended", "参加人数", MANY),
        Field::may("grid", "网格编码", GRID),
    ],
    check: anything,
    belongs_to: None,
};

/// Something that counts in the safety index beside disputes and petitions (article Q11).
pub static INCIDENT: Form = Form {
    name: "incident",
    zh: "警情",
    about_zh: "12345 热线、治安和刑事案件、森林火情",
    about: "a hotline call, police case or forest fire, as the safety index counts them",
    article: "Q11",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("incident", "警情编号", Type::Code).also("编号"),
        Field::need("date", "日期", Type::Past).dating(),
        Field::need(
            "class",
            "类型",
            Type::One(&[
                word("call", "12345热线"),
                word("public_order", "治安案件"),
                word("criminal", "刑事案件"),
                word("fire", "森林火情"),
            ]),
        ),
        Field::may("grid", "网格编码", GRID),
    ],
    check: anything,
    belongs_to: None,
};

/// A leader's reception of residents (接访).
pub static RECEPTION: Form = Form {
    name: "reception",
    zh: "接访",
    about_zh: "领导接访、下访、约访",
    about: "a leader's reception of residents: in the office, in the village, at home",
    article: "C4",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("reception", "接访编号", Type::Code).also("编号"),
        Field::need("date", "日期", Type::Past).dating(),
        Field::need("leader", "接访领导", Type::Person),
        Field::need(
            "mode",
            "方式",
            Type::One(&[word("office", "坐班接访"), word("village", "带案下访"), word("home", "上门走访")]),
        ),
        Field::may("received", "接待人次", MANY),
        Field::may("linked", "关联编号", Type::Code),
    ],
    check: anything,
    belongs_to: None,
};

/// A month's appraisal of a petition agent (代理员考评).
pub static APPRAISAL: Form = Form {
    name: "appraisal",
    zh: "考评",
    about_zh: "信访代理员每月考评",
    about: "a month's appraisal of a petition agent",
    article: "C4",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("month", "月份", Type::Month).dating(),
        Field::need("score", "得分", Type::Number(0, 100)),
    ],
    check: anything,
    belongs_to: None,
};

/// A month's roll-call in a grid (一月一点验).
pub static ROLL_CALL: Form = Form {
    name: "roll_call",
    zh: "点验",
    about_zh: "一月一点验：应到、实到",
    about: "the monthly roll-call of a grid: due and present",
    article: "Q9",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("grid", "网格编码", GRID),
        Field::key("month", "月份", Type::Month).dating(),
        Field::need("due", "应到人数", MANY),
        Field::need("present", "实到人数", MANY),
    ],
    check: anything,
    belongs_to: None,
};

/// A month's allowance for lost work (误工补贴).
pub static ALLOWANCE: Form = Form {
    name: "allowance",
    zh: "补贴",
    about_zh: "网格员误工补贴，按月",
    about: "a grid officer's allowance for lost work in a month",
    article: "Q8",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("officer", "网格员", Type::Person),
        Field::key("grid", "网格编码", GRID),
        Field::key("month", "月份", Type::Month).dating(),
        Field::need("amount", "金额（元）", Type::Fen),
    ],
    check: anything,
    belongs_to: None,
};

/// How much a person or village plans to study in a year (学法计划).
pub static STUDY_PLAN: Form = Form {
    name: "study_plan",
    zh: "学法计划",
    about_zh: "年度学法计划：计划学法日数",
    about: "a year's plan of study days",
    article: "S2",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("year", "年份", Type::Number(1949, 9999)).dating(),
        Field::need("days", "计划天数", Type::Number(1, 366)),
    ],
    check: anything,
    belongs_to: None,
};

/// A study day (学法日).
pub static STUDY: Form = Form {
    name: "study",
    zh: "学法",
    about_zh: "学法日签到",
    about: "a study day that a person took part in",
    article: "S2",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("date", "日期", Type::Past).dating(),
        Field::may("topic", "主题", NAME),
    ],
    check: anything,
    belongs_to: None,
};

/// A volunteers' activity (志愿活动).
pub static ACTIVITY: Form = Form {
    name: "activity",
    zh: "活动",
    about_zh: "志愿服务、垃圾分类、送餐等活动",
    about: "an activity: volunteering, waste sorting, meal delivery",
    article: "L5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("activity", "活动编号", Type::Code),
        Field::need("date", "日期", Type::Past).dating(),
        Field::need(
            "class",
            "类型",
            Type::One(&[
                word("volunteering", "志愿服务"),
                word("waste", "垃圾分类"),
                word("meals", "送餐"),
                word("class", "课程"),
                word("other", "其他"),
            ]),
        ),
        Field::may("name", "名称", NAME),
        Field::may("quota", "名额", MANY),
    ],
    check: anything,
    belongs_to: None,
};

/// A person's part in an activity.
pub static ATTENDANCE: Form = Form {
    name: "attendance",
    zh: "参加",
    about_zh: "参加活动的人员",
    about: "who took part in an activity",
    article: "L5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("activity", "活动编号", Type::Code),
        Field::key("person", "人员", Type::Person),
        Field::may("youth", "青少年", YES_NO),
    ],
    check: anything,
    belongs_to: Some(|row| Some((&ACTIVITY, row.text("activity").to_owned()))),
};

/// A grid's risk card (网格风险卡片). How many, not who: particulars of people are not for this table.
pub static RISK_CARD: Form = Form {
    name: "risk_card",
    zh: "风险卡",
    about_zh: "一格一卡：重点人员、部位、场所的数目",
    about: "a grid's risk card: how many key people, sites and places",
    article: "Q6",
    home: Home::Village(Kind::Grid),
    writers: Writers::Both,
    fields: &[
        Field::key("grid", "网格编码", GRID),
        Field::need("date", "梳理日期", Type::Past),
        Field::need("people", "重点人员", MANY),
        Field::need("sites", "重点部位", MANY),
        Field::need("places", "重点场所", MANY),
        Field::may("note", "说明", Type::Text(600)),
    ],
    check: anything,
    belongs_to: None,
};
