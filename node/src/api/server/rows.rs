//! Rows of forms: read from the journal when somebody asks, entered after the same judgement as a table's, and those
//! that were written apart listed for people to decide.

use std::cell::RefCell;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use serde_json::Value as Wire;
use smol_str::SmolStr;
use xiangyue_protocol::forms::{Field, Form, History, Home, Row, Type, Value, Written};
use xiangyue_protocol::replica::{Mode as ReplicaMode, Replica};
use xiangyue_protocol::summary::Summary;
use xiangyue_protocol::{Code, Command, DocId, Level, OrgCode, Outcome, Refusal};

use super::docs::blocking;
use super::points::replica_mode;
use super::{Answer, Asked, Services};
use crate::api::types::{
    Became, Conflict, FormList, Inbox, Mode, RowEntry, RowFault, RowResult, RowsPage, RowsQuery, RowsRequest,
    RowsResponse,
};
use crate::documents;
use crate::engine::Handle;
use crate::i18n::Lang;
use crate::tables::{self, Context, Known, Names, Put};

/// Most records in one answer.
const PAGE: u64 = 10_000;
/// Rows in one request.
const ROWS: usize = 1000;
/// Matters to decide in one answer.
const CONFLICTS: usize = 1000;

/// The documents of this node in which rows of a form may lie.
pub(super) fn docs_of(replica: &Replica, form: &Form) -> Vec<DocId> {
    replica.docs().keys().filter(|id| form.lies_in(id)).cloned().collect()
}

/// The rows of records.
type ByKey = BTreeMap<SmolStr, Vec<Row>>;

/// The rows that count as the latest, read when first asked for.
pub(super) struct Latest {
    engine: Handle,
    own: OrgCode,
    docs: Vec<DocId>,
    read: RefCell<BTreeMap<(&'static str, OrgCode), ByKey>>,
}

impl Latest {
    pub(super) async fn new(engine: &Handle) -> Result<Latest, Refusal> {
        let (own, docs) =
            engine.ask(|replica| (replica.org().clone(), replica.docs().keys().cloned().collect())).await?;
        Ok(Latest { engine: engine.clone(), own, docs, read: RefCell::default() })
    }

    /// The latest versions of a record.
    pub(super) fn of(&self, form: &'static Form, village: Option<&OrgCode>, key: &str) -> Result<Vec<Row>, Refusal> {
        let org = match (form.home, village) {
            (Home::Township(_), _) => self.own.township().unwrap_or_else(|| self.own.clone()),
            (_, Some(village)) => village.clone(),
            (Home::Village(_), None) if self.own.level() != Level::Village => {
                return Err(Refusal::new(Code::MissingValue, "村 village"));
            }
            _ => self.own.clone(),
        };
        let mut read = self.read.borrow_mut();
        let rows = match read.entry((form.name, org)) {
            std::collections::btree_map::Entry::Occupied(rows) => rows.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let mut found = ByKey::new();
                for id in self.docs.iter().filter(|id| form.lies_in(id) && id.org == place.key().1) {
                    for (key, history) in documents::rows(&self.engine, id)?.histories(form) {
                        let latest = history.latest().map(|written| written.row.clone());
                        found.entry(key.clone()).or_default().extend(latest);
                    }
                }
                place.insert(found)
            }
        };
        Ok(rows.get(key).cloned().unwrap_or_default())
    }
}

pub(super) async fn forms() -> Json<FormList> {
    Json(FormList::all())
}

/// One version on its way to an answer, before its author has a name.
struct Found {
    doc: DocId,
    key: SmolStr,
    written: Written,
    latest: bool,
    undecided: bool,
}

impl Found {
    fn all(doc: &DocId, key: &SmolStr, history: &History) -> Vec<Found> {
        let last = history.latest().next().map_or(0, |written| written.row.version);
        let found = |written: &Written| Found {
            doc: doc.clone(),
            key: key.clone(),
            written: written.clone(),
            latest: written.row.version == last,
            undecided: history.is_undecided(),
        };
        history.versions().map(found).collect()
    }

    fn named(self, replica: &Replica) -> RowEntry {
        let Written { row, author, at } = self.written;
        let directory = &replica.views().directory;
        let org = directory.node(author).map(|node| node.org.clone());
        let values = row.values().filter_map(|(field, value)| Some((field.name.into(), wire(field.of, value?))));
        RowEntry {
            org_name: directory.name(&self.doc.org).to_string(),
            org: self.doc.org.clone(),
            doc: self.doc,
            key: self.key.to_string(),
            version: row.version,
            values: values.collect(),
            void: row.void,
            at,
            node: author.to_string(),
            author_name: org.as_ref().map_or_else(String::new, |org| directory.name(org).to_string()),
            author: org,
            latest: self.latest,
            undecided: self.undecided,
            by: row.by,
            why: row.why,
        }
    }
}

/// A value as it may be sent back: amounts in yuan.
fn wire(of: Type, value: &Value) -> Wire {
    match (of, value) {
        (Type::Fen, _) | (_, Value::Text(_)) => tables::shown(of, value, Lang::En).into(),
        (_, Value::Number(number)) => (*number).into(),
    }
}

pub(super) async fn list(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<RowsQuery>>,
) -> Answer<RowsPage> {
    let form = tables::form(&query.form)?;
    let (names, mut docs) =
        services.engine.ask(move |replica| (Names::of(&replica.views().directory), docs_of(replica, form))).await?;
    if let Some(village) = &query.village {
        let village = names.village(village)?;
        docs.retain(|id| id.org == village);
    }
    let after = query.after.as_deref().map(cursor).transpose()?;
    let secret = *services.pseudonym_key.as_bytes();
    let today = services.clock.now().china_date();
    let key = query.key.as_deref().map(|key| key_of(form, key, &Context::new(today, &secret, &names))).transpose()?;
    if let Some(key) = key.clone() {
        let holding = move |replica: &Replica| {
            docs.retain(|id| holds(replica, id, form, &key));
            docs
        };
        docs = services.engine.ask(holding).await?;
    }
    let engine = services.engine.clone();
    let asked = key;
    let (found, next) = blocking(move || {
        let filter = filter(form, &query, &Context::new(today, &secret, &names))?;
        let wanted = |row: &Row| filter.iter().all(|(name, value)| row.get(name) == Some(value));
        let limit = usize::try_from(query.limit.clamp(1, PAGE)).unwrap_or(usize::MAX);
        let (mut found, mut records, mut last) = (Vec::new(), 0, None);
        for id in docs.into_iter().filter(|id| after.as_ref().is_none_or(|(doc, _)| id >= doc)) {
            for (key, history) in documents::rows(&engine, &id)?.histories(form) {
                let passed = after.as_ref().is_some_and(|(doc, after)| *doc == id && key.as_str() <= after.as_str());
                let counts = history.row();
                let asked = asked.as_deref().is_none_or(|asked| asked == key);
                let row = if query.versions { history.latest().next().map(|w| &w.row) } else { counts };
                if passed || !asked || !row.is_some_and(wanted) {
                    continue;
                }
                if records == limit {
                    return Ok((found, last));
                }
                let mut versions = Found::all(&id, key, history);
                if !query.versions {
                    // The one that counts comes first among the latest.
                    let first = versions.iter().position(|found| found.latest).unwrap_or(0);
                    versions = vec![versions.swap_remove(first)];
                }
                found.extend(versions);
                records += 1;
                last = Some(format!("{id} {key}"));
            }
        }
        Ok((found, None))
    })
    .await?;
    let rows = services.engine.ask(move |replica| found.into_iter().map(|found| found.named(replica)).collect());
    Ok(Json(RowsPage { form: form.name.into(), rows: rows.await?, next }))
}

/// A key as people type it, as it is kept.
fn key_of(form: &'static Form, text: &str, context: &Context<'_>) -> Result<String, Refusal> {
    let columns: Vec<_> = form.key().collect();
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() != columns.len() {
        let names: Vec<_> = columns.iter().map(|field| format!("{} {}", field.zh, field.name)).collect();
        return Err(Refusal::new(Code::MissingValue, names.join(" / ")));
    }
    let value = |(field, part): (&&Field, &str)| {
        let value = tables::value_of(field.of, part, context, false);
        value.map(|value| value.to_string()).map_err(|refusal| refusal.about(field.name))
    };
    Ok(columns.iter().zip(parts).map(value).collect::<Result<Vec<_>, Refusal>>()?.join("/"))
}

/// Whether a record lies in a document.
fn holds(replica: &Replica, id: &DocId, form: &Form, key: &str) -> bool {
    replica.docs().get(id).is_some_and(|doc| match &doc.summary {
        Summary::Register(register) => register.marks.of(form.name, key).is_some(),
        Summary::Points(_) => false,
    })
}

/// Where a page ended.
fn cursor(text: &str) -> Result<(DocId, String), Refusal> {
    let (doc, key) = text.split_once(' ').ok_or_else(|| Refusal::new(Code::BadRequest, "after"))?;
    Ok((doc.parse()?, key.to_owned()))
}

/// The values that columns must have.
fn filter(
    form: &'static Form,
    query: &RowsQuery,
    context: &Context<'_>,
) -> Result<Vec<(&'static str, Value)>, Refusal> {
    let Some(filter) = &query.filter else { return Ok(Vec::new()) };
    let wanted: BTreeMap<String, Wire> =
        serde_json::from_str(filter).map_err(|error| Refusal::new(Code::BadRequest, error))?;
    let value = |(name, value): (&String, &Wire)| {
        let field = tables::field(form, name)?;
        let value = tables::value_of(field.of, &text(value)?, context, false).map_err(|refusal| refusal.about(name))?;
        Ok((field.name, value))
    };
    wanted.iter().map(value).collect()
}

/// A value as people would type it.
fn text(value: &Wire) -> Result<String, Refusal> {
    match value {
        Wire::Null => Ok(String::new()),
        Wire::String(text) => Ok(text.clone()),
        Wire::Number(number) => Ok(number.to_string()),
        Wire::Bool(truth) => Ok(truth.to_string()),
        Wire::Array(_) | Wire::Object(_) => Err(Refusal::new(Code::BadRequest, "a value is a text or a number")),
    }
}

pub(super) async fn put(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<RowsRequest>>,
) -> Answer<RowsResponse> {
    if request.rows.len() > ROWS {
        let detail = format_args!("{} > {ROWS}", request.rows.len()).to_string();
        return Err(Refusal::new(Code::RequestTooLarge, detail).into());
    }
    let form = tables::form(&request.form)?;
    let mode = request.mode;
    let judged = judge(&services, form, request).await?;
    let clean = judged.iter().all(Result::is_ok);
    let commands: Vec<Command> = judged.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
    // With a bad row the rest is still judged, so that everything is told at once.
    let asked = if mode == Mode::AllOrNothing && !clean { ReplicaMode::DryRun } else { replica_mode(mode) };
    let mut answers = services.engine.submit(commands, asked).await?.into_iter();
    let mut results: Vec<RowResult> = judged.into_iter().map(|row| result(row, &mut answers)).collect();
    if mode == Mode::AllOrNothing && results.iter().any(|result| result.became == Became::Refused) {
        results.iter_mut().filter(|r| r.became == Became::New).for_each(|r| r.became = Became::Withheld);
    }
    Ok(Json(RowsResponse { mode, results }))
}

type Judged = Result<Command, Vec<tables::Problem>>;

/// What the rows ask for, or all that is wrong with each.
async fn judge(services: &Services, form: &'static Form, request: RowsRequest) -> Result<Vec<Judged>, Refusal> {
    let names = services.engine.ask(|replica| Names::of(&replica.views().directory)).await?;
    let village = request.village.as_deref().map(|village| match form.home {
        Home::Township(_) => Err(Refusal::new(Code::UnknownField, format_args!("{}: village 村", form.name))),
        _ => names.village(village),
    });
    let village = village.transpose()?;
    let latest = Latest::new(&services.engine).await?;
    let key = *services.pseudonym_key.as_bytes();
    let today = services.clock.now().china_date();
    blocking(move || {
        let known: &Known<'_> = &|form, village, key| latest.of(form, village, key);
        let put = Put {
            amend: request.amend.into(),
            withdraw: request.withdraw,
            village: village.as_ref(),
            by: &request.by,
            why: &request.why,
            known,
        };
        let context = Context { put, ..Context::new(today, &key, &names) };
        let judge = |row: &BTreeMap<String, Wire>| {
            let cell = |(name, value): (&String, &Wire)| Ok((name.clone(), text(value)?));
            let cells = row.iter().map(cell).collect::<Result<Vec<_>, Refusal>>()?;
            Ok(tables::put(form, &cells, &context))
        };
        request.rows.iter().map(judge).collect()
    })
    .await
}

fn result(row: Judged, answers: &mut impl Iterator<Item = Result<Outcome, Refusal>>) -> RowResult {
    let fault = |column: String, refusal: &Refusal| RowFault { column, refusal: refusal.into() };
    match row {
        Err(problems) => RowResult {
            key: None,
            became: Became::Refused,
            problems: problems.into_iter().map(|problem| fault(problem.column, &problem.refusal)).collect(),
        },
        Ok(command) => {
            let key = match &command {
                Command::Put(put) => Some(put.row.key()),
                _ => None,
            };
            let (became, problems) = match answers.next() {
                Some(Ok(Outcome::New | Outcome::Claimed)) => (Became::New, Vec::new()),
                Some(Ok(Outcome::Already)) => (Became::Already, Vec::new()),
                Some(Err(refusal)) => (Became::Refused, vec![fault(String::new(), &refusal)]),
                None => (Became::Withheld, Vec::new()),
            };
            RowResult { key, became, problems }
        }
    }
}

pub(super) async fn inbox(State(services): State<Services>) -> Answer<Inbox> {
    let undecided = |replica: &Replica| {
        let several = replica.docs().iter().filter_map(|(id, doc)| match &doc.summary {
            Summary::Register(register) => Some((id.clone(), register.marks.several())),
            Summary::Points(_) => None,
        });
        several.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
    };
    let docs = services.engine.ask(undecided).await?;
    let total = docs.iter().map(|(_, count)| *count as u64).sum();
    let engine = services.engine.clone();
    let found = blocking(move || {
        let mut found: Vec<(&'static Form, Vec<Found>)> = Vec::new();
        for (id, _) in docs {
            let rows = documents::rows(&engine, &id)?;
            for form in xiangyue_protocol::forms::ALL {
                let undecided = rows.histories(form).filter(|(_, history)| history.is_undecided());
                found.extend(undecided.map(|(key, history)| (*form, Found::all(&id, key, history))));
            }
            if found.len() >= CONFLICTS {
                found.truncate(CONFLICTS);
                break;
            }
        }
        Ok(found)
    })
    .await?;
    let conflicts = services.engine.ask(move |replica| {
        let conflict = |(form, versions): (&'static Form, Vec<Found>)| {
            let versions: Vec<_> = versions.into_iter().map(|found| found.named(replica)).collect();
            let first = versions.first()?;
            Some(Conflict {
                what: SmolStr::new_static("row"),
                form: form.name.into(),
                form_zh: form.zh.into(),
                org: first.org.clone(),
                org_name: first.org_name.clone(),
                key: first.key.clone(),
                versions,
            })
        };
        found.into_iter().filter_map(conflict).collect()
    });
    Ok(Json(Inbox { total, conflicts: conflicts.await? }))
}
