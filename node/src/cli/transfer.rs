//! `import` and `export`: files in and out through the node.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use xiangyue_protocol::{Code, Refusal};

use super::args;
use super::output::{Show, exit};
use super::table::{Side, Table, heading};
use super::{Outcome, Session, file_refusal};
use crate::api::client::Failure;
use crate::api::types::{
    ExportFormat, FilePart, FileReport, ImportProgress, ImportQuery, ImportReport, ImportStage, Mode, Problem,
};
use crate::i18n::{Lang, bytes, count};

/// How many problems a person is shown; a program sees all that the node reported.
const SHOWN: usize = 50;

pub(super) fn import(session: &Session, args: &args::Import) -> Outcome {
    let client = session.client()?;
    let mode = match (args.dry_run, &args.skip_bad) {
        (true, _) => Mode::DryRun,
        (false, Some(_)) => Mode::SkipBad,
        (false, None) => Mode::AllOrNothing,
    };
    let (query, body) = read_files(mode, args, u64::from(session.loaded.config.limits.import_mib) << 20)?;
    let length = body.len() as u64;
    // Without a terminal the bar draws nothing.
    let bar = ProgressBar::new(length);
    let lang = session.output.lang;
    style(&bar, lang.pick("发送", "sending"), true);
    let mut reader = bar.wrap_read(body.as_slice());
    let report = client.import(&query, &mut reader, length, &mut |at| advance(&bar, lang, at));
    bar.finish_and_clear();
    let report = report?;
    if let Some(path) = &args.skip_bad {
        keep_refused(path, &report.files)?;
    }
    session.output.answer(&report)?;
    Ok(if report.accepted { exit::OK } else { exit::REFUSED })
}

/// The query that names the files, and their bytes one after the other, at most `limit`.
fn read_files(mode: Mode, args: &args::Import, limit: u64) -> Result<(ImportQuery, Vec<u8>), Failure> {
    let mut body = Vec::new();
    let mut parts = Vec::new();
    for path in &args.files {
        let before = body.len();
        let file = std::fs::File::open(path).map_err(|error| file_refusal(Code::FileMissing, path, error))?;
        let read = file.take(limit + 1).read_to_end(&mut body);
        read.map_err(|error| file_refusal(Code::BadFile, path, error))?;
        if body.len() as u64 > limit {
            let detail = format_args!("> {} (limits.import_mib)", bytes(limit)).to_string();
            return Err(file_refusal(Code::FileTooLarge, path, detail));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        parts.push(FilePart { name, kind: args.kind, bytes: Some((body.len() - before) as u64) });
    }
    let query = ImportQuery { amend: args.amend, why: args.why.to_string(), ..ImportQuery::new(mode, &parts) };
    Ok((query, body))
}

fn advance(bar: &ProgressBar, lang: Lang, at: ImportProgress) {
    let stage = match at.stage {
        ImportStage::Reading => lang.pick("读取", "reading"),
        ImportStage::Checking => lang.pick("检查", "checking"),
        ImportStage::Writing => lang.pick("写入", "writing"),
    };
    style(bar, stage, false);
    bar.set_length(at.total);
    bar.set_position(at.done);
}

fn style(bar: &ProgressBar, stage: &'static str, of_bytes: bool) {
    let figures = if of_bytes { "{bytes}/{total_bytes}" } else { "{human_pos}/{human_len}" };
    let template = format!("{{msg}} {{wide_bar}} {figures} {{elapsed}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(stage);
    bar.enable_steady_tick(Duration::from_millis(200));
}

/// Writes the refused rows: to `path` when one file has any, otherwise to one file each, named after the file.
fn keep_refused(path: &Path, files: &[FileReport]) -> Result<(), Failure> {
    let refused: Vec<_> =
        files.iter().filter_map(|file| Some((file.name.as_str(), file.refused_csv.as_ref()?))).collect();
    for (name, text) in &refused {
        let path = if refused.len() == 1 { path.to_owned() } else { beside(path, name) };
        replace(&path, |out| out.write_all(text.as_bytes()).map_err(|error| file_refusal(Code::Disk, &path, error)))?;
    }
    Ok(())
}

/// `refused.csv` and `entries.xlsx` give `refused-entries.csv`.
fn beside(path: &Path, name: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let of = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().map_or_else(|| "csv".into(), |end| end.to_string_lossy());
    path.with_file_name(format!("{stem}-{of}.{end}"))
}

/// Writes a file whole or not at all: into a temporary one first, then renamed over.
pub(super) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let name = path.file_name().ok_or_else(|| file_refusal(Code::Disk, path, "not a file"))?;
    let part = path.with_file_name(format!(".{}.part", name.to_string_lossy()));
    let refuse = |error: io::Error| file_refusal(Code::Disk, path, error);
    let mut file = std::fs::File::create(&part).map_err(|error| file_refusal(Code::NotWritable, path, error))?;
    let written = write(&mut file)
        .and_then(|value| file.sync_all().map(|()| value).map_err(refuse))
        .and_then(|value| std::fs::rename(&part, path).map(|()| value).map_err(refuse));
    written.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

/// The answer of `export`.
#[derive(Serialize)]
struct Exported {
    file: String,
    bytes: u64,
}

pub(super) fn export(session: &Session, args: args::Export) -> Outcome {
    let format = ExportFormat::from(args.format);
    let lang = session.output.lang.as_str().to_owned();
    let query = [("what", args.what), ("format", format.as_str().to_owned()), ("lang", lang)];
    download(session, "/export", &query, &args.out)
}

/// Writes an answer of the node to a file, whole or not at all, or to standard output for `-`.
pub(super) fn download(session: &Session, path: &str, query: &[(&str, String)], out: &Path) -> Outcome {
    let client = session.client()?;
    if out.as_os_str() == "-" {
        if session.output.json {
            return Err(Refusal::new(Code::Usage, "--json, --out -").into());
        }
        client.download(path, query, &mut io::stdout().lock())?;
        return Ok(exit::OK);
    }
    let bytes = replace(out, |file| client.download(path, query, file))?;
    let file = out.display().to_string();
    session.output.answer(&Exported { file, bytes }).map(|()| exit::OK)
}

impl Show for Exported {
    fn show(&self, lang: Lang) -> String {
        let (file, size) = (&self.file, bytes(self.bytes));
        lang.pick(format!("已写入 {file}，{size}\n"), format!("wrote {file}, {size}\n"))
    }
}

impl Show for ImportReport {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("文件", "file"), Side::Left),
            (lang.pick("类别", "kind"), Side::Left),
            (lang.pick("行数", "rows"), Side::Right),
            (lang.pick("新", "new"), Side::Right),
            (lang.pick("已有", "already"), Side::Right),
            (lang.pick("有误", "bad"), Side::Right),
        ]);
        for file in &self.files {
            table.row([
                file.name.clone(),
                file.kind.map_or("?", |kind| lang.pick(kind.zh(), kind.as_str())).to_owned(),
                count(file.rows),
                count(file.new),
                count(file.already),
                count(file.bad),
            ]);
        }
        let mut text = table.render();
        let waiting: u64 = self.files.iter().map(|file| file.waiting).sum();
        if waiting > 0 {
            text.push_str(&lang.pick(
                format!("其中 {} 行加分超过审批起点，待第二人审批（xiangyue approvals）\n", count(waiting)),
                format!("{} of the new rows wait for a second person: xiangyue approvals\n", count(waiting)),
            ));
        }
        if !self.problems.is_empty() {
            text.push_str(&heading(lang.pick("问题", "Problems")));
            for problem in self.problems.iter().take(SHOWN) {
                text.push_str(&line(lang, problem));
            }
            let more = self.problems_total.saturating_sub(self.problems.len().min(SHOWN) as u64);
            if more > 0 {
                text.push_str(&lang.pick(
                    format!("另有 {} 处，加 --json 查看\n", count(more)),
                    format!("and {} more; --json shows them\n", count(more)),
                ));
            }
        }
        text.push('\n');
        text.push_str(verdict(lang, self));
        text
    }
}

/// `entries.csv 第 7 行“积分”：[XY-120] 积分超过规则上限：12；请降低积分……`
fn line(lang: Lang, problem: &Problem) -> String {
    let Problem { file, row, column, code, detail, .. } = problem;
    let mut place = file.clone();
    if *row > 0 {
        place.push_str(&lang.pick(format!(" 第 {row} 行"), format!(" row {row}")));
    }
    if !column.is_empty() {
        place.push_str(&lang.pick(format!("“{column}”"), format!(" \"{column}\"")));
    }
    lang.pick(
        format!("{place}：[{code}] {}：{detail}；{}\n", problem.reason_zh, problem.advice_zh),
        format!("{place}: [{code}] {}: {detail}; {}\n", problem.reason_en, problem.advice_en),
    )
}

fn verdict(lang: Lang, report: &ImportReport) -> &'static str {
    match (report.accepted, report.mode) {
        (true, Mode::DryRun) => lang.pick("检查通过，未写入任何内容。\n", "All good; nothing was written.\n"),
        (false, Mode::DryRun) => lang.pick("检查未通过，未写入任何内容。\n", "Not good; nothing was written.\n"),
        (true, Mode::SkipBad) if report.problems_total > 0 => lang.pick(
            "已导入无误的行；被拒的行已另存。\n",
            "The good rows are imported; the refused ones are kept apart.\n",
        ),
        (true, _) => lang.pick("已全部导入。\n", "All imported.\n"),
        (false, _) => lang.pick(
            "有误，未导入任何内容；请更正后重试，或用 --skip-bad 导入无误的行。\n",
            "Nothing was imported; correct the rows and try again, or use --skip-bad to import the good ones.\n",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Sort;

    fn report(mode: Mode, accepted: bool) -> ImportReport {
        let refusal = Refusal::new(Code::BeyondRule, "12");
        let kind = Some(Sort::Entries);
        let file = FileReport {
            name: "记录.csv".into(),
            kind,
            rows: 1_200,
            new: 1_199,
            waiting: 0,
            already: 0,
            bad: 1,
            refused_csv: None,
        };
        let problems = vec![Problem::new("记录.csv", 7, "积分", &refusal)];
        ImportReport { mode, accepted, files: vec![file], problems, problems_total: 61 }
    }

    #[test]
    fn a_problem_names_file_row_column_reason_and_remedy() {
        let text = report(Mode::DryRun, false).show(Lang::Zh);
        assert!(text.contains("记录.csv 第 7 行“积分”：[XY-120] 积分超过规则上限：12；请降低积分"), "{text}");
        assert!(text.contains("另有 60 处") && text.ends_with("检查未通过，未写入任何内容。\n"), "{text}");
        assert!(report(Mode::DryRun, false).show(Lang::En).contains("记录.csv row 7 \"积分\": [XY-120] points beyond"));
    }

    #[test]
    fn files_over_the_limit_are_not_sent() {
        let path = std::env::temp_dir().join(format!("xiangyue-import-{}.csv", std::process::id()));
        std::fs::write(&path, [b'x'; 100]).unwrap();
        let files = vec![path.clone()];
        let args = args::Import { files, kind: None, amend: false, why: "".into(), dry_run: true, skip_bad: None };
        assert_eq!(read_files(Mode::DryRun, &args, 100).unwrap().1.len(), 100);
        assert_eq!(read_files(Mode::DryRun, &args, 99).unwrap_err().error().code, "XY-309");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn refused_rows_of_several_files_are_kept_apart() {
        assert_eq!(beside(Path::new("d/refused.csv"), "entries.xlsx"), Path::new("d/refused-entries.csv"));
        assert_eq!(beside(Path::new("bad"), "a.csv"), Path::new("bad-a.csv"));
    }

    #[test]
    fn a_failed_export_leaves_the_old_file() {
        let path = std::env::temp_dir().join(format!("xiangyue-export-{}.csv", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let result: Result<(), Failure> = replace(&path, |file| {
            file.write_all(b"half").unwrap();
            Err(Refusal::new(Code::Network, "x").into())
        });
        assert!(result.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        replace(&path, |file| file.write_all(b"new").map_err(|e| file_refusal(Code::Disk, &path, e))).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        std::fs::remove_file(&path).unwrap();
    }
}
