//! What concerns single people, and the village charter (article L12, L13).

use super::field::{Field, Type, YES_NO, word};
use super::organisation::ends_after_start;
use super::{Form, Home, Writers, anything};
use crate::id::Kind;

const MANY: Type = Type::Number(0, 1_000_000);

/// A frail person whom volunteers look after (照料对象).
pub static CARE_NEED: Form = Form {
    name: "care_need",
    zh: "照料需求",
    about_zh: "需要送餐、照料的老人和残疾人；仅保存在本村",
    about: "a frail person whom volunteers look after; kept at the village alone",
    article: "L13",
    home: Home::Village(Kind::People),
    writers: Writers::Own,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::need(
            "class",
            "类别",
            Type::One(&[word("elder", "高龄"), word("disabled", "残疾"), word("other", "其他")]),
        ),
        Field::need("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// A meal or visit (送餐、走访).
pub static CARE_VISIT: Form = Form {
    name: "care_visit",
    zh: "照料",
    about_zh: "送餐、走访的日期；仅保存在本村",
    about: "a day on which a meal was carried or a visit paid; kept at the village alone",
    article: "L13",
    home: Home::Village(Kind::People),
    writers: Writers::Own,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("date", "日期", Type::Past),
        Field::may("what", "内容", Type::One(&[word("meal", "送餐"), word("visit", "走访")])),
    ],
    check: anything,
    belongs_to: None,
};

/// A guardian's consent (监护人同意).
pub static CONSENT: Form = Form {
    name: "consent",
    zh: "监护人同意",
    about_zh: "监护人对未成年人打卡、上榜的同意；仅保存在本村",
    about: "a guardian's consent to a minor's check-ins or place on a board; kept at the village alone",
    article: "L6",
    home: Home::Village(Kind::People),
    writers: Writers::Own,
    fields: &[
        Field::key("person", "人员", Type::Person),
        Field::key("for", "事项", Type::One(&[word("checkin", "打卡"), word("board", "上榜"), word("photo", "照片")])),
        Field::need("guardian", "监护人", Type::Person),
        Field::need("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// A clause of the village charter (村规民约条款). A round's new wording is the next version of its clause; two
/// wordings of one version that were written apart are both shown, for people to decide.
pub static CLAUSE: Form = Form {
    name: "clause",
    zh: "条款",
    about_zh: "村规民约条款，逐条修订",
    about: "a clause of the village charter, revised one by one",
    article: "L12",
    home: Home::Village(Kind::Charter),
    writers: Writers::Own,
    fields: &[
        Field::key("clause", "条号", Type::Number(1, 999)),
        Field::need("text", "内容", Type::Text(1024)),
        Field::may("round", "轮次", Type::Number(1, 99)),
    ],
    check: anything,
    belongs_to: None,
};

/// A round of visits about the charter (征求意见).
pub static ROUND: Form = Form {
    name: "round",
    zh: "征求意见",
    about_zh: "村规民约征求意见的轮次",
    about: "a round of visits about the charter",
    article: "L12",
    home: Home::Village(Kind::Charter),
    writers: Writers::Own,
    fields: &[
        Field::key("round", "轮次", Type::Number(1, 99)),
        Field::need("from", "起始日期", Type::Past),
        Field::may("to", "终止日期", Type::Day),
        Field::may("households", "走访户数", MANY),
    ],
    check: ends_after_start,
    belongs_to: None,
};

/// A comment on the charter (意见).
pub static COMMENT: Form = Form {
    name: "comment",
    zh: "意见",
    about_zh: "对村规民约的意见",
    about: "a comment on the charter",
    article: "L12",
    home: Home::Village(Kind::Charter),
    writers: Writers::Both,
    fields: &[
        Field::key("comment", "意见编号", Type::Code).also("编号"),
        Field::need("round", "轮次", Type::Number(1, 99)),
        Field::may("clause", "条号", Type::Number(1, 999)),
        Field::may("person", "提出人", Type::Person),
        Field::need("text", "内容", Type::Text(1024)),
    ],
    check: anything,
    belongs_to: None,
};

/// The adoption of the charter (表决), or of anything else that needs the village's own resolution.
pub static ADOPTION: Form = Form {
    name: "adoption",
    zh: "表决",
    about_zh: "村民会议表决：村规民约，启用打卡、启用榜单、采用积分规则",
    about: "a resolution of the village: adopts the charter, or switches check-ins or boards on",
    article: "L4 L6 L12 Y4",
    home: Home::Village(Kind::Charter),
    writers: Writers::Own,
    fields: &[
        Field::key(
            "of",
            "事项",
            Type::One(&[
                word("charter", "村规民约"),
                word("checkin", "启用打卡"),
                word("board", "启用榜单"),
                word("rules", "采用积分规则"),
            ]),
        ),
        Field::key("date", "日期", Type::Past),
        Field::need("in_favour", "同意", MANY),
        Field::need("against", "反对", MANY),
        Field::may("abstained", "弃权", MANY),
        Field::need("adopted", "通过", YES_NO),
    ],
    check: anything,
    belongs_to: None,
};
