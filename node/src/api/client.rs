//! The command line's end of the local API: a small blocking HTTP client.
//!
//! It finds the node by its data folder, follows no redirect and no proxy setting, and turns every failure into
//! one of two things a person can act on: refused, or not reachable.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body, SendBody};
use xiangyue_protocol::{Code, Refusal};

use super::types::{ApiError, ErrorBody, ImportEvent, ImportProgress, ImportQuery, ImportReport};
use super::{ADDRESS_FILE, PREFIX, TOKEN_FILE};
use crate::membership::Membership;

/// A node on this machine answers a connection at once or not at all.
const CONNECT: Duration = Duration::from_secs(3);
/// An ordinary question is answered within this; imports and exports take as long as they take.
const ANSWER: Duration = Duration::from_secs(60);
/// A person is told of a node that lets a question wait for longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than any JSON answer of the API.
const ANSWER_BYTES: u64 = 256 << 20;

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The node, or this program, refused.
    Refused(Box<ApiError>),
    /// No node could be reached.
    Unreachable(Box<ApiError>),
}

impl Failure {
    /// Refused with this error.
    pub fn refused(error: ApiError) -> Failure {
        Failure::Refused(Box::new(error))
    }

    /// No node: why.
    fn unreachable(refusal: Refusal) -> Failure {
        Failure::Unreachable(Box::new(refusal.into()))
    }

    /// The refusal in it.
    pub fn error(&self) -> &ApiError {
        match self {
            Failure::Refused(error) | Failure::Unreachable(error) => error,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::refused(ApiError::from(refusal))
    }
}

/// A node's local API.
pub struct Client {
    agent: Agent,
    address: SocketAddr,
    token: String,
    /// What to do once the node lets an ordinary question wait for [`PATIENCE`].
    slow: fn(),
}

impl Client {
    /// The node whose data folder is `data`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when the folder names no running node; [`Failure::Refused`] when its token may not
    /// be read by this user, or its address is not one of this machine.
    pub fn open(data: &Path) -> Result<Client, Failure> {
        let address = read(data, ADDRESS_FILE)?;
        let address: SocketAddr = address.trim().parse().map_err(|_| absent(data))?;
        if !address.ip().is_loopback() {
            return Err(Refusal::new(Code::BadConfig, format_args!("{ADDRESS_FILE}: {address}")).into());
        }
        let token = read(data, TOKEN_FILE)?.trim().to_owned();
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .build();
        Ok(Client { agent: config.into(), address, token, slow: || {} })
    }

    /// Has `slow` called when a question waits long for its answer, so that a person knows what it is that takes time.
    pub fn tell_when_slow(self, slow: fn()) -> Client {
        Client { slow, ..self }
    }

    /// Waits for an answer, and has it told when that takes long.
    fn waiting<T>(&self, call: impl FnOnce() -> T) -> T {
        let slow = self.slow;
        let (_done, over) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if over.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                slow();
            }
        });
        call()
    }

    /// Asks for `path` (without the prefix) with `query`.
    ///
    /// # Errors
    /// The node's refusal, or that it cannot be reached.
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        let request = request.query_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
        let request = request.config().timeout_global(Some(ANSWER)).build();
        answer(self.waiting(|| request.call()).map_err(|e| self.broken(e))?)
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// The node's refusal, or that it cannot be reached.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Refusal::new(Code::BadValue, error))?;
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        let request = request.header("content-type", "application/json");
        let request = request.config().timeout_global(Some(ANSWER)).build();
        answer(self.waiting(|| request.send(&body[..])).map_err(|e| self.broken(e))?)
    }

    /// Imports: sends `length` bytes of `body`, tells `progress` whatever the node reports.
    ///
    /// # Errors
    /// The node's refusal, or that it cannot be reached.
    pub fn import(
        &self,
        query: &ImportQuery,
        body: &mut dyn Read,
        length: u64,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<ImportReport, Failure> {
        let request = self.agent.post(self.url("/import")).header("authorization", self.bearer());
        let request = request.query("mode", query.mode.as_str()).query("files", &query.files);
        let request = request.query("amend", query.amend.to_string()).query("why", &query.why);
        let request = request.header("content-type", "application/octet-stream").header("content-length", length);
        let response = request.send(SendBody::from_reader(body)).map_err(|e| self.broken(e))?;
        if !response.status().is_success() {
            return answer(response);
        }
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.map_err(|error| self.broken(error.into()))?;
            match serde_json::from_str(&line).map_err(|error| Refusal::new(Code::BadFrame, error))? {
                ImportEvent::Progress(at) => progress(at),
                ImportEvent::Report(report) => return Ok(report),
                ImportEvent::Error(error) => return Err(Failure::refused(error)),
            }
        }
        Err(Refusal::new(Code::Network, "the node ended the import without a report").into())
    }

    /// Writes the bytes behind `path` to `out` and tells how many they were.
    ///
    /// # Errors
    /// The node's refusal, that it cannot be reached, or [`Code::Disk`] when `out` does not take them.
    pub fn download(&self, path: &str, query: &[(&str, String)], out: &mut dyn Write) -> Result<u64, Failure> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        let request = request.query_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
        let response = request.call().map_err(|e| self.broken(e))?;
        if !response.status().is_success() {
            return answer(response);
        }
        let expected = response.body().content_length();
        let mut reader = response.into_body().into_reader();
        let written = match io::copy(&mut reader, out) {
            // A reader that has gone away, as `head` does, is no fault.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
            written => written.map_err(|error| Refusal::new(Code::Disk, error))?,
        };
        match expected {
            Some(expected) if expected != written => Err(Refusal::new(Code::Network, "the node broke off").into()),
            _ => Ok(written),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{PREFIX}{path}", self.address)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// What a failed exchange means: without a connection there is no node; a broken one is a fault of the network.
    fn broken(&self, error: ureq::Error) -> Failure {
        match error {
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => self.nobody(),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.nobody(),
            error => Failure::unreachable(Refusal::new(Code::Network, format_args!("{}: {error}", self.address))),
        }
    }

    fn nobody(&self) -> Failure {
        Failure::unreachable(Refusal::new(Code::NotRunning, self.address))
    }
}

/// A file of the data folder by which a node is found.
fn read(data: &Path, name: &str) -> Result<String, Failure> {
    std::fs::read_to_string(data.join(name)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => absent(data),
        _ => Refusal::new(Code::Disk, format_args!("{}: {error}", data.join(name).display())).into(),
    })
}

/// Why the folder names no node to ask: it holds none, or the one in it has not left its address and token.
fn absent(data: &Path) -> Failure {
    let why = Membership::load(data).map(|_| Refusal::new(Code::NotRunning, data.display()));
    Failure::unreachable(why.unwrap_or_else(|refusal| refusal))
}

/// The body of a success, or the refusal in it.
fn answer<T: DeserializeOwned>(response: Response<Body>) -> Result<T, Failure> {
    let status = response.status();
    let mut body = response.into_body();
    let text = body.with_config().limit(ANSWER_BYTES).read_to_vec();
    let text = text.map_err(|error| Failure::unreachable(Refusal::new(Code::Network, error)))?;
    if status.is_success() {
        return serde_json::from_slice(&text).map_err(|error| Refusal::new(Code::BadFrame, error).into());
    }
    Err(match serde_json::from_slice::<ErrorBody>(&text) {
        Ok(body) => Failure::refused(body.error),
        // Another program, or a proxy, may be listening where the node was.
        Err(_) => Refusal::new(Code::Network, format_args!("HTTP {status}")).into(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::PathBuf;
    use std::thread::{self, JoinHandle};

    use super::*;
    use crate::api::types::{FilePart, Mode};

    /// A data folder of its own, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("xiangyue-client-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn of_node(name: &str, address: &str) -> Folder {
            let folder = Folder::new(name);
            std::fs::write(folder.0.join(ADDRESS_FILE), format!("{address}\n")).unwrap();
            std::fs::write(folder.0.join(TOKEN_FILE), "secret\n").unwrap();
            folder
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// A server that answers one request with `response` and gives back what it was sent.
    fn serve_once(response: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut chunk) {
                request.extend_from_slice(&chunk[..n]);
            }
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (address, server)
    }

    #[test]
    fn a_folder_without_a_node_is_not_reachable() {
        let folder = Folder::new("empty");
        let Err(Failure::Unreachable(error)) = Client::open(&folder.0) else { panic!("reached") };
        assert_eq!(error.code, "XY-135");
    }

    #[test]
    fn a_dead_node_is_not_reachable() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let folder = Folder::of_node("dead", &address);
        let client = Client::open(&folder.0).unwrap();
        let Err(Failure::Unreachable(error)) = client.get::<serde_json::Value>("/status", &[]) else {
            panic!("reached")
        };
        assert_eq!(error.code, "XY-318");
    }

    #[test]
    fn a_node_that_keeps_silent_is_told() {
        static TOLD: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        // Accepted by the system, answered by nobody, until it has been told.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = Folder::of_node("silent", &listener.local_addr().unwrap().to_string());
        let silent = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            while !TOLD.load(std::sync::atomic::Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
            drop(stream);
        });
        let told = || TOLD.store(true, std::sync::atomic::Ordering::Relaxed);
        let client = Client::open(&folder.0).unwrap().tell_when_slow(told);
        assert!(client.get::<serde_json::Value>("/status", &[]).is_err());
        silent.join().unwrap();
    }

    #[test]
    fn the_token_is_never_sent_off_the_machine() {
        let folder = Folder::of_node("far", "192.0.2.1:80");
        assert!(matches!(Client::open(&folder.0), Err(Failure::Refused(error)) if error.code == "XY-301"));
    }

    #[test]
    fn a_refusal_keeps_its_code_and_the_request_its_token() {
        let (address, server) = serve_once(
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n\
             {\"error\":{\"code\":\"XY-110\",\"side\":\"input\",\"message_zh\":\"账户不存在\",\
             \"message_en\":\"unknown account\",\"detail\":\"A1\"}}",
        );
        let folder = Folder::of_node("refuse", &address);
        let result = Client::open(&folder.0).unwrap().get::<serde_json::Value>("/balance/A1", &[("a", "甲 b".into())]);
        assert!(matches!(result, Err(Failure::Refused(error)) if error.code == "XY-110" && error.detail == "A1"));
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /api/v1/balance/A1?a=%E7%94%B2%20b HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
    }

    #[test]
    fn an_import_reports_progress_and_sends_every_byte() {
        let (address, server) = serve_once(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
             {\"progress\":{\"stage\":\"checking\",\"done\":1,\"total\":2}}\n\
             {\"report\":{\"mode\":\"dry_run\",\"accepted\":true,\"files\":[],\"problems\":[],\"problems_total\":0}}\n",
        );
        let folder = Folder::of_node("import", &address);
        let query = ImportQuery::new(Mode::DryRun, &[FilePart { name: "a.csv".into(), kind: None, bytes: Some(3) }]);
        let mut seen = Vec::new();
        let client = Client::open(&folder.0).unwrap();
        let report = client.import(&query, &mut &b"abc"[..], 3, &mut |at| seen.push(at.done)).unwrap();
        assert!(report.accepted);
        assert_eq!(seen, [1]);
        let request = server.join().unwrap();
        assert!(request.ends_with("\r\n\r\nabc"), "{request}");
        assert!(request.contains("mode=dry_run&files="), "{request}");
    }

    #[test]
    fn an_export_that_breaks_off_is_not_whole() {
        let (address, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc");
        let folder = Folder::of_node("export", &address);
        let mut out = Vec::new();
        assert!(Client::open(&folder.0).unwrap().download("/export", &[], &mut out).is_err());
        server.join().unwrap();
    }
}
