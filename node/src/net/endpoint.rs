//! The endpoint: accepts connections within limits and starts a session for each.

use std::convert::Infallible;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use quinn::{Connection, ConnectionError, Endpoint, Incoming};
use tokio::sync::watch;
use tracing::{debug, info, warn};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::PeerId;
use xiangyue_protocol::{Code, NodeId, OrgCode, Refusal};

use super::enrol::Registrar;
use super::goodbye::{self, End, Goodbye};
use super::peers::{PeerInfo, Peers};
use super::reset::endpoint_config;
use super::session;
use crate::engine::Handle;
use crate::pki::transport::{Admission, HANDSHAKE_TIMEOUT, admission};
use crate::pki::{self, Address, Clock, Identity, Purpose, Tls};

/// How long a peer that is turned away for want of room should wait, in milliseconds.
const BUSY_MILLIS: u32 = 30_000;

/// Whom to talk to. An operator on a metered link pauses; a courier visits one neighbour only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Dial the township and the configured addresses; accept who may connect.
    All,
    /// Neither dial nor accept.
    Paused,
    /// Dial these addresses and no others; accept nobody.
    Only(Vec<Address>),
}

/// What the network is started with.
#[derive(Debug)]
pub struct NetSettings {
    /// UDP address to listen on.
    pub listen: SocketAddr,
    /// The township's addresses, the one to try first in front.
    pub township: Vec<Address>,
    /// Further addresses to dial.
    pub dial: Vec<Address>,
    /// Peers that may be connected at once.
    pub max_peers: usize,
    /// The trusted clock.
    pub clock: Arc<Clock>,
    /// Answers enrolments, at a township.
    pub registrar: Option<Arc<Registrar>>,
}

/// The network of a running node; clones share it.
#[derive(Clone, Debug)]
pub struct Net {
    pub(super) endpoint: Endpoint,
    pub(super) tls: watch::Sender<Arc<Tls>>,
    pub(super) engine: Handle,
    pub(super) peers: Peers,
    pub(super) settings: Arc<NetSettings>,
    pub(super) policy: watch::Sender<SyncPolicy>,
    me: NodeId,
    next_peer: Arc<AtomicU64>,
    half_open: Arc<AtomicUsize>,
}

impl Net {
    /// Opens the endpoint and starts accepting and dialling.
    ///
    /// # Errors
    /// [`Code::Network`] when the address cannot be used; those of [`Tls::server_config`].
    pub fn start(settings: NetSettings, identity: &Identity, tls: Tls, engine: Handle) -> Result<Net, Refusal> {
        let runtime = Arc::new(quinn::TokioRuntime);
        let (config, server) = (endpoint_config(identity), tls.server_config()?);
        let endpoint = UdpSocket::bind(settings.listen)
            .and_then(|socket| Endpoint::new(config, Some(server), socket, runtime))
            .map_err(|error| Refusal::new(Code::Network, format_args!("{}: {error}", settings.listen)))?;
        let net = Net {
            endpoint,
            me: tls.own().node,
            tls: watch::Sender::new(Arc::new(tls)),
            engine,
            peers: Peers::default(),
            settings: Arc::new(settings),
            policy: watch::Sender::new(SyncPolicy::All),
            next_peer: Arc::default(),
            half_open: Arc::default(),
        };
        tokio::spawn(net.clone().accept());
        tokio::spawn(net.clone().keep_dialling());
        Ok(net)
    }

    /// Notes every second whether a peer has been heard.
    async fn listen(&self, node: NodeId) -> Infallible {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.peers.listen(node, self.settings.clock.now());
        }
    }

    /// The UDP address that it listens on.
    ///
    /// # Errors
    /// [`Code::Network`] when the socket is gone.
    pub fn address(&self) -> Result<SocketAddr, Refusal> {
        self.endpoint.local_addr().map_err(|error| Refusal::new(Code::Network, error))
    }

    /// Uses a renewed certificate from now on.
    ///
    /// # Errors
    /// Those of [`Tls::server_config`].
    pub fn renew(&self, tls: Tls) -> Result<(), Refusal> {
        self.endpoint.set_server_config(Some(tls.server_config()?));
        self.tls.send_replace(Arc::new(tls));
        Ok(())
    }

    /// Whom to talk to from now on. Connections that the policy does not allow are closed.
    pub fn set_policy(&self, policy: SyncPolicy) {
        info!(?policy, "sync policy");
        let keep = policy == SyncPolicy::All;
        self.policy.send_replace(policy);
        if !keep {
            self.peers.close_all(Goodbye::Paused);
        }
    }

    /// Whom it talks to.
    pub fn policy(&self) -> SyncPolicy {
        self.policy.borrow().clone()
    }

    /// The nodes it has talked to since it started.
    pub fn peers(&self) -> Vec<(NodeId, PeerInfo)> {
        self.peers.list()
    }

    /// Closes all connections and waits until the peers have been told.
    pub async fn stop(&self) {
        self.policy.send_replace(SyncPolicy::Paused);
        Goodbye::Stopped.say_to_all(&self.endpoint);
        // Peers are told once; one that does not answer must not hold up a power-down.
        let _ = tokio::time::timeout(Duration::from_millis(200), self.endpoint.wait_idle()).await;
    }

    async fn accept(self) {
        while let Some(incoming) = self.endpoint.accept().await {
            let accepts = *self.policy.borrow() == SyncPolicy::All;
            let half_open = self.half_open.load(Ordering::Relaxed);
            match admission(incoming.remote_address_validated(), half_open) {
                _ if !accepts => incoming.refuse(),
                Admission::Refuse => incoming.refuse(),
                // An address that has proved itself already cannot be asked again; then it is accepted below.
                Admission::Retry => drop(incoming.retry()),
                Admission::Accept => {
                    tokio::spawn(self.clone().welcome(incoming));
                }
            }
        }
    }

    async fn welcome(self, incoming: Incoming) {
        let from = incoming.remote_address();
        self.half_open.fetch_add(1, Ordering::Relaxed);
        let handshake = async {
            incoming.accept().map_err(|e| pki::handshake_refusal(&e))?.await.map_err(|e| pki::handshake_refusal(&e))
        };
        let connection = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
        self.half_open.fetch_sub(1, Ordering::Relaxed);
        let connection = match connection {
            Ok(Ok(connection)) => connection,
            Ok(Err(refusal)) => return debug!(%from, %refusal, "handshake failed"),
            Err(_) => return debug!(%from, "handshake timed out"),
        };
        match pki::purpose(&connection) {
            Ok(Purpose::Sync) => {
                if let Err(refusal) = self.run_session(connection, false).await {
                    debug!(%from, %refusal, "connection ended");
                }
            }
            Ok(Purpose::Enrol) => match &self.settings.registrar {
                Some(registrar) => registrar.answer(&connection, &self.engine).await,
                None => goodbye::refuse(&connection, &Refusal::new(Code::NotAllowed, "enrolment")),
            },
            Err(refusal) => debug!(%from, %refusal, "connection refused"),
        }
    }

    /// Checks who is there and runs the session to its end.
    ///
    /// # Errors
    /// When one side refused the other. A connection that broke after it was up is none.
    pub(super) async fn run_session(&self, connection: Connection, dialled: bool) -> Result<NodeId, Refusal> {
        let domain = self.tls.borrow().own().domain.clone();
        let spiffe = pki::peer_identity(&connection, &domain).inspect_err(|refusal| {
            warn!(from = %connection.remote_address(), %refusal, "peer refused");
            goodbye::refuse(&connection, refusal);
        })?;
        let (node, org) = (spiffe.node, spiffe.org);
        self.check_standing(node, &org).await.inspect_err(|refusal| {
            warn!(%node, %refusal, "peer refused");
            goodbye::refuse(&connection, refusal);
        })?;
        if self.peers.connected() >= self.settings.max_peers && !self.peers.is_connected(node) {
            let refusal = Refusal::new(Code::Busy, format_args!("{} peers", self.settings.max_peers));
            info!(%node, %refusal, "peer turned away");
            turn_away(&connection, &refusal).await;
            return Err(refusal);
        }
        let peer = PeerId(self.next_peer.fetch_add(1, Ordering::Relaxed));
        let now = self.settings.clock.now();
        let entered = self.peers.enter(self.me, (node, org.clone()), now, (peer, dialled, connection.clone()));
        let Some(traffic) = entered else {
            Goodbye::Crossed.say(&connection);
            return Ok(node);
        };
        info!(%node, %org, dialled, "connected");
        let of_township = org == *domain.township();
        let (end, last) = tokio::select! {
            ended = session::run(connection.clone(), peer, node, org, self.engine.clone(), traffic) => ended,
            never = self.listen(node) => match never {},
        };
        self.peers.leave(node, peer, self.settings.clock.now(), last);
        match &end {
            Ok(end) => info!(%node, %end, "disconnected"),
            Err(refusal) => info!(%node, %refusal, "disconnected"),
        }
        // What its own township says of this node is believed: the certificate proves who said it.
        if let (Err(refusal), true, Some(ConnectionError::ApplicationClosed(_))) =
            (&end, of_township, connection.close_reason())
        {
            self.engine.turned_away(refusal.code()).await;
        }
        match end {
            // Another process under this node's name may have taken its place: calling at once would take it back.
            Ok(End::There(Goodbye::Replaced)) => Err(Refusal::new(Code::Busy, "replaced")),
            // A peer that says no, or that is told no, is not called again at once.
            Err(refusal) if refusal.code() != Code::Network => Err(refusal),
            _ => Ok(node),
        }
    }

    /// The certificate must say what the directory says, once the directory knows the node.
    async fn check_standing(&self, node: NodeId, org: &OrgCode) -> Result<(), Refusal> {
        let listed = self
            .engine
            .ask(move |replica| {
                replica.may_connect(node)?;
                Ok(replica.views().directory.node(node).map(|entry| entry.org.clone()))
            })
            .await?;
        match listed? {
            Some(listed) if listed != *org => Err(Refusal::new(Code::BadCertificate, node)),
            _ => Ok(()),
        }
    }
}

/// Tells a peer to come back later.
async fn turn_away(connection: &Connection, refusal: &Refusal) {
    let told = async {
        let mut stream = connection.open_uni().await.ok()?;
        stream.write_all(&Frame::Busy(BUSY_MILLIS).encode()).await.ok()?;
        stream.finish().ok()?;
        stream.stopped().await.ok()
    };
    // Best effort: the peer backs off by itself too.
    let _ = tokio::time::timeout(HANDSHAKE_TIMEOUT, told).await;
    goodbye::refuse(connection, refusal);
}
