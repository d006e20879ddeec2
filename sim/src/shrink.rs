//! Shrinking: a plan under which an oracle trips is made smaller while the same oracle still trips. Faults go
//! first, then nodes, then what clerks ask for.
//!
//! Delta debugging, the minimising algorithm `ddmin` of Zeller and Hildebrandt (Simplifying and Isolating
//! Failure-Inducing Input, TSE 2002). It works because randomness belongs to names: what is taken away shifts
//! nobody else's draws.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::{Level, Refusal};

use crate::engine::Engine;
use crate::observer::{Observer, TraceEvent};
use crate::oracle::Violation;
use crate::plan::{Fault, Plan};
use crate::report::Report;

/// A plan that is as small as it gets.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The plan.
    pub plan: Plan,
    /// What trips under it.
    pub violation: Violation,
    /// Its trace.
    pub trace_hash: String,
    /// Requests that are left.
    pub requests: usize,
    /// Runs that it took.
    pub runs: u64,
}

/// Counts what clerks ask for, by node and turn.
#[derive(Debug, Default)]
struct Asked(BTreeSet<(usize, u64)>);

impl Observer for Asked {
    fn wants_events(&self) -> bool {
        true
    }

    fn event(&mut self, event: &TraceEvent) {
        if event.kind == "asks"
            && let Ok(turn) = event.detail.parse()
        {
            self.0.insert((event.node, turn));
        }
    }
}

struct Shrinker<'a> {
    wanted: Violation,
    runs: u64,
    progress: &'a mut dyn FnMut(u64, &str) -> bool,
    stopped: bool,
}

impl Shrinker<'_> {
    /// Whether the oracle trips under a plan. A plan that does not start shows nothing.
    fn trips(&mut self, plan: &Plan, what: &str) -> bool {
        self.stopped = self.stopped || !(self.progress)(self.runs, what);
        if self.stopped {
            return false;
        }
        self.runs += 1;
        run(plan.clone(), &mut ()).is_ok_and(|report| self.seen(&report).is_some())
    }

    fn seen<'r>(&self, report: &'r Report) -> Option<&'r Violation> {
        report.violations.iter().find(|v| (v.promise, v.oracle) == (self.wanted.promise, self.wanted.oracle))
    }

    /// The least of `parts` that `with` makes a tripping plan of.
    fn least<T: Clone>(&mut self, what: &str, parts: Vec<T>, with: impl Fn(&[T]) -> Plan) -> Vec<T> {
        if self.trips(&with(&[]), what) {
            return Vec::new();
        }
        ddmin(parts, |kept| self.trips(&with(kept), what))
    }
}

fn run(plan: Plan, watch: &mut dyn Observer) -> Result<Report, Refusal> {
    Ok(Engine::new(plan)?.run(watch))
}

/// Makes a plan smaller. `progress` is told the runs so far and what is being taken away, and says whether to go
/// on; when not, the smallest so far is handed back. None when no oracle trips.
///
/// # Errors
/// When the plan does not start.
pub fn shrink(plan: &Plan, progress: &mut dyn FnMut(u64, &str) -> bool) -> Result<Option<Shrunk>, Refusal> {
    let Some(wanted) = run(plan.clone(), &mut ())?.violations.first().cloned() else { return Ok(None) };
    let mut shrinker = Shrinker { wanted, runs: 1, progress, stopped: false };
    let mut plan = plan.clone();
    shorten(&mut shrinker, &mut plan);
    let faults =
        shrinker.least("faults", plan.faults.clone(), |faults| Plan { faults: faults.to_vec(), ..plan.clone() });
    plan.faults = faults;
    let nodes = shrinker.least("nodes", removable(&plan), |kept| with_nodes(&plan, kept));
    plan = with_nodes(&plan, &nodes);
    let mut asked = Asked::default();
    run(plan.clone(), &mut asked)?;
    let all = asked.0;
    let turns = shrinker.least("requests", all.iter().copied().collect(), |kept| mute(&plan, &all, kept));
    plan = mute(&plan, &all, &turns);
    let mut asked = Asked::default();
    let report = run(plan.clone(), &mut asked)?;
    let violation = shrinker.seen(&report).cloned().unwrap_or(shrinker.wanted);
    let (trace_hash, requests, runs) = (report.trace_hash, asked.0.len(), shrinker.runs);
    Ok(Some(Shrunk { plan, violation, trace_hash, requests, runs }))
}

/// Ends the load where the oracle first tripped, if it trips then as well.
fn shorten(shrinker: &mut Shrinker<'_>, plan: &mut Plan) {
    let end = shrinker.wanted.at.saturating_sub(plan.phases.warm_up) + 1;
    if end < plan.phases.load {
        let mut shorter = plan.clone();
        shorter.phases.load = end;
        shorter.faults.retain(|(at, _)| *at <= shrinker.wanted.at);
        if shrinker.trips(&shorter, "time") {
            *plan = shorter;
        }
    }
}

/// All nodes but those of townships, whom the others trust.
fn removable(plan: &Plan) -> Vec<usize> {
    (0..plan.nodes.len()).filter(|n| plan.nodes[*n].org.level() != Level::Township).collect()
}

/// Nodes that a township reaches over links between nodes that stay.
fn reached(plan: &Plan, stays: impl Fn(&usize) -> bool) -> BTreeSet<usize> {
    let removable = removable(plan);
    let mut found: BTreeSet<usize> = (0..plan.nodes.len()).filter(|n| !removable.contains(n)).collect();
    loop {
        let ends = plan.links.iter().map(|link| [link.dials, link.answers]).filter(|ends| ends.iter().all(&stays));
        let next: Vec<usize> = ends.filter(|ends| ends.iter().any(|n| found.contains(n))).flatten().collect();
        let before = found.len();
        found.extend(next);
        if found.len() == before {
            return found;
        }
    }
}

/// The plan with these of its removable nodes, and what is left of links, accounts and faults. Whom that cuts off from
/// the rest goes as well: it could not come to agree with anybody.
fn with_nodes(plan: &Plan, kept: &[usize]) -> Plan {
    let removable = removable(plan);
    let chosen = |n: &usize| !removable.contains(n) || kept.contains(n);
    let (before, after) = (reached(plan, |_| true), reached(plan, chosen));
    let stays = |n: &usize| chosen(n) && (after.contains(n) || !before.contains(n));
    let place: BTreeMap<usize, usize> = (0..plan.nodes.len()).filter(stays).zip(0..).collect();
    let links: Vec<usize> = (0..plan.links.len())
        .filter(|l| place.contains_key(&plan.links[*l].dials) && place.contains_key(&plan.links[*l].answers))
        .collect();
    let mut smaller = plan.clone();
    smaller.nodes = place.keys().map(|n| plan.nodes[*n].clone()).collect();
    smaller.links = links.iter().map(|l| plan.links[*l].clone()).collect();
    for link in &mut smaller.links {
        (link.dials, link.answers) = (place[&link.dials], place[&link.answers]);
    }
    smaller.accounts =
        plan.accounts.iter().filter_map(|(account, n)| Some((account.clone(), *place.get(n)?))).collect();
    smaller.muted = plan.muted.iter().filter_map(|(n, turn)| Some((*place.get(n)?, *turn))).collect();
    smaller.faults = plan
        .faults
        .iter()
        .filter_map(|(at, fault)| {
            let mut fault = fault.clone();
            match &mut fault {
                Fault::Cut { island, .. } | Fault::Flap { island, .. } => {
                    *island = island.iter().filter_map(|n| place.get(n).copied()).collect();
                }
                Fault::Break { link } => *link = links.iter().position(|l| l == link)?,
                other => {
                    let node = other.node_mut()?;
                    *node = *place.get(node)?;
                }
            }
            Some((*at, fault))
        })
        .collect();
    smaller
}

/// The plan in which clerks ask for nothing but this.
fn mute(plan: &Plan, all: &BTreeSet<(usize, u64)>, kept: &[(usize, u64)]) -> Plan {
    let mut plan = plan.clone();
    plan.muted.extend(all.iter().filter(|turn| !kept.contains(turn)));
    plan
}

/// A smallest part of `parts` (no single one can be left out) for which `trips` holds; it holds for all of them.
fn ddmin<T: Clone>(mut parts: Vec<T>, mut trips: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut grains = 2;
    while parts.len() >= 2 {
        let size = parts.len().div_ceil(grains);
        let chunks: Vec<Vec<T>> = parts.chunks(size).map(<[T]>::to_vec).collect();
        let without = |chunk: usize| -> Vec<T> {
            let others = chunks.iter().enumerate().filter(|(at, _)| *at != chunk);
            others.flat_map(|(_, chunk)| chunk.iter().cloned()).collect()
        };
        if let Some(chunk) = chunks.iter().find(|chunk| trips(chunk)) {
            (parts, grains) = (chunk.clone(), 2);
        } else if let Some(at) = (0..chunks.len()).find(|at| trips(&without(*at))) {
            (parts, grains) = (without(at), (grains - 1).max(2));
        } else if grains < parts.len() {
            grains = (grains * 2).min(parts.len());
        } else {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_needed_and_nothing_else() {
        let mut runs = 0;
        let least = ddmin((0..100).collect(), |kept: &[u32]| {
            runs += 1;
            kept.contains(&17) && kept.contains(&64) && kept.contains(&65)
        });
        assert_eq!(least, [17, 64, 65]);
        assert!(runs < 200, "{runs} runs");
    }
}
