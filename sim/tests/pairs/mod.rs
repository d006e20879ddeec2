//! Nodes joined by hand: a test says which frame arrives next, which append is synced, which power goes.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::{BTreeMap, VecDeque};

use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{Alarm, Mode, PeerId, Replica, Ticket};
use xiangyue_protocol::schema::{AccountId, Award, Points, Redemption};
use xiangyue_protocol::{Command, Date, GrantRequest, Outcome, Refusal, ReverseRequest};
use xiangyue_sim::node::{Opened, Output, Parcel, SimNode, key_of};
use xiangyue_sim::plan::{EPOCH, Plan};
use xiangyue_sim::rng::Rng;
use xiangyue_sim::scenario::Scenario;
use xiangyue_sim::workload::first_wishes;

pub(crate) struct Pairs {
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<SimNode>,
    /// For each end: the other node and what the connection is called there.
    ends: BTreeMap<(usize, PeerId), (usize, PeerId)>,
    /// Frames on their way, by receiving end.
    wires: BTreeMap<(usize, PeerId), VecDeque<Frame>>,
    next_peer: u64,
    pub(crate) frames: Vec<(usize, Frame)>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) acknowledged: Vec<(usize, Ticket)>,
    /// Connections that a node closed: itself and the other.
    pub(crate) closed: Vec<(usize, usize)>,
    /// Appends are made durable at once; otherwise [`Pairs::sync`] does it.
    opened: Opened,
    pub(crate) prompt: bool,
    rng: Rng,
}

pub(crate) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn award_on(request: &str, account: &AccountId, points: i64, day: &str) -> Command {
    Command::Award(Award {
        request: request.parse().unwrap(),
        account: account.clone(),
        rule: "R1".parse().unwrap(),
        points: Points(points),
        repaid: Points::ZERO,
        date: date(day),
        by: "c1".into(),
        memo: "".into(),
        approval: None,
    })
}

pub(crate) fn award(request: &str, account: &AccountId, points: i64) -> Command {
    award_on(request, account, points, "2021-01-05")
}

pub(crate) fn redeem(request: &str, account: &AccountId, points: i64) -> Command {
    Command::Redeem(Redemption {
        request: request.parse().unwrap(),
        account: account.clone(),
        item: "I1".parse().unwrap(),
        points: Points(points),
        date: date("2021-01-05"),
        merchant: None,
        by: "c1".into(),
        lines: Vec::new(),
    })
}

pub(crate) fn grant(request: &str, account: &AccountId, points: i64, to: &str) -> Command {
    Command::Grant(GrantRequest {
        request: request.parse().unwrap(),
        account: account.clone(),
        points: Points(points),
        to: to.parse().unwrap(),
        date: date("2021-01-05"),
        by: "c1".into(),
    })
}

pub(crate) fn reverse(request: &str, of: &str) -> Command {
    Command::Reverse(ReverseRequest {
        request: request.parse().unwrap(),
        of: of.parse().unwrap(),
        date: date("2021-01-06"),
        by: "c1".into(),
        memo: "".into(),
    })
}

impl Pairs {
    /// Township 0, villages 1 to `villages`, the merchant last; all know the directory and rules, and each
    /// village has opened its accounts. Nobody is connected.
    pub(crate) fn new(villages: usize) -> Pairs {
        Pairs::opened_in(villages, "2020-01-01")
    }

    /// The same, with accounts that were opened on another day.
    pub(crate) fn opened_in(villages: usize, since: &str) -> Pairs {
        let mut pairs = Pairs::unenrolled(villages);
        pairs.plan.since = date(since);
        pairs.enrol_all();
        (1..pairs.nodes.len()).for_each(|node| pairs.connect(node, 0));
        pairs.settle();
        pairs.open_accounts();
        pairs.settle();
        pairs.cut_all();
        pairs.frames.clear();
        pairs.acknowledged.clear();
        pairs
    }

    /// Nodes that trust the township's key and hold nothing.
    pub(crate) fn unenrolled(villages: usize) -> Pairs {
        let sets = [format!("topology.villages={villages}"), "workload.accounts=2".to_owned()];
        let sets = sets.map(|set| set.parse().unwrap());
        let plan = Scenario::of_library("three-villages", &sets).unwrap().plan(1).unwrap();
        let anchor = key_of(plan.seed, &plan.nodes[0].name).verifying_key().to_bytes();
        let nodes = plan.nodes.iter().map(|spec| SimNode::new(plan.seed, spec, anchor, None).unwrap()).collect();
        Pairs {
            nodes,
            ends: BTreeMap::new(),
            wires: BTreeMap::new(),
            next_peer: 0,
            frames: Vec::new(),
            alarms: Vec::new(),
            acknowledged: Vec::new(),
            closed: Vec::new(),
            opened: Opened::default(),
            prompt: true,
            rng: Rng::new(1, "pairs", "crash"),
            plan,
        }
    }

    /// The township names everybody, the rules and the items.
    pub(crate) fn enrol_all(&mut self) {
        self.grant_first_wishes(0..1);
    }

    /// The villages open their accounts.
    pub(crate) fn open_accounts(&mut self) {
        self.grant_first_wishes(1..self.nodes.len());
    }

    fn grant_first_wishes(&mut self, nodes: std::ops::Range<usize>) {
        let wishes = first_wishes(&self.plan, &self.nodes);
        for node in nodes {
            for wish in &wishes[node] {
                assert!(self.commit(node, &wish.commands).iter().all(Result::is_ok));
            }
        }
    }

    pub(crate) fn account(&self, village: usize, n: usize) -> AccountId {
        let own = self.plan.accounts.iter().filter(|(_, v)| *v == village);
        own.map(|(account, _)| account.clone()).nth(n).unwrap()
    }

    pub(crate) fn merchant(&self) -> usize {
        self.nodes.len() - 1
    }

    pub(crate) fn replica(&self, node: usize) -> &Replica {
        self.nodes[node].replica.as_ref().unwrap()
    }

    pub(crate) fn stage(&mut self, node: usize, commands: &[Command]) -> (Vec<Result<Outcome, Refusal>>, Ticket) {
        self.nodes[node].replica.as_mut().unwrap().submit(EPOCH, commands, Mode::AllOrNothing)
    }

    pub(crate) fn flush(&mut self, node: usize) {
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.flush(EPOCH).unwrap();
        }
        self.drain(node);
    }

    pub(crate) fn commit(&mut self, node: usize, commands: &[Command]) -> Vec<Result<Outcome, Refusal>> {
        let (answers, _) = self.stage(node, commands);
        self.flush(node);
        answers
    }

    /// Joins two running nodes; each greets.
    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        if self.nodes[a].replica.is_none() || self.nodes[b].replica.is_none() {
            return;
        }
        let (pa, pb) = (PeerId(self.next_peer), PeerId(self.next_peer + 1));
        self.next_peer += 2;
        self.ends.insert((a, pa), (b, pb));
        self.ends.insert((b, pb), (a, pa));
        for (node, peer, other) in [(a, pa, b), (b, pb, a)] {
            let (id, org) = (self.nodes[other].id(), self.nodes[other].org.clone());
            self.nodes[node].replica.as_mut().unwrap().connected(EPOCH, peer, id, org);
            self.drain(node);
        }
    }

    pub(crate) fn is_connected(&self, a: usize, b: usize) -> bool {
        self.ends.iter().any(|((node, _), (other, _))| (*node, *other) == (a, b))
    }

    /// Breaks all connections between two nodes; what is on its way is lost.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.cut_where(|x, y| (x, y) == (a, b) || (x, y) == (b, a));
    }

    pub(crate) fn cut_all(&mut self) {
        self.cut_where(|_, _| true);
    }

    fn cut_where(&mut self, which: impl Fn(usize, usize) -> bool) {
        let gone: Vec<_> = self.ends.iter().filter(|((a, _), (b, _))| which(*a, *b)).map(|(end, _)| *end).collect();
        for (node, peer) in gone {
            self.ends.remove(&(node, peer));
            self.wires.remove(&(node, peer));
            if let Some(replica) = self.nodes[node].replica.as_mut() {
                replica.disconnected(peer);
            }
            self.drain(node);
        }
    }

    /// Delivers the next frame of the `nth` stream that has one; `twice` delivers a segment again right after.
    pub(crate) fn deliver(&mut self, nth: usize, twice: bool) -> bool {
        let waiting: Vec<_> = self.wires.iter().filter(|(_, frames)| !frames.is_empty()).map(|(end, _)| *end).collect();
        if waiting.is_empty() {
            return false;
        }
        let (node, peer) = waiting[nth % waiting.len()];
        let frame = self.wires.get_mut(&(node, peer)).and_then(VecDeque::pop_front).unwrap();
        let again = (twice && matches!(frame, Frame::Segment(_))).then(|| frame.clone());
        for frame in [Some(frame), again].into_iter().flatten() {
            // A gap or an unknown author is asked for again; whether that works, the tests see at the end.
            let _ = self.nodes[node].deliver(&mut self.opened, EPOCH, peer, Parcel::Frame(frame));
            self.drain(node);
        }
        true
    }

    /// Delivers all that is on its way from one node to another now.
    pub(crate) fn deliver_from(&mut self, from: usize, to: usize) {
        let ends: Vec<_> =
            self.ends.iter().filter(|((a, _), (b, _))| (*a, *b) == (from, to)).map(|(_, e)| *e).collect();
        for (node, peer) in ends {
            for frame in self.wires.remove(&(node, peer)).unwrap_or_default() {
                let _ = self.nodes[node].deliver(&mut self.opened, EPOCH, peer, Parcel::Frame(frame));
                self.drain(node);
            }
        }
    }

    /// Delivers until nothing is on its way; gives up on a conversation without end.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.deliver(0, false) {
                return;
            }
        }
        panic!("messages do not stop");
    }

    pub(crate) fn sync(&mut self, node: usize) {
        let (rows, token) = (self.nodes[node].disk.len(), self.nodes[node].token);
        self.nodes[node].synced(rows, token);
        self.drain(node);
    }

    /// The power goes and comes back.
    pub(crate) fn crash(&mut self, node: usize) {
        self.nodes[node].crash(&mut self.rng, 500);
        self.cut_where(|a, b| a == node || b == node);
        self.nodes[node].start(&mut self.opened).unwrap();
    }

    /// The disk dies and the last backup takes its place.
    pub(crate) fn restore(&mut self, node: usize) {
        self.nodes[node].crash(&mut self.rng, 500);
        self.cut_where(|a, b| a == node || b == node);
        self.nodes[node].restore();
        self.nodes[node].start(&mut self.opened).unwrap();
    }

    fn wire(&mut self, node: usize, peer: PeerId, parcel: &Parcel) {
        let frame = parcel.frame().unwrap();
        self.frames.push((node, frame.clone()));
        if let Some(end) = self.ends.get(&(node, peer)) {
            self.wires.entry(*end).or_default().push_back(frame);
        }
    }

    fn drain(&mut self, node: usize) {
        loop {
            let outputs = self.nodes[node].drain();
            let appended = outputs.iter().any(|output| matches!(output, Output::Appended(..)));
            for output in outputs {
                match output {
                    Output::Appended(..) => {}
                    Output::Acknowledge(ticket) => self.acknowledged.push((node, ticket)),
                    Output::Send(peer, parcel) => self.wire(node, peer, &parcel),
                    Output::Serve(peer, rows) => {
                        rows.into_iter().for_each(|row| self.wire(node, peer, &Parcel::Row(row)));
                    }
                    Output::Close(peer, _) => {
                        let other = self.ends.get(&(node, peer)).map(|(other, _)| *other);
                        self.closed.extend(other.map(|other| (node, other)));
                    }
                    Output::Alarm(alarm) => self.alarms.push(alarm),
                }
            }
            if !appended || !self.prompt {
                return;
            }
            let (rows, token) = (self.nodes[node].disk.len(), self.nodes[node].token);
            self.nodes[node].synced(rows, token);
        }
    }

    /// How often a kind of frame was sent since the list was last cleared.
    pub(crate) fn sent(&self, which: impl Fn(&Frame) -> bool) -> usize {
        self.frames.iter().filter(|(_, frame)| which(frame)).count()
    }
}
