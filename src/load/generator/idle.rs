//! Connections that are open during a run, and do nothing.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{Plan, Result, work::Work};

/// The idle connections of a run. If their protocol has heartbeats, a thread sends them, evenly spread over the interval, and
/// receives those of the server.
pub(super) struct Idle {
    /// Without a thread, they only stay open.
    _sockets: Vec<TcpStream>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Idle {
    /// As many as the plan has.
    ///
    /// # Errors
    /// The server cannot be reached, or the load has no idle connections.
    pub(super) fn connect(plan: &Plan, work: &impl Work) -> Result<Self> {
        let mut sockets = Vec::with_capacity(plan.idle);
        for number in 0..plan.idle {
            if number % CONNECTS == CONNECTS - 1 {
                thread::sleep(CONNECTS_PAUSE);
            }
            let connected = work.connect_idle(plan, number);
            sockets.push(
                connected
                    .map_err(|error| format!("cannot connect an idle peer to {}: {error}", plan.address))?,
            );
        }
        let Some(heartbeat) = work.heartbeat().filter(|_| !sockets.is_empty()) else {
            return Ok(Self { _sockets: sockets, thread: None });
        };
        sockets.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("idle".to_owned()).spawn(move || {
            let (pause, mut next) = (HEARTBEAT / TURNS, 0);
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                for _ in 0..sockets.len().div_ceil(TURNS as usize) {
                    exchange(&mut sockets[next], &heartbeat);
                    next = (next + 1) % sockets.len();
                }
            }
        })?;
        Ok(Self { _sockets: Vec::new(), thread: Some((end, thread)) })
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.thread.take() {
            drop(end);
            // Its panic was reported; the run is over.
            let _ = thread.join();
        }
    }
}

/// A connection that has ended is idle as well: the server counts it.
fn exchange(socket: &mut TcpStream, heartbeat: &[u8]) {
    let _: io::Result<()> = socket.write_all(heartbeat);
    let mut bytes = [0; 256];
    while socket.read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
}

/// Each connection sends one in this time, as the original does.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Into so many parts the time is divided.
const TURNS: u32 = 300;

/// As for connections of the load: the queue of a listener is short.
const CONNECTS: usize = 64;
const CONNECTS_PAUSE: Duration = Duration::from_millis(1);
