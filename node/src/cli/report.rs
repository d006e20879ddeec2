//! `report`: a table of figures on the terminal, or in a file to hand on.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::ValueEnum;
use xiangyue_protocol::time::parse_date;
use xiangyue_protocol::{Code, Date, Month, Refusal};

use super::output::{Show, exit};
use super::table::{Side, Table};
use super::transfer;
use super::{Outcome, Session};
use crate::api::types::{Report, ReportColumn, ReportFormat, ReportName, fen_per_point};
use crate::i18n::{Lang, moment};

/// `report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which report
    pub(crate) name: Option<ReportName>,
    /// One month, as 2026-11; all of time when left out
    #[arg(long)]
    pub(crate) month: Option<Month>,
    /// For what holds on a day: the day; today when left out
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) at: Option<Date>,
    /// For exemplars: points from which on an account is one; as the township has set it when left out
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub(crate) threshold: Option<i64>,
    /// For the settlement: what a point is worth where the merchant's agreement says no rate, in fen
    #[arg(long, value_name = "FEN", default_value_t = fen_per_point())]
    pub(crate) fen_per_point: i64,
    /// Format; from the end of the file's name when left out, and on the terminal a table
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatArg>,
    /// File to write, replaced if it exists; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A format of reports on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatArg {
    Csv,
    Xlsx,
    Json,
    Html,
}

impl From<FormatArg> for ReportFormat {
    fn from(arg: FormatArg) -> ReportFormat {
        match arg {
            FormatArg::Csv => ReportFormat::Csv,
            FormatArg::Xlsx => ReportFormat::Xlsx,
            FormatArg::Json => ReportFormat::Json,
            FormatArg::Html => ReportFormat::Html,
        }
    }
}

pub(super) fn report(session: &Session, args: Args) -> Outcome {
    let lang = session.output.lang;
    let Some(name) = args.name else {
        return session.output.answer(&Names).map(|()| exit::OK);
    };
    let mut query = vec![
        ("name", name.as_str().to_owned()),
        ("fen_per_point", args.fen_per_point.to_string()),
        ("lang", lang.as_str().to_owned()),
    ];
    query.extend(args.threshold.map(|points| ("threshold", points.to_string())));
    query.extend(args.month.map(|month| ("month", month.to_string())));
    query.extend(args.at.map(|day| ("at", day.to_string())));
    let format = args.format.map(ReportFormat::from);
    match (format, args.out) {
        (None, None) => {
            let report: Report = session.client()?.get("/report", &query)?;
            session.output.answer(&report).map(|()| exit::OK)
        }
        (format, Some(out)) => {
            let format = format
                .or_else(|| of_name(&out))
                .ok_or_else(|| Refusal::new(Code::Usage, "--out NAME.csv | .xlsx | .json | .html, --format"))?;
            query.push(("format", format.as_str().to_owned()));
            transfer::download(session, "/report", &query, &out)
        }
        (Some(ReportFormat::Xlsx), None) if std::io::stdout().is_terminal() => {
            Err(Refusal::new(Code::Usage, "--format xlsx: --out FILE").into())
        }
        (Some(format), None) => {
            query.push(("format", format.as_str().to_owned()));
            transfer::download(session, "/report", &query, "-".as_ref())
        }
    }
}

/// The format that the end of a file's name stands for.
fn of_name(path: &std::path::Path) -> Option<ReportFormat> {
    let end = path.extension()?.to_str()?.to_ascii_lowercase();
    [ReportFormat::Csv, ReportFormat::Xlsx, ReportFormat::Json, ReportFormat::Html]
        .into_iter()
        .find(|format| format.as_str() == end)
}

/// The reports there are.
struct Names;

impl serde::Serialize for Names {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("reports", ReportName::ALL)])
    }
}

impl Show for Names {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::pairs();
        for name in ReportName::ALL {
            table.pair(name.as_str(), name.title(lang));
        }
        table.render()
    }
}

impl Show for Report {
    fn show(&self, lang: Lang) -> String {
        let side = |column: &ReportColumn| if column.number { Side::Right } else { Side::Left };
        let mut table = Table::with(self.columns.iter().map(|column| (column.label(lang), side(column))));
        for row in self.rows.iter().map(|row| self.shown(row)).chain(self.total_shown(lang)) {
            table.cells(row);
        }
        let (title, period, at) = (self.name.title(lang), self.period(lang), moment(self.horizon.as_of));
        let mut text = lang.pick(
            format!("{title}　{}　{period}，截至 {at}\n", self.org_name),
            format!("{title}, {}, {period}, as of {at}\n", self.org_name),
        );
        let missing = self.missing(lang);
        if !missing.is_empty() {
            text.push_str(&missing);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&table.render());
        if self.rows.is_empty() {
            text.push_str(lang.pick("没有数据\n", "nothing yet\n"));
        }
        for note in &self.notes {
            text.push_str(lang.pick(&note.zh, &note.en));
            text.push('\n');
        }
        text
    }
}
