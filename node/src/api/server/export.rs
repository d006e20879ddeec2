//! Taking data along: a document for any Automerge client, or tables for a spreadsheet.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::Response;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::summary::{Slip, Sort, Summary};
use xiangyue_protocol::{Code, DocId, Refusal};

use super::docs::{blocking, records};
use super::{Asked, Refused, Services};
use crate::api::types::{ExportFormat, ExportQuery};
use crate::documents;
use crate::tables::{self, Cell};

/// A table: its header row and its rows.
struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

pub(super) async fn export(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<ExportQuery>>,
) -> Result<Response, Refused> {
    let bytes = match query.what.parse::<DocId>() {
        Ok(id) => document(&services, id, query.format).await?,
        Err(_) => {
            let what = query.what.clone();
            let table = services.engine.ask(move |replica| table(replica, &what)).await??;
            blocking(move || encode(&table, query.format)).await?
        }
    };
    let kind = match query.format {
        ExportFormat::Csv => "text/csv; charset=utf-8",
        ExportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ExportFormat::Json => "application/json",
        ExportFormat::Automerge => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

use axum::response::IntoResponse;

async fn document(services: &Services, id: DocId, format: ExportFormat) -> Result<Vec<u8>, Refusal> {
    let asked = id.clone();
    if !services.engine.ask(move |replica| replica.docs().contains_key(&asked)).await? {
        return Err(Refusal::new(Code::BadDocId, id));
    }
    let engine = services.engine.clone();
    blocking(move || {
        let document = documents::load(&engine, &id)?;
        match format {
            ExportFormat::Automerge => Ok(document.save()),
            ExportFormat::Json => serde_json::to_vec_pretty(&records(&document.hydrate(None)))
                .map_err(|error| Refusal::new(Code::Corrupt, error)),
            _ => Err(Refusal::new(Code::BadValue, "a document is exported as automerge or json")),
        }
    })
    .await
}

/// All cells as text: codes must keep their digits.
fn cells(rows: &[Vec<String>]) -> impl Iterator<Item = Vec<Cell>> {
    rows.iter().map(|row| row.iter().map(Cell::text).collect())
}

fn encode(table: &Table, format: ExportFormat) -> Result<Vec<u8>, Refusal> {
    match format {
        ExportFormat::Csv => Ok(tables::csv_bytes(&table.headers, cells(&table.rows))),
        ExportFormat::Xlsx => tables::xlsx_bytes("xiangyue", &table.headers, cells(&table.rows)),
        ExportFormat::Json => {
            let object = |row: &Vec<String>| {
                table.headers.iter().map(|h| (*h).to_owned()).zip(row.iter().map(|v| v.clone().into())).collect()
            };
            let rows: Vec<serde_json::Map<_, serde_json::Value>> = table.rows.iter().map(object).collect();
            serde_json::to_vec_pretty(&rows).map_err(|error| Refusal::new(Code::Corrupt, error))
        }
        ExportFormat::Automerge => Err(Refusal::new(Code::BadValue, "automerge needs a document id")),
    }
}

fn table(replica: &Replica, what: &str) -> Result<Table, Refusal> {
    match what {
        "accounts" => Ok(accounts(replica)),
        "entries" => Ok(entries(replica)),
        "redemptions" => Ok(redemptions(replica)),
        "balances" => Ok(balances(replica)),
        _ => Err(Refusal::new(
            Code::BadValue,
            format_args!("{what}: accounts, entries, redemptions, balances or a document id"),
        )),
    }
}

/// In the columns of the import, so that an export can be imported again.
fn accounts(replica: &Replica) -> Table {
    let rows = replica.views().accounts.values().map(|(village, account)| {
        vec![
            account.account.to_string(),
            account.holder.as_str().to_owned(),
            account.cohort.as_str().to_owned(),
            village.to_string(),
            account.opened.to_string(),
        ]
    });
    Table { headers: vec!["account", "holder_kind", "segment", "village", "opened"], rows: rows.collect() }
}

/// All slips of one sort that have not been reversed, by document and number.
fn slips(replica: &Replica, sort: Sort) -> impl Iterator<Item = (&str, &Slip)> {
    let points = replica.docs().values().filter_map(|doc| match &doc.summary {
        Summary::Points(points) => Some(points),
        Summary::Register(_) => None,
    });
    let slips = points.flat_map(|points| &points.slips);
    slips.filter(move |(_, slip)| slip.sort == sort && !slip.reversed).map(|(request, slip)| (request.as_str(), slip))
}

fn entries(replica: &Replica) -> Table {
    let rows = slips(replica, Sort::Award).map(|(request, slip)| {
        vec![
            request.to_owned(),
            slip.date.to_string(),
            slip.account.to_string(),
            slip.what.to_string(),
            slip.points.to_string(),
        ]
    });
    Table { headers: vec!["request_id", "date", "account", "rule", "points"], rows: rows.collect() }
}

fn redemptions(replica: &Replica) -> Table {
    let rows = slips(replica, Sort::Redemption).map(|(request, slip)| {
        vec![
            request.to_owned(),
            slip.date.to_string(),
            slip.account.to_string(),
            slip.what.to_string(),
            slip.points.to_string(),
            slip.place.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]
    });
    Table { headers: vec!["request_id", "date", "account", "item", "points", "merchant"], rows: rows.collect() }
}

fn balances(replica: &Replica) -> Table {
    let views = replica.views();
    let rows = views.accounts.iter().map(|(account, (village, _))| {
        let totals = views.totals(account);
        let figures = [totals.available(), totals.earned, totals.redeemed, totals.reversed, totals.debt()];
        let head = [account.to_string(), village.to_string()];
        head.into_iter().chain(figures.map(|points| points.to_string())).collect()
    });
    let headers = vec!["account", "village", "available", "earned", "redeemed", "reversed", "debt"];
    Table { headers, rows: rows.collect() }
}
