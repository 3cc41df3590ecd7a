//! The first poll of a future, which decides whether it becomes a task. A future for a task queue becomes a task without
//! that: it is first polled when its queue runs.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use super::{
    Reactor,
    places::{Kind, Next},
    queues::QueueId,
    tasks::{Body, Running, Tasks, panicked},
    waker::Ticket,
};
use crate::{ConnId, Connection, Responder, ServiceResponse};

/// A future on its shard that is not a task yet. A wake-up that comes meanwhile is remembered.
pub(crate) struct Begun<'a, F> {
    reactor: &'a Reactor,
    kind: &'a Kind<F>,
    /// The place of the future, and its ticket. They are used in place, since moving them costs more than the rest of
    /// the work.
    next: &'a mut Next<F>,
    queue: Option<QueueId>,
    /// Both stay there for the next future.
    is_over: bool,
}

/// What a task has besides its future.
pub(crate) struct Start<'a> {
    /// The kind of task.
    pub(crate) name: &'a str,
    /// The task is dropped when this connection ends, if it is one of this shard.
    pub(crate) owner: Option<ConnId>,
    /// What a panic in the task closes.
    pub(crate) closes: Option<Connection>,
}

/// Returns a ticket, also after a panic.
struct GivesBack<'a>(&'a Tasks, Option<Ticket>);

impl<'a> Start<'a> {
    /// For a task of `connection`: a panic closes that.
    pub(crate) fn of(connection: &Connection, name: &'a str) -> Self {
        Self { name, owner: Some(connection.id()), closes: Some(connection.clone()) }
    }
}

/// Calls `f` with `future`, which stays in its place.
#[inline]
pub(crate) fn begin<F: Future + 'static, R>(
    reactor: &Reactor,
    future: F,
    f: impl FnOnce(Begun<'_, F>) -> R,
) -> R {
    let kind = reactor.places.of::<F>();
    match kind.next.try_borrow_mut() {
        Ok(mut next) => f(Begun::new(reactor, &kind, &mut next, future)),
        // A future of this type is being polled, and has started this one.
        Err(_) => {
            let mut own = None;
            let result = f(Begun::new(reactor, &kind, &mut own, future));
            if let Some((place, ticket)) = own {
                kind.keep(place);
                reactor.tasks.give_back(ticket);
            }
            result
        }
    }
}

/// Starts `future` on the shard of `reactor`, and polls it at once. If it becomes a task, that has the queue of the task
/// which starts it, if any.
pub(crate) fn spawn(reactor: &Reactor, start: Start<'_>, future: impl Future<Output = ()> + 'static) {
    let Start { name, owner, closes } = start;
    begin(reactor, future, |mut begun| {
        let label = begun.label(name);
        // A task may start another task, which is polled here too.
        let outer = reactor.counters.run(label);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if reactor.tasks.is_ending() {
                begun.clear();
                return Poll::Ready(());
            }
            begun.poll()
        }));
        reactor.counters.run(outer);
        match polled {
            Ok(Poll::Pending) => {
                begun.queue = reactor.tasks.queues.current();
                begun.go_on(label, owner, closes, |place| Body::Alone(place));
            }
            Ok(Poll::Ready(())) => begun.end(),
            Err(_) => {
                panicked(reactor, label, closes.as_ref());
                // Dropping the rest may panic as well; the panic was already counted.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(begun)));
            }
        }
    });
}

/// Starts `future` in a task queue of the shard of `reactor`.
pub(crate) fn spawn_in(
    reactor: &Reactor,
    queue: QueueId,
    start: Start<'_>,
    future: impl Future<Output = ()> + 'static,
) {
    let Start { name, owner, closes } = start;
    begin(reactor, future, |mut begun| {
        begun.wait_in(queue);
        let label = begun.label(name);
        begun.go_on(label, owner, closes, |place| Body::Alone(place));
    });
}

/// Starts `future` in a task queue of the shard of `reactor`, as a task of the connection `owner`, named `name`.
/// `responder` answers with its output.
pub(crate) fn begin_in<F>(
    reactor: &Reactor,
    queue: QueueId,
    name: &str,
    owner: ConnId,
    future: F,
    responder: Responder,
) where
    F: Future<Output: Into<ServiceResponse>> + 'static,
{
    begin(reactor, future, |mut begun| {
        begun.wait_in(queue);
        begun.answer(name, owner, responder);
    });
}

/// Starts `future` for a request that has waited, and polls it at once: `responder` answers with its output. Until then it
/// is a task of the connection `owner`, named `name`.
pub(crate) fn begin_late<F>(reactor: &Reactor, name: &str, owner: ConnId, future: F, mut responder: Responder)
where
    F: Future<Output: Into<ServiceResponse>> + 'static,
{
    begin(reactor, future, |mut begun| {
        let outer = reactor.counters.run(begun.label(name));
        let polled = begun.poll();
        reactor.counters.run(outer);
        match polled {
            Poll::Ready(response) => {
                begun.end();
                responder.end_with(response.into());
            }
            Poll::Pending => begun.answer(name, owner, responder),
        }
    });
}

impl<'a, F: Future + 'static> Begun<'a, F> {
    #[inline]
    fn new(reactor: &'a Reactor, kind: &'a Kind<F>, next: &'a mut Next<F>, future: F) -> Self {
        match &mut *next {
            Some((place, ticket)) if ticket.is_held_here_only() => {
                place.set(Some(future));
                ticket.shared.lower();
            }
            _ => Self::renew(reactor, kind, next, future),
        }
        Self { reactor, kind, next, queue: None, is_over: false }
    }

    /// There is no place, or something else holds its ticket.
    #[cold]
    fn renew(reactor: &Reactor, kind: &Kind<F>, next: &mut Next<F>, future: F) {
        let (place, ticket) = (kind.place(future), reactor.tasks.ticket(reactor));
        ticket.shared.lower();
        if let Some((place, ticket)) = next.replace((place, ticket)) {
            kind.keep(place);
            reactor.tasks.give_back(ticket);
        }
    }

    /// Polls the future; drops it when it is done.
    #[inline]
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let (place, ticket) = self.next.as_mut().expect("it is taken when this is over");
        let future = place.as_mut().as_pin_mut().expect("it is polled until it is done");
        let polled = future.poll(&mut Context::from_waker(&ticket.waker));
        if polled.is_ready() {
            place.set(None);
        }
        polled
    }

    /// The future is not polled here, but when `queue` runs.
    fn wait_in(&mut self, queue: QueueId) {
        self.queue = Some(queue);
        if let Some((_, ticket)) = self.next {
            // A task whose flag is raised is scheduled when it begins.
            let _ = ticket.shared.woken.raise();
        }
    }

    /// Drops the future instead of polling it.
    fn clear(&mut self) {
        if let Some((place, _)) = self.next {
            place.set(None);
        }
    }

    /// The future is done.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Makes it a task of the connection `owner`, named `name`. `responder` answers with its output.
    pub(crate) fn answer(self, name: &str, owner: ConnId, responder: Responder)
    where
        F::Output: Into<ServiceResponse>,
    {
        let label = self.label(name);
        self.go_on(label, Some(owner), None, |place| Body::Answers(place, responder));
    }

    fn go_on(
        self,
        label: u32,
        owner: Option<ConnId>,
        closes: Option<Connection>,
        body: impl FnOnce(super::places::Place<F>) -> Body,
    ) {
        let queue = self.queue;
        let Some((place, Ticket { shared, waker })) = self.next.take() else { return };
        let owner = owner.filter(|owner| owner.shard == self.reactor.id).map(|owner| owner.slot);
        let running = Running { body: body(place), waker, label, closes };
        self.reactor.tasks.enter(shared, running, owner, queue);
        self.reactor.counters.tasks.set(self.reactor.tasks.alive() as u64);
    }

    fn label(&self, name: &str) -> u32 {
        self.kind.label(name, &self.reactor.labels)
    }
}

impl<F> Drop for Begun<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_over
            && let Some((place, ticket)) = self.next.take()
        {
            let _gives_back = GivesBack(&self.reactor.tasks, Some(ticket));
            if place.is_none() {
                self.kind.keep(place);
            }
        }
    }
}

impl Drop for GivesBack<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.1.take() {
            self.0.give_back(ticket);
        }
    }
}
