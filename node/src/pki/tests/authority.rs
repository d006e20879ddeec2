//! What the authority issues, keeps and refuses.

use std::os::unix::fs::PermissionsExt;

use xiangyue_protocol::Code;

use super::super::transport;
use super::*;

#[test]
fn a_node_certificate_says_what_it_should() {
    let town = Town::lucheng();
    let key = Identity::generate().unwrap().public_key();
    let chain = town.issuer.issue(today(), &org(VILLAGE), &key).unwrap();
    assert_eq!(chain, town.issuer.issue(today(), &org(VILLAGE), &key).unwrap(), "same arguments, same bytes");
    let credentials = Credentials { chain, bundle: vec![town.issuer.root().clone()] };
    let name = credentials.spiffe().unwrap().to_string();
    let node = xiangyue_protocol::NodeId::of_key(&key);
    assert_eq!(name, format!("spiffe://110112119.xiangyue/township/110112119/village/110112119201/node/{node}"));
    let (first, last) = credentials.validity().unwrap();
    assert_eq!((today().0 - first.0, last.0 - today().0), (DAY, 90 * DAY));
    assert!(!credentials.is_renewal_due(Millis(today().0 + 59 * DAY)).unwrap());
    assert!(credentials.is_renewal_due(Millis(today().0 + 60 * DAY)).unwrap());
    let bytes: Vec<_> = credentials.chain.iter().chain(&credentials.bundle).map(|der| der.len()).collect();
    assert!(bytes.iter().all(|bytes| *bytes < 800), "node, issuer, root: {bytes:?} bytes");
}

#[test]
fn an_issuer_serves_its_own_township_only() {
    let town = Town::lucheng();
    for foreign in ["110112120", "110112120201", "110112", "110112119201003", "110112120M01"] {
        let refusal = town.issuer.issue(today(), &org(foreign), &[1; 32]).unwrap_err();
        assert_eq!(refusal.code(), Code::NotAllowed, "{foreign}");
    }
    assert!(town.issuer.issue(today(), &org("110112119M01"), &[1; 32]).is_ok());
}

#[test]
fn a_node_certificate_never_outlives_its_issuer() {
    let town = Town::lucheng();
    let (_, last) = credentials::validity(town.issuer.certificate()).unwrap();
    let near = Millis(last.0 - 5 * DAY);
    let chain = town.issuer.issue(near, &org(VILLAGE), &[1; 32]).unwrap();
    assert_eq!(credentials::validity(&chain[0]).unwrap().1, last);
    assert_eq!(town.issuer.issue(last, &org(VILLAGE), &[1; 32]).unwrap_err().code(), Code::NotReady);
}

#[test]
fn authorities_are_saved_apart_and_read_back() {
    let (offline, online) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let domain = TrustDomain::new(org("110112119")).unwrap();
    let root = Root::generate(domain.clone(), today()).unwrap();
    let issuer = root.new_issuer(today()).unwrap();
    root.save(offline.path()).unwrap();
    issuer.save(online.path()).unwrap();
    for key in [offline.path().join("root.key"), online.path().join("issuer.key")] {
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let read = Issuer::load(online.path(), domain.clone()).unwrap();
    let issue = |issuer: &Issuer| issuer.issue(today(), &org(VILLAGE), &[1; 32]).unwrap();
    assert_eq!(issue(&read), issue(&issuer));
    let again = Root::load(offline.path(), domain.clone()).unwrap();
    assert_eq!(again.certificate(), root.certificate());

    assert_eq!(root.save(offline.path()).unwrap_err().code(), Code::BadConfig, "a root is never overwritten");
    let other = TrustDomain::new(org("110112120")).unwrap();
    assert_eq!(Issuer::load(online.path(), other).unwrap_err().code(), Code::KeptFile);
    let strange = root.new_issuer(today()).unwrap();
    std::fs::remove_file(online.path().join("issuer.key")).unwrap();
    strange.save(online.path()).unwrap();
    std::fs::write(online.path().join("issuer.pem"), std::fs::read(offline.path().join("root.pem")).unwrap()).unwrap();
    assert_eq!(Issuer::load(online.path(), domain).unwrap_err().code(), Code::KeptFile);
}

#[test]
fn credentials_are_saved_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Credentials::load(dir.path()).unwrap_err().code(), Code::KeptFile);
    let node = Town::lucheng().node(VILLAGE);
    node.credentials.save(dir.path()).unwrap();
    assert_eq!(Credentials::load(dir.path()).unwrap(), node.credentials);
}

#[test]
fn a_certificate_of_another_key_makes_no_configuration() {
    let town = Town::lucheng();
    let (one, two) = (town.node(VILLAGE), town.node(VILLAGE));
    let refusal = Tls::new(&one.identity, &two.credentials, clock_at(today())).unwrap_err();
    assert_eq!(refusal.code(), Code::BadCertificate);
    let crowded = Credentials { bundle: vec![town.issuer.root().clone(); 3], ..one.credentials.clone() };
    assert_eq!(Tls::new(&one.identity, &crowded, clock_at(today())).unwrap_err().code(), Code::BadCertificate);
}

#[test]
fn older_foreign_and_broken_revocation_lists_leave_the_kept_one() {
    let (town, other) = (Town::lucheng(), Town::lucheng());
    let issuers = [town.issuer.certificate().clone()];
    let list = |town: &Town, number| town.issuer.revocation_list(today(), number, &[(vec![9], today())]).unwrap();
    let mut lists = RevocationLists::default();
    assert!(lists.offer(&list(&town, 5), &issuers).unwrap());
    assert!(!lists.offer(&list(&town, 5), &issuers).unwrap(), "the same again");
    let kept = lists.to_vec();
    for bad in [list(&town, 4).to_vec(), list(&other, 6).to_vec(), vec![0x30; 40], Vec::new()] {
        assert_eq!(lists.offer(&bad, &issuers).unwrap_err().code(), Code::BadCertificate);
    }
    let good = list(&town, 6).to_vec();
    for at in 0..good.len() {
        assert!(lists.offer(&good[..at], &issuers).is_err(), "cut at {at}");
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        assert!(lists.offer(&flipped, &issuers).is_err(), "flipped at {at}");
    }
    assert_eq!(lists.offer(&vec![0; 300_000], &issuers).unwrap_err().code(), Code::TooLarge);
    assert_eq!(lists.to_vec(), kept);
    assert!(lists.offer(&good, &issuers).unwrap());
}

#[tokio::test]
async fn a_retry_proves_the_address_and_the_handshake_goes_on() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let listener = listen(township.tls().server_config().unwrap());
    let dialler = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let config = village.tls().client_config(Expected::Anyone).unwrap();
    let connecting = dialler.connect_with(config, listener.local_addr().unwrap(), "peer.xiangyue").unwrap();
    let accepting = async {
        let mut retries = 0;
        loop {
            let incoming = listener.accept().await.unwrap();
            match transport::admission(incoming.remote_address_validated(), transport::RETRY_FROM) {
                transport::Admission::Retry => {
                    incoming.retry().unwrap();
                    retries += 1;
                }
                _ => break (retries, incoming.await.unwrap()),
            }
        }
    };
    let (client, (retries, server)) = tokio::join!(connecting, accepting);
    assert_eq!(retries, 1);
    assert!(peer_identity(&server, town.domain()).is_ok() && client.is_ok());
}
