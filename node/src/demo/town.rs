//! The demo's township: founded, enrolled and filled as an operator would do it.

use std::io::Read;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use xiangyue_protocol::access::may_carry;
use xiangyue_protocol::{Code, DocId, OrgCode, Refusal};

use super::data::{DemoFiles, VillageFiles};
use super::processes::{Node, refusal, run, status};
use super::progress::Bars;
use super::stop;
use crate::api::types::{DocList, FilePart, ImportQuery, ImportReport, Mode, Stats, Token};

/// How long replicas may take to come to equal heads.
const CONVERGE: Duration = Duration::from_secs(60);
/// Imports that run at the same time: as many as the smallest machine has cores.
const IMPORTERS: usize = 2;

/// All nodes of the demo.
pub(super) struct Town {
    /// The township's node.
    pub(super) township: Node,
    /// The villages' nodes.
    pub(super) villages: Vec<Node>,
    /// The care station's node.
    pub(super) station: Node,
}

/// A UDP port that is free now. Tokens name the township's port, so it must be known before it listens.
pub(super) fn free_port() -> Result<String, Refusal> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| Refusal::new(Code::Network, error))?;
    let address = socket.local_addr().map_err(|error| Refusal::new(Code::Network, error))?;
    Ok(address.to_string())
}

fn text(path: &Path) -> Result<&str, Refusal> {
    path.to_str().ok_or_else(|| Refusal::new(Code::BadValue, path.display()))
}

impl Town {
    /// Founds the township and enrols everybody.
    pub(super) fn found(folder: &Path, files: &DemoFiles, bars: &Bars) -> Result<Town, Refusal> {
        let bar = bars.begin("建立镇节点、各村与驿站入网", "township and nodes", files.villages.len() as u64 + 2);
        let data = folder.join("township");
        let code = files.township.as_str();
        let _: Value = run(&data, &["init", "township", "--code", code, "--name", &files.township_name])?;
        let listen = free_port()?;
        let settings = [("LISTEN", listen.as_str()), ("ADDRESS", listen.as_str())];
        let township = Node::start(files.township.clone(), data, &settings)?;
        bar.inc(1);
        let orgs = files.villages.iter().map(|village| (&village.code, &village.name));
        let mut nodes = Vec::new();
        for (code, name) in orgs.chain([(&files.merchant, &files.merchant_name)]) {
            nodes.push(enrol(folder, &township, code, name)?);
            bar.inc(1);
        }
        bar.finish();
        let station = nodes.pop().ok_or_else(|| Refusal::new(Code::NotReady, "no station"))?;
        Ok(Town { township, villages: nodes, station })
    }

    /// Imports the rule book at the township and each village's files at the village.
    pub(super) fn import(&self, files: &DemoFiles, bars: &Bars) -> Result<u64, Refusal> {
        let rules = import_at(&self.township, &[files.rules.clone(), files.prices.clone()])?;
        self.converge(bars, "规则下发到各节点", "rule book to all nodes")?;
        let bar = bars.begin("各村导入账户、积分、兑换", "villages import their files", files.villages.len() as u64);
        let work: Mutex<Vec<(&Node, &VillageFiles)>> = Mutex::new(self.villages.iter().zip(&files.villages).collect());
        let take = || work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let import_next = || {
            let mut rows = 0;
            while let Some((node, village)) = take() {
                stop::check()?;
                let paths = [&village.accounts, &village.entries, &village.redemptions];
                let paths: Vec<PathBuf> = paths.into_iter().chain(&village.roster).cloned().collect();
                rows += import_at(node, &paths)?;
                bar.inc(1);
            }
            Ok(rows)
        };
        let rows = std::thread::scope(|scope| {
            let importers: Vec<_> = (0..IMPORTERS).map(|_| scope.spawn(import_next)).collect();
            importers.into_iter().try_fold(rules, |sum, importer| {
                let rows: Result<u64, Refusal> =
                    importer.join().unwrap_or_else(|_| Err(Refusal::new(Code::NotReady, "importer failed")));
                rows.map(|rows| sum + rows)
            })
        })?;
        bar.finish();
        Ok(rows)
    }

    /// All nodes, the township first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.township).chain(&self.villages).chain(std::iter::once(&self.station))
    }

    /// Waits until all replicas of every document have equal heads.
    pub(super) fn converge(&self, bars: &Bars, zh: &str, en: &str) -> Result<Duration, Refusal> {
        let bar = bars.begin(zh, en, self.villages.len() as u64 + 1);
        let began = Instant::now();
        loop {
            stop::check()?;
            let lagging = self.lagging()?;
            let all = self.villages.len() + 1;
            bar.set((all - lagging.len()) as u64);
            if lagging.is_empty() {
                bar.finish();
                return Ok(began.elapsed());
            }
            if began.elapsed() > CONVERGE {
                let seconds = CONVERGE.as_secs();
                let what = format!("{en}: {} of {all} nodes after {seconds} s: {}", lagging.len(), lagging.join(", "));
                return Err(Refusal::new(Code::Network, what));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many nodes beside the township hold, for every document that both may hold, the township's heads.
    pub(super) fn equal_nodes(&self) -> Result<u64, Refusal> {
        let others = self.nodes().count() - 1;
        Ok((others - self.lagging()?.len()) as u64)
    }

    /// The nodes that do not, each with a document that differs.
    fn lagging(&self) -> Result<Vec<String>, Refusal> {
        let reference = heads(&self.township)?;
        let mut lagging = Vec::new();
        for node in self.nodes().skip(1) {
            let held = heads(node)?;
            let differs = |id: &&DocId| held.get(id) != reference.get(id);
            // What concerns single people is at their village alone.
            let both = |id: &&DocId| may_carry(&node.org, id) && may_carry(&self.township.org, id);
            let first = reference.keys().chain(held.keys()).filter(both).find(differs);
            lagging.extend(first.map(|id| format!("{} ({id})", node.org)));
        }
        Ok(lagging)
    }

    /// The township's statistics.
    pub(super) fn stats(&self) -> Result<Stats, Refusal> {
        self.township.client()?.get("/stats", &[]).map_err(|failure| refusal(&failure))
    }

    /// The address of the township's console.
    pub(super) fn console(&self) -> Result<String, Refusal> {
        let address = std::fs::read_to_string(self.township.data.join(crate::api::ADDRESS_FILE));
        let address = address.map_err(|error| Refusal::new(Code::Disk, error))?;
        Ok(format!("http://{}/", address.trim()))
    }
}

impl Drop for Town {
    /// All nodes stop at the same time.
    fn drop(&mut self) {
        self.nodes().for_each(Node::ask_to_stop);
    }
}

type Heads = std::collections::BTreeMap<DocId, Vec<String>>;

/// The heads of every document that a node holds.
fn heads(node: &Node) -> Result<Heads, Refusal> {
    let list: DocList = node.client()?.get("/docs", &[]).map_err(|failure| refusal(&failure))?;
    Ok(list.docs.into_iter().map(|row| (row.id, row.heads)).collect())
}

pub(super) fn enrol(folder: &Path, township: &Node, code: &OrgCode, name: &str) -> Result<Node, Refusal> {
    let data = folder.join(code.as_str());
    let token: Token = run(&township.data, &["enroll", "token", "--org", code.as_str(), "--name", name])?;
    let _: Value = run(&data, &["enroll", "join", &token.token])?;
    Node::start(code.clone(), data, &[("LISTEN", "127.0.0.1:0")])
}

/// Imports files at a node, all or nothing, and returns how many rows were new.
pub(super) fn import_at(node: &Node, paths: &[PathBuf]) -> Result<u64, Refusal> {
    let mut parts = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    for path in paths {
        let before = body.len();
        let read = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut body));
        read.map_err(|error| Refusal::new(Code::Disk, format_args!("{}: {error}", path.display())))?;
        let name = text(path)?.to_owned();
        parts.push(FilePart { name, kind: None, bytes: Some((body.len() - before) as u64) });
    }
    let query = ImportQuery::new(Mode::AllOrNothing, &parts);
    let length = body.len() as u64;
    let report: ImportReport = node
        .client()?
        .import(&query, &mut body.as_slice(), length, &mut |_| {})
        .map_err(|failure| refusal(&failure))?;
    if let Some(problem) = report.problems.first() {
        let detail = format!(
            "{} row {} {}: {} {}",
            problem.file, problem.row, problem.column, problem.reason_en, problem.detail
        );
        return Err(Refusal::new(Code::BadValue, detail));
    }
    Ok(report.files.iter().map(|file| file.new).sum())
}

/// Waits until `done` says so.
pub(super) fn wait_for(what: &str, mut done: impl FnMut() -> Result<bool, Refusal>) -> Result<(), Refusal> {
    let began = Instant::now();
    while !done()? {
        stop::check()?;
        if began.elapsed() > CONVERGE {
            return Err(Refusal::new(Code::Network, format_args!("{what}: not after {} s", CONVERGE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(())
}

/// The UDP address of a node.
pub(super) fn address_of(node: &Node) -> Result<String, Refusal> {
    Ok(status(&node.client()?)?.listen)
}
