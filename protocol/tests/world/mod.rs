//! A world of replicas joined by perfect links, driven step by step. The simulator has the faulty ones.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{Effect, Member, Mode, PeerId, Replica};
use xiangyue_protocol::schema::{Account, Award, Cohort, HolderKind, NodeEntry, Org, Points, Rule};
use xiangyue_protocol::segment::{Sealed, Segment};
use xiangyue_protocol::{Actor, Command, DocId, Millis, OrgCode, Outcome, Refusal};

/// 2021-01-20 08:00 in China.
pub(crate) const NOW: Millis = Millis(1_611_100_800_000);

pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) journal: Vec<Arc<Segment>>,
    acknowledged: u64,
}

pub(crate) struct World {
    nodes: Vec<Node>,
    links: BTreeMap<PeerId, (usize, usize, PeerId)>,
    wire: VecDeque<(PeerId, Frame)>,
    next_peer: u64,
    frames: usize,
}

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
    })
}

pub(crate) fn rule(code: &str, points: i64) -> Command {
    Command::Rule(Rule {
        code: code.parse().unwrap(),
        cohort: Cohort::Villager,
        points: Points(points),
        daily_cap: None,
        effective_from: "2020-01-01".parse().unwrap(),
    })
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n + 1; 32])
}

impl World {
    /// Node 0 is the township, which has enrolled nodes 1 to `villages` of villages ...201, ...202 and so on.
    pub(crate) fn township_with(villages: u8) -> World {
        let township = org("110112119");
        let anchor = key(0).verifying_key().to_bytes();
        let mut nodes = Vec::new();
        for n in 0..=villages {
            let org = if n == 0 { township.clone() } else { org(&format!("110112119{}", 200 + u32::from(n))) };
            let member = Member { key: key(n), incarnation: 1, org, anchors: vec![anchor], frozen: false };
            nodes.push(Node { replica: Replica::new(member).unwrap(), journal: Vec::new(), acknowledged: 0 });
        }
        let mut world = World { nodes, links: BTreeMap::new(), wire: VecDeque::new(), next_peer: 0, frames: 0 };
        let entries: Vec<Command> = world
            .nodes
            .iter()
            .zip(0u8..)
            .flat_map(|(node, n)| {
                let (code, id) = (node.replica.org().clone(), node.replica.node());
                let public_key = key(n).verifying_key().to_bytes();
                let name = format!("org {code}").into();
                [
                    Command::Org(Org { code: code.clone(), name, version: 1 }),
                    Command::Node(NodeEntry { node: id, public_key, org: code, address: "".into() }),
                ]
            })
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

    /// Delivers until nothing is on the way.
    pub(crate) fn settle(&mut self) {
        while let Some((peer, frame)) = self.wire.pop_front() {
            let Some((_, to, at)) = self.links.get(&peer).copied() else { continue };
            let replica = &mut self.nodes[to].replica;
            match frame {
                Frame::Segment(bytes) => deliver(replica, at, bytes),
                frame => replica.frame(NOW, at, frame).expect("honest peers send sound frames"),
            }
            self.drain(to);
        }
    }

    fn drain(&mut self, at: usize) {
        while let Some(effect) = self.nodes[at].replica.poll_effect() {
            match effect {
                Effect::Append { token, segment } => {
                    self.nodes[at].journal.push(segment);
                    self.nodes[at].replica.durable(token);
                }
                Effect::Acknowledge(ticket) => self.nodes[at].acknowledged = ticket.0,
                Effect::Send(peer, frame) => self.send(peer, frame),
                Effect::Serve { peer, doc, actor, after, upto } => {
                    for bytes in self.stored(at, &doc, actor, after, upto) {
                        self.send(peer, Frame::Segment(bytes));
                    }
                }
                Effect::Close(peer, refusal) => panic!("{peer:?} closed: {refusal}"),
                Effect::Alarm(alarm) => panic!("{alarm:?}"),
            }
        }
    }

    fn stored(&self, at: usize, doc: &DocId, actor: Actor, after: u64, upto: u64) -> Vec<Arc<[u8]>> {
        let wanted = |s: &&Arc<Segment>| {
            s.header.doc == *doc && s.header.actor == actor && s.header.last > after && s.header.first <= upto
        };
        self.nodes[at].journal.iter().filter(wanted).map(|s| Arc::clone(&s.bytes)).collect()
    }

    fn send(&mut self, peer: PeerId, frame: Frame) {
        self.frames += 1;
        self.wire.push_back((peer, frame));
    }
}

/// What a driver does with a segment from a peer.
pub(crate) fn deliver(replica: &mut Replica, from: PeerId, bytes: Arc<[u8]>) {
    let sealed = Sealed::parse(bytes).expect("sound");
    let header = sealed.header.clone();
    let Some(key) = replica.keys().get(&header.actor.node).copied() else {
        let refusal = Refusal::new(xiangyue_protocol::Code::UnknownAuthor, header.actor.node);
        return replica.reject(NOW, from, &header, &refusal);
    };
    let segment = sealed.verify(&key).expect("signed").open().expect("sound");
    replica.receive(NOW, from, segment).expect("accepted");
}
