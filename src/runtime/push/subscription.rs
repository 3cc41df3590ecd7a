//! Subscribers that are not connections: programs that use the library.

use std::{
    collections::HashMap,
    fmt,
    rc::Weak,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shardcast_proto::{
    Holder, Position, Refusal, TopicFilter,
    push::{HubResponse, Publication, Subscribed, SubscriberId},
};

use super::{Pending, Push, ServerEnded, named::Sink, with_push};
use crate::{
    SubscribeError,
    mesh::{Envelope, Router},
};

/// Options of a subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// The last position that the subscriber received: it gets the messages that it has missed since, or a report of
    /// the gap. For a topic only, not for a prefix.
    pub since: Option<Position>,
    /// Messages that may wait to be received. When it is full, the newest message is dropped: this is counted
    /// ([`Subscription::dropped`]), and visible as a gap in the offsets.
    pub capacity: usize,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::push::SubscribeOptions;
    ///
    /// let small = SubscribeOptions::default().with(|it| it.capacity = 16);
    /// assert_eq!(small.capacity, 16);
    /// ```
    impl SubscribeOptions
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self { since: None, capacity: 1024 }
    }
}

/// Receives the messages of a topic, or of all topics with a prefix. Dropping it ends the subscription.
///
/// # Examples
/// A subscriber that returns gets what it has missed:
/// ```
/// use std::time::Duration;
///
/// use shardcast::{
///     Server,
///     proto::{Position, Recovery},
///     push::{PublishOptions, SubscribeOptions, Subscribed, Subscription},
/// };
///
/// let server = Server::builder().shards(1).start()?;
/// let handle = server.handle();
/// let before: Subscription = handle.subscribe("prices.gold", SubscribeOptions::default()).wait()??;
/// handle.publish("prices.gold", "2410")?;
/// let last: Position = before.recv()?.position;
/// drop(before);
///
/// let publisher = handle.publisher("prices.gold")?;
/// publisher.publish_confirmed("2411", PublishOptions::default()).wait()??;
/// let options = SubscribeOptions::default().with(|it| it.since = Some(last));
/// let after = handle.subscribe("prices.gold", options).wait()??;
/// let Subscribed { head, recovery } = after.started();
/// assert_eq!((head.offset, recovery), (2, Recovery::Recovered));
/// let missed = after.recv_timeout(Duration::from_secs(5))?.expect("it is in the history");
/// assert_eq!((&missed.body[..], after.dropped()), (&b"2411"[..], 0));
/// assert!(after.try_recv().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subscription {
    messages: flume::Receiver<Arc<Publication>>,
    started: Subscribed,
    dropped: Arc<AtomicU64>,
    /// Ends it on its shard.
    _home: Home,
}

/// Where a subscription lives.
struct Home {
    router: Arc<Router>,
    shard: u16,
    number: u64,
}

/// A subscriber that is not a connection, on its shard.
pub(super) struct Local {
    pub(super) number: u64,
    pub(super) to: To,
}

/// Where its messages go.
pub(super) enum To {
    /// To a program.
    Program { messages: flume::Sender<Arc<Publication>>, dropped: Arc<AtomicU64> },
    /// To a peer with a name.
    Named(Weak<dyn Sink>),
}

/// The subscribers of one shard that are not connections, by index, and by number.
#[derive(Default)]
pub(super) struct Locals {
    entries: Vec<Option<Local>>,
    free: Vec<u32>,
    /// Invariant: the index of each entry by its number.
    places: HashMap<u64, u32>,
}

impl Local {
    pub(super) const fn is_named(&self) -> bool {
        matches!(self.to, To::Named(_))
    }
}

impl Locals {
    pub(super) fn insert(&mut self, local: Local) -> u32 {
        let number = local.number;
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = Some(local);
                index
            }
            None => {
                self.entries.push(Some(local));
                self.entries.len() as u32 - 1
            }
        };
        self.places.insert(number, index);
        index
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<(u32, Local)> {
        let index = self.places.remove(&number)?;
        let local = self.entries[index as usize].take()?;
        self.free.push(index);
        Some((index, local))
    }

    pub(super) fn get(&self, index: u32) -> Option<&Local> {
        self.entries.get(index as usize)?.as_ref()
    }
}

impl Subscription {
    /// The position of the topic when this subscription began, and the outcome of [`SubscribeOptions::since`].
    pub const fn started(&self) -> Subscribed {
        self.started
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// The server has ended, and all messages were received.
    pub fn recv(&self) -> Result<Arc<Publication>, ServerEnded> {
        self.messages.recv().map_err(|_| ServerEnded)
    }

    /// As [`recv`](Self::recv), but waits no longer than `patience`; `None` if no message came.
    ///
    /// # Errors
    /// As for [`recv`](Self::recv).
    pub fn recv_timeout(&self, patience: Duration) -> Result<Option<Arc<Publication>>, ServerEnded> {
        match self.messages.recv_timeout(patience) {
            Ok(message) => Ok(Some(message)),
            Err(flume::RecvTimeoutError::Timeout) => Ok(None),
            Err(flume::RecvTimeoutError::Disconnected) => Err(ServerEnded),
        }
    }

    /// As [`recv`](Self::recv), for tasks.
    ///
    /// # Errors
    /// As for [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// No message is lost.
    pub async fn next(&self) -> Result<Arc<Publication>, ServerEnded> {
        self.messages.recv_async().await.map_err(|_| ServerEnded)
    }

    /// The next message, if one waits.
    pub fn try_recv(&self) -> Option<Arc<Publication>> {
        self.messages.try_recv().ok()
    }

    /// Number of messages dropped so far because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let number = self.number;
        let end = Envelope::Run(Box::new(move || {
            with_push(|push| push.end_local(number));
        }));
        // There are at most as many as subscriptions, so there is room for it.
        self.router.post_response(self.shard, end);
    }
}

/// Asks `shard` for a subscription.
pub(crate) fn subscribe(
    router: &Arc<Router>,
    shard: u16,
    number: u64,
    filter: TopicFilter,
    options: SubscribeOptions,
) -> Pending<Result<Subscription, SubscribeError>> {
    let (response, reply) = Pending::new();
    let (router, theirs, late) = (Arc::clone(router), Arc::clone(router), response.clone());
    let run = Envelope::Run(Box::new(move || {
        let (sender, messages) = flume::bounded(options.capacity.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let home = Home { router: theirs, shard, number };
        let to = To::Program { messages: sender, dropped: Arc::clone(&dropped) };
        let local = Local { number, to };
        let then = move |started: Result<Subscribed, Refusal>| {
            let subscription =
                started.map(|started| Subscription { messages, started, dropped, _home: home });
            // The caller may not wait any more; then the subscription is dropped here, which ends it.
            let _ = response.send(subscription.map_err(SubscribeError::from));
        };
        with_push(|push| push.start_local(local, &filter, options.since, then));
    }));
    if router.post(shard, run).is_err() {
        let _ = late.send(Err(SubscribeError::QueueFull));
    }
    reply
}

impl Push {
    fn start_local(
        &self,
        local: Local,
        filter: &TopicFilter,
        since: Option<Position>,
        then: impl FnOnce(Result<Subscribed, Refusal>) + 'static,
    ) {
        if let Err(refusal) = self.refuse_while_draining() {
            return then(Err(refusal));
        }
        let number = local.number;
        let index = self.locals.borrow_mut().insert(local);
        let then = std::rc::Rc::new(std::cell::Cell::new(Some(then)));
        let on_response = std::rc::Rc::clone(&then);
        let ticket = self.await_response(move |response| {
            if let (Some(then), HubResponse::Subscribed(started)) = (on_response.take(), response) {
                then(started);
            }
        });
        let who = local_subscriber(index);
        let asked =
            self.hub().subscribe(who, filter, since, Some(ticket), &Holder::PROGRAM, self.reactor.now());
        if let Err(refusal) = asked {
            self.forget_response(ticket);
            self.end_local(number);
            if let Some(then) = then.take() {
                then(Err(refusal));
            }
        }
    }

    /// Ends a subscription of the library, if it still exists.
    fn end_local(&self, number: u64) {
        let ended = self.locals.borrow_mut().remove(number);
        let Some((index, local)) = ended else { return };
        drop(local);
        self.hub().leave(local_subscriber(index));
    }

    #[cold]
    pub(super) fn hand_to_local(&self, index: u32, message: &Arc<Publication>) {
        let locals = self.locals.borrow();
        let Some(local) = locals.get(index) else { return };
        let (messages, dropped) = match &local.to {
            To::Program { messages, dropped } => (messages, dropped),
            To::Named(sink) => {
                let sink = sink.upgrade();
                drop(locals);
                return sink.into_iter().for_each(|sink| sink.deliver(message));
            }
        };
        match messages.try_send(Arc::clone(message)) {
            // The receiver is gone: the end of the subscription is on its way.
            Ok(()) | Err(flume::TrySendError::Disconnected(_)) => {}
            Err(flume::TrySendError::Full(_)) => {
                dropped.fetch_add(1, Ordering::Relaxed);
                self.reactor.counters.push.subscription_dropped.add(1);
            }
        }
    }
}

pub(super) const fn local_subscriber(index: u32) -> SubscriberId {
    SubscriberId(index << 1 | 1)
}
