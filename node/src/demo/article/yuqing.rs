//! Yuqing's golden board (article Y1–Y3, Y6): the stewards of one group, and the farming of its town.

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{Value, cases, events, organisation, township};

use super::super::data::Dice;
use super::hub::{Hub, Place, Village, at_least, decimal, equal};
use super::sheets::{Sheets, code, day, number};
use crate::api::types::GoldenRow;

pub(super) const PLACE: Place = Place {
    code: "520329106",
    zh: "龙家镇（黄金榜）",
    en: "Longjia: golden board",
    draw,
    golden,
    village: Some(VILLAGE),
};

/// The village of the group keeps its points itself.
const VILLAGE: Village =
    Village { code: "520329106201", name: "第001村", rule: ("patrol", 5), files: at_the_village };

/// The village of the group that the article tells of, and those of the two other areas of farming.
const VILLAGES: usize = 3;
const AREAS: usize = 11;
const ERRANDS: usize = 56;
const TRAININGS: usize = 12;

fn draw(seed: u64) -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::of(PLACE.code, VILLAGES)?;
    let mut dice = Dice::new(seed, 5203);
    let group = [("hamlet", code("Z", 1)), ("name", "黄金榜".into()), ("sort", "group".into())];
    sheets.put(&organisation::HAMLET, 0, &group)?;
    for area in 1..=AREAS {
        let name = format!("责任区{area:02}");
        sheets.put(
            &organisation::AREA,
            0,
            &[("area", code("A", area)), ("name", name.as_str().into()), ("hamlet", code("Z", 1))],
        )?;
        let chosen = ("chosen", if area % 2 == 0 { "residents" } else { "claimed" }.into());
        sheets.put(
            &organisation::ASSIGNMENT,
            0,
            &[
                ("person", code("D", area)),
                ("role", "steward".into()),
                ("target", code("A", area)),
                ("from", "2020-03-01".into()),
                chosen,
            ],
        )?;
    }
    let medals = [("gold", number(1)), ("silver", number(2)), ("bronze", number(3))];
    let board = [("board", "safety".into()), ("from", "2021-01-01".into()), ("name", "平安榜".into())];
    let values: Vec<_> = board.into_iter().chain(medals).chain([("rule", "patrol".into())]).collect();
    sheets.own(&township::BOARD, &values)?;
    for n in 1..=ERRANDS {
        errand(&mut sheets, n, &mut dice)?;
    }
    for n in 1..=TRAININGS {
        let (date, attended) = (("date", day(n * 20)), ("attended", number(10 + dice.below(30))));
        sheets.put(&events::SESSION, 0, &[("session", code("X", n)), date, ("class", "training".into()), attended])?;
    }
    for (village, mu, workers) in [(0, 730, 268), (1, 560, 90), (2, 515, 75)] {
        sheets.put(
            &organisation::INDUSTRY,
            village,
            &[
                ("place", code("B", village)),
                ("year", number(2020)),
                ("name", "坝区".into()),
                ("mu", number(mu)),
                ("workers", number(workers)),
                ("income_person", number(1_230_000)),
                ("income_household", number(5_160_000)),
            ],
        )?;
    }
    Ok(sheets)
}

/// The points of a quarter: entered at the village, where accounts are kept.
fn at_the_village() -> Vec<(&'static str, String)> {
    let mut accounts = "账户,户别,人群,村,开户日期\n".to_owned();
    let mut entries = "凭证号,日期,账户,规则,积分\n".to_owned();
    for n in 1..=30 {
        accounts.push_str(&format!("Y{n:04},个人,村民,520329106201,2020-01-01\n"));
        // The leader of the group went on patrol most often.
        for patrol in 0..(if n == 7 { 12 } else { n % 9 }) {
            let date = format!("2021-{:02}-1{}", patrol % 3 + 1, patrol % 9);
            entries.push_str(&format!("P{n:04}-{patrol},{date},Y{n:04},patrol,5\n"));
        }
    }
    let adopted = "事项,日期,同意,反对,通过\n启用榜单,2020-12-20,41,2,是\n".to_owned();
    vec![("adoption.csv", adopted), ("accounts.csv", accounts), ("entries.csv", entries)]
}

/// An errand: raised, assigned, done, confirmed by the resident, who says whether it was to their liking.
fn errand(sheets: &mut Sheets, n: usize, dice: &mut Dice) -> Result<(), Refusal> {
    let raised = dice.below(250);
    let area = ("area", code("A", 1 + dice.below(AREAS)));
    let household = ("household", code("H", dice.below(120)));
    sheets.put(
        &cases::ERRAND,
        0,
        &[("case", code("E", n)), ("date", day(raised)), ("class", "errand".into()), household, area],
    )?;
    let done = raised + dice.below(4);
    // One resident of fifty-six was not content.
    let satisfied = ("satisfied", Value::from(if n == 17 { "no" } else { "yes" }));
    let steps = [(raised, "assigned", None), (done, "closed", None), (done + 1, "confirmed", Some(satisfied))];
    for (at, (on, what, answer)) in steps.into_iter().enumerate() {
        let step = (at + 1).to_string();
        let values = [
            ("of", "errand".into()),
            ("case", code("E", n)),
            ("step", step.as_str().into()),
            ("date", day(on)),
            ("what", what.into()),
        ];
        let values: Vec<_> = values.into_iter().chain(answer).collect();
        sheets.put(&cases::STEP, 0, &values)?;
    }
    Ok(())
}

fn golden(hub: &Hub) -> Result<Vec<GoldenRow>, Refusal> {
    let (services, industry) = (hub.report("services", &[])?, hub.report("industry", &[])?);
    let own = format!("{}201", PLACE.code);
    let boards = hub.report("boards", &[("month", "2021-03")])?;
    let satisfied = services.total("satisfied_permille")?;
    Ok(vec![
        equal("Y1", "农管家负责的区域", "areas with a steward", 11, services.total("areas_covered")?),
        at_least("Y2", "代办事项", "errands done", 50, services.total("closed")?),
        at_least("Y2", "协助培训", "trainings", 10, services.total("trainings")?),
        decimal("Y3", "满意度（%）", "satisfied, %", "98.2", satisfied, 1)
            .noted("文章为 98% 以上。", "The article says 98 % and more."),
        equal("Y4", "平安榜金牌", "gold medals of the safety board", 1, boards.with(&["平安榜", "gold"])),
        equal("Y6", "500 亩以上产业坝区", "areas of 500 mu and more", 3, industry.total("large")?),
        at_least("Y6", "黄金榜产业面积（亩）", "the group's farming, mu", 700, industry.of_row(&own, "mu")?),
        at_least("Y6", "务工人数", "workers", 260, industry.of_row(&own, "workers")?),
        at_least(
            "Y6",
            "人均纯收入（元）",
            "income per person, yuan",
            12_000,
            industry.of_row(&own, "income_person_fen")? / 100,
        ),
        at_least(
            "Y6",
            "户均收入（元）",
            "income per household, yuan",
            50_001,
            industry.of_row(&own, "income_household_fen")? / 100,
        ),
    ])
}
