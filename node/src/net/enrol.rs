//! Enrolment over the network: the township answers, a new node asks, an old one renews.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{Connection, Endpoint};
use tracing::{info, warn};
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::schema::NodeEntry;
use xiangyue_protocol::{Code, Command, Refusal};

use super::dial::resolve;
use super::goodbye::Goodbye;
use crate::engine::Handle;
use crate::files::write_atomic;
use crate::pki::enrol::{self, Asked, EXPORTER_LABEL, Enrolled, MAX_FRAME, Reply, Request, Standing, Township};
use crate::pki::transport::HANDSHAKE_TIMEOUT;
use crate::pki::{
    Address, Clock, Credentials, Identity, Issuer, Pin, PseudonymKey, Token, TokenBook, TrustDomain,
    enrol_client_config, handshake_refusal,
};

/// The whole exchange, once connected.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Name and version, for the township's log.
const SOFTWARE: &str = concat!("xiangyue ", env!("CARGO_PKG_VERSION"));

/// The township's side of enrolment.
pub struct Registrar {
    /// Signs certificates.
    pub issuer: Issuer,
    /// The township's own certificates and roots.
    pub credentials: Credentials,
    /// Public keys of the township's nodes.
    pub keys: Vec<[u8; 32]>,
    /// For pseudonymous account numbers.
    pub pseudonym_key: PseudonymKey,
    /// Where the township can be dialled.
    pub addresses: Vec<Address>,
    /// The tokens issued.
    pub book: Mutex<TokenBook>,
    /// Where they are stored.
    pub book_file: PathBuf,
    /// The trusted clock.
    pub clock: Arc<Clock>,
}

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registrar").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Registrar {
    /// Changes the token book and stores it before anything is said of the change.
    ///
    /// # Errors
    /// Those of `change`, and of the disk.
    pub fn with_book<T>(&self, change: impl FnOnce(&mut TokenBook) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut book);
        let bytes = postcard::to_stdvec(&*book).map_err(|error| Refusal::new(Code::Disk, error))?;
        write_atomic(&self.book_file, &bytes, 0o600)?;
        result
    }

    /// Answers one enrolment connection.
    pub(super) async fn answer(&self, connection: &Connection, engine: &Handle) {
        let from = connection.remote_address();
        match tokio::time::timeout(EXCHANGE_TIMEOUT, self.exchange(connection, engine)).await {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => warn!(%from, %refusal, "enrolment failed"),
            Err(_) => warn!(%from, "enrolment timed out"),
        }
        Goodbye::Done.say(connection);
    }

    async fn exchange(&self, connection: &Connection, engine: &Handle) -> Result<(), Refusal> {
        let (mut send, mut receive) = connection.accept_bi().await.map_err(|e| handshake_refusal(&e))?;
        let bytes = receive.read_to_end(MAX_FRAME).await.map_err(|error| Refusal::new(Code::BadFrame, error))?;
        let request: Request = enrol::decode(&bytes)?;
        let decision = self.decide(connection, engine, &request).await;
        match &decision {
            Ok(_) => info!(node = %request.node(), software = request.software(), "enrolled"),
            Err(refusal) => warn!(node = %request.node(), %refusal, "enrolment refused"),
        }
        let reply = enrol::encode(&Reply::of(decision))?;
        let network = |error: String| Refusal::new(Code::Network, error);
        send.write_all(&reply).await.map_err(|error| network(error.to_string()))?;
        send.finish().map_err(|error| network(error.to_string()))?;
        send.stopped().await.map_err(|error| network(error.to_string()))?;
        Ok(())
    }

    async fn decide(
        &self,
        connection: &Connection,
        engine: &Handle,
        request: &Request,
    ) -> Result<enrol::Response, Refusal> {
        let node = request.node();
        let standing = engine
            .ask(move |replica| {
                let directory = &replica.views().directory;
                match directory.node(node) {
                    _ if directory.revocation(node).is_some() => Standing::Revoked,
                    Some(entry) => Standing::Member(entry.org.clone()),
                    None => Standing::Unknown,
                }
            })
            .await?;
        let binding = binding(connection)?;
        let asked = Asked { now: self.clock.now(), source: connection.remote_address().ip(), binding };
        let township = Township {
            issuer: &self.issuer,
            bundle: &self.credentials.bundle,
            keys: &self.keys,
            pseudonym_key: &self.pseudonym_key,
            addresses: &self.addresses,
        };
        let response = self.with_book(|book| enrol::answer(&township, book, |_| standing.clone(), asked, request))?;
        if let Request::Join { public_key, .. } = request {
            self.list(engine, *public_key, &response).await?;
        }
        Ok(response)
    }

    /// Enters the new node in the directory.
    async fn list(&self, engine: &Handle, public_key: [u8; 32], response: &enrol::Response) -> Result<(), Refusal> {
        let chain = response.chain.iter().cloned().map(Into::into).collect();
        let spiffe = Credentials { chain, bundle: Vec::new() }.spiffe()?;
        let entry = NodeEntry { node: spiffe.node, public_key, org: spiffe.org, address: "".into() };
        let answers = engine.submit(vec![Command::Node(entry)], Mode::AllOrNothing).await?;
        answers.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }
}

fn binding(connection: &Connection) -> Result<[u8; 32], Refusal> {
    let mut binding = [0; 32];
    let exported = connection.export_keying_material(&mut binding, EXPORTER_LABEL, b"");
    exported.map_err(|_| Refusal::new(Code::Network, "no keying material")).map(|()| binding)
}

/// What a joining or renewing node says to its township, given the connection's binding.
type Ask<'a> = &'a (dyn Fn(&[u8; 32]) -> Request + Sync);

/// Asks the township of `domain`, at the first of its addresses that answers.
async fn ask(
    addresses: &[Address],
    pins: Vec<Pin>,
    domain: &TrustDomain,
    clock: &Arc<Clock>,
    request: Ask<'_>,
) -> Result<enrol::Response, Refusal> {
    let mut last = Refusal::new(Code::Network, "no address");
    for address in addresses {
        match ask_at(address, pins.clone(), domain, clock, request).await {
            Ok(reply) => return reply.into_result(),
            // A wrong CA is never worth another try at another address.
            Err(refusal) if refusal.code() == Code::PinMismatch => return Err(refusal),
            Err(refusal) => last = refusal,
        }
    }
    Err(last)
}

async fn ask_at(
    address: &Address,
    pins: Vec<Pin>,
    domain: &TrustDomain,
    clock: &Arc<Clock>,
    request: Ask<'_>,
) -> Result<Reply, Refusal> {
    let network = |error: String| Refusal::new(Code::Network, format_args!("{address}: {error}"));
    let socket = resolve(address).await?;
    let local = if socket.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let endpoint = Endpoint::client(local).map_err(|error| network(error.to_string()))?;
    let config = enrol_client_config(pins, domain.clone(), Arc::clone(clock))?;
    let connecting =
        endpoint.connect_with(config, socket, &domain.to_string()).map_err(|error| network(error.to_string()))?;
    let connection = tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting)
        .await
        .map_err(|_| network("no answer".to_owned()))?
        .map_err(|error| handshake_refusal(&error))?;
    let exchange = async {
        let request = request(&binding(&connection)?);
        let (mut send, mut receive) = connection.open_bi().await.map_err(|e| network(e.to_string()))?;
        send.write_all(&enrol::encode(&request)?).await.map_err(|e| network(e.to_string()))?;
        send.finish().map_err(|e| network(e.to_string()))?;
        let bytes = receive.read_to_end(MAX_FRAME).await.map_err(|e| network(e.to_string()))?;
        enrol::decode(&bytes)
    };
    let reply = tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await.map_err(|_| network("no answer".to_owned()))?;
    Goodbye::Done.say(&connection);
    // The close must leave before the endpoint is dropped; the reply is here either way.
    let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
    reply
}

/// Joins a township with a token.
///
/// # Errors
/// [`Code::PinMismatch`], [`Code::TokenRefused`], [`Code::Network`].
pub async fn join(identity: &Identity, token: &Token, clock: &Arc<Clock>) -> Result<Enrolled, Refusal> {
    clock.raise(token.issued);
    let township = token.org.township().ok_or_else(|| Refusal::new(Code::BadOrgCode, &token.org))?;
    let domain = TrustDomain::new(township)?;
    let request = |binding: &[u8; 32]| Request::join(identity, &token.secret, token.pin, binding, SOFTWARE);
    let response = ask(&token.addresses, vec![token.pin], &domain, clock, &request).await?;
    response.accept(identity, &domain, &[token.pin], clock.now())
}

/// Renews a node's certificate, also one that has expired.
///
/// # Errors
/// As [`join`].
pub async fn renew(
    identity: &Identity,
    credentials: &Credentials,
    addresses: &[Address],
    clock: &Arc<Clock>,
) -> Result<Enrolled, Refusal> {
    let domain = credentials.spiffe()?.domain;
    let pins = credentials.pins()?;
    let Some(pin) = pins.first().copied() else { return Err(Refusal::new(Code::BadCertificate, "no root")) };
    let request = |binding: &[u8; 32]| Request::renew(identity, pin, binding, SOFTWARE);
    let response = ask(addresses, pins.clone(), &domain, clock, &request).await?;
    response.accept(identity, &domain, &pins, clock.now())
}
