//! Built-in scenarios: from a seed and parameters, a plan.

use std::collections::BTreeSet;

use xiangyue_protocol::Refusal;

use crate::engine::Engine;
use crate::link::{LinkClass, LinkSpec};
use crate::mutant::Mutant;
use crate::plan::{Fault, NodeSpec, Phases, Plan, Way};
use crate::report::Report;
use crate::rng::Rng;
use crate::scheduler::{Micros, SECOND};
use crate::workload::{Workload, name};

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
    pub link: LinkClass,
    /// What the clerks do.
    pub workload: Workload,
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
    pub mutant: Option<Mutant>,
}

impl Default for ThreeVillages {
    fn default() -> Self {
        ThreeVillages {
            villages: 3,
            accounts: 3,
            topology: Topology::Neighbours,
            link: LinkClass::default(),
            workload: Workload::default(),
            load: 90 * SECOND,
            partition: true,
            crashes: 2,
            breaks: 3,
            restore_permille: 300,
            mutant: None,
        }
    }
}

/// A township, villages and one merchant; a partition that leaves the villages alone, power cuts and breaks
/// under load, sometimes a dead disk, and a heal.
pub fn three_villages(seed: u64, params: &ThreeVillages) -> Plan {
    let mut nodes = vec![NodeSpec::new("township", name(TOWNSHIP))];
    for n in 1..=params.villages {
        nodes.push(NodeSpec::new(format!("village-{n}"), name(&format!("{TOWNSHIP}{}", 200 + n))));
    }
    let merchant = nodes.len();
    nodes.push(NodeSpec::new("merchant", name(&format!("{TOWNSHIP}M01"))));
    let links = links(params.topology, nodes.len());
    let mut plan = Plan::calm(seed, nodes, links);
    plan.classes = vec![params.link.clone()];
    plan.workload = params.workload.clone();
    plan.phases = Phases { load: params.load, liveness: 600 * SECOND - params.load, ..Phases::default() };
    plan.mutant = params.mutant;
    for village in 1..=params.villages {
        let org = plan.nodes[village].org.clone();
        plan.accounts.extend((1..=params.accounts).map(|n| (name(&format!("{org}-{n}")), village)));
    }
    plan.faults = faults(seed, params, plan.links.len(), merchant);
    plan
}

fn links(topology: Topology, nodes: usize) -> Vec<LinkSpec> {
    let merchant = nodes - 1;
    let star = (1..nodes).map(|n| (n, 0));
    let pairs: Vec<(usize, usize)> = match topology {
        Topology::Star => star.collect(),
        Topology::Neighbours => star.chain((1..merchant - 1).map(|n| (n, n + 1))).chain([(merchant, 1)]).collect(),
        Topology::Mesh => (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (b, a))).collect(),
    };
    pairs.into_iter().map(|(dials, answers)| LinkSpec::new(dials, answers)).collect()
}

fn faults(seed: u64, params: &ThreeVillages, links: usize, merchant: usize) -> Vec<(Micros, Fault)> {
    let mut rng = Rng::new(seed, THREE_VILLAGES, "faults");
    let mut faults = Vec::new();
    let within = |rng: &mut Rng, from: u64, to: u64| params.load * rng.between(from, to) / 1000;
    if params.partition {
        let island: BTreeSet<usize> = (1..merchant).collect();
        let lasts = within(&mut rng, 200, 400);
        faults.push((within(&mut rng, 250, 400), Fault::Cut { island, way: Way::Both, lasts }));
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

/// Carries out a plan while nobody watches.
///
/// # Errors
/// When a node does not start.
pub fn run(plan: Plan) -> Result<Report, Refusal> {
    Ok(Engine::new(plan)?.run(&mut ()))
}
