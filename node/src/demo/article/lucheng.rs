//! Lucheng's figures that the short demo leaves out (article L1, L4, L5, L7–L9, L12, L13). What is not points is entered at
//! the villages themselves.

use std::collections::BTreeSet;
use std::path::Path;

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{events, people, township};

use super::super::data::DemoFiles;
use super::super::processes::{Node, refusal};
use super::super::progress::Bars;
use super::super::town::{Town, import_at};
use super::hub::{Told, at_least, equal};
use super::sheets::{Sheets, code, day, number};
use crate::api::types::{GoldenRow, LineKind, Statement};

/// From when on the township's agreement and setting hold.
const SINCE: &str = "2019-01-01";
/// Points from which on an account is an exemplar; the article gives none.
const EXEMPLAR: i64 = 500;
/// What the care station's agreement says a point is worth, in fen; the article gives none.
const AGREED_FEN: i64 = 80;
const YOUTHS: usize = 93;
const ELDERS: usize = 11;

pub(super) fn golden(town: &Town, files: &DemoFiles, folder: &Path, bars: &Bars) -> Result<Vec<GoldenRow>, Refusal> {
    let mut rows = bank(town, files, folder)?;
    rows.extend(volunteers(town, folder, bars)?);
    Ok(rows)
}

/// What the Civilization Bank's own records say: exemplars, segments, classes, partner units, the care station.
fn bank(town: &Town, files: &DemoFiles, folder: &Path) -> Result<Vec<GoldenRow>, Refusal> {
    let mut set = Sheets::default();
    let agreed =
        [("merchant", files.merchant.as_str().into()), ("from", SINCE.into()), ("point_worth", AGREED_FEN.into())];
    set.own(&township::MERCHANT, &agreed)?;
    let exemplar = [("setting", "exemplar_points".into()), ("from", SINCE.into()), ("value", EXEMPLAR.into())];
    set.own(&township::SETTING, &exemplar)?;
    set.write(&folder.join("township"), &mut |path, _| import_at(&town.township, &[path.to_owned()]).map(|_| ()))?;
    let exemplars = told(&town.township, "exemplars")?;
    let (segments, settled) = (told(&town.township, "segments")?, told(&town.township, "settlement")?);
    let earning = |segment: &&str| Ok(i64::from(segments.of_row(segment, "gross")? > 0));
    let residents = ["party", "villager", "minor"].iter().map(earning).sum::<Result<i64, Refusal>>()?;
    let path = format!("/statement/{}", files.child);
    let statement: Statement = town.township.client()?.get(&path, &[]).map_err(|failure| refusal(&failure))?;
    let spent = statement.lines.iter().filter(|line| line.kind == LineKind::Redemption);
    let classes: BTreeSet<&str> =
        spent.map(|line| line.about.as_str()).filter(|item| item.starts_with("class-")).collect();
    Ok(vec![
        at_least("L1", "积分大户（500 分以上）", "exemplar accounts, from 500 points on", 1, exemplars.rows()),
        equal("L4", "有积分的居民人群", "resident segments that earn", 3, residents),
        equal("L7", "同一未成年人兑换的课程", "classes that the same child redeemed", 4, classes.len() as i64),
        at_least("L8", "有流水的共建单位", "partner units that earn", 1, segments.of_row("unit", "active")?),
        equal("L9", "按协议结算的签约商户", "merchants settled by their agreement", 1, settled.distinct("code")),
        equal(
            "L9",
            "结算金额（分），每积分按协议 0.80 元",
            "amount in fen, at the agreed 0.80 yuan a point",
            settled.total("points")? * AGREED_FEN,
            settled.total("amount_fen")?,
        ),
    ])
}

fn volunteers(town: &Town, folder: &Path, bars: &Bars) -> Result<Vec<GoldenRow>, Refusal> {
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
