//! `GET /docs…`: what documents a node holds and where they come from; `GET /export`: take them along.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, DocId, Millis, OrgCode, Refusal};

use crate::i18n::Lang;
use crate::tables::{Sort, form};

/// All documents of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocList {
    /// In order of id.
    pub docs: Vec<DocRow>,
}

/// One document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocRow {
    /// Its id.
    pub id: DocId,
    /// Name of the organisation that it belongs to.
    pub org_name: String,
    /// Records in it.
    pub records: u64,
    /// Segments of it in the journal.
    pub segments: u64,
    /// Bytes of those segments.
    pub bytes: u64,
    /// How many nodes wrote in it.
    pub authors: u64,
    /// Its heads, hexadecimal, sorted. Equal heads mean equal documents.
    pub heads: Vec<String>,
    /// When the last segment of it was written, by its author's clock.
    pub last_change: Option<Millis>,
}

/// Which document, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocQuery {
    /// The document's id.
    pub id: DocId,
    /// At most so many records or segments.
    #[serde(default = "page")]
    pub limit: u64,
    /// Skip so many.
    #[serde(default)]
    pub offset: u64,
}

fn page() -> u64 {
    50
}

/// Records of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocContent {
    /// The document.
    pub doc: DocRow,
    /// Its heads, hexadecimal, sorted. Equal heads mean equal documents.
    pub heads: Vec<String>,
    /// The records asked for, in order of key.
    pub records: Vec<DocRecord>,
}

/// A record of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocRecord {
    /// Its key.
    pub key: String,
    /// Its fields.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocHistory {
    /// The document.
    pub doc: DocRow,
    /// The segments asked for, newest first.
    pub segments: Vec<SegmentRow>,
}

/// A signed run of one author's changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// The author's node and life, as `a1b2c3d4.1`.
    pub actor: String,
    /// The author's organisation.
    pub org: OrgCode,
    /// That organisation's name.
    pub org_name: String,
    /// First change.
    pub first_seq: u64,
    /// Last change.
    pub last_seq: u64,
    /// When it was written, by its author's clock.
    pub at: Millis,
    /// Bytes.
    pub bytes: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// Whether its body is open to this node.
    pub open: bool,
}

/// A format to export in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// UTF-8 with a byte order mark, so that spreadsheets read it.
    Csv,
    /// Spreadsheet.
    Xlsx,
    /// Lines of JSON.
    Json,
    /// One document as any Automerge client opens it.
    Automerge,
}

impl ExportFormat {
    /// The word in JSON, on the command line and at the end of a file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportFormat::Csv => "csv",
            ExportFormat::Xlsx => "xlsx",
            ExportFormat::Json => "json",
            ExportFormat::Automerge => "automerge",
        }
    }
}

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportQuery {
    /// As [`Exportable`] reads it.
    pub what: String,
    /// In which format.
    pub format: ExportFormat,
    /// Language of the header row of CSV and XLSX; the import reads both.
    #[serde(default = "english")]
    pub lang: Lang,
}

fn english() -> Lang {
    Lang::En
}

/// Something that can be exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exportable {
    /// A table in the columns of the import.
    Rows(Sort),
    /// Accounts with their sums.
    Balances,
    /// One document.
    Document(DocId),
}

impl FromStr for Exportable {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text == "balances" {
            return Ok(Exportable::Balances);
        }
        if let Ok(sort) = text.parse() {
            return Ok(Exportable::Rows(sort));
        }
        text.parse().map(Exportable::Document).map_err(|_| {
            let tables: Vec<_> = Sort::OWN.iter().map(|sort| sort.as_str()).collect();
            let tables = tables.join(", ");
            let like = form(text).err().map_or(String::new(), |refusal| refusal.detail().to_owned());
            Refusal::new(Code::BadValue, format_args!("{tables}, balances, 110112119201/ledger/2026-11, {like}"))
        })
    }
}
