//! `GET /status`: this node, its peers, and how fresh it is; `POST /tokens` and `POST /revoke`: who may join.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::policy::{Granting, Propagation};
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::{Code, Millis, OrgCode};

use crate::i18n::{Lang, bytes, count, span};

/// A node and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's id.
    pub node: String,
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// That organisation's name in the directory.
    pub name: String,
    /// Version of the software.
    pub version: String,
    /// Which life of the node this is.
    pub incarnation: u32,
    /// When it was started.
    pub since: Millis,
    /// The node's own, trusted time of this answer.
    pub now: Millis,
    /// UDP address on which it takes QUIC connections.
    pub listen: String,
    /// Whether a disk fault turned it read-only.
    pub read_only: bool,
    /// Whether spending is frozen until a restored node has its own entries back.
    pub frozen: bool,
    /// Why it does not spend: `restored`, `twin` (two copies of it are running) or `revoked`; none when it may.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// The machine's clock minus the time that entries are dated by, in milliseconds: above zero when it is ahead.
    #[serde(default)]
    pub clock_off_ms: i64,
    /// Days until its certificate expires; negative when it has.
    pub certificate_days: i64,
    /// Its disk.
    pub disk: Disk,
    /// How many documents it holds.
    pub documents: u64,
    /// How many segments it holds.
    pub segments: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Authors whose data it refused and set aside.
    pub quarantined: u64,
    /// How new entries reach connected nodes.
    pub propagation: Propagation,
    /// Granting without a clerk.
    pub grants: GrantsStatus,
    /// Nodes it is or was connected to.
    pub peers: Vec<PeerStatus>,
    /// At a township: its villages and merchants. Elsewhere empty.
    pub villages: Vec<VillageStatus>,
    /// At a township: how many account numbers several villages have opened.
    pub shared_accounts_total: u64,
    /// The first of those numbers, at most a hundred.
    pub shared_accounts: Vec<SharedAccount>,
}

/// An account number that several villages have opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedAccount {
    /// The number.
    pub account: AccountId,
    /// The villages, by code.
    pub villages: Vec<SharedAt>,
}

/// One of the villages that have opened a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedAt {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// Points over which its nodes hold the rights.
    pub points: Points,
}

/// Granting without a clerk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantsStatus {
    /// When the node grants, or at a merchant asks.
    pub policy: Granting,
    /// Grants written since the start.
    pub granted: u64,
    /// Asks for rights that nobody has answered.
    pub open_asks: u64,
}

/// Why a node does not spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It may have lost entries of its own and waits for its township.
    Restored,
    /// Another process runs under its name.
    Twin,
    /// It was revoked.
    Revoked,
}

impl Hold {
    /// As the replica has it.
    pub fn of(hold: xiangyue_protocol::replica::Hold) -> Hold {
        match hold {
            xiangyue_protocol::replica::Hold::Restored => Hold::Restored,
            xiangyue_protocol::replica::Hold::Twin => Hold::Twin,
            xiangyue_protocol::replica::Hold::Revoked => Hold::Revoked,
        }
    }

    /// What to tell people.
    pub fn code(self) -> Code {
        match self {
            Hold::Restored => Code::Frozen,
            Hold::Twin => Code::TwinRunning,
            Hold::Revoked => Code::NodeRevoked,
        }
    }

    /// What is the matter and what to do.
    pub fn words(self, lang: Lang) -> String {
        let code = self.code();
        lang.pick(format!("{}；{}", code.zh(), code.zh_advice()), format!("{}; {}", code.en(), code.en_advice()))
    }
}

/// Space on the disk that holds the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes free.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes that must stay free: below that nothing is written.
    #[serde(default)]
    pub reserve: u64,
}

impl Disk {
    /// Whether there is too little room to write.
    pub fn is_full(&self) -> bool {
        self.free < self.reserve
    }

    /// Its figures, in words.
    pub fn told(&self, lang: Lang) -> String {
        let [free, total, reserve] = [self.free, self.total, self.reserve].map(bytes);
        lang.pick(
            format!("剩余 {free}，共 {total}；剩余不足 {reserve} 时停止写入"),
            format!("{free} free of {total}; nothing is written below {reserve} free"),
        )
    }
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its id.
    pub node: String,
    /// Its organisation.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// Whether a connection is up and no sign of life is overdue.
    pub connected: bool,
    /// When anything last came from it, a sign of life included; none if never.
    pub last_heard_ms: Option<Millis>,
    /// Smoothed round-trip time of the connection, in microseconds.
    pub rtt_us: Option<u64>,
    /// Changes that it has and this node lacks; none while it is not connected.
    pub changes_behind: Option<u64>,
    /// Bytes sent to it since the start.
    pub bytes_sent: u64,
    /// Bytes received from it since the start.
    pub bytes_received: u64,
}

/// How fresh the township's knowledge of a village or merchant is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageStatus {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// When anything last came from one of its nodes, a sign of life included; none if never.
    pub last_heard_ms: Option<Millis>,
    /// Whether one of its nodes is connected now, directly, and no sign of life is overdue.
    pub connected: bool,
    /// Its clock minus this node's when it greeted, in milliseconds; 0 while it is not connected.
    #[serde(default)]
    pub skew_ms: i64,
    /// Changes that its nodes have and this node lacks: now, or when they were last connected.
    pub changes_behind: u64,
    /// Whether everything had been compared and nothing was missing: now, or when it was last connected.
    pub caught_up: bool,
    /// Whether it has an enrolled node that is not revoked.
    pub enrolled: bool,
    /// How many of its nodes were revoked.
    #[serde(default)]
    pub revoked: u64,
    /// Its nodes of which two copies are running; kept out until they are readmitted.
    #[serde(default)]
    pub twins: Vec<String>,
}

impl VillageStatus {
    /// How far its figures can be relied on, in words.
    pub fn state(&self, lang: Lang, now: Millis) -> String {
        if !self.twins.is_empty() {
            return lang.pick("有两份同时在运行，已拒绝连接", "two copies are running; kept out").to_owned();
        }
        if !self.enrolled && self.revoked > 0 {
            return lang.pick("节点已吊销，尚未重新入网", "node revoked, no other enrolled").to_owned();
        }
        if !self.enrolled {
            return lang.pick("尚未入网", "not enrolled yet").to_owned();
        }
        let Some(heard) = self.last_heard_ms else {
            return lang.pick("已入网，尚无消息", "enrolled, never heard").to_owned();
        };
        if self.changes_behind > 0 {
            let behind = count(self.changes_behind);
            return lang.pick(format!("还有 {behind} 条变更未到"), format!("{behind} changes still to come"));
        }
        match (self.caught_up, self.connected) {
            (false, true) => return lang.pick("正在核对", "comparing").to_owned(),
            (false, false) => return lang.pick("联系中断，尚未核对完", "cut off before all was compared").to_owned(),
            (true, true) => {
                let off = self.clock(lang).unwrap_or_default();
                return lang.pick(format!("在线，数据齐全{off}"), format!("connected, complete{off}"));
            }
            (true, false) => {}
        }
        let span = span(lang, now.0.saturating_sub(heard.0));
        lang.pick(format!("离线 {span}，此前数据齐全"), format!("offline {span}, complete until then"))
    }

    /// That its clock is off, for the end of its state; none when it is not, or not known.
    fn clock(&self, lang: Lang) -> Option<String> {
        clock_off(lang, self.skew_ms).map(|off| lang.pick(format!("；该村{off}"), format!("; {off}")))
    }

    /// How many changes are still to come, for a table; empty when it was never heard, since then nobody knows.
    pub fn behind(&self) -> String {
        self.last_heard_ms.map_or_else(String::new, |_| count(self.changes_behind))
    }

    /// Whether it is connected and nothing of it is known to be missing: the same that the horizon asks.
    pub fn is_fresh(&self) -> bool {
        let whole = self.caught_up && self.changes_behind == 0;
        self.enrolled && self.twins.is_empty() && whole && self.connected
    }
}

/// How far a clock may be off before a person must set it.
const CLOCK_OFF_MS: u64 = 120_000;

/// That a clock is ahead or behind, in words; none when it is near enough.
pub(crate) fn clock_off(lang: Lang, off_ms: i64) -> Option<String> {
    let off = off_ms.unsigned_abs();
    let by = span(lang, off);
    (off > CLOCK_OFF_MS).then(|| match off_ms > 0 {
        true => lang.pick(format!("时钟快 {by}"), format!("clock {by} ahead")),
        false => lang.pick(format!("时钟慢 {by}"), format!("clock {by} behind")),
    })
}

/// Asks a township for an enrolment token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whom it is for.
    pub org: OrgCode,
    /// The organisation's name, entered in the directory.
    pub name: String,
    /// How long it is good for, in seconds.
    pub valid_seconds: u64,
    /// Whether an organisation that bears another name is renamed.
    #[serde(default)]
    pub rename: bool,
}

/// An enrolment token. Whoever holds it may enrol one node for `org` until `expires`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token's text.
    pub token: String,
    /// Whom it is for.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// When it expires.
    pub expires: Millis,
    /// Where the new node dials the township, `host:port`.
    pub address: String,
}

/// Asks a township to revoke a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The node's id.
    pub node: String,
    /// Why, for people.
    pub reason: String,
}

/// A node was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The node's id.
    pub node: String,
    /// Its organisation.
    pub org: OrgCode,
    /// From when its word counts no further.
    pub at: Millis,
    /// Whether it had been revoked before.
    #[serde(default)]
    pub already: bool,
}

/// Asks a township to let a node in again of which two copies were running and only one is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadmitRequest {
    /// The node's id.
    pub node: String,
}

/// A node was let in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readmitted {
    /// The node's id.
    pub node: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_village_s_state_is_told_in_words() {
        let now = Millis(1_000_000_000);
        let mut village = VillageStatus {
            org: "110112119201".parse().unwrap(),
            name: "谢楼村".into(),
            last_heard_ms: Some(Millis(now.0 - 7_200_000)),
            connected: false,
            skew_ms: 0,
            changes_behind: 0,
            caught_up: true,
            enrolled: true,
            revoked: 1,
            twins: Vec::new(),
        };
        assert_eq!(village.state(Lang::Zh, now), "离线 2 小时，此前数据齐全");
        assert!(!village.is_fresh());
        village.last_heard_ms = Some(Millis(now.0 - 3_000));
        assert_eq!(village.state(Lang::Zh, now), "离线 3 秒，此前数据齐全", "never complete and missing at once");
        village.connected = true;
        assert_eq!(village.state(Lang::En, now), "connected, complete");
        assert!(village.is_fresh());
        village.caught_up = false;
        assert_eq!(village.state(Lang::Zh, now), "正在核对");
        assert!(!village.is_fresh());
        village.connected = false;
        assert_eq!(village.state(Lang::En, now), "cut off before all was compared", "not called complete");
        village.changes_behind = 1_200;
        assert_eq!(village.state(Lang::Zh, now), "还有 1,200 条变更未到");
        assert_eq!(village.behind(), "1,200");
        village.last_heard_ms = None;
        assert_eq!(village.behind(), "", "of one never heard nobody knows");
        assert_eq!(village.state(Lang::En, now), "enrolled, never heard");
        village.enrolled = false;
        assert_eq!(village.state(Lang::Zh, now), "节点已吊销，尚未重新入网");
        village.revoked = 0;
        assert_eq!(village.state(Lang::Zh, now), "尚未入网");
    }
}

/// Whether the node talks to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncState {
    /// It neither dials nor accepts.
    #[serde(default)]
    pub paused: bool,
    /// It dials these addresses alone, `host:port`, and accepts nobody; empty: everybody as usual.
    #[serde(default)]
    pub only: Vec<String>,
}
