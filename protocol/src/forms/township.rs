//! What the township sets, and what it has closed and published (article L9, L11, Q5, Q11, Y4).

use super::field::{Field, Type, Word, word};
use super::organisation::ends_after_start;
use super::{Form, Home, Writers, anything};
use crate::id::Kind;
use crate::org::Level;
use crate::schema::line::check_option;

const NAME: Type = Type::Text(96);
const POINTS: Type = Type::Number(0, 1_000_000);

/// A merchant's agreement (商户协议).
pub static MERCHANT: Form = Form {
    name: "merchant",
    zh: "商户协议",
    about_zh: "签约爱心商户：期限、每积分结算金额、服务",
    about: "a contracted merchant: term, money for a point, services",
    article: "L9",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("merchant", "商户", Type::Org(Level::Merchant)),
        Field::key("from", "起始日期", Type::Day).dating(),
        Field::may("to", "终止日期", Type::Day),
        Field::may("point_worth", "每积分金额（元）", Type::Fen),
        Field::may("services", "服务内容", Type::Text(300)),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// One price of an item (价目): an item has many, by option and by age.
pub static PRICE: Form = Form {
    name: "price",
    zh: "价目",
    about_zh: "兑换项的价目：按规格、按年龄优惠",
    about: "a price of an item, by option and with a concession by age",
    article: "L11",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("item", "兑换项", Type::Code),
        Field::key("option", "规格", Type::Code),
        Field::key("min_age", "起始年龄", Type::Number(0, 150)),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("points", "积分", POINTS),
    ],
    check: |row| check_option(row.text("option")),
    belongs_to: None,
};

/// A board (榜单) and how many medals it has.
pub static BOARD: Form = Form {
    name: "board",
    zh: "榜单",
    about_zh: "月评比、季上榜的榜单及金银铜牌数",
    about: "a board of quarterly medals",
    article: "Y4",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("board", "榜单编码", Type::Code),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("name", "名称", NAME),
        Field::need("gold", "金牌数", Type::Number(0, 99)),
        Field::need("silver", "银牌数", Type::Number(0, 99)),
        Field::need("bronze", "铜牌数", Type::Number(0, 99)),
        Field::may("ties", "并列", Type::One(&[word("share", "并列同奖"), word("earlier", "先到先得")])),
        Field::may("rule", "计分规则", Type::Code),
    ],
    check: anything,
    belongs_to: None,
};

/// The thresholds of a safety index (平安指数方案).
pub static INDEX_SCHEME: Form = Form {
    name: "index_scheme",
    zh: "平安指数方案",
    about_zh: "平安指数的四色阈值和小数下限",
    about: "a safety index: thresholds of its four colours, and from how many residents on it has a colour",
    article: "Q11",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("scheme", "方案", Type::Number(1, 999)),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("green", "绿色起点", Type::Number(0, 100)),
        Field::need("yellow", "黄色起点", Type::Number(0, 100)),
        Field::need("orange", "橙色起点", Type::Number(0, 100)),
        Field::may("floor", "定色人口下限", Type::Number(0, 1_000_000)),
    ],
    check: anything,
    belongs_to: None,
};

/// What the safety index counts (article Q11).
const MEASURES: &[Word] = &[
    word("disputes", "矛盾纠纷"),
    word("petitions", "信访"),
    word("calls", "12345热线"),
    word("cases", "治安和刑事案件"),
    word("fires", "护林防火"),
];

/// The weight of one measure in a safety index.
pub static INDEX_WEIGHT: Form = Form {
    name: "index_weight",
    zh: "平安指数权重",
    about_zh: "平安指数各项指标的权重和每件扣分",
    about: "weight of a measure in the safety index, and what one case takes off",
    article: "Q11",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("scheme", "方案", Type::Number(1, 999)),
        Field::key("measure", "指标", Type::One(MEASURES)),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("weight", "权重（%）", Type::Number(0, 100)),
        Field::need("each", "每件扣分", Type::Number(0, 100)),
    ],
    check: anything,
    belongs_to: None,
};

/// An item of the grid task list (网格任务清单).
pub static TASK_TYPE: Form = Form {
    name: "task_type",
    zh: "任务清单",
    about_zh: "网格任务清单",
    about: "an item of the grid task list",
    article: "Q5",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("item", "清单编码", Type::Code),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("name", "名称", NAME),
        Field::may("days", "办理天数", Type::Number(1, 366)),
    ],
    check: anything,
    belongs_to: None,
};

/// A number that the township sets (设置).
pub static SETTING: Form = Form {
    name: "setting",
    zh: "设置",
    about_zh: "镇里设定的数值及生效日期",
    about: "a number that the township sets, from a day on",
    article: "L1 Q2 Q4",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("setting", "设置项", Type::One(SETTINGS)),
        Field::key("from", "生效日期", Type::Day).dating(),
        Field::need("value", "数值", Type::Number(0, 1_000_000_000)),
    ],
    check: anything,
    belongs_to: None,
};

/// What can be set, with its default in [`default_setting`].
const SETTINGS: &[Word] = &[
    word("exemplar_points", "积分大户起点"),
    word("approve_above", "审批起点"),
    word("grid_least", "网格户数下限"),
    word("grid_most", "网格户数上限"),
    word("pairing_least", "包联户数下限"),
    word("pairing_most", "包联户数上限"),
    word("petition_accept_days", "信访受理天数"),
    word("petition_answer_days", "信访办理天数"),
    word("petition_review_days", "信访复查天数"),
];

/// What a setting is while the township has set nothing; of the threshold of approval, none.
pub fn default_setting(name: &str) -> i64 {
    match name {
        "exemplar_points" => 500,
        "grid_least" => 50,
        "grid_most" => 100,
        "pairing_least" => 5,
        "pairing_most" => 10,
        "petition_accept_days" => 15,
        "petition_answer_days" => 60,
        "petition_review_days" => 30,
        _ => 0,
    }
}

/// A month closed (月结) or opened again.
pub static CLOSE: Form = Form {
    name: "close",
    zh: "月结",
    about_zh: "某月结账；重新打开也有记录",
    about: "a month's figures are closed; reopening them is recorded too",
    article: "",
    home: Home::Township(Kind::Bulletin),
    writers: Writers::Own,
    fields: &[
        Field::key("month", "月份", Type::Month).dating(),
        Field::need("date", "日期", Type::Past),
        Field::need("state", "状态", Type::One(&[word("closed", "已结账"), word("reopened", "已重开")])),
        Field::need("villages", "应报村数", Type::Number(0, 100_000)),
        Field::need("missing", "未报村数", Type::Number(0, 100_000)),
        Field::may("missing_codes", "未报村", Type::Text(1024)),
    ],
    check: anything,
    belongs_to: None,
};

/// One figure of a closed month (月报数).
pub static FIGURE: Form = Form {
    name: "figure",
    zh: "月报数",
    about_zh: "结账时冻结的数字",
    about: "one figure as it stood when its month was closed",
    article: "",
    home: Home::Township(Kind::Bulletin),
    writers: Writers::Own,
    fields: &[
        Field::key("month", "月份", Type::Month).dating(),
        Field::key("unit", "单位编码", Type::Key(15)),
        Field::key("measure", "指标", Type::Key(24)),
        Field::key("label", "分类", Type::Key(24)),
        Field::need("value", "数值", Type::Number(i64::MIN, i64::MAX)),
    ],
    check: anything,
    belongs_to: None,
};

/// What came late to a closed month (调整数), entered with the next month that is closed.
pub static ADJUSTMENT: Form = Form {
    name: "adjustment",
    zh: "调整数",
    about_zh: "已结账月份的迟报和更正，计入下一个结账月份",
    about: "what came late to a closed month or was corrected, counted with the next month that is closed",
    article: "",
    home: Home::Township(Kind::Bulletin),
    writers: Writers::Own,
    fields: &[
        Field::key("month", "月份", Type::Month).dating(),
        Field::key("of", "调整月份", Type::Month),
        Field::key("unit", "单位编码", Type::Key(15)),
        Field::key("measure", "指标", Type::Key(24)),
        Field::key("label", "分类", Type::Key(24)),
        Field::need("value", "数值", Type::Number(i64::MIN, i64::MAX)),
    ],
    check: anything,
    belongs_to: None,
};

/// A medal of a quarter's board (article Y4).
pub static MEDAL: Form = Form {
    name: "medal",
    zh: "上榜",
    about_zh: "季度榜单的金银铜牌",
    about: "a medal of a quarter's board",
    article: "Y4",
    home: Home::Township(Kind::Bulletin),
    writers: Writers::Own,
    fields: &[
        Field::key("board", "榜单编码", Type::Code),
        Field::key("month", "季末月份", Type::Month).dating(),
        Field::key("account", "账户", Type::Person),
        Field::need(
            "medal",
            "奖牌",
            Type::One(&[word("gold", "金牌"), word("silver", "银牌"), word("bronze", "铜牌")]),
        ),
        Field::may("points", "积分", POINTS),
    ],
    check: anything,
    belongs_to: None,
};

/// A grid's safety index in a month (article Q11).
pub static INDEX_RESULT: Form = Form {
    name: "index_result",
    zh: "平安指数",
    about_zh: "网格某月的平安指数和颜色",
    about: "a grid's safety index in a month, and its colour",
    article: "Q11",
    home: Home::Township(Kind::Bulletin),
    writers: Writers::Own,
    fields: &[
        Field::key("grid", "网格编码", Type::Org(Level::Grid)),
        Field::key("month", "月份", Type::Month).dating(),
        Field::key("scheme", "方案", Type::Number(1, 999)),
        Field::need("score", "得分（百分之一）", Type::Number(0, 10_000)),
        Field::need(
            "colour",
            "颜色",
            Type::One(&[
                word("green", "绿"),
                word("yellow", "黄"),
                word("orange", "橙"),
                word("red", "红"),
                word("none", "不定色"),
            ]),
        ),
    ],
    check: anything,
    belongs_to: None,
};
