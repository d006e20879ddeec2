//! Taking data along: a document for any Automerge client, or tables for a spreadsheet.
//!
//! Tables that can be imported have all columns of the import and come out as it reads them. What summaries do not
//! keep, such as the clerk and the remark of an entry, is read from the documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::forms::Form;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{Account, Entry};
use xiangyue_protocol::summary::{Slip, Sort as SlipSort, Summary};
use xiangyue_protocol::{Code, Command, DocId, Level, OrgCode, Refusal};

use super::docs::{blocking, records};
use super::rows::docs_of;
use super::{Asked, Refused, Services};
use crate::api::types::{ExportFormat, ExportQuery, Exportable};
use crate::documents::{self, Mark};
use crate::engine::Handle;
use crate::i18n::Lang;
use crate::tables::{self, Cell, Sort};

/// A table: its header row and its rows.
struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

pub(super) async fn export(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<ExportQuery>>,
) -> Result<Response, Refused> {
    let format = query.format;
    let bytes = match query.what.parse()? {
        Exportable::Document(id) => document(&services, id, format).await?,
        what => {
            // A program that reads JSON relies on the names of the fields, whatever language people speak.
            let lang = if format == ExportFormat::Json { Lang::En } else { query.lang };
            let table = table(&services.engine, &what, lang).await?;
            blocking(move || encode(&table, format)).await?
        }
    };
    let kind = match format {
        ExportFormat::Csv => "text/csv; charset=utf-8",
        ExportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ExportFormat::Json => "application/json",
        ExportFormat::Automerge => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

async fn document(services: &Services, id: DocId, format: ExportFormat) -> Result<Vec<u8>, Refusal> {
    let asked = id.clone();
    if !services.engine.ask(move |replica| replica.docs().contains_key(&asked)).await? {
        return Err(Refusal::new(Code::UnknownDocument, id));
    }
    let engine = services.engine.clone();
    blocking(move || {
        let document = documents::load(&engine, &id)?;
        match format {
            ExportFormat::Automerge => Ok(document.save()),
            ExportFormat::Json => serde_json::to_vec_pretty(&records(&document.hydrate(None)))
                .map_err(|error| Refusal::new(Code::Corrupt, error)),
            _ => Err(Refusal::new(Code::BadValue, format_args!("--format {}: automerge, json", format.as_str()))),
        }
    })
    .await
}

fn encode(table: &Table, format: ExportFormat) -> Result<Vec<u8>, Refusal> {
    match format {
        ExportFormat::Csv => Ok(tables::csv_bytes(&table.headers, &table.rows)),
        ExportFormat::Xlsx => tables::xlsx_bytes("xiangyue", &table.headers, &table.rows),
        ExportFormat::Json => {
            let object = |row: &Vec<Cell>| {
                table.headers.iter().map(|header| (*header).to_owned()).zip(row.iter().map(json)).collect()
            };
            let rows: Vec<serde_json::Map<_, _>> = table.rows.iter().map(object).collect();
            serde_json::to_vec_pretty(&rows).map_err(|error| Refusal::new(Code::Corrupt, error))
        }
        ExportFormat::Automerge => Err(Refusal::new(Code::BadValue, "--format automerge: csv, xlsx, json")),
    }
}

fn json(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Text(text) => text.as_str().into(),
        Cell::Number(number) => (*number).into(),
        Cell::Decimal(number, digits) => tables::decimal(*number, *digits, |whole| whole.to_string()).into(),
        Cell::Date(date) => date.to_string().into(),
        Cell::Empty => "".into(),
    }
}

async fn table(engine: &Handle, what: &Exportable, lang: Lang) -> Result<Table, Refusal> {
    let (sort, commands) = match what {
        Exportable::Rows(Sort::Form(form)) => return rows(engine, form, lang).await,
        Exportable::Rows(sort @ (Sort::Entries | Sort::Redemptions)) => {
            let sort = *sort;
            let slips = engine.ask(move |replica| slips(replica, sort)).await?;
            let engine = engine.clone();
            (sort, blocking(move || entries(&engine, slips)).await?)
        }
        Exportable::Rows(sort) => {
            let sort = *sort;
            (sort, engine.ask(move |replica| facts(replica, sort)).await?)
        }
        Exportable::Balances | Exportable::Document(_) => {
            return engine.ask(move |replica| balances(replica, lang)).await;
        }
    };
    let headers = lang.pick(sort.headers_zh(), sort.headers_en());
    Ok(Table { headers, rows: commands.iter().filter_map(tables::cells).collect() })
}

/// The rows of a form that count.
async fn rows(engine: &Handle, form: &'static Form, lang: Lang) -> Result<Table, Refusal> {
    let docs = engine.ask(move |replica| docs_of(replica, form)).await?;
    let engine = engine.clone();
    let read = move || {
        let mut rows = Vec::new();
        for id in docs {
            let village = (id.org.level() == Level::Village).then_some(&id.org);
            rows.extend(documents::rows(&engine, &id)?.of(form).map(|row| tables::row_cells(village, row, lang)));
        }
        Ok(rows)
    };
    let sort = Sort::Form(form);
    Ok(Table { headers: lang.pick(sort.headers_zh(), sort.headers_en()), rows: blocking(read).await? })
}

/// Registers and rules as the commands that would bring them.
fn facts(replica: &Replica, sort: Sort) -> Vec<Command> {
    let views = replica.views();
    match sort {
        Sort::Accounts => {
            let command = |(village, account): (&OrgCode, &Account)| Command::Account {
                village: village.clone(),
                account: account.clone(),
            };
            views.registered().map(command).collect()
        }
        Sort::Rules => {
            let rules = views.rules.rules().cloned().map(Command::Rule);
            rules.chain(views.rules.items().cloned().map(Command::Item)).collect()
        }
        _ => Vec::new(),
    }
}

/// The entries of one sort that have not been reversed, by document and number. A village sees other villages'
/// redemptions in the merchants' counters: they are not its own to take along.
fn slips(replica: &Replica, sort: Sort) -> Vec<(DocId, BTreeSet<Mark>)> {
    let sort = if sort == Sort::Entries { SlipSort::Award } else { SlipSort::Redemption };
    let accounts = &replica.views().accounts;
    let is_village = replica.org().level() == Level::Village;
    let wanted =
        |slip: &&Slip| slip.sort == sort && !slip.reversed && (!is_village || accounts.contains_key(&slip.account));
    let of_doc = |(id, doc): (&DocId, &Arc<Doc>)| {
        let Summary::Points(points) = &doc.summary else { return None };
        let numbers = points.slips.keys();
        let marks =
            numbers.flat_map(|request| points.under(request).filter(wanted).map(move |slip| Mark::new(request, slip)));
        Some((id.clone(), marks.collect()))
    };
    replica.docs().iter().filter_map(of_doc).collect()
}

/// Reads whole entries from their documents.
fn entries(engine: &Handle, slips: Vec<(DocId, BTreeSet<Mark>)>) -> Result<Vec<Command>, Refusal> {
    let mut commands = Vec::new();
    for (id, marks) in slips {
        commands.extend(documents::entries(engine, &id, &marks)?.into_values().filter_map(command));
    }
    Ok(commands)
}

fn command(entry: Entry) -> Option<Command> {
    match entry {
        Entry::Award(award) => Some(Command::Award(award)),
        Entry::Redemption(redemption) => Some(Command::Redeem(redemption)),
        Entry::Reversal(_) | Entry::Grant(_) | Entry::Expiry(_) => None,
    }
}

fn balances(replica: &Replica, lang: Lang) -> Table {
    let views = replica.views();
    let rows = views.accounts.iter().map(|(account, (village, _))| {
        let totals = views.totals(account);
        let stranded = views.stranded(account);
        let available = totals.available() - stranded;
        let figures =
            [available, totals.earned, totals.redeemed, totals.reversed, totals.expired, totals.debt(), stranded];
        let head = [Cell::text(account.as_str()), Cell::text(village.as_str())];
        head.into_iter().chain(figures.map(|points| Cell::Number(points.0))).collect()
    });
    let zh = vec!["账户", "村", "可用积分", "累计积分", "已兑换", "已冲正", "已过期", "欠分", "滞留积分"];
    let en = vec!["account", "village", "available", "earned", "redeemed", "reversed", "expired", "debt", "stranded"];
    Table { headers: lang.pick(zh, en), rows: rows.collect() }
}
