//! Lucheng beside its points (article L5, L12, L13): entered at the villages themselves.

use std::path::Path;

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{events, people};

use super::super::processes::Node;
use super::super::progress::Bars;
use super::super::town::{Town, import_at};
use super::hub::{Told, at_least, equal};
use super::sheets::{Sheets, code, day, number};
use crate::api::types::GoldenRow;

const YOUTHS: usize = 93;
const ELDERS: usize = 11;

pub(super) fn golden(town: &Town, folder: &Path, bars: &Bars) -> Result<Vec<GoldenRow>, Refusal> {
    let Some(village) = town.villages.first() else { return Ok(Vec::new()) };
    let bar = bars.begin("潞城镇活动、照料、村规民约", "Lucheng: activities, care, charter", 1);
    draw()?.write(folder, &mut |path, _| import_at(village, &[path.to_owned()]).map(|_| ()))?;
    town.converge(bars, "同步到镇", "sync to the township")?;
    bar.finish();
    let (whole, charter) = (told(&town.township, "activities")?, told(&town.township, "charter")?);
    // People to be looked after are known at their village alone.
    let own = told(village, "activities")?;
    Ok(vec![
        at_least("L5", "参加志愿活动的青少年", "youths who volunteered", 90, whole.total("youths")?),
        equal("L12", "村规民约入户征求意见", "rounds of visits about the charter", 3, charter.total("rounds")?),
        equal("L12", "已通过的村规民约", "charters adopted", 1, charter.total("adopted")?),
        at_least(
            "L13",
            "送餐的高龄老人（仅村节点可见）",
            "elders with meals, seen at their village alone",
            10,
            own.total("elders")?,
        ),
        equal("L13", "送餐的残疾人（仅村节点可见）", "disabled people with meals", 1, own.total("disabled")?),
        equal("L13", "同一数字在镇节点", "the same at the township", 0, whole.total("elders")?),
    ])
}

fn told(node: &Node, report: &str) -> Result<Told, Refusal> {
    Told::of(node, report, &[])
}

/// Rows for the first village alone: at a village's node the village needs no column.
fn draw() -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::default();
    let activity = [("activity", code("V", 1)), ("date", day(40)), ("class", "volunteering".into())];
    sheets.own(&events::ACTIVITY, &activity)?;
    for youth in 0..YOUTHS {
        let values = [("activity", code("V", 1)), ("person", code("Q", youth)), ("youth", "yes".into())];
        sheets.own(&events::ATTENDANCE, &values)?;
    }
    for n in 0..=ELDERS {
        let class = ("class", if n < ELDERS { "elder" } else { "disabled" }.into());
        sheets.own(&people::CARE_NEED, &[("person", code("F", n)), class, ("from", "2020-02-01".into())])?;
        sheets.own(&people::CARE_VISIT, &[("person", code("F", n)), ("date", day(n)), ("what", "meal".into())])?;
    }
    for clause in 1..=12 {
        let text = format!("第{clause}条：邻里和睦，互帮互助。");
        sheets.own(
            &people::CLAUSE,
            &[("clause", number(clause)), ("text", text.as_str().into()), ("round", number(3))],
        )?;
    }
    for round in 1..=3 {
        let (from, to) = (("from", day(round * 20)), ("to", day(round * 20 + 10)));
        sheets.own(&people::ROUND, &[("round", number(round)), from, to, ("households", number(120))])?;
        for n in 0..8 {
            let comment = ("comment", code("Y", round * 100 + n));
            let values = [comment, ("round", number(round)), ("person", code("R", n)), ("text", "同意。".into())];
            sheets.own(&people::COMMENT, &values)?;
        }
    }
    let votes = [("in_favour", number(46)), ("against", number(3)), ("adopted", "yes".into())];
    let values: Vec<_> = [("of", "charter".into()), ("date", day(100))].into_iter().chain(votes).collect();
    sheets.own(&people::ADOPTION, &values)?;
    Ok(sheets)
}
