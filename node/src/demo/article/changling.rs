//! Changling's sunshine petitions (article C1–C5): 7 villages, 68 groups, three tiers of grid managers.

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{cases, events, organisation};

use super::super::data::Dice;
use super::hub::{Hub, Place, decimal, equal};
use super::sheets::{Sheets, code, day, number, share};
use crate::api::types::GoldenRow;

pub(super) const PLACE: Place =
    Place {
        code: "341524203", zh: "长岭乡（阳光信访）", en: "Changling: petitions", draw, golden, village: None
    };

const VILLAGES: usize = 7;
const GROUPS: usize = 68;
const SECOND_TIER: usize = 28;
const PETITIONS: usize = 41;
const DISPUTES: usize = 74;

fn draw(seed: u64) -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::of(PLACE.code, VILLAGES)?;
    let mut dice = Dice::new(seed, 3415);
    let (area, population) = (("area_ha", number(13_410)), ("population", number(17_764)));
    sheets.own(
        &organisation::PROFILE,
        &[("unit", PLACE.code.into()), ("as_of", "2020-12-31".into()), area, population],
    )?;
    let of_village = |whole: usize| {
        (0..VILLAGES).flat_map(move |village| std::iter::repeat_n(village, share(whole, village, VILLAGES))).enumerate()
    };
    for (group, village) in of_village(GROUPS) {
        let name = format!("第{}组", group + 1);
        let values = [("hamlet", code("Z", group)), ("name", name.as_str().into()), ("sort", "group".into())];
        sheets.put(&organisation::HAMLET, village, &values)?;
        assign(&mut sheets, village, code("W3", group), "tier3", code("Z", group))?;
    }
    for (n, village) in of_village(SECOND_TIER) {
        assign(&mut sheets, village, code("W2", n), "tier2", code("A", n))?;
    }
    for village in 0..VILLAGES {
        let unit = sheets.village(village).as_str().into();
        assign(&mut sheets, village, code("W1", village), "tier1", unit)?;
        for (n, mode) in ["office", "village", "home"].into_iter().enumerate() {
            let values = [
                ("reception", code("R", village * 3 + n)),
                ("date", day(10 + village * 7 + n)),
                ("leader", "L01".into()),
                ("mode", mode.into()),
                ("received", number(1 + dice.below(6))),
            ];
            sheets.put(&events::RECEPTION, village, &values)?;
        }
        let score = ("score", number(80 + dice.below(20)));
        sheets.put(
            &events::APPRAISAL,
            village,
            &[("person", code("W1", village)), ("month", "2021-03".into()), score],
        )?;
    }
    for n in 0..PETITIONS {
        petition(&mut sheets, n, &mut dice)?;
    }
    for n in 0..DISPUTES {
        let (village, found) = (dice.below(VILLAGES), dice.below(150));
        let class = ("class", (*dice.pick(&["neighbour", "land", "marriage", "other"])).into());
        let source = ("source", "screening".into());
        sheets.put(&cases::DISPUTE, village, &[("case", code("J", n)), ("date", day(found)), class, source])?;
        step(&mut sheets, village, "dispute", code("J", n), 1, found + 1 + dice.below(20), "closed")?;
    }
    Ok(sheets)
}

fn assign(
    sheets: &mut Sheets,
    village: usize,
    person: xiangyue_protocol::forms::Value,
    role: &'static str,
    target: xiangyue_protocol::forms::Value,
) -> Result<(), Refusal> {
    let values = [("person", person), ("role", role.into()), ("target", target), ("from", "2020-06-01".into())];
    sheets.put(&organisation::ASSIGNMENT, village, &values)
}

fn petition(sheets: &mut Sheets, n: usize, dice: &mut Dice) -> Result<(), Refusal> {
    let (village, received) = (dice.below(VILLAGES), dice.below(150));
    let channel = ("channel", (*dice.pick(&["letter", "visit", "phone", "online"])).into());
    let class = ("class", (*dice.pick(&["suggestion", "request"])).into());
    let level = ("level", number(1 + dice.below(3)));
    sheets.put(&cases::PETITION, village, &[("case", code("P", n)), ("date", day(received)), channel, class, level])?;
    let accepted = received + dice.below(15);
    step(sheets, village, "petition", code("P", n), 1, accepted, "accepted")?;
    step(sheets, village, "petition", code("P", n), 2, accepted + 1 + dice.below(55), "closed")
}

fn step(
    sheets: &mut Sheets,
    village: usize,
    of: &'static str,
    case: xiangyue_protocol::forms::Value,
    step: usize,
    on: usize,
    what: &'static str,
) -> Result<(), Refusal> {
    let values = [
        ("of", of.into()),
        ("case", case),
        ("step", step.to_string().as_str().into()),
        ("date", day(on)),
        ("what", what.into()),
    ];
    sheets.put(&cases::STEP, village, &values)
}

fn golden(hub: &Hub) -> Result<Vec<GoldenRow>, Refusal> {
    let (petitions, disputes) = (hub.report("petitions", &[])?, hub.report("disputes", &[])?);
    let (tiers, profile) = (hub.report("organisation", &[])?, hub.report("profile", &[])?);
    let (receptions, agents) = (hub.report("receptions", &[])?, hub.report("agents", &[])?);
    Ok(vec![
        equal("C1", "信访受理", "petitions accepted", 41, petitions.total("accepted")?),
        equal("C1", "信访办结", "petitions closed", 41, petitions.total("closed")?),
        equal("C2", "排查矛盾纠纷", "disputes found", 74, disputes.total("found")?),
        equal("C2", "化解矛盾纠纷", "disputes resolved", 74, disputes.total("resolved")?),
        equal("C3", "一级网格长", "first-tier grid managers", 7, tiers.total("tier1")?),
        equal("C3", "二级网格长", "second-tier grid managers", 28, tiers.total("tier2")?),
        equal("C3", "三级网格员", "third-tier grid managers", 68, tiers.total("tier3")?),
        equal("C3", "村民组", "villagers' groups", 68, tiers.total("hamlets")?),
        equal(
            "C4",
            "接访（机关、进村、入户）",
            "receptions in the office, in the village, at home",
            21,
            receptions.total("receptions")?,
        ),
        equal("C4", "参加考评排名的代理员", "agents ranked by their appraisals", 7, agents.rows()),
        equal("C5", "人口", "population", 17_764, profile.total("population")?),
        decimal("C5", "人口密度（人/平方公里）", "people per km²", "132.5", profile.total("density_tenths")?, 1),
    ])
}
