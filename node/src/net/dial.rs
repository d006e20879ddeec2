//! Dialling: a village is usually behind NAT, so it is the one that calls.
//!
//! The township is called at the addresses known of it, one after the other, until one answers: which of them leads
//! there depends on where the village stands. Other configured addresses are always tried too. Attempts back off with
//! jitter, so that a thousand villages do not come back in the same second after an outage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::debug;
use xiangyue_protocol::{Code, NodeId, Refusal};

use super::endpoint::{Net, SyncPolicy};
use crate::pki::transport::HANDSHAKE_TIMEOUT;
use crate::pki::{self, Address, Expected};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Somebody to call: addresses that lead to the same place, in the order in which they are tried.
#[derive(Clone, Debug)]
struct Target {
    addresses: Vec<Address>,
    expected: Expected,
}

impl Target {
    fn anyone(address: &Address) -> Target {
        Target { addresses: vec![address.clone()], expected: Expected::Anyone }
    }

    fn key(&self) -> Vec<String> {
        self.addresses.iter().map(Address::to_string).collect()
    }
}

impl Net {
    /// Keeps one dialling task for each target that the policy allows.
    pub(super) async fn keep_dialling(self) {
        let mut tasks: BTreeMap<Vec<String>, JoinHandle<()>> = BTreeMap::new();
        let mut policy = self.policy.subscribe();
        loop {
            let wanted = match &*policy.borrow_and_update() {
                SyncPolicy::All => self.usual_targets(),
                SyncPolicy::Paused => Vec::new(),
                SyncPolicy::Only(addresses) => addresses.iter().map(Target::anyone).collect(),
            };
            tasks.retain(|key, task| {
                let keep = wanted.iter().any(|target| target.key() == *key);
                if !keep {
                    task.abort();
                }
                keep
            });
            for target in wanted {
                tasks.entry(target.key()).or_insert_with(|| tokio::spawn(self.clone().call(target)));
            }
            if policy.changed().await.is_err() {
                return;
            }
        }
    }

    fn usual_targets(&self) -> Vec<Target> {
        let expected = Expected::Org(self.tls.borrow().own().domain.township().clone());
        let township = Target { addresses: self.settings.township.clone(), expected };
        let township = Some(township).filter(|target| !target.addresses.is_empty());
        township.into_iter().chain(self.settings.dial.iter().map(Target::anyone)).collect()
    }

    /// Calls a target for as long as the policy allows it.
    async fn call(self, target: Target) {
        let mut pause = FIRST_PAUSE;
        let mut known: Option<NodeId> = None;
        loop {
            // The node there may have called us: one connection is enough.
            if !known.is_some_and(|node| self.peers.is_connected(node)) {
                match self.call_any(&target).await {
                    Some(node) => {
                        known = Some(node);
                        pause = FIRST_PAUSE;
                    }
                    None => pause = (pause * 2).min(LONGEST_PAUSE),
                }
            }
            tokio::time::sleep(jittered(pause)).await;
        }
    }

    /// Calls the addresses of a target until one answers, and returns once that connection has ended.
    async fn call_any(&self, target: &Target) -> Option<NodeId> {
        for address in &target.addresses {
            match self.call_once(address, target.expected.clone()).await {
                Ok(node) => return Some(node),
                Err(refusal) => debug!(%address, %refusal, "call failed"),
            }
        }
        None
    }

    async fn call_once(&self, address: &Address, expected: Expected) -> Result<NodeId, Refusal> {
        let socket = resolve(address).await?;
        let (config, name) = {
            let tls = self.tls.borrow();
            let any = tls.own().domain.dns_name(tls.own().node);
            (tls.client_config(expected)?, any)
        };
        let network = |error: String| Refusal::new(Code::Network, format_args!("{address}: {error}"));
        let connecting =
            self.endpoint.connect_with(config, socket, &name).map_err(|error| network(error.to_string()))?;
        let connection = tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting)
            .await
            .map_err(|_| network("no answer".to_owned()))?
            .map_err(|error| pki::handshake_refusal(&error))?;
        // In a task of its own: when this call is given up, the session still ends in order.
        let net = self.clone();
        let session = tokio::spawn(async move { net.run_session(connection, true).await });
        session.await.map_err(|error| network(error.to_string()))?
    }
}

/// Looks an address up.
pub(super) async fn resolve(address: &Address) -> Result<SocketAddr, Refusal> {
    let refuse = |error: String| Refusal::new(Code::Network, format_args!("{address}: {error}"));
    let mut found = tokio::net::lookup_host(address.to_string()).await.map_err(|error| refuse(error.to_string()))?;
    found.next().ok_or_else(|| refuse("no such host".to_owned()))
}

/// Between half and all of a pause.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness there is no jitter, and nothing worse.
    if getrandom::fill(&mut random).is_err() {
        return pause;
    }
    pause / 2 + pause / 2 * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
}
