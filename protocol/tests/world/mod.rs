//! A world of replicas joined by perfect links, driven step by step. The simulator has the faulty ones.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use xiangyue_protocol::forms::{Form, Row, Value};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::pieces::{Crowd, Pieces};
use xiangyue_protocol::replica::{Alarm, Effect, Member, Mode, PeerId, Replica};
use xiangyue_protocol::schema::{
    Account, Award, Cohort, HolderKind, Item, NodeEntry, Org, Points, Redemption, Revocation, Rule,
};
use xiangyue_protocol::segment::{Sealed, Segment};
use xiangyue_protocol::{
    Actor, Amend, Code, Command, DocId, GrantRequest, Millis, NodeId, OrgCode, Outcome, PutRequest, Refusal,
    ReverseRequest, Verdict,
};

/// 2021-01-20 08:00 in China.
pub(crate) const NOW: Millis = Millis(1_611_100_800_000);

pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) journal: Vec<Arc<Segment>>,
    /// Places in the journal.
    pieces: Pieces<usize>,
    acknowledged: u64,
}

impl Node {
    fn new(replica: Replica, journal: Vec<Arc<Segment>>) -> Node {
        let mut pieces = Pieces::default();
        journal.iter().zip(0..).for_each(|(segment, at)| pieces.enter(&segment.header, at));
        Node { replica, journal, pieces, acknowledged: 0 }
    }

    fn append(&mut self, segment: Arc<Segment>) {
        self.pieces.enter(&segment.header, self.journal.len());
        self.journal.push(segment);
    }
}

pub(crate) struct World {
    nodes: Vec<Node>,
    links: BTreeMap<PeerId, (usize, usize, PeerId)>,
    wire: VecDeque<(PeerId, Frame)>,
    next_peer: u64,
    frames: usize,
    bytes: usize,
    /// Alarms and closed connections are faults unless a test expects them.
    pub(crate) strict: bool,
    pub(crate) alarms: Vec<(usize, Alarm)>,
    pub(crate) closed: Vec<(usize, Refusal)>,
    pub(crate) refused: Vec<(usize, Refusal)>,
    /// Nodes that speak version 1 of the wire only.
    pub(crate) old: BTreeSet<usize>,
}

/// A township, three villages and a merchant: the node numbers of [`World::whole`].
pub(crate) const TOWNSHIP: usize = 0;
pub(crate) const VILLAGE: usize = 1;
pub(crate) const OTHER: usize = 2;
pub(crate) const MERCHANT: usize = 3;
pub(crate) const VILLAGE_CODE: &str = "110112119201";
pub(crate) const MERCHANT_CODE: &str = "110112119M01";

pub(crate) fn org(text: &str) -> OrgCode {
    text.parse().unwrap()
}

pub(crate) fn open_account(account: &str, village: &str) -> Command {
    let account = Account {
        account: account.parse().unwrap(),
        holder: HolderKind::Person,
        cohort: Cohort::Villager,
        opened: "2020-01-01".parse().unwrap(),
    };
    Command::Account { village: org(village), account }
}

pub(crate) fn award(request: &str, account: &str, points: i64) -> Command {
    Command::Award(Award {
        request: request.parse().unwrap(),
        account: account.parse().unwrap(),
        rule: "R1".parse().unwrap(),
        points: Points(points),
        repaid: Points::ZERO,
        date: "2021-01-05".parse().unwrap(),
        by: "c1".into(),
        memo: "".into(),
        approval: None,
    })
}

pub(crate) fn rule(code: &str, points: i64) -> Command {
    Command::Rule(Rule {
        code: code.parse().unwrap(),
        cohort: Cohort::Villager,
        points: Points(points),
        daily_cap: None,
        approve_above: None,
        effective_from: "2020-01-01".parse().unwrap(),
    })
}

/// A rule of which awards above a number of points wait for a second person.
pub(crate) fn approved_above(code: &str, points: i64, above: i64) -> Command {
    let Command::Rule(rule) = rule(code, points) else { unreachable!() };
    Command::Rule(Rule { approve_above: Some(Points(above)), ..rule })
}

pub(crate) fn verdict(request: &str, by: &str, declined: Option<&str>) -> Command {
    let request = request.parse().unwrap();
    Command::Judge(Verdict { request, by: by.into(), declined: declined.map(Into::into) })
}

/// A row of a form, of the township or of the node's own village.
pub(crate) fn put(form: &'static Form, values: &[(&str, Value)], amend: Amend) -> Command {
    let row = Row::new(form, values.iter().cloned()).unwrap();
    Command::Put(PutRequest { village: None, row, amend })
}

pub(crate) fn item(code: &str, price: i64) -> Command {
    let effective_from = "2020-01-01".parse().unwrap();
    Command::Item(Item { code: code.parse().unwrap(), price: Points(price), effective_from })
}

pub(crate) fn redeem(request: &str, account: &str, points: i64) -> Command {
    Command::Redeem(Redemption {
        request: request.parse().unwrap(),
        account: account.parse().unwrap(),
        item: "I1".parse().unwrap(),
        points: Points(points),
        date: "2021-01-06".parse().unwrap(),
        merchant: None,
        by: "c1".into(),
        lines: Vec::new(),
    })
}

pub(crate) fn reverse(request: &str, of: &str) -> Command {
    Command::Reverse(ReverseRequest {
        request: request.parse().unwrap(),
        of: of.parse().unwrap(),
        date: "2021-01-07".parse().unwrap(),
        by: "c1".into(),
        memo: "".into(),
    })
}

pub(crate) fn grant(request: &str, account: &str, points: i64, to: &str) -> Command {
    Command::Grant(GrantRequest {
        request: request.parse().unwrap(),
        account: account.parse().unwrap(),
        points: Points(points),
        to: org(to),
        date: "2021-01-06".parse().unwrap(),
        by: "c1".into(),
    })
}

pub(crate) fn revoke(node: NodeId) -> Command {
    Command::Revoke(Revocation { node, at: 0, reason: "lost".into() })
}

/// The entries by which a township makes an organisation and its node known.
pub(crate) fn enrol(code: &OrgCode, key: &SigningKey) -> [Command; 2] {
    let public_key = key.verifying_key().to_bytes();
    let node = NodeId::of_key(&public_key);
    [
        Command::Org(Org { code: code.clone(), name: format!("org {code}").into(), version: 1 }),
        Command::Node(NodeEntry { node, public_key, org: code.clone(), address: "".into() }),
    ]
}

/// A replica as of its first life.
pub(crate) fn newborn(n: u8, code: &str) -> Replica {
    life(n, code, 1, false)
}

/// A replica in one of its lives.
pub(crate) fn life(n: u8, code: &str, incarnation: u32, frozen: bool) -> Replica {
    let anchors = vec![key(0).verifying_key().to_bytes()];
    Replica::new(Member { key: key(n), incarnation, org: org(code), anchors, frozen }).unwrap()
}

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n + 1; 32])
}

impl World {
    /// Node 0 is the township, which has enrolled nodes 1 to `villages` of villages ...201, ...202 and so on.
    pub(crate) fn township_with(villages: u8) -> World {
        let codes: Vec<String> = (0..=villages)
            .map(|n| if n == 0 { "110112119".to_owned() } else { format!("110112119{}", 200 + u32::from(n)) })
            .collect();
        World::of(&codes.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Township, two villages, one merchant; all synced; account A1 with 100 points at the first village.
    pub(crate) fn whole() -> World {
        let mut world = World::of(&["110112119", VILLAGE_CODE, "110112119202", MERCHANT_CODE]);
        world.commit(TOWNSHIP, vec![item("I1", 0)]).unwrap();
        world.connect_all();
        world.settle();
        world.commit(VILLAGE, vec![open_account("A1", VILLAGE_CODE), award("s1", "A1", 100)]).unwrap();
        world.settle();
        world
    }

    /// Nodes of these organisations; the first is the township and has enrolled the others.
    pub(crate) fn of(codes: &[&str]) -> World {
        let node = |(n, code): (u8, &&str)| Node::new(newborn(n, code), Vec::new());
        let nodes = (0..).zip(codes).map(node).collect();
        let mut world = World {
            nodes,
            links: BTreeMap::new(),
            wire: VecDeque::new(),
            next_peer: 0,
            frames: 0,
            bytes: 0,
            strict: true,
            alarms: Vec::new(),
            closed: Vec::new(),
            refused: Vec::new(),
            old: BTreeSet::new(),
        };
        let entries: Vec<Command> = world
            .nodes
            .iter()
            .zip(0u8..)
            .flat_map(|(node, n)| enrol(node.replica.org(), &key(n)))
            .chain([rule("R1", 100)])
            .collect();
        world.commit(0, entries).unwrap();
        world
    }

    pub(crate) fn replica(&self, node: usize) -> &Replica {
        &self.nodes[node].replica
    }

    pub(crate) fn replica_mut(&mut self, node: usize) -> &mut Replica {
        &mut self.nodes[node].replica
    }

    pub(crate) fn journal(&self, node: usize) -> &[Arc<Segment>] {
        &self.nodes[node].journal
    }

    pub(crate) fn bytes_sent(&self) -> usize {
        self.bytes
    }

    /// Adds a node that runs beside the others.
    pub(crate) fn add(&mut self, replica: Replica) -> usize {
        self.nodes.push(Node::new(replica, Vec::new()));
        self.nodes.len() - 1
    }

    /// Puts another replica in a node's place, with the segments that it starts from.
    pub(crate) fn replace(&mut self, node: usize, mut replica: Replica, journal: Vec<Arc<Segment>>) {
        for segment in &journal {
            replica.replay(Sealed::parse(Arc::clone(&segment.bytes)).unwrap().from_journal()).unwrap();
        }
        self.nodes[node] = Node::new(replica, journal);
    }

    /// Connects everyone to the township, and the villages to the merchant.
    pub(crate) fn connect_all(&mut self) {
        (1..self.nodes.len()).for_each(|node| self.connect(TOWNSHIP, node));
    }

    /// Hands a segment to a node as if a peer had sent it, and says what became of it.
    pub(crate) fn inject(&mut self, to: usize, from: PeerId, bytes: Arc<[u8]>) -> Result<(), Refusal> {
        let taken = deliver(&mut self.nodes[to].replica, from, bytes);
        self.drain(to);
        taken
    }

    /// The end of the connection between two nodes at the first of them.
    pub(crate) fn peer(&self, at: usize, other: usize) -> PeerId {
        let link = self.links.iter().find(|(_, (from, to, _))| (*from, *to) == (at, other));
        *link.expect("connected").0
    }

    pub(crate) fn frames_sent(&self) -> usize {
        self.frames
    }

    pub(crate) fn commit(&mut self, node: usize, commands: Vec<Command>) -> Result<Vec<Outcome>, Refusal> {
        let replica = &mut self.nodes[node].replica;
        let (answers, ticket) = replica.submit(NOW, &commands, Mode::AllOrNothing);
        replica.flush(NOW)?;
        self.drain(node);
        assert_eq!(self.nodes[node].acknowledged, ticket.0, "acknowledged once durable");
        answers.into_iter().collect()
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        let (pa, pb) = (PeerId(self.next_peer), PeerId(self.next_peer + 1));
        self.next_peer += 2;
        // A peer id names the receiving end: frames to `pa` at node `a` come out at node `b` as from `pb`.
        self.links.insert(pa, (a, b, pb));
        self.links.insert(pb, (b, a, pa));
        let (na, oa) = (self.nodes[a].replica.node(), self.nodes[a].replica.org().clone());
        let (nb, ob) = (self.nodes[b].replica.node(), self.nodes[b].replica.org().clone());
        self.nodes[a].replica.connected(NOW, pa, nb, ob);
        self.nodes[b].replica.connected(NOW, pb, na, oa);
        self.drain(a);
        self.drain(b);
    }

    pub(crate) fn disconnect_all(&mut self) {
        self.wire.clear();
        for (peer, (node, _, _)) in std::mem::take(&mut self.links) {
            self.nodes[node].replica.disconnected(peer);
        }
    }

    /// Ends one connection; what is on the way over it is lost.
    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        let ends: Vec<PeerId> =
            self.links.iter().filter(|(_, (x, y, _))| [(a, b), (b, a)].contains(&(*x, *y))).map(|(p, _)| *p).collect();
        for peer in ends {
            if let Some((node, _, _)) = self.links.remove(&peer) {
                self.nodes[node].replica.disconnected(peer);
                self.drain(node);
            }
        }
    }

    /// Delivers, and lets time pass, until nothing is on the way and nothing waits.
    pub(crate) fn settle_in_time(&mut self) {
        self.settle();
        while let Some((due, node)) = (0..self.nodes.len()).filter_map(|n| Some((self.replica(n).due()?, n))).min() {
            self.nodes[node].replica.wake(due);
            self.nodes[node].replica.flush(due).unwrap();
            self.drain(node);
            self.settle();
        }
    }

    /// Delivers until nothing is on the way.
    pub(crate) fn settle(&mut self) {
        while self.step() {}
    }

    /// Delivers one frame; false when nothing is on the way.
    pub(crate) fn step(&mut self) -> bool {
        let Some((peer, frame)) = self.wire.pop_front() else { return false };
        let Some((_, to, at)) = self.links.get(&peer).copied() else { return true };
        let news = matches!(frame, Frame::Announce(_) | Frame::Want(..) | Frame::Prune(_));
        assert!(!news || !self.old.contains(&to), "said to a node that does not understand it: {frame:?}");
        let replica = &mut self.nodes[to].replica;
        match frame {
            Frame::Segment(bytes) => {
                let refusal = deliver(replica, at, bytes).err().filter(|r| r.code() != Code::UnknownAuthor);
                assert!(refusal.is_none() || !self.strict, "{refusal:?}");
                self.refused.extend(refusal.map(|refusal| (to, refusal)));
            }
            frame => match replica.frame(NOW, at, frame) {
                Err(refusal) if self.strict => panic!("honest peers send sound frames: {refusal}"),
                Err(refusal) => self.closed.push((to, refusal)),
                Ok(()) => {}
            },
        }
        self.drain(to);
        true
    }

    pub(crate) fn drain(&mut self, at: usize) {
        while let Some(effect) = self.nodes[at].replica.poll_effect() {
            match effect {
                Effect::Append { token, segment } => {
                    self.nodes[at].append(segment);
                    self.nodes[at].replica.durable(token);
                }
                Effect::Acknowledge(ticket) => self.nodes[at].acknowledged = ticket.0,
                Effect::Send(peer, frame) => self.send(peer, frame),
                Effect::Serve { peer, doc, actor, after, upto } => {
                    for bytes in self.stored(at, &doc, actor, after, upto) {
                        self.send(peer, Frame::Segment(bytes));
                    }
                }
                Effect::Recut { peer, doc, actor, after, upto, at_most } => {
                    let stored = self.stored(at, &doc, actor, after, upto);
                    if stored.len() as u64 <= at_most {
                        stored.into_iter().for_each(|bytes| self.send(peer, Frame::Segment(bytes)));
                    }
                }
                Effect::Close(peer, refusal) if self.strict => panic!("{peer:?} closed: {refusal}"),
                Effect::Alarm(alarm) if self.strict => panic!("{alarm:?}"),
                Effect::Close(_, refusal) => self.closed.push((at, refusal)),
                Effect::Alarm(alarm) => self.alarms.push((at, alarm)),
            }
        }
    }

    fn stored(&self, at: usize, doc: &DocId, actor: Actor, after: u64, upto: u64) -> Vec<Arc<[u8]>> {
        let node = &self.nodes[at];
        node.pieces.between(doc, actor, after, upto).map(|at| Arc::clone(&node.journal[*at].bytes)).collect()
    }

    /// A node signs its own small segments anew as large ones, and asks for others' in fewer pieces.
    pub(crate) fn tidy(&mut self, at: usize) {
        let own = self.nodes[at].replica.node();
        while let Some(crowd) = self.nodes[at].pieces.crowds().into_iter().find(|crowd| crowd.actor.node == own) {
            let Crowd { doc, actor, first, last, .. } = crowd;
            let segments: Vec<Segment> =
                self.stored(at, &doc, actor, first - 1, last).into_iter().map(reopen).collect();
            self.nodes[at].replica.reissue(&segments).unwrap();
            self.drain(at);
        }
        let crowds = self.nodes[at].pieces.crowds();
        self.nodes[at].replica.recut(crowds);
        self.drain(at);
    }

    /// In how many segments a node stores a document.
    pub(crate) fn pieces(&self, at: usize, doc: &DocId) -> usize {
        self.nodes[at].pieces.of_doc(doc).count()
    }

    fn send(&mut self, peer: PeerId, mut frame: Frame) {
        if let Frame::Hello(hello) = &mut frame
            && self.links.get(&peer).is_some_and(|(from, _, _)| self.old.contains(from))
        {
            hello.max_version = 1;
        }
        self.frames += 1;
        self.bytes += frame.encode().len();
        self.wire.push_back((peer, frame));
    }
}

/// A segment from a journal, opened.
pub(crate) fn reopen(bytes: Arc<[u8]>) -> Segment {
    Sealed::parse(bytes).unwrap().from_journal().open().unwrap()
}

/// What a driver does with a segment from a peer.
pub(crate) fn deliver(replica: &mut Replica, from: PeerId, bytes: Arc<[u8]>) -> Result<(), Refusal> {
    let sealed = Sealed::parse(bytes)?;
    let header = sealed.header.clone();
    let opened = match replica.keys().get(&header.actor.node) {
        Some(key) => sealed.verify(key).and_then(|verified| verified.open()),
        None => Err(Refusal::new(Code::UnknownAuthor, header.actor.node)),
    };
    match opened {
        Ok(segment) => replica.receive(NOW, from, segment),
        Err(refusal) => {
            replica.reject(NOW, from, &header, &refusal);
            Err(refusal)
        }
    }
}

/// Everything that a replica believes, for comparing before and after.
pub(crate) fn beliefs(replica: &Replica) -> (BTreeMap<DocId, Arc<xiangyue_protocol::doc::Doc>>, String) {
    (replica.docs().clone(), format!("{:?}", replica.views()))
}

/// Drains a replica that has no driver: everything becomes durable at once.
pub(crate) fn drained(replica: &mut Replica) -> Vec<Effect> {
    let mut effects = Vec::new();
    while let Some(effect) = replica.poll_effect() {
        if let Effect::Append { token, .. } = &effect {
            replica.durable(*token);
        }
        effects.push(effect);
    }
    effects
}

/// Commits at a replica that has no driver and gives back the segments written.
pub(crate) fn write(replica: &mut Replica, commands: &[Command]) -> Vec<Arc<Segment>> {
    let (answers, _) = replica.submit(NOW, commands, Mode::AllOrNothing);
    answers.into_iter().for_each(|answer| assert!(answer.is_ok(), "{answer:?}"));
    replica.flush(NOW).unwrap();
    let effects = drained(replica);
    effects
        .into_iter()
        .filter_map(|e| if let Effect::Append { segment, .. } = e { Some(segment) } else { None })
        .collect()
}

/// Commits and gives the refusal of the last command.
pub(crate) fn refusal(replica: &mut Replica, command: Command) -> Code {
    let before = beliefs(replica);
    let (answers, _) = replica.submit(NOW, &[command], Mode::AllOrNothing);
    replica.flush(NOW).unwrap();
    drained(replica);
    assert_eq!(beliefs(replica), before, "a refusal changes nothing");
    answers[0].as_ref().expect_err("refused").code()
}
