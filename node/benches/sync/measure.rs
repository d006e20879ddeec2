//! Catch-up, single entries, a burst, and a reconnect between two nodes of one township.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xiangyue_node::documents;
use xiangyue_node::engine::Handle;
use xiangyue_node::net::{Net, PeerInfo, SyncPolicy};
use xiangyue_node::pki::Address;
use xiangyue_protocol::Command;
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::summary::Summary;

use super::Outcome;
use super::entries::{entry, share};
use super::relay;
use super::world::{World, Writing, Written, give};

pub(crate) const DOCS: u32 = 54;
pub(crate) const ENTRIES: u32 = 100_000;
/// A measurement that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(180);
/// After this long without traffic the wire is taken to be silent.
const SILENCE: Duration = Duration::from_millis(150);

/// An engine over a folder that goes away with it.
pub(crate) struct Node {
    pub(crate) engine: Handle,
    _data: TempDir,
}

impl Node {
    pub(crate) fn open(world: &World, number: usize) -> Outcome<Node> {
        // Beside the build, not in /tmp, which may be memory: a sync must reach a disk.
        let data = tempfile::tempdir_in(super::target_dir())?;
        Ok(Node { engine: world.engine(number, data.path())?, _data: data })
    }
}

/// Bytes of one connection, both ways together: frames, and the UDP payloads that carried them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wire {
    pub(crate) frames: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) udp: u64,
}

fn peer(net: &Net) -> Option<PeerInfo> {
    net.peers().into_iter().next().map(|(_, info)| info)
}

fn wire(net: &Net) -> Wire {
    let Some(info) = peer(net) else { return Wire::default() };
    let (sent, received) = (info.traffic.bytes_sent(), info.traffic.bytes_received());
    let udp = info.connection.map_or(0, |(_, _, connection)| {
        let stats = connection.stats();
        stats.udp_tx.bytes + stats.udp_rx.bytes
    });
    Wire { frames: sent + received, sent, received, udp }
}

fn since(now: Wire, before: Wire) -> Wire {
    Wire {
        frames: now.frames - before.frames,
        sent: now.sent - before.sent,
        received: now.received - before.received,
        udp: now.udp.saturating_sub(before.udp),
    }
}

async fn quiet(net: &Net) -> Wire {
    let mut last = wire(net);
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = wire(net);
        if now.frames == last.frames {
            return now;
        }
        last = now;
    }
}

/// Entries counted in all ledgers. What a watcher of changes sees is durable.
async fn counted(engine: &Handle) -> Outcome<u64> {
    let entries = |summary: &Summary| match summary {
        Summary::Points(points) => points.entries,
        Summary::Register(_) => 0,
    };
    Ok(engine.ask(move |replica| replica.docs().values().map(|doc| entries(&doc.summary)).sum()).await?)
}

/// Waits until an engine has counted `entries`.
async fn until_counted(engine: &Handle, entries: u64) -> Outcome {
    let mut changes = engine.changes();
    let all = async {
        loop {
            changes.borrow_and_update();
            if counted(engine).await? >= entries {
                return Ok(());
            }
            changes.changed().await?;
        }
    };
    tokio::time::timeout(PATIENCE, all).await?
}

async fn until_connected(net: &Net, wanted: bool) -> Outcome<Instant> {
    let start = Instant::now();
    while peer(net).is_some_and(|info| info.connection.is_some()) != wanted {
        tokio::time::sleep(Duration::from_micros(200)).await;
        if start.elapsed() > PATIENCE {
            return Err("no connection".into());
        }
    }
    Ok(Instant::now())
}

pub(crate) struct CatchUp {
    pub(crate) seconds: f64,
    pub(crate) wire: Wire,
    pub(crate) segments: u64,
    pub(crate) saved: u64,
}

/// A node that has everything, ready to serve.
pub(crate) struct Holder {
    pub(crate) world: World,
    pub(crate) node: Node,
    pub(crate) net: Net,
    common: Vec<Arc<Segment>>,
    ledgers: Vec<Arc<Segment>>,
}

impl Holder {
    pub(crate) async fn new(writing: Writing) -> Outcome<Holder> {
        let world = World::new(DOCS)?;
        let Written { common, ledgers } = world.write(ENTRIES, writing)?;
        let node = Node::open(&world, 1)?;
        give(&node.engine, &common).await?;
        give(&node.engine, &ledgers).await?;
        let net = world.net(1, &node.engine, Vec::new())?;
        Ok(Holder { world, node, net, common, ledgers })
    }

    fn address(&self) -> Outcome<Address> {
        Ok(self.net.address()?.into())
    }

    /// A peer that knows the directory, the rules and the accounts, and the ledgers too if `whole`.
    async fn peer(&self, whole: bool) -> Outcome<Node> {
        let node = Node::open(&self.world, 2)?;
        give(&node.engine, &self.common).await?;
        if whole {
            give(&node.engine, &self.ledgers).await?;
        }
        Ok(node)
    }

    /// Sum of the saved Automerge documents.
    pub(crate) fn saved(&self) -> Outcome<u64> {
        let saved = |doc| Ok(documents::load(&self.node.engine, &self.world.ledger(doc)?)?.save().len() as u64);
        (0..DOCS).map(saved).sum()
    }

    /// From dialling until every entry is verified, durable and counted at the peer.
    pub(crate) async fn catch_up(&self, saved: u64) -> Outcome<CatchUp> {
        let node = self.peer(false).await?;
        let start = Instant::now();
        let net = self.world.net(2, &node.engine, vec![self.address()?])?;
        until_counted(&node.engine, u64::from(ENTRIES)).await?;
        let seconds = start.elapsed().as_secs_f64();
        let wire = quiet(&net).await;
        let segments = peer(&net).map_or(0, |info| info.traffic.segments_received());
        net.stop().await;
        node.engine.stop().await;
        until_connected(&self.net, false).await?;
        Ok(CatchUp { seconds, wire, segments, saved })
    }

    /// A connected pair that holds the same.
    pub(crate) async fn pair(&self) -> Outcome<Pair<'_>> {
        let node = self.peer(true).await?;
        let net = self.world.net(2, &node.engine, vec![self.address()?])?;
        until_connected(&net, true).await?;
        quiet(&net).await;
        Ok(Pair {
            holder: self,
            node,
            net,
            entries: u64::from(ENTRIES),
            next: (0..DOCS).map(|doc| share(ENTRIES, DOCS, doc)).collect(),
        })
    }
}

/// Two connected nodes.
pub(crate) struct Pair<'a> {
    holder: &'a Holder,
    node: Node,
    net: Net,
    entries: u64,
    /// The next entry of each document.
    next: Vec<u32>,
}

pub(crate) struct Single {
    pub(crate) visible_ms: Vec<f64>,
    pub(crate) durable_ms: Vec<f64>,
    pub(crate) frames: f64,
    pub(crate) out: f64,
    pub(crate) udp: f64,
}

pub(crate) struct Reconnect {
    pub(crate) seconds: f64,
    pub(crate) connected: f64,
    pub(crate) wire: Wire,
}

async fn submit(engine: &Handle, command: Command) -> Outcome {
    let answers = engine.submit(vec![command], Mode::AllOrNothing).await?;
    answers.into_iter().find_map(Result::err).map_or(Ok(()), |refusal| Err(refusal.into()))
}

impl Pair<'_> {
    fn take(&mut self, doc: u32) -> Outcome<Command> {
        let next = &mut self.next[usize::try_from(doc)?];
        *next += 1;
        self.entries += 1;
        Ok(Command::Award(entry(doc, *next - 1)?))
    }

    /// Entries committed one at a time at the holder, at rest in between.
    pub(crate) async fn single(&mut self, count: u32) -> Outcome<Single> {
        let holder = self.holder;
        let (mut visible_ms, mut durable_ms) = (Vec::new(), Vec::new());
        let before = quiet(&holder.net).await;
        for _ in 0..count {
            let command = self.take(0)?;
            let mut changes = self.node.engine.changes();
            changes.borrow_and_update();
            let start = Instant::now();
            // What changes here is this entry, and it is durable: nothing else is written.
            let seen = async {
                changes.changed().await?;
                Ok::<_, Box<dyn std::error::Error>>(start.elapsed())
            };
            let done = async {
                submit(&holder.node.engine, command).await?;
                Ok(start.elapsed())
            };
            let (seen, done) = tokio::try_join!(seen, done)?;
            visible_ms.push(seen.as_secs_f64() * 1e3);
            durable_ms.push(done.as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if counted(&self.node.engine).await? != self.entries {
                return Err("the peer changed without counting the entry".into());
            }
        }
        let wire = since(quiet(&holder.net).await, before);
        let each = |bytes: u64| bytes as f64 / f64::from(count);
        Ok(Single { visible_ms, durable_ms, frames: each(wire.frames), out: each(wire.sent), udp: each(wire.udp) })
    }

    /// What a write of `bytes` bytes and `fdatasync` take on the same disk at the same pace, in milliseconds.
    pub(crate) async fn bare_sync(&self, count: u32, bytes: usize) -> Outcome<Vec<f64>> {
        let mut file = tempfile::tempfile_in(super::target_dir())?;
        let mut times = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            file.write_all(&vec![7; bytes])?;
            file.sync_data()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(times)
    }

    /// `count` entries submitted singly by `clerks` at once, each waiting for its acknowledgement. Entries a second
    /// until all are at the peer, and bytes an entry.
    pub(crate) async fn burst(&mut self, count: u32, clerks: u32) -> Outcome<(f64, f64)> {
        let mut shares = vec![Vec::new(); usize::try_from(clerks)?];
        for (number, share) in (0..count).zip((0..shares.len()).cycle()) {
            let _ = number;
            let command = self.take(1)?;
            shares[share].push(command);
        }
        let before = quiet(&self.net).await;
        let start = Instant::now();
        let tasks: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let engine = self.holder.node.engine.clone();
                tokio::spawn(async move {
                    for command in share {
                        submit(&engine, command).await.map_err(|error| error.to_string())?;
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        until_counted(&self.node.engine, self.entries).await?;
        let seconds = start.elapsed().as_secs_f64();
        for task in tasks {
            task.await??;
        }
        let wire = since(quiet(&self.net).await, before);
        Ok((f64::from(count) / seconds, wire.frames as f64 / f64::from(count)))
    }

    /// Hangs up, lets both sides write ten entries, dials again (through a relay that delays each way by `delay`),
    /// and waits until both have all.
    pub(crate) async fn reconnect(&mut self, delay: Duration) -> Outcome<Reconnect> {
        let holder = self.holder;
        let before = quiet(&self.net).await;
        self.net.set_policy(SyncPolicy::Paused);
        until_connected(&self.net, false).await?;
        until_connected(&holder.net, false).await?;
        for i in 0..10 {
            let (one, other) = (self.take(2 * i)?, self.take(2 * i + 1)?);
            submit(&holder.node.engine, one).await?;
            submit(&self.node.engine, other).await?;
        }
        let target = holder.net.address()?;
        let address = if delay.is_zero() { target } else { relay::start(target, delay).await? };
        let start = Instant::now();
        self.net.set_policy(SyncPolicy::Only(vec![address.into()]));
        let connected = until_connected(&self.net, true);
        let (connected, (), ()) = tokio::try_join!(
            connected,
            until_counted(&holder.node.engine, self.entries),
            until_counted(&self.node.engine, self.entries)
        )?;
        let seconds = start.elapsed().as_secs_f64();
        tokio::time::sleep(delay * 4).await;
        let now = quiet(&self.net).await;
        // The UDP counters belong to the connection, the frame counters to the peer.
        let wire = Wire { udp: now.udp, ..since(now, before) };
        Ok(Reconnect { seconds, connected: (connected - start).as_secs_f64(), wire })
    }

    pub(crate) async fn stop(self) -> Outcome {
        self.net.stop().await;
        self.node.engine.stop().await;
        until_connected(&self.holder.net, false).await?;
        Ok(())
    }
}
