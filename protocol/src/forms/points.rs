//! What bears on points and is no entry (article L3, L11).

use super::field::{Field, Type};
use super::{Form, Home, Row, Writers, anything};
use crate::error::{Code, Refusal};
use crate::id::Kind;

/// Until when points may be spent (积分有效期). Without a row nothing expires, and with one nothing does by itself.
pub static VALIDITY: Form = Form {
    name: "validity",
    zh: "积分有效期",
    about_zh: "某日以前获得的积分可用到哪一天；到期后由人执行 expire，不会自动清零",
    about: "until when points may be spent that were earned up to a day; then a person runs `expire`, nothing does by itself",
    article: "L3",
    home: Home::Township(Kind::Rules),
    writers: Writers::Own,
    fields: &[
        Field::key("earned_to", "获得截止日期", Type::Day).dating(),
        Field::need("spend_until", "可用截止日期", Type::Day),
    ],
    check: spent_after_earned,
    belongs_to: None,
};

fn spent_after_earned(row: &Row) -> Result<(), Refusal> {
    match (row.date("earned_to"), row.date("spend_until")) {
        (Some(earned), Some(until)) if until < earned => {
            Err(Refusal::new(Code::EndsBefore, format_args!("{until} < {earned}")))
        }
        _ => Ok(()),
    }
}

/// From which day on an account's holder has a price for an age (年龄优待). It never leaves the village, and says no
/// birth date: any day from which the concession holds will do.
pub static CONCESSION: Form = Form {
    name: "concession",
    zh: "年龄优待",
    about_zh: "账户持有人自某日起享受某年龄的优惠价；不登记出生日期，不出村",
    about: "from which day on an account's holder pays the price for an age; no birth date, and it stays in the village",
    article: "L11",
    home: Home::Village(Kind::People),
    writers: Writers::Own,
    fields: &[
        Field::key("account", "账户", Type::Person),
        Field::key("age", "年龄", Type::Number(1, 150)),
        Field::need("from", "起始日期", Type::Day),
    ],
    check: anything,
    belongs_to: None,
};
