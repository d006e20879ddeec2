//! Every connection is a full handshake: a resumed one would not look at revocations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue};
use rustls::client::{Tls12Resumption, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, NamedGroup, SignatureScheme};

use super::super::tls::{quic_client, quic_server};
use super::*;

/// A client's store that counts the tickets it is given.
#[derive(Debug)]
struct Tickets(ClientSessionMemoryCache, AtomicUsize);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }
    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(server)
    }
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.insert_tls13_ticket(server, ticket);
    }
    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server)
    }
}

/// A verifier that counts the client certificates it sees.
#[derive(Debug)]
struct Counting(Arc<dyn ClientCertVerifier>, Arc<AtomicUsize>);

impl ClientCertVerifier for Counting {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.verify_client_cert(leaf, issuers, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, leaf, signature)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, leaf, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Sends a message there and back, after which tickets would have come.
async fn talk(client: &Connection, server: &Connection) {
    let ask = async {
        let (mut send, mut receive) = client.open_bi().await.unwrap();
        send.write_all(b"ping").await.unwrap();
        send.finish().unwrap();
        assert_eq!(receive.read_to_end(16).await.unwrap(), b"ping");
    };
    let echo = async {
        let (mut send, mut receive) = server.accept_bi().await.unwrap();
        let heard = receive.read_to_end(16).await.unwrap();
        send.write_all(&heard).await.unwrap();
        send.finish().unwrap();
    };
    tokio::join!(ask, echo);
}

/// Dials twice and talks; true when the second connection could have sent early data.
async fn dial_twice(client: quinn::ClientConfig, server: quinn::ServerConfig) -> bool {
    let listener = listen(server);
    let address = listener.local_addr().unwrap();
    let dialler = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let dial = || dialler.connect_with(client.clone(), address, "peer.xiangyue").unwrap();
    let accept = async || listener.accept().await.unwrap().await.unwrap();
    let (client, server) = tokio::join!(dial(), accept());
    talk(&client.unwrap(), &server).await;
    match dial().into_0rtt() {
        Ok((client, _)) => {
            let server = accept().await;
            talk(&client, &server).await;
            true
        }
        Err(connecting) => {
            let (client, server) = tokio::join!(connecting, accept());
            talk(&client.unwrap(), &server).await;
            false
        }
    }
}

#[tokio::test]
async fn a_server_hands_out_no_tickets() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let store = Arc::new(Tickets(ClientSessionMemoryCache::new(8), AtomicUsize::new(0)));
    let mut eager = village.tls().client_tls(Expected::Anyone).unwrap();
    eager.resumption = Resumption::store(store.clone()).tls12_resumption(Tls12Resumption::Disabled);
    eager.enable_early_data = true;
    let eager = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(eager).unwrap()));
    let early = dial_twice(eager, township.tls().server_config().unwrap()).await;
    assert_eq!((early, store.1.load(Ordering::SeqCst)), (false, 0));
}

#[tokio::test]
async fn a_client_shows_its_certificate_again_even_to_a_server_with_tickets() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    for (resume, expected) in [(false, 2), (true, 1)] {
        let seen = Arc::new(AtomicUsize::new(0));
        let ours = township.tls();
        let verifier = verify::ClientVerifier::new(ours.trust().clone()).unwrap();
        let mut server = rustls::ServerConfig::builder_with_details(ours.trust().provider.clone(), clock_at(today()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(Arc::new(Counting(Arc::new(verifier), seen.clone())))
            .with_single_cert(township.credentials.chain.clone(), township.identity.pkcs8().into())
            .unwrap();
        server.alpn_protocols = vec![SYNC_ALPN.to_vec()];
        let mut client = village.tls().client_tls(Expected::Anyone).unwrap();
        if resume {
            // Only to see that this server would resume with a client that asks for it.
            client.resumption = Resumption::in_memory_sessions(8);
        }
        dial_twice(quic_client(client).unwrap(), quic_server(server).unwrap()).await;
        assert_eq!(seen.load(Ordering::SeqCst), expected, "resume: {resume}");
    }
}
