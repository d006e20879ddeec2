//! A plan: everything that will be done to a set of nodes. Made by a scenario or by hand, carried out by the engine.

use std::collections::BTreeSet;

use xiangyue_protocol::schema::AccountId;
use xiangyue_protocol::{Date, OrgCode};

use crate::disk::DiskParams;
use crate::link::LinkParams;
use crate::scheduler::{Micros, SECOND};
use crate::workload::{WorkloadParams, name};

/// One node.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name: what its key and its randomness are derived from.
    pub name: String,
    /// The organisation that it acts for.
    pub org: OrgCode,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Every link between these nodes and the others is cut, for so long.
    Cut {
        /// One side of the cut, by position in the plan.
        island: BTreeSet<usize>,
        /// How long.
        lasts: Micros,
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
    /// A node's disk dies; it starts again from its last backup under a new incarnation.
    ///
    /// It is switched on once the township has all that others hold of it: the township's word alone lets it
    /// spend again, so an operator waits until its neighbours have reported.
    Restore {
        /// Which.
        node: usize,
        /// How long it stays down.
        down: Micros,
    },
}

/// A bug planted in the driver, to see that an oracle finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plant {
    /// The driver says "durable" before the disk does.
    AcknowledgeBeforeSync,
    /// A crash takes the last segment that had been synced.
    LoseSyncedTail,
    /// A restore from an old backup goes on under the old incarnation.
    ReuseIncarnation,
    /// A restored node may spend before its own lost entries are back.
    RestoreUnfrozen,
    /// The driver keeps a session across a break instead of greeting anew.
    KeepSessionAcrossBreak,
    /// The driver serves the whole journal where one document was asked for.
    ServeWholeJournal,
    /// A retry gets a slip number of its own.
    RenumberRetries,
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 7] = [
        Plant::AcknowledgeBeforeSync,
        Plant::LoseSyncedTail,
        Plant::ReuseIncarnation,
        Plant::RestoreUnfrozen,
        Plant::KeepSessionAcrossBreak,
        Plant::ServeWholeJournal,
        Plant::RenumberRetries,
    ];
}

/// The whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where all randomness comes from.
    pub seed: u64,
    /// The nodes; the first is the township's and the trust anchor.
    pub nodes: Vec<NodeSpec>,
    /// Which pairs of nodes are joined; the first of a pair dials.
    pub links: Vec<(usize, usize)>,
    /// How every link behaves.
    pub link: LinkParams,
    /// How every disk behaves.
    pub disk: DiskParams,
    /// What the clerks do.
    pub workload: WorkloadParams,
    /// Accounts, with the position of the village node that opens them.
    pub accounts: Vec<(AccountId, usize)>,
    /// Since when accounts are open and rules in effect.
    pub since: Date,
    /// What goes wrong, and when.
    pub faults: Vec<(Micros, Fault)>,
    /// When the clerks stop asking for new things.
    pub load_until: Micros,
    /// When everything must have come to rest.
    pub limit: Micros,
    /// A planted bug, if any.
    pub plant: Option<Plant>,
}

impl Plan {
    /// A calm plan without load or faults: nodes, links, nothing else.
    pub fn calm(seed: u64, nodes: Vec<NodeSpec>, links: Vec<(usize, usize)>) -> Plan {
        Plan {
            seed,
            nodes,
            links,
            link: LinkParams::default(),
            disk: DiskParams::default(),
            workload: WorkloadParams::default(),
            accounts: Vec::new(),
            since: name("2020-01-01"),
            faults: Vec::new(),
            load_until: 0,
            limit: 600 * SECOND,
            plant: None,
        }
    }
}
