//! What may be typed. English stands here; [`super::zh`] replaces it for Chinese, key by key.
//!
//! The first line of a doc comment is the help text. Every command carries an example.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use smol_str::SmolStr;
use xiangyue_protocol::schema::{AccountId, ItemCode, Line, Points, RequestId, RuleCode};
use xiangyue_protocol::time::parse_date;
use xiangyue_protocol::{Date, DocId, Month, NodeId, OrgCode};

use super::{forms, report, rows};
use crate::api::types::{ExportFormat, Exportable};
use crate::i18n::Lang;
use crate::tables::Sort;

/// Village points ledgers that work offline and agree once connected
#[derive(Debug, Parser)]
#[command(
    name = "xiangyue",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Example:\n  xiangyue demo\n  xiangyue status --data /var/lib/xiangyue"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Verb,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Data folder of the node
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Language of messages; from the locale when left out
    #[arg(long, global = true, value_name = "LANG", value_enum)]
    pub(crate) lang: Option<LangArg>,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'V', action = ArgAction::Version)]
    version: Option<bool>,
}

/// A language on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LangArg {
    Zh,
    En,
}

impl From<LangArg> for Lang {
    fn from(arg: LangArg) -> Lang {
        match arg {
            LangArg::Zh => Lang::Zh,
            LangArg::En => Lang::En,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Found a township on this machine
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  xiangyue init township --code 110112119 --name 潞城镇 --data ./town"
    )]
    Init(Init),
    /// Let a village's or merchant's node join
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  xiangyue enroll token --org 110112119201 --name 谢楼村 --data ./town\n  xiangyue enroll join @token.txt --data ./xielou"
    )]
    Enroll(Enroll),
    /// Run the node
    #[command(after_help = "Example:\n  xiangyue serve --data ./town --listen 0.0.0.0:7443")]
    Serve(Serve),
    /// Show the node, its peers and how fresh its knowledge is
    #[command(after_help = "Example:\n  xiangyue status --data ./town")]
    Status,
    /// Import accounts, entries, redemptions, rules or rows of any form from CSV or XLSX files
    #[command(
        after_help = "Example:\n  xiangyue import accounts.xlsx entries.csv --dry-run\n  xiangyue import entries.csv --kind entries --skip-bad refused.csv\n  xiangyue import 户.xlsx --kind 户 --amend --why 年度核对"
    )]
    Import(Import),
    /// Award points
    #[command(after_help = "Example:\n  xiangyue award A000001 R01 5 --request 2026-0001 --by W07 --memo 巡河")]
    Award(Award),
    /// Show the awards that wait for a second person
    #[command(after_help = "Example:\n  xiangyue approvals\n  xiangyue approvals --declined")]
    Approvals(super::approvals::List),
    /// Approve an award that waits, as another person than the clerk who entered it
    #[command(after_help = "Example:\n  xiangyue approve 2026-0001 --by W08")]
    Approve(super::approvals::Approve),
    /// Decline an award that waits
    #[command(after_help = "Example:\n  xiangyue decline 2026-0001 --why 无证明材料 --by W08")]
    Decline(super::approvals::Decline),
    /// Redeem points
    #[command(
        after_help = "Example:\n  xiangyue redeem A000001 I01 20 --request 2026-0002 --merchant 养老驿站 --by W07\n  xiangyue redeem A000001 HAIR --line 长发-植物@60 --line 短发 --request 2026-0005 --by W07"
    )]
    Redeem(Redeem),
    /// Take back an earlier award or redemption of this node
    #[command(after_help = "Example:\n  xiangyue reverse 2026-0001 --request 2026-0003 --by W07 --memo 重复登记")]
    Reverse(Reverse),
    /// Hand the right to spend points to a merchant's node, or back to a village's
    #[command(after_help = "Example:\n  xiangyue grant A000001 100 --to 养老驿站 --request 2026-0004 --by W07")]
    Grant(Grant),
    /// Show an account's points
    #[command(after_help = "Example:\n  xiangyue balance A000001")]
    Balance(Balance),
    /// Show an account's entries
    #[command(after_help = "Example:\n  xiangyue statement A000001 --from 2026-01-01 --to 2026-03-31")]
    Statement(Statement),
    /// Show the township's figures and as of when they are known
    #[command(after_help = "Example:\n  xiangyue stats\n  xiangyue stats --month 2026-11 --json")]
    Stats(Stats),
    /// Print or write a report; without a name, list those there are
    #[command(
        after_help = "Example:\n  xiangyue report\n  xiangyue report settlement --month 2026-11 --out settlement.xlsx"
    )]
    Report(report::Args),
    /// Take out points that nobody may spend any more by the township's policy; nothing expires by itself
    #[command(
        after_help = "Example:\n  xiangyue expire --as-of 2026-04-01 --dry-run\n  xiangyue expire --as-of 2026-04-01 --by W07"
    )]
    Expire(super::expire::Expire),
    /// Freeze a month's figures, or open a closed month again (township only)
    #[command(
        after_help = "Example:\n  xiangyue close 2026-10 --by C01 --data ./town\n  xiangyue close 2026-10 --reopen --why 漏报更正 --data ./town"
    )]
    Close(super::close::Close),
    /// Show the forms, or the columns of one; write an empty table of it
    #[command(
        after_help = "Example:\n  xiangyue form\n  xiangyue form petition\n  xiangyue form 户 --template 户.xlsx"
    )]
    Form(forms::Args),
    /// Enter a row of a form, or correct one
    #[command(
        after_help = "Example:\n  xiangyue put household household=H001 persons=4 resident=yes --by W07\n  xiangyue put 户 户号=H001 人口数=5 --amend --why 新生儿"
    )]
    Put(rows::Put),
    /// Show rows of a form
    #[command(
        after_help = "Example:\n  xiangyue rows household --village 谢楼村 --where resident=yes\n  xiangyue rows 户 --key H001 --versions"
    )]
    Rows(rows::Rows),
    /// Withdraw a row of a form; its versions stay
    #[command(after_help = "Example:\n  xiangyue withdraw household H001 --why 重复登记 --by W07")]
    Withdraw(rows::Withdraw),
    /// Show what was written apart and waits for a person to decide
    #[command(after_help = "Example:\n  xiangyue inbox")]
    Inbox,
    /// Look into the documents that the node holds
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  xiangyue doc list\n  xiangyue doc show 110112119201/ledger/2026-11"
    )]
    Doc(Doc),
    /// Write a document or a table to a file
    #[command(
        after_help = "Example:\n  xiangyue export entries --format xlsx --out entries.xlsx\n  xiangyue export 110112119201/ledger/2026-11 --format automerge --out xielou.automerge"
    )]
    Export(Export),
    /// Withdraw a node's right to write and to connect (township only)
    #[command(
        after_help = "Example:\n  xiangyue revoke 0f3a5c7e9b1d2f4a6c8e0a2b4d6f8091 --reason 设备遗失 --data ./town"
    )]
    Revoke(Revoke),
    /// Let a node in again of which two copies were running, once only one is left (township only)
    #[command(after_help = "Example:\n  xiangyue readmit 0f3a5c7e9b1d2f4a6c8e0a2b4d6f8091 --data ./town")]
    Readmit(Readmit),
    /// Run a township with twelve villages below the temporary folder, or --data, check its figures, remove its files
    #[command(after_help = "Example:\n  xiangyue demo\n  xiangyue demo --exit --json")]
    Demo(Demo),
    /// Check or show the configuration
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  xiangyue config check --config /etc/xiangyue/config.toml\n  xiangyue config show"
    )]
    Config(ConfigVerb),
    /// Explain a code such as XY-110 in both languages; all codes when none is given
    #[command(after_help = "Example:\n  xiangyue explain XY-110")]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  xiangyue completions bash > /etc/bash_completion.d/xiangyue")]
    Completions(Completions),
}

/// What to found.
#[derive(Debug, Subcommand)]
pub(crate) enum Init {
    /// Found a township: its certificate authority, first node and directory
    #[command(
        after_help = "Example:\n  xiangyue init township --code 110112119 --name 潞城镇 --listen 0.0.0.0:7443 --address town.example.cn:7443"
    )]
    Township(InitTownship),
}

/// `init township`.
#[derive(Debug, Args)]
pub(crate) struct InitTownship {
    /// Division code of the township, nine digits
    #[arg(long, value_name = "CODE")]
    pub(crate) code: OrgCode,
    /// Name of the township
    #[arg(long)]
    pub(crate) name: String,
    /// UDP address for QUIC, kept for serve
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
    /// Host and port under which villages dial this node, kept for serve
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
}

/// Steps of enrolment.
#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// Make a token that lets one node join (at the township)
    #[command(
        after_help = "Example:\n  xiangyue enroll token --org 110112119201 --name 谢楼村 --valid 24h --out token.txt"
    )]
    Token(EnrollToken),
    /// Join with a token (at the village or merchant)
    #[command(after_help = "Example:\n  xiangyue enroll join @token.txt --data ./xielou")]
    Join(EnrollJoin),
}

/// `enroll token`.
#[derive(Debug, Args)]
pub(crate) struct EnrollToken {
    /// Code of the organisation that the node will act for
    #[arg(long, value_name = "CODE")]
    pub(crate) org: OrgCode,
    /// Name of that organisation
    #[arg(long)]
    pub(crate) name: String,
    /// Rename the organisation if it bears another name
    #[arg(long)]
    pub(crate) rename: bool,
    /// How long the token is good for: minutes, hours or days, at most 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_span)]
    pub(crate) valid: u64,
    /// Write the token to a new file that only this user can read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `enroll join`.
#[derive(Debug, Args)]
pub(crate) struct EnrollJoin {
    /// The token, or @FILE that holds it
    pub(crate) token: String,
    /// Address of the township from here; tried first, before those that the token and the township name
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) township: Option<String>,
    /// UDP address for QUIC, kept for serve
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Stop when standard input is closed, as when the program that started this one has died
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
    /// UDP address for QUIC
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
    /// Address of the local API and console, loopback only
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) api: Option<String>,
    /// A further node to dial; may be given several times
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) dial: Vec<String>,
    /// Which log lines are written
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// CSV or XLSX files; they are one unit, in this order
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the rows are: accounts, entries, redemptions, rules, or a form; found from the header row when left out
    #[arg(long)]
    pub(crate) kind: Option<Sort>,
    /// Rows of forms that differ from what is there correct it; columns that the file does not have stay as they are
    #[arg(long)]
    pub(crate) amend: bool,
    /// Why they are corrected
    #[arg(long, value_name = "TEXT", requires = "amend", default_value = "", hide_default_value = true)]
    pub(crate) why: SmolStr,
    /// Check every row and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import the good rows and write the refused ones to a file
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) skip_bad: Option<PathBuf>,
}

/// What every slip carries.
#[derive(Debug, Args)]
pub(crate) struct Slip {
    /// Number of the paper slip; the same number never counts twice
    #[arg(long, value_name = "NUMBER")]
    pub(crate) request: RequestId,
    /// Day, as 2026-11-23; today when left out, or the slip's own day when it is known already
    #[arg(long, value_parser = parse_date)]
    pub(crate) date: Option<Date>,
    /// Code of the clerk; XIANGYUE_BY when left out
    #[arg(long, value_name = "CLERK")]
    pub(crate) by: Option<SmolStr>,
    /// Check only, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `award`.
#[derive(Debug, Args)]
pub(crate) struct Award {
    /// Account that earned the points
    pub(crate) account: AccountId,
    /// Code of the rule
    pub(crate) rule: RuleCode,
    /// How many points
    #[arg(value_parser = Points::parse_entry, allow_negative_numbers = true)]
    pub(crate) points: Points,
    #[command(flatten)]
    pub(crate) slip: Slip,
    /// Remark
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) memo: SmolStr,
}

/// `redeem`.
#[derive(Debug, Args)]
pub(crate) struct Redeem {
    /// Account that spends the points
    pub(crate) account: AccountId,
    /// Code of the redemption item
    pub(crate) item: ItemCode,
    /// How many points; what it costs on the day when left out
    #[arg(value_parser = Points::parse_entry, allow_negative_numbers = true)]
    pub(crate) points: Option<Points>,
    /// What was had where the item has a price list: option, age from which it is cheaper, persons; several times for several
    #[arg(long = "line", value_name = "OPTION[@AGE][*PERSONS]")]
    pub(crate) lines: Vec<Line>,
    /// Code or name of the merchant; the village itself when left out
    #[arg(long, value_name = "ORG")]
    pub(crate) merchant: Option<SmolStr>,
    #[command(flatten)]
    pub(crate) slip: Slip,
}

/// `reverse`.
#[derive(Debug, Args)]
pub(crate) struct Reverse {
    /// Number of the slip to take back
    pub(crate) of: RequestId,
    #[command(flatten)]
    pub(crate) slip: Slip,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) memo: SmolStr,
}

/// `grant`.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// Account whose points they are
    pub(crate) account: AccountId,
    /// How many points
    #[arg(value_parser = Points::parse_entry, allow_negative_numbers = true)]
    pub(crate) points: Points,
    /// Code or name of the organisation whose node may spend them from now on
    #[arg(long, value_name = "ORG")]
    pub(crate) to: SmolStr,
    #[command(flatten)]
    pub(crate) slip: Slip,
}

/// `balance`.
#[derive(Debug, Args)]
pub(crate) struct Balance {
    /// Account number
    pub(crate) account: AccountId,
}

/// `statement`.
#[derive(Debug, Args)]
pub(crate) struct Statement {
    /// Account number
    pub(crate) account: AccountId,
    /// First day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) from: Option<Date>,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) to: Option<Date>,
}

/// `stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// One month, as 2026-11; all of time when left out
    #[arg(long)]
    pub(crate) month: Option<Month>,
}

/// Looks into documents.
#[derive(Debug, Subcommand)]
pub(crate) enum Doc {
    /// List the documents
    #[command(after_help = "Example:\n  xiangyue doc list")]
    List,
    /// Show a document's records
    #[command(after_help = "Example:\n  xiangyue doc show 110112119201/ledger/2026-11 --limit 20")]
    Show(DocPart),
    /// Show who wrote a document, segment by segment
    #[command(after_help = "Example:\n  xiangyue doc history 110112119201/ledger/2026-11")]
    History(DocPart),
}

/// `doc show` and `doc history`.
#[derive(Debug, Args)]
pub(crate) struct DocPart {
    /// Document id: org/kind or org/kind/shard
    pub(crate) id: DocId,
    /// At most so many lines
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(crate) limit: u64,
    /// Skip so many lines
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) offset: u64,
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A document id, or accounts, entries, redemptions, rules, balances, or a form
    #[arg(value_parser = parse_what)]
    pub(crate) what: String,
    /// Format of the file
    #[arg(long, value_enum)]
    pub(crate) format: FormatArg,
    /// File to write, replaced if it exists; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// A format on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatArg {
    Csv,
    Xlsx,
    Json,
    Automerge,
}

impl From<FormatArg> for ExportFormat {
    fn from(arg: FormatArg) -> ExportFormat {
        match arg {
            FormatArg::Csv => ExportFormat::Csv,
            FormatArg::Xlsx => ExportFormat::Xlsx,
            FormatArg::Json => ExportFormat::Json,
            FormatArg::Automerge => ExportFormat::Automerge,
        }
    }
}

/// `revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Id of the node, 32 hexadecimal digits
    pub(crate) node: NodeId,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// `readmit`.
#[derive(Debug, Args)]
pub(crate) struct Readmit {
    /// Id of the node, 32 hexadecimal digits
    pub(crate) node: NodeId,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when the figures are printed, instead of leaving the console page up
    #[arg(long)]
    pub(crate) exit: bool,
    /// Enter the records of all six places of the article at their full size, and compare every figure
    #[arg(long)]
    pub(crate) article: bool,
    /// Instead measure this machine with counties of so many villages, such as 10,100,350
    #[arg(long, value_name = "VILLAGES", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=999))]
    pub(crate) scale: Vec<u16>,
    /// Seed of the generated records
    #[arg(long, value_name = "NUMBER", default_value_t = 20_210_126)]
    pub(crate) seed: u64,
}

/// Looks at the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Check the configuration file and the XIANGYUE_ variables
    #[command(after_help = "Example:\n  xiangyue config check --config /etc/xiangyue/config.toml")]
    Check,
    /// Show every setting and where it comes from
    #[command(after_help = "Example:\n  xiangyue config show --data ./town")]
    Show,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as XY-110
    pub(crate) code: Option<String>,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Seconds of `30m`, `24h` or `7d`.
fn parse_span(text: &str) -> Result<u64, xiangyue_protocol::Refusal> {
    let refuse = || xiangyue_protocol::Refusal::new(xiangyue_protocol::Code::BadValue, "1m – 30d: 30m, 24h, 7d");
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(refuse()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| refuse())?;
    number.checked_mul(unit).filter(|seconds| (60..=30 * 86_400).contains(seconds)).ok_or_else(refuse)
}

/// A document id or the name of a table.
fn parse_what(text: &str) -> Result<String, xiangyue_protocol::Refusal> {
    text.parse::<Exportable>().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_bounded() {
        assert_eq!(parse_span("24h").unwrap(), 86_400);
        assert_eq!(parse_span("30m").unwrap(), 1_800);
        for bad in ["", "24", "h", "0h", "31d", "-1h", "1w", "99999999999999999999d", "时"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_export_names_a_table_or_a_document() {
        assert!(parse_what("balances").is_ok());
        assert!(parse_what("110112119201/ledger/2026-11").is_ok());
        assert!(parse_what("people").is_err());
    }
}
