//! Figures, printed: `cargo test --release -p xiangyue-node measure -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_handshakes() {
    let town = Town::lucheng();
    let (village, township) = (town.node(VILLAGE), town.node("110112119"));
    let (client, server) = (village.tls(), township.tls());
    let listener = listen(server.server_config().unwrap());
    let address = listener.local_addr().unwrap();
    let dialler = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let config = client.client_config(Expected::Anyone).unwrap();
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..200 {
        let start = Instant::now();
        let dial = dialler.connect_with(config.clone(), address, "peer.xiangyue").unwrap();
        let (client, server) = tokio::join!(dial, async { listener.accept().await.unwrap().await });
        times.push(start.elapsed());
        last = Some((client.unwrap(), server.unwrap()));
    }
    times.sort();
    let (client, server) = last.unwrap();
    let sent = |connection: &Connection| (connection.stats().udp_tx.bytes, connection.stats().udp_tx.datagrams);
    println!("handshake p50 {:?}, p99 {:?}", times[100], times[198]);
    println!("bytes and datagrams sent: client {:?}, server {:?}", sent(&client), sent(&server));
    let sizes: Vec<_> = village.credentials.chain.iter().map(|der| der.len()).collect();
    println!("node and issuer certificate: {sizes:?} bytes");
    let start = Instant::now();
    for _ in 0..100 {
        client_config_and_drop(&village);
    }
    println!("Tls::new and client_config: {:?}", start.elapsed() / 100);
}

fn client_config_and_drop(node: &Node) {
    drop(node.tls().client_config(Expected::Anyone).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, asserts nothing"]
async fn measure_throughput() {
    let town = Town::lucheng();
    let met = meet_nodes(&town.node(VILLAGE).tls(), &town.node("110112119").tls()).await;
    let (client, server) = met.both();
    const BYTES: usize = 64 * 1024 * 1024;
    for streams in [1, 4] {
        let start = Instant::now();
        let (sender, receiver) = (client.clone(), server.clone());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..streams {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            tasks.spawn(async move {
                let chunk = vec![7; 64 * 1024];
                let mut stream = sender.open_uni().await.unwrap();
                for _ in 0..BYTES / streams / chunk.len() {
                    stream.write_all(&chunk).await.unwrap();
                }
                stream.finish().unwrap();
            });
            tasks.spawn(async move {
                let mut stream = receiver.accept_uni().await.unwrap();
                while stream.read_chunk(64 * 1024, true).await.unwrap().is_some() {}
            });
        }
        tasks.join_all().await;
        let seconds = start.elapsed().as_secs_f64();
        println!("{streams} streams: {:.0} MB/s", BYTES as f64 / 1e6 / seconds);
    }
}
