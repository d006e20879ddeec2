//! What stands in a scenario file, section by section. Every key is explained in `docs/scenarios.md`; a test keeps
//! that page and these types together.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use xiangyue_protocol::Date;
use xiangyue_protocol::policy::Policy;

use super::must;
use super::select::Selector;
use super::topology::Topology;
use super::units::{Amount, Count, Exponent, Moment, Offsets, Range, Rate, Share, Time};
use crate::scheduler::{MILLI, SECOND};

/// A whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// Whether each seed draws which faults it has, and how many of each.
    pub swarm: bool,
    /// What it is about.
    pub meta: Meta,
    /// Who there is.
    pub topology: Topology,
    /// How links behave, by name of the class.
    pub link: BTreeMap<Spanned<String>, Link>,
    /// How nodes behave.
    pub node: Vec<NodeRule>,
    /// What clerks do.
    pub workload: WorkloadKeys,
    /// How nodes spread what is new, and grant rights.
    pub policy: Policy,
    /// What goes wrong.
    pub fault: Vec<FaultRule>,
    /// What happens when.
    pub phases: PhasesKeys,
    /// Keys with the values that a sweep gives them.
    pub sweep: BTreeMap<String, Vec<toml::Value>>,
    /// Which seeds a sweep takes.
    pub seeds: Seeds,
    /// Conditions on the summary.
    pub expect: BTreeMap<String, toml::Value>,
}

/// `[meta]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Meta {
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Which situation it is, and what is expected.
    pub about: String,
}

/// `[link.NAME]`: links of one class.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// Which links: those that these nodes dial …
    pub at: Selector,
    /// … and that these answer.
    pub to: Selector,
    /// One way, drawn per frame.
    pub latency: Range<Time>,
    /// What each kilometre adds.
    pub per_km: Amount<Time>,
    /// Frames lost and sent again, drawn per seed.
    pub loss: Range<Share>,
    /// In each direction, drawn per link; 0: no limit.
    pub bandwidth: Range<Rate>,
    /// Until an end learns of a break, drawn each time.
    pub notice: Range<Time>,
    /// Until it is dialled again, drawn each time.
    pub redial: Range<Time>,
    /// Capacity that several links share.
    pub cell: Option<Amount<Rate>>,
    /// How many links share it.
    pub cell_links: Amount<Count>,
    /// When the link is there.
    pub duty: Option<DutyKeys>,
    /// What may be on its way to one end before that end is given up as too slow.
    pub queue: Amount<Count>,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            at: Selector::All,
            to: Selector::All,
            latency: Range::of(5 * MILLI, 60 * MILLI),
            per_km: Amount::of(0),
            loss: Range::of(10, 10),
            bandwidth: Range::of(250_000, 250_000),
            notice: Range::of(10 * MILLI, 3 * SECOND),
            redial: Range::of(100 * MILLI, 4 * SECOND),
            cell: None,
            cell_links: Amount::of(8),
            duty: None,
            queue: Amount::of(16_384),
        }
    }
}

/// A rhythm: `{ every = "1d", on = "4h" }`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyKeys {
    /// From one start to the next.
    pub every: Amount<Time>,
    /// How long it is on.
    pub on: Amount<Time>,
    /// When the first one starts, drawn per node or link; by default anywhere in the rhythm.
    pub from: Option<Range<Time>>,
    /// How much later each may start.
    #[serde(default = "none")]
    pub jitter: Amount<Time>,
}

const fn none() -> Amount<Time> {
    Amount::of(0)
}

/// `[[node]]`: what some nodes are like. Later rules win.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeRule {
    /// Which nodes.
    pub at: Selector,
    /// One sync of the disk, drawn each time.
    pub disk_sync: Option<Range<Time>>,
    /// How often a sync takes ten times the longest.
    pub disk_slow: Option<Amount<Share>>,
    /// When there is power.
    pub power: Option<DutyKeys>,
    /// How far its clock is ahead, drawn per node.
    pub clock: Option<Offsets>,
    /// How much its clock gains or loses, parts in a million, drawn per node.
    pub drift_ppm: Option<Range<Count>>,
    /// Which version it runs.
    pub version: Option<VersionKey>,
}

impl Default for NodeRule {
    fn default() -> NodeRule {
        NodeRule {
            at: Selector::All,
            disk_sync: None,
            disk_slow: None,
            power: None,
            clock: None,
            drift_ppm: None,
            version: None,
        }
    }
}

/// Which version a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionKey {
    /// This one.
    Current,
    /// A later one.
    Newer,
}

/// `[workload]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkloadKeys {
    /// Accounts of each village and community, drawn for each.
    pub accounts: Range<Count>,
    /// Between two requests at one node, drawn each time.
    pub every: Range<Time>,
    /// Longest wait for further commands, to be written together.
    pub gather: Amount<Time>,
    /// Requests made again although answered.
    pub retry: Amount<Share>,
    /// Redemptions, of what a village does.
    pub redeem: Amount<Share>,
    /// Reversals.
    pub reverse: Amount<Share>,
    /// Grants to merchants.
    pub grant: Amount<Share>,
    /// How often the township's clerk enters something when a village's would.
    pub township: Amount<Share>,
    /// How often the township's clerk adds a redemption item, before anything else.
    pub publish: Amount<Share>,
    /// How often a village's clerk imports a list, before anything else.
    pub import: Amount<Share>,
    /// Awards in one list, drawn each time.
    pub import_rows: Range<Count>,
    /// How often a village's clerk edits the roster, before anything else but imports.
    pub roster: Amount<Share>,
    /// Share of the time in which a merchant's till has no line.
    pub offline: Amount<Share>,
    /// How long it has none, drawn each time.
    pub offline_for: Moment,
    /// How unequally accounts are asked for.
    pub zipf: Amount<Exponent>,
    /// Months that entries are dated in.
    pub months: Amount<Count>,
    /// Days from the first of a month on which the month before is closed.
    pub close: Amount<Count>,
    /// Reversals on these days.
    pub close_reverse: Amount<Share>,
    /// Since when accounts are open.
    pub since: Date,
}

impl Default for WorkloadKeys {
    fn default() -> WorkloadKeys {
        WorkloadKeys {
            accounts: Range::of(3, 3),
            every: Range::of(200 * MILLI, 2 * SECOND),
            gather: Amount::of(40 * MILLI),
            retry: Amount::of(60),
            redeem: Amount::of(300),
            reverse: Amount::of(80),
            grant: Amount::of(170),
            township: Amount::of(300),
            publish: Amount::of(0),
            import: Amount::of(0),
            import_rows: Range::of(20, 200),
            roster: Amount::of(0),
            offline: Amount::of(0),
            offline_for: Moment::Load(Range::of(50, 200)),
            zipf: Amount::of(0),
            months: Amount::of(2),
            close: Amount::of(0),
            close_reverse: Amount::of(400),
            since: must("2020-01-01"),
        }
    }
}

/// `[[fault]]`: something that goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What it is called; by default its kind and number.
    pub name: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Where.
    #[serde(default = "everybody")]
    pub at: Selector,
    /// When it begins, drawn each time.
    #[serde(default = "sometime")]
    pub when: Moment,
    /// How long it lasts, drawn each time.
    pub lasts: Option<Moment>,
    /// How often it happens: for each node or link, or for the island as a whole.
    #[serde(default = "once")]
    pub times: Range<Count>,
    /// It comes back so long after it began, until clerks stop.
    pub every: Option<Amount<Time>>,
    /// In how many of all seeds it happens at all.
    #[serde(default = "always")]
    pub chance: Amount<Share>,
    /// `cut`: which way nothing passes.
    pub way: Option<WayKey>,
    /// `restore`: when the backup was made; `clone`: when the copy was made.
    pub backup: Option<Moment>,
    /// `flap`: how long the way is open each time.
    pub up: Option<Range<Time>>,
    /// `flap`: how long it is cut each time.
    pub down: Option<Range<Time>>,
    /// `clock`: what it shows instead.
    pub shows: Option<ShowsKey>,
    /// `io-error`: which of the coming syncs fails.
    pub nth: Option<Range<Count>>,
    /// `flood`: how many segments a second, to each peer.
    pub per_second: Option<Range<Count>>,
}

const fn everybody() -> Selector {
    Selector::All
}

const fn sometime() -> Moment {
    Moment::Load(Range::of(50, 950))
}

const fn once() -> Range<Count> {
    Range::of(1, 1)
}

const fn always() -> Amount<Share> {
    Amount::of(1000)
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The nodes are cut off from all others.
    Cut,
    /// The same, by turns.
    Flap,
    /// Links that the nodes dial break, and are dialled again.
    Break,
    /// The power goes.
    Crash,
    /// The disk dies, and an old backup is put back.
    Restore,
    /// A copy of the disk is started beside the node.
    Clone,
    /// The node is stopped and started as a later version.
    Upgrade,
    /// The clock is wrong.
    Clock,
    /// The disk has no room.
    DiskFull,
    /// A sync of the disk fails.
    IoError,
    /// A stored bit turns.
    BitFlip,
    /// The node reads far slower than its line is.
    SlowPeer,
    /// The township revokes the node.
    Revoke,
    /// The node writes two entries under one number.
    Equivocate,
    /// The node alters what it passes on.
    Forge,
    /// The node sends what nobody can use.
    Flood,
}

impl FaultKind {
    /// As in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Cut => "cut",
            FaultKind::Flap => "flap",
            FaultKind::Break => "break",
            FaultKind::Crash => "crash",
            FaultKind::Restore => "restore",
            FaultKind::Clone => "clone",
            FaultKind::Upgrade => "upgrade",
            FaultKind::Clock => "clock",
            FaultKind::DiskFull => "disk-full",
            FaultKind::IoError => "io-error",
            FaultKind::BitFlip => "bit-flip",
            FaultKind::SlowPeer => "slow-peer",
            FaultKind::Revoke => "revoke",
            FaultKind::Equivocate => "equivocate",
            FaultKind::Forge => "forge",
            FaultKind::Flood => "flood",
        }
    }
}

/// What a clock that is wrong shows.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub enum ShowsKey {
    /// It starts again at 1970.
    Epoch1970,
    /// It is so far ahead.
    Ahead(Offsets),
}

impl TryFrom<String> for ShowsKey {
    type Error = String;

    fn try_from(text: String) -> Result<ShowsKey, String> {
        match text.as_str() {
            "1970" => Ok(ShowsKey::Epoch1970),
            _ => Offsets::try_from(text).map(ShowsKey::Ahead).map_err(|what| format!("{what}, or \"1970\"")),
        }
    }
}

/// Which way nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayKey {
    /// Neither way.
    Both,
    /// Into the island.
    Into,
    /// Out of the island.
    OutOf,
}

/// `[phases]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhasesKeys {
    /// The day on which it begins, at eight in the morning in China.
    pub start: Date,
    /// How long only the township's first entries are made.
    pub warm_up: Range<Time>,
    /// How long clerks work and faults happen.
    pub load: Range<Time>,
    /// How long it may then take until all is at rest.
    pub liveness: Amount<Time>,
    /// Share of nodes that must come to rest on their own first.
    pub core: Amount<Share>,
    /// Between two samples of the series; 0: none.
    pub sample: Amount<Time>,
}

impl Default for PhasesKeys {
    fn default() -> PhasesKeys {
        PhasesKeys {
            start: must("2021-01-20"),
            warm_up: Range::of(0, 0),
            load: Range::of(90 * SECOND, 90 * SECOND),
            liveness: Amount::of(600 * SECOND),
            core: Amount::of(1000),
            sample: Amount::of(0),
        }
    }
}

/// `[seeds]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Default for Seeds {
    fn default() -> Seeds {
        Seeds { first: 1, count: 1 }
    }
}
