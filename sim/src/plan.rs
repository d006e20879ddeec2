//! A plan: everything that will be done to a set of nodes. Made by a scenario or by hand, carried out by the engine.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::policy::Policy;
use xiangyue_protocol::schema::AccountId;
use xiangyue_protocol::{Date, Millis, OrgCode};

use crate::clock::{ClockFault, ClockSpec};
use crate::disk::DiskParams;
use crate::link::{Cell, LinkClass, LinkSpec};
use crate::mutant::Mutant;
use crate::scheduler::{Duty, Micros, SECOND};
use crate::workload::{Workload, name};

/// The start of a run unless its plan says otherwise: 2021-01-20 08:00 in China.
pub const EPOCH: Millis = Millis(1_611_100_800_000);

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// Which version of the protocol a node speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// This one.
    Current,
    /// A later one: it also sends frames and writes records of kinds that this one does not know.
    Newer,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its name: what its key and its randomness are derived from.
    pub name: String,
    /// The organisation that it acts for; several nodes may act for one.
    pub org: OrgCode,
    /// Where it stands, if that is known.
    pub place: Option<Place>,
    /// How its disk behaves.
    pub disk: DiskParams,
    /// When it has power; always if none.
    pub power: Option<Duty>,
    /// What its clock shows.
    pub clock: ClockSpec,
    /// What it speaks.
    pub version: Version,
    /// The node, by position in the plan, of whose disk it is a copy: the same node a second time, with a clerk of its
    /// own. Only [`Plan::with_copies`] makes such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<usize>,
}

impl NodeSpec {
    /// A node of today with power, a true clock and an ordinary disk.
    pub fn new(name: impl Into<String>, org: OrgCode) -> NodeSpec {
        NodeSpec {
            name: name.into(),
            org,
            place: None,
            disk: DiskParams::default(),
            power: None,
            clock: ClockSpec::default(),
            version: Version::Current,
            copy_of: None,
        }
    }
}

/// What carries frames between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Ordered streams that break.
    #[default]
    Streams,
    /// QUIC, in datagrams that are lost.
    Quic,
}

impl Tier {
    /// The most nodes that QUIC carries frames between: each connection is two state machines with keys and timers.
    pub const QUIC_NODES: usize = 50;

    /// What it is called on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Streams => "streams",
            Tier::Quic => "quic",
        }
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Tier, String> {
        let tiers = [Tier::Streams, Tier::Quic];
        let found = tiers.into_iter().find(|tier| tier.name() == text);
        found.ok_or_else(|| format!("{text:?} is no tier: expected streams or quic"))
    }
}

/// A plan has more nodes than its tier carries frames between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyNodes(usize);

impl fmt::Display for TooManyNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, most) = (self.0, Tier::QUIC_NODES);
        write!(f, "{nodes} nodes are too many for the tier quic, which is for at most {most}; use --tier streams")
    }
}

/// Which way a partition stops frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Both ways.
    Both,
    /// Nothing gets into the island.
    Into,
    /// Nothing gets out of the island.
    OutOf,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Fault {
    /// Every link between these nodes and the others is cut, for so long.
    Cut {
        /// One side of the cut, by position in the plan.
        island: BTreeSet<usize>,
        /// Which way.
        way: Way,
        /// How long.
        lasts: Micros,
        /// Whether it is a merchant's till without a line, which belongs to the work and not to what goes wrong.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        till: bool,
    },
    /// One link breaks; it is dialled again at once.
    Break {
        /// By position in the plan.
        link: usize,
    },
    /// The power goes at a node.
    Crash {
        /// Which.
        node: usize,
        /// How long it stays down.
        down: Micros,
    },
    /// A node's journal is copied away.
    Backup {
        /// Which.
        node: usize,
    },
    /// A node's disk dies; it starts again from its last backup, frozen.
    ///
    /// It is switched on once the township has all that others hold of it: the township's word lets it spend again, so
    /// an operator waits until its neighbours have reported. Those that reach the township through it alone cannot; it
    /// is first connected to them only, until they have brought it what they have.
    Restore {
        /// Which.
        node: usize,
        /// How long it stays down.
        down: Micros,
    },
    /// A node's disk is copied. Later the copy is started beside the node, with the same key and over the same links.
    ///
    /// When the fault ends, a person stops both and sees to it that nothing is lost: the copy alone is let in until the
    /// township has all that it wrote, then it is put away for good and the original is started.
    Clone {
        /// Which.
        node: usize,
        /// How old the copy is when it is started.
        age: Micros,
        /// How long both then run.
        beside: Micros,
    },
    /// Every link between these nodes and the others is cut and whole again by turns.
    Flap {
        /// One side of the cut, by position in the plan.
        island: BTreeSet<usize>,
        /// How long it is whole each time.
        up: Micros,
        /// How long it is cut each time.
        down: Micros,
        /// How long this goes on.
        lasts: Micros,
    },
    /// A node is stopped, and started again as a later version.
    Upgrade {
        /// Which.
        node: usize,
        /// How long it stays down.
        down: Micros,
    },
    /// A node's clock is wrong.
    Clock {
        /// Which.
        node: usize,
        /// What it shows instead.
        shows: ClockFault,
        /// How long.
        lasts: Micros,
    },
    /// The township revokes a node.
    Revoke {
        /// Which.
        node: usize,
    },
    /// A village's node writes two different entries under one number, and tells one peer the one, the others the other.
    Equivocate {
        /// Which.
        node: usize,
    },
    /// A node alters a byte of every segment of others that it passes on.
    Forge {
        /// Which.
        node: usize,
        /// How long.
        lasts: Micros,
    },
    /// A node reads two thousand times slower than its line is.
    SlowPeer {
        /// Which.
        node: usize,
        /// How long.
        lasts: Micros,
    },
    /// A node sends well-signed segments whose predecessors nobody has, and such as it may not write.
    Flood {
        /// Which.
        node: usize,
        /// How long.
        lasts: Micros,
        /// How many a second, to each peer.
        per_second: u64,
    },
    /// A node's disk has no room: it takes nothing in and sends what it has.
    DiskFull {
        /// Which.
        node: usize,
        /// How long.
        lasts: Micros,
    },
    /// A sync of a node's journal fails: the node stops, and is started again.
    IoError {
        /// Which.
        node: usize,
        /// Which of the coming syncs, from 1.
        nth: u64,
    },
    /// A bit of a stored segment turns. The node is restarted and finds it; what does not read back is fetched again.
    BitFlip {
        /// Which.
        node: usize,
    },
}

impl Fault {
    /// The node that it is about, if it is one.
    pub fn node(&self) -> Option<usize> {
        match self {
            Fault::Cut { .. } | Fault::Flap { .. } | Fault::Break { .. } => None,
            Fault::Crash { node, .. }
            | Fault::Backup { node }
            | Fault::Restore { node, .. }
            | Fault::Clone { node, .. }
            | Fault::Upgrade { node, .. }
            | Fault::Clock { node, .. }
            | Fault::Revoke { node }
            | Fault::Equivocate { node }
            | Fault::Forge { node, .. }
            | Fault::SlowPeer { node, .. }
            | Fault::Flood { node, .. }
            | Fault::DiskFull { node, .. }
            | Fault::IoError { node, .. }
            | Fault::BitFlip { node } => Some(*node),
        }
    }

    /// The same, to be changed.
    pub(crate) fn node_mut(&mut self) -> Option<&mut usize> {
        match self {
            Fault::Cut { .. } | Fault::Flap { .. } | Fault::Break { .. } => None,
            Fault::Crash { node, .. }
            | Fault::Backup { node }
            | Fault::Restore { node, .. }
            | Fault::Clone { node, .. }
            | Fault::Upgrade { node, .. }
            | Fault::Clock { node, .. }
            | Fault::Revoke { node }
            | Fault::Equivocate { node }
            | Fault::Forge { node, .. }
            | Fault::SlowPeer { node, .. }
            | Fault::Flood { node, .. }
            | Fault::DiskFull { node, .. }
            | Fault::IoError { node, .. }
            | Fault::BitFlip { node } => Some(node),
        }
    }

    /// Whether it leaves branches that not everybody has, and that are spoken of at each greeting.
    pub fn is_hostile(&self) -> bool {
        matches!(self, Fault::Revoke { .. } | Fault::Equivocate { .. } | Fault::Flood { .. })
    }

    /// How long it lasts, if it is one that lasts. It ends with the load in any case.
    pub fn lasts(&self) -> Option<Micros> {
        match self {
            Fault::Cut { lasts, .. }
            | Fault::Flap { lasts, .. }
            | Fault::Clock { lasts, .. }
            | Fault::Forge { lasts, .. }
            | Fault::SlowPeer { lasts, .. }
            | Fault::Flood { lasts, .. }
            | Fault::DiskFull { lasts, .. } => Some(*lasts),
            Fault::Clone { age, beside, .. } => Some(age.saturating_add(*beside)),
            _ => None,
        }
    }
}

/// What happens when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// How long the clerks only enter what the township starts with.
    pub warm_up: Micros,
    /// How long after that the clerks ask for new things.
    pub load: Micros,
    /// How long after the load, at most, until everything is at rest.
    pub liveness: Micros,
    /// How many of a thousand nodes, with their townships, are drawn as the core that must come to rest on its
    /// own before the others return; 1000: all, none is kept away.
    pub core_permille: u64,
}

impl Default for Phases {
    fn default() -> Self {
        Phases { warm_up: 0, load: 0, liveness: 600 * SECOND, core_permille: 1000 }
    }
}

impl Phases {
    /// When the clerks stop asking for new things and faults end.
    pub fn load_until(&self) -> Micros {
        self.warm_up.saturating_add(self.load)
    }

    /// When everything must have come to rest.
    pub fn limit(&self) -> Micros {
        self.load_until().saturating_add(self.liveness)
    }
}

/// The whole plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Where all randomness comes from.
    pub seed: u64,
    /// The nodes; the first of each township whose organisation is the township is its trust anchor.
    pub nodes: Vec<NodeSpec>,
    /// Which nodes are joined.
    pub links: Vec<LinkSpec>,
    /// How links behave: a link names its class by position.
    pub classes: Vec<LinkClass>,
    /// Capacity that links share.
    pub cells: Vec<Cell>,
    /// What the clerks do.
    pub workload: Workload,
    /// Accounts, with the position of the village node that opens them.
    pub accounts: Vec<(AccountId, usize)>,
    /// Since when accounts are open and rules in effect.
    pub since: Date,
    /// True time at the start.
    pub start: Millis,
    /// What goes wrong, and when.
    pub faults: Vec<(Micros, Fault)>,
    /// What happens when.
    pub phases: Phases,
    /// Time between two samples for the observer; 0: none are taken.
    pub sample: Micros,
    /// How every node spreads what is new, and grants rights.
    pub policy: Policy,
    /// What carries frames.
    #[serde(default)]
    pub tier: Tier,
    /// A planted bug, if any.
    pub mutant: Option<Mutant>,
    /// Turns at which a clerk asks for nothing after all, by node and count from 1: what shrinking has taken away.
    #[serde(default)]
    pub muted: BTreeSet<(usize, u64)>,
}

impl Plan {
    /// A calm plan without load or faults: nodes, links of one ordinary class, nothing else.
    pub fn calm(seed: u64, nodes: Vec<NodeSpec>, links: Vec<LinkSpec>) -> Plan {
        Plan {
            seed,
            nodes,
            links,
            classes: vec![LinkClass::default()],
            cells: Vec::new(),
            workload: Workload::default(),
            accounts: Vec::new(),
            since: name("2020-01-01"),
            start: EPOCH,
            faults: Vec::new(),
            phases: Phases::default(),
            sample: 0,
            policy: Policy::default(),
            tier: Tier::default(),
            mutant: None,
            muted: BTreeSet::new(),
        }
    }

    /// The plan with a node more for each copy that a fault starts beside its original: after all others, in the order
    /// of the faults. It dials whom the original dials, and is cut off where that is.
    pub fn with_copies(mut self) -> Plan {
        for at in 0..self.faults.len() {
            let Fault::Clone { node: original, .. } = self.faults[at].1 else { continue };
            let (copy, number) = (self.nodes.len(), self.copies_of(original).count() + 1);
            let mut spec = self.nodes[original].clone();
            let further = if number == 1 { String::new() } else { format!("-{number}") };
            spec.name = format!("{}-copy{further}", spec.name);
            (spec.copy_of, spec.power) = (Some(original), None);
            self.nodes.push(spec);
            let dialled: Vec<LinkSpec> = self.links.iter().filter(|link| link.dials == original).cloned().collect();
            self.links.extend(dialled.into_iter().map(|link| LinkSpec { dials: copy, ..link }));
            for (_, fault) in &mut self.faults {
                if let Fault::Cut { island, .. } | Fault::Flap { island, .. } = fault
                    && island.contains(&original)
                {
                    island.insert(copy);
                }
            }
        }
        self
    }

    /// The copies of a node's disk that a plan with copies has.
    pub fn copies_of(&self, original: usize) -> impl Iterator<Item = usize> {
        let of = move |spec: &NodeSpec| spec.copy_of == Some(original);
        self.nodes.iter().enumerate().filter(move |(_, spec)| of(spec)).map(|(n, _)| n)
    }

    /// The node that a node is, or is a copy of.
    pub fn original(&self, node: usize) -> usize {
        self.nodes[node].copy_of.unwrap_or(node)
    }

    /// The same plan with frames carried otherwise.
    ///
    /// # Errors
    /// When it has more nodes than that is for.
    pub fn on(self, tier: Tier) -> Result<Plan, TooManyNodes> {
        match tier {
            Tier::Quic if self.nodes.len() > Tier::QUIC_NODES => Err(TooManyNodes(self.nodes.len())),
            _ => Ok(Plan { tier, ..self }),
        }
    }
}
