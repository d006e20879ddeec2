//! `init`, `enroll`, `serve`, `revoke`, `demo`: founding, joining, running.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use xiangyue_protocol::{Code, Refusal};

use super::args;
use super::output::{Show, exit};
use super::table::{Side, Table, heading};
use super::{Outcome, Session, file_refusal};
use crate::api::client::Failure;
use crate::api::types::{
    DemoReport, GoldenRow, ReadmitRequest, Readmitted, RevokeRequest, Revoked, ScaleReport, Token, TokenRequest,
};
use crate::config;
use crate::i18n::{Lang, count, moment, thousands};
use crate::run::{self, DemoOptions, InitDone, InitRequest, JoinDone, JoinRequest};

/// A token is a few hundred characters; a file much larger is not one.
const TOKEN_BYTES: u64 = 64 << 10;

pub(super) fn init_township(session: &Session, args: args::InitTownship) -> Outcome {
    let request = InitRequest { code: args.code, name: args.name };
    let done = run::init_township(&session.loaded.config, &request)?;
    config::remember(&done.data, &session.overrides.keys)?;
    session.output.answer(&done).map(|()| exit::OK)
}

pub(super) fn join(session: &Session, args: args::EnrollJoin) -> Outcome {
    let token = match args.token.strip_prefix('@') {
        Some(file) => read_token(Path::new(file))?,
        None => args.token,
    };
    let request = JoinRequest { token: token.trim().to_owned(), township: args.township };
    let done = run::join(&session.loaded.config, &request)?;
    config::remember(&done.data, &session.overrides.keys)?;
    session.output.answer(&done).map(|()| exit::OK)
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let file = std::fs::File::open(path).map_err(|error| file_refusal(Code::FileMissing, path, error))?;
    let mut text = String::new();
    file.take(TOKEN_BYTES).read_to_string(&mut text).map_err(|error| file_refusal(Code::BadFile, path, error))?;
    Ok(text)
}

/// The answer of `enroll token --out`: everything but the token itself.
#[derive(Serialize)]
struct TokenFile<'t> {
    file: &'t Path,
    org: &'t str,
    name: &'t str,
    expires: u64,
}

pub(super) fn token(session: &Session, args: args::EnrollToken) -> Outcome {
    let request = TokenRequest { org: args.org, name: args.name, valid_seconds: args.valid, rename: args.rename };
    let client = session.client()?;
    let Some(file) = args.out else {
        let token: Token = client.post("/tokens", &request)?;
        return session.output.answer(&token).map(|()| exit::OK);
    };
    // The file is made before the token is asked for, so that no token is lost for want of a place.
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .map_err(|error| file_refusal(Code::NotWritable, &file, error))?;
    let written = client.post::<Token>("/tokens", &request).and_then(|token| {
        let result = writeln!(out, "{}", token.token).and_then(|()| out.sync_all());
        result.map(|()| token).map_err(|error| file_refusal(Code::Disk, &file, error))
    });
    let token = written.inspect_err(|_| {
        let _ = std::fs::remove_file(&file);
    })?;
    let Token { org, name, expires, .. } = &token;
    let answer = TokenFile { file: &file, org: org.as_str(), name, expires: expires.0 };
    session.output.answer(&answer).map(|()| exit::OK)
}

pub(super) fn serve(session: &Session, args: &args::Serve) -> Outcome {
    run::serve(session.loaded.config.clone(), args.until_stdin_closes)?;
    session.output.answer(&Stopped { stopped: true }).map(|()| exit::OK)
}

pub(super) fn revoke(session: &Session, args: args::Revoke) -> Outcome {
    let request = RevokeRequest { node: args.node.to_string(), reason: args.reason };
    let revoked: Revoked = session.client()?.post("/revoke", &request)?;
    session.output.answer(&revoked).map(|()| exit::OK)
}

pub(super) fn readmit(session: &Session, args: &args::Readmit) -> Outcome {
    let request = ReadmitRequest { node: args.node.to_string() };
    let readmitted: Readmitted = session.client()?.post("/readmit", &request)?;
    session.output.answer(&readmitted).map(|()| exit::OK)
}

pub(super) fn demo(session: &Session, args: &args::Demo) -> Outcome {
    let output = session.output;
    let folder = session.overrides.data.clone().unwrap_or_else(std::env::temp_dir);
    let options = DemoOptions { exit: args.exit, article: args.article, folder, seed: args.seed, lang: output.lang };
    let mut result: Outcome = Err(Refusal::new(Code::NotReady, "demo").into());
    if !args.scale.is_empty() {
        let villages: Vec<usize> = args.scale.iter().map(|villages| usize::from(*villages)).collect();
        return output.answer(&crate::demo::scale(&options, &villages)?).map(|()| exit::OK);
    }
    let ended = run::demo(&session.loaded.config, &options, &mut |report| {
        result = output.answer(report).map(|()| if report.ok { exit::OK } else { exit::REFUSED });
    });
    match (ended, run::stopped_by()) {
        (Ok(()), _) => result,
        (Err(_), Some(signal)) => output.stopped().map(|()| exit::SIGNALLED + signal),
        (Err(refusal), None) => Err(refusal.into()),
    }
}

/// The answer of `serve` once it was told to stop.
#[derive(Serialize)]
struct Stopped {
    stopped: bool,
}

impl Show for Stopped {
    fn show(&self, lang: Lang) -> String {
        lang.pick("节点已停止\n", "the node has stopped\n").to_owned()
    }
}

impl Show for InitDone {
    fn show(&self, lang: Lang) -> String {
        let InitDone { node, org, name, ca_pin, data } = self;
        let data = data.display();
        lang.pick(
            format!(
                "已建立 {name} {org}，节点 {node}\n签发机构公钥指纹 {ca_pin}\n\n下一步：\n  xiangyue serve --data {data}\n  \
                 xiangyue enroll token --org 村代码 --name 村名 --data {data}\n"
            ),
            format!(
                "founded {name} {org}, node {node}\nfingerprint of the CA key {ca_pin}\n\nnext:\n  \
                 xiangyue serve --data {data}\n  xiangyue enroll token --org CODE --name NAME --data {data}\n"
            ),
        )
    }
}

impl Show for JoinDone {
    fn show(&self, lang: Lang) -> String {
        let JoinDone { node, org, township, data } = self;
        let data = data.display();
        lang.pick(
            format!("{org} 已加入 {township}，节点 {node}\n\n下一步：\n  xiangyue serve --data {data}\n"),
            format!("{org} joined {township}, node {node}\n\nnext:\n  xiangyue serve --data {data}\n"),
        )
    }
}

impl Show for Token {
    fn show(&self, lang: Lang) -> String {
        let Token { token, org, name, expires, address } = self;
        let expires = moment(*expires);
        lang.pick(
            format!(
                "{token}\n\n供 {name} {org} 的一个节点使用一次，有效至 {expires}，请勿外传。在该节点执行：\n  \
                 xiangyue enroll join 令牌\n它将连接 {address}\n"
            ),
            format!(
                "{token}\n\ngood once, for one node of {name} {org}, until {expires}; keep it secret. On that node:\n  \
                 xiangyue enroll join TOKEN\nit will dial {address}\n"
            ),
        )
    }
}

impl Show for TokenFile<'_> {
    fn show(&self, lang: Lang) -> String {
        let (file, org, name) = (self.file.display(), self.org, self.name);
        let expires = moment(xiangyue_protocol::Millis(self.expires));
        lang.pick(
            format!("令牌已写入 {file}，供 {name} {org} 的一个节点使用一次，有效至 {expires}\n"),
            format!("token written to {file}: good once, for one node of {name} {org}, until {expires}\n"),
        )
    }
}

impl Show for Revoked {
    fn show(&self, lang: Lang) -> String {
        let (node, org, at) = (&self.node, &self.org, moment(self.at));
        if self.already {
            return lang.pick(
                format!("{org} 的节点 {node} 已于 {at} 吊销\n"),
                format!("node {node} of {org} had been revoked already, at {at}\n"),
            );
        }
        lang.pick(
            format!("已吊销 {org} 的节点 {node}，自 {at} 起其写入不再有效\n"),
            format!("revoked node {node} of {org}; what it writes after {at} does not count\n"),
        )
    }
}

impl Show for Readmitted {
    fn show(&self, lang: Lang) -> String {
        let node = &self.node;
        lang.pick(
            format!("节点 {node} 可以重新联网；与镇核对后即恢复兑换\n"),
            format!("node {node} may connect again; it spends once it has compared with the township\n"),
        )
    }
}

impl Show for DemoReport {
    fn show(&self, lang: Lang) -> String {
        let mut text = heading(lang.pick("与文章对照", "Beside the article"));
        text.push_str(&golden(lang, &self.golden));
        text.push_str(&heading(lang.pick("断网与恢复", "Cut off and healed")));
        text.push_str(&golden(lang, &self.facts));
        let mut facts = Table::pairs();
        facts.pair(lang.pick("储值户", "depositors"), count(self.depositors));
        facts.pair(lang.pick("累计积分", "points, gross"), thousands(self.points_gross.0));
        facts.pair(
            lang.pick("已兑换（不含已退还）", "points redeemed, less returned"),
            thousands(self.points_redeemed.0),
        );
        facts.pair(lang.pick("余额为负的账户", "accounts below zero"), count(self.accounts_negative));
        facts.pair(lang.pick("各节点一致", "converged"), yes(lang, self.converged));
        facts.pair(lang.pick("用时", "time"), format!("{:.1} {}", self.seconds, lang.pick("秒", "s")));
        if !self.console.is_empty() {
            facts.pair(lang.pick("镇控制台", "township console"), self.console.as_str());
        }
        text.push_str(&heading(lang.pick("结果", "Result")));
        text.push_str(&facts.render());
        if !self.console.is_empty() {
            text.push_str(
                lang.pick("\n按 Ctrl-C 结束并删除全部文件\n", "\nCtrl-C ends the demo and removes its files\n"),
            );
        }
        text
    }
}

impl Show for ScaleReport {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("村", "villages"), Side::Right),
            (lang.pick("行数", "rows"), Side::Right),
            (lang.pick("导入（行/秒）", "import, rows/s"), Side::Right),
            (lang.pick("启动后首表（秒）", "first report, s"), Side::Right),
            (lang.pick("改一处后出表 p50（毫秒）", "report after a change, ms p50"), Side::Right),
            ("p99", Side::Right),
            (lang.pick("导出 XLSX（行）", "XLSX, rows"), Side::Right),
            (lang.pick("秒", "s"), Side::Right),
            (lang.pick("内存（MiB）", "memory, MiB"), Side::Right),
        ]);
        let whole = |number: u64| thousands(i64::try_from(number).unwrap_or(i64::MAX));
        for row in &self.scale {
            table.row([
                whole(row.villages),
                whole(row.rows),
                format!("{:.0}", row.rows_per_second),
                format!("{:.2}", row.cold_seconds),
                format!("{:.1}", row.report_ms_p50),
                format!("{:.1}", row.report_ms_p99),
                whole(row.xlsx_rows),
                format!("{:.2}", row.xlsx_seconds),
                row.rss_mib.map(whole).unwrap_or_default(),
            ]);
        }
        table.render()
    }
}

fn golden(lang: Lang, rows: &[GoldenRow]) -> String {
    let mut table = Table::new([
        (lang.pick("编号", "id"), Side::Left),
        (lang.pick("项目", "figure"), Side::Left),
        (lang.pick("应为", "expected"), Side::Right),
        (lang.pick("实得", "computed"), Side::Right),
        (lang.pick("相符", "agrees"), Side::Left),
    ]);
    for row in rows {
        table.row([
            row.id.clone(),
            lang.pick(&row.label_zh, &row.label_en).clone(),
            said(lang, &row.expected),
            said(lang, &row.computed),
            yes(lang, row.ok).to_owned(),
        ]);
    }
    let mut text = table.render();
    for row in rows.iter().filter(|row| !row.note_zh.is_empty()) {
        text.push_str(&format!("{}: {}\n", row.id, lang.pick(&row.note_zh, &row.note_en)));
    }
    text
}

/// What the demo saw in the words of the API, for people: `New` is written, `Refused XY-124` refused under that code.
fn said(lang: Lang, text: &str) -> String {
    const ALONE: &str = "arrived through the neighbour alone";
    let words = [("New", "已记账", "written"), ("Refused", "已拒绝", "refused"), (ALONE, "仅经邻村到达", ALONE)];
    let said = |(seen, zh, en): &(&str, &str, &str)| Some(lang.pick(*zh, *en).to_owned() + text.strip_prefix(seen)?);
    words.iter().find_map(said).unwrap_or_else(|| text.to_owned())
}

fn yes(lang: Lang, yes: bool) -> &'static str {
    if yes { lang.pick("是", "yes") } else { lang.pick("否", "NO") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_saw_is_told_in_the_reader_s_language() {
        assert_eq!(said(Lang::Zh, "Refused XY-124"), "已拒绝 XY-124");
        assert_eq!(said(Lang::Zh, "New"), "已记账");
        assert_eq!(said(Lang::Zh, "18717"), "18717");
        assert_eq!(said(Lang::En, "Refused XY-124"), "refused XY-124");
        assert_eq!(said(Lang::En, "New"), "written");
    }
}
