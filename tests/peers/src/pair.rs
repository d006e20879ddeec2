//! Two samod repositories: a holder that listens and a peer that dials it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use automerge::{Automerge, ChangeHash};
use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use futures::stream::select;
use samod::{BackoffConfig, DialerHandle, DocHandle, DocumentId, Repo, ShareConfig};
use tokio::net::TcpListener;

use crate::entries;
use crate::wire::{Bytes, Counters, CountingDialer, accept, url};

/// What a measurement fails with.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Holder, peer and the wire between them.
pub(crate) struct Pair {
    /// Has the documents from the start.
    pub(crate) holder: Repo,
    /// Starts empty.
    pub(crate) peer: Repo,
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl Pair {
    /// Two repositories with samod's in-memory storage; `announce` is the holder's policy of offering documents unasked.
    pub(crate) async fn new(announce: bool) -> Result<Pair, Failure> {
        let policy = ShareConfig::read_write().with_announce(announce);
        let holder = Repo::build_tokio().with_share_policy(policy).load().await;
        let peer = Repo::build_tokio().load().await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = holder.make_acceptor(url(address))?;
        tokio::spawn(accept(listener, acceptor));
        Ok(Pair { holder, peer, address, counters: Arc::default() })
    }

    /// Puts documents into the holder.
    pub(crate) async fn fill(&self, documents: Vec<Automerge>) -> Result<Vec<DocHandle>, Failure> {
        Ok(try_join_all(documents.into_iter().map(|document| self.holder.create(document))).await?)
    }

    /// The peer dials and shakes hands. Asking earlier is a race that samod may answer with "nobody has it".
    pub(crate) async fn dial(&self) -> Result<DialerHandle<io::Error>, Failure> {
        let dialer = CountingDialer::new(self.address, Arc::clone(&self.counters));
        let handle = self.peer.dial(BackoffConfig::default(), Arc::new(dialer))?;
        handle.established().await?;
        Ok(handle)
    }

    /// The peer asks for every document by its id and waits for all.
    pub(crate) async fn fetch(&self, ids: Vec<DocumentId>) -> Result<Vec<DocHandle>, Failure> {
        let found = try_join_all(ids.into_iter().map(|id| self.peer.find(id))).await?;
        found.into_iter().map(|handle| handle.ok_or_else(|| Failure::from("the holder denies a document"))).collect()
    }

    /// Ends the connection for good and waits until both ends have noticed.
    pub(crate) async fn hang_up(&self, dialer: &DialerHandle<io::Error>) {
        dialer.close();
        for repo in [&self.holder, &self.peer] {
            let (now, mut states) = repo.connected_peers();
            let mut connected = !now.is_empty();
            while connected {
                connected = states.next().await.is_some_and(|state| !state.is_empty());
            }
        }
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> Bytes {
        self.counters.read()
    }

    /// Bytes once the wire has fallen silent.
    pub(crate) async fn settled_bytes(&self) -> Bytes {
        self.counters.settled().await
    }

    /// Ends both repositories.
    pub(crate) async fn stop(self) {
        self.peer.stop().await;
        self.holder.stop().await;
    }
}

/// The ids that the peer learns out of band.
pub(crate) fn ids(handles: &[DocHandle]) -> Vec<DocumentId> {
    handles.iter().map(|handle| handle.document_id().clone()).collect()
}

/// The documents of the workload, with their entries.
pub(crate) fn documents(docs: u32, total: u32) -> Vec<Automerge> {
    (0..docs).map(|doc| entries::document(doc, entries::share(total, docs, doc))).collect()
}

/// A document's heads, in a fixed order.
pub(crate) fn heads(handle: &DocHandle) -> Vec<ChangeHash> {
    sorted(handle.with_document(|document| document.get_heads()))
}

/// Heads are a set.
pub(crate) fn sorted(mut heads: Vec<ChangeHash>) -> Vec<ChangeHash> {
    heads.sort();
    heads
}

/// Waits until both replicas of each document have equal heads. To be called before what makes them equal starts.
pub(crate) fn all_equal(left: &[DocHandle], right: &[DocHandle]) -> impl Future<Output = ()> + 'static {
    let pairs: Vec<_> = left.iter().zip(right).map(|(left, right)| equal(left, right)).collect();
    async move {
        join_all(pairs).await;
    }
}

/// Follows the heads that each replica publishes, so that no lock of samod is taken while it works.
fn equal(left: &DocHandle, right: &DocHandle) -> impl Future<Output = ()> + 'static {
    let changes = select(left.changes().map(|change| (0, change)), right.changes().map(|change| (1, change)));
    let mut now = [heads(left), heads(right)];
    async move {
        let mut changes = Box::pin(changes);
        while now[0] != now[1] {
            let Some((side, change)) = changes.next().await else { return };
            now[side] = sorted(change.new_heads);
        }
    }
}
