//! One `xiangyue` process with its data folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A node that takes longer to come up is broken.
const READY: Duration = Duration::from_secs(30);
/// A call that takes longer is lost.
const CALL: Duration = Duration::from_secs(20);

/// The binary under test: `XIANGYUE_BIN`, or the one built beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("XIANGYUE_BIN") {
        return path.into();
    }
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("xiangyue");
    assert!(path.exists(), "{} is missing: cargo build --release -p xiangyue-node", path.display());
    path
}

/// The example configuration, which every node of the tests starts from.
pub fn example_config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config.example.toml")
}

/// The last file of a node's journal.
pub fn journal_file(node: &Node) -> PathBuf {
    let files = std::fs::read_dir(node.data.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "xyj")).max().unwrap()
}

/// Copies a folder as `cp -r` does.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What a command line came to.
#[derive(Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    /// The JSON object on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, of a command that must have succeeded.
    pub fn ok(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        self.json()
    }

    /// The code of the refusal, of a command that must have failed.
    pub fn refusal(&self) -> String {
        assert_ne!(self.code, 0, "{self:?}");
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("XIANGYUE_")) {
        command.env_remove(name);
    }
    command.env("XIANGYUE_DATA", data).env("XIANGYUE_LANG", "en").stdin(Stdio::null());
    command
}

/// Runs a command line on a data folder to its end.
pub fn run(data: &Path, arguments: &[&str]) -> Answer {
    let output = command(data).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Answer { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A node; its process runs while `child` is there.
#[derive(Debug)]
pub struct Node {
    /// Code of its organisation.
    pub org: String,
    /// Its data folder.
    pub data: PathBuf,
    settings: Vec<(String, String)>,
    config: Option<PathBuf>,
    child: Option<Child>,
    agent: ureq::Agent,
}

impl Node {
    /// A node that is not running yet. `settings` are variables without their prefix.
    pub fn new(org: &str, data: PathBuf, settings: &[(&str, &str)]) -> Node {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL))
            .proxy(None)
            .build()
            .into();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Node { org: org.to_owned(), data, settings, config: Some(example_config()), child: None, agent }
    }

    /// Lets it find its configuration by itself, as after `init` or `enroll join`.
    pub fn with_own_config(mut self) -> Node {
        self.config = None;
        self
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts `serve` without waiting for it.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.org);
        // The address of an earlier life must not be taken for this one's.
        let _ = std::fs::remove_file(self.data.join("api.addr"));
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = command(&self.data);
        command.arg("serve");
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.env("XIANGYUE_LOG", "info,xiangyue_node::net=debug");
        for (name, value) in &self.settings {
            command.env(format!("XIANGYUE_{name}"), value);
        }
        self.child = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Starts `serve` and waits until it answers.
    pub fn start(&mut self) {
        self.spawn();
        let began = Instant::now();
        while !self.data.join("api.addr").exists() || self.try_get("/status", &[]).is_err() {
            if let Ok(Some(code)) = self.child.as_mut().unwrap().try_wait() {
                panic!("{} ended: {code}", self.org);
            }
            assert!(began.elapsed() < READY, "{} does not answer", self.org);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the process as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Kills the process while others still talk to it; [`Node::kill`] has to follow.
    pub fn kill_now(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Asks the process to stop and waits for it.
    pub fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let code = self.child.take().unwrap().wait().unwrap();
        assert!(code.success(), "{} stopped with {code}", self.org);
    }

    /// Waits until the process ends by itself and returns its exit code.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    fn log_file(&self) -> PathBuf {
        self.data.join("serve.log")
    }

    /// What it has logged in all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Runs a command line at this node, with `--json`.
    pub fn cli(&self, arguments: &[&str]) -> Answer {
        run(&self.data, &[arguments, &["--json"]].concat())
    }

    fn url(&self, path: &str) -> Result<String, String> {
        let address = std::fs::read_to_string(self.data.join("api.addr")).map_err(|error| error.to_string())?;
        Ok(format!("http://{}{path}", address.trim()))
    }

    fn bearer(&self) -> Result<String, String> {
        let token = std::fs::read_to_string(self.data.join("api.token")).map_err(|error| error.to_string())?;
        Ok(format!("Bearer {}", token.trim()))
    }

    fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
        let mut response = response.map_err(|error| error.to_string())?;
        let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(text);
        }
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// `GET` under `/api/v1`; an error is the body of the refusal, or what happened to the connection.
    ///
    /// # Errors
    /// As text.
    pub fn try_get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let request = self.agent.get(self.url(&format!("/api/v1{path}"))?).header("Authorization", self.bearer()?);
        Node::answer(request.query_pairs(query.iter().copied()).call())
    }

    /// `GET` that must succeed.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        self.try_get(path, query).unwrap_or_else(|error| panic!("{} {path}: {error}", self.org))
    }

    /// `POST` under `/api/v1`.
    ///
    /// # Errors
    /// As text.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(self.url(&format!("/api/v1{path}"))?).header("Authorization", self.bearer()?);
        Node::answer(request.header("Content-Type", "application/json").send(body.to_string()))
    }

    /// `POST` that must succeed.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|error| panic!("{} {path}: {error}", self.org))
    }

    /// Any request as it stands, with the node's token unless `headers` bring another: status and body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path).unwrap());
        if headers.iter().all(|(name, _)| *name != "Authorization") {
            request = request.header("Authorization", self.bearer().unwrap());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body).unwrap()).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// A page outside the API, such as `/metrics`, as text.
    pub fn page(&self, path: &str) -> String {
        let mut response = self.agent.get(self.url(path).unwrap()).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> i64 {
        let page = self.page("/metrics");
        let prefix = format!("xiangyue_{name} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&prefix));
        value.unwrap_or_else(|| panic!("no metric {name}: {page}")).parse().unwrap()
    }

    /// Carries one command out: `new`, `already`, or the code of the refusal.
    pub fn command(&self, command: &Value) -> String {
        self.try_command(command).unwrap_or_else(|error| panic!("{} {command}: {error}", self.org))
    }

    /// The same; an error when there is no answer to it.
    ///
    /// # Errors
    /// As text.
    pub fn try_command(&self, command: &Value) -> Result<String, String> {
        self.try_one("/commands", &json!({ "commands": [command] }))
    }

    /// Asks for one command or row and says what became of it.
    ///
    /// # Errors
    /// As text.
    pub fn try_one(&self, path: &str, request: &Value) -> Result<String, String> {
        let result = match self.try_post(path, request) {
            Ok(answer) => answer["results"][0].clone(),
            Err(text) => match serde_json::from_str::<Value>(&text) {
                Ok(body) => json!({ "refusal": body["error"] }),
                Err(_) => return Err(text),
            },
        };
        let refusals = [&result["refusal"], &result["problems"][0]["refusal"]];
        let code = refusals.iter().find_map(|refusal| refusal["code"].as_str()).or(result["became"].as_str());
        Ok(code.unwrap_or_else(|| panic!("{result}")).to_owned())
    }

    /// Its status.
    pub fn status(&self) -> Value {
        self.get("/status", &[])
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.status()["node"].as_str().unwrap().to_owned()
    }

    /// Whether a connection to a node of that organisation is up.
    pub fn is_connected_to(&self, org: &str) -> bool {
        let status = self.status();
        status["peers"].as_array().unwrap().iter().any(|peer| peer["org"] == org && peer["connected"] == true)
    }

    /// Stops or resumes dialling and accepting.
    pub fn pause_sync(&self, paused: bool) {
        self.post("/sync", &json!({ "paused": paused, "only": [] }));
    }

    /// One figure of an account's balance, such as `available`; none while the account is unknown.
    pub fn balance(&self, account: &str, figure: &str) -> Option<i64> {
        let balance = self.try_get(&format!("/balance/{account}"), &[]).ok()?;
        Some(balance[figure].as_i64().unwrap_or_else(|| panic!("no {figure}: {balance}")))
    }

    /// The heads of every document that it holds.
    pub fn heads(&self) -> BTreeMap<String, Value> {
        let list = self.get("/docs", &[]);
        let rows = list["docs"].as_array().unwrap().iter();
        rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["heads"].clone())).collect()
    }

    /// Slip numbers of an account's statement, as often as they stand there.
    pub fn slips(&self, account: &str) -> Vec<String> {
        let statement = self.get(&format!("/statement/{account}"), &[]);
        let lines = statement["lines"].as_array().unwrap().iter();
        lines.map(|line| line["request"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- log of {}\n{}", self.org, lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}
