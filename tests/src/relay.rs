//! A UDP relay between a node and the township, so that a bad line needs no privileges.

use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_millis(5);
const DATAGRAM: usize = 65_536;

/// How the line behaves; both directions alike.
#[derive(Debug, Default)]
struct Line {
    stop: AtomicBool,
    cut: AtomicBool,
    loss_percent: AtomicU64,
    delay_millis: AtomicU64,
    seed: AtomicU64,
    lost: AtomicU64,
    carried: AtomicU64,
}

impl Line {
    /// Whether the next datagram is lost: xorshift, so that a seed gives the same sequence of decisions.
    fn loses(&self) -> bool {
        let mut x = self.seed.load(Ordering::Relaxed).max(1);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.store(x, Ordering::Relaxed);
        let lost = self.cut.load(Ordering::Relaxed) || (x >> 33) % 100 < self.loss_percent.load(Ordering::Relaxed);
        let count = if lost { &self.lost } else { &self.carried };
        count.fetch_add(1, Ordering::Relaxed);
        lost
    }
}

/// A relay that forwards what comes to its address to another and back.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: String,
    target: SocketAddr,
    line: Arc<Line>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Opens a relay to `target` on a free port; `seed` decides which datagrams are lost.
    pub fn to(target: &str, seed: u64) -> Relay {
        let line = Arc::new(Line { seed: AtomicU64::new(seed), ..Line::default() });
        let mut relay =
            Relay { address: "127.0.0.1:0".to_owned(), target: target.parse().unwrap(), line, thread: None };
        relay.open();
        relay
    }

    /// Opens it again on the port that it had, after [`Relay::close`].
    pub fn open(&mut self) {
        let front = UdpSocket::bind(&self.address).unwrap();
        self.address = front.local_addr().unwrap().to_string();
        self.line.stop.store(false, Ordering::Relaxed);
        let (line, target) = (Arc::clone(&self.line), self.target);
        self.thread = Some(std::thread::spawn(move || serve(&Arc::new(front), target, &line)));
    }

    /// Closes its port and forgets who spoke through it, as a router that restarts.
    pub fn close(&mut self) {
        self.line.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Cuts the line, or mends it: while cut, every datagram is lost.
    pub fn cut(&self, cut: bool) {
        self.line.cut.store(cut, Ordering::Relaxed);
    }

    /// Percentage of datagrams lost from now on.
    pub fn lose(&self, percent: u64) {
        self.line.loss_percent.store(percent, Ordering::Relaxed);
    }

    /// How long each datagram is under way.
    pub fn delay(&self, delay: Duration) {
        self.line.delay_millis.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Datagrams lost so far.
    pub fn lost(&self) -> u64 {
        self.line.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.close();
    }
}

/// Takes datagrams of all clients; each has a socket of its own towards the target, and a thread for the way back.
fn serve(front: &Arc<UdpSocket>, target: SocketAddr, line: &Arc<Line>) {
    let mut clients: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut threads = Vec::new();
    pump(front, line, |bytes, from| {
        let back = clients.entry(from).or_insert_with(|| {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
            let (reader, front, line) = (Arc::clone(&back), Arc::clone(front), Arc::clone(line));
            threads.push(std::thread::spawn(move || {
                pump(&reader, &line, |bytes, _| {
                    // A client that is gone is not the relay's trouble.
                    let _ = front.send_to(bytes, from);
                });
            }));
            back
        });
        let _ = back.send_to(bytes, target);
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Reads datagrams, loses and delays them as the line does, and passes the others on, until told to stop.
fn pump(socket: &UdpSocket, line: &Line, mut pass: impl FnMut(&[u8], SocketAddr)) {
    socket.set_read_timeout(Some(SLICE)).unwrap();
    let mut waiting: VecDeque<(Instant, Vec<u8>, SocketAddr)> = VecDeque::new();
    let mut buffer = vec![0; DATAGRAM];
    while !line.stop.load(Ordering::Relaxed) {
        // Errors are timeouts, and refusals of ports that are closed just now.
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && !line.loses()
        {
            let delay = Duration::from_millis(line.delay_millis.load(Ordering::Relaxed));
            waiting.push_back((Instant::now() + delay, buffer[..length].to_vec(), from));
        }
        while waiting.front().is_some_and(|(due, _, _)| *due <= Instant::now()) {
            if let Some((_, bytes, from)) = waiting.pop_front() {
                pass(&bytes, from);
            }
        }
    }
}
