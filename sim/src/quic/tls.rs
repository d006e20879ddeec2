//! Configurations of the QUIC tier: mutual TLS 1.3 as between nodes, without tickets or early data.
//!
//! Who a node is comes from the plan, so one certificate serves all ends here; what certificates may say is tested
//! with the node. Its key is drawn anew for each run and changes no length and no time.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, IdleTimeout, ServerConfig, TransportConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use xiangyue_protocol::transport;
use xiangyue_protocol::{Code, Refusal};

/// The name in the certificate.
pub(super) const NAME: &str = "node.sim";
const ALPN: &[u8] = b"xiangyue/1";

/// What all lines of a run share.
#[derive(Clone)]
pub struct Tls {
    client: Arc<QuicClientConfig>,
    server: Arc<QuicServerConfig>,
    limits: Arc<TransportConfig>,
    #[expect(clippy::disallowed_types, reason = "quinn-proto counts in Instants; this one is only an origin")]
    origin: std::time::Instant,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn bad(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::BadConfig, error)
}

impl Tls {
    /// A key and a certificate for a run.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when rustls refuses its own defaults.
    pub fn new() -> Result<Tls, Refusal> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(bad)?;
        let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).map_err(bad)?;
        // As long in every run: otherwise datagrams would differ in length.
        params.serial_number = Some(rcgen::SerialNumber::from(1));
        let certificate: CertificateDer<'static> = params.self_signed(&key).map_err(bad)?.into();
        let secret = || PrivateKeyDer::try_from(key.serialize_der()).map_err(bad);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).map_err(bad)?;
        let (roots, provider) = (Arc::new(roots), Arc::new(rustls::crypto::ring::default_provider()));
        let mut client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(bad)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(vec![certificate.clone()], secret()?)
            .map_err(bad)?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().map_err(bad)?;
        let mut server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(bad)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], secret()?)
            .map_err(bad)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        server.send_tls13_tickets = 0;
        server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        #[allow(clippy::disallowed_methods, reason = "an origin for virtual time: only differences are ever used")]
        #[expect(clippy::disallowed_types, reason = "as above")]
        let origin = std::time::Instant::now();
        Ok(Tls {
            client: Arc::new(QuicClientConfig::try_from(client).map_err(bad)?),
            server: Arc::new(QuicServerConfig::try_from(server).map_err(bad)?),
            limits: Arc::new(limits()),
            origin,
        })
    }

    #[expect(clippy::disallowed_types, reason = "quinn-proto counts in Instants; this one is only an origin")]
    pub(super) fn origin(&self) -> std::time::Instant {
        self.origin
    }

    pub(super) fn client(&self, seed: [u8; 32]) -> ClientConfig {
        let mut config = ClientConfig::new(self.client.clone());
        config.transport_config(Arc::clone(&self.limits));
        let first = Names::new(seed, 2).generate_cid();
        config.initial_dst_cid_provider(Arc::new(move || first));
        config
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        let mut config = ServerConfig::with_crypto(self.server.clone());
        config.transport_config(Arc::clone(&self.limits));
        Arc::new(config)
    }
}

/// The limits of the node's connections.
fn limits() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(transport::STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(transport::STREAMS))
        .stream_receive_window(VarInt::from_u32(transport::STREAM_WINDOW))
        .receive_window(VarInt::from_u32(transport::CONNECTION_WINDOW))
        .send_window(u64::from(transport::CONNECTION_WINDOW))
        .keep_alive_interval(Some(Duration::from_millis(transport::KEEP_ALIVE_MILLIS.into())))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(transport::IDLE_MILLIS))))
        .datagram_receive_buffer_size(None);
    config
}

/// Connection ids from a seed: quinn's own are drawn from the system.
#[derive(Debug)]
pub(super) struct Names {
    seed: [u8; 32],
    side: u8,
    drawn: u64,
}

impl Names {
    pub(super) fn new(seed: [u8; 32], side: u8) -> Names {
        Names { seed, side, drawn: 0 }
    }
}

impl ConnectionIdGenerator for Names {
    fn generate_cid(&mut self) -> ConnectionId {
        self.drawn += 1;
        let mut hasher = blake3::Hasher::new_keyed(&self.seed);
        hasher.update(&[self.side]);
        hasher.update(&self.drawn.to_be_bytes());
        ConnectionId::new(&hasher.finalize().as_bytes()[..8])
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
