//! The tiny world: a township, a village and a merchant, already enrolled, and a few entries on one account of
//! which the village hands a part to the merchant.

use xiangyue_protocol::schema::{AccountId, Award, Points, Redemption};
use xiangyue_protocol::{Command, GrantRequest, Refusal, ReverseRequest};

use super::world::{Wire, World};
use crate::mutant::Mutant;
use crate::node::{Opened, SimNode, key_of};
use crate::plan::{NodeSpec, Plan};
use crate::workload::{first_wishes, name};

const TOWNSHIP: usize = 0;
const VILLAGE: usize = 1;
const MERCHANT: usize = 2;
const DAY: &str = "2021-01-05";

/// How tiny.
#[derive(Debug, Clone, Copy)]
pub struct Tiny {
    /// Operations, of at most five.
    pub operations: usize,
    /// Power cuts, wherever they may fall.
    pub crashes: usize,
    /// Whether the village's line breaks once.
    pub partition: bool,
    /// A planted bug.
    pub mutant: Option<Mutant>,
}

impl Default for Tiny {
    fn default() -> Self {
        Tiny { operations: 5, crashes: 1, partition: true, mutant: None }
    }
}

/// The world, at rest after enrolment, with everything still to come.
///
/// # Errors
/// When a node does not start.
pub fn tiny(size: Tiny) -> Result<World, Refusal> {
    let orgs = [("township", "110112119"), ("village", "110112119201"), ("merchant", "110112119M01")];
    let specs: Vec<NodeSpec> = orgs.into_iter().map(|(node, org)| NodeSpec::new(node, name(org))).collect();
    let mut plan = Plan::calm(1, specs, Vec::new());
    let account: AccountId = name("110112119201-1");
    plan.accounts.push((account.clone(), VILLAGE));
    let anchor = key_of(plan.seed, "township").verifying_key().to_bytes();
    let nodes: Result<Vec<SimNode>, Refusal> =
        plan.nodes.iter().map(|spec| SimNode::new(plan.seed, spec, anchor, size.mutant)).collect();
    let nodes = nodes?;
    let wishes = first_wishes(&plan, &nodes);
    let mut world = World::new(nodes, vec![Wire::between(VILLAGE, TOWNSHIP), Wire::between(MERCHANT, TOWNSHIP)]);
    for (n, wishes) in wishes.into_iter().enumerate() {
        world.desks[n].wants.extend(wishes.into_iter().flat_map(|wish| wish.commands));
    }
    let mut opened = Opened::default();
    // Enrolment is one fixed way; the walk begins when it is at rest.
    while let Some(step) = world.steps().first().copied() {
        world.take(&mut opened, step)?;
    }
    world.crashes = size.crashes;
    world.fragile = vec![TOWNSHIP, VILLAGE, MERCHANT];
    world.wires[0].breaks = size.partition;
    for (n, command) in operations(&account).into_iter().take(size.operations) {
        world.desks[n].wants.push_back(command);
    }
    Ok(world)
}

/// The entries, in the order in which each clerk makes its own. What is refused for want of rights is let be.
fn operations(account: &AccountId) -> Vec<(usize, Command)> {
    let redeem = |request: &str, points| {
        let (account, item, date) = (account.clone(), name("I1"), name(DAY));
        Command::Redeem(Redemption {
            request: name(request),
            account,
            item,
            points: Points(points),
            date,
            merchant: None,
            by: "c1".into(),
            lines: Vec::new(),
        })
    };
    let award = Award {
        request: name("a"),
        account: account.clone(),
        rule: name("R1"),
        points: Points(10),
        repaid: Points::ZERO,
        date: name(DAY),
        by: "c1".into(),
        memo: "".into(),
        approval: None,
    };
    let grant = GrantRequest {
        request: name("g"),
        account: account.clone(),
        points: Points(6),
        to: name("110112119M01"),
        date: name(DAY),
        by: "c1".into(),
    };
    let reverse =
        ReverseRequest { request: name("v"), of: name("a"), date: name(DAY), by: "c1".into(), memo: "".into() };
    vec![
        (VILLAGE, Command::Award(award)),
        (VILLAGE, Command::Grant(grant)),
        (MERCHANT, redeem("m", 6)),
        (VILLAGE, redeem("r", 3)),
        (VILLAGE, Command::Reverse(reverse)),
    ]
}
