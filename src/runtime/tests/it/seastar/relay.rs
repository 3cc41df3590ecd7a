//! A relay between clients and a server: it cuts connections, and chooses the ports from which they reach the server.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use crate::support::Peer;

/// Its first connection reaches the server from an even port, and the others from odd ones. A server of two shards that
/// places connections by port so has a client's connection for calls on shard 0, and gets its streams on shard 1.
pub(super) struct Relay {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The bytes after which a connection is cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) to_server: usize,
    pub(super) to_client: usize,
}

impl Cut {
    pub(super) const NEVER: Self = Self { to_server: usize::MAX, to_client: usize::MAX };
}

impl Relay {
    pub(super) fn start(server: SocketAddr) -> Self {
        Self::cutting(server, |_| Cut::NEVER)
    }

    /// Cuts connections as `cut` says, by their number: the first one has 0.
    pub(super) fn cutting(server: SocketAddr, cut: impl Fn(usize) -> Cut + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::with(listener, server, cut)
    }

    /// Takes connections that wait at `listener` already.
    pub(super) fn with(
        listener: TcpListener,
        server: SocketAddr,
        cut: impl Fn(usize) -> Cut + Send + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("it listens");
        let ends = Arc::<AtomicBool>::default();
        let ending = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let client = client.expect("a connection");
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let is_odd = number > 0;
                // The server may have ended.
                if let Ok(Peer(server)) = Peer::from_port(server, |port| (port % 2 == 1) == is_odd) {
                    server.set_read_timeout(None).expect("a TCP socket");
                    relay(&client, &server, cut(number));
                }
            }
        });
        Self { address, ends, thread: Some(thread) }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // It looks when it accepts.
        if TcpStream::connect(self.address).is_ok() {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

fn relay(client: &TcpStream, server: &TcpStream, cut: Cut) {
    for (from, to, len) in [(client, server, cut.to_server), (server, client, cut.to_client)] {
        let [from, to] = [from, to].map(|it| it.try_clone().expect("a descriptor"));
        thread::spawn(move || copy(from, to, len));
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, len: usize) {
    let mut left = len;
    let mut chunk = [0; 4096];
    while left > 0 {
        let room = left.min(chunk.len());
        match from.read(&mut chunk[..room]) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(taken) if to.write_all(&chunk[..taken]).is_ok() => left -= taken,
            _ => break,
        }
    }
    for socket in [&from, &to] {
        let _ = set_socket_linger(socket, Some(Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }
}
