//! Arbitrary schedules of commit, delivery, duplication, broken connections and power cuts over four nodes.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod pairs;

use pairs::{Pairs, award, grant, redeem, reverse};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Command, access};
use xiangyue_sim::rng::Rng;

/// Township, two villages, merchant.
const NODES: usize = 4;
const MERCHANT: &str = "110112119M01";

#[derive(Debug, Clone)]
enum Step {
    Award { node: usize, account: usize, points: i64 },
    Redeem { node: usize, account: usize, points: i64 },
    Grant { node: usize, account: usize, points: i64 },
    Reverse { node: usize, back: usize },
    Retry { node: usize, back: usize },
    Flush(usize),
    Sync(usize),
    Connect(usize, usize),
    Cut(usize, usize),
    Deliver { stream: usize, twice: bool },
    Crash(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES;
    let account = || 0..4usize;
    prop_oneof![
        4 => (0..3usize, account(), 1..20i64).prop_map(|(node, account, points)| Step::Award { node, account, points }),
        3 => (1..NODES, account(), 1..15i64).prop_map(|(node, account, points)| Step::Redeem { node, account, points }),
        2 => (node(), account(), 1..10i64).prop_map(|(node, account, points)| Step::Grant { node, account, points }),
        1 => (node(), 0..6usize).prop_map(|(node, back)| Step::Reverse { node, back }),
        1 => (node(), 0..6usize).prop_map(|(node, back)| Step::Retry { node, back }),
        5 => node().prop_map(Step::Flush),
        5 => node().prop_map(Step::Sync),
        4 => (node(), node()).prop_map(|(a, b)| Step::Connect(a, b)),
        1 => (node(), node()).prop_map(|(a, b)| Step::Cut(a, b)),
        20 => (0..64usize, prop::bool::weighted(0.1)).prop_map(|(stream, twice)| Step::Deliver { stream, twice }),
        1 => node().prop_map(Step::Crash),
    ]
}

struct Run {
    pairs: Pairs,
    /// Commands that each node took, in order; a crash may have taken some of them.
    asked: Vec<Vec<Command>>,
}

impl Run {
    fn new() -> Run {
        let mut pairs = Pairs::new(2);
        pairs.prompt = false;
        Run { pairs, asked: vec![Vec::new(); NODES] }
    }

    fn ask(&mut self, node: usize, command: Command) {
        let (answers, _) = self.pairs.stage(node, std::slice::from_ref(&command));
        if answers[0].is_ok() {
            self.asked[node].push(command);
        }
    }

    fn past(&self, node: usize, back: usize) -> Option<&Command> {
        self.asked[node].iter().rev().nth(back)
    }

    fn take(&mut self, step: &Step, n: usize) {
        let slip = format!("s{n}");
        let account = |pairs: &Pairs, nth: usize| pairs.account(1 + nth / 2, nth % 2);
        match *step {
            Step::Award { node, account: a, points } => {
                let command = award(&slip, &account(&self.pairs, a), points);
                self.ask(node, command);
            }
            Step::Redeem { node, account: a, points } => {
                let command = redeem(&slip, &account(&self.pairs, a), points);
                self.ask(node, command);
            }
            Step::Grant { node, account: a, points } => {
                let to = if node == 3 { format!("11011211920{}", 1 + a / 2) } else { MERCHANT.to_owned() };
                let command = grant(&slip, &account(&self.pairs, a), points, &to);
                self.ask(node, command);
            }
            Step::Reverse { node, back } => {
                let of = match self.past(node, back) {
                    Some(Command::Award(award)) => award.request.to_string(),
                    Some(Command::Redeem(redemption)) => redemption.request.to_string(),
                    _ => return,
                };
                self.ask(node, reverse(&slip, &of));
            }
            Step::Retry { node, back } => {
                if let Some(command) = self.past(node, back).cloned() {
                    self.ask(node, command);
                }
            }
            Step::Flush(node) => self.pairs.flush(node),
            Step::Sync(node) => self.pairs.sync(node),
            Step::Connect(a, b) if a != b && !self.pairs.is_connected(a, b) => self.pairs.connect(a, b),
            Step::Connect(..) => {}
            Step::Cut(a, b) => self.pairs.cut(a, b),
            Step::Deliver { stream, twice } => drop(self.pairs.deliver(stream, twice)),
            Step::Crash(node) => self.pairs.crash(node),
        }
        self.check_rights();
    }

    fn check_rights(&self) {
        for node in 0..NODES {
            let replica = self.pairs.replica(node);
            for (account, totals) in &replica.views().book {
                let held = totals.share(replica.node()).held;
                assert!(held >= Points::ZERO, "node {node} holds {held} of {account}");
            }
        }
    }

    /// All is written, synced, joined and delivered.
    fn heal(&mut self) {
        self.pairs.prompt = true;
        for node in 0..NODES {
            self.pairs.flush(node);
            self.pairs.sync(node);
        }
        for a in 0..NODES {
            for b in 0..a {
                if !self.pairs.is_connected(a, b) {
                    self.pairs.connect(a, b);
                }
            }
        }
        self.pairs.settle();
    }

    fn check_end(&self) {
        assert!(self.pairs.alarms.is_empty(), "{:?}", self.pairs.alarms);
        for a in 0..NODES {
            for b in 0..a {
                let (one, two) = (self.pairs.replica(a), self.pairs.replica(b));
                for id in one.docs().keys().chain(two.docs().keys()) {
                    if access::may_carry(one.org(), id) && access::may_carry(two.org(), id) {
                        assert_eq!(one.docs().get(id), two.docs().get(id), "{id} at {a} and {b}");
                    }
                }
            }
        }
        for node in 0..NODES {
            for (_, session) in self.pairs.replica(node).sessions() {
                assert!(session.caught_up && session.behind == 0, "node {node}: {session:?}");
            }
        }
        assert_eq!(self.pairs.replica(0).views().overspent().count(), 0);
    }

    /// The same segments in other orders, each author's in its own: the same documents.
    fn check_orders(&self, seed: u64) {
        let township = &self.pairs.nodes[0];
        let rows: Vec<_> = township.disk.rows().cloned().collect();
        for order in 0..4 {
            let mut rng = Rng::new(seed, "township", &format!("order {order}"));
            let mut streams = std::collections::BTreeMap::<_, std::collections::VecDeque<_>>::new();
            for row in &rows {
                streams.entry((row.header.doc.clone(), row.header.actor)).or_default().push_back(row);
            }
            let mut shuffled = Vec::new();
            while !streams.is_empty() {
                let keys: Vec<_> = streams.keys().cloned().collect();
                let key = rng.pick(&keys).unwrap();
                let stream = streams.get_mut(key).unwrap();
                shuffled.extend(stream.pop_front());
                if stream.is_empty() {
                    streams.remove(key);
                }
            }
            let again = township.replayed(shuffled.into_iter()).unwrap();
            assert_eq!(again.docs(), self.pairs.replica(0).docs(), "order {order}");
            let (one, two) = (&again.views().book, &self.pairs.replica(0).views().book);
            assert_eq!(one, two, "order {order}");
        }
    }
}

/// Schedules that failed once are kept beside the tests and tried first.
fn config() -> Config {
    let kept = FileFailurePersistence::Direct("proptest-regressions/any_schedule_merges_alike.txt");
    Config { max_shrink_iters: 4000, failure_persistence: Some(Box::new(kept)), ..Config::with_cases(600) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn four_nodes_agree_after_any_schedule(steps in prop::collection::vec(step(), 20..160), seed in 0..1000u64) {
        let mut run = Run::new();
        for (n, step) in steps.iter().enumerate() {
            run.take(step, n);
        }
        run.heal();
        run.check_rights();
        run.check_end();
        run.check_orders(seed);
    }
}
