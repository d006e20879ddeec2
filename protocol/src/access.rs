//! Who may write, read and carry which document: the access table, in one place.
//!
//! | kind | written by | read by | carried by |
//! |---|---|---|---|
//! | directory, rules | their township | all under it | all under it |
//! | accounts | their village | village, township | its readers |
//! | ledger | their village, its township | village, township | its readers |
//! | roster, cases | their village, its township; a township's own cases it alone | village, township | its readers |
//! | grid | their village, its township | village, township | its readers |
//! | charter | their village; comments on it its township too | village, township | its readers |
//! | people | their village | their village | its readers |
//! | bulletin | their township | all under it, its county | its readers |
//! | counter | merchant (redemptions, asks), villages of the township (grants), township | those | its readers |
//!
//! A document that is not for everyone travels only between its readers until sealed bodies exist.

use std::collections::BTreeMap;

use crate::forms;
use crate::id::{DocId, Kind, Shard};
use crate::org::{Level, OrgCode};

/// Whether `org` may write to `doc` at all; [`may_write_record`] says what.
pub fn may_write(org: &OrgCode, doc: &DocId) -> bool {
    match doc.kind {
        Kind::Directory | Kind::Rules | Kind::Bulletin => *org == doc.org,
        Kind::Accounts | Kind::People => *org == doc.org,
        Kind::Ledger | Kind::Roster | Kind::Cases | Kind::Grid | Kind::Charter => {
            *org == doc.org || org.is_township_of(&doc.org)
        }
        Kind::Counter => *org == doc.org || org.is_township_of(&doc.org) || is_village_beside(org, doc),
    }
}

/// Whether `org` may write a record of this kind to a document that it may write to.
///
/// Kinds that this version does not know are let through: they are kept and passed on, and count nothing.
pub fn may_write_record(org: &OrgCode, doc: &DocId, record_kind: &str) -> bool {
    if let Some(form) = forms::find(record_kind) {
        return form.lies_in(doc) && form.may_write(org, doc);
    }
    match (doc.kind, record_kind) {
        (Kind::Counter, "award" | "approval" | "claim" | "decline" | "expiry") => false,
        (Kind::Counter, "redemption" | "reversal" | "ask") => *org == doc.org,
        (_, "ask") => false,
        _ => true,
    }
}

/// Whether `org` may read `doc`.
pub fn may_read(org: &OrgCode, doc: &DocId) -> bool {
    match doc.kind {
        Kind::Directory | Kind::Rules => org.is_within(&doc.org),
        Kind::Bulletin => org.is_within(&doc.org) || doc.org.parent().as_ref() == Some(org),
        Kind::People => *org == doc.org,
        Kind::Accounts | Kind::Roster | Kind::Ledger | Kind::Cases | Kind::Grid | Kind::Charter => {
            *org == doc.org || org.is_township_of(&doc.org)
        }
        Kind::Counter => *org == doc.org || org.is_township_of(&doc.org) || is_village_beside(org, doc),
    }
}

fn is_village_beside(org: &OrgCode, doc: &DocId) -> bool {
    org.level() == Level::Village && org.is_neighbour_of(&doc.org)
}

/// Whether `org` may hold and pass on `doc`.
pub fn may_carry(org: &OrgCode, doc: &DocId) -> bool {
    may_read(org, doc)
}

/// Those of `docs` that `org` may hold. The ids of one township stand together, so only the parts in which there
/// can be any are looked at: a township holds thousands, of which one village may hold a few.
pub(crate) fn carried<'a, T>(
    docs: &'a BTreeMap<DocId, T>,
    org: &'a OrgCode,
) -> impl Iterator<Item = (&'a DocId, &'a T)> {
    let merchants = org.township().and_then(|township| format!("{township}M00").parse().ok());
    let parts: Vec<(OrgCode, Part)> = match (org.level(), org.township(), merchants) {
        (Level::Village, Some(township), Some(merchants)) => {
            vec![(township, Part::Same), (org.clone(), Part::Same), (merchants, Part::Merchants)]
        }
        (Level::Merchant, Some(township), _) => vec![(township, Part::Same), (org.clone(), Part::Same)],
        (Level::Township, ..) => vec![(org.clone(), Part::Within)],
        _ => org.township().or_else(|| Some(org.clone())).map(|from| (from, Part::Within)).into_iter().collect(),
    };
    let found = parts.into_iter().flat_map(|(from, part)| {
        let start = DocId { org: from.clone(), kind: Kind::Directory, shard: Shard::Whole };
        docs.range(start..).take_while(move |(id, _)| part.holds(&from, &id.org))
    });
    found.filter(|(id, _)| may_carry(org, id))
}

/// A run of neighbouring organisation codes.
#[derive(Clone, Copy)]
enum Part {
    Same,
    Within,
    Merchants,
}

impl Part {
    fn holds(self, from: &OrgCode, org: &OrgCode) -> bool {
        match self {
            Part::Same => org == from,
            Part::Within => org.is_within(from),
            Part::Merchants => org.level() == Level::Merchant && org.is_neighbour_of(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_only_where_documents_can_be_finds_all_that_may_be_carried() {
        let orgs = ["110112119", "110112119201", "110112119202", "110112119M00", "110112119M01", "110112120"];
        let under = ["110112120201", "110112120M09", "110112"];
        let orgs: Vec<OrgCode> = orgs.iter().chain(&under).map(|org| org.parse().unwrap()).collect();
        let shards =
            ["directory", "rules/2021", "accounts", "ledger/2021-01", "ledger/2021-02", "roster", "counter/2021-01"];
        let ids = orgs.iter().flat_map(|org| shards.iter().map(move |shard| format!("{org}/{shard}")));
        let docs: BTreeMap<DocId, ()> = ids.filter_map(|id| Some((id.parse().ok()?, ()))).collect();
        assert!(docs.len() > 15, "{docs:?}");
        for org in &orgs {
            let found: std::collections::BTreeSet<&DocId> = carried(&docs, org).map(|(id, ())| id).collect();
            let all = docs.keys().filter(|id| may_carry(org, id)).collect();
            assert_eq!(found, all, "{org}");
        }
    }

    fn rows(org: &str) -> Vec<(String, bool, bool)> {
        let org: OrgCode = org.parse().unwrap();
        [
            "110112119/directory",
            "110112119/rules/2021",
            "110112119201/accounts",
            "110112119201/ledger/2021-01",
            "110112119201/roster",
            "110112119M01/counter/2021-01",
        ]
        .map(|doc| doc.parse().unwrap())
        .map(|doc: DocId| (doc.kind.as_str().to_owned(), may_write(&org, &doc), may_read(&org, &doc)))
        .to_vec()
    }

    fn verdicts(org: &str) -> String {
        rows(org)
            .iter()
            .map(|(_, w, r)| format!("{}{} ", if *w { 'w' } else { '-' }, if *r { 'r' } else { '-' }))
            .collect()
    }

    #[test]
    fn the_table_holds_for_every_role() {
        //                                        directory rules accounts ledger roster counter
        assert_eq!(verdicts("110112119"), "wr wr -r wr wr wr ");
        assert_eq!(verdicts("110112119201"), "-r -r wr wr wr wr ");
        assert_eq!(verdicts("110112119202"), "-r -r -- -- -- wr ");
        assert_eq!(verdicts("110112119M01"), "-r -r -- -- -- wr ");
        assert_eq!(verdicts("110112119M02"), "-r -r -- -- -- -- ");
        assert_eq!(verdicts("110112120201"), "-- -- -- -- -- -- ");
    }

    #[test]
    fn only_the_merchant_redeems_at_its_counter() {
        let doc: DocId = "110112119M01/counter/2021-01".parse().unwrap();
        let (village, merchant) = ("110112119201".parse().unwrap(), "110112119M01".parse().unwrap());
        assert!(may_write_record(&village, &doc, "grant") && !may_write_record(&village, &doc, "redemption"));
        assert!(may_write_record(&merchant, &doc, "redemption") && !may_write_record(&merchant, &doc, "award"));
        assert!(may_write_record(&merchant, &doc, "ask") && !may_write_record(&village, &doc, "ask"));
    }
}
