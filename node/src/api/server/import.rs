//! Import: files as people keep them become commands, judged together.
//!
//! All files of a request are one unit. Rows that are bad by themselves are found while reading; the rest is judged
//! by the replica, in the order of the files, and nothing is written unless the mode allows it.

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use xiangyue_protocol::replica::Mode as ReplicaMode;
use xiangyue_protocol::{Amend, Code, Command, Outcome, Refusal};

use super::docs::blocking;
use super::points::replica_mode;
use super::rows::Latest;
use super::{Asked, Refused, Services};
use crate::api::types::{
    FilePart, FileReport, ImportEvent, ImportProgress, ImportQuery, ImportReport, ImportStage, Mode, Problem,
};
use crate::tables::{self, Context, Judged, Known, Names, Put, Report, limits};

/// Problems in one report.
const PROBLEMS: usize = 10_000;

type Events = mpsc::UnboundedSender<ImportEvent>;

pub(super) async fn import(
    State(services): State<Services>,
    Asked(Query(query)): Asked<Query<ImportQuery>>,
    body: Body,
) -> Result<Response, Refused> {
    let body = read(body, services.config.limits.import_mib).await?;
    // Fails early, before the answer has begun.
    query.split(&body)?;
    let (events, lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let event = match run(&services, &query, body, &events).await {
            Ok(report) => ImportEvent::Report(report),
            Err(refusal) => ImportEvent::Error(refusal.into()),
        };
        // The client may have gone away; what was written stays, and importing again changes nothing.
        let _ = events.send(event);
    });
    let lines = UnboundedReceiverStream::new(lines).map(|event| {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(line)
    });
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
}

/// The whole body, at most `mib` MiB. What is beyond is read and dropped: a sender that is cut off half way would hear
/// of a broken connection instead of the reason.
async fn read(body: Body, mib: u32) -> Result<Bytes, Refusal> {
    let most = (mib as usize) << 20;
    let (mut bytes, mut too_large) = (Vec::new(), false);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Refusal::new(Code::BadRequest, error))?;
        too_large |= bytes.len() + piece.len() > most;
        if too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&piece);
        }
    }
    if too_large {
        return Err(Refusal::new(Code::FileTooLarge, format_args!("> {mib} MiB (limits.import_mib)")));
    }
    Ok(bytes.into())
}

fn progress(events: &Events, stage: ImportStage, done: usize, total: usize) {
    // As above: nobody may be listening.
    let _ = events.send(ImportEvent::Progress(ImportProgress { stage, done: done as u64, total: total as u64 }));
}

/// One file after reading.
struct File {
    part: FilePart,
    judged: Result<Judged, Refusal>,
    /// How many of the commands are its own.
    commands: usize,
}

async fn run(services: &Services, query: &ImportQuery, body: Bytes, events: &Events) -> Result<ImportReport, Refusal> {
    let (files, commands) = read_files(services, query, body, events).await?;
    let clean = files
        .iter()
        .all(|file| file.judged.as_ref().is_ok_and(|judged| judged.rows.iter().all(|row| row.problems.is_empty())));
    // With a bad row in the files the rest is still judged, so that everything is told at once.
    let mode = if query.mode == Mode::AllOrNothing && !clean { ReplicaMode::DryRun } else { replica_mode(query.mode) };
    let total = commands.len();
    progress(events, ImportStage::Writing, 0, total);
    let answers = services.engine.submit(commands, mode).await?;
    progress(events, ImportStage::Writing, total, total);
    let accepted = match query.mode {
        Mode::SkipBad => true,
        _ => clean && answers.iter().all(Result::is_ok),
    };
    Ok(report(query.mode, accepted, &files, &answers))
}

async fn read_files(
    services: &Services,
    query: &ImportQuery,
    body: Bytes,
    events: &Events,
) -> Result<(Vec<File>, Vec<Command>), Refusal> {
    let names = services.engine.ask(|replica| Names::of(&replica.views().directory)).await?;
    let latest = Latest::new(&services.engine).await?;
    let today = services.clock.now().china_date();
    let key = *services.pseudonym_key.as_bytes();
    let (query, events) = (query.clone(), events.clone());
    blocking(move || {
        let parts = query.split(&body)?;
        let total = parts.len();
        let known: &Known<'_> = &|form, village, key| latest.of(form, village, key);
        let amend = if query.amend { Amend::Latest } else { Amend::No };
        let put = Put { amend, why: &query.why, known, ..Put::NEW };
        let context = Context { put, ..Context::new(today, &key, &names) };
        let (mut files, mut commands, mut rows) = (Vec::with_capacity(total), Vec::new(), 0);
        for (at, (part, bytes)) in parts.into_iter().enumerate() {
            let before = commands.len();
            let parsed = tables::read_bytes(bytes, part.kind, &context);
            let judged = parsed.map(|parsed| {
                let (judged, own) = parsed.split();
                commands.extend(own);
                judged
            });
            rows += judged.as_ref().map_or(0, |judged| judged.rows.len());
            limits::rows(rows)?;
            files.push(File { part, judged, commands: commands.len() - before });
            progress(&events, ImportStage::Reading, at + 1, total);
        }
        Ok((files, commands))
    })
    .await
}

fn report(mode: Mode, accepted: bool, files: &[File], answers: &[Result<Outcome, Refusal>]) -> ImportReport {
    let mut rest = answers;
    let mut out = ImportReport { mode, accepted, files: Vec::new(), problems: Vec::new(), problems_total: 0 };
    for File { part, judged, commands } in files {
        let name = part.name.clone();
        match judged {
            Err(refusal) => {
                out.problems_total += 1;
                out.problems.push(Problem::new(&name, 0, "", refusal));
                out.files.push(FileReport {
                    name,
                    kind: part.kind,
                    rows: 0,
                    new: 0,
                    waiting: 0,
                    already: 0,
                    bad: 1,
                    refused_csv: None,
                });
            }
            Ok(judged) => {
                let (mine, others) = rest.split_at((*commands).min(rest.len()));
                rest = others;
                let table = Report::new(&name, judged, mine);
                out.problems_total += table.problems.len() as u64;
                let room = PROBLEMS.saturating_sub(out.problems.len());
                out.problems.extend(
                    table.problems.iter().take(room).map(|p| Problem::new(&name, p.row.into(), &p.column, &p.refusal)),
                );
                let refused = mode == Mode::SkipBad && table.bad > 0;
                out.files.push(FileReport {
                    name,
                    kind: Some(table.sort),
                    rows: table.rows as u64,
                    new: table.new as u64,
                    waiting: table.waiting as u64,
                    already: table.already as u64,
                    bad: table.bad as u64,
                    refused_csv: refused.then(|| String::from_utf8_lossy(&table.refused_csv()).into_owned()),
                });
            }
        }
    }
    out
}
