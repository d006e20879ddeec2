//! Work that has a beginning and an end: petitions, disputes, errands, tasks, leases (article C1, C2, Q5, Q7, Y2, Y3,
//! S3–S5).
//!
//! A case is one row that says what came in, and steps that say what became of it. Where it stands follows from its
//! steps alone, in the order of their days.

use super::field::{Field, Type, Word, YES_NO, word};
use super::{Form, Home, Row, Writers, anything};
use crate::error::{Code, Refusal};
use crate::id::Kind;
use crate::org::Level;

const ABOUT: Type = Type::Text(600);
const GRID: Type = Type::Org(Level::Grid);
/// The ladder on which a case is held (article S4).
const LADDER: &[Word] = &[word("grid", "网格"), word("village", "村"), word("township", "镇"), word("county", "县")];

/// A petition (信访件).
pub static PETITION: Form = Form {
    name: "petition",
    zh: "信访",
    about_zh: "信访件：分级、分类、分流；检举控告只登记在镇里",
    about: "a petition, graded and classified; accusations are entered at the township alone",
    article: "C1",
    home: Home::Either(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("case", "信访编号", Type::Code).also("编号"),
        Field::need("date", "收到日期", Type::Past).dating(),
        Field::need(
            "channel",
            "渠道",
            Type::One(&[
                word("letter", "来信"),
                word("visit", "来访"),
                word("phone", "来电"),
                word("online", "网上"),
                word("handed", "交办"),
            ]),
        ),
        Field::need(
            "class",
            "类别",
            Type::One(&[word("suggestion", "建议意见"), word("accusation", "检举控告"), word("request", "申诉求决")]),
        ),
        Field::may("level", "级别", Type::Number(1, 4)),
        Field::may("grid", "网格编码", GRID),
        Field::may("accused", "被反映单位", Type::Code),
        Field::may("linked", "关联编号", Type::Code),
        Field::may("about", "摘要", ABOUT),
    ],
    check: anything,
    belongs_to: None,
};

/// A dispute (矛盾纠纷).
pub static DISPUTE: Form = Form {
    name: "dispute",
    zh: "纠纷",
    about_zh: "排查或接报的矛盾纠纷",
    about: "a dispute that was found or reported",
    article: "C2 Q7 S3",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("case", "纠纷编号", Type::Code).also("编号"),
        Field::need("date", "发现日期", Type::Past).dating(),
        Field::need(
            "class",
            "类型",
            Type::One(&[
                word("marriage", "婚姻家庭"),
                word("support", "赡养"),
                word("neighbour", "邻里"),
                word("land", "土地"),
                word("debt", "债务"),
                word("property", "集体资产"),
                word("other", "其他"),
            ]),
        ),
        Field::need(
            "source",
            "来源",
            Type::One(&[
                word("screening", "排查"),
                word("petition", "信访"),
                word("lawsuit", "诉讼"),
                word("police", "报警"),
                word("resident", "群众反映"),
            ]),
        ),
        Field::may("grid", "网格编码", GRID),
        Field::may("linked", "关联编号", Type::Code),
        Field::may("about", "摘要", ABOUT),
    ],
    check: anything,
    belongs_to: None,
};

/// An errand that a resident asks for (代办服务).
pub static ERRAND: Form = Form {
    name: "errand",
    zh: "服务",
    about_zh: "群众诉求和代办服务事项：提出、指派、办结、群众确认",
    about: "an errand asked for by a resident: raised, assigned, done, confirmed",
    article: "Y2 Y3 Q5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("case", "服务编号", Type::Code).also("编号"),
        Field::need("date", "提出日期", Type::Past).dating(),
        Field::need(
            "class",
            "类型",
            Type::One(&[
                word("errand", "代办"),
                word("emergency", "应急"),
                word("care", "照料"),
                word("request", "诉求"),
                word("other", "其他"),
            ]),
        ),
        Field::may("household", "户号", Type::Person),
        Field::may("area", "责任区编码", Type::Code),
        Field::may("grid", "网格编码", GRID),
        Field::may("about", "摘要", ABOUT),
    ],
    check: anything,
    belongs_to: None,
};

/// A task of a grid (网格任务).
pub static TASK: Form = Form {
    name: "task",
    zh: "任务",
    about_zh: "网格任务清单中的事项：网格上报，镇里分派",
    about: "an item of the grid task list: raised by a grid, dispatched by the township",
    article: "Q5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("case", "任务编号", Type::Code).also("编号"),
        Field::need("date", "上报日期", Type::Past).dating(),
        Field::need(
            "class",
            "事项",
            Type::One(&[
                word("party", "党的建设"),
                word("disputes", "矛盾化解"),
                word("emergency", "应急管理"),
                word("welfare", "社会保障"),
                word("forest", "护林防火"),
                word("poverty", "脱贫攻坚"),
                word("flood", "防汛"),
            ]),
        ),
        Field::may(
            "officer",
            "几大员",
            Type::One(&[
                word("police", "警务助理"),
                word("lawyer", "法律顾问"),
                word("animal", "动物防疫员"),
                word("health", "卫生计生专干主任"),
                word("united_front", "统战联络员"),
                word("food", "食品安全监管员"),
            ]),
        ),
        Field::may("grid", "网格编码", GRID),
        Field::may("department", "承办部门", Type::Text(96)),
        Field::may("due", "办理期限", Type::Day),
        Field::may("about", "摘要", ABOUT),
    ],
    check: anything,
    belongs_to: None,
};

/// A step of a case (办理过程).
pub static STEP: Form = Form {
    name: "step",
    zh: "办理",
    about_zh: "信访、纠纷、服务、任务的办理过程，一步一行",
    about: "a step of a petition, dispute, errand or task, one row each",
    article: "C1 C2 Q5 S4 Y2 Y3",
    home: Home::Either(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key(
            "of",
            "事项类别",
            Type::One(&[
                word("petition", "信访"),
                word("dispute", "纠纷"),
                word("errand", "服务"),
                word("task", "任务"),
            ]),
        ),
        Field::key("case", "编号", Type::Code),
        Field::key("step", "步骤号", Type::Code),
        Field::need("date", "日期", Type::Past),
        Field::need(
            "what",
            "办理",
            Type::One(&[
                word("accepted", "受理"),
                word("assigned", "交办"),
                word("moved", "流转"),
                word("extended", "延期"),
                word("closed", "办结"),
                word("confirmed", "群众确认"),
                word("reopened", "退回重办"),
                word("review", "复查"),
                word("second_review", "复核"),
                word("reviewed", "复查复核办结"),
            ]),
        ),
        Field::may("holder", "承办层级", Type::One(LADDER)),
        Field::may("days", "延期天数", Type::Number(1, 30)),
        Field::may("satisfied", "满意", YES_NO),
        Field::may("note", "说明", ABOUT),
    ],
    check: step,
    belongs_to: Some(case_of_step),
};

/// A lease of collective property (集体资产租赁).
pub static LEASE: Form = Form {
    name: "lease",
    zh: "租赁",
    about_zh: "集体资产租赁：租金与应付日期",
    about: "a lease of collective property: rent and the day on which it is due",
    article: "S5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("lease", "合同编号", Type::Code),
        Field::need("date", "签订日期", Type::Past).dating(),
        Field::need("asset", "资产", Type::Text(96)),
        Field::need("lessee", "承租人", Type::Person),
        Field::need("amount", "租金（元）", Type::Fen),
        Field::need("due", "应付日期", Type::Day),
        Field::may("linked", "关联编号", Type::Code),
    ],
    check: anything,
    belongs_to: None,
};

/// A payment for a lease (缴租).
pub static PAYMENT: Form = Form {
    name: "payment",
    zh: "缴租",
    about_zh: "集体资产租金的缴纳",
    about: "a payment for a lease of collective property",
    article: "S5",
    home: Home::Village(Kind::Cases),
    writers: Writers::Both,
    fields: &[
        Field::key("lease", "合同编号", Type::Code),
        Field::key("slip", "凭证号", Type::Code),
        Field::need("date", "日期", Type::Past),
        Field::need("amount", "金额（元）", Type::Fen),
    ],
    check: anything,
    belongs_to: Some(lease_of_payment),
};

/// An extension says for how long and why.
fn step(row: &Row) -> Result<(), Refusal> {
    let missing = |column| Err(Refusal::new(Code::MissingValue, column));
    match row.text("what") {
        "extended" if row.number("days").is_none() => missing("延期天数 days"),
        "extended" if row.text("note").is_empty() => missing("说明 note"),
        "moved" if row.text("holder").is_empty() => missing("承办层级 holder"),
        _ => Ok(()),
    }
}

fn case_of_step(row: &Row) -> Option<(&'static Form, String)> {
    Some((super::find(row.text("of"))?, row.text("case").to_owned()))
}

fn lease_of_payment(row: &Row) -> Option<(&'static Form, String)> {
    Some((&LEASE, row.text("lease").to_owned()))
}
