//! Who may write, read and carry which document: the access table, in one place.
//!
//! | kind | written by | read by | carried by |
//! |---|---|---|---|
//! | directory, rules | their township | all under it | all under it |
//! | accounts, roster | their village | village, township | its readers |
//! | ledger | their village, its township | village, township | its readers |
//! | counter | merchant (redemptions), villages of the township (grants), township | those | its readers |
//!
//! A document that is not for everyone travels only between its readers until sealed bodies exist.

use crate::id::{DocId, Kind};
use crate::org::{Level, OrgCode};

/// Whether `org` may write to `doc` at all; [`may_write_record`] says what.
pub fn may_write(org: &OrgCode, doc: &DocId) -> bool {
    let township = doc.org.township();
    let is_township = township.as_ref() == Some(org);
    match doc.kind {
        Kind::Directory | Kind::Rules => *org == doc.org,
        Kind::Accounts | Kind::Roster => *org == doc.org,
        Kind::Ledger => *org == doc.org || is_township,
        Kind::Counter => {
            *org == doc.org || is_township || (org.level() == Level::Village && org.township() == township)
        }
    }
}

/// Whether `org` may write a record of this kind to a document that it may write to.
///
/// Kinds that this version does not know are let through: they are kept and passed on, and count nothing.
pub fn may_write_record(org: &OrgCode, doc: &DocId, record_kind: &str) -> bool {
    match (doc.kind, record_kind) {
        (Kind::Counter, "award") => false,
        (Kind::Counter, "redemption" | "reversal") => *org == doc.org,
        _ => true,
    }
}

/// Whether `org` may read `doc`.
pub fn may_read(org: &OrgCode, doc: &DocId) -> bool {
    let township = doc.org.township();
    match doc.kind {
        Kind::Directory | Kind::Rules => org.is_within(&doc.org),
        Kind::Accounts | Kind::Roster | Kind::Ledger => *org == doc.org || township.as_ref() == Some(org),
        Kind::Counter => {
            *org == doc.org
                || township.as_ref() == Some(org)
                || (org.level() == Level::Village && org.township() == township)
        }
    }
}

/// Whether `org` may hold and pass on `doc`.
pub fn may_carry(org: &OrgCode, doc: &DocId) -> bool {
    may_read(org, doc)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(verdicts("110112119"), "wr wr -r wr -r wr ");
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
    }
}
