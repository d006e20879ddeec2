//! Lucheng in small: villages, rule book and redemption items. Weights, prices and caps are ours: the article gives none.

use xiangyue_protocol::schema::Cohort;

/// The township's code.
pub(super) const TOWNSHIP: &str = "110112119";
/// The township's name.
pub(super) const TOWNSHIP_NAME: &str = "潞城镇";
/// The contracted care station.
pub(super) const STATION: &str = "110112119M01";
/// The care station's name in files.
pub(super) const STATION_NAME: &str = "养老驿站";
/// Depositors of the town (article L2).
pub(super) const DEPOSITORS: usize = 18_717;
/// Entries besides those of the people whom the article tells of.
pub(super) const ENTRIES: usize = 100_000;

/// A village: the last three digits of its code, its name, its share of the town.
pub(super) struct Village {
    pub(super) number: u16,
    pub(super) name: &'static str,
    pub(super) weight: usize,
}

/// The village of the child of article L6.
pub(super) const CHILDS_VILLAGE: u16 = 202;
/// The village of article L10.
pub(super) const XIELOU: u16 = 204;

const fn village(number: u16, name: &'static str, weight: usize) -> Village {
    Village { number, name, weight }
}

/// The villages: four that the article names, and neighbours.
pub(super) const VILLAGES: [Village; 12] = [
    village(201, "东堡村", 14),
    village(202, "东刘庄村", 11),
    village(203, "南刘各庄村", 12),
    village(204, "谢楼村", 9),
    village(205, "大甘棠村", 13),
    village(206, "小甘棠村", 6),
    village(207, "兴各庄村", 10),
    village(208, "七级村", 7),
    village(209, "武疃村", 8),
    village(210, "康各庄村", 9),
    village(211, "侉店村", 5),
    village(212, "后榆庄村", 8),
];

/// A rule for one segment: the most for one entry and for one day.
pub(super) struct RuleOf {
    pub(super) code: &'static str,
    pub(super) cohort: Cohort,
    pub(super) points: i64,
    pub(super) cap: Option<i64>,
    pub(super) memo: &'static str,
}

/// The rule under which minors check in (article L6).
pub(super) const CHECK_IN: &str = "checkin";

const fn rule(code: &'static str, cohort: Cohort, points: i64, cap: Option<i64>, memo: &'static str) -> RuleOf {
    RuleOf { code, cohort, points, cap, memo }
}

/// The rule book.
pub(super) const RULES: [RuleOf; 17] = [
    rule("volunteer", Cohort::Party, 30, Some(60), "志愿服务"),
    rule("volunteer", Cohort::Villager, 25, Some(50), "志愿服务"),
    rule("volunteer", Cohort::Unit, 40, Some(80), "志愿服务"),
    rule("waste-sorting", Cohort::Party, 10, Some(10), "垃圾分类"),
    rule("waste-sorting", Cohort::Villager, 10, Some(10), "垃圾分类"),
    rule("waste-sorting", Cohort::Minor, 6, Some(6), "垃圾分类"),
    rule("meal-delivery", Cohort::Party, 20, Some(40), "为老人送餐"),
    rule("meal-delivery", Cohort::Villager, 20, Some(40), "为老人送餐"),
    rule("village-charter", Cohort::Party, 20, Some(20), "村规民约修订走访"),
    rule("village-charter", Cohort::Villager, 20, Some(20), "村规民约修订走访"),
    rule("clean-up", Cohort::Party, 15, None, "美丽乡村清扫"),
    rule("clean-up", Cohort::Villager, 15, None, "美丽乡村清扫"),
    rule("study", Cohort::Party, 20, Some(20), "学习活动"),
    rule(CHECK_IN, Cohort::Minor, 2, Some(2), "文明少年打卡"),
    rule("youth-activity", Cohort::Minor, 20, Some(20), "青少年活动"),
    rule("good-neighbour", Cohort::Unit, 50, Some(100), "好邻居共建"),
    rule("care-visit", Cohort::Unit, 30, Some(30), "慰问老人"),
];

/// Where an item is redeemed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// At the village, by grown-ups.
    Village,
    /// At the village, by minors.
    School,
    /// At the care station.
    Station,
}

/// An item; price 0 is set at the counter.
pub(super) struct ItemOf {
    pub(super) code: &'static str,
    pub(super) price: i64,
    pub(super) at: At,
}

const fn item(code: &'static str, price: i64, at: At) -> ItemOf {
    ItemOf { code, price, at }
}

/// Hair dye, priced by length, material and age (article L11).
pub(super) const DYE: &str = "dye-family";

/// Its price list: length and material, age from which it holds, points.
pub(super) const DYE_PRICES: [(&str, u16, i64); 6] = [
    ("长发-植物", 0, 108),
    ("长发-植物", 60, 88),
    ("长发-普通", 0, 80),
    ("长发-普通", 60, 64),
    ("短发-植物", 0, 68),
    ("短发-植物", 60, 54),
];

/// What the two of the article had, and the age of each as far as the price asks for it.
pub(super) const DYED: [(&str, u16); 2] = [("长发-植物", 60), ("长发-植物", 0)];

/// What a line of the price list costs.
pub(super) fn dye_price(option: &str, age: u16) -> i64 {
    DYE_PRICES.iter().find(|(known, from, _)| (*known, *from) == (option, age)).map_or(0, |(.., points)| *points)
}

/// The redemption items.
pub(super) const ITEMS: [ItemOf; 14] = [
    item("towel", 15, At::Village),
    item("detergent", 20, At::Village),
    item("rice", 60, At::Village),
    item("thermos", 45, At::Village),
    item("class-basketball", 40, At::School),
    item("class-ukulele", 40, At::School),
    item("class-robotics", 50, At::School),
    item("class-english", 40, At::School),
    item("after-school", 30, At::School),
    item("reporter-trip", 45, At::School),
    item("meal", 12, At::Station),
    item("haircut", 10, At::Station),
    item("clinic", 6, At::Station),
    item(DYE, 0, At::Station),
];

/// The four weekend classes of the child of article L6.
pub(super) const WEEKEND_CLASSES: [&str; 4] = ["class-basketball", "class-ukulele", "class-robotics", "class-english"];

/// The item of this code.
pub(super) fn price(code: &str) -> i64 {
    ITEMS.iter().find(|item| item.code == code).map_or(0, |item| item.price)
}
