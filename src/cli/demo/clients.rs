//! The clients: subscribers that check every message, and one that never reads.

use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use shardcast::proto::{Position, Recovery, TopicFilter, topics::TopicEvent};

use crate::protocols::{ClientOptions, Topics};

/// A client that subscribes to one topic, on its own thread, until it is killed.
pub(super) struct Client {
    stop: Arc<AtomicBool>,
    received: Arc<Mutex<Received>>,
    thread: Option<JoinHandle<()>>,
}

/// What a client has received.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// Messages.
    pub(super) count: u64,
    /// Messages received twice, and messages received before one with a smaller offset.
    pub(super) twice: u64,
    pub(super) disordered: u64,
    /// Messages that were lost, by their offsets or as reported.
    pub(super) lost: u64,
    /// Position of the last one.
    pub(super) position: Option<Position>,
    /// The outcome of the recovery.
    pub(super) recovery: Option<Recovery>,
    /// Times since they were published, in nanoseconds.
    pub(super) latencies: Vec<u64>,
    /// Times that the connection ended.
    pub(super) disconnections: u64,
}

impl Client {
    /// Connects and subscribes, after `since` if it is given. Payloads begin with the time since `epoch` at which
    /// they were published, in nanoseconds.
    ///
    /// # Errors
    /// The system has no shard or no thread for the client.
    pub(super) fn listen(
        topics: &Topics,
        to: SocketAddr,
        topic: &str,
        since: Option<Position>,
        epoch: Instant,
    ) -> anyhow::Result<Self> {
        let options = ClientOptions { messages_max: Some(WAITING_MAX), name: None };
        let mut client = (topics.connect)(&to.to_string(), &options)?;
        client.subscribe(topic.parse::<TopicFilter>()?, since);
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Received::default())));
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&received));
        if let Some(position) = since {
            lock(&received).position = Some(position);
        }
        let thread = thread::Builder::new().name("demo-client".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(event) = client.recv(PAUSE) {
                    lock(&kept).take(event, epoch);
                }
            }
        });
        Ok(Self { stop, received, thread: Some(thread.context("cannot start a thread")?) })
    }

    /// What it has received so far.
    pub(super) fn received(&self) -> Received {
        lock(&self.received).clone()
    }

    /// How many messages it has received so far.
    pub(super) fn count(&self) -> u64 {
        lock(&self.received).count
    }

    /// Deletes its measurements.
    pub(super) fn forget_latencies(&self) {
        lock(&self.received).latencies.clear();
    }
}

impl Drop for Client {
    /// Ends the connection without a goodbye.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics only because of a bug, and has logged it.
            let _ = thread.join();
        }
    }
}

impl Received {
    fn take(&mut self, event: TopicEvent, epoch: Instant) {
        match event {
            TopicEvent::Message { position, body, .. } => self.take_message(position, &body, epoch),
            TopicEvent::Lost { from, to, .. } => self.lost += (to + 1).saturating_sub(from),
            TopicEvent::Subscribed { recovery, head, .. } => {
                self.recovery = Some(recovery);
                self.position.get_or_insert(head);
            }
            TopicEvent::Disconnected(_) => self.disconnections += 1,
            _ => {}
        }
    }

    fn take_message(&mut self, position: Position, body: &[u8], epoch: Instant) {
        self.count += 1;
        let now = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(published) = body.first_chunk::<8>() {
            self.latencies.push(now.saturating_sub(u64::from_le_bytes(*published)));
        }
        if let Some(last) = self.position.filter(|last| last.epoch == position.epoch) {
            match position.offset.checked_sub(last.offset) {
                Some(0) => self.twice += 1,
                // The messages between them are reported as lost.
                Some(_) => {}
                None => self.disordered += 1,
            }
        }
        self.position = Some(position);
    }
}

/// A client that subscribes and then never reads.
pub(super) struct Sleeper {
    stream: TcpStream,
    /// What the subscription needs besides.
    _further: Option<TcpStream>,
}

impl Sleeper {
    /// # Errors
    /// It cannot connect, or is refused.
    pub(super) fn subscribe(topics: &Topics, to: SocketAddr, topic: &str) -> anyhow::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // A small one, so that unread data soon waits at the server.
        sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
        rustix::net::connect(&socket, &to)?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let further = (topics.subscribe_and_stop_reading)(&mut stream, topic)?;
        Ok(Self { stream, _further: further })
    }

    /// Its address, as the server sees it.
    ///
    /// # Errors
    /// The socket is gone.
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.stream.local_addr()?)
    }
}

fn lock(received: &Mutex<Received>) -> std::sync::MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Messages that may be queued for a client's thread.
const WAITING_MAX: usize = 4096;
/// How long a client may take to notice that it is killed.
const PAUSE: Duration = Duration::from_millis(20);
