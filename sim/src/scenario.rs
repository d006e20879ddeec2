//! Built-in scenarios: from a seed and parameters, a plan.

use std::collections::BTreeSet;

use xiangyue_protocol::schema::{Account, Cohort, HolderKind, Item, NodeEntry, Org, Points, Rule};
use xiangyue_protocol::{Command, Level, OrgCode, Refusal};

use crate::engine::Engine;
use crate::link::LinkParams;
use crate::node::SimNode;
use crate::plan::{Fault, NodeSpec, Plan, Plant};
use crate::report::Report;
use crate::rng::Rng;
use crate::scheduler::{Micros, SECOND};
use crate::workload::{Wish, WorkloadParams, name};

/// The township of the built-in scenarios.
const TOWNSHIP: &str = "110112119";
/// The name of the one scenario that is built in.
pub const THREE_VILLAGES: &str = "three-villages";

/// Who is joined to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Every node to the township.
    Star,
    /// The star, and each village to the next, and the first village to the merchant.
    Neighbours,
    /// Every node to every other.
    Mesh,
}

/// Parameters of [`THREE_VILLAGES`].
#[derive(Debug, Clone)]
pub struct ThreeVillages {
    /// Villages.
    pub villages: usize,
    /// Accounts that each village opens.
    pub accounts: usize,
    /// Who is joined to whom.
    pub topology: Topology,
    /// How links behave.
    pub link: LinkParams,
    /// What the clerks do.
    pub workload: WorkloadParams,
    /// How long the clerks ask for new things.
    pub load: Micros,
    /// Whether the villages are cut from the township and the merchant for a while.
    pub partition: bool,
    /// Most crashes of one node.
    pub crashes: u64,
    /// Most breaks of one link.
    pub breaks: u64,
    /// How often of a thousand runs a village is restored from a backup.
    pub restore_permille: u64,
    /// A planted bug.
    pub plant: Option<Plant>,
}

impl Default for ThreeVillages {
    fn default() -> Self {
        ThreeVillages {
            villages: 3,
            accounts: 3,
            topology: Topology::Neighbours,
            link: LinkParams::default(),
            workload: WorkloadParams::default(),
            load: 90 * SECOND,
            partition: true,
            crashes: 2,
            breaks: 3,
            restore_permille: 300,
            plant: None,
        }
    }
}

/// Whether a code names a merchant.
pub fn is_merchant(org: &OrgCode) -> bool {
    org.level() == Level::Merchant
}

/// A township, villages and one merchant; a partition that leaves the villages alone, power cuts and breaks
/// under load, sometimes a dead disk, and a heal.
pub fn three_villages(seed: u64, params: &ThreeVillages) -> Plan {
    let mut nodes = vec![NodeSpec { name: "township".to_owned(), org: name(TOWNSHIP) }];
    for n in 1..=params.villages {
        nodes.push(NodeSpec { name: format!("village-{n}"), org: name(&format!("{TOWNSHIP}{}", 200 + n)) });
    }
    let merchant = nodes.len();
    nodes.push(NodeSpec { name: "merchant".to_owned(), org: name(&format!("{TOWNSHIP}M01")) });
    let links = links(params.topology, nodes.len());
    let mut plan = Plan::calm(seed, nodes, links);
    plan.link = params.link.clone();
    plan.workload = params.workload.clone();
    plan.load_until = params.load;
    plan.plant = params.plant;
    for village in 1..=params.villages {
        let org = plan.nodes[village].org.clone();
        plan.accounts.extend((1..=params.accounts).map(|n| (name(&format!("{org}-{n}")), village)));
    }
    plan.faults = faults(seed, params, plan.links.len(), merchant);
    plan
}

fn links(topology: Topology, nodes: usize) -> Vec<(usize, usize)> {
    let merchant = nodes - 1;
    let star = (1..nodes).map(|n| (n, 0));
    match topology {
        Topology::Star => star.collect(),
        Topology::Neighbours => star.chain((1..merchant - 1).map(|n| (n, n + 1))).chain([(merchant, 1)]).collect(),
        Topology::Mesh => (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (b, a))).collect(),
    }
}

fn faults(seed: u64, params: &ThreeVillages, links: usize, merchant: usize) -> Vec<(Micros, Fault)> {
    let mut rng = Rng::new(seed, THREE_VILLAGES, "faults");
    let mut faults = Vec::new();
    let within = |rng: &mut Rng, from: u64, to: u64| params.load * rng.between(from, to) / 1000;
    if params.partition {
        let island: BTreeSet<usize> = (1..merchant).collect();
        let lasts = within(&mut rng, 200, 400);
        faults.push((within(&mut rng, 250, 400), Fault::Cut { island, lasts }));
    }
    for node in 0..=merchant {
        for _ in 0..rng.between(0, params.crashes) {
            let down = rng.between(SECOND / 5, 8 * SECOND);
            faults.push((within(&mut rng, 30, 980), Fault::Crash { node, down }));
        }
    }
    for link in 0..links {
        for _ in 0..rng.between(0, params.breaks) {
            faults.push((within(&mut rng, 10, 990), Fault::Break { link }));
        }
    }
    if rng.chance(params.restore_permille) {
        let node = usize::try_from(rng.between(1, params.villages as u64)).unwrap_or(1);
        faults.push((within(&mut rng, 150, 500), Fault::Backup { node }));
        let down = rng.between(SECOND, 10 * SECOND);
        faults.push((within(&mut rng, 550, 900), Fault::Restore { node, down }));
    }
    faults
}

/// What each clerk asks for first: the township names everybody and everything, villages open their accounts.
pub fn first_wishes(plan: &Plan, nodes: &[SimNode]) -> Vec<Vec<Wish>> {
    let since = plan.since;
    let mut directory = Vec::new();
    for node in nodes {
        let (code, public_key) = (node.org.clone(), node.public_key());
        directory.push(Command::Org(Org { code: code.clone(), name: node.name.as_str().into(), version: 1 }));
        let address = Default::default();
        directory.push(Command::Node(NodeEntry { node: node.id(), public_key, org: code, address }));
    }
    let rule = Rule {
        code: name("R1"),
        cohort: Cohort::Villager,
        points: Points(100),
        daily_cap: None,
        effective_from: since,
    };
    let rules =
        vec![Command::Rule(rule), Command::Item(Item { code: name("I1"), price: Points::ZERO, effective_from: since })];
    let mut wishes = vec![Vec::new(); nodes.len()];
    if let Some(township) = wishes.first_mut() {
        township.extend([Wish::new(directory), Wish::new(rules)]);
    }
    for (account, village) in &plan.accounts {
        let (account, holder, cohort) = (account.clone(), HolderKind::Person, Cohort::Villager);
        let account = Account { account, holder, cohort, opened: since };
        let command = Command::Account { village: nodes[*village].org.clone(), account };
        wishes[*village].push(Wish::new(vec![command]));
    }
    wishes
}

/// Carries out a plan that starts with [`first_wishes`].
///
/// # Errors
/// When a node does not start.
pub fn run(plan: Plan) -> Result<Report, Refusal> {
    let setup = plan.clone();
    Ok(Engine::new(plan, |nodes| first_wishes(&setup, nodes))?.run())
}
