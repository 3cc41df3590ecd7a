//! The first poll of a future, which decides whether it becomes a task.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    task::{Context, Poll},
};

use super::{
    Reactor,
    places::{Kind, Place},
    tasks::{Body, Running, Tasks, panicked},
    waker::Ticket,
};
use crate::{Answer, ConnId, Connection, Responder};

/// A future on its shard that is no task yet. What wakes it meanwhile is remembered.
pub(crate) struct Begun<'a, F> {
    reactor: &'a Reactor,
    kind: Rc<Kind<F>>,
    place: Place<F>,
    ticket: Lent<'a>,
}

/// A ticket that goes back unless it is taken.
struct Lent<'a> {
    tasks: &'a Tasks,
    ticket: Option<Ticket>,
}

/// Starts `future` on `shard`, and polls it at once. It is dropped when `owner`, a connection of this shard, ends. A panic
/// in it closes `closes`, if there is one, and nothing else.
pub(crate) fn spawn(
    reactor: &Reactor,
    name: &str,
    owner: Option<ConnId>,
    closes: Option<Connection>,
    future: impl Future<Output = ()> + 'static,
) {
    let mut begun = Begun::new(reactor, future);
    let label = begun.label(name);
    // A task may start another one, which is polled in here too.
    let outer = reactor.counters.run(label);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        if reactor.tasks.is_ending() {
            begun.place.set(None);
            return Poll::Ready(());
        }
        begun.poll()
    }));
    reactor.counters.run(outer);
    match polled {
        Ok(Poll::Pending) => begun.go_on(label, owner, closes, |place| Body::Alone(place)),
        Ok(Poll::Ready(())) => begun.end(),
        Err(_) => {
            panicked(reactor, label, closes.as_ref());
            // Dropping what is left may panic as well; that was counted already.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(begun)));
        }
    }
}

impl<'a, F: Future + 'static> Begun<'a, F> {
    /// Puts `future` where it stays.
    #[inline]
    pub(crate) fn new(reactor: &'a Reactor, future: F) -> Self {
        let kind = reactor.places.of::<F>();
        let (place, ticket) = match kind.next.take() {
            Some((mut place, ticket)) if ticket.is_held_here_only() => {
                place.set(Some(future));
                (place, ticket)
            }
            next => {
                if let Some((_, ticket)) = next {
                    reactor.tasks.give_back(ticket);
                }
                (kind.place(future), reactor.tasks.ticket(reactor))
            }
        };
        ticket.shared.lower();
        Self { reactor, kind, place, ticket: Lent { tasks: &reactor.tasks, ticket: Some(ticket) } }
    }

    /// Polls the future; drops it when it is done.
    #[inline]
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let ticket = self.ticket.ticket.as_ref().expect("it is taken when this is over");
        let mut place = self.place.as_mut();
        let future = place.as_mut().as_pin_mut().expect("it is polled until it is done");
        let polled = future.poll(&mut Context::from_waker(&ticket.waker));
        if polled.is_ready() {
            place.set(None);
        }
        polled
    }

    /// The future is done.
    #[inline]
    pub(crate) fn end(mut self) {
        let Some(ticket) = self.ticket.ticket.take() else { return };
        // Another one is there if the future has started one of its own type.
        if let Some((place, ticket)) = self.kind.next.replace(Some((self.place, ticket))) {
            self.kind.keep(place);
            self.reactor.tasks.give_back(ticket);
        }
    }

    /// Makes it a task of the connection `owner`, called `name`, whose output is the answer that `responder` gives.
    pub(crate) fn answer(self, name: &str, owner: ConnId, responder: Responder)
    where
        F::Output: Into<Answer>,
    {
        let label = self.label(name);
        self.go_on(label, Some(owner), None, |place| Body::Answers(place, responder));
    }

    fn go_on(
        mut self,
        label: u32,
        owner: Option<ConnId>,
        closes: Option<Connection>,
        body: impl FnOnce(Place<F>) -> Body,
    ) {
        let Some(Ticket { shared, waker }) = self.ticket.ticket.take() else { return };
        let owner = owner.filter(|owner| owner.shard == self.reactor.id).map(|owner| owner.slot);
        let running = Running { body: body(self.place), waker, label, closes };
        self.reactor.tasks.enter(shared, running, owner);
        self.reactor.counters.tasks.set(self.reactor.tasks.alive() as u64);
    }

    fn label(&self, name: &str) -> u32 {
        self.kind.label(name, &self.reactor.labels)
    }
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.tasks.give_back(ticket);
        }
    }
}
