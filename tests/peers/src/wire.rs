//! Plain TCP on loopback with every byte counted, between two repositories of one process.
//!
//! Counting sits under samod's own framing, so it includes frame lengths but no IP or TCP headers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use samod::{AcceptorHandle, DialError, Dialer, Transport, Url};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Bytes that crossed the wire, seen from the end that dialled.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// From the end that accepts (which holds the documents) to the end that dials.
    pub(crate) from_holder: u64,
    /// The other way.
    pub(crate) to_holder: u64,
}

impl Bytes {
    /// Both directions.
    pub(crate) fn total(self) -> u64 {
        self.from_holder + self.to_holder
    }

    /// What was added since an earlier reading.
    pub(crate) fn since(self, earlier: Bytes) -> Bytes {
        Bytes { from_holder: self.from_holder - earlier.from_holder, to_holder: self.to_holder - earlier.to_holder }
    }
}

impl Counters {
    /// What has passed so far.
    pub(crate) fn read(&self) -> Bytes {
        Bytes { from_holder: self.received.load(Ordering::Relaxed), to_holder: self.sent.load(Ordering::Relaxed) }
    }

    /// Waits until nothing has passed for 300 ms, then reads.
    pub(crate) async fn settled(&self) -> Bytes {
        let mut last = self.read();
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = self.read();
            if now == last {
                return now;
            }
            last = now;
        }
    }
}

/// A stream that counts what passes.
struct Counted {
    stream: TcpStream,
    counters: Arc<Counters>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.counters.received.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = poll {
            self.counters.sent.fetch_add(written as u64, Ordering::Relaxed);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Dials the holder and counts; what samod's own TCP dialer does, without Nagle's delay.
pub(crate) struct CountingDialer {
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl CountingDialer {
    /// A dialer to `address` that adds to `counters`.
    pub(crate) fn new(address: SocketAddr, counters: Arc<Counters>) -> CountingDialer {
        CountingDialer { address, counters }
    }
}

/// A URL for samod's log; nothing is resolved from it.
pub(crate) fn url(address: SocketAddr) -> Url {
    let text = format!("tcp://{address}");
    Url::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl Dialer for CountingDialer {
    type Error = io::Error;

    fn url(&self) -> Url {
        url(self.address)
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<io::Error>>> {
        let (address, counters) = (self.address, Arc::clone(&self.counters));
        Box::pin(async move {
            let stream = TcpStream::connect(address).await.map_err(DialError::transient)?;
            stream.set_nodelay(true).map_err(DialError::transient)?;
            Ok(Transport::from_tokio_io(Counted { stream, counters }))
        })
    }
}

/// Accepts for as long as the process lives.
pub(crate) async fn accept(listener: TcpListener, acceptor: AcceptorHandle) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if acceptor.accept_tokio_io(stream).is_err() {
            return Ok(());
        }
    }
}
