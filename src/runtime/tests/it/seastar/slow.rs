//! Sources that are read slowly, or not at all.

use std::{
    convert::Infallible,
    io::Write as _,
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast::{
    Placement, Server,
    proto::seastar::Features,
    seastar::{Client, Protocol, Sink, SinkRef, Source, Verb},
    task,
};

use super::{
    listener,
    raw::RawClient,
    raw_server::{self, OPEN, serve_streams},
    run_on, start,
};
use crate::support::{PATIENCE, Peer, alone, resident_bytes};

const SLOW: Verb<(i32, Source<i32>), String> = Verb::new(17);
const TO_OPEN: Verb<SinkRef<i32>, Source<i32>> = Verb::new(OPEN);
const TO_OPEN_BYTES: Verb<SinkRef<i32>, Source<Vec<u8>>> = Verb::new(OPEN);
const ECHO: Verb<u64, u64> = Verb::new(1);

/// Three numbers and the end of the stream.
const THREE: &[u8] = b"\x04\0\0\0\x01\0\0\0\x04\0\0\0\x02\0\0\0\x04\0\0\0\x03\0\0\0\xff\xff\xff\xff";

const STREAMS: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Reads to the end, with a pause before each read.
async fn read_slowly(pause: Duration, mut source: Source<i32>) -> String {
    let mut count = 0;
    loop {
        task::sleep(pause).await;
        match source.recv().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return format!("EOS after {count}"),
            Err(error) => return format!("{error} after {count}"),
        }
    }
}

/// A server of Seastar loses the end of the stream if the end of the connection comes before it was read.
#[test]
fn a_server_reads_to_the_end_of_a_stream_whose_connection_has_ended() {
    let listener = listener(Protocol::default(), |registry| {
        registry.on(SLOW, async |_cx, (ms, source): (i32, Source<i32>)| {
            let pause = Duration::from_millis(ms.unsigned_abs().into());
            Ok::<_, Infallible>(read_slowly(pause, source).await)
        });
        registry.service()
    });
    let server = start(2, listener.placement(Placement::PeerPort));
    let address = server.address("rpc").unwrap();
    let open = |remainder: u16, stream_parent| {
        let Peer(socket) = Peer::from_port(address, |port| port % 2 == remainder).expect("it listens");
        let offer = Features { stream_parent, ..Features::default() };
        let (client, accepted) = RawClient::over(socket, &offer).expect("it is accepted");
        (client, accepted.connection_id.expect("it has streams"))
    };
    let (mut parent, id) = open(0, None);
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (mut stream, of_stream) = open(1, Some(id));
            let ms = i32::try_from(PAUSE.as_millis()).expect("a short time");
            parent.send(SLOW.number(), 0, &[&ms.to_le_bytes()[..], &of_stream.0.to_le_bytes()].concat());
            stream.send_bytes(THREE);
            stream.finish();
            stream
        })
        .collect();
    for _ in 0..STREAMS {
        let (_, is_exception, payload) = parent.receive().expect("it is answered");
        assert_eq!((is_exception, &payload[4..]), (false, &b"EOS after 3"[..]));
    }
    drop(streams);
}

#[test]
fn a_client_reads_to_the_end_of_a_stream_whose_connection_has_ended() {
    let address = serve_streams(|mut socket| {
        socket.write_all(THREE).expect("it reads");
        raw_server::finish(socket);
    });
    let clients = Server::builder().shards(1).start().unwrap();
    let results = run_on(&clients, address, async move |client: Client| {
        let (done, results) = flume::unbounded();
        for _ in 0..STREAMS {
            let sink = client.open_sink::<i32>().await.map_err(|error| error.to_string())?;
            let called = client.call(TO_OPEN, &sink.reference()).await;
            let source = called.map_err(|error| error.to_string())?;
            let done = done.clone();
            task::spawn("read", async move {
                let finished = sink.finish().await;
                let _ = done.send((finished, read_slowly(PAUSE, source).await));
            });
        }
        drop(done);
        let mut all = Vec::new();
        while let Ok(result) = results.recv_async().await {
            all.push(result);
        }
        Ok::<_, String>(all)
    });
    assert_eq!(results, vec![(Ok(()), "EOS after 3".to_owned()); STREAMS]);
}

/// What it does not read waits at the sender: a client has its window and a few frames.
#[test]
fn a_client_that_does_not_read_a_stream_holds_its_sender_alone() {
    alone("seastar::slow::a_client_that_does_not_read_a_stream_holds_its_sender_alone", || {
        const OFFERED: usize = 64 << 20;
        const FRAME: usize = 64 << 10;
        let sent = Arc::<AtomicUsize>::default();
        let (counter, (ended, has_ended)) = (Arc::clone(&sent), flume::unbounded());
        let address = serve_streams(move |mut socket| {
            let mut frame = [&(FRAME as u32 + 4).to_le_bytes()[..], &(FRAME as u32).to_le_bytes()].concat();
            frame.resize(FRAME + 8, 7);
            for _ in 0..OFFERED / FRAME {
                if socket.write_all(&frame).is_err() {
                    break;
                }
                counter.fetch_add(FRAME, Ordering::SeqCst);
            }
            let _ = socket.shutdown(Shutdown::Both);
            let _ = ended.send(());
        });
        let clients = Server::builder().shards(1).start().unwrap();
        let handle = clients.handle();
        run_on(&clients, address, async move |client: Client| {
            // What any stream uses, such as buffers of the shard, is used once.
            read_some(&client, 200).await?;
            let begun = sent.load(Ordering::SeqCst);
            let before = resident_bytes();
            let (source, sink) = open_bytes(&client).await?;
            // It is held once nothing more is sent while many calls are answered.
            let mut last = 0;
            let mut number = 0;
            while sent.load(Ordering::SeqCst) - begun != last || last == 0 {
                last = sent.load(Ordering::SeqCst) - begun;
                for _ in 0..50 {
                    number += 1;
                    assert_eq!(client.call(ECHO, &number).await, Ok(number));
                    task::sleep(Duration::from_millis(2)).await;
                }
            }
            let grown = resident_bytes().saturating_sub(before);
            assert!(last < OFFERED / 2, "{last} bytes were sent");
            // Most of it are buffers of the shard that were not used before.
            assert!(grown < 4 << 20, "{grown} bytes for a stream that is not read");
            // The window, which one frame may exceed, and what was received together with that one.
            let held = handle.memory().accounted_bytes;
            assert!(held < 102_400 + 4 * FRAME as u64, "{held} bytes are held");
            drop((source, sink));
            assert_eq!(client.call(ECHO, &7).await, Ok(7));
            Ok::<_, String>(())
        });
        // The senders do not wait any more.
        for _ in 0..2 {
            has_ended.recv_timeout(PATIENCE).expect("its connection was cut");
        }
    });
}

async fn open_bytes(client: &Client) -> Result<(Source<Vec<u8>>, Sink<i32>), String> {
    let sink = client.open_sink().await.map_err(|error| error.to_string())?;
    let called = client.call(TO_OPEN_BYTES, &sink.reference()).await;
    Ok((called.map_err(|error| error.to_string())?, sink))
}

async fn read_some(client: &Client, count: u32) -> Result<(), String> {
    let (mut source, _sink) = open_bytes(client).await?;
    for _ in 0..count {
        source.recv().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
