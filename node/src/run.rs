//! What the command line asks this program to do itself: found a township, join one, serve.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tracing::{error, info, warn};
use xiangyue_protocol::policy::Policy;
use xiangyue_protocol::replica::{Member, Mode};
use xiangyue_protocol::schema::{NodeEntry, Org};
use xiangyue_protocol::{Code, Command, Level, Millis, OrgCode, Refusal};

use crate::api::server::{self, Services};
use crate::config::{Config, LogFormat, TOWNSHIP_PORT};
pub use crate::demo::{demo, stopped_by};
use crate::engine::{self, Handle, Opened, Settings};
use crate::files::{keep_spare, read_small, write_atomic};
use crate::i18n::Lang;
use crate::membership::{Membership, folder_mark, hex, machine_mark};
use crate::net::{self, Net, NetSettings, Registrar};
use crate::pki::{
    Address, Clock, Credentials, Identity, Issuer, PseudonymKey, Root, Tls, Token, TokenBook, TrustDomain,
};
use crate::registers::Registers;
use crate::storage::{DataLock, JournalOptions};

const PSEUDONYM_FILE: &str = "pseudonym.key";
const TOKENS_FILE: &str = "tokens.bin";
const TOKENS_MAX_BYTES: u64 = 16 << 20;
/// How often the certificate is looked at.
const RENEWAL_CHECK: std::time::Duration = std::time::Duration::from_secs(3600);

/// A township to found.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// Its nine-digit code.
    pub code: OrgCode,
    /// Its name.
    pub name: String,
}

/// A township was founded.
#[derive(Clone, Debug, Serialize)]
pub struct InitDone {
    /// The id of its first node.
    pub node: String,
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// Fingerprint of its CA key, which every token carries.
    pub ca_pin: String,
    /// The data folder.
    pub data: PathBuf,
}

/// A node to enrol.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The token's text.
    pub token: String,
    /// `host:port` at which this machine reaches the township; tried before the address in the token.
    pub township: Option<String>,
}

/// A node was enrolled.
#[derive(Clone, Debug, Serialize)]
pub struct JoinDone {
    /// The id of the new node.
    pub node: String,
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// The township.
    pub township: OrgCode,
    /// The data folder.
    pub data: PathBuf,
}

/// How to run the demo.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// End when the report is there, instead of leaving the console up until Ctrl-C.
    pub exit: bool,
    /// Folder below which a folder for all files is made, and removed at the end.
    pub folder: PathBuf,
    /// Seed of the generated records.
    pub seed: u64,
    /// Enter the records of all six places of the article, at their full size.
    pub article: bool,
    /// Language of the progress drawn on standard error.
    pub lang: Lang,
}

/// The clock of the machine, before any durable time is known.
fn clock() -> Arc<Clock> {
    Arc::new(Clock::system(Millis(0)))
}

fn must_be_empty(data: &Path) -> Result<(), Refusal> {
    if Membership::exists(data) {
        return Err(Refusal::new(Code::FolderTaken, data.display()));
    }
    Ok(())
}

/// Founds a township: CA, node key and certificate, directory, in an empty data folder.
///
/// # Errors
/// [`Code::FolderTaken`]; [`Code::MissingValue`] without a name; [`Code::Disk`].
pub fn init_township(config: &Config, request: &InitRequest) -> Result<InitDone, Refusal> {
    let data = &config.data;
    must_be_empty(data)?;
    if request.code.level() != Level::Township {
        return Err(Refusal::new(Code::NotATownship, &request.code));
    }
    if request.name.trim().is_empty() {
        return Err(Refusal::new(Code::MissingValue, "name"));
    }
    let lock = DataLock::acquire(data)?;
    let clock = clock();
    let domain = TrustDomain::new(request.code.clone())?;
    let identity = Identity::generate()?;
    let root = Root::generate(domain, clock.now())?;
    let issuer = root.new_issuer(clock.now())?;
    root.save(data)?;
    issuer.save(data)?;
    identity.save(data)?;
    let chain = issuer.issue(clock.now(), &request.code, &identity.public_key())?;
    let credentials = Credentials { chain, bundle: vec![root.certificate().clone()] };
    credentials.save(data)?;
    save_pseudonym_key(data, &PseudonymKey::generate()?)?;
    let membership = Membership {
        org: request.code.clone(),
        incarnation: 1,
        frozen: false,
        anchors: vec![hex(&identity.public_key())],
        township: Vec::new(),
        machine: machine_mark(),
        folder: folder_mark(data),
        revoked: false,
        twins: Vec::new(),
    };
    let commands = vec![
        Command::Org(Org { code: request.code.clone(), name: request.name.as_str().into(), version: 1 }),
        Command::Node(NodeEntry {
            node: identity.node(),
            public_key: identity.public_key(),
            org: request.code.clone(),
            address: "".into(),
        }),
    ];
    runtime()?.block_on(async {
        let opened = open_engine(config, &identity, membership.clone(), &clock)?;
        let answers = opened.handle.submit(commands, Mode::AllOrNothing).await?;
        opened.handle.stop().await;
        answers.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    })?;
    drop(lock);
    Ok(InitDone {
        node: identity.node().to_string(),
        org: request.code.clone(),
        name: request.name.clone(),
        ca_pin: issuer.pin()?.to_string(),
        data: data.clone(),
    })
}

/// Enrols this machine with a township's token.
///
/// # Errors
/// [`Code::TokenRefused`], [`Code::PinMismatch`], [`Code::Network`], [`Code::FolderTaken`] when the data folder
/// holds a node already, [`Code::Disk`].
pub fn join(config: &Config, request: &JoinRequest) -> Result<JoinDone, Refusal> {
    let data = &config.data;
    must_be_empty(data)?;
    let mut token: Token = request.token.trim().parse()?;
    if let Some(address) = &request.township {
        put_first(&mut token.addresses, address.parse()?);
    }
    let lock = DataLock::acquire(data)?;
    // The key is kept when joining fails half way, so that the same node can present the token again.
    let identity = match Identity::load(data) {
        Ok(identity) => identity,
        Err(_) => {
            let identity = Identity::generate()?;
            identity.save(data)?;
            identity
        }
    };
    let enrolled = runtime()?.block_on(net::join(&identity, &token, &clock()))?;
    enrolled.credentials.save(data)?;
    save_pseudonym_key(data, &enrolled.pseudonym_key)?;
    // What the operator has given, then what the township says of itself, then what the token said: a township behind
    // NAT is reached at different addresses from different places, and may not know them.
    let given = token.addresses.iter().take(usize::from(request.township.is_some()));
    let mut addresses: Vec<Address> = Vec::new();
    for address in given.chain(&enrolled.addresses).chain(&token.addresses) {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    let membership = Membership {
        org: enrolled.own.org.clone(),
        incarnation: 1,
        frozen: false,
        anchors: enrolled.township_nodes.iter().map(|(_, key)| hex(key)).collect(),
        township: addresses.iter().map(Address::to_string).collect(),
        machine: machine_mark(),
        folder: folder_mark(data),
        revoked: false,
        twins: Vec::new(),
    };
    membership.save(data)?;
    drop(lock);
    Ok(JoinDone {
        node: identity.node().to_string(),
        org: enrolled.own.org,
        township: enrolled.own.domain.township().clone(),
        data: data.clone(),
    })
}

/// Puts an address before all others.
fn put_first(addresses: &mut Vec<Address>, address: Address) {
    addresses.retain(|known| *known != address);
    addresses.insert(0, address);
}

fn save_pseudonym_key(data: &Path, key: &PseudonymKey) -> Result<(), Refusal> {
    write_atomic(&data.join(PSEUDONYM_FILE), key.as_bytes(), 0o600)
}

fn load_pseudonym_key(data: &Path) -> Result<PseudonymKey, Refusal> {
    let lost = || Refusal::new(Code::KeptFile, PSEUDONYM_FILE);
    let bytes = read_small(&data.join(PSEUDONYM_FILE), 32)?.ok_or_else(lost)?;
    bytes.try_into().map(PseudonymKey::from_bytes).map_err(|_| lost())
}

/// The runtime of a node: two workers are enough for a village and fill the small machines that townships have.
fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Refusal::new(Code::Disk, error))
}

/// Opens the engine as this member, in a new life; frozen when the machine or the folder is another one.
fn open_engine(
    config: &Config,
    identity: &Identity,
    mut membership: Membership,
    clock: &Arc<Clock>,
) -> Result<Opened, Refusal> {
    let machine = machine_mark();
    if membership.machine != machine {
        warn!("this is another machine than last time: spending waits for the township");
        membership.frozen = true;
        membership.machine = machine;
    }
    let folder = folder_mark(&config.data);
    if membership.folder != folder {
        if !membership.folder.is_empty() {
            warn!("this data folder is a copy: spending waits for the township");
            membership.frozen = true;
        }
        membership.folder = folder;
    }
    // Every start is a new life under a number drawn by chance. A folder that was put back from a copy has forgotten
    // which lives followed, so counting on from what it remembers would name two lives alike.
    let mut drawn = [0; 4];
    let fresh = getrandom::fill(&mut drawn).map(|()| u32::from_le_bytes(drawn)).ok();
    let fresh = fresh.filter(|fresh| *fresh != membership.incarnation);
    membership.incarnation = fresh.unwrap_or_else(|| membership.incarnation.wrapping_add(1));
    let member = Member {
        key: identity.signing_key().clone(),
        incarnation: membership.incarnation,
        org: membership.org.clone(),
        anchors: membership.anchor_keys()?,
        frozen: membership.frozen,
    };
    let journal = JournalOptions {
        file_bytes: u64::from(config.limits.journal_file_mib) << 20,
        reserve_bytes: u64::from(config.limits.free_disk_mib) << 20,
        ..JournalOptions::default()
    };
    let policy = Policy { propagation: config.propagation, grants: config.grants.clone(), ..Policy::default() };
    let settings = Settings {
        data: config.data.clone(),
        member,
        policy,
        revoked: membership.revoked,
        twins: membership.twin_nodes()?,
        clock: Arc::clone(clock),
        journal,
        cache_bytes: u64::from(config.limits.cache_mib) << 20,
    };
    engine::open(settings, |incarnation, frozen| {
        membership.incarnation = incarnation;
        membership.frozen = frozen;
        membership.save(&config.data)
    })
}

/// Runs the node until it is told to stop, by a signal or, if asked for, by the end of standard input.
///
/// # Errors
/// [`Code::NotReady`] when the data folder holds no node; what made it stop otherwise.
pub fn serve(config: Config, until_stdin_closes: bool) -> Result<(), Refusal> {
    start_logging(&config)?;
    let closed = async {
        match until_stdin_closes {
            true => stdin_closed().await,
            false => std::future::pending().await,
        }
    };
    let stop = async {
        tokio::select! {
            () = stop_signal() => {}
            () = closed => info!("standard input was closed"),
        }
    };
    runtime()?.block_on(serve_until(config, stop))
}

/// Waits for the end of standard input, on a thread that the process does not wait for.
async fn stdin_closed() {
    let (closed, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // What is typed there means nothing; an input that cannot be read has ended too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // Nobody waits any more when the node is stopping already.
        let _ = closed.send(());
    });
    // The sender goes only with the answer.
    let _ = told.await;
}

/// Log lines go to standard error, where a service manager picks them up.
fn start_logging(config: &Config) -> Result<(), Refusal> {
    use tracing_subscriber::EnvFilter;
    let filter =
        EnvFilter::try_new(&config.log).map_err(|error| Refusal::new(Code::BadConfig, format_args!("log: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Told where nobody can read it, an error of writing a line would end the thread that logs: a log may lie on a full disk.
    let lines = lines.log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    started.map_err(|error| Refusal::new(Code::BadConfig, error))
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return error!(%error, "no signals"),
    };
    tokio::select! {
        _ = terminate.recv() => info!("told to stop"),
        _ = tokio::signal::ctrl_c() => info!("interrupted"),
    }
}

async fn serve_until(config: Config, stop: impl Future<Output = ()>) -> Result<(), Refusal> {
    let data = config.data.clone();
    let membership = Membership::load(&data)?;
    let _lock = DataLock::acquire(&data)?;
    keep_spare(&data);
    let clock = clock();
    let identity = Identity::load(&data)?;
    let credentials = Credentials::load(&data)?;
    let pseudonym_key = load_pseudonym_key(&data)?;
    let township = membership.township_addresses()?;
    let is_township = membership.org.level() == Level::Township;
    let opened = open_engine(&config, &identity, membership.clone(), &clock)?;
    let engine = opened.handle;
    let tls = Tls::new(&identity, &credentials, Arc::clone(&clock))?;
    let listen =
        config.listen.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], if is_township { TOWNSHIP_PORT } else { 0 })));
    let registrar = match is_township {
        true => Some(Arc::new(registrar(&config, &membership, &credentials, &pseudonym_key, listen, &clock)?)),
        false => None,
    };
    let settings = NetSettings {
        listen,
        township: township.clone(),
        dial: config.dial.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        max_peers: config.limits.peers as usize,
        clock: Arc::clone(&clock),
        registrar: registrar.clone(),
    };
    let net = Net::start(settings, &identity, tls, engine.clone())?;
    let services = Services {
        registers: Registers::default(),
        engine: engine.clone(),
        net: net.clone(),
        clock: Arc::clone(&clock),
        registrar,
        pseudonym_key,
        started: clock.now(),
        certificate_ends: credentials.validity()?.1,
        config: config.clone(),
    };
    let address = server::start(services).await?;
    info!(node = %identity.node(), org = %membership.org, quic = %net.address()?, api = %address, "ready");
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        info!(%error, "no service manager to tell");
    }
    let renewing = keep_renewed(config.clone(), identity, township, Arc::clone(&clock), net.clone());
    let remembering = remember_standing(data.clone(), engine.clone());
    let tidying = engine::tidy_regularly(engine.clone());
    let end = tokio::select! {
        () = stop => Ok(()),
        refusal = engine.failed() => Err(refusal),
        () = renewing => Ok(()),
        () = remembering => Ok(()),
        () = tidying => Ok(()),
    };
    net.stop().await;
    engine.stop().await;
    end
}

fn registrar(
    config: &Config,
    membership: &Membership,
    credentials: &Credentials,
    pseudonym_key: &PseudonymKey,
    listen: SocketAddr,
    clock: &Arc<Clock>,
) -> Result<Registrar, Refusal> {
    let book_file = config.data.join(TOKENS_FILE);
    let book = match read_small(&book_file, TOKENS_MAX_BYTES)? {
        Some(bytes) => postcard::from_bytes(&bytes).map_err(|_| Refusal::new(Code::KeptFile, TOKENS_FILE))?,
        None => TokenBook::default(),
    };
    let address = match &config.address {
        Some(text) => text.parse()?,
        None if listen.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], listen.port())).into(),
        None => Address::from(listen),
    };
    Ok(Registrar {
        issuer: Issuer::load(&config.data, TrustDomain::new(membership.org.clone())?)?,
        credentials: credentials.clone(),
        keys: membership.anchor_keys()?,
        pseudonym_key: pseudonym_key.clone(),
        addresses: vec![address],
        book: Mutex::new(book),
        book_file,
        clock: Arc::clone(clock),
    })
}

/// Renews the certificate in time; keeps trying, since a village may be offline for weeks.
async fn keep_renewed(config: Config, identity: Identity, township: Vec<Address>, clock: Arc<Clock>, net: Net) {
    loop {
        if let Err(refusal) = renew_if_due(&config, &identity, &township, &clock, &net).await {
            info!(%refusal, "certificate not renewed, will try again");
        }
        tokio::time::sleep(RENEWAL_CHECK).await;
    }
}

async fn renew_if_due(
    config: &Config,
    identity: &Identity,
    township: &[Address],
    clock: &Arc<Clock>,
    net: &Net,
) -> Result<(), Refusal> {
    let credentials = Credentials::load(&config.data)?;
    if !credentials.is_renewal_due(clock.now())? {
        return Ok(());
    }
    let renewed = if township.is_empty() {
        let issuer = Issuer::load(&config.data, credentials.spiffe()?.domain)?;
        let chain = issuer.issue(clock.now(), &credentials.spiffe()?.org, &identity.public_key())?;
        Credentials { chain, bundle: credentials.bundle }
    } else {
        net::renew(identity, &credentials, township, clock).await?.credentials
    };
    renewed.save(&config.data)?;
    net.renew(Tls::new(identity, &renewed, Arc::clone(clock))?)?;
    info!("certificate renewed");
    Ok(())
}

/// Stores who may spend and who may connect, whenever the replica has changed its mind.
async fn remember_standing(data: PathBuf, engine: Handle) {
    let mut changes = engine.changes();
    loop {
        let stored = Membership::load(&data);
        let standing = engine
            .ask(|replica| {
                let twins: Vec<String> = replica.twins().map(|node| node.to_string()).collect();
                (replica.is_frozen(), replica.was_revoked(), twins)
            })
            .await;
        if let (Ok(mut membership), Ok((frozen, revoked, twins))) = (stored, standing) {
            let known = (membership.frozen, membership.revoked, membership.twins.clone());
            if known != (frozen, revoked, twins.clone()) {
                if membership.frozen && !frozen {
                    info!("thawed: nothing that this node had written is missing any more; spending goes on");
                }
                (membership.frozen, membership.revoked, membership.twins) = (frozen, revoked, twins);
                if let Err(refusal) = membership.save(&data) {
                    error!(%refusal, "standing not stored");
                }
            }
        }
        let pause = tokio::time::sleep(std::time::Duration::from_secs(5));
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return std::future::pending().await },
            () = pause => {}
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
