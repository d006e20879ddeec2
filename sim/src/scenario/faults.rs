//! From rules to faults: where, when, how often, under one seed.
//!
//! Every draw depends on the seed, the rule's name and the node or link that is hit, so a further rule or node
//! shifts no other. With `swarm` each seed leaves about half of the rules out and gives the others different
//! weights: leaving features out finds what their mixture hides (Groce et al., Swarm Testing, ISSTA 2012).

use std::collections::BTreeSet;

use super::file::{FaultKind, FaultRule, ShowsKey, WayKey};
use super::topology::{Layout, Role};
use super::units::{Moment, Range};
use crate::clock::ClockFault;
use crate::plan::{Fault, Phases, Way};
use crate::rng::Rng;
use crate::scheduler::{Micros, SECOND};

/// What rules need to know of the rest of the scenario.
pub(super) struct Scene<'s> {
    pub(super) seed: u64,
    pub(super) swarm: bool,
    pub(super) layout: &'s Layout,
    pub(super) phases: Phases,
}

/// What a rule is called: its name, or its kind and its number among the rules, counted from 1.
pub(super) fn name_of(rule: &FaultRule, number: usize) -> String {
    rule.name.clone().unwrap_or_else(|| format!("{}-{number}", rule.kind.as_str()))
}

/// What is hit on its own, each with times and draws of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hits {
    /// All chosen nodes together.
    Together,
    /// Each link that a chosen node dials.
    Links,
    /// Each chosen node.
    Nodes,
}

impl FaultKind {
    fn hits(self) -> Hits {
        match self {
            FaultKind::Cut | FaultKind::Flap => Hits::Together,
            FaultKind::Break => Hits::Links,
            _ => Hits::Nodes,
        }
    }

    fn lasts(self) -> bool {
        !matches!(
            self,
            FaultKind::Break | FaultKind::IoError | FaultKind::BitFlip | FaultKind::Revoke | FaultKind::Equivocate
        )
    }

    /// Whether a node of this role can have it.
    fn can_hit(self, role: Role) -> bool {
        match self {
            // The township vouches for itself, and what it writes nobody else may write.
            // Nobody above it would notice that it runs twice.
            FaultKind::Revoke | FaultKind::Flood | FaultKind::Clone => role != Role::Township,
            // Two tales are told of an account, and these are opened by villages and communities.
            FaultKind::Equivocate => matches!(role, Role::Village | Role::Community),
            _ => true,
        }
    }
}

/// Checks what the types cannot say, when clerks work for at most so long: the key of the rule, and what is wrong.
pub(super) fn check(rule: &FaultRule, load: Micros) -> Result<(), (&'static str, String)> {
    let kind = rule.kind;
    if rule.when.least(load) >= load {
        return Err(("when", "is when clerks have stopped, after `phases.load`: it would never happen".to_owned()));
    }
    if kind.lasts() != rule.lasts.is_some() {
        let what = if kind.lasts() {
            "is missing: how long it lasts, such as \"10s..60s\""
        } else {
            "says nothing for this kind"
        };
        return Err(("lasts", what.to_owned()));
    }
    let own = [
        ("way", rule.way.is_some(), &[FaultKind::Cut][..]),
        ("backup", rule.backup.is_some(), &[FaultKind::Restore, FaultKind::Clone]),
        ("up", rule.up.is_some(), &[FaultKind::Flap]),
        ("down", rule.down.is_some(), &[FaultKind::Flap]),
        ("shows", rule.shows.is_some(), &[FaultKind::Clock]),
        ("nth", rule.nth.is_some(), &[FaultKind::IoError]),
        ("per_second", rule.per_second.is_some(), &[FaultKind::Flood]),
    ];
    if let Some((key, _, of)) = own.into_iter().find(|(_, given, of)| *given && !of.contains(&kind)) {
        let of: Vec<String> = of.iter().map(|of| format!("\"{}\"", of.as_str())).collect();
        let what = format!("says nothing for kind = \"{}\", only for {}", kind.as_str(), of.join(" and "));
        return Err((key, what));
    }
    let needed = |key: &str| matches!(key, "up" | "down" | "shows");
    if let Some((key, ..)) = own.into_iter().find(|(key, given, of)| needed(key) && of.contains(&kind) && !given) {
        return Err((key, format!("is missing: kind = \"{}\" needs it", kind.as_str())));
    }
    let nothing = [("up", rule.up), ("down", rule.down)];
    if let Some((key, _)) = nothing.into_iter().find(|(_, range)| range.is_some_and(|range| range.low == 0)) {
        return Err((key, "must be more than nothing".to_owned()));
    }
    let none = [("nth", rule.nth), ("per_second", rule.per_second)];
    if let Some((key, _)) = none.into_iter().find(|(_, range)| range.is_some_and(|range| range.low == 0)) {
        return Err((key, "is counted from 1".to_owned()));
    }
    if rule.every.is_some_and(|every| every.0 == 0) {
        return Err(("every", "must be more than nothing".to_owned()));
    }
    Ok(())
}

impl Scene<'_> {
    /// The faults of one rule.
    ///
    /// # Errors
    /// When the rule's nodes are not there, or none of them can have such a fault.
    pub(super) fn faults(&self, rule: &FaultRule, name: &str) -> Result<Vec<(Micros, Fault)>, String> {
        let rng = |purpose: &str| Rng::new(self.seed, &format!("fault {name}"), purpose);
        let targets = self.able(rule.kind, rule.at.pick(&self.layout.sites, &mut rng("at"))?)?;
        let mut swarm = rng("swarm");
        let weight = match (self.swarm, swarm.chance(500)) {
            (true, false) => 0,
            (true, true) => 1 << swarm.below(3),
            (false, _) => 1,
        };
        if weight == 0 || targets.is_empty() || !rng("chance").chance(rule.chance.0) {
            return Ok(Vec::new());
        }
        let mut faults = Vec::new();
        for (target, who) in self.hit(rule.kind, &targets) {
            let mut rng = Rng::new(self.seed, &who, &format!("fault {name}"));
            for at in self.times(rule, weight, &mut rng) {
                self.one(rule, &target, at, &mut rng, &mut faults);
            }
        }
        Ok(faults)
    }

    /// Those of the chosen nodes that can have such a fault.
    fn able(&self, kind: FaultKind, mut chosen: BTreeSet<usize>) -> Result<BTreeSet<usize>, String> {
        let none_chosen = chosen.is_empty();
        chosen.retain(|node| kind.can_hit(self.layout.sites[*node].role));
        if chosen.is_empty() && !none_chosen {
            let of = if kind == FaultKind::Equivocate { "villages and communities" } else { "all but townships" };
            return Err(format!("names nobody who can have a fault of kind = \"{}\": {of} can", kind.as_str()));
        }
        Ok(chosen)
    }

    /// What is hit each on its own, with the name that its draws depend on.
    fn hit(&self, kind: FaultKind, targets: &BTreeSet<usize>) -> Vec<(Target, String)> {
        let name = |node: usize| self.layout.sites[node].name.clone();
        match kind.hits() {
            Hits::Together => vec![(Target::Island(targets.clone()), String::new())],
            Hits::Links => {
                let links = self.layout.joins.iter().enumerate().filter(|(_, join)| targets.contains(&join.dials));
                links
                    .map(|(n, join)| (Target::Link(n), format!("{}~{}", name(join.dials), name(join.answers))))
                    .collect()
            }
            Hits::Nodes => targets.iter().map(|n| (Target::Node(*n), name(*n))).collect(),
        }
    }

    fn times(&self, rule: &FaultRule, weight: u64, rng: &mut Rng) -> Vec<Micros> {
        let mut times = Vec::new();
        for _ in 0..rule.times.draw(rng) * weight {
            let first = self.moment(rule.when, rng);
            let until = self.phases.load_until();
            let every = rule.every.map_or(Micros::MAX, |every| every.0);
            let again = std::iter::successors(Some(first), |at| at.checked_add(every).filter(|at| *at < until));
            times.extend(again);
        }
        times
    }

    /// Each merchant's till goes without a line again and again, for a share of the time that clerks work.
    pub(super) fn tills_without_a_line(&self, permille: u64, each: Moment) -> Vec<(Micros, Fault)> {
        let mut cuts = Vec::new();
        let tills = self.layout.sites.iter().enumerate().filter(|(_, site)| site.role == Role::Merchant);
        for (till, site) in tills.filter(|_| permille > 0) {
            let mut rng = Rng::new(self.seed, &site.name, "offline");
            let mut at = self.phases.warm_up;
            while at < self.phases.load_until() {
                let lasts = each.draw(&mut rng, self.phases.load).max(1);
                let between = lasts.saturating_mul(1000 - permille) / permille;
                let before = rng.between(0, between);
                let cut = Fault::Cut { island: BTreeSet::from([till]), way: Way::Both, lasts, till: true };
                cuts.push((at.saturating_add(before), cut));
                at = at.saturating_add(lasts).saturating_add(between);
            }
        }
        cuts.retain(|(at, _)| *at < self.phases.load_until());
        cuts
    }

    /// A moment after the warm-up.
    fn moment(&self, moment: Moment, rng: &mut Rng) -> Micros {
        self.phases.warm_up.saturating_add(moment.draw(rng, self.phases.load))
    }

    fn one(&self, rule: &FaultRule, target: &Target, at: Micros, rng: &mut Rng, faults: &mut Vec<(Micros, Fault)>) {
        let lasts = rule.lasts.map_or(0, |lasts| lasts.draw(rng, self.phases.load));
        let fault = match target {
            Target::Island(island) => in_island(rule, island.clone(), lasts, rng),
            Target::Link(link) => Fault::Break { link: *link },
            Target::Node(node) => {
                if rule.kind == FaultKind::Restore {
                    let backup = self.moment(rule.backup.unwrap_or(Moment::Load(Range::of(50, 500))), rng);
                    faults.push((backup.min(at), Fault::Backup { node: *node }));
                }
                at_node(rule, *node, lasts, rng)
            }
        };
        // A copy is made some time before it is started.
        let Fault::Clone { node, beside, .. } = fault else { return faults.push((at, fault)) };
        let copied = rule.backup.map_or(at, |moment| self.moment(moment, rng).min(at));
        faults.push((copied, Fault::Clone { node, age: at - copied, beside }));
    }
}

enum Target {
    Island(BTreeSet<usize>),
    Link(usize),
    Node(usize),
}

fn in_island(rule: &FaultRule, island: BTreeSet<usize>, lasts: Micros, rng: &mut Rng) -> Fault {
    match (rule.up, rule.down) {
        (Some(up), Some(down)) => Fault::Flap { island, up: up.draw(rng), down: down.draw(rng), lasts },
        _ => Fault::Cut { island, way: way(rule.way), lasts, till: false },
    }
}

fn at_node(rule: &FaultRule, node: usize, lasts: Micros, rng: &mut Rng) -> Fault {
    match rule.kind {
        FaultKind::Restore => Fault::Restore { node, down: lasts },
        FaultKind::Upgrade => Fault::Upgrade { node, down: lasts },
        FaultKind::Clock => Fault::Clock { node, shows: shows(rule.shows, rng), lasts },
        FaultKind::DiskFull => Fault::DiskFull { node, lasts },
        FaultKind::IoError => Fault::IoError { node, nth: rule.nth.unwrap_or(Range::of(1, 1)).draw(rng) },
        FaultKind::BitFlip => Fault::BitFlip { node },
        FaultKind::SlowPeer => Fault::SlowPeer { node, lasts },
        FaultKind::Revoke => Fault::Revoke { node },
        FaultKind::Equivocate => Fault::Equivocate { node },
        FaultKind::Forge => Fault::Forge { node, lasts },
        FaultKind::Flood => {
            let per_second = rule.per_second.unwrap_or(Range::of(10, 10)).draw(rng).min(SECOND);
            Fault::Flood { node, lasts, per_second }
        }
        FaultKind::Clone => Fault::Clone { node, age: 0, beside: lasts },
        FaultKind::Crash | FaultKind::Cut | FaultKind::Flap | FaultKind::Break => Fault::Crash { node, down: lasts },
    }
}

fn shows(key: Option<ShowsKey>, rng: &mut Rng) -> ClockFault {
    match key {
        None | Some(ShowsKey::Epoch1970) => ClockFault::Epoch1970,
        Some(ShowsKey::Ahead(offsets)) => ClockFault::Offset(offsets.draw_millis(rng)),
    }
}

fn way(key: Option<WayKey>) -> Way {
    match key {
        None | Some(WayKey::Both) => Way::Both,
        Some(WayKey::Into) => Way::Into,
        Some(WayKey::OutOf) => Way::OutOf,
    }
}
