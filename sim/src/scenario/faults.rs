//! From rules to faults: where, when, how often, under one seed.
//!
//! Every draw depends on the seed, the rule's name and the node or link that is hit, so a further rule or node
//! shifts no other. With `swarm` each seed leaves about half of the rules out and gives the others different
//! weights: leaving features out finds what their mixture hides (Groce et al., Swarm Testing, ISSTA 2012).

use std::collections::BTreeSet;

use super::file::{FaultKind, FaultRule, WayKey};
use super::topology::Layout;
use super::units::{Moment, Range};
use crate::plan::{Fault, Phases, Way};
use crate::rng::Rng;
use crate::scheduler::Micros;

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

/// Checks what the types cannot say: the key of the rule, and what is wrong.
pub(super) fn check(rule: &FaultRule) -> Result<(), (&'static str, String)> {
    let kind = rule.kind;
    let lasts = matches!(kind, FaultKind::Cut | FaultKind::Crash | FaultKind::Restore);
    let only = |key: &'static str, given: bool, of: FaultKind| {
        let what = || format!("says nothing for kind = \"{}\", only for \"{}\"", kind.as_str(), of.as_str());
        if given && kind != of { Err((key, what())) } else { Ok(()) }
    };
    if lasts != rule.lasts.is_some() {
        let what =
            if lasts { "is missing: how long it lasts, such as \"10s..60s\"" } else { "says nothing for this kind" };
        return Err(("lasts", what.to_owned()));
    }
    only("way", rule.way.is_some(), FaultKind::Cut)?;
    only("backup", rule.backup.is_some(), FaultKind::Restore)?;
    if rule.every.is_some_and(|every| every.0 == 0) {
        return Err(("every", "must be more than nothing".to_owned()));
    }
    Ok(())
}

impl Scene<'_> {
    /// The faults of one rule.
    ///
    /// # Errors
    /// When the rule's nodes are not there.
    pub(super) fn faults(&self, rule: &FaultRule, name: &str) -> Result<Vec<(Micros, Fault)>, String> {
        let rng = |purpose: &str| Rng::new(self.seed, &format!("fault {name}"), purpose);
        let targets = rule.at.pick(&self.layout.sites, &mut rng("at"))?;
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

    /// What is hit each on its own, with the name that its draws depend on.
    fn hit(&self, kind: FaultKind, targets: &BTreeSet<usize>) -> Vec<(Target, String)> {
        let name = |node: usize| self.layout.sites[node].name.clone();
        match kind {
            FaultKind::Cut => vec![(Target::Island(targets.clone()), String::new())],
            FaultKind::Break => {
                let links = self.layout.joins.iter().enumerate().filter(|(_, join)| targets.contains(&join.dials));
                links
                    .map(|(n, join)| (Target::Link(n), format!("{}~{}", name(join.dials), name(join.answers))))
                    .collect()
            }
            FaultKind::Crash | FaultKind::Restore => targets.iter().map(|n| (Target::Node(*n), name(*n))).collect(),
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

    /// A moment after the warm-up.
    fn moment(&self, moment: Moment, rng: &mut Rng) -> Micros {
        self.phases.warm_up.saturating_add(moment.draw(rng, self.phases.load))
    }

    fn one(&self, rule: &FaultRule, target: &Target, at: Micros, rng: &mut Rng, faults: &mut Vec<(Micros, Fault)>) {
        let lasts = rule.lasts.map_or(0, |lasts| lasts.draw(rng, self.phases.load));
        let fault = match (target, rule.kind) {
            (Target::Island(island), _) => Fault::Cut { island: island.clone(), way: way(rule.way), lasts },
            (Target::Link(link), _) => Fault::Break { link: *link },
            (Target::Node(node), FaultKind::Restore) => {
                let backup = self.moment(rule.backup.unwrap_or(Moment::Load(Range::of(50, 500))), rng);
                faults.push((backup.min(at), Fault::Backup { node: *node }));
                Fault::Restore { node: *node, down: lasts }
            }
            (Target::Node(node), _) => Fault::Crash { node: *node, down: lasts },
        };
        faults.push((at, fault));
    }
}

enum Target {
    Island(BTreeSet<usize>),
    Link(usize),
    Node(usize),
}

fn way(key: Option<WayKey>) -> Way {
    match key {
        None | Some(WayKey::Both) => Way::Both,
        Some(WayKey::Into) => Way::Into,
        Some(WayKey::OutOf) => Way::OutOf,
    }
}
