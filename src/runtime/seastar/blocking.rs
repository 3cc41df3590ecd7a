//! Sinks and sources of ordinary threads.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    marker::PhantomData,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use shardcast_os::{clock, socket::TcpOptions};
use shardcast_proto::{
    Opening, Protocol, Session, Shared as _, Sniff, Time,
    connection::Limits,
    seastar::{
        ConnectionId,
        rpc::{ClientConfig, Read, SeastarStream, Stream, StreamError},
        serialize::{Decode, DecodeError, DecodeErrorKind, DecodeOwned, Encode, Reader, from_slice},
    },
};

use super::{OpenError, SinkRef, scope};
use crate::{
    client::ThreadConnection,
    conns::{WINDOW_BOUNDS, made_limits},
    mesh::port,
};

/// The sending end of a stream of `T`, on an ordinary thread.
///
/// It may be moved to another thread. If it is dropped before [`finish`](Self::finish), the stream is aborted: the peer does
/// not take that for its end. The functions that wait panic on the thread of a shard.
///
/// # Examples
/// ```
/// use std::{sync::mpsc::Receiver, time::Duration};
///
/// use shardcast::seastar::{BlockingSink, Client, OpenError, SinkRef, StreamError};
///
/// fn open(client: &Client) -> Result<BlockingSink<i32>, OpenError> {
///     let sink = client.open_sink_blocking()?;
///     let (_id, _argument): (_, SinkRef<i32>) = (sink.id(), sink.reference());
///     Ok(sink)
/// }
///
/// fn send(mut sink: BlockingSink<i32>, numbers: &Receiver<i32>) -> Result<(), StreamError> {
///     for number in numbers {
///         sink.send(&number)?;
///     }
///     // These leave together.
///     for number in 0..100 {
///         sink.feed(&number)?;
///     }
///     sink.flush()?;
///     sink.send_timeout(&100, Duration::from_secs(1))?;
///     sink.finish()
/// }
/// ```
pub struct BlockingSink<T: ?Sized> {
    user: User,
    id: ConnectionId,
    elements: PhantomData<fn(&T)>,
}

/// The receiving end of a stream of `T`, on an ordinary thread: the result of a call.
///
/// It may be moved to another thread, and is an iterator; that ends after a failure. If it is dropped before the end of the
/// stream, the sink of the peer fails, or what it sends is dropped as long as this side still sends. The functions that wait
/// panic on the thread of a shard.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::seastar::{BlockingSource, Client, SinkRef, StreamError, Verb};
///
/// const GOT: Verb<(i32, SinkRef<i32>), BlockingSource<String>> = Verb::new(5);
///
/// fn ask(client: &Client) -> Result<Vec<String>, Box<dyn std::error::Error>> {
///     let mut sink = client.open_sink_blocking()?;
///     let mut source = client.call_blocking(GOT, &(666, sink.reference()))?;
///     sink.send(&1)?;
///     let mut texts = Vec::new();
///     match source.recv_timeout(Duration::from_secs(1)) {
///         Err(StreamError::TimedOut) => println!("nothing yet on {:?}", source.id()),
///         text => texts.extend(text?),
///     }
///     sink.send(&2)?;
///     texts.extend(source.recv()?);
///     sink.finish()?;
///     // The rest, until the end.
///     for text in source {
///         texts.push(text?);
///     }
///     Ok(texts)
/// }
/// ```
pub struct BlockingSource<T> {
    user: User,
    /// As an iterator it ends here.
    has_failed: bool,
    elements: PhantomData<fn() -> T>,
}

/// A stream, and its connection.
pub(super) struct Link {
    stream: Arc<Mutex<Stream>>,
    connection: Arc<ThreadConnection>,
}

/// A link that a sink or a source uses.
struct User(Arc<Link>);

impl<T: Encode + ?Sized> BlockingSink<T> {
    /// The id of the stream.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// What a call carries of it.
    pub const fn reference(&self) -> SinkRef<T> {
        SinkRef::new(self.id)
    }

    /// Sends a value. It waits while the kernel has not taken as much as the window allows; it does not wait for the peer.
    ///
    /// # Errors
    /// The stream has failed, or the value is too long; then the stream goes on.
    pub fn send(&mut self, value: &T) -> Result<(), StreamError> {
        self.send_until(value, Time::NEVER)
    }

    /// As [`send`](Self::send), but waits no longer than this.
    ///
    /// # Errors
    /// As [`send`](Self::send). After [`StreamError::TimedOut`], the value was not sent.
    pub fn send_timeout(&mut self, value: &T, timeout: Duration) -> Result<(), StreamError> {
        self.send_until(value, now() + timeout)
    }

    fn send_until(&mut self, value: &T, until: Time) -> Result<(), StreamError> {
        self.feed_until(value, until)?;
        self.user.0.connection.changed();
        Ok(())
    }

    /// As [`send`](Self::send), but the value may wait for the next one that is sent, for [`flush`](Self::flush), or until
    /// the window is full: many small values then cost less.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn feed(&mut self, value: &T) -> Result<(), StreamError> {
        self.feed_until(value, Time::NEVER)
    }

    fn feed_until(&mut self, value: &T, until: Time) -> Result<(), StreamError> {
        let link = &self.user.0;
        link.wait(until, |stream| stream.has_room() != Ok(false))?;
        link.stream.with(|stream| stream.send(|out| value.encode(out)))
    }

    /// Waits until the kernel has taken everything.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn flush(&mut self) -> Result<(), StreamError> {
        self.user.0.flush()
    }

    /// Sends the end of the stream, and waits until the kernel has taken it.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn finish(self) -> Result<(), StreamError> {
        self.user.0.stream.with(Stream::finish)?;
        self.user.0.flush()
    }
}

impl<T: ?Sized> Drop for BlockingSink<T> {
    fn drop(&mut self) {
        self.user.0.stream.with(Stream::drop_sink);
    }
}

impl<T: DecodeOwned> BlockingSource<T> {
    /// The next value; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream has failed before its end, or was read to its end before. After [`StreamError::Decode`], the next value
    /// can be read.
    pub fn recv(&mut self) -> Result<Option<T>, StreamError> {
        self.recv_until(Time::NEVER)
    }

    /// As [`recv`](Self::recv), but waits no longer than this.
    ///
    /// # Errors
    /// As [`recv`](Self::recv). After [`StreamError::TimedOut`], the value may come later.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<T>, StreamError> {
        self.recv_until(now() + timeout)
    }

    fn recv_until(&mut self, until: Time) -> Result<Option<T>, StreamError> {
        let link = &self.user.0;
        link.wait(until, Stream::is_readable)?;
        let (read, has_room) =
            link.stream.with(|stream| (stream.read(|message| from_slice::<T>(message)), stream.take_room()));
        let result = match read? {
            Read::Message(message) => message.map(Some).map_err(StreamError::Decode),
            Read::End => Ok(None),
            // It is the only reader.
            Read::Pending => Err(StreamError::TimedOut),
        };
        if has_room || matches!(result, Ok(None)) {
            link.connection.changed();
        }
        result
    }
}

impl<T> BlockingSource<T> {
    /// The id of the stream.
    pub fn id(&self) -> ConnectionId {
        self.user.0.stream.with(|stream| stream.id())
    }
}

/// After [`StreamError::Decode`] the next value follows; another failure is the last item.
impl<T: DecodeOwned> Iterator for BlockingSource<T> {
    type Item = Result<T, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let received = self.recv();
        self.has_failed = !matches!(received, Ok(Some(_)) | Err(StreamError::Decode(_)));
        match received {
            // Asked after the end.
            Err(StreamError::AlreadyClosed) => None,
            received => received.transpose(),
        }
    }
}

impl<T> Drop for BlockingSource<T> {
    fn drop(&mut self) {
        self.user.0.stream.with(Stream::drop_source);
    }
}

/// Only in the result of a call of the client that has opened the stream.
impl<'de, T> Decode<'de> for BlockingSource<T> {
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let id = ConnectionId::decode(r)?;
        let Some(link) = scope::client().and_then(|client| claim(client, id)) else {
            let why = "the id of a stream that this client has not opened for ordinary threads";
            return Err(r.error(DecodeErrorKind::Custom(why)));
        };
        if !link.stream.with(Stream::open_source) {
            return Err(r.error(DecodeErrorKind::Custom("the id of a stream that has a source")));
        }
        Ok(Self { user: User::new(link), has_failed: false, elements: PhantomData })
    }
}

impl Link {
    /// Waits until the stream is ready, or has failed; no longer than until this time.
    fn wait(&self, until: Time, is_ready: impl Fn(&Stream) -> bool) -> Result<(), StreamError> {
        assert!(!port::is_shard(), "a shard must not wait: {USE_ASYNC}");
        let is_ready = || self.stream.with(|stream| is_ready(stream));
        if !is_ready() {
            self.connection.wait(until, is_ready);
        }
        if is_ready() { Ok(()) } else { Err(StreamError::TimedOut) }
    }

    /// Whether its connection has ended.
    fn has_ended(&self) -> bool {
        self.stream.with(|stream| stream.is_open()).is_err()
    }

    fn flush(&self) -> Result<(), StreamError> {
        self.wait(Time::NEVER, |stream| stream.is_flushed() != Ok(false))?;
        self.stream.with(|stream| stream.is_flushed()).map(drop)
    }

    /// The client that opened it has lost its connection.
    pub(super) fn parent_closed(self: &Arc<Self>) {
        let link = Arc::clone(self);
        // Not here: another thread may be using it.
        self.connection.run_in_background(move || {
            link.stream.with(Stream::handle_parent_closed);
            link.connection.cut();
        });
    }
}

impl User {
    fn new(link: Arc<Link>) -> Self {
        link.connection.add_user();
        Self(link)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if self.0.stream.with(|stream| stream.is_aborted()) {
            self.0.connection.cut();
        }
        self.0.connection.remove_user();
    }
}

/// Opens a stream that belongs to a connection of this client.
pub(super) fn open<T: Encode + ?Sized>(
    client: u64,
    (to, tcp): (SocketAddr, &TcpOptions),
    config: &ClientConfig,
    parent: ConnectionId,
) -> Result<BlockingSink<T>, OpenError> {
    let protocol = SeastarStream::new(config, parent);
    let stream = Arc::new(Mutex::new(protocol.state(now())));
    let protocol = OnThreads { protocol, stream: Arc::clone(&stream) };
    let of_connection = Arc::clone(&stream);
    let closed = move || {
        of_connection.with(Stream::handle_closed);
        ended(client, &of_connection);
    };
    let connection = ThreadConnection::connect(to, tcp, protocol, &LIMITS, closed)?;
    let link = Arc::new(Link { stream, connection });
    // Its connection ends with it, unless it is opened.
    let user = User::new(Arc::clone(&link));
    let waited = link.wait(now() + config.negotiation_timeout, |stream| stream.is_open() != Ok(false));
    waited.map_err(|_| OpenError::TimedOut)?;
    let (id, is_open) = link.stream.with(|stream| (stream.id(), stream.open_sink()));
    if !is_open {
        return Err(OpenError::Refused);
    }
    lock(&OPENED).insert((client, id), Arc::clone(&link));
    if link.has_ended() {
        // It has ended before it was there.
        ended(client, &link.stream);
    }
    Ok(BlockingSink { user, id, elements: PhantomData })
}

/// Waits for a future, no longer than this.
pub(super) fn wait_for<R>(future: impl Future<Output = R>, timeout: Duration) -> Option<R> {
    assert!(!port::is_shard(), "a shard must not wait: {USE_ASYNC}");
    let (waker, until) = (Waker::from(Arc::new(Unpark(thread::current()))), now() + timeout);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(result);
        }
        let now = now();
        if now >= until {
            return None;
        }
        thread::park_timeout(until - now);
    }
}

/// Wakes the thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The stream with this id, for a source.
fn claim(client: u64, id: ConnectionId) -> Option<Arc<Link>> {
    match lock(&OPENED).entry((client, id)) {
        // It was kept for this source.
        Entry::Occupied(entry) if entry.get().has_ended() => Some(entry.remove()),
        Entry::Occupied(entry) => Some(Arc::clone(entry.get())),
        Entry::Vacant(_) => None,
    }
}

/// The connection of a stream has ended. What was received is kept for a source: the response that has it may come later, on
/// the other connection.
fn ended(client: u64, stream: &Arc<Mutex<Stream>>) {
    let (id, is_wanted) = stream.with(|stream| (stream.id(), stream.is_unread()));
    let mut opened = lock(&OPENED);
    let is_same = opened.get(&(client, id)).is_some_and(|link| Arc::ptr_eq(&link.stream, stream));
    let removed = if is_same && !(is_wanted && opened.len() <= OPENED_MAX) {
        opened.remove(&(client, id))
    } else {
        None
    };
    drop(opened);
    drop(removed);
}

/// The connection of this client has ended: returns its streams, which no response can name any more.
pub(super) fn take_streams_of(client: u64) -> Vec<Arc<Link>> {
    let mut opened = lock(&OPENED);
    opened.extract_if(|(owner, _), _| *owner == client).map(|(_, link)| link).collect()
}

/// The protocol of a stream whose state threads share.
struct OnThreads {
    protocol: SeastarStream,
    stream: Arc<Mutex<Stream>>,
}

impl Protocol for OnThreads {
    fn name(&self) -> &'static str {
        self.protocol.name()
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        self.protocol.sniff(prefix)
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        self.protocol.accept(opening)
    }

    fn connect(&self, opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(self.protocol.session(Arc::clone(&self.stream), opening.now)))
    }
}

impl<T: ?Sized> fmt::Debug for BlockingSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingSink").field(&self.id).finish()
    }
}

impl<T> fmt::Debug for BlockingSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingSource").field(&self.user.0.stream).finish()
    }
}

fn now() -> Time {
    Time::from_nanos(clock::now_nanos())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The streams that clients have opened on ordinary threads, until their connections end: a sink may be finished before the
/// response comes that has the source.
static OPENED: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);

/// By the number of the client, and the id of the stream.
type Opened = HashMap<(u64, ConnectionId), Arc<Link>>;

/// Streams of the process; beyond that, those that have ended are not kept.
const OPENED_MAX: usize = 10_000;

const USE_ASYNC: &str = "use `open_sink`, `Sink` and `Source` there";

static LIMITS: Limits = made_limits(WINDOW_BOUNDS);

#[cfg(test)]
mod tests;
