//! Siyang's rule of law + (article S1–S5): advisers, mediators, study, three-way mediation, the ladder, one lease.
//!
//! The article gives no figures for most of it; the golden table shows what the records give beside what was entered.

use xiangyue_protocol::Refusal;
use xiangyue_protocol::forms::{Value, cases, events, organisation};

use super::super::data::Dice;
use super::hub::{Hub, Place, equal};
use super::sheets::{Sheets, code, day, number};
use crate::api::types::GoldenRow;

pub(super) const PLACE: Place =
    Place { code: "321323100", zh: "泗阳县（法治+）", en: "Siyang: rule of law +", draw, golden, village: None };

const VILLAGES: usize = 6;
const GROUPS: usize = 4;
const DISPUTES: usize = 60;
/// The lease of a harvester, paid late (article S5), in fen.
const RENT: usize = 4_800_000;

fn draw(seed: u64) -> Result<Sheets, Refusal> {
    let mut sheets = Sheets::of(PLACE.code, VILLAGES)?;
    let mut dice = Dice::new(seed, 3213);
    for village in 0..VILLAGES {
        let unit = sheets.village(village).as_str().into();
        assign(&mut sheets, village, code("A", village), "adviser", unit)?;
        for group in 0..GROUPS {
            let group = code("Z", village * GROUPS + group);
            let values = [("hamlet", group.clone()), ("name", "组".into()), ("sort", "group".into())];
            sheets.put(&organisation::HAMLET, village, &values)?;
            assign(&mut sheets, village, code("M", village), "mediator", group.clone())?;
            assign(&mut sheets, village, code("W", village), "grid_officer", group)?;
        }
        assign(&mut sheets, village, code("L", village), "law_literate", code("Z", village * GROUPS))?;
        let year = ("year", number(2021));
        sheets.put(&events::STUDY_PLAN, village, &[("person", code("C", village)), year, ("days", number(12))])?;
        for n in 0..10 {
            sheets.put(&events::STUDY, village, &[("person", code("C", village)), ("date", day(n * 30))])?;
        }
        let lecture = [("session", code("X", village)), ("date", day(village * 9)), ("class", "lecture".into())];
        sheets.put(&events::SESSION, village, &lecture)?;
    }
    for n in 0..DISPUTES {
        dispute(&mut sheets, n, &mut dice)?;
    }
    lease(&mut sheets)?;
    Ok(sheets)
}

fn assign(
    sheets: &mut Sheets,
    village: usize,
    person: Value,
    role: &'static str,
    target: Value,
) -> Result<(), Refusal> {
    let public = ("public", "yes".into());
    let values = [("person", person), ("role", role.into()), ("target", target), ("from", "2021-01-01".into()), public];
    sheets.put(&organisation::ASSIGNMENT, village, &values)
}

/// A dispute that came from a petition, a lawsuit or the police; one of ten goes up to the township.
fn dispute(sheets: &mut Sheets, n: usize, dice: &mut Dice) -> Result<(), Refusal> {
    let (village, found) = (dice.below(VILLAGES), dice.below(200));
    let source = ["petition", "lawsuit", "police"][n % 3];
    let values = [
        ("case", code("J", n)),
        ("date", day(found)),
        ("class", "debt".into()),
        ("source", source.into()),
        ("linked", code("K", n)),
    ];
    sheets.put(&cases::DISPUTE, village, &values)?;
    let mut step = |number: &'static str, on: usize, what: &'static str, holder: Option<&'static str>| {
        let values = [
            ("of", "dispute".into()),
            ("case", code("J", n)),
            ("step", number.into()),
            ("date", day(on)),
            ("what", what.into()),
        ];
        let values: Vec<_> = values.into_iter().chain(holder.map(|holder| ("holder", holder.into()))).collect();
        sheets.put(&cases::STEP, village, &values)
    };
    if n.is_multiple_of(10) {
        step("1", found + 3, "moved", Some("township"))?;
    }
    step("2", found + 9, "closed", None)
}

fn lease(sheets: &mut Sheets) -> Result<(), Refusal> {
    let values = [
        ("lease", "HT-1".into()),
        ("date", "2020-05-01".into()),
        ("asset", "收割机".into()),
        ("lessee", "R0001".into()),
        ("amount", number(RENT)),
        ("due", "2021-01-31".into()),
    ];
    sheets.put(&cases::LEASE, 0, &values)?;
    let values =
        [("lease", "HT-1".into()), ("slip", "SK-1".into()), ("date", "2021-04-12".into()), ("amount", number(RENT))];
    sheets.put(&cases::PAYMENT, 0, &values)
}

fn golden(hub: &Hub) -> Result<Vec<GoldenRow>, Refusal> {
    let (law, sources) = (hub.report("law", &[])?, hub.report("sources", &[])?);
    let (ladder, assets) = (hub.report("ladder", &[])?, hub.report("assets", &[])?);
    Ok(vec![
        equal("S1", "驻村法律顾问", "legal advisers of villages", 6, law.total("advisers")?),
        equal("S1", "有调解员的组", "groups with a mediator", 24, law.total("groups")?),
        equal("S2", "学法天数", "study days done", 60, law.total("done")?),
        equal("S2", "计划学法天数", "study days planned", 72, law.total("planned")?),
        equal("S3", "访调、诉调、警调", "disputes from petition, lawsuit and police", 60, sources.total("found")?),
        equal("S4", "小事不出村", "closed in the village", 54, ladder.total("at_village")?),
        equal("S4", "大事不出镇", "closed in the township", 6, ladder.total("at_township")?),
        equal("S5", "集体资产租赁已缴清", "leases paid in full", 1, assets.total("paid")?),
        equal("S5", "未缴租金（元）", "rent overdue, yuan", 0, assets.total("arrears_fen")? / 100),
    ])
}
