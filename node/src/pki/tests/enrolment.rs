//! A new node comes in, and false ones do not.

use std::net::IpAddr;

use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use xiangyue_protocol::{Code, NodeId, Refusal};

use super::super::enrol::{
    Asked, EXPORTER_LABEL, Enrolled, Reply, Request, Response, Standing, Township, answer, decode, encode,
};
use super::super::tls::quic_server;
use super::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const BINDING: [u8; 32] = [3; 32];

/// A township that answers enrolments, and a token it has issued for the village.
struct Office {
    town: Town,
    server: Node,
    book: TokenBook,
    token: Token,
    pseudonym_key: PseudonymKey,
}

impl Office {
    fn new() -> Office {
        let town = Town::lucheng();
        let pin = town.issuer.pin().unwrap();
        let expires = Millis(today().0 + DAY);
        let addresses = vec!["127.0.0.1:4433".parse().unwrap()];
        let secret = TokenSecret::generate().unwrap();
        let token = Token::issue(secret, org(VILLAGE), today(), expires, pin, addresses).unwrap();
        let mut book = TokenBook::default();
        book.issue(&token).unwrap();
        let server = town.node("110112119");
        Office { town, server, book, token, pseudonym_key: PseudonymKey::from_bytes([5; 32]) }
    }

    fn decide(&mut self, standing: Standing, asked: Asked, request: &Request) -> Result<Response, Refusal> {
        let keys = [self.server.identity.public_key()];
        let township = Township {
            issuer: &self.town.issuer,
            bundle: &self.server.credentials.bundle,
            keys: &keys,
            pseudonym_key: &self.pseudonym_key,
            addresses: &self.token.addresses,
        };
        answer(&township, &mut self.book, |_| standing.clone(), asked, request)
    }

    fn join(&self, identity: &Identity) -> Request {
        Request::join(identity, &self.token.secret, self.token.pin, &BINDING, "xiangyue 0.1.0")
    }

    fn client(&self) -> quinn::ClientConfig {
        let clock = clock_at(self.token.issued);
        enrol_client_config(vec![self.token.pin], self.town.domain().clone(), clock).unwrap()
    }
}

fn asked() -> Asked {
    Asked { now: today(), source: HOME, binding: BINDING }
}

fn binding_of(connection: &Connection) -> [u8; 32] {
    let mut binding = [0; 32];
    connection.export_keying_material(&mut binding, EXPORTER_LABEL, b"").unwrap();
    binding
}

/// The whole exchange over a real connection, as the driver does it.
async fn exchange(office: &mut Office, identity: &Identity) -> Result<Enrolled, Refusal> {
    let met = meet(office.client(), office.server.tls().server_config().unwrap()).await;
    let (client, server) = met.both();
    assert_eq!(purpose(server).unwrap(), Purpose::Enrol);
    assert_eq!(server_pin(client).unwrap(), office.token.pin);
    let (pin, domain) = (office.token.pin, office.town.domain().clone());
    let secret = office.token.secret.clone();
    let ask = async {
        let (mut send, mut receive) = client.open_bi().await.unwrap();
        let request = Request::join(identity, &secret, pin, &binding_of(client), "xiangyue 0.1.0");
        send.write_all(&encode(&request).unwrap()).await.unwrap();
        send.finish().unwrap();
        let reply: Reply = decode(&receive.read_to_end(enrol::MAX_FRAME).await.unwrap())?;
        reply.into_result()?.accept(identity, &domain, &[pin], today())
    };
    let serve = async {
        let (mut send, mut receive) = server.accept_bi().await.unwrap();
        let request: Request = decode(&receive.read_to_end(enrol::MAX_FRAME).await.unwrap()).unwrap();
        let asked = Asked { binding: binding_of(server), ..asked() };
        let reply = Reply::of(office.decide(Standing::Unknown, asked, &request));
        send.write_all(&encode(&reply).unwrap()).await.unwrap();
        send.finish().unwrap();
    };
    tokio::join!(ask, serve).0
}

#[tokio::test]
async fn a_token_makes_a_node_that_can_sync() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let enrolled = exchange(&mut office, &identity).await.unwrap();
    assert_eq!(enrolled.own.org, org(VILLAGE));
    assert_eq!(enrolled.township_nodes, [(office.server.identity.node(), office.server.identity.public_key())]);
    assert_eq!(enrolled.pseudonym_key, office.pseudonym_key);

    let village = Node { identity, credentials: enrolled.credentials };
    let met = meet_nodes(&village.tls(), &office.server.tls()).await;
    assert_eq!(peer_identity(met.both().1, office.town.domain()).unwrap(), enrolled.own);
}

#[tokio::test]
async fn an_enrolment_connection_is_no_sync_connection() {
    let office = Office::new();
    let met = meet(office.client(), office.server.tls().server_config().unwrap()).await;
    assert_eq!(peer_identity(met.both().1, office.town.domain()).unwrap_err().code(), Code::BadVersion);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_another_node_is_refused() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let first = exchange(&mut office, &identity).await.unwrap();
    assert_eq!(exchange(&mut office, &identity).await.unwrap(), first);
    let refusal = exchange(&mut office, &Identity::generate().unwrap()).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.detail()), (Code::TokenRefused, "used by another node"));
}

/// A false server: whatever chain it shows, the joining node must not open a stream to it.
async fn false_server(office: &Office, server: &Node, chain: Vec<CertificateDer<'static>>) -> Refusal {
    let mut tls = server.tls().server_tls().unwrap();
    let key =
        rustls::sign::CertifiedKey::from_der(chain, server.identity.pkcs8().into(), tls.crypto_provider()).unwrap();
    tls.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
    tls.alpn_protocols = vec![ENROL_ALPN.to_vec()];
    let met = meet(office.client(), quic_server(tls).unwrap()).await;
    assert!(met.server.is_err(), "the handshake never completes at the false server, so no byte can reach it");
    handshake_refusal(met.client.as_ref().unwrap_err())
}

#[tokio::test]
async fn a_false_authority_never_sees_the_token() {
    let (office, impostor) = (Office::new(), Office::new());
    let mut chain = impostor.server.credentials.chain.clone();
    chain.push(impostor.town.issuer.root().clone());
    let refusal = false_server(&office, &impostor.server, chain).await;
    assert_eq!(refusal.code(), Code::PinMismatch);
}

#[tokio::test]
async fn a_false_authority_that_shows_the_true_root_is_found_out() {
    let (office, impostor) = (Office::new(), Office::new());
    let mut chain = impostor.server.credentials.chain.clone();
    chain.push(office.town.issuer.root().clone());
    assert_eq!(false_server(&office, &impostor.server, chain).await.code(), Code::PinMismatch);
    let chain = vec![impostor.server.credentials.chain[0].clone()];
    assert_eq!(false_server(&office, &impostor.server, chain).await.code(), Code::PinMismatch, "no root at all");
}

#[tokio::test]
async fn a_village_cannot_collect_tokens() {
    let office = Office::new();
    let village = office.town.node("110112119202");
    let mut chain = village.credentials.chain.clone();
    chain.push(office.town.issuer.root().clone());
    assert_eq!(false_server(&office, &village, chain).await.code(), Code::BadCertificate);
}

#[tokio::test]
async fn a_thief_of_the_chain_without_its_key_is_found_out() {
    let (office, thief) = (Office::new(), Identity::generate().unwrap());
    let mut chain = office.server.credentials.chain.clone();
    chain.push(office.town.issuer.root().clone());
    let mut tls = office.server.tls().server_tls().unwrap();
    let pair = rustls::crypto::ring::sign::any_eddsa_type(&thief.pkcs8()).unwrap();
    let key = rustls::sign::CertifiedKey::new(chain, pair);
    tls.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
    let met = meet(office.client(), quic_server(tls).unwrap()).await;
    assert!(met.client.is_err() && met.server.is_err());
}

#[test]
fn guessed_and_expired_tokens_are_refused() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let guess = TokenSecret::generate().unwrap();
    let request = Request::join(&identity, &guess, office.token.pin, &BINDING, "x");
    let refusal = office.decide(Standing::Unknown, asked(), &request).unwrap_err();
    assert_eq!((refusal.code(), refusal.detail()), (Code::TokenRefused, "unknown"));
    let late = Asked { now: office.token.expires, ..asked() };
    let request = office.join(&identity);
    let refusal = office.decide(Standing::Unknown, late, &request).unwrap_err();
    assert_eq!((refusal.code(), refusal.detail()), (Code::TokenRefused, "expired"));
}

#[test]
fn a_proof_counts_on_its_own_connection_and_for_its_own_key_only() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let elsewhere = Asked { binding: [4; 32], ..asked() };
    let request = office.join(&identity);
    assert_eq!(office.decide(Standing::Unknown, elsewhere, &request).unwrap_err().code(), Code::BadSignature);
    let thief = Identity::generate().unwrap();
    let mut stolen = request.clone();
    if let Request::Join { public_key, .. } = &mut stolen {
        *public_key = thief.public_key();
    }
    assert_eq!(office.decide(Standing::Unknown, asked(), &stolen).unwrap_err().code(), Code::BadSignature);
    assert_eq!(office.book.list(today()).next().unwrap().state, State::Unused, "a bad proof uses no token");
    assert!(office.decide(Standing::Unknown, asked(), &request).is_ok());
}

#[test]
fn a_member_renews_after_its_certificate_has_expired() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let request = Request::renew(&identity, office.token.pin, &BINDING, "x");
    let now = Millis(today().0 + 200 * DAY);
    let asked = Asked { now, ..asked() };
    let response = office.decide(Standing::Member(org(VILLAGE)), asked, &request).unwrap();
    let enrolled = response.accept(&identity, office.town.domain(), &[office.token.pin], now).unwrap();
    assert_eq!(enrolled.credentials.validity().unwrap().1, Millis(now.0 + 90 * DAY));
    for (standing, code) in [(Standing::Unknown, Code::NotAllowed), (Standing::Revoked, Code::Revoked)] {
        assert_eq!(office.decide(standing, asked, &request).unwrap_err().code(), code);
    }
}

#[test]
fn a_known_key_does_not_change_its_organisation_nor_a_revoked_one_return() {
    let mut office = Office::new();
    let request = office.join(&Identity::generate().unwrap());
    let refusal = office.decide(Standing::Revoked, asked(), &request).unwrap_err();
    assert_eq!(refusal.code(), Code::Revoked);
    let elsewhere = Standing::Member(org("110112119202"));
    assert_eq!(office.decide(elsewhere, asked(), &request).unwrap_err().code(), Code::NotAllowed);
    assert!(office.decide(Standing::Member(org(VILLAGE)), asked(), &request).is_ok());
}

#[test]
fn a_node_checks_what_it_is_given() {
    let mut office = Office::new();
    let identity = Identity::generate().unwrap();
    let request = office.join(&identity);
    let response = office.decide(Standing::Unknown, asked(), &request).unwrap();
    let (domain, pin) = (office.town.domain().clone(), office.token.pin);
    let check = |change: &dyn Fn(&mut Response)| {
        let mut changed = response.clone();
        change(&mut changed);
        changed.accept(&identity, &domain, &[pin], today()).map(|_| ()).map_err(|refusal| refusal.code())
    };
    let impostor = Office::new();
    let false_root = impostor.town.issuer.root().to_vec();
    let other = office.town.node(VILLAGE).credentials.chain[0].to_vec();
    let forged = impostor.town.issuer.issue(today(), &org(VILLAGE), &identity.public_key()).unwrap();
    assert_eq!(check(&|_| ()), Ok(()));
    assert_eq!(check(&|r| r.bundle = vec![false_root.clone()]), Err(Code::PinMismatch));
    assert_eq!(check(&|r| r.chain[0] = other.clone()), Err(Code::BadCertificate));
    assert_eq!(check(&|r| r.chain = forged.iter().map(|c| c.to_vec()).collect()), Err(Code::BadCertificate));
    assert_eq!(check(&|r| r.township = org("110112120")), Err(Code::BadCertificate));
    assert_eq!(check(&|r| r.chain[1] = vec![0; 5000]), Err(Code::TooLarge));
    assert_eq!(check(&|r| r.township_keys.clear()), Err(Code::BadFrame));
    let late = Millis(today().0 + 91 * DAY);
    assert_eq!(response.clone().accept(&identity, &domain, &[pin], late).unwrap_err().code(), Code::BadCertificate);
}

#[test]
fn refusals_travel_with_their_code() {
    let refusal = Refusal::new(Code::TokenRefused, "expired");
    let bytes = encode(&Reply::of(Err(refusal.clone()))).unwrap();
    assert_eq!(decode::<Reply>(&bytes).unwrap().into_result().unwrap_err(), refusal);
    let strange = Reply::Refused("XY-999".to_owned(), "a\u{7}b".repeat(300));
    let read = strange.into_result().unwrap_err();
    assert_eq!((read.code(), read.detail().len()), (Code::TokenRefused, 200));
}

#[test]
fn requests_do_not_print_their_secret() {
    let office = Office::new();
    let identity = Identity::generate().unwrap();
    assert_eq!(format!("{:?}", office.join(&identity)), format!("Join({:?}, \"xiangyue 0.1.0\")", identity.node()));
    assert_eq!(office.join(&identity).node(), NodeId::of_key(&identity.public_key()));
}

#[test]
fn every_cut_or_flipped_request_is_refused() {
    let mut office = Office::new();
    let bytes = encode(&office.join(&Identity::generate().unwrap())).unwrap();
    for at in 0..bytes.len() {
        assert!(decode::<Request>(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(decode::<Request>(&vec![0; 70_000]).is_err());
    // The software's name is only logged, so its bytes (the last 14) are not under the proof.
    for at in 0..bytes.len() - 15 {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let outcome = decode::<Request>(&flipped).and_then(|r| office.decide(Standing::Unknown, asked(), &r));
        assert!(outcome.is_err(), "flipped at {at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_as_frames_are_refused_or_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(request) = decode::<Request>(&bytes) {
            prop_assert_eq!(decode::<Request>(&encode(&request).unwrap()).unwrap(), request);
        }
        let _ = decode::<Reply>(&bytes);
    }
}
