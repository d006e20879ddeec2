//! From a scenario and a seed to a plan.

use std::collections::BTreeSet;

use xiangyue_protocol::schema::AccountId;
use xiangyue_protocol::{Date, Millis};

use super::document::Problem;
use super::faults::{self, Scene};
use super::file::{DutyKeys, Link, NodeRule, VersionKey};
use super::topology::{Layout, Role};
use super::units::Range;
use super::{Scenario, must};
use crate::link::{Cell, LinkClass, LinkSpec};
use crate::plan::{NodeSpec, Phases, Plan, Version};
use crate::rng::Rng;
use crate::scheduler::{Duty, MILLI};
use crate::workload::Workload;

/// Rows that the series of one run may have: they are kept until the run's step is over, and drawn.
const MOST_SAMPLES: u64 = 1_000_000;
/// Seeds that are tried before anything runs: ranges draw differently.
const TRIED: u64 = 10;

impl Scenario {
    /// What the types of the file cannot say, and what shows only when a plan is made.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let file = &self.file;
        let topology = |(key, what): (&str, String)| self.document.problem(&format!("topology.{key}"), what);
        file.topology.check().map_err(topology)?;
        let mut names = BTreeSet::new();
        for (number, rule) in file.fault.iter().enumerate() {
            let wrong =
                |(key, what): (&str, String)| self.document.problem(&format!("fault.{}.{key}", number + 1), what);
            faults::check(rule, file.phases.load.high).map_err(wrong)?;
            let name = faults::name_of(rule, number + 1);
            if !names.insert(name.clone()) {
                return Err(wrong(("name", format!("`{name}` is the name of an earlier fault, too"))));
            }
        }
        let duties =
            file.link.iter().filter_map(|(name, link)| Some((format!("link.{}.duty", name.get_ref()), link.duty?)));
        let powers =
            file.node.iter().enumerate().filter_map(|(n, rule)| Some((format!("node.{}.power", n + 1), rule.power?)));
        for (key, duty) in duties.chain(powers) {
            if duty.on.0 == 0 || duty.on.0.saturating_add(duty.jitter.0) > duty.every.0 {
                let what = "`on` is more than nothing, and with `jitter` no longer than `every`";
                return Err(self.document.problem(&key, what.to_owned()));
            }
        }
        let keys = &file.workload;
        let workload = [
            ("every", keys.every.low < MILLI, "is at least 1ms: without a wait no time would pass"),
            ("import_rows", keys.import_rows.low == 0, "an import has at least one row"),
            ("zipf", keys.zipf.0 > 2_000, "is at most 2"),
            ("offline_for", keys.offline_for.is_nothing(), "must be more than nothing"),
            (
                "redeem",
                keys.redeem.0 + keys.reverse.0 + keys.grant.0 > 1000,
                "`redeem`, `reverse` and `grant` are shares of what a village does: together at most 100%",
            ),
        ];
        if let Some((key, _, what)) = workload.into_iter().find(|(_, wrong, _)| *wrong) {
            return Err(self.document.problem(&format!("workload.{key}"), what.to_owned()));
        }
        if file.seeds.count == 0 {
            return Err(self.document.problem("seeds.count", "at least one".to_owned()));
        }
        let length = file.phases.warm_up.high.saturating_add(file.phases.load.high);
        if let Some(samples) = length.checked_div(file.phases.sample.0).filter(|samples| *samples > MOST_SAMPLES) {
            let what = format!("{samples} samples of up to {MOST_SAMPLES} that a run may have");
            return Err(self.document.problem("phases.sample", what));
        }
        if let Some(key) = file.sweep.keys().find(|key| key.starts_with("seeds") || key.starts_with("sweep")) {
            let what = "cannot be swept: every combination is run under the same seeds, as [seeds] or --seeds say";
            return Err(self.document.problem(&format!("sweep.{key}"), what.to_owned()));
        }
        if let Some((key, _)) = file.sweep.iter().find(|(_, values)| values.is_empty()) {
            return Err(self.document.problem(&format!("sweep.{key}"), "needs at least one value".to_owned()));
        }
        (0..file.seeds.count.min(TRIED)).try_for_each(|n| self.plan(file.seeds.first.saturating_add(n)).map(drop))
    }

    /// Classes of links that no link of a plan is of: most likely a selector that means something else.
    pub fn unused_links(&self, plan: &Plan) -> Vec<String> {
        let used: BTreeSet<usize> = plan.links.iter().map(|link| link.class).collect();
        let named = plan.classes.iter().enumerate().skip(1);
        named.filter(|(class, _)| !used.contains(class)).map(|(_, class)| class.name.clone()).collect()
    }

    /// The plan of one seed.
    ///
    /// # Errors
    /// What a seed makes of ranges may not work out: a name in a selector may fit nobody.
    pub fn plan(&self, seed: u64) -> Result<Plan, Problem> {
        let file = &self.file;
        let topology = |(key, what): (&str, String)| self.document.problem(&format!("topology.{key}"), what);
        let layout = Layout::build(&file.topology, seed).map_err(topology)?;
        let mut plan = Plan::calm(seed, Vec::new(), Vec::new());
        plan.nodes = self.nodes(&layout, seed)?;
        self.links(&layout, seed, &mut plan)?;
        self.people(&layout, seed, &mut plan);
        let keys = &file.phases;
        let mut rng = Rng::new(seed, "phases", "length");
        plan.phases = Phases {
            warm_up: keys.warm_up.draw(&mut rng),
            load: keys.load.draw(&mut rng),
            liveness: keys.liveness.0,
            core_permille: keys.core.0,
        };
        plan.start = morning(keys.start);
        plan.sample = keys.sample.0;
        let scene = Scene { seed, swarm: file.swarm, layout: &layout, phases: plan.phases };
        for (number, rule) in file.fault.iter().enumerate() {
            let name = faults::name_of(rule, number + 1);
            let wrong = |what| self.document.problem(&format!("fault.{}.at", number + 1), what);
            plan.faults.extend(scene.faults(rule, &name).map_err(wrong)?);
        }
        plan.faults.extend(scene.tills_without_a_line(file.workload.offline.0, file.workload.offline_for));
        plan.policy = file.policy.clone();
        Ok(plan)
    }

    fn nodes(&self, layout: &Layout, seed: u64) -> Result<Vec<NodeSpec>, Problem> {
        let mut nodes: Vec<NodeSpec> = layout
            .sites
            .iter()
            .map(|site| NodeSpec { place: site.place, ..NodeSpec::new(site.name.clone(), site.org.clone()) })
            .collect();
        for (number, rule) in self.file.node.iter().enumerate() {
            let wrong = |what| self.document.problem(&format!("node.{}.at", number + 1), what);
            let chosen = rule.at.pick(&layout.sites, &mut Rng::new(seed, &format!("node {number}"), "at"));
            for at in chosen.map_err(wrong)? {
                apply(rule, &mut nodes[at], seed);
            }
        }
        Ok(nodes)
    }

    fn links(&self, layout: &Layout, seed: u64, plan: &mut Plan) -> Result<(), Problem> {
        let mut classes: Vec<_> = self.file.link.iter().collect();
        // As they stand in the file, so that later ones win; the parser hands them over by name.
        classes.sort_by_key(|(name, _)| name.span().start);
        let mut of = vec![None; layout.joins.len()];
        let mut metres = vec![0; 1];
        for (at, (name, link)) in classes.iter().enumerate() {
            let name = name.get_ref().as_str();
            let ends = |key: &str, selector: &super::select::Selector| {
                let mut rng = Rng::new(seed, &format!("link {name}"), key);
                let wrong = |what| self.document.problem(&format!("link.{name}.{key}"), what);
                selector.pick(&layout.sites, &mut rng).map_err(wrong)
            };
            let (dials, answers) = (ends("at", &link.at)?, ends("to", &link.to)?);
            for (of, join) in of.iter_mut().zip(&layout.joins) {
                if dials.contains(&join.dials) && answers.contains(&join.answers) {
                    *of = Some(at + 1);
                }
            }
            plan.classes.push(class(name, link, seed));
            metres.push(link.per_km.0);
        }
        let mut cells: Vec<(Option<usize>, u64)> = vec![(None, 0); classes.len() + 1];
        for (join, of) in layout.joins.iter().zip(of) {
            let class = of.unwrap_or(0);
            let cell =
                of.and_then(|of| share(classes[of - 1].1, &plan.classes[of].name, &mut cells[of], &mut plan.cells));
            let extra = metres[class].saturating_mul(join.metres) / 1000;
            plan.links.push(LinkSpec { dials: join.dials, answers: join.answers, class, cell, extra });
        }
        Ok(())
    }

    fn people(&self, layout: &Layout, seed: u64, plan: &mut Plan) {
        let keys = &self.file.workload;
        plan.since = keys.since;
        for (at, site) in layout.sites.iter().enumerate() {
            if matches!(site.role, Role::Village | Role::Community) {
                let count = keys.accounts.draw(&mut Rng::new(seed, &site.name, "accounts"));
                let accounts = (1..=count).map(|n| must::<AccountId>(&format!("{}-{n}", site.org)));
                plan.accounts.extend(accounts.map(|account| (account, at)));
            }
        }
        plan.workload = Workload {
            every: keys.every.ends(),
            gather: keys.gather.0,
            retry_permille: keys.retry.0,
            redeem_permille: keys.redeem.0,
            reverse_permille: keys.reverse.0,
            grant_permille: keys.grant.0,
            township_permille: keys.township.0,
            publish_permille: keys.publish.0,
            import_permille: keys.import.0,
            import_rows: keys.import_rows.ends(),
            roster_permille: keys.roster.0,
            zipf_permille: keys.zipf.0,
            months: keys.months.0,
            close_days: keys.close.0,
            close_reverse_permille: keys.close_reverse.0,
            ..Workload::default()
        };
    }
}

/// The cell of the next link of a class: each takes so many links, then a further one is opened.
fn share(link: &Link, name: &str, open: &mut (Option<usize>, u64), cells: &mut Vec<Cell>) -> Option<usize> {
    let bandwidth = link.cell?.0;
    if open.1.is_multiple_of(link.cell_links.0.max(1)) {
        cells.push(Cell { name: format!("{name}-{}", open.1 / link.cell_links.0.max(1) + 1), bandwidth });
        open.0 = Some(cells.len() - 1);
    }
    open.1 += 1;
    open.0
}

fn class(name: &str, link: &Link, seed: u64) -> LinkClass {
    let mut rng = Rng::new(seed, &format!("link {name}"), "class");
    let bandwidth = link.bandwidth.draw(&mut rng);
    LinkClass {
        name: name.to_owned(),
        latency: link.latency.ends(),
        loss_permille: link.loss.draw(&mut rng),
        bandwidth: (bandwidth > 0).then_some(bandwidth),
        notice: link.notice.ends(),
        redial: link.redial.ends(),
        duty: link.duty.map(|duty| rhythm(&duty, &mut rng)),
        queue: usize::try_from(link.queue.0).unwrap_or(usize::MAX),
    }
}

fn rhythm(keys: &DutyKeys, rng: &mut Rng) -> Duty {
    let from = keys.from.unwrap_or(Range::of(0, keys.every.0 - keys.on.0));
    Duty { period: keys.every.0, on: keys.on.0, phase: from.draw(rng), jitter: keys.jitter.0 }
}

fn apply(rule: &NodeRule, node: &mut NodeSpec, seed: u64) {
    let mut rng = Rng::new(seed, &node.name, "node");
    node.disk.sync = rule.disk_sync.map_or(node.disk.sync, |sync| sync.ends());
    node.disk.slow_permille = rule.disk_slow.map_or(node.disk.slow_permille, |slow| slow.0);
    if let Some(power) = rule.power {
        node.power = Some(rhythm(&power, &mut rng));
    }
    if let Some(clock) = rule.clock {
        node.clock.offset_ms = clock.draw_millis(&mut rng);
    }
    if let Some(drift) = rule.drift_ppm {
        let ppm = i32::try_from(drift.draw(&mut rng)).unwrap_or(i32::MAX);
        node.clock.drift_ppm = if rng.chance(500) { ppm } else { -ppm };
    }
    match rule.version {
        Some(VersionKey::Newer) => node.version = Version::Newer,
        Some(VersionKey::Current) => node.version = Version::Current,
        None => {}
    }
}

/// Eight in the morning of a day in China.
fn morning(day: Date) -> Millis {
    let since = |date: Date| i64::from(date.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days()));
    Millis(u64::try_from(since(day)).unwrap_or(0) * 86_400_000)
}
