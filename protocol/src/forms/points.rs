//! What bears on points and is no entry (article L11).

use super::field::{Field, Type};
use super::{Form, Home, Writers, anything};
use crate::id::Kind;

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
