//! A UDP relay that holds every datagram for a fixed time, so that round trips can be read off a clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::Outcome;

/// Relays between whoever calls and `target`, each way delayed by `delay`; returns where to call.
pub(crate) async fn start(target: SocketAddr, delay: Duration) -> Outcome<SocketAddr> {
    let outside = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
    let inside = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
    inside.connect(target).await?;
    let address = outside.local_addr()?;
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        let mut caller = None;
        loop {
            tokio::select! {
                Ok((len, from)) = outside.recv_from(&mut there) => {
                    caller = Some(from);
                    let (inside, datagram) = (Arc::clone(&inside), there[..len].to_vec());
                    later(delay, async move { drop(inside.send(&datagram).await) });
                }
                Ok(len) = inside.recv(&mut back) => {
                    let Some(caller) = caller else { continue };
                    let (outside, datagram) = (Arc::clone(&outside), back[..len].to_vec());
                    later(delay, async move { drop(outside.send_to(&datagram, caller).await) });
                }
            }
        }
    });
    Ok(address)
}

fn later(delay: Duration, send: impl Future<Output = ()> + Send + 'static) {
    let due = Instant::now() + delay;
    tokio::spawn(async move {
        tokio::time::sleep_until(due).await;
        send.await;
    });
}
