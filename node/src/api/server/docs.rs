//! What documents there are, what stands in them and where it came from.

use automerge::hydrate::Value;
use axum::Json;
use axum::extract::{Query, State};
use serde_json::Map;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::summary::Summary;
use xiangyue_protocol::{Code, DocId, Refusal};

use super::{Answer, Asked, Services};
use crate::api::types::{DocContent, DocHistory, DocList, DocQuery, DocRecord, DocRow, SegmentRow};
use crate::documents;
use crate::membership::hex;

/// Most records or segments in one answer.
const PAGE: u64 = 10_000;

fn doc_row(replica: &Replica, id: &DocId) -> Option<DocRow> {
    let doc = replica.docs().get(id)?;
    let records = match &doc.summary {
        Summary::Points(points) => points.entries + points.void,
        Summary::Register(register) => register.len() as u64,
    };
    let authors: std::collections::BTreeSet<_> = doc.vector.keys().map(|actor| actor.node).collect();
    Some(DocRow {
        id: id.clone(),
        org_name: replica.views().directory.name(&id.org).to_string(),
        records,
        segments: 0,
        bytes: 0,
        authors: authors.len() as u64,
        heads: doc.heads.iter().map(|head| hex(head)).collect(),
        last_change: None,
    })
}

pub(super) async fn list(State(services): State<Services>) -> Answer<DocList> {
    let docs = services.engine.ask(|replica| replica.docs().keys().filter_map(|id| doc_row(replica, id)).collect());
    let mut docs: Vec<DocRow> = docs.await?;
    for row in &mut docs {
        let positions = services.engine.segments().of_doc(&row.id);
        row.segments = positions.len() as u64;
        row.bytes = positions.iter().map(|position| u64::from(position.len)).sum();
        row.last_change = services.engine.segments().last_written(&row.id);
    }
    Ok(Json(DocList { docs }))
}

/// The row of one document, completed from its segments.
async fn row_of(services: &Services, id: &DocId) -> Result<(DocRow, Vec<documents::StoredSegment>), Refusal> {
    let asked = id.clone();
    let row = services.engine.ask(move |replica| doc_row(replica, &asked)).await?;
    let mut row = row.ok_or_else(|| Refusal::new(Code::UnknownDocument, id))?;
    let (engine, asked) = (services.engine.clone(), id.clone());
    let segments = blocking(move || documents::segments(&engine, &asked)).await?;
    row.segments = segments.len() as u64;
    row.bytes = segments.iter().map(|segment| segment.bytes).sum();
    row.last_change = services.engine.segments().last_written(id);
    Ok((row, segments))
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::new(Code::NotRunning, error))?
}

pub(super) async fn show(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<DocQuery>>,
) -> Answer<DocContent> {
    let (doc, _) = row_of(&services, &query.id).await?;
    let (engine, id) = (services.engine.clone(), query.id.clone());
    let (heads, records) = blocking(move || {
        let document = documents::load(&engine, &id)?;
        let mut heads: Vec<String> = document.get_heads().iter().map(|head| hex(&head.0)).collect();
        heads.sort_unstable();
        Ok((heads, records(&document.hydrate(None))))
    })
    .await?;
    let (skip, take) = page(&query);
    Ok(Json(DocContent { doc, heads, records: records.into_iter().skip(skip).take(take).collect() }))
}

fn page(query: &DocQuery) -> (usize, usize) {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    (number(query.offset), number(query.limit.min(PAGE)))
}

/// The records of a document as any Automerge client sees them.
pub(super) fn records(root: &Value) -> Vec<DocRecord> {
    let Value::Map(map) = root else { return Vec::new() };
    let mut rows: Vec<DocRecord> = map
        .iter()
        .map(|(key, value)| {
            let fields = match &value.value {
                Value::Map(fields) => fields.iter().map(|(name, v)| (name.to_string(), scalar(&v.value))).collect(),
                _ => Map::new(),
            };
            DocRecord { key: key.to_string(), fields }
        })
        .collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

fn scalar(value: &Value) -> serde_json::Value {
    match value {
        Value::Scalar(scalar) => serde_json::to_value(scalar).unwrap_or_default(),
        _ => serde_json::Value::Null,
    }
}

pub(super) async fn history(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<DocQuery>>,
) -> Answer<DocHistory> {
    let (doc, mut segments) = row_of(&services, &query.id).await?;
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.header.hlc));
    let (skip, take) = page(&query);
    let segments: Vec<_> = segments.into_iter().skip(skip).take(take).collect();
    let rows = services
        .engine
        .ask(move |replica| {
            let directory = &replica.views().directory;
            let row = |segment: documents::StoredSegment| {
                let header = segment.header;
                let org = directory.node(header.actor.node).map_or_else(|| header.doc.org.clone(), |n| n.org.clone());
                SegmentRow {
                    actor: header.actor.to_string(),
                    org_name: directory.name(&org).to_string(),
                    org,
                    first_seq: header.first,
                    last_seq: header.last,
                    at: header.hlc.millis(),
                    bytes: segment.bytes,
                    hash: segment.hash.to_hex().to_string(),
                    open: true,
                }
            };
            segments.into_iter().map(row).collect()
        })
        .await?;
    Ok(Json(DocHistory { doc, segments: rows }))
}
