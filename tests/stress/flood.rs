//! Connections that send the same requests as fast as they are taken, and discard what comes back.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    scenarios::{Failure, Outcome},
    subscriber::Subscriber,
};

pub(crate) struct Flood {
    connections: Vec<Subscriber>,
    threads: Vec<JoinHandle<()>>,
    written: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
}

impl Flood {
    /// Starts it: each of the connections writes `requests` again and again.
    pub(crate) fn start(connections: Vec<Subscriber>, requests: &[u8]) -> Outcome<Self> {
        let requests: Arc<[u8]> = requests.repeat(CHUNK_BYTES.div_ceil(requests.len())).into();
        let (written, read) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut threads = Vec::new();
        for connection in &connections {
            let (stream, requests, counter) =
                (connection.peer.stream()?, Arc::clone(&requests), Arc::clone(&written));
            threads.push(thread::spawn(move || write_all(stream, &requests, &counter)));
            let (stream, counter) = (connection.peer.stream()?, Arc::clone(&read));
            threads.push(thread::spawn(move || read_all(stream, &counter)));
        }
        Ok(Self { connections, threads, written, read })
    }

    /// Resets the connections; the number of bytes that were written, and read.
    pub(crate) fn end(self) -> Outcome<(u64, u64)> {
        for connection in self.connections {
            // Ends the calls of the threads.
            let _ = connection.peer.stream()?.shutdown(Shutdown::Both);
            connection.peer.reset();
        }
        for thread in self.threads {
            thread.join().map_err(|_| Failure("a thread of the flood panicked".into()))?;
        }
        Ok((self.written.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed)))
    }
}

fn write_all(mut stream: TcpStream, requests: &[u8], written: &AtomicU64) {
    while stream.write_all(requests).is_ok() {
        written.fetch_add(requests.len() as u64, Ordering::Relaxed);
    }
}

fn read_all(mut stream: TcpStream, read: &AtomicU64) {
    let mut chunk = vec![0; 256 << 10];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        read.fetch_add(len as u64, Ordering::Relaxed);
    }
}

/// What is written at once, or a little more.
const CHUNK_BYTES: usize = 64 << 10;
