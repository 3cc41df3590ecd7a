//! Subscribers with names, which outlive their connections.

use std::{
    net::IpAddr,
    rc::{Rc, Weak},
    sync::Arc,
};

use shardcast_proto::{
    Holder, Position, PublishHeader, Refusal, TopicFilter, TopicName,
    push::{HubResponse, Publication, SubscriberId, Ticket},
};

use super::{
    Push,
    subscription::{Local, To, local_subscriber},
    with_push,
};

/// Takes the messages of a subscriber, in order. It must not use the hub, which is borrowed.
pub(crate) trait Sink {
    fn deliver(&self, message: &Arc<Publication>);
}

/// A subscriber and publisher with a name, on the shard that owns the name. Dropping it ends its subscriptions, and withdraws
/// what it has delayed.
pub(crate) struct Named {
    number: u64,
    who: SubscriberId,
    holder: Holder,
    epoch: u64,
}

impl Named {
    /// Its messages go to `sink`. `ip` has a share of what it holds.
    pub(crate) fn new(push: &Push, sink: Weak<dyn Sink>, ip: IpAddr) -> Self {
        let number = push.reactor.router.next_number();
        let index = push.locals.borrow_mut().insert(Local { number, to: To::Named(sink) });
        // No connection has such a number: see `identity_of`.
        let holder = Holder::connection(push.reactor.id, NAMED | number, ip);
        Self { number, who: local_subscriber(index), holder, epoch: push.epoch }
    }

    /// Grows from one run of the server to the next.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Subscribes; `then` gets the response. Messages come after it.
    pub(crate) fn subscribe(
        &self,
        filter: &TopicFilter,
        since: Option<Position>,
        then: impl FnOnce(HubResponse) + 'static,
    ) -> Result<(), Refusal> {
        ask(then, |push, ticket| {
            push.refuse_while_draining()?;
            let now = push.reactor.now();
            push.hub().subscribe(self.who, filter, since, Some(ticket), &self.holder, now)
        })
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, filter: &TopicFilter) -> Result<(), Refusal> {
        with_push(|push| push.hub().unsubscribe(self.who, filter)).unwrap_or(Err(Refusal::Draining))
    }

    /// Publishes; `then` gets the response. Without it, a refusal is only counted.
    pub(crate) fn publish(
        &self,
        topic: &str,
        options: PublishHeader,
        body: &[u8],
        then: Option<impl FnOnce(HubResponse) + 'static>,
    ) -> Result<(), Refusal> {
        let Some(then) = then else {
            with_push(|push| {
                push.count_quiet(push.ask_to_publish(self.holder, None, topic, options, body));
            });
            return Ok(());
        };
        ask(then, |push, ticket| push.ask_to_publish(self.holder, Some(ticket), topic, options, body))
    }

    /// Requests the number of subscribers.
    pub(crate) fn presence(
        &self,
        topic: &str,
        then: impl FnOnce(HubResponse) + 'static,
    ) -> Result<(), Refusal> {
        let topic = TopicName::new(topic).map_err(|_| Refusal::BadTopic)?;
        ask(then, |push, ticket| push.hub().presence(&topic, false, ticket, &self.holder))
    }

    /// Requests messages that a topic has kept.
    pub(crate) fn history(
        &self,
        topic: &str,
        since: Option<Position>,
        max: u32,
        then: impl FnOnce(HubResponse) + 'static,
    ) -> Result<(), Refusal> {
        let topic = TopicName::new(topic).map_err(|_| Refusal::BadTopic)?;
        ask(then, |push, ticket| push.hub().history(&topic, since, max, ticket, &self.holder))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        with_push(|push| {
            let ended = push.locals.borrow_mut().remove(self.number);
            drop(ended);
            // It is reported to the hub before the hub does anything else.
            push.left.borrow_mut().push((self.who, self.holder));
        });
    }
}

/// Asks the hub; if it refuses at once, `then` is not called.
fn ask(
    then: impl FnOnce(HubResponse) + 'static,
    asks: impl FnOnce(&Rc<Push>, Ticket) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let asked = with_push(|push| {
        let ticket = push.await_response(then);
        let asked = asks(push, ticket);
        if asked.is_err() {
            push.forget_response(ticket);
        }
        asked
    });
    asked.unwrap_or(Err(Refusal::Draining))
}

/// Marks the numbers of subscribers with names. The slots of connections never have this bit.
const NAMED: u64 = 1 << 62;
