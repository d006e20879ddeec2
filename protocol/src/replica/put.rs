//! Rows of forms: where each lies, which version it is, and whether it may be written.

use super::Replica;
use super::commit::Undo;
use crate::command::{Amend, Outcome, PutRequest};
use crate::error::{Code, Refusal};
use crate::forms::{Form, Home, Marks, Row, Standing};
use crate::id::{DocId, Kind};
use crate::org::{Level, OrgCode};
use crate::summary::Summary;
use crate::time::Date;

impl Replica {
    /// Writes a row unless the same stands there already.
    pub(super) fn put(
        &mut self,
        request: &PutRequest,
        today: Date,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        let row = &request.row;
        row.check()?;
        row.check_past(today)?;
        let org = self.home_of(row, request.village.as_ref())?;
        if row.form().home == Home::Either(Kind::Cases) && row.is_accusation() && org.level() == Level::Village {
            return Err(Refusal::new(Code::Accusation, row.key()));
        }
        let id = self.doc_of(row, &org)?;
        let standing = self.marks(&id).map_or(Standing::New, |marks| marks.standing(row));
        let version = match (standing, request.amend) {
            (Standing::Same, _) => return Ok(Outcome::Already),
            (Standing::New, Amend::Version(_)) => return Err(Refusal::new(Code::UnknownRow, named(row))),
            (Standing::New, _) if row.void => return Err(Refusal::new(Code::UnknownRow, named(row))),
            (Standing::New, _) => Some(1),
            (Standing::Other(_), Amend::No) => return Err(Refusal::new(Code::RowExists, named(row))),
            (Standing::Other(mark), Amend::Version(seen)) if mark.version != seen => {
                return Err(Refusal::new(Code::RowChanged, format_args!("{}: {} > {seen}", named(row), mark.version)));
            }
            (Standing::Other(mark), _) => mark.version.checked_add(1),
        };
        let version = version.ok_or_else(|| Refusal::new(Code::BadNumber, named(row)))?;
        let record = row.clone().at(version).to_record();
        self.may_write(&id, &record)?;
        Ok(self.stage(id, record, undo))
    }

    /// Whose document takes a row.
    fn home_of(&self, row: &Row, village: Option<&OrgCode>) -> Result<OrgCode, Refusal> {
        let own = &self.member.org;
        let township = own.township().unwrap_or_else(|| own.clone());
        let of_village = |village: Option<&OrgCode>| match village {
            Some(village) if village == own => Ok(own.clone()),
            Some(village) if own.is_township_of(village) && self.views.directory.org(village).is_some() => {
                Ok(village.clone())
            }
            Some(village) => Err(Refusal::new(Code::UnknownVillage, village)),
            None if own.level() == Level::Village => Ok(own.clone()),
            None => Err(Refusal::new(Code::MissingValue, "村 village")),
        };
        match row.form().home {
            Home::Township(_) => Ok(township),
            Home::Village(_) => of_village(village),
            Home::Either(_) if village.is_none() && own.level() == Level::Township => Ok(township),
            Home::Either(_) => of_village(village),
        }
    }

    /// The document of `org` that takes a row: beside the record that it belongs to, or where its date says. A record
    /// that changes its date stays where its first version lies.
    fn doc_of(&self, row: &Row, org: &OrgCode) -> Result<DocId, Refusal> {
        let kind = row.form().home.kind();
        if let Some(belongs_to) = row.form().belongs_to {
            let (form, key) = belongs_to(row).ok_or_else(|| Refusal::new(Code::UnknownForm, row.form().name))?;
            let unknown = || Refusal::new(Code::UnknownRow, format_args!("{} {key}", form.name));
            return self.doc_with(org, kind, form, &key).ok_or_else(unknown);
        }
        if let Some(id) = self.doc_with(org, kind, row.form(), &row.key()) {
            return Ok(id);
        }
        match row.month() {
            Some(month) => Ok(DocId::of_month(org, kind, month)),
            None => Ok(DocId::whole(org, kind)),
        }
    }

    /// The document of an organisation in which a record lies.
    fn doc_with(&self, org: &OrgCode, kind: Kind, form: &Form, key: &str) -> Option<DocId> {
        let docs = self.docs_of(org, kind);
        let found = docs.filter_map(|(id, doc)| match &doc.summary {
            Summary::Register(register) => register.marks.of(form.name, key).map(|_| id.clone()),
            Summary::Points(_) => None,
        });
        found.min()
    }

    fn marks(&self, id: &DocId) -> Option<&Marks> {
        match &self.docs.get(id)?.summary {
            Summary::Register(register) => Some(&register.marks),
            Summary::Points(_) => None,
        }
    }
}

fn named(row: &Row) -> String {
    format!("{} {}", row.form().name, row.key())
}
