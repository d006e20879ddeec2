//! Linqu's red grid (article Q1–Q11): 350 villages, 2,915 grids, 224,000 households, 21,600 members.

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{Value, cases, events, organisation, township};

use super::super::data::Dice;
use super::hub::{Hub, Place, at_least, decimal, equal};
use super::sheets::{Sheets, code, day, number, share};
use crate::api::types::GoldenRow;

pub(super) const PLACE: Place =
    Place { code: "370724100", zh: "临朐县（红色网格）", en: "Linqu: red grid", draw, golden, village: None };

/// How much of everything there is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    villages: usize,
    communities: usize,
    hamlets: usize,
    grids: usize,
    households: usize,
    persons: usize,
    members: usize,
    /// Of the 6,900 requests and services; the rest are tasks of grids.
    errands: usize,
    tasks: usize,
    disputes: usize,
    sessions: usize,
    incidents: usize,
    allowance_fen: usize,
}

/// The county as the article has it.
const WHOLE: Size = Size {
    villages: 350,
    communities: 108,
    hamlets: 971,
    grids: 2_915,
    households: 224_000,
    persons: 796_000,
    members: 21_600,
    errands: 2_800,
    tasks: 4_100,
    disputes: 167,
    sessions: 412,
    incidents: 1_240,
    allowance_fen: 350_000_000,
};

impl Size {
    /// A county of the same make with so many villages.
    pub(super) fn of(villages: usize) -> Size {
        let part = |whole: usize| (whole * villages).div_ceil(WHOLE.villages);
        Size {
            villages,
            communities: part(WHOLE.communities),
            hamlets: part(WHOLE.hamlets),
            grids: part(WHOLE.grids),
            households: part(WHOLE.households),
            persons: part(WHOLE.persons),
            members: part(WHOLE.members),
            errands: part(WHOLE.errands),
            tasks: part(WHOLE.tasks),
            disputes: part(WHOLE.disputes),
            sessions: part(WHOLE.sessions),
            incidents: part(WHOLE.incidents),
            allowance_fen: part(WHOLE.allowance_fen),
        }
    }
}

fn draw(seed: u64) -> Result<Sheets, Refusal> {
    draw_sized(seed, WHOLE)
}

/// How many households a county of so many villages has.
pub(super) fn household_count(villages: usize) -> u64 {
    Size::of(villages).households as u64
}

/// Draws a county of a size.
pub(super) fn draw_sized(seed: u64, size: Size) -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::of(PLACE.code, size.villages)?;
    let mut dice = Dice::new(seed, 3707);
    party(&mut sheets, size)?;
    let grids = grids(&mut sheets, size)?;
    households(&mut sheets, &grids, &mut dice, size)?;
    work(&mut sheets, &grids, &mut dice, size)?;
    index(&mut sheets, &grids, &mut dice, size)?;
    Ok(sheets)
}

/// A grid: its village and its code.
type Grid = (usize, Value);

/// Which of several parts of a whole an index below the whole falls to, as [`share`] cuts it.
fn part_of(at: usize, whole: usize, of: usize) -> usize {
    ((at + 1) * of - 1) / whole
}

fn party(sheets: &mut Sheets, size: Size) -> Result<(), Refusal> {
    for community in 0..size.communities {
        let name = format!("社区{:03}", community + 1);
        let committee = ("party_org", "committee".into());
        sheets.own(
            &organisation::COMMUNITY,
            &[("community", code("S", community)), ("name", name.as_str().into()), committee],
        )?;
    }
    let yes = || Value::from("yes");
    for village in 0..size.villages {
        let unit: Value = sheets.village(village).as_str().into();
        let community = code("S", part_of(village, size.villages, size.communities));
        sheets.own(
            &organisation::PROFILE,
            &[
                ("unit", unit.clone()),
                ("as_of", "2021-01-01".into()),
                ("community", community),
                ("party_org", "general_branch".into()),
            ],
        )?;
        centre(sheets, unit, "village", &yes)?;
    }
    centre(sheets, "370724".into(), "county", &yes)?;
    centre(sheets, PLACE.code.into(), "township", &yes)?;
    for hamlet in 0..size.hamlets {
        let name = format!("自然村{:03}", hamlet + 1);
        let village = part_of(hamlet, size.hamlets, size.villages);
        sheets.put(
            &organisation::HAMLET,
            village,
            &[
                ("hamlet", code("N", hamlet)),
                ("name", name.as_str().into()),
                ("sort", "natural".into()),
                ("party_org", "branch".into()),
            ],
        )?;
    }
    Ok(())
}

fn centre(sheets: &mut Sheets, unit: Value, level: &'static str, yes: &dyn Fn() -> Value) -> Result<(), Refusal> {
    let rooms = ["coordination", "mediation", "grid_office", "video", "reception", "platform"];
    let values = [("unit", unit), ("level", level.into())];
    let values: Vec<_> = values.into_iter().chain(rooms.map(|room| (room, yes()))).collect();
    sheets.own(&organisation::CENTRE, &values)
}

fn grids(sheets: &mut Sheets, size: Size) -> Result<Vec<Grid>, Refusal> {
    let mut grids = Vec::with_capacity(size.grids);
    let (mut last, mut serial) = (usize::MAX, 0);
    for grid in 0..size.grids {
        let hamlet = part_of(grid, size.grids, size.hamlets);
        let village = part_of(hamlet, size.hamlets, size.villages);
        serial = if village == last { serial + 1 } else { 1 };
        last = village;
        let code_of: Value = format!("{}{serial:03}", sheets.village(village)).as_str().into();
        sheets.put(
            &organisation::GRID,
            village,
            &[
                ("grid", code_of.clone()),
                ("hamlet", code("N", hamlet)),
                ("party_group", code("P", grid)),
                ("officer", code("W", grid)),
            ],
        )?;
        let day = day(60 + grid % 20);
        sheets.put(
            &events::RISK_CARD,
            village,
            &[
                ("grid", code_of.clone()),
                ("date", day),
                ("people", number(grid % 4)),
                ("sites", number(grid % 3)),
                ("places", number(grid % 2)),
            ],
        )?;
        let amount = share(size.allowance_fen, grid, size.grids);
        let month = ("month", "2021-03".into());
        sheets.put(
            &events::ALLOWANCE,
            village,
            &[("officer", code("W", grid)), ("grid", code_of.clone()), month.clone(), ("amount", number(amount))],
        )?;
        let due = 1 + share(size.members, grid, size.grids);
        let present = due - usize::from(grid % 11 == 0);
        sheets.put(
            &events::ROLL_CALL,
            village,
            &[("grid", code_of.clone()), month, ("due", number(due)), ("present", number(present))],
        )?;
        grids.push((village, code_of));
    }
    Ok(grids)
}

fn households(sheets: &mut Sheets, grids: &[Grid], dice: &mut Dice, size: Size) -> Result<(), Refusal> {
    // Neighbouring grids are unequal, and the sum stays.
    let mut sizes: Vec<usize> = (0..size.grids).map(|grid| share(size.households, grid, size.grids)).collect();
    for pair in sizes.chunks_exact_mut(2) {
        let shift = dice.below(24);
        pair[0] += shift;
        pair[1] -= shift;
    }
    let (mut household, mut member) = (0, 0);
    for (at, (village, grid)) in grids.iter().enumerate() {
        let members = share(size.members, at, size.grids);
        for n in 0..sizes[at] {
            let key = code("H", household);
            sheets.put(
                &organisation::HOUSEHOLD,
                *village,
                &[
                    ("household", key.clone()),
                    ("persons", number(share(size.persons, household, size.households))),
                    ("grid", grid.clone()),
                    ("resident", "yes".into()),
                ],
            )?;
            sheets.put(
                &organisation::PAIRING,
                *village,
                &[
                    ("member", code("D", member + n % members)),
                    ("household", key),
                    ("from", "2020-01-01".into()),
                    ("grid", grid.clone()),
                ],
            )?;
            household += 1;
        }
        member += members;
    }
    Ok(())
}

fn work(sheets: &mut Sheets, grids: &[Grid], dice: &mut Dice, size: Size) -> Result<(), Refusal> {
    let classes = ["party", "disputes", "emergency", "welfare", "forest", "poverty", "flood"];
    for n in 0..size.tasks {
        let (village, grid) = dice.pick(grids).clone();
        let raised = dice.below(200);
        let class = ("class", (*dice.pick(&classes)).into());
        let due = ("due", day(raised + 30));
        sheets.put(
            &cases::TASK,
            village,
            &[("case", code("T", n)), ("date", day(raised)), class, ("grid", grid), due],
        )?;
        closed(sheets, village, "task", code("T", n), raised + dice.below(25))?;
    }
    for n in 0..size.errands {
        let (village, grid) = dice.pick(grids).clone();
        let raised = dice.below(200);
        let class = ("class", "request".into());
        sheets.put(&cases::ERRAND, village, &[("case", code("E", n)), ("date", day(raised)), class, ("grid", grid)])?;
        closed(sheets, village, "errand", code("E", n), raised + dice.below(10))?;
    }
    for n in 0..size.disputes {
        let (village, grid) = dice.pick(grids).clone();
        let found = dice.below(200);
        let class = ("class", if n % 2 == 0 { "marriage" } else { "support" }.into());
        let source = ("source", "screening".into());
        sheets.put(
            &cases::DISPUTE,
            village,
            &[("case", code("J", n)), ("date", day(found)), class, source, ("grid", grid)],
        )?;
        closed(sheets, village, "dispute", code("J", n), found + dice.below(20))?;
    }
    for n in 0..size.sessions {
        let (village, grid) = dice.pick(grids).clone();
        let attended = ("attended", number(12 + dice.below(60)));
        let topic = ("topic", "民法典".into());
        let date = ("date", day(dice.below(240)));
        sheets.put(
            &events::SESSION,
            village,
            &[("session", code("X", n)), date, ("class", "publicity".into()), topic, attended, ("grid", grid)],
        )?;
    }
    Ok(())
}

/// A case that was closed on a day.
fn closed(sheets: &mut Sheets, village: usize, of: &'static str, case: Value, on: usize) -> Result<(), Refusal> {
    let (of, step) = (("of", of.into()), ("step", "1".into()));
    sheets.put(&cases::STEP, village, &[of, ("case", case), step, ("date", day(on)), ("what", "closed".into())])
}

/// A scheme of the safety index, and what it counts in a month.
fn index(sheets: &mut Sheets, grids: &[Grid], dice: &mut Dice, size: Size) -> Result<(), Refusal> {
    let from = || ("from", Value::from("2021-01-01"));
    sheets.own(
        &township::INDEX_SCHEME,
        &[
            ("scheme", number(1)),
            from(),
            ("green", number(90)),
            ("yellow", number(80)),
            ("orange", number(70)),
            ("floor", number(100)),
        ],
    )?;
    for (measure, weight, each) in
        [("disputes", 30, 20), ("petitions", 25, 25), ("calls", 15, 10), ("cases", 20, 30), ("fires", 10, 50)]
    {
        let weight = ("weight", number(weight));
        sheets.own(
            &township::INDEX_WEIGHT,
            &[("scheme", number(1)), ("measure", measure.into()), from(), weight, ("each", number(each))],
        )?;
    }
    for n in 0..size.incidents {
        let (village, grid) = dice.pick(grids).clone();
        let class = *dice.pick(&["call", "call", "call", "public_order", "criminal", "fire"]);
        let date = ("date", day(59 + dice.below(31)));
        sheets.put(
            &events::INCIDENT,
            village,
            &[("incident", code("I", n)), date, ("class", class.into()), ("grid", grid)],
        )?;
    }
    Ok(())
}

fn golden(hub: &Hub) -> Result<Vec<GoldenRow>, Refusal> {
    let (party, grids, pairings) =
        (hub.report("organisation", &[])?, hub.report("grids", &[])?, hub.report("pairings", &[])?);
    let (services, tasks) = (hub.report("services", &[])?, hub.report("tasks", &[])?);
    let (disputes, sessions) = (hub.report("disputes", &[])?, hub.report("sessions", &[])?);
    let (allowances, safety) = (hub.report("allowances", &[])?, hub.report("safety", &[("month", "2021-03")])?);
    let centres = hub.report("centres", &[])?;
    let handled = services.total("closed")? + tasks.total("closed")?;
    Ok(vec![
        equal("Q1", "社区“大党委”", "party committees of communities", 108, party.total("committees")?),
        equal("Q1", "行政村党总支", "general branches of villages", 350, party.total("general_branches")?),
        equal("Q1", "自然村党支部", "branches of natural villages", 971, party.total("branches")?),
        equal("Q1", "网格党小组", "party groups of grids", 2_915, party.total("party_groups")?),
        equal("Q2", "基础网格", "grids", 2_915, grids.total("grids")?),
        decimal("Q2", "每格平均户数", "mean households of a grid", "76.8", grids.total("mean_tenths")?, 1),
        equal("Q3", "有党小组和网格员的网格", "grids with party group and officer", 2_915, grids.total("with_officer")?),
        equal("Q4", "包联党员", "members who answer for households", 21_600, pairings.total("members")?),
        equal("Q4", "包联户", "households", 224_000, pairings.total("households")?),
        equal("Q4", "人口", "persons", 796_000, pairings.total("persons")?),
        decimal("Q4", "每名党员包联户数", "households of a member", "10.37", pairings.total("mean_hundredths")?, 2).noted(
            "文章说每名党员包联 5 至 10 户，但其总数（22.4 万户、2.16 万名党员）平均为 10.37 户；超出范围仅作提示。",
            "The article says 5 to 10 households each; its own totals (224,000 and 21,600) give 10.37. Out of range is a hint.",
        ),
        equal("Q5", "办理诉求和服务事项", "requests and services handled", 6_900, handled),
        equal("Q6", "风险卡", "risk cards", 2_915, grids.total("risk_cards")?),
        equal("Q7", "化解传统型纠纷", "disputes resolved", 167, disputes.total("resolved")?),
        at_least("Q7", "宣传活动", "publicity sessions", 400, sessions.total("sessions")?),
        equal("Q8", "误工补贴（元）", "allowances, yuan", 3_500_000, allowances.total("amount_fen")? / 100),
        equal("Q9", "点验的网格", "grids with a roll-call", 2_915, hub.report("grids", &[("month", "2021-03")])?.total("roll_calls")?),
        equal("Q10", "“四室一厅一平台”齐全的村级中心", "village centres that are complete", 350, centres.of_row("village", "complete")?),
        equal("Q11", "当月平安指数", "safety indices of the month", 2_915, safety.rows()),
    ])
}
