//! A server that does what Seastar's does, and the rest as a test wants it.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use shardcast::{
    proto::seastar::{Features, Layout, split_request},
    seastar::ConnectionId,
};

/// A call with this verb gets its last eight bytes back, which are the id of a stream; any other one gets its arguments.
pub(super) const OPEN: u64 = 5;

/// Serves clients without end; `flow` has the connections of streams.
pub(super) fn serve_streams(flow: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let (flow, ids) = (Arc::new(flow), AtomicU64::new(1));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            let (flow, id) = (Arc::clone(&flow), ConnectionId::new(ids.fetch_add(1, Ordering::Relaxed), 0));
            thread::spawn(move || {
                let Some((offer, layout)) = negotiate(&mut socket, id) else { return };
                match offer.stream_parent {
                    Some(_) => flow(socket),
                    None => answer(&mut socket, layout),
                }
            });
        }
    });
    address
}

/// It does not say that it is one of ours.
fn negotiate(socket: &mut TcpStream, id: ConnectionId) -> Option<(Features, Layout)> {
    let mut received = Vec::new();
    loop {
        if let Some((offer, _)) = Features::decode(&received, 1000).expect("a negotiation") {
            let accepted = Features {
                timeout: offer.timeout,
                handler_duration: offer.handler_duration,
                connection_id: Some(id),
                ..Features::default()
            };
            let mut answer = Vec::new();
            accepted.encode(&mut answer);
            socket.write_all(&answer).ok()?;
            return Some((offer, Layout::of(&accepted)));
        }
        read(socket, &mut received)?;
    }
}

fn answer(socket: &mut TcpStream, layout: Layout) {
    let mut received = Vec::new();
    loop {
        while let Some(frame) = split_request(&received, layout, 1000).expect("a request") {
            let result = match frame.head.verb {
                OPEN => &frame.payload[frame.payload.len() - 8..],
                _ => frame.payload,
            };
            let len = u32::try_from(result.len()).expect("a short one");
            let mut answer = [&frame.head.id.to_le_bytes()[..], &len.to_le_bytes()].concat();
            if layout.duration {
                answer.extend_from_slice(&[0; 4]);
            }
            answer.extend_from_slice(result);
            let taken = frame.taken;
            if socket.write_all(&answer).is_err() {
                return;
            }
            received.drain(..taken);
        }
        if read(socket, &mut received).is_none() {
            return;
        }
    }
}

fn read(socket: &mut TcpStream, received: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let len = socket.read(&mut chunk).ok().filter(|len| *len > 0)?;
    received.extend_from_slice(&chunk[..len]);
    Some(())
}

/// Ends its direction, and waits for the end of the other one.
pub(super) fn finish(mut socket: TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.read_to_end(&mut Vec::new());
}
