//! A plan of the simulator on real processes, in real time: the same clerks, partitions, breaks and power cuts.
//!
//! The plan is made by `xiangyue-sim`; nodes are enrolled processes, every link runs through a relay of its own.
//! Timing differs from the simulator's, so the two tiers need not refuse the same redemption; what may never be
//! seen is the same in both, and [`Outcome::objections`] says it for this one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xiangyue_protocol::{Amend, Command, Millis};
use xiangyue_sim::plan::{Fault, Plan};
use xiangyue_sim::workload::{Clerk, Wish, clerks};

use crate::town::free_udp_address;
use crate::{Node, Relay, Town, wait_until_ok};

/// How long nodes may take to agree after the last fault: a cut line's probes back off for as long as the cut was.
const HEAL_SECONDS: u64 = 180;

enum Step {
    Operate(usize),
    Fault(usize),
    Heal(usize),
    Start(usize),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Commands that a clerk was told are done, by node.
    pub acknowledged: Vec<(usize, Command)>,
    /// How often each refusal was given.
    pub refused: BTreeMap<String, u64>,
    /// Calls that found no process or lost it.
    pub unanswered: u64,
    /// Power cuts, partitions and breaks carried out.
    pub faults: u64,
    /// Faults of the plan that this tier has no means for.
    pub left_out: Vec<String>,
    /// From the end of the load until all agreed.
    pub healed_in: Duration,
    /// What may not be seen and was.
    pub objections: Vec<String>,
}

/// A plan under way.
struct Replay<'a> {
    plan: &'a Plan,
    town: Town,
    /// The nodes behind the township's, in the plan's order.
    others: Vec<Node>,
    /// One relay for each link.
    relays: Vec<Relay>,
    clerks: Vec<Clerk>,
    cuts: BTreeSet<usize>,
    down: BTreeSet<usize>,
    outcome: Outcome,
}

/// Carries a plan out. Its first node must be the township's, and each other one must have a link to it.
pub fn replay(plan: &Plan) -> Outcome {
    let mut replay = Replay::enrol(plan);
    replay.set_up();
    replay.load();
    replay.come_to_rest();
    replay.judge();
    replay.outcome
}

impl Replay<'_> {
    fn enrol(plan: &Plan) -> Replay<'_> {
        let town = Town::found();
        let addresses: Vec<String> = plan
            .nodes
            .iter()
            .enumerate()
            .map(|(n, _)| if n == 0 { town.address.clone() } else { free_udp_address() })
            .collect();
        let relays: Vec<Relay> =
            plan.links.iter().zip(plan.seed..).map(|(link, seed)| Relay::to(&addresses[link.answers], seed)).collect();
        let mut others = Vec::new();
        for (n, spec) in plan.nodes.iter().enumerate().skip(1) {
            let dialled = || plan.links.iter().zip(&relays).filter(|(link, _)| link.dials == n);
            let up = dialled().find(|(link, _)| link.answers == 0).map(|(_, relay)| relay.address.clone());
            let mut node = town.join(spec.org.as_str(), &spec.name, &up.unwrap());
            let neighbours: Vec<_> =
                dialled().filter(|(link, _)| link.answers != 0).map(|(_, relay)| relay.address.as_str()).collect();
            node.set("LISTEN", &addresses[n]);
            node.set("DIAL", &neighbours.join(","));
            node.start();
            others.push(node);
        }
        let clerks = clerks(plan);
        let (cuts, down, outcome) = (BTreeSet::new(), BTreeSet::new(), Outcome::default());
        Replay { plan, town, others, relays, clerks, cuts, down, outcome }
    }

    fn node(&mut self, n: usize) -> &mut Node {
        if n == 0 { &mut self.town.township } else { &mut self.others[n - 1] }
    }

    /// Rules at the township, accounts at the villages, everything known everywhere.
    fn set_up(&mut self) {
        let since = self.plan.since.to_string();
        let rule = json!({"do": "rule", "code": "R1", "cohort": "villager", "points": 100, "daily_cap": null,
            "effective_from": since});
        let item = json!({"do": "item", "code": "I1", "price": 0, "effective_from": since});
        for command in [rule, item] {
            assert_eq!(self.town.township.command(&command), "new");
        }
        self.agree("the rules are everywhere");
        for (account, village) in self.plan.accounts.clone() {
            let org = self.plan.nodes[village].org.clone();
            let open = json!({"do": "account", "village": org, "account": account, "holder": "person",
                "cohort": "villager", "opened": since});
            assert_eq!(self.node(village).command(&open), "new");
        }
        self.agree("the accounts are known");
    }

    fn load(&mut self) {
        let began = Instant::now();
        let until = self.plan.phases.load_until();
        let mut steps: BTreeMap<(u64, u64), Step> = BTreeMap::new();
        let mut count = 0;
        let mut put = |steps: &mut BTreeMap<_, _>, at: u64, step| {
            count += 1;
            steps.insert((at, count), step);
        };
        for n in 0..self.plan.nodes.len() {
            put(&mut steps, 0, Step::Operate(n));
        }
        for (fault, (at, _)) in self.plan.faults.iter().enumerate() {
            put(&mut steps, *at, Step::Fault(fault));
        }
        while let Some(((at, _), step)) = steps.pop_first() {
            std::thread::sleep(Duration::from_micros(at).saturating_sub(began.elapsed()));
            match step {
                Step::Operate(n) => {
                    self.operate(n, at < until);
                    if at < until {
                        let pause = self.clerks[n].pause(&self.plan.workload, false);
                        put(&mut steps, at + pause, Step::Operate(n));
                    }
                }
                Step::Fault(fault) => {
                    if let Some((after, then)) = self.fault(fault) {
                        put(&mut steps, at + after, then);
                    }
                }
                Step::Heal(fault) => {
                    self.cuts.remove(&fault);
                    self.set_lines();
                }
                Step::Start(n) => {
                    if self.down.remove(&n) {
                        self.node(n).spawn();
                    }
                }
            }
        }
    }

    /// Carries a fault out; says what ends it, and after how long.
    fn fault(&mut self, at: usize) -> Option<(u64, Step)> {
        let (_, fault) = self.plan.faults[at].clone();
        self.outcome.faults += 1;
        match fault {
            Fault::Cut { lasts, .. } => {
                self.cuts.insert(at);
                self.set_lines();
                Some((lasts, Step::Heal(at)))
            }
            Fault::Break { link } => {
                self.relays[link].close();
                self.relays[link].open();
                None
            }
            Fault::Crash { node, down } if self.down.insert(node) => {
                self.node(node).kill();
                Some((down, Step::Start(node)))
            }
            Fault::Crash { .. } => None,
            other => {
                self.outcome.faults -= 1;
                self.outcome.left_out.push(format!("{other:?}"));
                None
            }
        }
    }

    fn set_lines(&mut self) {
        for (link, relay) in self.plan.links.iter().zip(&self.relays) {
            let parted = self.cuts.iter().any(|cut| match &self.plan.faults[*cut].1 {
                Fault::Cut { island, .. } => island.contains(&link.dials) != island.contains(&link.answers),
                _ => false,
            });
            relay.cut(parted);
        }
    }

    fn operate(&mut self, n: usize, fresh: bool) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap();
        let today = Millis(u64::try_from(now.as_millis()).unwrap()).china_date();
        let Some(mut wish) = self.clerks[n].next(&self.plan.workload, today, true, fresh) else { return };
        let requests: Vec<_> = wish.commands.iter().map(request).collect();
        wish.tries += 1;
        let mut all_done = true;
        for (path, request) in &requests {
            match self.node(n).try_one(path, request) {
                Ok(became) if became == "new" || became == "already" => {}
                Ok(code) => {
                    *self.outcome.refused.entry(code).or_insert(0) += 1;
                    return;
                }
                Err(_) => {
                    self.outcome.unanswered += 1;
                    all_done = false;
                }
            }
        }
        if all_done {
            self.acknowledge(n, wish);
        } else {
            wish.answer_lost = true;
            self.clerks[n].pending.push_front(wish);
        }
    }

    fn acknowledge(&mut self, n: usize, wish: Wish) {
        for command in &wish.commands {
            if !self.outcome.acknowledged.contains(&(n, command.clone())) {
                self.outcome.acknowledged.push((n, command.clone()));
            }
        }
        self.clerks[n].remember(wish);
    }

    /// Faults are over: every process runs, every line is whole, every clerk gets an answer, and all agree.
    fn come_to_rest(&mut self) {
        let began = Instant::now();
        self.cuts.clear();
        self.set_lines();
        for n in std::mem::take(&mut self.down) {
            self.node(n).spawn();
        }
        for n in 0..self.plan.nodes.len() {
            while !self.clerks[n].pending.is_empty() && began.elapsed() < Duration::from_secs(HEAL_SECONDS) {
                self.operate(n, false);
            }
        }
        self.agree("all agree after the faults");
        self.outcome.healed_in = began.elapsed();
    }

    fn agree(&self, what: &str) {
        for node in &self.others {
            wait_until_ok(what, HEAL_SECONDS, || {
                // A node that was started just now may not answer yet.
                node.try_get("/status", &[])?;
                self.town.township.try_get("/status", &[])?;
                self.town.difference(node)
            });
        }
    }

    fn judge(&mut self) {
        let mut objections = Vec::new();
        let expected = balances(&self.outcome.acknowledged);
        for (account, village) in self.plan.accounts.clone() {
            let balance = expected.get(account.as_str()).copied().unwrap_or(0);
            for n in [0, village] {
                let node = self.node(n);
                let figure = |name| node.balance(account.as_str(), name).unwrap_or(i64::MIN);
                let (available, debt) = (figure("available"), figure("debt"));
                if available - debt != balance || available < 0 {
                    objections.push(format!("{account} at node {n}: {available} less debt {debt}, not {balance}"));
                }
                let slips = node.slips(account.as_str());
                for request in acknowledged_slips(&self.outcome.acknowledged, account.as_str()) {
                    let times = slips.iter().filter(|slip| **slip == request).count();
                    if times != 1 {
                        objections.push(format!("{request} of {account} stands {times} times at node {n}"));
                    }
                }
            }
        }
        for n in 0..self.plan.nodes.len() {
            if self.node(n).metric("accounts_overspent") != 0 {
                objections.push(format!("node {n} shows accounts overspent"));
            }
        }
        self.outcome.objections = objections;
    }
}

/// What each account has, from what clerks were told alone.
fn balances(acknowledged: &[(usize, Command)]) -> BTreeMap<String, i64> {
    let mut entries: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for (_, command) in acknowledged {
        let (request, account, points) = match command {
            Command::Award(e) => (e.request.to_string(), e.account.to_string(), e.points.0),
            Command::Redeem(e) => (e.request.to_string(), e.account.to_string(), -e.points.0),
            _ => continue,
        };
        entries.insert(request, (account, points));
    }
    for (_, command) in acknowledged {
        if let Command::Reverse(e) = command {
            entries.remove(&e.of.to_string());
        }
    }
    let mut sums = BTreeMap::new();
    for (account, points) in entries.into_values() {
        *sums.entry(account).or_insert(0) += points;
    }
    sums
}

/// Numbers of the awards and redemptions of an account that clerks were told are done.
fn acknowledged_slips(acknowledged: &[(usize, Command)], account: &str) -> Vec<String> {
    let of = |command: &Command| match command {
        Command::Award(e) if e.account.as_str() == account => Some(e.request.to_string()),
        Command::Redeem(e) if e.account.as_str() == account => Some(e.request.to_string()),
        _ => None,
    };
    acknowledged.iter().filter_map(|(_, command)| of(command)).collect()
}

/// A record that the API takes as it is.
fn named(what: &str, record: serde_json::Result<Value>) -> Value {
    let mut json = record.unwrap();
    json["do"] = what.into();
    json
}

/// A clerk's command as the API takes it: where, and what is sent there.
fn request(command: &Command) -> (&'static str, Value) {
    let command = match command {
        Command::Award(e) => json!({"do": "award", "request": e.request, "account": e.account, "rule": e.rule,
            "points": e.points, "date": e.date, "by": e.by, "memo": e.memo}),
        Command::Redeem(e) => json!({"do": "redeem", "request": e.request, "account": e.account, "item": e.item,
            "points": e.points, "date": e.date, "merchant": e.merchant, "by": e.by}),
        Command::Reverse(e) => json!({"do": "reverse", "request": e.request, "of": e.of, "date": e.date, "by": e.by,
            "memo": e.memo}),
        Command::Grant(e) => json!({"do": "grant", "request": e.request, "account": e.account, "points": e.points,
            "to": e.to, "date": e.date, "by": e.by}),
        Command::Item(item) => named("item", serde_json::to_value(item)),
        Command::Put(put) => {
            let values = put.row.values().filter_map(|(field, value)| Some((field.name, value?.to_string())));
            let amend = match put.amend {
                Amend::Version(version) => json!({ "version": version }),
                amend => json!(amend == Amend::Latest),
            };
            let row: BTreeMap<_, _> = values.collect();
            return ("/rows", json!({"form": put.row.form().name, "rows": [row], "amend": amend}));
        }
        other => panic!("no clerk asks for {other:?} under load"),
    };
    ("/commands", json!({ "commands": [command] }))
}
