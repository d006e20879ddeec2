//! Two nodes of one township know each other's names after the handshake.

use std::sync::Arc;

use rustls::ServerConnection;
use xiangyue_protocol::Code;

use super::*;

#[tokio::test]
async fn both_ends_learn_the_others_name() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let met = meet_nodes(&village.tls(), &township.tls()).await;
    let (client, server) = met.both();
    assert_eq!(purpose(client).unwrap(), Purpose::Sync);
    assert_eq!(peer_identity(server, town.domain()).unwrap(), village.credentials.spiffe().unwrap());
    assert_eq!(peer_identity(client, town.domain()).unwrap(), township.credentials.spiffe().unwrap());
}

#[tokio::test]
async fn a_dialler_meets_only_whom_it_expects() {
    let town = Town::lucheng();
    let (village, merchant) = (town.node(VILLAGE), town.node("110112119M01"));
    let attempt = async |expected| {
        let client = village.tls().client_config(expected).unwrap();
        meet(client, merchant.tls().server_config().unwrap()).await.client
    };
    assert!(attempt(Expected::Node(merchant.identity.node())).await.is_ok());
    assert!(attempt(Expected::Org(org("110112119M01"))).await.is_ok());
    for wrong in [Expected::Node(village.identity.node()), Expected::Org(org("110112119"))] {
        let refusal = handshake_refusal(&attempt(wrong.clone()).await.unwrap_err());
        assert_eq!(refusal.code(), Code::BadCertificate, "{wrong:?}: {refusal}");
    }
}

#[tokio::test]
async fn during_a_rollover_old_and_new_roots_both_serve() {
    let (old, new) = (Town::lucheng(), Town::lucheng());
    let bundle = vec![old.issuer.root().clone(), new.issuer.root().clone()];
    let (mut village, mut township) = (old.node(VILLAGE), new.node("110112119"));
    village.credentials.bundle = bundle.clone();
    township.credentials.bundle = bundle;
    let met = meet_nodes(&village.tls(), &township.tls()).await;
    assert!(peer_identity(met.both().1, old.domain()).is_ok());
}

#[tokio::test]
async fn a_village_does_not_serve_enrolment() {
    let town = Town::lucheng();
    let pins = vec![town.issuer.pin().unwrap()];
    let client = enrol_client_config(pins, town.domain().clone(), clock_at(today())).unwrap();
    let met = meet(client, town.node(VILLAGE).tls().server_config().unwrap()).await;
    assert_eq!(met.client_refusal().await.code(), Code::BadVersion);
}

#[test]
fn a_hello_of_tls_1_2_is_refused() {
    let server = Town::lucheng().node("110112119").tls().server_tls().unwrap();
    let mut connection = ServerConnection::new(Arc::new(server)).unwrap();
    // One suite (ECDHE-ECDSA-AES128-GCM-SHA256), no compression, signature_algorithms = Ed25519, no
    // supported_versions: a client that speaks 1.2 at most.
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello
        .extend([0x00, 0x00, 0x02, 0xc0, 0x2b, 0x01, 0x00, 0x00, 0x08, 0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x08, 0x07]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0x00, length + 4, 0x01, 0x00, 0x00, length];
    record.extend(hello);
    connection.read_tls(&mut record.as_slice()).unwrap();
    let error = connection.process_new_packets().unwrap_err();
    let expected = rustls::PeerIncompatible::SupportedVersionsExtensionRequired;
    assert_eq!(error, rustls::Error::PeerIncompatible(expected));
}
