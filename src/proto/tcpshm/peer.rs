//! One peer, as its session and its application share it.
//!
//! A peer outlives its connections. What it has not consumed is in its [`Journal`]; what this end has received from it and
//! the application has not consumed is kept while the connection lasts, because the peer keeps it too, and sends it again
//! on the next one.
//!
//! ```text
//!   application ── send ──▶ journal ── transmit ──▶ connection
//!               ◀─ front ── backlog ◀── receive ──     (only while the application has not consumed an earlier message;
//!               ── pop ───▶ received count              else a message goes to it at once, and is not copied)
//! ```

use std::{collections::VecDeque, fmt, task::Waker, time::Duration};

use super::{
    ByteOrder, FileError, Header, Mismatch, Name, Sequences,
    header::HEADER_LEN,
    journal::{AcknowledgeError, AppendError, Journal, JournalError, Store, SyncToken, sequence_near},
};
use crate::{
    Error, Time,
    wakers::{set, wake},
};

/// Bounds and times of peers.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::PeerConfig;
///
/// let config = PeerConfig::default().with(|it| it.received_bytes_max = 1 << 20);
/// assert_eq!(config.attempts_max, 10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerConfig {
    /// Bytes of received messages that wait for the application. While there are more, nothing is read, acknowledgements
    /// included: so it should be at least what the peer may send without an acknowledgement. Default: 4 MiB.
    pub received_bytes_max: usize,
    /// Bytes of messages that are sent and not acknowledged; further ones wait. A peer of the original that does not consume
    /// messages while its own queue is full must have room for them in its receive buffer (`TcpRecvBufMaxSize`), or neither
    /// end can go on. Default: no bound.
    pub unacknowledged_bytes_max: u64,
    /// How often the application gets a message that it fails to consume, before the connection is closed. Default: 10.
    pub attempts_max: u32,
    /// How long the second attempt waits; each further one waits twice as long, at most 1 s. Default: 1 ms.
    pub retry_delay: Duration,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tcpshm::PeerConfig;
    ///
    /// assert_eq!(PeerConfig::default().with(|it| it.attempts_max = 3).attempts_max, 3);
    /// ```
    impl PeerConfig
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            received_bytes_max: 4 << 20,
            unacknowledged_bytes_max: u64::MAX,
            attempts_max: 10,
            retry_delay: Duration::from_millis(1),
        }
    }
}

/// One peer: see the [module](super).
pub struct Peer<S: Store> {
    local: Name,
    remote: Name,
    journal: Journal<S>,
    config: PeerConfig,
    /// Received messages that were not consumed, apart from one that is [lent](Front::Lent).
    backlog: VecDeque<Kept>,
    backlog_bytes: usize,
    front: Front,
    /// Attempts of the message in front that have failed.
    attempts: u32,
    /// The application takes messages by [`front`](Peer::front), and gets none by events.
    is_pulled: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
    /// Wire bytes of consumed messages since the last acknowledgement.
    consumed_bytes: usize,
    counts: PeerCounts,
    /// The journal was damaged while it was in use.
    damage: Option<JournalError>,
    /// Why the last sync has failed, until one succeeds.
    failure: Option<FileError>,
    /// How many journals there were: tells syncs of earlier ones.
    journals: u64,
}

/// What has happened to a peer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PeerCounts {
    /// Messages that went to the application again, because it did not consume them.
    pub redelivered: u64,
    /// Syncs of its journal that have completed.
    pub syncs: u64,
    /// Syncs of its journal that have failed.
    pub failed_syncs: u64,
}

/// A sync of the journal of a peer, in progress. If it is dropped, no other one begins.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Name, Peer, PeerConfig, PeerSync};
/// # use shardcast_proto::tcpshm::journal::{Beginning, Durability, Identity, Journal, JournalConfig};
///
/// # let identity = Identity { local: b"server", remote: b"client", boot: 1 };
/// # let config = JournalConfig::default().with(|it| it.durability = Durability::Synced);
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (journal, _) = opening.finish();
/// let mut peer = Peer::new(Name::new("server")?, Name::new("client")?, journal, PeerConfig::default());
/// assert!(peer.may_connect() && !peer.needs_sync());
/// peer.send(1, b"hello")?;
/// let sync: PeerSync = peer.begin_sync().expect("the message is not synced");
/// // Here the program calls `fdatasync`.
/// assert!(peer.end_sync(sync, Ok(())));
/// assert_eq!((peer.needs_sync(), peer.counts().syncs), (false, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a sync must be ended, or no other begins"]
pub struct PeerSync {
    journal: u64,
    token: SyncToken,
}

/// A received message that was not consumed.
struct Kept {
    message_type: u16,
    body: Box<[u8]>,
}

/// The oldest message that was not consumed, as the application sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Front {
    /// The application does not have it.
    Waiting,
    /// The application has it: so many bytes with its header, which are elsewhere.
    Lent(usize),
    /// The application will consume it; it is in front of the backlog.
    Held,
    /// The application has failed to consume it, and gets it again then; it is in front of the backlog.
    Again(Time),
}

/// What becomes of a message that was lent and not consumed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unconsumed {
    /// The application will consume it.
    Held,
    /// The application has failed, and gets it again.
    Failed,
}

/// The application consumes a message that is not the oldest one it has not consumed: the connection has ended meanwhile,
/// or it was consumed before.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("message {0} is not the next one to consume")]
pub struct NotInFront(pub u64);

impl<S: Store> Peer<S> {
    /// A peer without a connection.
    pub fn new(local: Name, remote: Name, journal: Journal<S>, config: PeerConfig) -> Self {
        Self {
            local,
            remote,
            journal,
            config,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            front: Front::Waiting,
            attempts: 0,
            is_pulled: false,
            reader: None,
            writers: Vec::new(),
            consumed_bytes: 0,
            counts: PeerCounts::default(),
            damage: None,
            failure: None,
            journals: 0,
        }
    }

    /// The name of this end.
    pub const fn local(&self) -> &Name {
        &self.local
    }

    /// The name of the other end.
    pub const fn remote(&self) -> &Name {
        &self.remote
    }

    /// What it keeps.
    pub const fn journal(&self) -> &Journal<S> {
        &self.journal
    }

    /// The same, for its syncs.
    pub const fn journal_mut(&mut self) -> &mut Journal<S> {
        &mut self.journal
    }

    /// Replaces the journal, because both ends begin anew.
    pub fn replace_journal(&mut self, journal: Journal<S>) {
        self.journal = journal;
        self.journals += 1;
        self.failure = None;
        self.writers.drain(..).for_each(Waker::wake);
        self.handle_closed();
    }

    /// What has happened.
    pub const fn counts(&self) -> PeerCounts {
        self.counts
    }

    /// What is wrong with the journal, if it was damaged while it was in use. Nothing is sent then.
    pub const fn damage(&self) -> Option<JournalError> {
        self.damage
    }

    // Syncs of the journal: what is not synced is neither sent nor acknowledged, if it must survive a power loss.

    /// Whether the journal [needs a sync](Journal::needs_sync).
    #[inline]
    pub fn needs_sync(&self) -> bool {
        self.journal.needs_sync()
    }

    /// Whether a connection may begin: the [sequence numbers](Self::sequences) of this end will not be smaller after a power
    /// loss, and it needs no message again that it has consumed.
    pub fn may_connect(&self) -> bool {
        self.journal.is_ready() && self.journal.durable_received() == self.journal.received()
    }

    /// Whether the journal keeps nothing, and its file has all that it counts.
    pub(super) fn is_idle(&self) -> bool {
        self.journal.is_empty() && self.may_connect() && !self.needs_sync() && !self.is_broken()
    }

    /// Begins a sync of the journal; the caller performs it. `None` if one is in progress, or none is needed.
    pub fn begin_sync(&mut self) -> Option<PeerSync> {
        let token = if self.needs_sync() { self.journal.begin_sync()? } else { return None };
        Some(PeerSync { journal: self.journals, token })
    }

    /// The sync has completed, or failed. After a failure the connection ends, and none begins until a sync succeeds.
    /// False: it was one of an earlier journal.
    pub fn end_sync(&mut self, sync: PeerSync, result: Result<(), FileError>) -> bool {
        if sync.journal != self.journals {
            return false;
        }
        match result {
            Ok(()) => {
                self.journal.end_sync(sync.token);
                self.counts.syncs += 1;
                self.failure = None;
                // There may be room again.
                self.writers.drain(..).for_each(Waker::wake);
            }
            Err(error) => {
                self.journal.fail_sync(sync.token);
                self.counts.failed_syncs += 1;
                self.failure = Some(error);
            }
        }
        true
    }

    /// Why the journal cannot be used: it was damaged while it was in use, or the last sync has failed.
    pub fn fault(&self) -> Option<FileError> {
        let of_damage = |error: JournalError| FileError { code: error.code(), text: error.to_string() };
        self.damage.map(of_damage).or_else(|| self.failure.clone())
    }

    /// Whether there is a [fault](Self::fault), so that the connection ends.
    pub(super) const fn is_broken(&self) -> bool {
        self.damage.is_some() || self.failure.is_some()
    }

    /// The sequence numbers of this end.
    pub fn sequences(&self) -> Sequences {
        let Self { journal, .. } = self;
        Sequences {
            ack: journal.durable_received() as u32,
            start: journal.first() as u32,
            end: journal.next() as u32,
        }
    }

    // Sending.

    /// Keeps a message until the peer has consumed it; it leaves when the connection is asked for its output. Returns its
    /// sequence number.
    ///
    /// # Errors
    /// The message has type 0 or is too long, or the journal is full.
    #[inline]
    pub fn send(&mut self, message_type: u16, body: &[u8]) -> Result<u64, AppendError> {
        self.journal.append(message_type, body)
    }

    /// Wakes `waker` when the peer has consumed messages.
    pub fn wake_writer(&mut self, waker: &Waker) {
        if !self.writers.iter().any(|known| known.will_wake(waker)) {
            self.writers.push(waker.clone());
        }
    }

    /// Appends messages for the peer: at most `bytes_max`, and one at least if there is any and the peer may get it.
    #[inline]
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>, bytes_max: usize, order: ByteOrder) {
        let room = self.window_room();
        if room < self.journal.next_unsent_len().unwrap_or(0) {
            return;
        }
        let bytes_max = usize::try_from(room).map_or(bytes_max, |room| room.min(bytes_max));
        let ack = self.journal.durable_received() as u32;
        let copied = self.journal.copy_unsent(out, bytes_max, |header| {
            *header = Header { ack, ..Header::decode(*header, ByteOrder::Little) }.encode(order);
        });
        if let Err(error) = copied {
            self.damage = Some(error);
        }
    }

    /// Bytes that the peer may get before it acknowledges more: those of a long message if there is nothing else.
    fn window_room(&self) -> u64 {
        let (sent, max) = (self.journal.bytes_sent(), self.config.unacknowledged_bytes_max);
        match sent {
            // There is no bound.
            _ if max == u64::MAX => max,
            0 => max.max(self.journal.next_unsent_len().unwrap_or(0)),
            _ => max.saturating_sub(sent),
        }
    }

    /// Whether [`transmit`](Self::transmit) has something.
    pub(super) fn has_unsent(&self) -> bool {
        self.journal.next_unsent_len().is_some_and(|len| len <= self.window_room())
    }

    // Receiving.

    /// The peer has consumed messages up to the one with the low 32 bits `ack`.
    ///
    /// # Errors
    /// It was not sent so many.
    #[inline]
    pub(super) fn handle_ack(&mut self, ack: u32) -> Result<(), Error> {
        let first = self.journal.first();
        let distance = ack.wrapping_sub(first as u32) as i32;
        if distance <= 0 {
            return Ok(());
        }
        let released = self.journal.acknowledge(first + u64::from(distance.unsigned_abs()));
        self.writers.drain(..).for_each(Waker::wake);
        match released {
            Ok(_) => Ok(()),
            Err(AcknowledgeError::Unsent { .. }) => Err(Error::Malformed("acknowledgement")),
            Err(AcknowledgeError::Journal(error)) => {
                self.damage = Some(error);
                Err(Error::Journal)
            }
        }
    }

    /// A message has come; true: the application gets it at once, and then it is [`consumed`](Self::pop) or
    /// [kept](Self::keep).
    #[inline]
    pub(super) fn receive(&mut self, message_type: u16, body: &[u8]) -> bool {
        if self.front == Front::Waiting && self.backlog.is_empty() && !self.is_pulled {
            self.front = Front::Lent(HEADER_LEN + body.len());
            return true;
        }
        self.backlog.push_back(Kept { message_type, body: body.into() });
        self.backlog_bytes += kept_bytes(body.len());
        wake(&mut self.reader);
        false
    }

    /// The next message for the application, if it should get one now; as with [`receive`](Self::receive).
    pub(super) fn lend(&mut self, now: Time) -> Option<(u16, Box<[u8]>)> {
        let is_due = match self.front {
            Front::Waiting => !self.is_pulled,
            Front::Again(at) => at <= now,
            Front::Lent(_) | Front::Held => false,
        };
        let Kept { message_type, body } = self.backlog.pop_front_if(|_| is_due)?;
        self.backlog_bytes -= kept_bytes(body.len());
        self.counts.redelivered += u64::from(self.front != Front::Waiting);
        self.front = Front::Lent(HEADER_LEN + body.len());
        Some((message_type, body))
    }

    /// The application got this message, and did not consume it. False: it has failed as often as it may.
    pub fn keep(&mut self, message_type: u16, body: &[u8], how: Unconsumed, now: Time) -> bool {
        if !self.is_lent() {
            return true;
        }
        self.backlog.push_front(Kept { message_type, body: body.into() });
        self.backlog_bytes += kept_bytes(body.len());
        self.front = Front::Held;
        how == Unconsumed::Held || self.retry(now)
    }

    /// The application, which [holds](Unconsumed::Held) the message in front, gets it again. False: it has failed as often
    /// as it may.
    pub fn retry(&mut self, now: Time) -> bool {
        if self.front == Front::Held {
            let delay = self.config.retry_delay.saturating_mul(1 << self.attempts.min(20));
            self.front = Front::Again(now + delay.min(RETRY_DELAY_MAX));
            self.attempts += 1;
        }
        self.attempts < self.config.attempts_max
    }

    /// From now on the application takes messages by [`front`](Self::front).
    pub const fn pull(&mut self) {
        self.is_pulled = true;
    }

    /// The oldest message that was not consumed, if the application does not have it already: sequence number, type, body.
    pub fn front(&self) -> Option<(u64, u16, &[u8])> {
        let Kept { message_type, body } = self.backlog.front().filter(|_| !self.is_lent())?;
        Some((self.journal.received(), *message_type, body))
    }

    /// Wakes `waker` when a message has come.
    pub fn wake_reader(&mut self, waker: &Waker) {
        set(&mut self.reader, waker);
    }

    /// Consumes the message with this sequence number, which must be the oldest one: the peer need not keep it any more.
    ///
    /// # Errors
    /// It is another message.
    #[inline]
    pub fn pop(&mut self, sequence: u64) -> Result<(), NotInFront> {
        let received = self.journal.received();
        if sequence != received || self.front == Front::Waiting && !self.is_pulled {
            return Err(NotInFront(sequence));
        }
        if let Front::Lent(size) = self.front {
            self.consumed_bytes += size;
        } else {
            let Some(Kept { body, .. }) = self.backlog.pop_front() else { return Err(NotInFront(sequence)) };
            self.backlog_bytes -= kept_bytes(body.len());
            self.consumed_bytes += HEADER_LEN + body.len();
        }
        self.front = Front::Waiting;
        self.attempts = 0;
        self.journal.set_received(received + 1);
        Ok(())
    }

    const fn is_lent(&self) -> bool {
        matches!(self.front, Front::Lent(_))
    }

    /// Whether as much waits for the application as may.
    pub(super) const fn is_full(&self) -> bool {
        self.backlog_bytes >= self.config.received_bytes_max
    }

    /// Bytes that wait for the application.
    pub const fn held_bytes(&self) -> usize {
        self.backlog_bytes
    }

    /// When the application gets a message again, or, at once, the connection ends.
    pub(super) fn retry_at(&self) -> Option<Time> {
        match self.front {
            _ if self.is_broken() => Some(Time::default()),
            Front::Again(at) => Some(at),
            _ => None,
        }
    }

    /// Bytes of messages that were consumed since the last acknowledgement.
    #[inline]
    pub(super) const fn consumed_bytes(&self) -> usize {
        self.consumed_bytes
    }

    #[inline]
    pub(super) const fn ack_sent(&mut self) {
        self.consumed_bytes = 0;
    }

    // Connections.

    /// The peer, which has these sequence numbers, is connected: what it has not consumed will be sent again.
    ///
    /// # Errors
    /// The sequence numbers do not match.
    pub fn handle_opened(&mut self, remote: Sequences) -> Result<(), Mismatch> {
        if let Some(mismatch) = Mismatch::between(self.sequences(), remote) {
            return Err(mismatch);
        }
        self.handle_closed();
        self.journal.rewind_to_first();
        let consumed = sequence_near(remote.ack, self.journal.first());
        if let Err(AcknowledgeError::Journal(error)) = self.journal.acknowledge(consumed) {
            self.damage = Some(error);
        }
        Ok(())
    }

    /// The connection has ended: the peer will send again what was not consumed.
    pub fn handle_closed(&mut self) {
        self.backlog.clear();
        (self.backlog_bytes, self.consumed_bytes) = (0, 0);
        (self.front, self.attempts) = (Front::Waiting, 0);
        wake(&mut self.reader);
    }
}

impl<S: Store> fmt::Debug for Peer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("front", &self.front)
            .field("waiting", &self.backlog.len())
            .finish_non_exhaustive()
    }
}

const fn kept_bytes(len: usize) -> usize {
    size_of::<Kept>() + len
}

const RETRY_DELAY_MAX: Duration = Duration::from_secs(1);
