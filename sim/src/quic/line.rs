//! One connection attempt over a simulated line, carried by two real QUIC state machines.
//!
//! Time is virtual, datagrams are handed out and in by the caller, who may lose, delay and reorder them. The
//! handshake is TLS 1.3 with certificates on both sides; the limits are the node's. Each end sends on one
//! unidirectional stream, as the node does.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, ServerConfig, StreamEvent,
    StreamId, Transmit, VarInt,
};

use super::tls::Tls;
use crate::scheduler::Micros;

#[expect(clippy::disallowed_types, reason = "quinn-proto counts in Instants; this one is only an origin")]
type Instant = std::time::Instant;

/// What an end of a line has to tell.
#[derive(Debug)]
pub enum Told {
    /// A datagram to be carried to the other end.
    Datagram(Vec<u8>),
    /// The handshake is done: frames may be sent.
    Up,
    /// Bytes of the other end's stream, in order.
    Bytes(Vec<u8>),
    /// The connection is gone.
    Lost,
}

/// One end: a QUIC endpoint of its own with at most one connection.
struct End {
    endpoint: Endpoint,
    /// With the key that stateless resets are made with: it outlives a power cut, as the node's does.
    config: Arc<EndpointConfig>,
    connection: Option<(ConnectionHandle, Connection)>,
    /// The stream that this end sends on.
    sends: Option<StreamId>,
    /// The other's stream.
    receives: Option<StreamId>,
    /// How many more bytes it reads, if that is limited.
    reads: Option<usize>,
    /// What flow control or congestion does not let out yet.
    unsent: VecDeque<u8>,
    told: VecDeque<Told>,
    remote: SocketAddr,
}

/// Both ends of one connection attempt.
pub struct Line {
    ends: [End; 2],
    origin: Instant,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    /// End 0 dials end 1. `seed` is where both ends' randomness comes from, but for their TLS keys.
    pub fn dial(now: Micros, seed: [u8; 32], tls: &Tls) -> Line {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = |side: u8, remote| {
            let server = (side == 1).then(|| tls.server());
            End::new(Arc::new(endpoint_config(seed, side)), server, remote)
        };
        let mut line = Line { ends: [end(0, address(2)), end(1, address(1))], origin: tls.origin() };
        let at = line.instant(now);
        let dialler = &mut line.ends[0];
        // The address is fixed and the configuration our own: it is accepted or the build is wrong.
        if let Ok(dialled) = dialler.endpoint.connect(at, tls.client(seed), dialler.remote, super::tls::NAME) {
            dialler.connection = Some(dialled);
        }
        dialler.drive(at);
        line
    }

    fn instant(&self, now: Micros) -> Instant {
        self.origin + Duration::from_micros(now)
    }

    /// Bytes for the other end, behind all sent before. They set out when the end is woken.
    pub fn send(&mut self, side: usize, bytes: &[u8]) {
        self.ends[side].unsent.extend(bytes);
    }

    /// How many more bytes an end reads; none: all that come. What it does not read, flow control holds back.
    pub fn reads(&mut self, side: usize, at_most: Option<usize>) {
        self.ends[side].reads = at_most;
    }

    /// The power goes at an end: a new endpoint with the keys of the old one, but without its connection, answers from
    /// now on, and accepts none in its place.
    pub fn forget(&mut self, side: usize) {
        let End { config, remote, .. } = &self.ends[side];
        self.ends[side] = End::new(Arc::clone(config), None, *remote);
    }

    /// Whether an end has, or had, a connection.
    pub fn knows(&self, side: usize) -> bool {
        self.ends[side].connection.is_some()
    }

    /// A datagram of the other end has come.
    pub fn arrived(&mut self, now: Micros, side: usize, datagram: &[u8]) {
        let at = self.instant(now);
        self.ends[side].arrived(at, datagram);
        self.ends[side].drive(at);
    }

    /// The time named by [`Line::wakes`] has come.
    pub fn woken(&mut self, now: Micros, side: usize) {
        let at = self.instant(now);
        if let Some((_, connection)) = &mut self.ends[side].connection
            && connection.poll_timeout().is_some_and(|due| due <= at)
        {
            connection.handle_timeout(at);
        }
        self.ends[side].drive(at);
    }

    /// Closes in an orderly way: the other end is told, if the datagram arrives.
    pub fn close(&mut self, now: Micros, side: usize, reason: &str) {
        let at = self.instant(now);
        if let Some((_, connection)) = &mut self.ends[side].connection {
            connection.close(at, VarInt::from_u32(0), reason.as_bytes().to_vec().into());
        }
        self.ends[side].drive(at);
    }

    /// The next thing that an end has to tell.
    pub fn told(&mut self, side: usize) -> Option<Told> {
        self.ends[side].told.pop_front()
    }

    /// When an end wants [`Line::woken`] to be called, in virtual microseconds; never before `now`.
    pub fn wakes(&mut self, side: usize) -> Option<Micros> {
        let (_, connection) = self.ends[side].connection.as_mut()?;
        let due = connection.poll_timeout()?.saturating_duration_since(self.origin);
        // Rounded up: a timer that is asked a fraction of a microsecond early does nothing and is asked for ever.
        u64::try_from(due.as_nanos().div_ceil(1000)).ok()
    }

    /// Bytes that wait at an end for flow control or congestion.
    pub fn unsent(&self, side: usize) -> usize {
        self.ends[side].unsent.len()
    }
}

impl End {
    fn new(config: Arc<EndpointConfig>, server: Option<Arc<ServerConfig>>, remote: SocketAddr) -> End {
        End {
            endpoint: Endpoint::new(Arc::clone(&config), server, true, None),
            config,
            connection: None,
            sends: None,
            receives: None,
            reads: None,
            unsent: VecDeque::new(),
            told: VecDeque::new(),
            remote,
        }
    }

    fn arrived(&mut self, at: Instant, datagram: &[u8]) {
        let mut answer = Vec::new();
        let event = self.endpoint.handle(at, self.remote, None, None, datagram.into(), &mut answer);
        match event {
            Some(DatagramEvent::NewConnection(incoming)) if self.connection.is_none() => {
                match self.endpoint.accept(incoming, at, &mut answer, None) {
                    Ok(accepted) => self.connection = Some(accepted),
                    Err(error) => self.answer(error.response, &answer),
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.endpoint.ignore(incoming),
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connection {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::Response(transmit)) => self.answer(Some(transmit), &answer),
            None => {}
        }
    }

    fn answer(&mut self, transmit: Option<Transmit>, bytes: &[u8]) {
        if let Some(transmit) = transmit {
            self.told.push_back(Told::Datagram(bytes[..transmit.size].to_vec()));
        }
    }

    /// Lets the connection do all that it can now.
    fn drive(&mut self, at: Instant) {
        let Some((handle, connection)) = &mut self.connection else { return };
        let mut buffer = Vec::new();
        loop {
            let mut more = false;
            while let Some(event) = connection.poll() {
                more = true;
                match event {
                    Event::Connected => {
                        self.sends = connection.streams().open(Dir::Uni);
                        self.told.push_back(Told::Up);
                    }
                    Event::ConnectionLost { .. } => self.told.push_back(Told::Lost),
                    Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                        self.receives = connection.streams().accept(Dir::Uni).or(self.receives);
                    }
                    _ => {}
                }
            }
            if let Some(stream) = self.receives {
                more |= read(connection, stream, &mut self.reads, &mut self.told);
            }
            if let Some(stream) = self.sends {
                more |= write(connection, stream, &mut self.unsent);
            }
            while let Some(event) = connection.poll_endpoint_events() {
                more = true;
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
            }
            while let Some(transmit) = connection.poll_transmit(at, 1, &mut buffer) {
                self.told.push_back(Told::Datagram(buffer[..transmit.size].to_vec()));
                buffer.clear();
            }
            if !more {
                return;
            }
        }
    }
}

/// Reads what has come in order, as far as it may; says whether anything has. An end without a stream or a reset one
/// has nothing to give.
fn read(connection: &mut Connection, stream: StreamId, reads: &mut Option<usize>, told: &mut VecDeque<Told>) -> bool {
    let mut stream = connection.recv_stream(stream);
    let Ok(mut chunks) = stream.read(true) else { return false };
    let mut moved = false;
    while *reads != Some(0)
        && let Ok(Some(chunk)) = chunks.next(reads.unwrap_or(usize::MAX))
    {
        moved = true;
        *reads = reads.map(|left| left - chunk.bytes.len());
        told.push_back(Told::Bytes(chunk.bytes.to_vec()));
    }
    // Whether window updates should go out: the caller polls for datagrams in any case.
    let _ = chunks.finalize();
    moved
}

/// Writes what flow control lets through; says whether anything moved.
fn write(connection: &mut Connection, stream: StreamId, unsent: &mut VecDeque<u8>) -> bool {
    let mut moved = false;
    while !unsent.is_empty() {
        let (front, _) = unsent.as_slices();
        let Ok(written) = connection.send_stream(stream).write(front) else { break };
        unsent.drain(..written);
        moved |= written > 0;
    }
    moved
}

fn endpoint_config(seed: [u8; 32], side: u8) -> EndpointConfig {
    let mut own = blake3::Hasher::new_keyed(&seed);
    own.update(&[side]);
    let mut config = EndpointConfig::default();
    config.rng_seed(Some(*own.finalize().as_bytes()));
    config.cid_generator(move || Box::new(super::tls::Names::new(seed, side)));
    config
}
