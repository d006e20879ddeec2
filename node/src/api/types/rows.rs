//! `GET /forms`, `GET /rows`, `POST /rows`, `GET /inbox`: the rows of forms.
//!
//! Values are written as in tables: dates as `2026-11-23`, amounts in yuan, words by their English names. What is read
//! can be sent back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;
use xiangyue_protocol::forms::{self, Field, Form, Home, Type, Writers};
use xiangyue_protocol::{Amend, DocId, Millis, OrgCode};

use super::{ApiError, Became, Mode};

/// Every form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormList {
    /// In the order in which people fill them in.
    pub forms: Vec<FormInfo>,
}

impl FormList {
    /// All of them.
    pub fn all() -> FormList {
        FormList { forms: forms::ALL.iter().map(|form| FormInfo::of(form)).collect() }
    }
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormInfo {
    /// Its name.
    pub name: SmolStr,
    /// Its name in Chinese.
    pub name_zh: SmolStr,
    /// What it is for.
    pub about: SmolStr,
    /// The same in Chinese.
    pub about_zh: SmolStr,
    /// Rows of the article that it serves.
    pub article: Vec<SmolStr>,
    /// Kind of the documents in which its rows lie.
    pub document: SmolStr,
    /// Whose: `village`, `township`, or `either`.
    pub of: SmolStr,
    /// Who writes: `own`, the document's organisation; `both`, its village and its township; `township` alone.
    pub writers: SmolStr,
    /// Its columns, those of the key first. Beside them a row has `by`, `why`, and where it may be a village's
    /// `village`.
    pub columns: Vec<FormColumn>,
}

/// A column of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormColumn {
    /// Its name.
    pub name: SmolStr,
    /// Its header in Chinese.
    pub name_zh: SmolStr,
    /// `text`, `code`, `person`, `org`, `past`, `day`, `month`, `number`, `yuan` or `word`.
    #[serde(rename = "type")]
    pub of: SmolStr,
    /// Whether it must be filled in.
    pub required: bool,
    /// Whether it is part of the key.
    pub key: bool,
    /// Of a number the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<i64>,
    /// Of a number the most; of a text or code the most bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
    /// Of an organisation its level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<SmolStr>,
    /// The words that it offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<FormWord>,
}

/// A word that a column offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormWord {
    /// In English.
    pub name: SmolStr,
    /// In Chinese.
    pub name_zh: SmolStr,
}

impl FormInfo {
    /// What a form says of itself.
    pub fn of(form: &Form) -> FormInfo {
        FormInfo {
            name: form.name.into(),
            name_zh: form.zh.into(),
            about: form.about.into(),
            about_zh: form.about_zh.into(),
            article: form.article.split_whitespace().map(SmolStr::new).collect(),
            document: form.home.kind().as_str().into(),
            of: match form.home {
                Home::Village(_) => "village".into(),
                Home::Township(_) => "township".into(),
                Home::Either(_) => "either".into(),
            },
            writers: match form.writers {
                Writers::Own => "own".into(),
                Writers::Both => "both".into(),
                Writers::Township => "township".into(),
            },
            columns: form.fields.iter().map(FormColumn::of).collect(),
        }
    }
}

impl FormColumn {
    fn of(field: &Field) -> FormColumn {
        let plain = |of: &str| FormColumn {
            name: field.name.into(),
            name_zh: field.zh.into(),
            of: of.into(),
            required: field.required,
            key: field.key,
            least: None,
            most: None,
            level: None,
            words: Vec::new(),
        };
        match field.of {
            Type::Text(most) => FormColumn { most: i64::try_from(most).ok(), ..plain("text") },
            Type::Label(most) => FormColumn { most: i64::try_from(most).ok(), ..plain("label") },
            Type::Code => plain("code"),
            Type::Key(most) => FormColumn { most: i64::try_from(most).ok(), ..plain("code") },
            Type::Person => plain("person"),
            Type::Org(level) => FormColumn { level: Some(format!("{level:?}").to_lowercase().into()), ..plain("org") },
            Type::Past => plain("past"),
            Type::Day => plain("day"),
            Type::Month => plain("month"),
            Type::Number(least, most) => FormColumn { least: Some(least), most: Some(most), ..plain("number") },
            Type::Fen => plain("yuan"),
            Type::One(words) => {
                let word = |word: &forms::Word| FormWord { name: word.name.into(), name_zh: word.zh.into() };
                FormColumn { words: words.iter().map(word).collect(), ..plain("word") }
            }
        }
    }
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsQuery {
    /// Name of the form, in either language.
    pub form: String,
    /// Code or name of one village; all that the node holds when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub village: Option<String>,
    /// Key of one record: its values, separated by `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// JSON object of columns and the values that they must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// All versions, withdrawn ones too, instead of the rows that count.
    #[serde(default)]
    pub versions: bool,
    /// At most so many records, and at most 10,000.
    #[serde(default = "page")]
    pub limit: u64,
    /// Go on after the page that ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

fn page() -> u64 {
    100
}

/// A part of the rows asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsPage {
    /// The form.
    pub form: SmolStr,
    /// By document and key; versions oldest first.
    pub rows: Vec<RowEntry>,
    /// What to ask `after` for the rows that follow; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One version of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowEntry {
    /// Whose it is.
    pub org: OrgCode,
    /// That organisation's name.
    pub org_name: String,
    /// The document in which it lies.
    pub doc: DocId,
    /// Key of its record.
    pub key: String,
    /// Which version.
    pub version: u32,
    /// What it says, by column; empty columns are left out.
    pub values: BTreeMap<SmolStr, Value>,
    /// Code of the clerk.
    pub by: SmolStr,
    /// Why it was corrected or withdrawn.
    pub why: SmolStr,
    /// Whether it withdraws the record.
    pub void: bool,
    /// When it was written, by its author's clock.
    pub at: Millis,
    /// The node that wrote it.
    pub node: String,
    /// The organisation of that node; none while the directory does not know it.
    pub author: Option<OrgCode>,
    /// That organisation's name.
    pub author_name: String,
    /// Whether it is a latest version.
    pub latest: bool,
    /// Whether its record has several latest versions, written apart, and nobody has decided yet.
    pub undecided: bool,
}

/// Rows to enter, correct or withdraw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsRequest {
    /// Name of the form, in either language.
    pub form: String,
    /// Code or name of the village whose rows they are, where a row does not say it; a village's node may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub village: Option<String>,
    /// The rows, at most 1,000: values by the names of columns in either language.
    pub rows: Vec<BTreeMap<String, Value>>,
    /// What to do when a row is there that says something else. A correction leaves columns that are not named as
    /// they are.
    #[serde(default)]
    pub amend: Amendment,
    /// Whether to withdraw the records of these keys.
    #[serde(default)]
    pub withdraw: bool,
    /// Code of the clerk, where a row does not say it.
    #[serde(default)]
    pub by: SmolStr,
    /// Why, where a row does not say it.
    #[serde(default)]
    pub why: SmolStr,
    /// What to do when some are refused.
    #[serde(default)]
    pub mode: Mode,
}

/// What to do when a row is there that says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amendment {
    /// `true`: write the next version; `false`: refuse.
    Latest(bool),
    /// `{"version": 3}`: write the next version if this is the latest.
    Of {
        /// The version that was seen.
        version: u32,
    },
}

impl Default for Amendment {
    fn default() -> Amendment {
        Amendment::Latest(false)
    }
}

impl From<Amendment> for Amend {
    fn from(amendment: Amendment) -> Amend {
        match amendment {
            Amendment::Latest(false) => Amend::No,
            Amendment::Latest(true) => Amend::Latest,
            Amendment::Of { version } => Amend::Version(version),
        }
    }
}

/// The answers, in the order of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsResponse {
    /// The mode that was asked for.
    pub mode: Mode,
    /// One answer per row.
    pub results: Vec<RowResult>,
}

/// The answer to one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowResult {
    /// Its key, when it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What became of it.
    pub became: Became,
    /// Everything that is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<RowFault>,
}

/// One thing wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFault {
    /// The column as the request spells it; empty when it is about the whole row.
    pub column: String,
    /// What is wrong.
    pub refusal: ApiError,
}

/// What waits for a person to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// How many there are.
    pub total: u64,
    /// The first of them, at most 1,000.
    pub conflicts: Vec<Conflict>,
}

/// One matter to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// What it is: `row`, versions of a record that were written apart.
    pub what: SmolStr,
    /// The form.
    pub form: SmolStr,
    /// The form's name in Chinese.
    pub form_zh: SmolStr,
    /// Whose record it is.
    pub org: OrgCode,
    /// That organisation's name.
    pub org_name: String,
    /// Its key.
    pub key: String,
    /// All its versions, oldest first; those to decide between are `latest`.
    pub versions: Vec<RowEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_reads_as_a_person_would_write_it() {
        let amend = |text: &str| {
            let json = format!(r#"{{"form":"户","rows":[{{"户号":"H1","人口数":3}}]{text}}}"#);
            let request: RowsRequest = serde_json::from_str(&json).unwrap();
            Amend::from(request.amend)
        };
        assert_eq!(amend(""), Amend::No);
        assert_eq!(amend(r#","amend":true"#), Amend::Latest);
        assert_eq!(amend(r#","amend":{"version":3}"#), Amend::Version(3));
        let misspelt = r#"{"form":"户","rows":[],"amned":true}"#;
        assert!(serde_json::from_str::<RowsRequest>(misspelt).is_err());
    }

    #[test]
    fn every_form_says_what_it_is() {
        let list = FormList::all();
        assert_eq!(list.forms.len(), forms::ALL.len());
        let json = serde_json::to_value(&list).unwrap();
        let back: FormList = serde_json::from_value(json).unwrap();
        assert_eq!(back, list);
        let petition = list.forms.iter().find(|form| form.name == "petition").unwrap();
        assert_eq!((petition.of.as_str(), petition.columns[3].words.len()), ("either", 3));
    }
}
