//! Commands, balances, statements, statistics.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, Query, State};
use smol_str::SmolStr;
use xiangyue_protocol::replica::{Mode as ReplicaMode, Replica};
use xiangyue_protocol::schema::line::lines_text;
use xiangyue_protocol::schema::{AccountId, Entry, Points};
use xiangyue_protocol::{Code, Command, Date, DocId, Level, OrgCode, Outcome, Refusal};

use super::docs::blocking;
use super::status::freshness;
use super::{Answer, Asked, Services};
use crate::api::types::{
    Balance, Became, CommandResult, CommandsRequest, CommandsResponse, Mode, Statement, StatementQuery, Stats,
    StatsQuery, WireCommand,
};
use crate::border::Border;
use crate::documents::{self, Mark};
use crate::engine::Handle;
use crate::stats;
use crate::tables::Names;

/// Commands in one request.
const COMMANDS: usize = 1000;

/// The replica's word for a mode.
pub(super) fn replica_mode(mode: Mode) -> ReplicaMode {
    match mode {
        Mode::DryRun => ReplicaMode::DryRun,
        Mode::AllOrNothing => ReplicaMode::AllOrNothing,
        Mode::SkipBad => ReplicaMode::SkipRefused,
    }
}

pub(super) async fn commands(
    State(services): State<Services>,
    Asked(Json(request)): Asked<Json<CommandsRequest>>,
) -> Answer<CommandsResponse> {
    if request.commands.len() > COMMANDS {
        let detail = format_args!("{} > {COMMANDS}", request.commands.len()).to_string();
        return Err(Refusal::new(Code::RequestTooLarge, detail).into());
    }
    let today = services.clock.now().china_date();
    let border = Border::new(services.pseudonym_key.as_bytes());
    // As with a field that does not parse: one that may not come in refuses the request whole.
    let passed = request.commands.into_iter().map(|command| border.command(command)).collect::<Result<Vec<_>, _>>()?;
    let requests: Vec<_> = passed.iter().map(|command| command.request().cloned()).collect();
    let commands = services.engine.ask(move |replica| understood(replica, passed, today)).await??;
    let about = commands.clone();
    let answers = services.engine.submit(commands, replica_mode(request.mode)).await?;
    let all_good = answers.iter().all(Result::is_ok);
    let left = services.engine.ask(move |replica| about.iter().map(|command| left(replica, command)).collect());
    let left: Vec<Option<Left>> = left.await?;
    let results = answers.into_iter().zip(requests).zip(left).map(|((answer, slip), left)| {
        let became = match &answer {
            Err(_) => Became::Refused,
            Ok(Outcome::Already) => Became::Already,
            Ok(_) if request.mode == Mode::AllOrNothing && !all_good => Became::Withheld,
            Ok(Outcome::Claimed) => Became::Waiting,
            Ok(Outcome::New) => Became::New,
        };
        CommandResult {
            request: slip,
            became,
            points: left.as_ref().and_then(|left| left.points).filter(|_| became != Became::Refused),
            refusal: answer.err().map(Into::into),
            available: left.as_ref().map(|left| left.held),
            debt: left.as_ref().map(|left| left.debt).filter(|debt| *debt > Points::ZERO),
            grant_to: left.as_ref().and_then(|left| left.grant_to.clone()),
            account: left.map(|left| left.account),
        }
    });
    Ok(Json(CommandsResponse { mode: request.mode, results: results.collect() }))
}

/// The commands as the core takes them: names become codes, and a slip without a date that is known already keeps
/// its day.
fn understood(replica: &Replica, commands: Vec<WireCommand>, today: Date) -> Result<Vec<Command>, Refusal> {
    // Hardly any request needs it, and a county's directory is long.
    let names = LazyCell::new(|| Names::of(&replica.views().directory));
    let org = |text: &str| text.parse().or_else(|_| names.organisation(text));
    let understand = |command: WireCommand| {
        let known = command.request().and_then(|request| replica.day_of(request));
        command.into_command(known.unwrap_or(today), org)
    };
    commands.into_iter().map(understand).collect()
}

/// What an account has after a command.
struct Left {
    account: AccountId,
    /// Points that this node may spend.
    held: Points,
    debt: Points,
    /// What a redemption costs.
    points: Option<Points>,
    /// The organisation at which they are of use, when that is another.
    grant_to: Option<OrgCode>,
}

fn left(replica: &Replica, command: &Command) -> Option<Left> {
    let account = account_of(replica, command)?;
    let totals = replica.views().totals(&account);
    let held = totals.share(replica.node()).held;
    let village = replica.views().accounts.get(&account).map(|(village, _)| village.clone());
    // A township holds rights that it cannot redeem: they are of use at the village.
    let grant_to = village.filter(|_| replica.org().level() == Level::Township && held > Points::ZERO);
    let points = match command {
        Command::Redeem(redemption) => {
            let written = replica.slip(&redemption.request).map(|slip| slip.points);
            written.or_else(|| replica.priced(redemption).ok().map(|priced| priced.points))
        }
        _ => None,
    };
    Some(Left { account, held, debt: totals.debt(), points, grant_to })
}

fn account_of(replica: &Replica, command: &Command) -> Option<AccountId> {
    match command {
        Command::Account { account, .. } => Some(account.account.clone()),
        Command::Award(award) => Some(award.account.clone()),
        Command::Judge(verdict) => replica.slip(&verdict.request).map(|slip| slip.account.clone()),
        Command::Redeem(redemption) => Some(redemption.account.clone()),
        Command::Reverse(reversal) => replica.slip(&reversal.of).map(|slip| slip.account.clone()),
        Command::Grant(grant) => Some(grant.account.clone()),
        _ => None,
    }
}

pub(super) async fn balance(
    State(services): State<Services>,
    Asked(Path(account)): Asked<Path<String>>,
) -> Answer<Balance> {
    let account = Border::new(services.pseudonym_key.as_bytes()).account(&account)?;
    let now = services.clock.now();
    Ok(Json(services.engine.ask(move |replica| stats::balance(replica, &account, now)).await??))
}

pub(super) async fn statement(
    State(services): State<Services>,
    Asked(Path(account)): Asked<Path<String>>,
    Asked(Query(query)): Asked<Query<StatementQuery>>,
) -> Answer<Statement> {
    query.check()?;
    let account = Border::new(services.pseudonym_key.as_bytes()).account(&account)?;
    let now = services.clock.now();
    let engine = services.engine;
    let (statement, sources) = engine.ask(move |replica| stats::statement(replica, &account, query, now)).await??;
    Ok(Json(blocking(move || with_remarks(&engine, statement, sources)).await?))
}

/// Adds the remarks, which only the whole entries have.
fn with_remarks(engine: &Handle, mut statement: Statement, sources: Vec<(DocId, Mark)>) -> Result<Statement, Refusal> {
    let mut by_doc: BTreeMap<&DocId, BTreeSet<Mark>> = BTreeMap::new();
    for (doc, mark) in &sources {
        by_doc.entry(doc).or_default().insert(mark.clone());
    }
    let mut remarks: BTreeMap<(DocId, Mark), (SmolStr, Option<SmolStr>)> = BTreeMap::new();
    for (doc, marks) in by_doc {
        for (mark, entry) in documents::entries(engine, doc, &marks)? {
            let approved_by = documents::approver(&entry).cloned();
            let memo = match entry {
                Entry::Award(award) => award.memo,
                Entry::Reversal(reversal) => reversal.memo,
                Entry::Redemption(redemption) if !redemption.lines.is_empty() => lines_text(&redemption.lines).into(),
                Entry::Redemption(_) | Entry::Grant(_) | Entry::Expiry(_) => continue,
            };
            remarks.insert((doc.clone(), mark), (memo, approved_by));
        }
    }
    for (line, source) in statement.lines.iter_mut().zip(&sources) {
        (line.memo, line.approved_by) = remarks.remove(source).unwrap_or_default();
    }
    Ok(statement)
}

pub(super) async fn stats(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<StatsQuery>>,
) -> Answer<Stats> {
    Ok(Json(figures(&services, query).await?))
}

/// The figures, with the horizon of this moment.
pub(super) async fn figures(services: &Services, query: StatsQuery) -> Result<Stats, Refusal> {
    let now = services.clock.now();
    let freshness = freshness(services).await?;
    services.engine.ask(move |replica| stats::township(replica, query.month, now, &freshness)).await
}
