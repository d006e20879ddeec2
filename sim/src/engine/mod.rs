//! The engine: carries out a plan, event by event, and watches.
//!
//! Phases: the clerks enter what a township starts with (warm-up); load and faults as planned; then the faults end,
//! clerks only repeat what was never answered, and everything must come to rest, first the drawn core on its own;
//! then every connection is made anew, and only greetings may be exchanged.
//!
//! | file | what |
//! |---|---|
//! | `event` | what can happen |
//! | `clerks` | asking, answers, acknowledgements |
//! | `wires` | dialling, sending, arriving, breaking |
//! | `wire` | what carries a connection, as the others see it |
//! | `stream` | carries it as an ordered stream that breaks |
//! | `datagrams` | carries it over QUIC, in datagrams that are lost |
//! | `power` | crashes, starts, restores, duty cycles |
//! | `faults` | beginning and ending what goes wrong |
//! | `copies` | a node and a copy of its disk, beside each other and apart again |
//! | `rest` | when everything is at rest, and what must hold then |
//! | `watching` | samples and deliveries for the observer |

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Level, Millis, OrgCode, Refusal};

use crate::clock::Clock;
use crate::commons::Commons;
use crate::node::{Opened, Output, Parcel, SimNode, key_of};
use crate::observer::{Observer, Told};
use crate::oracle::Oracle;
use crate::plan::{Fault, Plan, Tier};
use crate::quic::Tls;
use crate::report::Report;
use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND, Scheduler};
use crate::spread::Spread;
use crate::stats::Stats;
use crate::trace::Trace;
use crate::workload::{self, Clerk, first_wishes};

use copies::Copies;
use event::{Event, kind};
use wire::Conn;

mod clerks;
mod copies;
mod datagrams;
mod event;
mod faults;
mod power;
mod rest;
mod stream;
mod watching;
mod wire;
mod wires;

/// A link under way.
#[derive(Debug)]
struct Link {
    /// Its last connection.
    current: Option<u64>,
    /// Whether it is about to be dialled.
    dialling: bool,
    /// Whether it is there at all.
    there: bool,
    /// For the planted bug that keeps sessions: in which lives of the nodes the connection began.
    lives: [u64; 2],
    rng: Rng,
}

/// The longest that a node waits before it looks at its timers again, as the real driver: its clock may be set.
const LONGEST_WAIT: Micros = 60 * SECOND;

/// What the clerks have been told about redemptions while the network was cut: accounts by side.
type Redeemed = BTreeMap<String, BTreeSet<bool>>;

/// A run under way.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    queue: Scheduler<Event>,
    /// Events in the queue that come by the plan's clock.
    background: usize,
    nodes: Vec<SimNode>,
    clocks: Vec<Clock>,
    /// The node that anchors the trust of each node's township.
    township_of: Vec<usize>,
    clerks: Vec<Clerk>,
    links: Vec<Link>,
    links_of: Vec<Vec<usize>>,
    conns: BTreeMap<u64, Conn>,
    /// Connections that each node has not noticed to be gone.
    conns_of: Vec<BTreeSet<u64>>,
    next_conn: u64,
    /// What QUIC needs, if it is to carry the connections.
    tls: Option<Tls>,
    /// Where wires put what they have to tell; empty in between.
    ear: Vec<wire::Told>,
    /// When each cell has sent what it was given.
    cells: Vec<Micros>,
    opened: Opened,
    commons: Commons,
    /// Faults under way, by position in the plan.
    active: BTreeSet<usize>,
    /// Flapping partitions that are cut at the moment.
    flapped: BTreeSet<usize>,
    /// Nodes that are kept away until the core is at rest.
    kept_away: BTreeSet<usize>,
    /// Nodes whose start waits for some of these, and whether they start from a backup.
    put_off: Vec<(usize, bool)>,
    /// Nodes that are off, with a backup on the disk that replaced one that died.
    lost_disk: BTreeSet<usize>,
    /// Nodes that have lost entries and are connected to those alone that have no other way to the township.
    indoors: BTreeSet<usize>,
    /// Of these, those that wait for somebody who is kept away.
    put_off_going_out: BTreeSet<usize>,
    /// Copies of disks, and what became of them.
    copies: Copies,
    redeemed: Redeemed,
    disk_rng: Vec<Rng>,
    /// Nodes that could not spend when last looked at.
    frozen: Vec<bool>,
    /// When each node's next timer is set to go off.
    alarm_clocks: Vec<Option<Micros>>,
    /// The time of the last event that was not the plan's clock alone.
    busy_until: Micros,
    /// True in the last phase: only greetings may be sent.
    greeting: bool,
    spread: Spread,
    trace: Trace,
    stats: Stats,
    oracle: Oracle,
    told: Told,
}

impl Engine {
    /// Nodes switched on, with nothing written yet.
    ///
    /// # Errors
    /// When a node does not start, which only a broken plan brings about.
    pub fn new(plan: Plan) -> Result<Engine, Refusal> {
        let plan = plan.with_copies();
        let township_of = townships(&plan);
        let anchors: Vec<[u8; 32]> =
            plan.nodes.iter().map(|spec| key_of(plan.seed, &spec.name).verifying_key().to_bytes()).collect();
        let mut nodes: Vec<SimNode> = plan
            .nodes
            .iter()
            .zip(&township_of)
            .map(|(spec, township)| SimNode::new(plan.seed, spec, anchors[*township], plan.mutant))
            .collect::<Result<_, _>>()?;
        nodes.iter_mut().for_each(|node| node.govern(&plan.policy));
        for (n, spec) in plan.nodes.iter().enumerate() {
            if let Some(original) = spec.copy_of {
                nodes[n] = nodes[original].second(plan.seed, spec);
            }
        }
        let mut clerks = workload::clerks(&plan);
        for (clerk, wishes) in clerks.iter_mut().zip(first_wishes(&plan, &nodes)) {
            clerk.pending.extend(wishes);
        }
        let rngs = |purpose: &str| plan.nodes.iter().map(|n| Rng::new(plan.seed, &n.name, purpose)).collect();
        let links = plan.links.iter().map(|link| {
            let pair = format!("{}~{}", plan.nodes[link.dials].name, plan.nodes[link.answers].name);
            Link {
                current: None,
                dialling: true,
                there: plan.classes[link.class].duty.is_none_or(|duty| duty.is_on(0)),
                lives: [0; 2],
                rng: Rng::new(plan.seed, &pair, "link"),
            }
        });
        let mut links_of = vec![Vec::new(); nodes.len()];
        for (at, link) in plan.links.iter().enumerate() {
            links_of[link.dials].push(at);
            links_of[link.answers].push(at);
        }
        let mut engine = Engine {
            links: links.collect(),
            links_of,
            clocks: plan.nodes.iter().map(|spec| Clock::new(spec.clock, plan.start)).collect(),
            disk_rng: rngs("disk"),
            alarm_clocks: vec![None; nodes.len()],
            frozen: vec![false; nodes.len()],
            conns_of: vec![BTreeSet::new(); nodes.len()],
            cells: vec![0; plan.cells.len()],
            oracle: Oracle::new(nodes.iter()),
            spread: Spread::among(&plan.nodes),
            queue: Scheduler::default(),
            background: 0,
            township_of,
            nodes,
            clerks,
            conns: BTreeMap::new(),
            next_conn: 0,
            tls: match plan.tier {
                Tier::Streams => None,
                Tier::Quic => Some(Tls::new()?),
            },
            ear: Vec::new(),
            opened: Opened::default(),
            commons: Commons::default(),
            active: BTreeSet::new(),
            flapped: BTreeSet::new(),
            kept_away: BTreeSet::new(),
            put_off: Vec::new(),
            lost_disk: BTreeSet::new(),
            indoors: BTreeSet::new(),
            put_off_going_out: BTreeSet::new(),
            copies: Copies::of(&plan),
            redeemed: Redeemed::new(),
            busy_until: 0,
            greeting: false,
            trace: Trace::default(),
            stats: Stats::default(),
            told: Told::default(),
            plan,
        };
        engine.schedule();
        Ok(engine)
    }

    /// Puts in what the plan says of times.
    fn schedule(&mut self) {
        for node in 0..self.nodes.len() {
            self.at(0, Event::Operate(node));
        }
        for link in 0..self.links.len() {
            self.at(SECOND / 2, Event::Dial(link));
        }
        for fault in 0..self.plan.faults.len() {
            self.at(self.plan.faults[fault].0, Event::Fault(fault));
        }
        self.schedule_duties();
        self.at(self.plan.phases.load_until(), Event::LoadEnds);
        if self.plan.sample > 0 {
            self.at(self.plan.sample, Event::Sample);
        }
    }

    /// Carries out the plan to its end, or until the observer says stop.
    pub fn run(mut self, watch: &mut dyn Observer) -> Report {
        self.told = Told::to(watch);
        // Whoever has no power yet, or is a copy that is not made yet.
        for node in (0..self.nodes.len()).filter(|node| self.nodes[*node].replica.is_none()) {
            self.told.event(0, node, "crash", None, || "".into());
        }
        let limit = self.plan.phases.limit();
        let (mut shown, mut stopped, mut rested) = (0, false, false);
        while !stopped && !rested {
            if self.queue.next_time().is_none_or(|time| time > limit) {
                break;
            }
            self.step();
            self.told.pass_on(watch);
            rested = self.comes_to_rest();
            if self.now() >= shown + limit / 1000 {
                shown = self.now();
                watch.progress(shown, limit);
                stopped = watch.stop();
            }
        }
        let virtual_micros = self.busy_until;
        if rested {
            self.check_rest();
            self.greet_anew();
            self.told.pass_on(watch);
        } else if !stopped {
            self.oracle.broke(6, "silence", limit, self.unrest());
        }
        self.finish(virtual_micros, rested)
    }

    fn finish(mut self, virtual_micros: Micros, rested: bool) -> Report {
        for node in &self.nodes {
            self.stats.received += node.replica.as_ref().map_or(0, |replica| replica.counters().received);
            self.stats.redundant += node.replica.as_ref().map_or(0, |replica| replica.counters().redundant);
        }
        let converged = rested && self.oracle.violations().iter().all(|violation| violation.promise != 6);
        Report {
            seed: self.plan.seed,
            trace_hash: self.trace.hash(),
            notes: self.trace.notes(),
            converged,
            violations: self.oracle.violations().to_vec(),
            broken: self.oracle.broken(),
            virtual_micros,
            nodes: self.plan.nodes.iter().filter(|spec| spec.copy_of.is_none()).count(),
            stats: self.stats,
        }
    }

    fn now(&self) -> Micros {
        self.queue.now()
    }

    /// True time.
    fn true_time(&self) -> Millis {
        Millis(self.plan.start.0 + self.now() / 1000)
    }

    /// What a node takes the time to be.
    fn millis(&self, node: usize) -> Millis {
        self.clocks[node].shows(self.now())
    }

    fn at(&mut self, time: Micros, event: Event) {
        self.background += usize::from(event.is_background());
        self.queue.at(time, event);
    }

    fn after(&mut self, delay: Micros, event: Event) {
        self.at(self.now().saturating_add(delay), event);
    }

    fn step(&mut self) {
        let Some((time, _, event)) = self.queue.take() else { return };
        if event.is_background() || self.is_lost(&event) {
            self.background -= 1;
        } else {
            self.busy_until = time;
        }
        // Who takes samples changes nothing.
        if !matches!(event, Event::Sample) {
            self.trace.note(time, 0, kind(&event), &[]);
        }
        match event {
            Event::Operate(node) => self.operate(node),
            Event::Flush { node, life } => self.flush(node, life),
            Event::Synced { node, life, rows, token } => self.synced(node, life, rows, token),
            Event::Dial(link) => self.dial(link),
            Event::Wire { conn, side, signal } => self.signal(conn, side, signal),
            Event::Start { node, life, restored } => self.start(node, life, restored),
            Event::Wake { node } => self.wake(node),
            Event::Fault(fault) => self.fault(fault),
            Event::FaultEnds(fault) => self.fault_ends(fault),
            Event::CopyStarts(fault) => self.copy_starts(fault),
            Event::Part(fault) => self.part(fault),
            Event::GoesOut { node } => self.goes_out(node),
            Event::Flap(fault) => self.flap(fault),
            Event::Flood { fault, left } => self.flood(fault, left),
            Event::Power { node, on } => self.power(node, on),
            Event::LinkDuty { link, on } => self.link_duty(link, on),
            Event::LoadEnds => self.load_ends(),
            Event::Sample => self.sample(),
        }
    }

    fn drain(&mut self, node: usize) {
        self.drain_from(node, None);
    }

    /// Carries out what a node wants done after something came to it from another.
    fn drain_from(&mut self, node: usize, from: Option<usize>) {
        for output in self.nodes[node].drain() {
            match output {
                Output::Appended(segment, row) => {
                    let now = self.queue.now();
                    if let Some(replica) = &mut self.nodes[node].replica {
                        self.commons.share(replica, &segment.header.doc);
                    }
                    self.oracle.appended(now, node, &segment, from, &self.nodes[node]);
                    self.note_append(node, from, &segment, &row);
                    self.trace.note(now, node, "append", &row.print);
                    self.note_half_greeted(node);
                }
                Output::Acknowledge(ticket) => self.acknowledge(node, ticket),
                Output::Send(peer, parcel) => self.send(node, peer, parcel, true),
                Output::Serve(peer, rows) => {
                    for (at, row) in rows.into_iter().enumerate() {
                        self.send(node, peer, Parcel::Row(row), at == 0);
                    }
                }
                Output::Close(peer, refusal) => self.closed_by(node, peer, &refusal),
                Output::Alarm(alarm) => self.alarm(node, &alarm),
            }
        }
        self.sync(node);
        self.set_timer(node);
        self.note_thaw(node);
        self.oracle.watch(self.queue.now(), node, &self.nodes[node]);
    }

    /// Sees to it that a node is woken when it wants to be.
    fn set_timer(&mut self, node: usize) {
        let Some(due) = self.nodes[node].replica.as_ref().and_then(Replica::due) else { return };
        let wait = due.0.saturating_sub(self.millis(node).0).saturating_mul(MILLI);
        let at = self.now() + wait.min(LONGEST_WAIT);
        if self.alarm_clocks[node].is_none_or(|set| set > at) {
            self.alarm_clocks[node] = Some(at);
            self.at(at, Event::Wake { node });
        }
    }

    fn wake(&mut self, node: usize) {
        // One that was overtaken by an earlier one says nothing.
        if self.alarm_clocks[node] != Some(self.now()) {
            return;
        }
        self.alarm_clocks[node] = None;
        let now = self.millis(node);
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.wake(now);
        }
        self.flush(node, self.nodes[node].life);
    }

    fn sync(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.syncing || node.disk.unsynced() == 0 {
            return;
        }
        node.syncing = true;
        let time = self.plan.nodes[at].disk.sync_time(&mut self.disk_rng[at]);
        let event = Event::Synced { node: at, life: node.life, rows: node.disk.len(), token: node.token };
        self.after(time, event);
    }

    fn synced(&mut self, node: usize, life: u64, rows: usize, token: u64) {
        if self.nodes[node].life != life || self.io_fails(node) {
            return;
        }
        self.nodes[node].synced(rows, token);
        self.drain(node);
    }

    /// The township node of a node's township.
    fn township(&self, node: usize) -> usize {
        self.township_of[node]
    }

    fn faults_of<'a, T>(&'a self, which: impl Fn(&'a Fault) -> Option<T> + 'a) -> impl Iterator<Item = T> + 'a {
        self.active.iter().filter_map(move |fault| which(&self.plan.faults[*fault].1))
    }
}

/// For each node the first node of its township whose organisation is the township; the first of all, if none is.
fn townships(plan: &Plan) -> Vec<usize> {
    let mut first: BTreeMap<OrgCode, usize> = BTreeMap::new();
    for (n, spec) in plan.nodes.iter().enumerate().filter(|(_, spec)| spec.org.level() == Level::Township) {
        first.entry(spec.org.clone()).or_insert(n);
    }
    let of = |org: &OrgCode| org.township().and_then(|township| first.get(&township).copied());
    plan.nodes.iter().map(|spec| of(&spec.org).unwrap_or(0)).collect()
}
