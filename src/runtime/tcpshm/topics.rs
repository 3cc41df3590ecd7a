//! Topics of a named peer: its requests to the hub, and its subscriptions, which outlive its connections.
//!
//! The journal is the outbox. While it is full, the subscriptions are suspended: the hub does not know them. When there is
//! room again, each continues after the last message that was kept, with what its topic still has.
//!
//! ```text
//!            SUBSCRIBE            response             the journal is full
//!   (none) ─────────────▶ Asked ───────────▶ Active ───────────────────────▶ Suspended
//!                                               ▲    response             room   │
//!                                               └──────────────── Resuming ◀─────┘
//! ```

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use shardcast_proto::{
    Message, Position, Recovery, Refusal, TopicFilter,
    push::{HubResponse, Publication, Subscribed},
    tcpshm::{
        NotInFront,
        journal::AppendError,
        topics::{self, Asked},
    },
    topics::{
        TopicResponse,
        control::{Request, op},
    },
};

use super::output::Output;
use crate::{
    conns::Conns,
    push::{Named, Push, Sink, filter},
    reactor::current,
    task,
};

/// The topics of one peer, on its shard. Dropping it ends its subscriptions.
pub(super) struct PeerTopics {
    this: Weak<Self>,
    output: Rc<Output>,
    /// The listener whose counters count.
    listener: u32,
    named: Named,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    subscriptions: BTreeMap<TopicFilter, Subscription>,
    /// The number of the last request for a subscription.
    last_ask: u64,
    /// Requests without a response of the hub, except for publications with a delay.
    in_progress: usize,
    /// One of them is for a history.
    is_looking_back: bool,
    /// Responses that the journal has no room for.
    waiting: VecDeque<(u16, Vec<u8>)>,
    /// The journal was full, and a task waits for room.
    is_suspended: bool,
    /// A task will resume subscriptions that the hub had no room for.
    is_retrying: bool,
    /// The next request, and what consumes it: there are too many before it.
    held: Option<(Consume, u16, Vec<u8>)>,
}

/// Consumes a message that is held, unless it comes again.
pub(super) type Consume = Box<dyn FnOnce() -> Result<(), NotInFront>>;

struct Subscription {
    phase: Phase,
    /// The last message that was kept; 0 and 0 if there is none, and for a prefix.
    last: Position,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// By the peer, in the request of this number.
    Asked(u64),
    Active,
    Suspended,
    /// In the request of this number.
    Resuming(u64),
}

impl PeerTopics {
    /// `ip` has a share of what the peer has in the hub. `None`: there is no shard.
    pub(super) fn new(output: Rc<Output>, ip: IpAddr) -> Option<Rc<Self>> {
        let listener = current::with_part(|conns: &Rc<Conns>| conns.served())?;
        current::with_part(|push: &Rc<Push>| {
            Rc::new_cyclic(|this| Self {
                this: Weak::clone(this),
                output,
                listener,
                named: Named::new(push, Weak::clone(this) as _, ip),
                state: RefCell::default(),
            })
        })
    }

    // Requests.

    /// Processes a request; false if there are too many before it, so that it is to be [held](Self::hold).
    pub(super) fn take(&self, message_type: u16, body: &[u8]) -> bool {
        let takes_more = self.state.borrow().takes_more();
        if takes_more {
            self.process(message_type, body);
        }
        takes_more
    }

    /// Processes a request later, if it can be consumed then.
    pub(super) fn hold(&self, consume: Consume, message_type: u16, body: &[u8]) {
        self.state.borrow_mut().held = Some((consume, message_type, body.to_vec()));
    }

    /// The connection has ended: the peer sends again what was not consumed.
    pub(super) fn handle_closed(&self) {
        let held = self.state.borrow_mut().held.take();
        drop(held);
    }

    /// Processes the request that was held, if there is one.
    fn go_on(&self) {
        let mut state = self.state.borrow_mut();
        if !state.takes_more() {
            return;
        }
        let Some((consume, message_type, body)) = state.held.take() else { return };
        drop(state);
        if consume().is_ok() {
            self.process(message_type, &body);
        }
    }

    fn process(&self, message_type: u16, body: &[u8]) {
        let Some((id, asked)) = topics::load(message_type, body) else { return };
        let (op, result) = match asked {
            Ok(Asked::Forget) => {
                self.output.entry().forget();
                return self.say(|out| topics::encode_forgotten(id, out));
            }
            Ok(Asked::Control(request)) => (message_type as u8, self.ask(id, request)),
            Err((op, refusal)) => (op, Err(refusal)),
        };
        if let Err(refusal) = result {
            self.say(|out| topics::encode_refusal(id, op, refusal, out));
        }
    }

    fn ask(&self, id: u64, request: Request<'_>) -> Result<(), Refusal> {
        match request {
            Request::Hello => self.respond(id, &TopicResponse::Welcome { epoch: self.named.epoch() }),
            Request::Ping => self.respond(id, &TopicResponse::Pong),
            Request::Subscribe { topic, prefix, since } => {
                return self.subscribe(id, &filter(topic, prefix)?, since);
            }
            Request::Unsubscribe { topic, prefix } => {
                self.unsubscribe(&filter(topic, prefix)?)?;
                self.respond(id, &TopicResponse::Unsubscribed);
            }
            Request::Publish { topic, options, body, expects_response: false } => {
                let none = None::<fn(HubResponse)>;
                return self.named.publish(topic, options, body, none);
            }
            Request::Publish { topic, options, body, .. } => {
                // The response to a publication with a delay may come much later.
                let counts = options.delay.is_none();
                let asks = |then| self.named.publish(topic, options, body, Some(then));
                return self.in_progress(id, counts, asks);
            }
            Request::Presence { topic } => {
                return self.in_progress(id, true, |then| self.named.presence(topic, then));
            }
            Request::History { topic, since, max } => {
                self.state.borrow_mut().is_looking_back = true;
                let asked = self.in_progress(id, true, |then| self.named.history(topic, since, max, then));
                self.state.borrow_mut().is_looking_back &= asked.is_ok();
                return asked;
            }
        }
        Ok(())
    }

    /// Asks the hub; the response of this id follows.
    fn in_progress(
        &self,
        id: u64,
        counts: bool,
        asks: impl FnOnce(Box<dyn FnOnce(HubResponse)>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let this = Weak::clone(&self.this);
        self.state.borrow_mut().in_progress += usize::from(counts);
        let asked = asks(Box::new(move |response| {
            if let Some(this) = this.upgrade() {
                this.ended(counts);
                this.say_response(id, &response);
            }
        }));
        if asked.is_err() {
            self.state.borrow_mut().in_progress -= usize::from(counts);
        }
        asked
    }

    /// A request has its response.
    fn ended(&self, counts: bool) {
        let mut state = self.state.borrow_mut();
        state.in_progress -= usize::from(counts);
        if state.held.is_some() {
            self.later(Self::go_on);
        }
    }

    // Subscriptions.

    fn subscribe(&self, id: u64, filter: &TopicFilter, since: Option<Position>) -> Result<(), Refusal> {
        let mut state = self.state.borrow_mut();
        if state.subscriptions.contains_key(filter) {
            return Err(Refusal::AlreadySubscribed);
        }
        if state.is_suspended {
            // It would be suspended before it begins.
            let held = self.output.core().borrow().journal().messages_held();
            return Err(Refusal::Busy { waiting: held, max: held });
        }
        let ask = state.next_ask();
        let subscription = Subscription { phase: Phase::Asked(ask), last: since.unwrap_or_default() };
        state.subscriptions.insert(filter.clone(), subscription);
        drop(state);
        let asked = self.in_progress(id, true, |then| {
            let (this, of) = (Weak::clone(&self.this), filter.clone());
            self.named.subscribe(filter, since, move |response| {
                let result = subscribed(&response);
                then(response);
                this.upgrade().into_iter().for_each(|this| this.subscribed(&of, ask, result));
            })
        });
        if asked.is_err() {
            self.state.borrow_mut().subscriptions.remove(filter);
        }
        asked
    }

    fn unsubscribe(&self, filter: &TopicFilter) -> Result<(), Refusal> {
        let subscription = self.state.borrow_mut().subscriptions.remove(filter);
        subscription.ok_or(Refusal::NotSubscribed)?;
        // The hub does not know it while it is suspended.
        let _ = self.named.unsubscribe(filter);
        Ok(())
    }

    /// The response of the hub to the request for a subscription of this number.
    fn subscribed(&self, filter: &TopicFilter, ask: u64, result: Result<Subscribed, Refusal>) {
        let mut state = self.state.borrow_mut();
        let State { subscriptions, is_suspended, .. } = &mut *state;
        let subscription = subscriptions.get_mut(filter);
        let is_of = |phase| phase == Phase::Asked(ask) || phase == Phase::Resuming(ask);
        // Otherwise it was ended, or suspended, meanwhile.
        let Some(subscription) = subscription.filter(|it| is_of(it.phase)) else { return };
        match result {
            Ok(Subscribed { head, recovery }) => {
                subscription.last = match (filter, recovery) {
                    (TopicFilter::Prefix(_), _) => Position::default(),
                    (_, Recovery::NotRequested) => head,
                    (_, Recovery::Recovered) => subscription.last,
                    (_, Recovery::Gap { to, .. }) => Position { epoch: head.epoch, offset: to },
                };
                if matches!(subscription.phase, Phase::Resuming(_)) {
                    self.later(Self::resume);
                }
                subscription.phase = Phase::Active;
                if *is_suspended {
                    subscription.phase = Phase::Suspended;
                    let filter = filter.clone();
                    self.later(move |this| _ = this.named.unsubscribe(&filter));
                }
            }
            Err(_) if subscription.phase == Phase::Asked(ask) => _ = subscriptions.remove(filter),
            // The peer does not know that it was suspended.
            Err(_) => {
                subscription.phase = Phase::Suspended;
                self.retry(&mut state);
            }
        }
    }

    /// The journal has no room for a message of `len` bytes.
    #[cold]
    fn suspend(&self, len: usize) {
        let mut state = self.state.borrow_mut();
        if std::mem::replace(&mut state.is_suspended, true) {
            return;
        }
        let mut ended = Vec::new();
        for (filter, subscription) in &mut state.subscriptions {
            if matches!(subscription.phase, Phase::Active | Phase::Resuming(_)) {
                subscription.phase = Phase::Suspended;
                ended.push(filter.clone());
            }
        }
        // The hub may be in the middle of its work.
        self.later(move |this| ended.iter().for_each(|filter| _ = this.named.unsubscribe(filter)));
        let (this, output) = (Weak::clone(&self.this), Rc::clone(&self.output));
        task::spawn("tcpshm topics", async move {
            // Not at each message that is consumed.
            let held_max = output.core().borrow().journal().bytes_held() / 2;
            loop {
                has_room(&output, len, held_max).await;
                let Some(this) = this.upgrade() else { return };
                if this.say_waiting() {
                    this.state.borrow_mut().is_suspended = false;
                    this.resume();
                    return this.go_on();
                }
            }
        });
    }

    /// Resumes suspended subscriptions.
    fn resume(&self) {
        loop {
            let mut state = self.state.borrow_mut();
            if state.is_suspended || state.is_retrying {
                return;
            }
            let Some(filter) = state.next_to_resume() else { return };
            let ask = state.next_ask();
            let Some(subscription) = state.subscriptions.get_mut(&filter) else { return };
            subscription.phase = Phase::Resuming(ask);
            let since = Some(subscription.last).filter(|last| *last != Position::default());
            drop(state);
            let (this, of) = (Weak::clone(&self.this), filter.clone());
            let asked = self.named.subscribe(&filter, since, move |response| {
                let result = subscribed(&response);
                this.upgrade().into_iter().for_each(|this| this.subscribed(&of, ask, result));
            });
            if let Err(refusal) = asked {
                self.subscribed(&filter, ask, Err(refusal));
            }
        }
    }

    /// Resumes subscriptions later, because the hub has no room for them.
    fn retry(&self, state: &mut State) {
        if std::mem::replace(&mut state.is_retrying, true) {
            return;
        }
        let this = Weak::clone(&self.this);
        task::spawn("tcpshm topics", async move {
            task::sleep(RETRY_PAUSE).await;
            if let Some(this) = this.upgrade() {
                this.state.borrow_mut().is_retrying = false;
                this.resume();
            }
        });
    }

    // What the peer gets.

    fn respond(&self, id: u64, response: &TopicResponse) {
        self.say(|out| topics::encode_response(id, response, out));
    }

    fn say_response(&self, id: u64, response: &HubResponse) {
        let refused = |op, refusal| self.say(|out| topics::encode_refusal(id, op, refusal, out));
        match response {
            HubResponse::Subscribed(Ok(Subscribed { head, recovery })) => {
                self.respond(id, &TopicResponse::Subscribed { head: *head, recovery: *recovery });
            }
            HubResponse::Subscribed(Err(refusal)) => refused(op::SUBSCRIBE, *refusal),
            HubResponse::Published(Ok(it)) => {
                let (position, receivers) = (it.position, it.receivers);
                self.respond(id, &TopicResponse::Published { position, receivers });
            }
            HubResponse::Published(Err(refusal)) => refused(op::PUBLISH, *refusal),
            HubResponse::Presence(presence) => {
                self.respond(id, &TopicResponse::Present { count: presence.count });
            }
            HubResponse::History(history) => {
                self.state.borrow_mut().is_looking_back = false;
                let messages = history.messages.iter().map(|it| as_message(it)).collect::<Vec<_>>();
                let len_max = self.output.core().borrow().journal().body_max();
                let (head, recovery) = (history.head, history.recovery);
                self.say(|out| topics::encode_history(id, head, recovery, &messages, len_max, out));
            }
        }
    }

    /// Keeps a response for the peer, at the latest when there is room: responses are never dropped.
    fn say(&self, encode: impl FnOnce(&mut Vec<u8>) -> u16) {
        let mut body = Vec::new();
        let message_type = encode(&mut body);
        let mut state = self.state.borrow_mut();
        if state.waiting.is_empty() && self.keep(message_type, &body).is_ok() {
            return;
        }
        let len = body.len();
        state.waiting.push_back((message_type, body));
        drop(state);
        self.suspend(len);
    }

    /// Keeps what waits; false if there is no room for all of it.
    fn say_waiting(&self) -> bool {
        let mut state = self.state.borrow_mut();
        while let Some((message_type, body)) = state.waiting.front() {
            if let Err(AppendError::Full | AppendError::Grow(_)) = self.keep(*message_type, body) {
                return false;
            }
            state.waiting.pop_front();
        }
        true
    }

    fn keep(&self, message_type: u16, body: &[u8]) -> Result<(), AppendError> {
        self.output.core().borrow_mut().send(message_type, body)?;
        self.output.changed();
        Ok(())
    }

    fn count_unkept(&self, code: &'static str) {
        current::with_part(|conns: &Rc<Conns>| conns.count_unkept(self.listener, code));
    }

    /// Calls `f` once nothing is borrowed.
    fn later(&self, f: impl FnOnce(&Self) + 'static) {
        let this = Weak::clone(&self.this);
        current::with(|reactor| {
            reactor.defer(move || {
                if let Some(this) = this.upgrade() {
                    f(&this);
                }
            });
        });
    }
}

impl State {
    fn takes_more(&self) -> bool {
        self.in_progress < REQUESTS_MAX && !self.is_looking_back && self.waiting.is_empty()
    }

    /// Topics before prefixes: while a prefix is active, the hub does not bring again what came through it.
    fn next_to_resume(&self) -> Option<TopicFilter> {
        let is_topic = |filter: &TopicFilter| matches!(filter, TopicFilter::Exact(_));
        let resumes = |(filter, it): (&TopicFilter, &Subscription)| {
            is_topic(filter) && matches!(it.phase, Phase::Resuming(_))
        };
        let is_resuming = self.subscriptions.iter().any(resumes);
        // Topics come first in this order, too.
        let mut suspended = self.subscriptions.iter().filter(|(_, it)| it.phase == Phase::Suspended);
        let (filter, _) = suspended.next()?;
        (is_topic(filter) || !is_resuming).then(|| filter.clone())
    }

    const fn next_ask(&mut self) -> u64 {
        self.last_ask += 1;
        self.last_ask
    }
}

impl Sink for PeerTopics {
    fn deliver(&self, publication: &Arc<Publication>) {
        let mut state = self.state.borrow_mut();
        let State { subscriptions, is_suspended, .. } = &mut *state;
        let Publication { topic, position, .. } = &**publication;
        let mut subscription = subscriptions.get_mut(&TopicFilter::Exact(topic.clone()));
        if let Some(Phase::Suspended | Phase::Resuming(_)) = subscription.as_ref().map(|it| it.phase) {
            // It comes when the subscription continues.
            return self.count_unkept("journal");
        }
        let mut body = Vec::with_capacity(topic.len() + publication.body.len() + OVERHEAD);
        let message_type = topics::encode_message(&as_message(publication), &mut body);
        let kept = match *is_suspended {
            true => Err(AppendError::Full),
            false => self.keep(message_type, &body),
        };
        match kept {
            Ok(()) => {}
            Err(AppendError::Full | AppendError::Grow(_)) => {
                drop(state);
                self.count_unkept("journal");
                return self.suspend(body.len());
            }
            Err(_) => self.count_unkept("too-large"),
        }
        if let Some(subscription) = &mut subscription {
            subscription.last = subscription.last.max(*position);
        }
    }
}

fn as_message(publication: &Publication) -> Message<'_> {
    Message { topic: &publication.topic, position: publication.position, body: &publication.body }
}

fn subscribed(response: &HubResponse) -> Result<Subscribed, Refusal> {
    match response {
        HubResponse::Subscribed(result) => *result,
        _ => Err(Refusal::Unsupported),
    }
}

/// Waits until the journal has room for a message of `len` bytes, and keeps at most `held_max`.
async fn has_room(output: &Rc<Output>, len: usize, held_max: u64) {
    // What never has room is dropped.
    while output.ready(len).await.is_ok() && output.core().borrow().journal().bytes_held() > held_max {
        output.consumed().await;
    }
}

/// Requests of one peer in progress; while there are more, nothing is consumed.
const REQUESTS_MAX: usize = 1_024;

/// Bytes of a message besides its topic and its body.
const OVERHEAD: usize = 32;

/// The pause before subscriptions are resumed again that the hub had no room for.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
