//! The engine: carries out a plan, event by event, and watches.
//!
//! Three phases: load and faults as planned; then the clerks only repeat what was never answered, until nothing
//! is on the way; then every connection is made anew, and only greetings may be exchanged.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{Mode, PeerId, Replica, Ticket};
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::segment::Header;
use xiangyue_protocol::{Code, Command, Level, Millis, Outcome, Refusal, access};

use crate::link::Conn;
use crate::link::LinkSpec;
use crate::mutant::Mutant;
use crate::node::{Output, SimNode};
use crate::observer::{Observer, Told};
use crate::oracle::{Oracle, key_of};
use crate::plan::{Fault, Plan};
use crate::report::Report;
use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros, SECOND, Scheduler};
use crate::stats::{Sometimes, Stats};
use crate::trace::Trace;
use crate::workload::{Clerk, Wish, first_wishes};

mod rest;
mod wires;

#[derive(Debug)]
enum Event {
    Operate(usize),
    Flush { node: usize, life: u64 },
    Synced { node: usize, life: u64, rows: usize, token: u64 },
    Dial(usize),
    Up { conn: usize, side: usize },
    Arrive { conn: usize, side: usize, frame: Frame },
    Gone { conn: usize, side: usize },
    Fault(usize),
    Heal(usize),
    Start { node: usize, restored: bool },
    Wake { node: usize },
}

/// What the clerks have been told about redemptions while the network was cut: accounts by side.
type Redeemed = BTreeMap<String, BTreeSet<bool>>;

/// A run under way.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    queue: Scheduler<Event>,
    nodes: Vec<SimNode>,
    clerks: Vec<Clerk>,
    conns: Vec<Conn>,
    /// Connection and end by the name that a node has for it.
    ends: BTreeMap<PeerId, (usize, usize)>,
    /// The last connection over each link.
    current: Vec<Option<usize>>,
    /// For the planted bug that keeps sessions: what they were called, and in which lives of the nodes.
    kept: Vec<Option<([PeerId; 2], [u64; 2])>>,
    next_peer: u64,
    /// Partitions under way, by position among the faults.
    cuts: BTreeSet<usize>,
    redeemed: Redeemed,
    link_rng: Vec<Rng>,
    disk_rng: Vec<Rng>,
    /// When each node's next timer is set to go off.
    alarm_clocks: Vec<Option<Micros>>,
    /// True in the last phase: only greetings may be sent.
    greeting: bool,
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
        let township = plan.nodes.first().map(|spec| spec.name.clone()).unwrap_or_default();
        let anchor = crate::node::key_of(plan.seed, &township).verifying_key().to_bytes();
        let mut nodes: Vec<SimNode> = plan
            .nodes
            .iter()
            .map(|spec| SimNode::new(plan.seed, spec, anchor, plan.mutant))
            .collect::<Result<_, _>>()?;
        nodes.iter_mut().for_each(|node| node.govern(&plan.policy));
        let merchants: Vec<_> =
            plan.nodes.iter().map(|n| n.org.clone()).filter(|org| org.level() == Level::Merchant).collect();
        let mut clerks: Vec<Clerk> = Vec::new();
        for (n, (spec, wishes)) in plan.nodes.iter().zip(first_wishes(&plan, &nodes)).enumerate() {
            let is_village = spec.org.level() == Level::Village;
            let known = plan.accounts.iter().filter(|(_, village)| !is_village || *village == n);
            let accounts = known.map(|(account, _)| account.clone()).collect();
            let mut clerk = Clerk::new(plan.seed, &spec.name, &spec.org, accounts, merchants.clone());
            clerk.pending.extend(wishes);
            clerks.push(clerk);
        }
        let rngs = |purpose: &str| plan.nodes.iter().map(|n| Rng::new(plan.seed, &n.name, purpose)).collect();
        let pair = |link: &LinkSpec| format!("{}~{}", plan.nodes[link.dials].name, plan.nodes[link.answers].name);
        let mut queue = Scheduler::default();
        for node in 0..nodes.len() {
            queue.at(0, Event::Operate(node));
        }
        for (link, _) in plan.links.iter().enumerate() {
            queue.at(SECOND / 2, Event::Dial(link));
        }
        for (fault, (at, _)) in plan.faults.iter().enumerate() {
            queue.at(*at, Event::Fault(fault));
        }
        let oracle = Oracle::new(nodes.iter());
        Ok(Engine {
            link_rng: plan.links.iter().map(|link| Rng::new(plan.seed, &pair(link), "link")).collect(),
            disk_rng: rngs("disk"),
            alarm_clocks: vec![None; plan.nodes.len()],
            current: vec![None; plan.links.len()],
            kept: vec![None; plan.links.len()],
            queue,
            nodes,
            clerks,
            conns: Vec::new(),
            ends: BTreeMap::new(),
            next_peer: 0,
            cuts: BTreeSet::new(),
            redeemed: Redeemed::new(),
            greeting: false,
            trace: Trace::default(),
            stats: Stats::default(),
            oracle,
            told: Told::default(),
            plan,
        })
    }

    /// Carries out the plan to its end, or until the observer says stop.
    pub fn run(mut self, watch: &mut dyn Observer) -> Report {
        self.told = Told::to(watch);
        let limit = self.plan.phases.limit();
        let (mut shown, mut stopped) = (0, false);
        while !stopped && self.queue.next_time().is_some_and(|time| time <= limit) {
            self.step();
            self.told.pass_on(watch);
            if self.now() >= shown + limit / 1000 {
                shown = self.now();
                watch.progress(shown, limit);
                stopped = watch.stop();
            }
        }
        let rested = self.queue.next_time().is_none();
        if !rested && !stopped {
            self.oracle.broke(6, "silence", self.plan.phases.limit(), "messages do not stop".to_owned());
        }
        let virtual_micros = self.queue.now();
        if rested {
            self.check_rest();
            self.greet_anew();
            self.told.pass_on(watch);
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
            nodes: self.nodes.len(),
            stats: self.stats,
        }
    }

    fn now(&self) -> Micros {
        self.queue.now()
    }

    fn millis(&self) -> Millis {
        Millis(self.plan.start.0 + self.now() / 1000)
    }

    fn step(&mut self) {
        let Some((time, sequence, event)) = self.queue.take() else { return };
        self.trace.note(time, 0, kind(&event), &sequence.to_be_bytes());
        match event {
            Event::Operate(node) => self.operate(node),
            Event::Flush { node, life } => self.flush(node, life),
            Event::Synced { node, life, rows, token } => {
                if self.nodes[node].life == life {
                    self.nodes[node].synced(rows, token);
                    self.drain(node);
                    self.sync(node);
                }
            }
            Event::Dial(link) => self.dial(link),
            Event::Up { conn, side } => self.up(conn, side),
            Event::Arrive { conn, side, frame } => self.arrive(conn, side, frame),
            Event::Gone { conn, side } => self.gone(conn, side),
            Event::Fault(fault) => self.fault(fault),
            Event::Heal(fault) => {
                self.cuts.remove(&fault);
                self.redeemed.clear();
            }
            Event::Start { node, restored } => self.start(node, restored),
            Event::Wake { node } => self.wake(node),
        }
    }

    // The clerks.

    fn operate(&mut self, node: usize) {
        let fresh = self.now() < self.plan.phases.load_until();
        let pause = self.clerks[node].pause(&self.plan.workload);
        let busy = !self.clerks[node].pending.is_empty() || !self.clerks[node].waiting.is_empty();
        if fresh || busy {
            self.queue.after(pause, Event::Operate(node));
        }
        let now = self.millis();
        let Some(replica) = self.nodes[node].replica.as_mut() else { return };
        let may_repeat = !replica.is_frozen();
        let Some(mut wish) = self.clerks[node].next(&self.plan.workload, now.china_date(), may_repeat, fresh) else {
            return;
        };
        let known = wish.commands.iter().all(|command| {
            let key = key_of(command);
            self.clerks[node].done.iter().flat_map(|wish| &wish.commands).any(|done| key_of(done) == key)
        });
        let mut commands = wish.commands.clone();
        if known && self.plan.mutant == Some(Mutant::RenumberRetries) {
            commands.iter_mut().for_each(renumber);
        }
        let (answers, ticket) = replica.submit(now, &commands, Mode::AllOrNothing);
        wish.tries += 1;
        self.oracle.answered(self.queue.now(), node, &wish.commands, &answers);
        self.note_answers(node, &wish, &answers, known);
        if answers.iter().all(Result::is_ok) {
            self.clerks[node].waiting.insert(ticket, wish);
        }
        let gather = self.clerks[node].gather(&self.plan.workload);
        self.queue.after(gather, Event::Flush { node, life: self.nodes[node].life });
        self.drain(node);
    }

    fn note_answers(&mut self, node: usize, wish: &Wish, answers: &[Result<Outcome, Refusal>], known: bool) {
        let already = answers.iter().all(|answer| matches!(answer, Ok(Outcome::Already)));
        if known && already {
            self.stats.met(Sometimes::RetriedAcknowledged);
        }
        if wish.answer_lost {
            self.stats.met(Sometimes::RetriedAfterCrash);
            if already && !known {
                self.stats.met(Sometimes::SurvivorRecognised);
            }
        }
        for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            match refusal.code() {
                Code::InsufficientRights => self.stats.met(Sometimes::RefusedForRights),
                Code::Frozen => self.stats.met(Sometimes::RefusedFrozen),
                _ => {}
            }
            let code = refusal.code().as_str();
            self.trace.note(self.queue.now(), node, "refused", code.as_bytes());
            self.told.event(self.queue.now(), node, "refused", None, || code.into());
        }
    }

    fn flush(&mut self, node: usize, life: u64) {
        let now = self.millis();
        if self.nodes[node].life != life {
            return;
        }
        let Some(replica) = self.nodes[node].replica.as_mut() else { return };
        if let Err(refusal) = replica.flush(now) {
            self.oracle.broke(1, "durable", self.queue.now(), format!("node {node} could not write: {refusal}"));
        }
        self.drain(node);
    }

    fn acknowledge(&mut self, node: usize, ticket: Ticket) {
        let Some(wish) = self.clerks[node].waiting.remove(&ticket) else { return };
        let at = self.now();
        let Some(replica) = &self.nodes[node].replica else { return };
        let mut new = false;
        for command in &wish.commands {
            if self.oracle.acknowledged(at, node, command, &self.nodes[node]) {
                new = true;
                self.stats.acknowledged += 1;
                self.trace.note(at, node, "acknowledged", key_of(command).as_bytes());
                self.told.event(at, node, "acknowledged", None, || key_of(command).to_string().into());
            }
            let indebted = || replica.views().book.values().any(|totals| totals.debt() > Points::ZERO);
            if matches!(command, Command::Reverse(_)) && indebted() {
                self.stats.met(Sometimes::ReversalLeftDebt);
            }
            if let Command::Redeem(redemption) = command
                && let Some(island) = self.cuts.first().map(|cut| self.island(*cut).contains(&node))
            {
                self.stats.met(Sometimes::RedeemedInPartition);
                let sides = self.redeemed.entry(redemption.account.to_string()).or_default();
                if sides.insert(island) && sides.len() == 2 {
                    self.stats.met(Sometimes::RedeemedOnBothSides);
                }
            }
        }
        if new {
            self.clerks[node].done.push(wish);
        }
    }

    // The nodes.

    fn drain(&mut self, node: usize) {
        self.drain_from(node, None);
    }

    /// Carries out what a node wants done after something came to it from another.
    fn drain_from(&mut self, node: usize, from: Option<usize>) {
        for output in self.nodes[node].drain() {
            match output {
                Output::Appended(segment) => {
                    let header = &segment.header;
                    self.oracle.appended(self.queue.now(), node, &segment, from, &self.nodes[node]);
                    let readers = self.plan.nodes.iter().filter(|n| access::may_carry(&n.org, &header.doc));
                    let is_author = self.nodes[node].id() == header.actor.node;
                    let now = self.queue.now();
                    self.stats.appended(now, node, is_author, header, readers.count());
                    self.told.event(now, node, "append", None, || header_text(header).into());
                    self.trace.note(now, node, "append", &segment.bytes);
                    self.note_half_greeted(node);
                }
                Output::Acknowledge(ticket) => self.acknowledge(node, ticket),
                Output::Send(peer, frame) => self.send(node, peer, frame),
                Output::Close(peer, refusal) => {
                    self.oracle.broke(
                        7,
                        "lives",
                        self.queue.now(),
                        format!("node {node} closed a connection: {refusal}"),
                    );
                    self.close(node, peer);
                }
                Output::Alarm(alarm) => {
                    self.oracle.broke(7, "lives", self.queue.now(), format!("node {node}: {alarm:?}"));
                }
            }
        }
        self.sync(node);
        self.set_timer(node);
        self.oracle.watch(self.queue.now(), node, &self.nodes[node]);
    }

    /// Sees to it that a node is woken when it wants to be.
    fn set_timer(&mut self, node: usize) {
        let Some(due) = self.nodes[node].replica.as_ref().and_then(Replica::due) else { return };
        let at = self.now() + due.0.saturating_sub(self.millis().0) * MILLI;
        if self.alarm_clocks[node].is_none_or(|set| set > at) {
            self.alarm_clocks[node] = Some(at);
            self.queue.at(at, Event::Wake { node });
        }
    }

    fn wake(&mut self, node: usize) {
        // One that was overtaken by an earlier one says nothing.
        if self.alarm_clocks[node] != Some(self.now()) {
            return;
        }
        self.alarm_clocks[node] = None;
        let now = self.millis();
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.wake(now);
        }
        self.drain(node);
    }

    fn note_half_greeted(&mut self, node: usize) {
        let greets = |conn: &&Conn| conn.alive && (0..2).any(|s| conn.nodes[s] == node && conn.up[s] && !conn.heard[s]);
        if self.current.iter().flatten().map(|conn| &self.conns[*conn]).any(|conn| greets(&conn)) {
            self.stats.met(Sometimes::WrittenBetweenHellos);
        }
    }

    fn sync(&mut self, at: usize) {
        let time = self.plan.nodes[at].disk.sync_time(&mut self.disk_rng[at]);
        let node = &mut self.nodes[at];
        if node.syncing || node.disk.unsynced() == 0 {
            return;
        }
        node.syncing = true;
        let event = Event::Synced { node: at, life: node.life, rows: node.disk.len(), token: node.token };
        self.queue.after(time, event);
    }

    fn crash(&mut self, node: usize) {
        if self.nodes[node].replica.is_none() {
            return;
        }
        if let Some(replica) = &self.nodes[node].replica {
            self.stats.received += replica.counters().received;
            self.stats.redundant += replica.counters().redundant;
        }
        if self.clerks[node].waiting.values().any(|wish| wish.tries > 0) && self.nodes[node].disk.unsynced() == 0 {
            self.stats.met(Sometimes::CrashHitStaged);
        }
        let damage = self.nodes[node].crash(&mut self.disk_rng[node]);
        self.stats.met_times(Sometimes::CrashHitUnsynced, damage.lost + damage.torn);
        self.stats.met_times(Sometimes::CrashToreAppend, damage.torn);
        self.stats.met_times(Sometimes::UnsyncedSurvived, damage.kept);
        self.clerks[node].crashed();
        for conn in 0..self.conns.len() {
            for side in 0..2 {
                if self.conns[conn].nodes[side] == node && !self.conns[conn].noticed[side] {
                    self.conns[conn].noticed[side] = true;
                    self.break_conn(conn);
                }
            }
        }
    }

    fn start(&mut self, at: usize, restored: bool) {
        if self.nodes[at].replica.is_some() {
            return;
        }
        let now = self.now();
        if restored {
            if self.township_lacks(at) {
                self.stats.met(Sometimes::RestoreWaited);
                self.queue.after(2 * SECOND, Event::Start { node: at, restored });
                return;
            }
            self.nodes[at].restore();
        }
        if let Err(refusal) = self.nodes[at].start() {
            self.oracle.broke(1, "durable", now, format!("node {at} does not start: {refusal}"));
            return;
        }
        if restored {
            self.stats.met(Sometimes::Restored);
            self.oracle.restored(at, &self.nodes[at], self.nodes.iter().enumerate());
        } else {
            self.oracle.started(now, at, &self.nodes[at]);
        }
    }

    /// Whether somebody else holds entries of a node that are not safe at the township.
    fn township_lacks(&self, node: usize) -> bool {
        let id = self.nodes[node].id();
        let holdings = |n: usize, safe: bool| {
            let disk = &self.nodes[n].disk;
            let rows = disk.safe_rows().chain(disk.rows().skip(if safe { disk.len() } else { 0 }));
            let own = rows.map(|(header, _)| header).filter(|header| header.actor.node == id);
            own.map(|header| (header.doc.clone(), header.actor, header.last)).collect::<BTreeSet<_>>()
        };
        let township = holdings(0, true);
        (1..self.nodes.len()).filter(|n| *n != node).any(|n| !holdings(n, false).is_subset(&township))
    }

    // The faults.

    fn fault(&mut self, at: usize) {
        let Some((_, fault)) = self.plan.faults.get(at).cloned() else { return };
        match fault {
            Fault::Cut { lasts, .. } => {
                self.cuts.insert(at);
                self.queue.after(lasts, Event::Heal(at));
                for conn in 0..self.conns.len() {
                    let [a, b] = self.conns[conn].nodes;
                    if self.conns[conn].alive && self.is_cut((a, b)) {
                        self.break_conn(conn);
                    }
                }
            }
            Fault::Break { link } => {
                if let Some(conn) = self.current.get(link).copied().flatten() {
                    self.break_conn(conn);
                }
            }
            Fault::Crash { node, down } => {
                self.crash(node);
                self.queue.after(down, Event::Start { node, restored: false });
            }
            Fault::Backup { node } => self.nodes[node].back_up(),
            Fault::Restore { node, down } => {
                self.crash(node);
                self.queue.after(down, Event::Start { node, restored: true });
            }
        }
    }
}

fn header_text(header: &Header) -> String {
    format!("{} {} {}..{}", header.doc, header.actor, header.first, header.last)
}

fn renumber(command: &mut Command) {
    let request = match command {
        Command::Award(award) => &mut award.request,
        Command::Redeem(redemption) => &mut redemption.request,
        Command::Reverse(request) => &mut request.request,
        Command::Grant(request) => &mut request.request,
        _ => return,
    };
    if let Ok(other) = format!("{request}~").parse() {
        *request = other;
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Operate(_) => "operate",
        Event::Flush { .. } => "flush",
        Event::Synced { .. } => "synced",
        Event::Dial(_) => "dial",
        Event::Up { .. } => "up",
        Event::Arrive { .. } => "arrive",
        Event::Gone { .. } => "gone",
        Event::Fault(_) => "fault",
        Event::Heal(_) => "heal",
        Event::Start { .. } => "start",
        Event::Wake { .. } => "wake",
    }
}
