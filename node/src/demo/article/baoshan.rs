//! Baoshan's governance officers (article B1): one for each of 103 villages, of whom most are young and went to college.

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::organisation;

use super::hub::{Hub, Place, decimal, equal};
use super::sheets::{Sheets, code};
use crate::api::types::GoldenRow;

pub(super) const PLACE: Place = Place {
    code: "310113100",
    zh: "宝山区（乡村治理员）",
    en: "Baoshan: governance officers",
    draw,
    golden,
    village: None,
};

const VILLAGES: usize = 103;
/// Officers who went to college (94.2 %), and members of the Youth League (85.4 %).
const COLLEGE: usize = 97;
const LEAGUE: usize = 88;
/// The day of which the article tells.
const AT: &str = "2021-06-30";

/// Ages go from 30 to 42 and around again, beginning in the middle, so that they add up to 36 for each.
fn draw(seed: u64) -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::of(PLACE.code, VILLAGES)?;
    let from = usize::try_from(seed % VILLAGES as u64).unwrap_or_default();
    for village in 0..VILLAGES {
        // Which village has which officer is the seed's to say.
        let officer = (village + from) % VILLAGES;
        let born = format!("{}-03-{:02}", 2021 - 30 - (officer + 6) % 13, 1 + officer % 28);
        let party = if officer < LEAGUE { "共青团员" } else { "中共党员" };
        let education = if officer < COLLEGE { ["大专", "本科"][officer % 2] } else { "高中" };
        let values = [
            ("person", code("Z", village)),
            ("role", "乡村治理员".into()),
            ("from", "2021-01-01".into()),
            ("sex", ["1", "2"][officer % 2].into()),
            ("born", born.as_str().into()),
            ("party", party.into()),
            ("education", education.into()),
        ];
        sheets.put(&organisation::TERM, village, &values)?;
    }
    Ok(sheets)
}

fn golden(hub: &Hub) -> Result<Vec<GoldenRow>, Refusal> {
    let officers = hub.report("officers", &[("at", AT)])?;
    Ok(vec![
        equal("B1", "乡村治理员", "governance officers", 103, officers.total("officers")?),
        equal("B1", "村", "villages", 103, officers.rows()),
        decimal("B1", "平均年龄（岁）", "mean age, years", "36.0", officers.total("mean_age_tenths")?, 1),
        equal("B1", "大专及以上", "college or above", 97, officers.total("college")?),
        decimal("B1", "大专及以上占比（%）", "college or above, %", "94.2", officers.total("college_permille")?, 1),
        equal("B1", "团员", "League members", 88, officers.total("league")?),
        decimal("B1", "团员占比（%）", "League members, %", "85.4", officers.total("league_permille")?, 1).noted(
            "按团章年满二十八周岁即离团；文章同时给出平均年龄 36 岁",
            "membership ends at 28 as a rule; the article gives a mean age of 36 beside it",
        ),
    ])
}
