//! Certificates that must not get anyone in.

use std::collections::BTreeSet;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, SanType};
use rustls::pki_types::CertificateDer;
use xiangyue_protocol::{Code, NodeId, Refusal};

use super::super::tls::quic_client;
use super::*;

/// A village's node whose certificate was changed before the true issuer signed it.
fn forged(town: &Town, change: impl FnOnce(&mut CertificateParams)) -> Node {
    let mut node = town.node(VILLAGE);
    let spiffe = node.credentials.spiffe().unwrap();
    node.credentials.chain = town.issuer.forge(&spiffe, today(), &node.identity.public_key(), change);
    node
}

/// A TLS client that shows `chain`, whatever it is, and believes any server of the town.
fn client_with(town: &Town, node: &Node, chain: Vec<CertificateDer<'static>>) -> quinn::ClientConfig {
    let honest = town.node(VILLAGE).tls();
    let mut tls = honest.client_tls(Expected::Anyone).unwrap();
    let key = rustls::sign::CertifiedKey::from_der(chain, node.identity.pkcs8().into(), tls.crypto_provider()).unwrap();
    tls.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
    quic_client(tls).unwrap()
}

/// What the township's server says to a client with this node's certificate.
async fn server_says(town: &Town, node: &Node) -> Result<Spiffe, Refusal> {
    let server = town.node("110112119").tls().server_config().unwrap();
    let met = meet(client_with(town, node, node.credentials.chain.clone()), server).await;
    match &met.server {
        Ok(connection) => peer_identity(connection, town.domain()),
        Err(error) => Err(handshake_refusal(error)),
    }
}

#[tokio::test]
async fn a_client_without_a_certificate() {
    let town = Town::lucheng();
    let mut tls = town.node(VILLAGE).tls().client_tls(Expected::Anyone).unwrap();
    tls.client_auth_cert_resolver = Arc::new(NoCertificate);
    let met = meet(quic_client(tls).unwrap(), town.node("110112119").tls().server_config().unwrap()).await;
    let refusal = peer_identity(met.both().1, town.domain()).unwrap_err();
    assert_eq!((refusal.code(), refusal.detail()), (Code::BadCertificate, "the peer showed none"));
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_authority_that_only_calls_itself_the_same() {
    let (town, impostor) = (Town::lucheng(), Town::lucheng());
    let refusal = server_says(&town, &impostor.node(VILLAGE)).await.unwrap_err();
    assert_eq!(refusal.code(), Code::WrongDomain);

    let met = meet_nodes(&town.node(VILLAGE).tls(), &impostor.node("110112119").tls()).await;
    assert_eq!(met.client_refusal().await.code(), Code::WrongDomain);
}

#[tokio::test]
async fn another_township() {
    let (town, other) = (Town::lucheng(), Town::new("110112120"));
    let refusal = server_says(&town, &other.node("110112120201")).await.unwrap_err();
    assert_eq!(refusal.code(), Code::WrongDomain);
}

#[tokio::test]
async fn another_township_under_a_root_we_trust() {
    let (town, other) = (Town::lucheng(), Town::new("110112120"));
    let mut township = town.node("110112119");
    township.credentials.bundle.push(other.issuer.root().clone());
    let stranger = other.node("110112120201");
    let client = client_with(&town, &stranger, stranger.credentials.chain.clone());
    let met = meet(client, township.tls().server_config().unwrap()).await;
    assert_eq!(handshake_refusal(met.server.as_ref().unwrap_err()).code(), Code::WrongDomain);
}

const SECOND: &str = "spiffe://110112119.xiangyue/township/110112119/node/00112233445566778899aabbccddeeff";

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

#[tokio::test]
async fn shapes_that_our_issuer_never_signs() {
    let town = Town::lucheng();
    let refused = async |what: &str, change: fn(&mut CertificateParams)| {
        let refusal = server_says(&town, &forged(&town, change)).await.expect_err(what);
        assert_eq!(refusal.code(), Code::BadCertificate, "{what}: {refusal}");
    };
    refused("two URIs", |p| p.subject_alt_names.push(uri(SECOND))).await;
    refused("two DNS names", |p| p.subject_alt_names.push(SanType::DnsName("x.xiangyue".try_into().unwrap()))).await;
    refused("no URI", |p| drop(p.subject_alt_names.remove(0))).await;
    refused("another node's URI", |p| p.subject_alt_names[0] = uri(SECOND)).await;
    refused("no names", |p| p.subject_alt_names.clear()).await;
    refused("an authority", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).await;
    refused("for servers only", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]).await;
    assert!(server_says(&town, &forged(&town, |_| ())).await.is_ok(), "unchanged, it is good");
}

#[tokio::test]
async fn a_name_whose_node_id_is_not_the_keys() {
    let town = Town::lucheng();
    let mut node = town.node(VILLAGE);
    let mut spiffe = node.credentials.spiffe().unwrap();
    spiffe.node = NodeId([7; 16]);
    node.credentials.chain = town.issuer.forge(&spiffe, today(), &node.identity.public_key(), |_| ());
    assert_eq!(server_says(&town, &node).await.unwrap_err().code(), Code::BadCertificate);
    let refusal = Spiffe::of_certificate(&node.credentials.chain[0]).unwrap_err();
    assert_eq!(refusal.detail(), "key does not match the node id");
}

#[tokio::test]
async fn a_village_that_signs_certificates_itself() {
    let town = Town::lucheng();
    let (village, mut child) = (town.node(VILLAGE), town.node(VILLAGE));
    let spiffe = Spiffe { org: org("110112119"), ..child.credentials.spiffe().unwrap() };
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&village.identity.pkcs8(), &rcgen::PKCS_ED25519).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, village.identity.node().to_string());
    let by_village = rcgen::Issuer::new(params, key);
    let leaf = town.issuer.forge_by(&spiffe, today(), &child.identity.public_key(), &by_village);
    child.credentials.chain = vec![leaf, village.credentials.chain[0].clone(), town.issuer.certificate().clone()];
    let refusal = server_says(&town, &child).await.unwrap_err();
    assert!(matches!(refusal.code(), Code::WrongDomain | Code::BadCertificate), "{refusal}");
}

#[tokio::test]
async fn an_expired_certificate_by_the_verifiers_clock() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    for (days, good) in [(0, true), (89, true), (91, false)] {
        let now = Millis(today().0 + days * DAY);
        let fresh = town.node_at("110112119", now);
        let met = meet_nodes(&village.tls_at(now), &fresh.tls_at(now)).await;
        assert_eq!(met.server.is_ok(), good, "client's certificate on day {days}");
        if let Err(error) = &met.server {
            assert_eq!(handshake_refusal(error).code(), Code::BadCertificate);
        }
        let met = meet_nodes(&village.tls_at(now), &township.tls()).await;
        assert_eq!(met.client.is_ok(), good, "server's certificate on day {days}");
    }
}

#[tokio::test]
async fn a_raised_floor_counts_for_configurations_made_before() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let clock = clock_at(Millis(0));
    let tls = Tls::new(&village.identity, &village.credentials, clock.clone()).unwrap();
    let config = tls.client_config(Expected::Anyone).unwrap();
    clock.raise(Millis(today().0 + 91 * DAY));
    let met = meet(config, township.tls().server_config().unwrap()).await;
    assert_eq!(met.client_refusal().await.code(), Code::BadCertificate);
}

#[tokio::test]
async fn a_board_in_1970_is_not_locked_out_by_those_who_renewed() {
    let town = Town::lucheng();
    let later = Millis(today().0 + 60 * DAY);
    let (village, township) = (town.node(VILLAGE), town.node_at("110112119", later));
    for behind in [Millis(0), today()] {
        assert_eq!(clock_at(behind).now(), behind, "the clock of these tests has no other source");
        let met = meet_nodes(&village.tls_at(behind), &township.tls_at(later)).await;
        assert!(met.client.is_ok() && met.server.is_ok(), "as a client, at {behind:?}");
        let met = meet_nodes(&township.tls_at(later), &village.tls_at(behind)).await;
        assert!(met.client.is_ok() && met.server.is_ok(), "as a server, at {behind:?}");
    }
}

#[tokio::test]
async fn a_certificate_on_the_list_but_not_its_renewal() {
    let town = Town::lucheng();
    let (village, other, township) = (town.node(VILLAGE), town.node(VILLAGE), town.node("110112119"));
    let serial = village.credentials.serial().unwrap();
    let list = town.issuer.revocation_list(today(), 1, &[(serial, today())]).unwrap();
    let server = || township.tls().with_revocations(vec![list.clone()], BTreeSet::new());

    let met = meet_nodes(&village.tls(), &server()).await;
    assert_eq!(handshake_refusal(met.server.as_ref().unwrap_err()).code(), Code::Revoked);
    assert_eq!(met.client_refusal().await.code(), Code::Revoked);
    assert!(meet_nodes(&other.tls(), &server()).await.server.is_ok());
    let met = meet_nodes(&server(), &village.tls()).await;
    assert_eq!(handshake_refusal(met.client.as_ref().unwrap_err()).code(), Code::Revoked, "also as a server");

    let later = Millis(today().0 + DAY);
    let chain = town.issuer.issue(later, &org(VILLAGE), &village.identity.public_key()).unwrap();
    let renewed =
        Node { credentials: Credentials { chain, ..village.credentials.clone() }, identity: village.identity.clone() };
    assert!(meet_nodes(&renewed.tls(), &server()).await.server.is_ok());
}

#[tokio::test]
async fn a_node_revoked_in_the_directory() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let revoked = BTreeSet::from([village.identity.node()]);
    let met = meet_nodes(&village.tls(), &township.tls().with_revocations(vec![], revoked)).await;
    assert_eq!(handshake_refusal(met.server.as_ref().unwrap_err()).code(), Code::Revoked);
}
