use std::{
    cell::{Cell, RefCell},
    fmt,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use shardcast_proto::{
    Time,
    connection::CloseReason,
    tcpshm::{self, Name, NotInFront, PeerCounts, Unconsumed, journal::AppendError},
};

use super::{
    files::FileStore,
    output::{Entry, Output},
    syncs::Syncs,
    topics::PeerTopics,
    waiting,
};
use crate::{Connection, reactor::current};

/// One end of a named connection, on the shard that owns the name. It outlives its connections: messages can be sent while
/// the peer is away. Cheap to clone.
///
/// It has data of the application, of type `D`.
///
/// # Examples
/// ```
/// use std::cell::Cell;
///
/// use shardcast::tcpshm::{Handler, Message, Peer};
///
/// /// Counts the messages of each peer.
/// struct Count;
///
/// impl Handler for Count {
///     type Data = Cell<u64>;
///
///     fn logged_on(&self, peer: &Peer<Self::Data>) {
///         let text = format!("{} messages so far, {}", peer.data().get(), peer.name());
///         if let Err(error) = peer.send(1, text.as_bytes()) {
///             eprintln!("{error}");
///         }
///     }
///
///     fn message(&self, peer: &Peer<Self::Data>, message: Message<'_, Self::Data>) {
///         peer.data().set(peer.data().get() + 1);
///         message.pop();
///     }
/// }
/// ```
pub struct Peer<D = ()> {
    inner: Rc<Inner<D>>,
}

struct Inner<D> {
    output: Rc<Output>,
    name: Name,
    data: D,
    connection: RefCell<Option<Connection>>,
    closed: Cell<Option<CloseReason>>,
    /// What is sent now leaves when the handler returns.
    in_handler: Cell<bool>,
    spare: Cell<Vec<u8>>,
    /// Since it has used them.
    topics: RefCell<Option<Rc<PeerTopics>>>,
}

impl<D> Peer<D> {
    pub(super) fn new(entry: Rc<Entry>, syncs: Rc<Syncs>, name: Name, data: D) -> Self {
        let inner = Inner {
            output: Output::new(entry, syncs),
            name,
            data,
            connection: RefCell::default(),
            closed: Cell::default(),
            in_handler: Cell::default(),
            spare: Cell::default(),
            topics: RefCell::default(),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Its data, if there is no other handle, and it has not used topics.
    pub(super) fn into_data(self) -> Result<D, Self> {
        if self.inner.topics.borrow().is_some() {
            return Err(self);
        }
        let inner = Rc::try_unwrap(self.inner).map_err(|inner| Self { inner })?;
        // All fields, so that a new one is thought of.
        let Inner { data, output: _, name: _, connection: _, closed: _, in_handler: _, spare: _, topics: _ } =
            inner;
        Ok(data)
    }

    pub(super) fn handle_opened(&self, connection: &Connection) {
        self.inner.connection.replace(Some(connection.clone()));
        self.inner.closed.set(None);
    }

    pub(super) fn handle_closed(&self, why: CloseReason) {
        self.inner.connection.take();
        self.inner.closed.set(Some(why));
        let topics = self.inner.topics.borrow().clone();
        topics.into_iter().for_each(|topics| topics.handle_closed());
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.inner.name
    }

    /// The name of this server.
    pub fn server_name(&self) -> Name {
        self.core().borrow().local().clone()
    }

    /// The data of the application.
    pub fn data(&self) -> &D {
        &self.inner.data
    }

    /// Its connection; `None` while it is away.
    pub fn connection(&self) -> Option<Connection> {
        self.inner.connection.borrow().clone()
    }

    /// Why its last connection has ended, while it is away.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.inner.closed.get()
    }

    /// Messages that it has not consumed.
    pub fn unacknowledged(&self) -> u64 {
        let peer = self.core().borrow();
        peer.journal().next() - peer.journal().first()
    }

    /// What has happened to it.
    pub fn counts(&self) -> PeerCounts {
        self.core().borrow().counts()
    }

    /// Sends a message: it is kept until the peer has consumed it. Returns its sequence number.
    ///
    /// # Errors
    /// The type is 0, the message is too long, or too many are kept: see [`ready`](Self::ready).
    #[inline]
    pub fn send(&self, message_type: u16, body: &[u8]) -> Result<u64, AppendError> {
        let sent = self.core().borrow_mut().send(message_type, body);
        if matches!(sent, Ok(_) | Err(AppendError::Full)) {
            self.changed();
        }
        sent
    }

    /// Waits until a message of `len` bytes can be sent.
    ///
    /// # Errors
    /// It never can.
    pub async fn ready(&self, len: usize) -> Result<(), AppendError> {
        self.inner.output.ready(len).await
    }

    /// Room for a message of `len` bytes, to be filled and [pushed](Allocated::push).
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::{Allocated, AppendError, Peer};
    ///
    /// fn count(peer: &Peer) -> Result<(), AppendError> {
    ///     for number in 0_u32..10 {
    ///         let mut message: Allocated<'_> = peer.alloc(4)?;
    ///         message.copy_from_slice(&number.to_le_bytes());
    ///         message.push_more(1)?;
    ///     }
    ///     peer.alloc(0)?.push(2)?;
    ///     Ok(())
    /// }
    /// ```
    pub fn alloc(&self, len: usize) -> Result<Allocated<'_, D>, AppendError> {
        self.core().borrow_mut().journal_mut().reserve(len)?;
        let mut body = self.inner.spare.take();
        body.clear();
        body.resize(len, 0);
        Ok(Allocated { peer: self, body })
    }

    /// The next message that was not consumed. From the first call on, messages are taken in this way, and the handler gets
    /// none.
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost.
    ///
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::{Incoming, NotInFront, Peer};
    ///
    /// /// A task that is started when a peer logs on for the first time.
    /// async fn serve(peer: Peer) -> Result<(), NotInFront> {
    ///     loop {
    ///         let Incoming { sequence, body, .. } = peer.recv().await;
    ///         println!("{} bytes of {}", body.len(), peer.name());
    ///         peer.pop(sequence)?;
    ///     }
    /// }
    /// ```
    pub async fn recv(&self) -> Incoming {
        waiting::front(self.inner.output.entry().peer()).await
    }

    /// Consumes the message with this sequence number.
    ///
    /// # Errors
    /// It is not the next one: the connection has ended since it came, so that it comes again, or it was consumed.
    #[inline]
    pub fn pop(&self, sequence: u64) -> Result<(), NotInFront> {
        self.core().borrow_mut().pop(sequence)?;
        self.changed();
        Ok(())
    }

    /// Ends the connection, if there is one. What was sent is kept.
    pub fn close(&self) {
        if let Some(connection) = self.connection() {
            // It may have ended already.
            let _ = connection.close();
        }
    }

    fn core(&self) -> &RefCell<tcpshm::Peer<FileStore>> {
        self.inner.output.core()
    }

    /// The connection is asked for what has changed, later in this turn.
    #[inline]
    fn changed(&self) {
        if !self.inner.in_handler.get() {
            self.inner.output.changed();
        }
    }

    /// Its topics, from now on, if there is a shard for them.
    pub(super) fn topics(&self, connection: &Connection) -> Option<Rc<PeerTopics>> {
        let Inner { topics, output, .. } = &*self.inner;
        let mut topics = topics.borrow_mut();
        if topics.is_none() {
            *topics = PeerTopics::new(Rc::clone(output), connection.peer().ip());
        }
        topics.clone()
    }

    /// Ends its subscriptions.
    pub(super) fn leave_topics(&self) {
        let left = self.inner.topics.take();
        drop(left);
    }

    /// A message goes to the handler; what it does with it is known when the result is dropped.
    pub(super) fn deliver(&self, now: Time) -> Delivery<'_, D> {
        self.inner.in_handler.set(true);
        Delivery { peer: self, now, how: Cell::new(Unconsumed::Failed) }
    }
}

/// A message while the handler has it. If the handler panics, it has failed.
pub(super) struct Delivery<'p, D> {
    peer: &'p Peer<D>,
    now: Time,
    how: Cell<Unconsumed>,
}

impl<'p, D> Delivery<'p, D> {
    pub(super) const fn message<'m>(
        &'m self,
        sequence: u64,
        message_type: u16,
        body: &'m [u8],
    ) -> Message<'m, D> {
        Message { delivery: self, sequence, message_type, body }
    }

    /// Keeps the message unless it was consumed. False: it has failed too often.
    pub(super) fn finish(&self, message_type: u16, body: &[u8]) -> bool {
        self.peer.inner.in_handler.set(false);
        self.peer.core().borrow_mut().keep(message_type, body, self.how.get(), self.now)
    }
}

/// A message of a peer, for its handler. If it is neither [consumed](Self::pop) nor [held](Self::hold) when the handler
/// returns, the handler has failed, and gets it again after a pause.
#[derive(Clone, Copy)]
pub struct Message<'m, D = ()> {
    delivery: &'m Delivery<'m, D>,
    sequence: u64,
    message_type: u16,
    body: &'m [u8],
}

impl<'m, D> Message<'m, D> {
    /// Its sequence number.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Its type.
    pub const fn message_type(&self) -> u16 {
        self.message_type
    }

    /// Its body.
    pub const fn body(&self) -> &'m [u8] {
        self.body
    }

    /// Consumes it: the peer need not keep it any more.
    pub fn pop(self) {
        // It is the one in front until the handler returns; a second call has no effect.
        let _ = self.delivery.peer.core().borrow_mut().pop(self.sequence);
    }

    /// It will be consumed later, for example by a task. Until then, no further message of the peer comes.
    #[must_use = "when it is dropped, the message comes again"]
    pub fn hold(self) -> Held<D> {
        self.delivery.how.set(Unconsumed::Held);
        Held { peer: self.delivery.peer.clone(), sequence: self.sequence }
    }
}

/// A message that will be consumed. If it is dropped before, its handler has failed, and gets it again after a pause.
///
/// # Examples
/// ```
/// use shardcast::{task, tcpshm::{Handler, Held, Message, Peer}};
///
/// /// Stores each message before it is consumed.
/// struct Store;
///
/// async fn store(body: Vec<u8>) {}
///
/// impl Handler for Store {
///     type Data = ();
///
///     fn message(&self, _peer: &Peer, message: Message<'_>) {
///         let (body, held) = (message.body().to_vec(), message.hold());
///         task::spawn("store", async move {
///             store(body).await;
///             // If the connection has ended meanwhile, the message comes again.
///             let _ = Held::pop(held);
///         });
///     }
/// }
/// ```
pub struct Held<D = ()> {
    peer: Peer<D>,
    sequence: u64,
}

impl<D> Held<D> {
    /// The peer.
    pub const fn peer(&self) -> &Peer<D> {
        &self.peer
    }

    /// Consumes the message.
    ///
    /// # Errors
    /// The connection has ended meanwhile, so that it comes again.
    pub fn pop(self) -> Result<(), NotInFront> {
        self.peer.pop(self.sequence)
    }
}

impl<D> Drop for Held<D> {
    fn drop(&mut self) {
        let Some(now) = current::with(|reactor| reactor.now()) else { return };
        let mut core = self.peer.core().borrow_mut();
        let goes_on = core.journal().received() != self.sequence || core.retry(now);
        drop(core);
        if !goes_on {
            self.peer.close();
        }
        self.peer.changed();
    }
}

/// A message that was received and not consumed yet: see [`Peer::pop`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incoming {
    /// Its sequence number.
    pub sequence: u64,
    /// Its type.
    pub message_type: u16,
    /// Its body.
    pub body: Box<[u8]>,
}

/// Room for a message: see [`Peer::alloc`].
pub struct Allocated<'p, D = ()> {
    peer: &'p Peer<D>,
    body: Vec<u8>,
}

impl<D> Allocated<'_, D> {
    /// Sends the message, and those that were [pushed](Self::push_more) before it.
    ///
    /// # Errors
    /// As for [`Peer::send`].
    pub fn push(self, message_type: u16) -> Result<u64, AppendError> {
        self.peer.send(message_type, &self.body)
    }

    /// Keeps the message, more of which follow: they are sent together, at the end of the shard's turn at the latest.
    ///
    /// # Errors
    /// As for [`Peer::send`].
    pub fn push_more(self, message_type: u16) -> Result<u64, AppendError> {
        self.push(message_type)
    }
}

impl<D> Deref for Allocated<'_, D> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.body
    }
}

impl<D> DerefMut for Allocated<'_, D> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.body
    }
}

impl<D> Drop for Allocated<'_, D> {
    fn drop(&mut self) {
        self.peer.inner.spare.set(std::mem::take(&mut self.body));
    }
}

impl<D> Clone for Peer<D> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<D> fmt::Debug for Peer<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for Message<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.body.len();
        f.debug_struct("Message").field("sequence", &self.sequence).field("len", &len).finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for Held<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl<D> fmt::Debug for Allocated<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allocated").field("len", &self.body.len()).finish_non_exhaustive()
    }
}
