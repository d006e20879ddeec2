//! A township with its nodes, founded and enrolled through the command line.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use xiangyue_protocol::{DocId, OrgCode, access};

use crate::{Node, run, wait_until_ok};

/// Code of the township.
pub const TOWNSHIP: &str = "110112119";
/// Code of a village.
pub const VILLAGE: &str = "110112119201";
/// Code of another village.
pub const NEIGHBOUR: &str = "110112119202";
/// Code of a merchant.
pub const MERCHANT: &str = "110112119M01";
/// A rule without a daily cap, worth up to 100 points.
pub const RULE: &str = "R01";
/// An item without a fixed price.
pub const ITEM: &str = "I01";
/// An account of [`VILLAGE`].
pub const ACCOUNT: &str = "A000001";

/// A township and the folder that holds its nodes' data. Nodes that joined belong to the caller.
#[derive(Debug)]
pub struct Town {
    /// The township's node.
    pub township: Node,
    /// UDP address of the township.
    pub address: String,
    folder: TempDir,
}

pub(crate) fn free_udp_address() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Town {
    /// Founds and starts a township.
    pub fn found() -> Town {
        let folder = tempfile::Builder::new().prefix("xiangyue-test-").tempdir().unwrap();
        let data = folder.path().join("township");
        run(&data, &["init", "township", "--code", TOWNSHIP, "--name", "潞城镇", "--json"]).ok();
        let address = free_udp_address();
        let mut township = Node::new(TOWNSHIP, data, &[("LISTEN", &address), ("ADDRESS", &address)]);
        township.start();
        Town { township, address, folder }
    }

    /// Founds a township with a rule and an item in force.
    pub fn with_rules() -> Town {
        let town = Town::found();
        let rule = json!({"do": "rule", "code": RULE, "cohort": "villager", "points": 100, "daily_cap": null,
            "effective_from": "2021-01-01"});
        let item = json!({"do": "item", "code": ITEM, "price": 0, "effective_from": "2021-01-01"});
        assert_eq!(town.township.command(&rule), "new");
        assert_eq!(town.township.command(&item), "new");
        town
    }

    /// The folder of all its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Data folder of a node of this organisation.
    pub fn data_of(&self, org: &str) -> PathBuf {
        self.folder.path().join(org)
    }

    /// A token for one node of an organisation.
    pub fn token(&self, org: &str, name: &str) -> String {
        let token = self.township.cli(&["enroll", "token", "--org", org, "--name", name]).ok();
        token["token"].as_str().unwrap().to_owned()
    }

    /// Enrols a node and starts it.
    pub fn enrol(&self, org: &str, name: &str) -> Node {
        let mut node = self.join(org, name, &self.address);
        node.start();
        node
    }

    /// Enrols a node that knows the township under this address alone, such as that of a relay; does not start it.
    pub fn join(&self, org: &str, name: &str, address: &str) -> Node {
        let data = self.data_of(org);
        let token = self.token(org, name);
        let joined = run(&data, &["enroll", "join", &token, "--township", address, "--json"]).ok();
        assert_eq!(joined["org"], org, "{joined}");
        let membership = std::fs::read_to_string(data.join("node.json")).unwrap();
        let mut membership: Value = serde_json::from_str(&membership).unwrap();
        // The township's own address is a second try, which would lead past the relay.
        membership["township"] = json!([address]);
        std::fs::write(data.join("node.json"), membership.to_string()).unwrap();
        Node::new(org, data, &[("LISTEN", "127.0.0.1:0")])
    }

    /// Enrols [`VILLAGE`] with [`ACCOUNT`] open and `points` on it.
    pub fn village_with(&self, points: i64) -> Node {
        let mut village = self.join(VILLAGE, "谢楼村", &self.address);
        village.start();
        self.open_account(&village, points);
        village
    }

    /// Waits for the rules, opens [`ACCOUNT`] at its village and awards it `points`.
    pub fn open_account(&self, village: &Node, points: i64) {
        let account = json!({"do": "account", "village": VILLAGE, "account": ACCOUNT, "holder": "household",
            "cohort": "villager", "opened": "2021-01-26"});
        self.wait_for_equal_heads(village, 20);
        assert_eq!(village.command(&account), "new");
        for at in 0..(points + 99) / 100 {
            assert_eq!(village.command(&award(&format!("open-{at}"), (points - 100 * at).min(100))), "new");
        }
        assert_eq!(village.balance(ACCOUNT, "available"), Some(points));
    }

    /// Waits until this node and the township hold the same documents with the same heads.
    pub fn wait_for_equal_heads(&self, node: &Node, seconds: u64) -> std::time::Duration {
        wait_until_ok("equal heads", seconds, || self.difference(node))
    }

    /// What differs between the township's documents that this node may hold, and the node's.
    ///
    /// # Errors
    /// The first document that differs, as text.
    pub fn difference(&self, node: &Node) -> Result<(), String> {
        let org: OrgCode = node.org.parse().unwrap();
        let mut expected = self.township.heads();
        expected.retain(|id, _| access::may_carry(&org, &id.parse::<DocId>().unwrap()));
        let held = node.heads();
        let ids: std::collections::BTreeSet<_> = expected.keys().chain(held.keys()).collect();
        match ids.into_iter().find(|id| expected.get(*id) != held.get(*id)) {
            None => Ok(()),
            Some(id) => Err(format!("{id}: township {:?}, {org} {:?}", expected.get(id), held.get(id))),
        }
    }
}

/// The command that awards [`ACCOUNT`] points.
pub fn award(request: &str, points: i64) -> Value {
    json!({"do": "award", "request": request, "account": ACCOUNT, "rule": RULE, "points": points, "by": "W07"})
}

/// The command that redeems points of [`ACCOUNT`].
pub fn redeem(request: &str, points: i64, merchant: Option<&str>) -> Value {
    json!({"do": "redeem", "request": request, "account": ACCOUNT, "item": ITEM, "points": points,
        "merchant": merchant, "by": "W07"})
}

/// The command that grants rights over points of [`ACCOUNT`].
pub fn grant(request: &str, points: i64, to: &str) -> Value {
    json!({"do": "grant", "request": request, "account": ACCOUNT, "points": points, "to": to, "by": "W07"})
}
