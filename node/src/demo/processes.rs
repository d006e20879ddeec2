//! The demo's nodes: each a process of this same binary with its own data folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use xiangyue_protocol::{Code, OrgCode, Refusal};

use super::stop;
use crate::api::ADDRESS_FILE;
use crate::api::client::Client;
use crate::api::types::Status;

/// A node that takes longer to come up is broken.
const READY: Duration = Duration::from_secs(20);
/// How long a node may take to stop before it is ended.
const STOP: Duration = Duration::from_secs(5);

/// A running node.
pub(super) struct Node {
    /// Its organisation.
    pub(super) org: OrgCode,
    /// Its data folder.
    pub(super) data: PathBuf,
    child: Child,
}

/// This binary, with the variables of the node in `data` and no others of ours.
fn command(data: &Path) -> Result<Command, Refusal> {
    let binary = std::env::current_exe().map_err(|error| Refusal::new(Code::Disk, error))?;
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("XIANGYUE_")) {
        command.env_remove(name);
    }
    command.env("XIANGYUE_DATA", data).env("XIANGYUE_LANG", "en").stdin(Stdio::null());
    Ok(command)
}

/// Runs a command of this binary to its end and reads the JSON object that it prints.
pub(super) fn run<T: DeserializeOwned>(data: &Path, arguments: &[&str]) -> Result<T, Refusal> {
    // Its first words alone: among the others may be a token.
    let words = arguments.get(..2).unwrap_or(arguments).join(" ");
    let failed = |what: &str| Refusal::new(Code::NotReady, format_args!("{words}: {what}"));
    let output = command(data)?.args(arguments).arg("--json").output().map_err(|error| failed(&error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stdout).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(&error.to_string()))
}

impl Node {
    /// Starts `serve` and waits until it answers. `settings` are variables without their prefix.
    pub(super) fn start(org: OrgCode, data: PathBuf, settings: &[(&str, &str)]) -> Result<Node, Refusal> {
        let failed = |error: std::io::Error| Refusal::new(Code::Disk, error);
        // The address of an earlier life must not be taken for this one's.
        match std::fs::remove_file(data.join(ADDRESS_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let log = File::create(data.join("serve.log")).map_err(failed)?;
        let mut command = command(&data)?;
        // It ends when this process does, of whatever: then its standard input, which nobody else holds, is closed.
        command
            .args(["serve", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .env("XIANGYUE_API", "127.0.0.1:0")
            .env("XIANGYUE_LOG", "info");
        for (name, value) in settings {
            command.env(format!("XIANGYUE_{name}"), value);
        }
        let child = command.stdout(log.try_clone().map_err(failed)?).stderr(log).spawn().map_err(failed)?;
        let mut node = Node { org, data, child };
        let began = Instant::now();
        while node.client().and_then(|client| status(&client)).is_err() {
            if let Ok(Some(code)) = node.child.try_wait() {
                return Err(Refusal::new(Code::NotReady, format_args!("{} ended: {code}", node.org)));
            }
            stop::check()?;
            if began.elapsed() > READY {
                return Err(Refusal::new(Code::NotReady, format_args!("{} does not answer", node.org)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(node)
    }

    /// A client of its API.
    pub(super) fn client(&self) -> Result<Client, Refusal> {
        Client::open(&self.data).map_err(|failure| refusal(&failure))
    }
}

impl Node {
    /// Asks the process to stop, without waiting for it.
    pub(super) fn ask_to_stop(&self) {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may be gone already.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Node {
    /// The most memory that it has had, in MiB; none where the system does not say.
    pub(super) fn memory_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib / 1024)
    }

    /// Waits for the process to stop, and ends it when it does not.
    pub(super) fn stop(&mut self) {
        self.ask_to_stop();
        let began = Instant::now();
        while began.elapsed() < STOP {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // Not stopping in time is not worth a message in a demo.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a node says of itself.
pub(super) fn status(client: &Client) -> Result<Status, Refusal> {
    client.get("/status", &[]).map_err(|failure| refusal(&failure))
}

/// A failure of a call as a refusal of the demo.
pub(super) fn refusal(failure: &crate::api::client::Failure) -> Refusal {
    let error = failure.error();
    let code = Code::ALL.iter().find(|code| code.as_str() == error.code).copied().unwrap_or(Code::NotReady);
    Refusal::new(code, &error.detail)
}
