//! The township's book of tokens: which were issued, which were used and by whom, and who guesses.
//!
//! The caller stores the book durably after every [`TokenBook::issue`] and after every successful
//! [`TokenBook::redeem`], before the answer leaves the machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Millis, NodeId, OrgCode, Refusal};

use super::secret::TokenSecret;
use super::token::Token;

/// Wrong secrets from one source before it has to wait.
const MAX_FAILURES: u32 = 5;
/// How long it waits after the last of them.
const WAIT: u64 = 10 * 60_000;
/// Sources remembered; beyond, the one that failed longest ago is forgotten.
const MAX_SOURCES: usize = 1_024;
/// Tokens that are neither used nor expired.
const MAX_OPEN: usize = 1_000;
/// Ended tokens stay this long for the record.
const KEEP: u64 = 366 * 86_400_000;

/// The tokens of a township, stored by the hash of their secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TokenBook {
    entries: Vec<Entry>,
    failures: BTreeMap<IpAddr, Failures>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    hash: [u8; 32],
    org: OrgCode,
    issued: Millis,
    expires: Millis,
    used: Option<(NodeId, Millis)>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Failures {
    count: u32,
    last: Millis,
}

/// What has become of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Unused,
    /// This node used it, at this time.
    Used(NodeId, Millis),
    /// Its time is over and nobody used it.
    Expired,
}

/// A token as it is listed for the township's staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStatus {
    /// The first eight digits of the hash, to name it by.
    pub id: String,
    /// Whose node it makes.
    pub org: OrgCode,
    /// When it was issued.
    pub issued: Millis,
    /// When it ends.
    pub expires: Millis,
    /// What has become of it.
    pub state: State,
}

impl TokenBook {
    /// Enters a new token.
    ///
    /// # Errors
    /// [`Code::Busy`] when a thousand are open; [`Code::DuplicateInFile`] for the same secret twice.
    pub fn issue(&mut self, token: &Token) -> Result<(), Refusal> {
        let now = token.issued;
        self.entries.retain(|entry| entry.expires.0.saturating_add(KEEP) > now.0);
        if self.entries.iter().filter(|entry| entry.state(now) == State::Unused).count() >= MAX_OPEN {
            return Err(Refusal::new(Code::Busy, "too many open tokens; cancel some"));
        }
        let hash = hash(&token.secret);
        if self.entries.iter().any(|entry| entry.hash == *hash.as_bytes()) {
            return Err(Refusal::new(Code::DuplicateInFile, "token"));
        }
        let (org, expires) = (token.org.clone(), token.expires);
        self.entries.push(Entry { hash: hash.into(), org, issued: now, expires, used: None });
        Ok(())
    }

    /// Uses a token for `node`: the organisation it was issued for. The same node may ask again while the token
    /// lives, for its answer may have been lost; another node may not.
    ///
    /// # Errors
    /// [`Code::TokenRefused`] when it is unknown, used by another node or expired; [`Code::Busy`] when this source
    /// has guessed too often.
    pub fn redeem(
        &mut self,
        now: Millis,
        source: IpAddr,
        secret: &TokenSecret,
        node: NodeId,
    ) -> Result<OrgCode, Refusal> {
        let source = network(source);
        if self.must_wait(now, source) {
            return Err(Refusal::new(Code::Busy, "too many wrong tokens from this address; wait ten minutes"));
        }
        let outcome = self.try_redeem(now, secret, node);
        match &outcome {
            Ok(_) => drop(self.failures.remove(&source)),
            Err(_) => self.note_failure(now, source),
        }
        outcome
    }

    fn try_redeem(&mut self, now: Millis, secret: &TokenSecret, node: NodeId) -> Result<OrgCode, Refusal> {
        let refuse = |why: &str| Refusal::new(Code::TokenRefused, why);
        let hash = hash(secret);
        // Every entry is looked at, and `blake3::Hash` compares in constant time.
        let mut found = None;
        for entry in &mut self.entries {
            if blake3::Hash::from(entry.hash) == hash {
                found = Some(entry);
            }
        }
        let entry = found.ok_or_else(|| refuse("unknown"))?;
        if now >= entry.expires {
            return Err(refuse("expired"));
        }
        match entry.used {
            Some((user, _)) if user != node => return Err(refuse("used by another node")),
            Some(_) => {}
            None => entry.used = Some((node, now)),
        }
        Ok(entry.org.clone())
    }

    /// Cancels the open token whose id (see [`TokenStatus::id`]) this is. False when there is none.
    pub fn cancel(&mut self, now: Millis, id: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.id() != id || entry.state(now) != State::Unused);
        self.entries.len() < before
    }

    /// All tokens, oldest first.
    pub fn list(&self, now: Millis) -> impl Iterator<Item = TokenStatus> + '_ {
        self.entries.iter().map(move |entry| TokenStatus {
            id: entry.id(),
            org: entry.org.clone(),
            issued: entry.issued,
            expires: entry.expires,
            state: entry.state(now),
        })
    }

    /// Wrong attempts that are remembered, for the metrics.
    pub fn failures(&self) -> u64 {
        self.failures.values().map(|failures| u64::from(failures.count)).sum()
    }

    fn must_wait(&self, now: Millis, source: IpAddr) -> bool {
        let failures = self.failures.get(&source);
        failures.is_some_and(|failures| failures.count >= MAX_FAILURES && !failures.is_over(now))
    }

    fn note_failure(&mut self, now: Millis, source: IpAddr) {
        if self.failures.len() >= MAX_SOURCES && !self.failures.contains_key(&source) {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(source, _)| *source);
            oldest.and_then(|source| self.failures.remove(&source));
        }
        let failures = self.failures.entry(source).or_insert(Failures { count: 0, last: now });
        let count = if failures.is_over(now) { 1 } else { failures.count.saturating_add(1) };
        *failures = Failures { count, last: now };
    }
}

impl Entry {
    fn id(&self) -> String {
        self.hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn state(&self, now: Millis) -> State {
        match self.used {
            Some((node, at)) => State::Used(node, at),
            None if now >= self.expires => State::Expired,
            None => State::Unused,
        }
    }
}

impl Failures {
    fn is_over(self, now: Millis) -> bool {
        now.0 >= self.last.0.saturating_add(WAIT)
    }
}

fn hash(secret: &TokenSecret) -> blake3::Hash {
    blake3::Hasher::new_derive_key("xiangyue token hash v1").update(secret.as_bytes()).finalize()
}

/// Who pays for a wrong guess: one IPv4 address, or an IPv6 network of 2^64 addresses, as one person gets it.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const A: NodeId = NodeId([1; 16]);
    const B: NodeId = NodeId([2; 16]);

    fn later(minutes: u64) -> Millis {
        Millis(NOW.0 + minutes * 60_000)
    }

    fn issue(book: &mut TokenBook, seed: u8) -> TokenSecret {
        let secret = TokenSecret::from_bytes([seed; 10]);
        let org = "110112119201".parse().unwrap();
        let addresses = vec!["t:1".parse().unwrap()];
        let pin = super::super::Pin::of_spki(b"key");
        book.issue(&Token::issue(secret.clone(), org, NOW, later(60), pin, addresses).unwrap()).unwrap();
        secret
    }

    #[test]
    fn a_lost_answer_can_be_asked_for_again_by_the_same_node_only() {
        let mut book = TokenBook::default();
        let secret = issue(&mut book, 1);
        let org = book.redeem(NOW, HOME, &secret, A).unwrap();
        assert_eq!(book.redeem(later(5), HOME, &secret, A).unwrap(), org);
        let refusal = book.redeem(later(5), HOME, &secret, B).unwrap_err();
        assert_eq!((refusal.code(), refusal.detail()), (Code::TokenRefused, "used by another node"));
        assert_eq!(book.list(NOW).next().unwrap().state, State::Used(A, NOW));
    }

    #[test]
    fn an_expired_or_unknown_token_is_refused() {
        let mut book = TokenBook::default();
        let secret = issue(&mut book, 1);
        assert_eq!(book.redeem(later(60), HOME, &secret, A).unwrap_err().detail(), "expired");
        assert_eq!(book.list(later(60)).next().unwrap().state, State::Expired);
        let guess = TokenSecret::from_bytes([9; 10]);
        assert_eq!(book.redeem(NOW, HOME, &guess, A).unwrap_err().detail(), "unknown");
        assert!(book.list(NOW).all(|token| token.state == State::Unused));
    }

    #[test]
    fn guessing_is_slowed_per_source() {
        let mut book = TokenBook::default();
        let secret = issue(&mut book, 1);
        let guess = TokenSecret::from_bytes([9; 10]);
        for _ in 0..MAX_FAILURES {
            assert_eq!(book.redeem(NOW, HOME, &guess, B).unwrap_err().code(), Code::TokenRefused);
        }
        assert_eq!(book.redeem(later(9), HOME, &secret, A).unwrap_err().code(), Code::Busy);
        let elsewhere = "10.0.0.2".parse().unwrap();
        assert!(book.clone().redeem(later(9), elsewhere, &secret, A).is_ok(), "others are not held up");
        assert!(book.redeem(later(10), HOME, &secret, A).is_ok());
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let mut book = TokenBook::default();
        let guess = TokenSecret::from_bytes([9; 10]);
        for host in 1..=MAX_FAILURES {
            let source = format!("fd00::{host}").parse().unwrap();
            assert_eq!(book.redeem(NOW, source, &guess, B).unwrap_err().code(), Code::TokenRefused);
        }
        assert_eq!(book.redeem(NOW, "fd00::ffff".parse().unwrap(), &guess, B).unwrap_err().code(), Code::Busy);
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), HOME);
    }

    #[test]
    fn the_book_stays_bounded_and_reads_back() {
        let mut book = TokenBook::default();
        let guess = TokenSecret::from_bytes([9; 10]);
        for n in 0..3_000u32 {
            let _ = book.redeem(NOW, IpAddr::V4(n.into()), &guess, B);
        }
        assert_eq!(book.failures.len(), MAX_SOURCES);
        let secret = issue(&mut book, 1);
        let bytes = postcard::to_stdvec(&book).unwrap();
        assert!(!bytes.windows(10).any(|window| window == secret.as_bytes()), "only hashes are stored");
        let mut book: TokenBook = postcard::from_bytes(&bytes).unwrap();
        assert!(book.redeem(NOW, "10.9.9.9".parse().unwrap(), &secret, A).is_ok());
    }

    #[test]
    fn only_open_tokens_can_be_cancelled() {
        let mut book = TokenBook::default();
        let secret = issue(&mut book, 1);
        let used = issue(&mut book, 2);
        book.redeem(NOW, HOME, &used, A).unwrap();
        let ids: Vec<_> = book.list(NOW).map(|token| token.id).collect();
        assert_eq!([book.cancel(NOW, &ids[0]), book.cancel(NOW, &ids[1])], [true, false]);
        assert_eq!(book.redeem(NOW, HOME, &secret, A).unwrap_err().detail(), "unknown");
    }
}
