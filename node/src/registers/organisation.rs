//! Communities, natural villages, grids, households, pairings, assignments, industry (article Q1–Q4, C3, S1, Y1, Y6).

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::forms::organisation::{
    AREA, ASSIGNMENT, CENTRE, COMMUNITY, GRID, HAMLET, HOUSEHOLD, INDUSTRY, PAIRING, PROFILE, TERM,
};
use xiangyue_protocol::forms::{Form, Row, Rows};
use xiangyue_protocol::{Level, OrgCode};

use super::tally::padded;
use super::{Cell, Measure, Tally};

/// Mu from which on an area of farming is a large one (article Y6).
const LARGE_MU: i64 = 500;

/// How villages name the governance officer (乡村治理员), of whom each has one (article B1).
const OFFICER: [&str; 3] = ["乡村治理员", "治理员", "governance officer"];

/// The terms of governance officers, past ones too.
pub(super) fn officers(rows: &Rows) -> impl Iterator<Item = &Row> {
    rows.of(&TERM).filter(|term| OFFICER.contains(&term.text("role")))
}

pub(super) fn count(rows: &Rows, tally: &mut Tally) {
    for form in [&COMMUNITY, &PROFILE, &HAMLET] {
        party_orgs(rows, form, tally);
    }
    tally.add(Cell::of(Measure::Communities), rows.of(&COMMUNITY).count());
    for hamlet in rows.of(&HAMLET) {
        tally.one(Cell::of(Measure::Hamlets).class(hamlet.text("sort")));
    }
    centres(rows, tally);
    profile(rows, tally);
    grids(rows, tally);
    pairings(rows, tally);
    assignments(rows, tally);
    for place in rows.of(&INDUSTRY) {
        // Of each place the latest year counts.
        let later =
            |other: &Row| other.text("place") == place.text("place") && other.number("year") > place.number("year");
        if rows.of(&INDUSTRY).any(later) {
            continue;
        }
        let mu = place.number("mu").unwrap_or_default();
        tally.one(Cell::of(Measure::IndustryPlaces));
        tally.add(Cell::of(Measure::IndustryLarge), i64::from(mu >= LARGE_MU));
        tally.add(Cell::of(Measure::IndustryMu), mu);
        tally.add(Cell::of(Measure::IndustryWorkers), place.number("workers").unwrap_or_default());
        tally.add(Cell::of(Measure::IncomePersonFen), place.number("income_person").unwrap_or_default());
        tally.add(Cell::of(Measure::IncomeHouseholdFen), place.number("income_household").unwrap_or_default());
    }
}

fn party_orgs(rows: &Rows, form: &Form, tally: &mut Tally) {
    for row in rows.of(form).filter(|row| !matches!(row.text("party_org"), "" | "none")) {
        tally.one(Cell::of(Measure::PartyOrgs).class(row.text("party_org")));
    }
}

/// The four rooms, one hall and one platform of a governance centre (article Q10).
const ROOMS: [&str; 6] = ["coordination", "mediation", "grid_office", "video", "reception", "platform"];

fn centres(rows: &Rows, tally: &mut Tally) {
    for centre in rows.of(&CENTRE) {
        tally.one(Cell::of(Measure::Centres).class(centre.text("level")));
        let complete = ROOMS.iter().all(|room| centre.yes(room));
        tally.add(Cell::of(Measure::CentresComplete).class(centre.text("level")), i64::from(complete));
    }
}

/// Area and population of the township itself, as of the latest day. Its villages' are parts of it.
fn profile(rows: &Rows, tally: &mut Tally) {
    let own =
        rows.of(&PROFILE).filter(|row| row.text("unit").parse::<OrgCode>().is_ok_and(|o| o.level() == Level::Township));
    if let Some(latest) = own.max_by_key(|row| row.date("as_of")) {
        tally.add(Cell::of(Measure::AreaHa), latest.number("area_ha").unwrap_or_default());
        tally.add(Cell::of(Measure::Population), latest.number("population").unwrap_or_default());
    }
}

fn grids(rows: &Rows, tally: &mut Tally) {
    let mut households: BTreeMap<&str, i64> = rows.of(&GRID).map(|grid| (grid.text("grid"), 0)).collect();
    for household in rows.of(&HOUSEHOLD) {
        let grid = household.text("grid");
        tally.one(Cell::of(Measure::Households).grid(grid));
        tally.add(Cell::of(Measure::Persons).grid(grid), household.number("persons").unwrap_or_default());
        // A grid is made for those who live there.
        if household.text("resident") != "no"
            && let Some(many) = households.get_mut(grid)
        {
            *many += 1;
        }
    }
    for grid in rows.of(&GRID) {
        let code = grid.text("grid");
        let many = households.get(code).copied().unwrap_or_default();
        tally.one(Cell::of(Measure::Grids));
        tally.add(Cell::of(Measure::PartyGroups), i64::from(!grid.text("party_group").is_empty()));
        tally.add(Cell::of(Measure::GridsWithOfficer), i64::from(!grid.text("officer").is_empty()));
        tally.add(Cell::of(Measure::GridHouseholds), many);
        tally.one(Cell::of(Measure::GridSizes).class(padded(many)).grid(code));
    }
}

fn pairings(rows: &Rows, tally: &mut Tally) {
    let mut by_member: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pairing in rows.of(&PAIRING).filter(|row| row.text("to").is_empty()) {
        by_member.entry(pairing.text("member")).or_default().insert(pairing.text("household"));
    }
    let paired: BTreeSet<_> = by_member.values().flatten().collect();
    tally.add(Cell::of(Measure::PairingMembers), by_member.len());
    tally.add(Cell::of(Measure::HouseholdsPaired), paired.len());
    for households in by_member.values() {
        tally.add(Cell::of(Measure::PairingHouseholds), households.len());
        tally.one(Cell::of(Measure::PairingSizes).class(padded(households.len() as i64)));
    }
}

fn assignments(rows: &Rows, tally: &mut Tally) {
    let in_force = || rows.of(&ASSIGNMENT).filter(|row| row.text("to").is_empty());
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut targets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in in_force() {
        people.entry(row.text("role")).or_default().insert(row.text("person"));
        targets.entry(row.text("role")).or_default().insert(row.text("target"));
    }
    for (measure, of_role) in [(Measure::Assignments, people), (Measure::AssignmentTargets, targets)] {
        for (role, several) in of_role {
            tally.add(Cell::of(measure).class(role), several.len());
        }
    }
    let covered: BTreeSet<_> =
        in_force().filter(|row| row.text("role") == "steward").map(|row| row.text("target")).collect();
    for area in rows.of(&AREA) {
        tally.one(Cell::of(Measure::Areas));
        tally.add(Cell::of(Measure::AreasCovered), i64::from(covered.contains(area.text("area"))));
    }
}
