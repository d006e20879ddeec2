//! A report as people hand it on: CSV, a workbook, JSON, a page to print. The table stands alone, so that it can be
//! calculated with; what it is and how far it reaches stands beside it.

use askama::Template;
use xiangyue_protocol::{Code, Refusal};

use crate::api::types::{Report, ReportCell, ReportColumn, ReportFormat};
use crate::i18n::{Lang, moment, thousands};
use crate::tables::{self, Cell};

/// The report's bytes in a format.
///
/// # Errors
/// [`Code::FileTooLarge`] beyond what a sheet holds.
pub fn write(report: &Report, format: ReportFormat, lang: Lang) -> Result<Vec<u8>, Refusal> {
    let headers: Vec<&str> = report.columns.iter().map(|column| column.label(lang)).collect();
    let rows = report.rows.iter().map(|row| cells(&report.columns, row));
    match format {
        ReportFormat::Json => serde_json::to_vec_pretty(report).map_err(|error| Refusal::new(Code::Corrupt, error)),
        ReportFormat::Csv => Ok(tables::csv_bytes(&headers, rows)),
        ReportFormat::Xlsx => tables::report_bytes(report.name.title(lang), &headers, rows, &report.about(lang)),
        ReportFormat::Html => {
            page(report, lang).render().map(String::into_bytes).map_err(|error| Refusal::new(Code::Corrupt, error))
        }
    }
}

fn cells(columns: &[ReportColumn], row: &[ReportCell]) -> Vec<Cell> {
    let cell = |(column, cell): (&ReportColumn, &ReportCell)| match cell {
        ReportCell::Number(number) if column.decimals > 0 => Cell::Decimal(*number, column.decimals),
        ReportCell::Number(number) => Cell::Number(*number),
        ReportCell::Text(text) => Cell::Text(text.clone()),
        ReportCell::Empty(()) => Cell::Empty,
    };
    columns.iter().zip(row).map(cell).collect()
}

impl ReportCell {
    /// As people read it.
    fn shown(&self, column: &ReportColumn) -> String {
        match self {
            ReportCell::Number(number) => tables::decimal(*number, column.decimals, thousands),
            ReportCell::Text(text) => text.to_string(),
            ReportCell::Empty(()) => String::new(),
        }
    }
}

impl Report {
    /// The month, or that it is of all of time.
    pub fn period(&self, lang: Lang) -> String {
        self.month.map_or_else(|| lang.pick("全部时间", "all of time").to_owned(), |month| month.to_string())
    }

    /// A row as people read it.
    pub fn shown(&self, row: &[ReportCell]) -> Vec<String> {
        self.columns.iter().zip(row).map(|(column, cell)| cell.shown(column)).collect()
    }

    /// The sums as people read them, with a word in front where there is room; none where nothing is summed.
    pub fn total_shown(&self, lang: Lang) -> Option<Vec<String>> {
        let mut shown = self.shown(&self.total);
        if let Some(first) = shown.first_mut().filter(|first| first.is_empty()) {
            lang.pick("合计", "total").clone_into(first);
        }
        Some(shown).filter(|shown| !shown.is_empty())
    }

    /// Who has not reported, in words; empty when everybody has.
    pub fn missing(&self, lang: Lang) -> String {
        let missing = self
            .horizon
            .missing_told(lang)
            .map(|told| format!("{told}{}{}", lang.pick("：", ": "), self.horizon.missing_names(lang)));
        let told: Vec<String> = missing.into_iter().chain(self.horizon.not_joined_told(lang)).collect();
        told.join(lang.pick("；", "; "))
    }

    /// What it is and how far it reaches, as pairs of a name and a value.
    pub fn about(&self, lang: Lang) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let mut about = vec![
            pair(lang.pick("报表", "report"), self.name.title(lang).to_owned()),
            pair(lang.pick("单位", "organisation"), format!("{} {}", self.org_name, self.org)),
            pair(lang.pick("期间", "period"), self.period(lang)),
            pair(lang.pick("截至", "as of"), moment(self.horizon.as_of)),
        ];
        let missing = self.missing(lang);
        let complete = lang.pick("各村均已上报", "every village has reported").to_owned();
        about.push(pair(lang.pick("未报全", "incomplete"), if missing.is_empty() { complete } else { missing }));
        about.extend(
            self.notes.iter().map(|note| pair(lang.pick("说明", "note"), lang.pick(&note.zh, &note.en).clone())),
        );
        about
    }
}

/// The page to print.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    lang: Lang,
    title: &'a str,
    org: &'a str,
    period: String,
    as_of: String,
    missing: String,
    columns: Vec<&'a str>,
    rows: Vec<Vec<Shown>>,
    total: Vec<Shown>,
    nothing: &'a str,
    notes: Vec<&'a str>,
}

struct Shown {
    text: String,
    number: bool,
}

fn page(report: &Report, lang: Lang) -> Page<'_> {
    let cells = |row: Vec<String>| {
        let cell = |(column, text): (&ReportColumn, String)| Shown { text, number: column.number };
        report.columns.iter().zip(row).map(cell).collect::<Vec<_>>()
    };
    let at = moment(report.horizon.as_of);
    Page {
        lang,
        title: report.name.title(lang),
        org: &report.org_name,
        period: report.period(lang),
        as_of: lang.pick(format!("截至 {at}"), format!("as of {at}")),
        missing: report.missing(lang),
        columns: report.columns.iter().map(|column| column.label(lang)).collect(),
        rows: report.rows.iter().map(|row| cells(report.shown(row))).collect(),
        total: report.total_shown(lang).map(cells).unwrap_or_default(),
        nothing: lang.pick("没有数据", "nothing yet"),
        notes: report.notes.iter().map(|note| lang.pick(note.zh.as_str(), note.en.as_str())).collect(),
    }
}
