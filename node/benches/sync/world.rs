//! A township with its villages: who writes, what they have written, and nodes that hold it.
//!
//! The villages write in memory, each with its own key, so that a bench starts from real signed segments without
//! 100,000 commits on the disk. What is measured runs on real engines, journals and connections.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use xiangyue_node::engine::{self, Handle, Settings};
use xiangyue_node::net::{Net, NetSettings};
use xiangyue_node::pki::{Address, Clock, Credentials, Identity, Issuer, Root, Tls, TrustDomain};
use xiangyue_node::storage::JournalOptions;
use xiangyue_protocol::pieces::Pieces;
use xiangyue_protocol::replica::{Effect, Member, Mode, PeerId, Replica};
use xiangyue_protocol::schema::{Account, Cohort, HolderKind, NodeEntry, Org, Rule};
use xiangyue_protocol::segment::{Sealed, Segment};
use xiangyue_protocol::{Command, DocId, Kind, Millis, Month, OrgCode};

use super::Outcome;
use super::entries::{ACCOUNTS, entry, entry_in, points, share};

/// Midnight of 1 December 2026 in Shanghai: all entries lie before it.
const NOW: u64 = 1_796_054_400_000;
const TOWNSHIP: &str = "110112119";
/// Entries of a village between two times that it tidies.
const TIDIED_AFTER: u32 = 40;
/// Whom injected segments come from: a connection that is not there.
const NOBODY: PeerId = PeerId(u64::MAX);

/// How the entries were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Each ledger by one import: up to 1,000 entries in one change, and up to four changes in a segment.
    Imported,
    /// One by one: a change, a segment and a signature each.
    Single,
    /// One by one, and signed anew in larger segments now and then, as a node does.
    Tidied,
}

/// All segments there are.
pub(crate) struct Written {
    /// Of the directory, the rules and the accounts.
    pub(crate) common: Vec<Arc<Segment>>,
    /// Of the ledgers.
    pub(crate) ledgers: Vec<Arc<Segment>>,
}

pub(crate) fn now() -> Millis {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_millis();
    Millis(NOW + u64::try_from(elapsed).unwrap_or(0))
}

/// The township, its authority and the keys of its nodes.
pub(crate) struct World {
    issuer: Issuer,
    root: Root,
    clock: Arc<Clock>,
    /// Founder, serving node, peer.
    nodes: [Identity; 3],
    founding: Vec<Arc<Segment>>,
    villages: Vec<(Identity, OrgCode)>,
}

impl World {
    /// A township with `villages` villages in its directory, and a rule book.
    pub(crate) fn new(villages: u32) -> Outcome<World> {
        let clock = Arc::new(Clock::with_source(now, Millis(0)));
        let root = Root::generate(TrustDomain::new(TOWNSHIP.parse()?)?, now())?;
        let issuer = root.new_issuer(now())?;
        let nodes = [1, 2, 3].map(|n| Identity::from_seed(&[n; 32]));
        let villages: Vec<_> = (0..villages)
            .map(|doc| Ok((Identity::from_seed(&seed(doc)), format!("{TOWNSHIP}{}", 201 + doc).parse()?)))
            .collect::<Outcome<_>>()?;
        let mut world = World { issuer, root, clock, nodes, founding: Vec::new(), villages };
        let mut founder = world.replica(&world.nodes[0], TOWNSHIP.parse()?)?;
        world.founding = commit(&mut founder, &world.founding_commands()?)?;
        Ok(world)
    }

    fn founding_commands(&self) -> Outcome<Vec<Command>> {
        let township: OrgCode = TOWNSHIP.parse()?;
        let own = self.nodes.iter().map(|identity| (identity, &township));
        let all = own.chain(self.villages.iter().map(|(identity, org)| (identity, org)));
        let mut commands = vec![Command::Org(Org { code: township.clone(), name: "Bench".into(), version: 1 })];
        for (identity, org) in all {
            commands.push(Command::Node(NodeEntry {
                node: identity.node(),
                public_key: identity.public_key(),
                org: org.clone(),
                address: "".into(),
            }));
        }
        for rule in 0..10 {
            commands.push(Command::Rule(Rule {
                code: format!("R{rule:02}").parse()?,
                cohort: Cohort::Villager,
                points: points(rule),
                daily_cap: None,
                approve_above: None,
                effective_from: "2020-01-01".parse()?,
            }));
        }
        Ok(commands)
    }

    fn member(&self, identity: &Identity, org: OrgCode) -> Member {
        let anchors = self.nodes.iter().map(Identity::public_key).collect();
        Member { key: identity.signing_key().clone(), incarnation: 1, org, anchors, frozen: false }
    }

    /// A replica in memory that knows the founding documents.
    fn replica(&self, identity: &Identity, org: OrgCode) -> Outcome<Replica> {
        let mut replica = Replica::new(self.member(identity, org))?;
        for segment in &self.founding {
            replica.replay(Sealed::parse(Arc::clone(&segment.bytes))?.from_journal())?;
        }
        Ok(replica)
    }

    /// Village `doc` with its accounts, and the segments that opened them.
    pub(crate) fn village(&self, doc: u32) -> Outcome<(Replica, Vec<Arc<Segment>>)> {
        let (identity, org) = &self.villages[usize::try_from(doc)?];
        let mut replica = self.replica(identity, org.clone())?;
        let accounts = (0..ACCOUNTS)
            .map(|number| {
                let account = Account {
                    account: format!("A-{doc:02}-{number:04}").parse()?,
                    holder: HolderKind::Person,
                    cohort: Cohort::Villager,
                    opened: "2020-01-01".parse()?,
                };
                Ok(Command::Account { village: org.clone(), account })
            })
            .collect::<Outcome<Vec<_>>>()?;
        let segments = commit(&mut replica, &accounts)?;
        Ok((replica, segments))
    }

    /// The founding documents and all accounts, then all ledgers.
    pub(crate) fn write(&self, entries: u32, writing: Writing) -> Outcome<Written> {
        let docs = u32::try_from(self.villages.len())?;
        let (mut common, mut ledgers) = (self.founding.clone(), Vec::new());
        for doc in 0..docs {
            let (mut village, accounts) = self.village(doc)?;
            common.extend(accounts);
            let awards: Vec<Command> =
                (0..share(entries, docs, doc)).map(|n| Ok(Command::Award(entry(doc, n)?))).collect::<Outcome<_>>()?;
            let group = if writing == Writing::Imported { awards.len().max(1) } else { 1 };
            let mut pieces: Pieces<Arc<Segment>> = Pieces::default();
            for (commands, number) in awards.chunks(group).zip(1..) {
                for segment in commit(&mut village, commands)? {
                    pieces.enter(&segment.header, Arc::clone(&segment));
                }
                if writing == Writing::Tidied && number % TIDIED_AFTER == 0 {
                    tidy(&mut village, &mut pieces)?;
                }
            }
            if writing == Writing::Tidied {
                tidy(&mut village, &mut pieces)?;
            }
            ledgers.extend(pieces.of_doc(&self.ledger(doc)?).cloned());
        }
        Ok(Written { common, ledgers })
    }

    /// The township's replica with so many entries of each village in each of these months.
    pub(crate) fn township(&self, months: &[Month], entries: u32) -> Outcome<Replica> {
        let mut township = self.replica(&self.nodes[1], TOWNSHIP.parse()?)?;
        for doc in 0..u32::try_from(self.villages.len())? {
            let (mut village, mut segments) = self.village(doc)?;
            for (month, number) in months.iter().zip(0..) {
                let of = number * entries..(number + 1) * entries;
                let awards: Vec<Command> =
                    of.map(|n| Ok(Command::Award(entry_in(doc, n, *month)?))).collect::<Outcome<_>>()?;
                segments.extend(commit(&mut village, &awards)?);
            }
            for segment in segments {
                township.replay(Sealed::parse(Arc::clone(&segment.bytes))?.from_journal())?;
            }
        }
        Ok(township)
    }

    /// The ledger of village `doc`.
    pub(crate) fn ledger(&self, doc: u32) -> Outcome<DocId> {
        let org = &self.villages[usize::try_from(doc)?].1;
        Ok(DocId::of_month(org, Kind::Ledger, "2026-11".parse()?))
    }

    /// Opens an engine over `data` as one of the township's nodes: 1 serves, 2 is the peer.
    pub(crate) fn engine(&self, node: usize, data: &Path) -> Outcome<Handle> {
        let settings = Settings {
            data: data.to_owned(),
            member: self.member(&self.nodes[node], TOWNSHIP.parse()?),
            policy: xiangyue_protocol::policy::Policy::default(),
            revoked: false,
            twins: Vec::new(),
            clock: Arc::clone(&self.clock),
            journal: JournalOptions::default(),
            cache_bytes: 16 << 20,
        };
        Ok(engine::open(settings, |_, _| Ok(()))?.handle)
    }

    /// Starts the network of one of the township's nodes.
    pub(crate) fn net(&self, node: usize, engine: &Handle, dial: Vec<Address>) -> Outcome<Net> {
        let tls = Tls::new(
            &self.nodes[node],
            &self.credentials(&self.nodes[node], &TOWNSHIP.parse()?)?,
            Arc::clone(&self.clock),
        )?;
        let settings = NetSettings {
            listen: "127.0.0.1:0".parse()?,
            township: Vec::new(),
            dial,
            max_peers: 64,
            clock: Arc::clone(&self.clock),
            registrar: None,
        };
        Ok(Net::start(settings, &self.nodes[node], tls, engine.clone())?)
    }

    fn credentials(&self, identity: &Identity, org: &OrgCode) -> Outcome<Credentials> {
        let chain = self.issuer.issue(now(), org, &identity.public_key())?;
        Ok(Credentials { chain, bundle: vec![self.root.certificate().clone()] })
    }

    /// Key, certificate, organisation and anchors of village `doc`, for a data folder.
    pub(crate) fn village_papers(&self, doc: u32) -> Outcome<(Identity, Credentials, OrgCode, Vec<[u8; 32]>)> {
        let (identity, org) = &self.villages[usize::try_from(doc)?];
        let anchors = self.nodes.iter().map(Identity::public_key).collect();
        Ok((identity.clone(), self.credentials(identity, org)?, org.clone(), anchors))
    }

    /// The founding segments.
    pub(crate) fn founding(&self) -> &[Arc<Segment>] {
        &self.founding
    }
}

fn seed(doc: u32) -> [u8; 32] {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&doc.to_be_bytes());
    seed
}

/// Writes commands at a replica in memory and returns the segments.
pub(crate) fn commit(replica: &mut Replica, commands: &[Command]) -> Outcome<Vec<Arc<Segment>>> {
    let (answers, _) = replica.submit(now(), commands, Mode::AllOrNothing);
    if let Some(refusal) = answers.into_iter().find_map(Result::err) {
        return Err(refusal.into());
    }
    replica.flush(now())?;
    Ok(appended(replica))
}

fn appended(replica: &mut Replica) -> Vec<Arc<Segment>> {
    let mut segments = Vec::new();
    while let Some(effect) = replica.poll_effect() {
        if let Effect::Append { token, segment } = effect {
            replica.durable(token);
            segments.push(segment);
        }
    }
    segments
}

/// Signs small segments anew, as the node's engine does with those in its journal.
fn tidy(replica: &mut Replica, pieces: &mut Pieces<Arc<Segment>>) -> Outcome {
    while let Some(crowd) = pieces.crowds().pop() {
        let run = pieces.between(&crowd.doc, crowd.actor, crowd.first - 1, crowd.last);
        let run: Vec<Segment> = run.map(|segment| segment.as_ref().clone()).collect();
        replica.reissue(&run)?;
        for segment in appended(replica) {
            pieces.enter(&segment.header, Arc::clone(&segment));
        }
    }
    Ok(())
}

/// Gives an engine segments as if a peer had sent them, and waits until they are durable.
pub(crate) async fn give(engine: &Handle, segments: &[Arc<Segment>]) -> Outcome {
    for segment in segments {
        engine.segment(NOBODY, segment.as_ref().clone()).await?;
    }
    engine.submit(Vec::new(), Mode::AllOrNothing).await?;
    Ok(())
}
