//! Sinks and sources: what an application has of a stream.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    io,
    marker::PhantomData,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    Event, Protocol, Time,
    connection::Outcome,
    seastar::{
        ConnectionId,
        rpc::{ClientConfig, Read, SeastarStream, Stream, StreamError},
        serialize::{Decode, DecodeError, DecodeErrorKind, DecodeOwned, Encode, Reader, from_slice},
        topics::{Filter, Subscribed},
    },
};

use super::scope;
use crate::{
    CloseReason, ConnId,
    conns::{Conns, Owner, WINDOW_BOUNDS},
    reactor::current,
};

/// A stream, and the way to its connection.
pub(super) struct Link {
    stream: Rc<RefCell<Stream>>,
    conn: ConnId,
    /// The connection will be asked for what has changed.
    is_scheduled: Rc<Cell<bool>>,
}

impl Link {
    pub(super) fn accepted(stream: Rc<RefCell<Stream>>, conn: ConnId) -> Rc<Self> {
        Rc::new(Self { stream, conn, is_scheduled: Rc::default() })
    }

    pub(super) fn is_of(&self, stream: &Rc<RefCell<Stream>>) -> bool {
        Rc::ptr_eq(&self.stream, stream)
    }

    /// Whether its connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.stream.borrow().is_open().is_err()
    }

    /// The connection is asked for what has changed, later in this turn.
    #[inline]
    fn changed(&self) {
        if !self.is_scheduled.replace(true) {
            self.schedule();
        }
    }

    #[cold]
    fn schedule(&self) {
        let (stream, conn, is_scheduled) =
            (Rc::clone(&self.stream), self.conn, Rc::clone(&self.is_scheduled));
        // Without a shard, the connection is gone.
        current::with(|reactor| {
            reactor.defer(move || {
                is_scheduled.set(false);
                current::with_part(|conns: &Rc<Conns>| follow_up(conns, &stream, conn));
            });
        });
    }

    /// The client that opened it has lost its connection.
    pub(super) fn parent_closed(&self) {
        self.stream.borrow_mut().handle_parent_closed();
        self.changed();
    }
}

/// Lets the connection of a stream do what its application wants.
fn follow_up(conns: &Rc<Conns>, stream: &Rc<RefCell<Stream>>, conn: ConnId) {
    let is_aborted = stream.borrow().is_aborted();
    if is_aborted { conns.cut(conn, CloseReason::Closed) } else { conns.session_changed(conn) }
}

/// The sending end of a stream of `T`.
///
/// It belongs to its shard. If it is dropped before [`finish`](Self::finish), the stream is aborted: the peer does not
/// take that for its end.
///
/// # Examples
/// ```
/// use shardcast::seastar::{Sink, StreamError};
///
/// async fn count(mut sink: Sink<i32>) -> Result<(), StreamError> {
///     for number in 0..100 {
///         sink.send(&number).await?;
///     }
///     sink.finish().await
/// }
/// ```
pub struct Sink<T: ?Sized> {
    link: Rc<Link>,
    id: ConnectionId,
    /// The end was sent by `poll_close`.
    is_closing: bool,
    elements: PhantomData<fn(&T)>,
}

/// A sink as an argument or a result: its id. The peer gets it as a source.
///
/// # Examples
/// ```
/// use shardcast::seastar::{Sink, SinkRef};
///
/// fn argument(sink: &Sink<i32>) -> (i32, SinkRef<i32>) {
///     (666, sink.reference())
/// }
/// ```
pub struct SinkRef<T: ?Sized> {
    id: ConnectionId,
    elements: PhantomData<fn(&T)>,
}

/// The receiving end of a stream of `T`.
///
/// It belongs to its shard. If it is dropped before its end, the sink of the peer fails, or what it sends is dropped as
/// long as this side still sends.
///
/// # Examples
/// ```
/// use shardcast::seastar::{Source, StreamError};
///
/// async fn sum(mut source: Source<i32>) -> Result<i64, StreamError> {
///     let mut sum = 0;
///     while let Some(number) = source.recv().await? {
///         sum += i64::from(number);
///     }
///     Ok(sum)
/// }
/// ```
pub struct Source<T> {
    link: Rc<Link>,
    elements: PhantomData<fn() -> T>,
}

/// A stream was not opened.
///
/// # Examples
/// ```
/// use shardcast::seastar::{Client, OpenError, Sink};
///
/// async fn open(client: &Client) -> Result<Option<Sink<i32>>, OpenError> {
///     match client.open_sink().await {
///         Ok(sink) => Ok(Some(sink)),
///         Err(OpenError::Unsupported) => Ok(None),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Streams of a client belong to its shard, and this is another thread.
    #[error("a stream is opened on the shard where its client lives")]
    OtherThread,
    /// The client has no connection.
    #[error("the client is not connected")]
    NotConnected,
    /// The server has no streams.
    #[error("streaming is not supported by the server")]
    Unsupported,
    /// No descriptor or slot is free.
    #[error("cannot connect: {0}")]
    Io(#[from] io::Error),
    /// The server has closed the connection.
    #[error("the server refused the stream")]
    Refused,
    /// The server did not answer in time.
    #[error("timed out")]
    TimedOut,
}

impl<T: Encode + ?Sized> Sink<T> {
    fn new(link: Rc<Link>) -> Self {
        let id = link.stream.borrow().id();
        Self { link, id, is_closing: false, elements: PhantomData }
    }

    /// The id of the stream.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// What a call, or its result, carries of it.
    pub const fn reference(&self) -> SinkRef<T> {
        SinkRef::new(self.id)
    }

    /// Sends a value. It waits while the kernel has not taken as much as the window allows; it does not wait for the peer.
    ///
    /// # Errors
    /// The stream has failed, or the value is too long; then the stream goes on.
    ///
    /// # Cancel safety
    /// If the future is dropped, the value was sent completely or not at all.
    pub async fn send(&mut self, value: &T) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.send_now(value)
    }

    fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), StreamError>> {
        let mut stream = self.link.stream.borrow_mut();
        if stream.has_room()? {
            return Poll::Ready(Ok(()));
        }
        stream.set_writer(cx.waker());
        Poll::Pending
    }

    fn send_now(&self, value: &T) -> Result<(), StreamError> {
        self.link.stream.borrow_mut().send(|out| value.encode(out))?;
        self.link.changed();
        Ok(())
    }

    fn poll_flushed(&self, cx: &Context<'_>) -> Poll<Result<(), StreamError>> {
        let mut stream = self.link.stream.borrow_mut();
        if stream.is_flushed()? {
            return Poll::Ready(Ok(()));
        }
        stream.set_writer(cx.waker());
        Poll::Pending
    }

    /// Waits until the kernel has taken everything.
    ///
    /// # Errors
    /// The stream has failed.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        poll_fn(|cx| self.poll_flushed(cx)).await
    }

    /// Sends the end of the stream, and waits until the kernel has taken it.
    ///
    /// # Errors
    /// The stream has failed.
    pub async fn finish(self) -> Result<(), StreamError> {
        self.link.stream.borrow_mut().finish()?;
        self.link.changed();
        poll_fn(|cx| self.poll_flushed(cx)).await
    }
}

impl<T: ?Sized> Drop for Sink<T> {
    fn drop(&mut self) {
        self.link.stream.borrow_mut().drop_sink();
        self.link.changed();
    }
}

impl<T: DecodeOwned> Source<T> {
    /// The next value; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream has failed before its end, or was read to its end before. After [`StreamError::Decode`], the next value
    /// can be read.
    ///
    /// # Cancel safety
    /// If the future is dropped, no value is lost.
    pub async fn recv(&mut self) -> Result<Option<T>, StreamError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Result<Option<T>, StreamError>> {
        let mut stream = self.link.stream.borrow_mut();
        let read = stream.read(|message| from_slice::<T>(message))?;
        let result = match read {
            Read::Message(message) => message.map(Some).map_err(StreamError::Decode),
            Read::End => Ok(None),
            Read::Pending => {
                stream.set_reader(cx.waker());
                return Poll::Pending;
            }
        };
        let is_news = stream.take_room() || matches!(result, Ok(None));
        drop(stream);
        if is_news {
            self.link.changed();
        }
        Poll::Ready(result)
    }
}

impl<T> Source<T> {
    /// Makes the sink of the same stream in the other direction.
    ///
    /// # Errors
    /// It was made before, or the stream has failed.
    pub fn make_sink<U: Encode + ?Sized>(&self) -> Result<Sink<U>, StreamError> {
        if !self.link.stream.borrow_mut().open_sink() {
            return Err(StreamError::AlreadyClosed);
        }
        Ok(Sink::new(Rc::clone(&self.link)))
    }

    /// The id of the stream.
    pub fn id(&self) -> ConnectionId {
        self.link.stream.borrow().id()
    }

    /// Makes the stream a subscription: its messages come from the hub.
    pub(super) fn subscribe(&self, filter: Filter) -> Result<(), StreamError> {
        let is_new = self.link.stream.borrow_mut().subscribe(filter);
        self.link.changed();
        if is_new { Ok(()) } else { Err(StreamError::AlreadyClosed) }
    }

    /// Waits for the response of the hub.
    pub(super) async fn subscribed(&self) -> Result<Subscribed, StreamError> {
        let poll = |cx: &mut Context<'_>| self.link.stream.borrow_mut().poll_subscribed(cx);
        poll_fn(poll).await
    }

    /// Its connection.
    pub(super) fn connection(&self) -> ConnId {
        self.link.conn
    }
}

impl<T> Drop for Source<T> {
    fn drop(&mut self) {
        self.link.stream.borrow_mut().drop_source();
        self.link.changed();
    }
}

impl<T: ?Sized> SinkRef<T> {
    pub(super) const fn new(id: ConnectionId) -> Self {
        Self { id, elements: PhantomData }
    }
}

impl<T: ?Sized> Copy for SinkRef<T> {}

impl<T: ?Sized> Clone for SinkRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Encode for SinkRef<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.id.encode(out);
    }
}

/// Only where a call is received, or its result: the stream is that of the connection.
impl<'de, T> Decode<'de> for Source<T> {
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let id = ConnectionId::decode(r)?;
        let link = scope::claim(id).map_err(|why| r.error(DecodeErrorKind::Custom(why)))?;
        if !link.stream.borrow_mut().open_source() {
            return Err(r.error(DecodeErrorKind::Custom("the id of a stream that has a source")));
        }
        Ok(Self { link, elements: PhantomData })
    }
}

/// Closing sends the end of the stream.
///
/// # Examples
/// ```
/// use std::pin::Pin;
///
/// use shardcast::seastar::{Sink, StreamError};
///
/// /// Any sink of numbers, such as a stream.
/// async fn close(mut sink: impl futures_sink::Sink<i32, Error = StreamError> + Unpin) -> Result<(), StreamError> {
///     std::future::poll_fn(|cx| Pin::new(&mut sink).poll_close(cx)).await
/// }
///
/// async fn finish(sink: Sink<i32>) -> Result<(), StreamError> {
///     close(sink).await
/// }
/// ```
impl<T: Encode> futures_sink::Sink<T> for Sink<T> {
    type Error = StreamError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), StreamError> {
        self.send_now(&value)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.poll_flushed(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        if !std::mem::replace(&mut self.is_closing, true) {
            self.link.stream.borrow_mut().finish()?;
            self.link.changed();
        }
        self.poll_flushed(cx)
    }
}

/// `Item` is a result: after [`StreamError::Decode`] the next value follows.
impl<T: DecodeOwned> futures_lite::Stream for Source<T> {
    type Item = Result<T, StreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.poll_recv(cx)) {
            // Asked after the end.
            Err(StreamError::AlreadyClosed) => Poll::Ready(None),
            received => Poll::Ready(received.transpose()),
        }
    }
}

impl<T: ?Sized> fmt::Debug for Sink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sink").field(&self.id).finish()
    }
}

impl<T: ?Sized> fmt::Debug for SinkRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SinkRef").field(&self.id).finish()
    }
}

impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.link.stream).finish()
    }
}

/// Opens a stream that belongs to a connection of this client.
pub(super) async fn open<T: Encode + ?Sized>(
    client: u64,
    to: (SocketAddr, &TcpOptions),
    config: &ClientConfig,
    parent: ConnectionId,
) -> Result<Sink<T>, OpenError> {
    let mut opening = Opening(Some(connect(client, to, config, parent)?));
    poll_fn(|cx| {
        let Some(link) = &opening.0 else { return Poll::Ready(Err(OpenError::Refused)) };
        let mut stream = link.stream.borrow_mut();
        if stream.is_open().map_err(|_| OpenError::Refused)? {
            return Poll::Ready(Ok::<_, OpenError>(()));
        }
        stream.set_opener(cx.waker());
        Poll::Pending
    })
    .await?;
    let link = opening.0.take().ok_or(OpenError::Refused)?;
    link.stream.borrow_mut().open_sink();
    let sink = Sink::new(Rc::clone(&link));
    scope::opened(client, sink.id, &link);
    Ok(sink)
}

/// A stream that is being opened: if that is given up, its connection is cut.
struct Opening(Option<Rc<Link>>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.stream.borrow_mut().forget();
            link.changed();
        }
    }
}

fn connect(
    client: u64,
    to: (SocketAddr, &TcpOptions),
    config: &ClientConfig,
    parent: ConnectionId,
) -> Result<Rc<Link>, OpenError> {
    let conns = current::part::<Conns>().ok_or(OpenError::OtherThread)?;
    let protocol = SeastarStream::new(config, parent);
    let stream = Rc::new(RefCell::new(protocol.state(conns.reactor.now())));
    let owner = Opened {
        client,
        protocol: Arc::new(protocol),
        state: Rc::clone(&stream) as _,
        stream: Rc::clone(&stream),
    };
    let conn = conns.connect(to.0, to.1, WINDOW_BOUNDS, Rc::new(owner))?;
    Ok(Rc::new(Link { stream, conn, is_scheduled: Rc::default() }))
}

/// The owner of the connection of a stream that was opened here.
struct Opened {
    client: u64,
    protocol: Arc<dyn Protocol>,
    state: Rc<dyn Any>,
    stream: Rc<RefCell<Stream>>,
}

impl Owner for Opened {
    fn protocol(&self) -> &Arc<dyn Protocol> {
        &self.protocol
    }

    fn state(&self) -> &Rc<dyn Any> {
        &self.state
    }

    /// The session has woken who waits for it.
    fn connected(&self, _now: Time) {}

    fn event(&self, _event: Event<'_>) -> Outcome<'static> {
        Outcome::Nothing
    }

    fn has_room(&self) {}

    fn closed(&self, _why: CloseReason, _now: Time) {
        self.stream.borrow_mut().handle_closed();
        scope::ended(self.client, &self.stream);
    }
}
