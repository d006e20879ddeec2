//! `put`, `rows`, `withdraw`, `inbox`: rows of forms, one by one.

use std::collections::BTreeMap;

use serde_json::Value;
use smol_str::SmolStr;
use xiangyue_protocol::forms::{Field, Form, Type};
use xiangyue_protocol::{Code, Level, Refusal};

use super::output::{Show, exit};
use super::table::{Side, Table, heading};
use super::write::clerk;
use super::{Outcome, Session};
use crate::api::client::Failure;
use crate::api::types::{
    Amendment, ApiError, Became, Conflict, Inbox, Mode, RowEntry, RowFault, RowsPage, RowsRequest, RowsResponse,
};
use crate::i18n::{Lang, count, moment};
use crate::tables;
use crate::tables::value::shown;

/// `put`.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// The form, in either language
    #[arg(value_parser = tables::form)]
    form: &'static Form,
    /// Columns and what stands in them; columns in either language
    #[arg(required = true, value_name = "COLUMN=VALUE", value_parser = cell)]
    cells: Vec<(String, String)>,
    /// Code or name of the village whose row it is; may be left out at its node
    #[arg(long)]
    village: Option<String>,
    /// Code of the clerk; XIANGYUE_BY when left out
    #[arg(long, value_name = "CLERK")]
    by: Option<SmolStr>,
    /// Correct the row that is there; columns that are left out stay as they are
    #[arg(long, requires = "why")]
    amend: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Option<SmolStr>,
    /// Check only, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `rows`.
#[derive(Debug, clap::Args)]
pub(crate) struct Rows {
    /// The form, in either language
    #[arg(value_parser = tables::form)]
    form: &'static Form,
    /// Of one village alone: its code or name
    #[arg(long)]
    village: Option<String>,
    /// Only rows in which a column has this value; may be given several times
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = cell)]
    filter: Vec<(String, String)>,
    /// Only one row: its key, several columns separated by /
    #[arg(long)]
    key: Option<String>,
    /// All versions, withdrawn ones too
    #[arg(long)]
    versions: bool,
    /// At most so many rows
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u64,
}

/// `withdraw`.
#[derive(Debug, clap::Args)]
pub(crate) struct Withdraw {
    /// The form, in either language
    #[arg(value_parser = tables::form)]
    form: &'static Form,
    /// Key of the row, several columns separated by /
    key: String,
    /// Code or name of the village whose row it is; may be left out at its node
    #[arg(long)]
    village: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: SmolStr,
    /// Code of the clerk; XIANGYUE_BY when left out
    #[arg(long, value_name = "CLERK")]
    by: Option<SmolStr>,
    /// Check only, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `人口数=4`.
fn cell(text: &str) -> Result<(String, String), Refusal> {
    let (column, value) =
        text.split_once(['=', '＝']).ok_or_else(|| Refusal::new(Code::Usage, "COLUMN=VALUE 列=内容"))?;
    Ok((column.trim().to_owned(), value.to_owned()))
}

/// Cells by column, each once.
fn by_column(cells: Vec<(String, String)>) -> Result<BTreeMap<String, Value>, Refusal> {
    let mut row = BTreeMap::new();
    for (column, value) in cells {
        if row.insert(column.clone(), value.into()).is_some() {
            return Err(Refusal::new(Code::BadHeader, format_args!("重复 twice: {}", shown(&column))));
        }
    }
    Ok(row)
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::AllOrNothing }
}

pub(super) fn put(session: &Session, args: Put) -> Outcome {
    let request = RowsRequest {
        form: args.form.name.to_owned(),
        village: args.village,
        rows: vec![by_column(args.cells)?],
        amend: Amendment::Latest(args.amend),
        withdraw: false,
        by: clerk(session, args.by),
        why: args.why.unwrap_or_default(),
        mode: mode(args.dry_run),
    };
    send(session, args.form, &request)
}

pub(super) fn withdraw(session: &Session, args: Withdraw) -> Outcome {
    let columns: Vec<&Field> = args.form.key().collect();
    let parts: Vec<&str> = args.key.split('/').collect();
    if parts.len() != columns.len() {
        let names: Vec<_> = columns.iter().map(|field| format!("{} {}", field.zh, field.name)).collect();
        return Err(Refusal::new(Code::MissingValue, names.join(" / ")).into());
    }
    let row = columns.iter().zip(parts).map(|(field, part)| (field.name.to_owned(), part.into())).collect();
    let request = RowsRequest {
        form: args.form.name.to_owned(),
        village: args.village,
        rows: vec![row],
        amend: Amendment::Latest(true),
        withdraw: true,
        by: clerk(session, args.by),
        why: args.why,
        mode: mode(args.dry_run),
    };
    send(session, args.form, &request)
}

/// Sends one row. What is wrong with it is the refusal of the whole.
fn send(session: &Session, form: &'static Form, request: &RowsRequest) -> Outcome {
    let response: RowsResponse = session.client()?.post("/rows", request)?;
    let faults: Vec<&RowFault> = response.results.iter().flat_map(|result| &result.problems).collect();
    match refusal(&faults, session.output.lang) {
        Some(error) => Err(Failure::refused(error)),
        None => session.output.answer(&Done { form, withdrawn: request.withdraw, response }).map(|()| exit::OK),
    }
}

/// The first fault, and in its detail also the others.
fn refusal(faults: &[&RowFault], lang: Lang) -> Option<ApiError> {
    let about = |fault: &RowFault| match fault.column.as_str() {
        "" => fault.refusal.detail.clone(),
        column if fault.refusal.detail.is_empty() => column.to_owned(),
        column => format!("{column}: {}", fault.refusal.detail),
    };
    let (first, others) = faults.split_first()?;
    let mut detail = about(first);
    for fault in others {
        detail.push_str(&format!(" | [{}] {}: {}", fault.refusal.code, fault.refusal.message(lang), about(fault)));
    }
    Some(ApiError { detail, ..first.refusal.clone() })
}

/// What became of one row.
#[derive(serde::Serialize)]
struct Done {
    #[serde(skip)]
    form: &'static Form,
    #[serde(skip)]
    withdrawn: bool,
    #[serde(flatten)]
    response: RowsResponse,
}

impl Show for Done {
    fn show(&self, lang: Lang) -> String {
        let mut text = String::new();
        for result in &self.response.results {
            let what = match (result.became, self.response.mode) {
                (Became::New, Mode::DryRun) => {
                    lang.pick("可以写入（仅检查，未写入）", "good (checked only, not written)")
                }
                (Became::New, _) if self.withdrawn => lang.pick("已撤回", "withdrawn"),
                (Became::New | Became::Waiting, _) => lang.pick("已写入", "written"),
                (Became::Already, _) => {
                    lang.pick("此前已写入，内容相同", "had been written before, with the same content")
                }
                (Became::Refused, _) => lang.pick("已拒绝", "refused"),
                (Became::Withheld, _) => lang.pick("未写入", "not written"),
            };
            let key = result.key.as_deref().unwrap_or_default();
            text.push_str(
                &lang.pick(format!("{what}：{} {key}\n", self.form.zh), format!("{what}: {} {key}\n", self.form.name)),
            );
        }
        text
    }
}

pub(super) fn rows(session: &Session, args: Rows) -> Outcome {
    let mut query = vec![
        ("form", args.form.name.to_owned()),
        ("versions", args.versions.to_string()),
        ("limit", args.limit.to_string()),
    ];
    query.extend(args.village.map(|village| ("village", village)));
    query.extend(args.key.map(|key| ("key", key)));
    if !args.filter.is_empty() {
        query.push(("filter", serde_json::json!(by_column(args.filter)?).to_string()));
    }
    let page: RowsPage = session.client()?.get("/rows", &query)?;
    session.output.answer(&Page { form: args.form, versions: args.versions, page }).map(|()| exit::OK)
}

/// Rows as they were asked for.
#[derive(serde::Serialize)]
struct Page {
    #[serde(skip)]
    form: &'static Form,
    #[serde(skip)]
    versions: bool,
    #[serde(flatten)]
    page: RowsPage,
}

impl Show for Page {
    fn show(&self, lang: Lang) -> String {
        let rows = &self.page.rows;
        if rows.is_empty() {
            return lang.pick("没有这样的行\n", "no such rows\n").to_owned();
        }
        let several = rows.iter().any(|row| row.org != rows[0].org);
        // Columns in which nothing stands would only take up room.
        let shown = |field: &&Field| field.key || rows.iter().any(|row| row.values.contains_key(field.name));
        let fields: Vec<&Field> = self.form.fields.iter().filter(shown).collect();
        let mut titles = Vec::new();
        if several {
            titles.push((lang.pick("单位", "of"), Side::Left));
        }
        titles.extend(fields.iter().map(|field| (lang.pick(field.zh, field.name), side(field))));
        if self.versions {
            let own = [("版本", "version"), ("写入", "written"), ("时间", "at"), ("经办人", "by"), ("原因", "why")];
            titles.extend(own.map(|(zh, en)| (lang.pick(zh, en), Side::Left)));
        }
        titles.push(("", Side::Left));
        let mut table = Table::with(titles.into_iter());
        for row in rows {
            let of = several.then(|| row.org_name.clone());
            let mut cells: Vec<String> =
                of.into_iter().chain(fields.iter().map(|field| value(row, field, lang))).collect();
            if self.versions {
                let (by, why) = (row.by.to_string(), row.why.to_string());
                cells.extend([row.version.to_string(), row.author_name.clone(), moment(row.at), by, why]);
            }
            cells.push(state(row, lang).to_owned());
            table.cells(cells);
        }
        let mut text = table.render();
        let total = count(rows.len() as u64);
        if self.page.next.is_some() {
            text.push_str(&lang.pick(
                format!("前 {total} 行；--limit 可显示更多\n"),
                format!("the first {total} rows; more with --limit\n"),
            ));
        }
        if rows.iter().any(|row| row.undecided) {
            text.push_str(lang.pick("待裁定的行见 xiangyue inbox\n", "what is undecided: xiangyue inbox\n"));
        }
        text
    }
}

fn side(field: &Field) -> Side {
    if matches!(field.of, Type::Number(..) | Type::Fen) { Side::Right } else { Side::Left }
}

fn state(row: &RowEntry, lang: Lang) -> &'static str {
    match (row.void, row.undecided && row.latest) {
        (true, _) => lang.pick("已撤回", "withdrawn"),
        (_, true) => lang.pick("待裁定", "undecided"),
        _ => "",
    }
}

/// What stands in a column, its words in this language.
fn value(row: &RowEntry, field: &Field, lang: Lang) -> String {
    let text = match row.values.get(field.name) {
        None => return String::new(),
        Some(Value::String(text)) => text.replace('\n', " "),
        Some(value) => value.to_string(),
    };
    match field.of {
        Type::One(words) => {
            let word = words.iter().find(|word| word.name == text);
            word.map_or(text, |word| lang.pick(word.zh, word.name).to_owned())
        }
        _ => text,
    }
}

pub(super) fn inbox(session: &Session) -> Outcome {
    let inbox: Inbox = session.client()?.get("/inbox", &[])?;
    session.output.answer(&inbox).map(|()| exit::OK)
}

impl Show for Inbox {
    fn show(&self, lang: Lang) -> String {
        if self.conflicts.is_empty() {
            return lang.pick("没有待裁定的内容\n", "nothing waits for a decision\n").to_owned();
        }
        let mut text: String = self.conflicts.iter().map(|conflict| one(conflict, lang)).collect();
        let more = self.total.saturating_sub(self.conflicts.len() as u64);
        if more > 0 {
            text.push_str(&lang.pick(format!("另有 {} 项\n", count(more)), format!("and {} more\n", count(more))));
        }
        text
    }
}

/// The versions of one record side by side, and how to decide.
fn one(conflict: &Conflict, lang: Lang) -> String {
    let Ok(form) = tables::form(&conflict.form) else { return String::new() };
    let latest: Vec<&RowEntry> = conflict.versions.iter().filter(|row| row.latest).collect();
    let name = lang.pick(form.zh, form.name);
    let mut text = heading(&format!("{name} {}　{} {}", conflict.key, conflict.org_name, conflict.org));
    let titles: Vec<String> = latest.iter().map(|row| format!("{} {}", row.author_name, moment(row.at))).collect();
    let first = [(lang.pick("列", "column"), Side::Left)];
    let mut table = Table::with(first.into_iter().chain(titles.iter().map(|title| (title.as_str(), Side::Left))));
    let mut decide = format!("xiangyue put {name}");
    for field in form.fields {
        let values: Vec<String> = latest.iter().map(|row| value(row, field, lang)).collect();
        let differs = values.iter().any(|value| *value != values[0]);
        let column = lang.pick(field.zh, field.name);
        if field.key {
            decide.push_str(&format!(" {column}={}", values.first().map_or("", String::as_str)));
        } else if differs {
            decide.push_str(&format!(" {column}=…"));
        }
        if values.iter().any(|value| !value.is_empty()) {
            let mark = if differs { "≠ " } else { "" };
            table.cells([format!("{mark}{column}")].into_iter().chain(values).collect());
        }
    }
    let mut line = |title: &str, of: &dyn Fn(&RowEntry) -> String| {
        table.cells([title.to_owned()].into_iter().chain(latest.iter().map(|row| of(row))).collect());
    };
    line(lang.pick("状态", "state"), &|row| state(row, lang).to_owned());
    line(lang.pick("经办人", "by"), &|row| row.by.to_string());
    line(lang.pick("原因", "why"), &|row| row.why.to_string());
    text.push_str(&table.render());
    if conflict.org.level() == Level::Village {
        decide.push_str(&format!(" --village {}", conflict.org));
    }
    text.push_str(
        &lang.pick(format!("裁定：{decide} --amend --why …\n"), format!("to decide: {decide} --amend --why …\n")),
    );
    text
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::Millis;

    use super::*;

    fn entry(persons: i64, author: &str) -> RowEntry {
        let village: xiangyue_protocol::OrgCode = "110112119204".parse().unwrap();
        RowEntry {
            doc: "110112119204/roster".parse().unwrap(),
            org_name: "谢楼村".into(),
            author: Some(village.clone()),
            org: village,
            key: "H1".into(),
            version: 2,
            values: [
                ("household".into(), "H1".into()),
                ("persons".into(), persons.into()),
                ("resident".into(), "yes".into()),
            ]
            .into(),
            by: "W07".into(),
            why: "普查".into(),
            void: false,
            at: Millis(1_611_590_400_000),
            node: "00".into(),
            author_name: author.into(),
            latest: true,
            undecided: true,
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn rows_are_a_table_in_either_language() {
        let page = RowsPage { form: "household".into(), rows: vec![entry(4, "谢楼村")], next: Some("x".into()) };
        let page = Page { form: tables::form("户").unwrap(), versions: false, page };
        let text = plain(&page.show(Lang::Zh));
        assert!(text.starts_with("户号  人口数  常住\n") || text.contains("H1         4  是"), "{text}");
        assert!(text.contains("待裁定") && text.contains("前 1 行"), "{text}");
        let text = plain(&page.show(Lang::En));
        assert!(text.contains("persons") && text.contains("yes") && text.contains("undecided"), "{text}");
    }

    #[test]
    fn both_versions_stand_side_by_side_with_what_to_type() {
        let conflict = Conflict {
            what: "row".into(),
            form: "household".into(),
            form_zh: "户".into(),
            org: "110112119204".parse().unwrap(),
            org_name: "谢楼村".into(),
            key: "H1".into(),
            versions: vec![entry(4, "谢楼村"), entry(5, "潞城镇")],
        };
        let text = plain(&Inbox { total: 1, conflicts: vec![conflict] }.show(Lang::Zh));
        assert!(text.contains("谢楼村 2021-01-26 00:00:00") && text.contains("潞城镇 2021-01-26"), "{text}");
        assert!(text.contains("≠ 人口数") && !text.contains("≠ 常住"), "{text}");
        assert!(
            text.contains("裁定：xiangyue put 户 户号=H1 人口数=… --village 110112119204 --amend --why …"),
            "{text}"
        );
        assert!(Inbox { total: 0, conflicts: Vec::new() }.show(Lang::En).contains("nothing waits"));
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_one_refusal() {
        let fault = |code, column: &str, detail: &str| RowFault {
            column: column.into(),
            refusal: Refusal::new(code, detail).into(),
        };
        let faults = [fault(Code::BadNumber, "人口数", "100 (0–99)"), fault(Code::MissingValue, "户号", "household")];
        let error = refusal(&faults.iter().collect::<Vec<_>>(), Lang::Zh).unwrap();
        assert_eq!(error.code, "XY-104");
        assert_eq!(error.detail, "人口数: 100 (0–99) | [XY-106] 缺少必填内容: 户号: household");
        assert_eq!(refusal(&[], Lang::Zh), None);
    }

    #[test]
    fn a_cell_is_a_column_and_a_value() {
        assert_eq!(cell("note=a=b"), Ok(("note".to_owned(), "a=b".to_owned())));
        assert_eq!(cell("人口数＝4"), Ok(("人口数".to_owned(), "4".to_owned())));
        assert_eq!(cell("x").unwrap_err().code(), Code::Usage);
        let twice = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert_eq!(by_column(twice).unwrap_err().code(), Code::BadHeader);
    }
}
