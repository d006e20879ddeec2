//! Forms: what the records of a township's registers say, as tables instead of code.
//!
//! A form is one kind of record: its columns, which of them make its key, in which kind of document it lies, who
//! writes it. Everything that is done with such records asks its form: judging, storing, reading back, importing and
//! exporting, the command line, the API and the documentation. A new kind of record is a new table.
//!
//! A [`Row`] is one version of one record. Rows are never overwritten: a correction is the next version of the same
//! key, and two people who wrote the same version apart are both kept ([`Rows`]), for a person to decide.

use crate::id::{DocId, Kind};
use crate::org::{Level, OrgCode};

pub mod cases;
pub mod events;
mod field;
mod marks;
pub mod organisation;
pub mod people;
pub mod points;
mod row;
mod rows;
pub mod township;

pub use field::{Field, Type, Value, Word};
pub use marks::{Mark, Marks, Standing};
pub use row::Row;
pub use rows::{History, Rows, Written};

/// A kind of record.
#[derive(Debug)]
pub struct Form {
    /// Its name: the record's `kind`, and the name in commands and files.
    pub name: &'static str,
    /// Its name in Chinese.
    pub zh: &'static str,
    /// What it is for, in Chinese, for people who fill it in.
    pub about_zh: &'static str,
    /// The same in English.
    pub about: &'static str,
    /// Rows of the article that it serves; see `docs/article.md`.
    pub article: &'static str,
    /// Where its rows lie.
    pub home: Home,
    /// Who writes them.
    pub writers: Writers,
    /// Its columns, those of the key first.
    pub fields: &'static [Field],
    /// Where a further rule stands that a row must keep to.
    pub check: fn(&Row) -> Result<(), crate::Refusal>,
    /// The form and key of the record that a row belongs to, in whose document it lies.
    pub belongs_to: Option<Beside>,
}

/// The form and key of the record that a row belongs to.
pub type Beside = fn(&Row) -> Option<(&'static Form, String)>;

/// Whose document takes the rows of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The village's that the row names.
    Village(Kind),
    /// The township's.
    Township(Kind),
    /// The village's, or the township's when the row names none.
    Either(Kind),
}

impl Home {
    /// The kind of document.
    pub fn kind(self) -> Kind {
        match self {
            Home::Village(kind) | Home::Township(kind) | Home::Either(kind) => kind,
        }
    }

    /// Whether rows may lie in a document of an organisation of this level.
    pub fn is_of(self, level: Level) -> bool {
        match self {
            Home::Village(_) => level == Level::Village,
            Home::Township(_) => level == Level::Township,
            Home::Either(_) => matches!(level, Level::Village | Level::Township),
        }
    }
}

/// Who may write the rows of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// The organisation whose document it is.
    Own,
    /// Its village and its township.
    Both,
    /// The township alone, also in a village's document.
    Township,
}

/// Every form, in the order in which people fill them in.
pub const ALL: &[&Form] = &[
    // The township and its villages.
    &organisation::COMMUNITY,
    &organisation::PROFILE,
    &organisation::CENTRE,
    &organisation::HAMLET,
    &organisation::GRID,
    &organisation::HOUSEHOLD,
    &organisation::TERM,
    &organisation::PAIRING,
    &organisation::AREA,
    &organisation::ASSIGNMENT,
    &organisation::INDUSTRY,
    // What the township sets.
    &township::MERCHANT,
    &township::PRICE,
    &points::VALIDITY,
    &township::BOARD,
    &township::INDEX_SCHEME,
    &township::INDEX_WEIGHT,
    &township::TASK_TYPE,
    &township::SETTING,
    // Work that has a beginning and an end.
    &cases::PETITION,
    &cases::DISPUTE,
    &cases::ERRAND,
    &cases::TASK,
    &cases::STEP,
    &cases::LEASE,
    &cases::PAYMENT,
    // What happened.
    &events::SESSION,
    &events::INCIDENT,
    &events::RECEPTION,
    &events::APPRAISAL,
    &events::ROLL_CALL,
    &events::ALLOWANCE,
    &events::STUDY_PLAN,
    &events::STUDY,
    &events::ACTIVITY,
    &events::ATTENDANCE,
    &events::RISK_CARD,
    // Of single people; the village's alone.
    &people::CARE_NEED,
    &people::CARE_VISIT,
    &people::CONSENT,
    &points::CONCESSION,
    // The village charter.
    &people::CLAUSE,
    &people::ROUND,
    &people::COMMENT,
    &people::ADOPTION,
    // What the township has closed and published.
    &township::CLOSE,
    &township::FIGURE,
    &township::ADJUSTMENT,
    &township::MEDAL,
    &township::INDEX_RESULT,
];

/// The form of this name, in either language.
pub fn find(name: &str) -> Option<&'static Form> {
    ALL.iter().copied().find(|form| form.name == name || form.zh == name)
}

impl Form {
    /// The columns that make the key.
    pub fn key(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| field.key)
    }

    /// Whether its rows may lie in a document.
    pub fn lies_in(&self, doc: &DocId) -> bool {
        self.home.kind() == doc.kind && self.home.is_of(doc.org.level())
    }

    /// Whether an organisation may write its rows to a document in which they lie.
    pub fn may_write(&self, org: &OrgCode, doc: &DocId) -> bool {
        match self.writers {
            Writers::Own => *org == doc.org,
            Writers::Both => *org == doc.org || org.is_township_of(&doc.org),
            Writers::Township => org.is_township_of(&doc.org),
        }
    }

    /// The column of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.at(name).map(|at| &self.fields[at])
    }

    /// Where the column of this name stands.
    pub(crate) fn at(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Form) -> bool {
        self.name == other.name
    }
}

impl Eq for Form {}

/// For forms without a further rule.
const fn anything(_: &Row) -> Result<(), crate::Refusal> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::Shard;
    use crate::record::limits;

    #[test]
    fn names_are_distinct_and_within_limits() {
        let names: BTreeSet<_> = ALL.iter().flat_map(|form| [form.name, form.zh]).collect();
        assert_eq!(names.len(), ALL.len() * 2);
        for form in ALL {
            let columns: BTreeSet<_> = form.fields.iter().flat_map(|field| [field.name, field.zh]).collect();
            assert_eq!(columns.len(), form.fields.len() * 2, "{}", form.name);
            // Beside its columns a record has its kind, version, clerk, reason and whether it is withdrawn.
            assert!(form.fields.len() + 5 <= limits::FIELDS, "{}", form.name);
            assert!(form.fields.iter().all(|field| field.name.len() <= limits::NAME_BYTES), "{}", form.name);
            assert!(!["kind", "version", "by", "why", "void", "village"].iter().any(|own| form.at(own).is_some()));
        }
    }

    #[test]
    fn no_form_is_called_like_a_record_that_is_no_row() {
        let entries = ["award", "approval", "claim", "decline", "redemption", "reversal", "grant", "ask", "expiry"];
        let facts = ["org", "node", "revocation", "rule", "item", "account"];
        for kind in entries.iter().chain(&facts) {
            assert!(find(kind).is_none(), "{kind}");
        }
    }

    #[test]
    fn a_key_comes_first_is_required_and_fits_a_record() {
        for form in ALL {
            let keys = form.key().count();
            assert!(keys > 0 && form.fields[..keys].iter().all(|field| field.key && field.required), "{}", form.name);
            let longest: usize = form.key().map(|field| 1 + field.of.key_bytes()).sum();
            assert!(form.name.len() + longest + 11 <= limits::KEY_BYTES, "{}: {longest}", form.name);
        }
    }

    #[test]
    fn a_sharded_form_says_which_column_dates_it() {
        for form in ALL {
            let kind = form.home.kind();
            let dated = form.fields.iter().filter(|field| field.dates).count();
            let sharded =
                !matches!(DocId::shard_of(kind, crate::Month::of(jiff::civil::date(2026, 1, 1))), Shard::Whole);
            let own = usize::from(sharded && form.belongs_to.is_none());
            assert_eq!(dated, own, "{}", form.name);
        }
    }
}
