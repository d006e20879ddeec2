//! Real certificates and real QUIC endpoints on loopback.

mod authority;
mod enrolment;
mod measurements;
mod mutual_tls;
mod no_resumption;
mod refused_certificates;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, ConnectionError, Endpoint};
use xiangyue_protocol::{Millis, OrgCode};

use super::*;

const DAY: u64 = 86_400_000;
const VILLAGE: &str = "110112119201";

fn org(code: &str) -> OrgCode {
    code.parse().unwrap()
}

/// A fixed time in 2026, so that no test depends on when it runs.
fn today() -> Millis {
    Millis(1_795_000_000_000)
}

fn clock_at(now: Millis) -> Arc<Clock> {
    Arc::new(Clock::with_source(|| Millis(0), now))
}

/// A township with its authority.
struct Town {
    issuer: Issuer,
}

impl Town {
    fn new(code: &str) -> Town {
        let root = Root::generate(TrustDomain::new(org(code)).unwrap(), today()).unwrap();
        Town { issuer: root.new_issuer(today()).unwrap() }
    }

    fn lucheng() -> Town {
        Town::new("110112119")
    }

    fn domain(&self) -> &TrustDomain {
        self.issuer.domain()
    }

    fn node(&self, code: &str) -> Node {
        self.node_at(code, today())
    }

    fn node_at(&self, code: &str, issued: Millis) -> Node {
        let identity = Identity::generate().unwrap();
        let chain = self.issuer.issue(issued, &org(code), &identity.public_key()).unwrap();
        Node { identity, credentials: Credentials { chain, bundle: vec![self.issuer.root().clone()] } }
    }
}

struct Node {
    identity: Identity,
    credentials: Credentials,
}

impl Node {
    fn tls(&self) -> Tls {
        self.tls_at(today())
    }

    fn tls_at(&self, now: Millis) -> Tls {
        Tls::new(&self.identity, &self.credentials, clock_at(now)).unwrap()
    }
}

/// What each end made of an attempt to connect. The client's end can be set up before the server has refused.
struct Met {
    client: Result<Connection, ConnectionError>,
    server: Result<Connection, ConnectionError>,
    _endpoints: [Endpoint; 2],
}

impl Met {
    /// Why the server's refusal reached the client.
    async fn client_refusal(self) -> xiangyue_protocol::Refusal {
        match self.client {
            Err(error) => handshake_refusal(&error),
            Ok(connection) => handshake_refusal(&connection.closed().await),
        }
    }

    fn both(&self) -> (&Connection, &Connection) {
        (self.client.as_ref().unwrap(), self.server.as_ref().unwrap())
    }
}

fn listen(config: quinn::ServerConfig) -> Endpoint {
    Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

async fn meet(client: quinn::ClientConfig, server: quinn::ServerConfig) -> Met {
    let listener = listen(server);
    let dialler = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let connecting = dialler.connect_with(client, listener.local_addr().unwrap(), "peer.xiangyue").unwrap();
    let accepting = async { listener.accept().await.unwrap().await };
    let both = async { tokio::join!(connecting, accepting) };
    let (client, server) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    Met { client, server, _endpoints: [dialler, listener] }
}

async fn meet_nodes(client: &Tls, server: &Tls) -> Met {
    meet(client.client_config(Expected::Anyone).unwrap(), server.server_config().unwrap()).await
}
