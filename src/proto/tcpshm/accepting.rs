use core::net::SocketAddr;
use std::{cell::RefCell, fmt, rc::Rc, time::Duration};

use super::{
    Files, Login, Peer, PeerTable,
    exchange::Exchange,
    table::{self, Entry},
};
use crate::{Command, ConnId, EndOfStream, Error, Event, Opening, Progress, Session, Time};

/// The session of a server: it waits for the login of a client, and then exchanges messages with it.
pub struct Accepting<F: Files> {
    table: Rc<PeerTable<F>>,
    id: ConnId,
    from: SocketAddr,
    now: Time,
    /// The user data of the response, while the login waits for a sync of the journal.
    admitted: Option<Vec<u8>>,
    /// The response to the login.
    output: Vec<u8>,
    logged_in: Option<LoggedIn<F>>,
}

struct LoggedIn<F: Files> {
    entry: Rc<Entry<F::Store>>,
    exchange: PeerExchange<F::Store>,
}

type PeerExchange<S> = Exchange<S, Rc<RefCell<Peer<S>>>>;

impl<F: Files> Accepting<F> {
    /// A session of this table.
    pub fn new(table: Rc<PeerTable<F>>, opening: &Opening<'_>) -> Self {
        let Opening { id, peer, now, .. } = *opening;
        Self { table, id, from: peer, now, admitted: None, output: Vec::new(), logged_in: None }
    }

    #[cold]
    fn log_in(&mut self, input: &[u8], now: Time) -> Result<Progress<'static>, Error> {
        let (geometry, times) = (self.table.config().geometry, self.table.config().times);
        let Some(login) = Login::decode(input, &geometry)? else { return Ok(Progress::NEED_MORE) };
        let Self { table, admitted, output, .. } = self;
        let entry = match table.log_in(self.id, self.from, &login, admitted, output, now) {
            table::LoggedIn::Yes(entry) => entry,
            table::LoggedIn::No => return Err(Error::LoginRefused),
            // The login stays in front of the input, and is tried again after a pause.
            table::LoggedIn::NotYet => return Ok(Progress::NEED_MORE),
        };
        let exchange = Exchange::new(Rc::clone(entry.peer()), geometry.byte_order(), times, now);
        self.logged_in = Some(LoggedIn { entry, exchange });
        // The response comes before the messages.
        Ok(Progress::silent(geometry.login_len()).and_more())
    }

    fn exchange(&self) -> Option<&PeerExchange<F::Store>> {
        self.logged_in.as_ref().map(|it| &it.exchange)
    }

    /// Whether another connection has taken the peer over.
    fn is_superseded(&self) -> bool {
        self.logged_in.as_ref().is_some_and(|it| it.entry.connection() != Some(self.id))
    }
}

impl<F: Files> Session for Accepting<F> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        self.now = now;
        if self.is_superseded() {
            return Err(Error::LoginRefused);
        }
        let Some(it) = &mut self.logged_in else { return self.log_in(input, now) };
        let handled = it.exchange.handle_input(input, now);
        if matches!(handled, Err(Error::Journal)) {
            self.table.report_fault(&it.entry);
        }
        handled
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        self.now = now;
        let Some(it) = &mut self.logged_in else { return Ok(()) };
        let handled = it.exchange.handle_timeout(now);
        if handled == Err(Error::Journal) {
            self.table.report_fault(&it.entry);
        }
        handled
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _: &mut Vec<u8>,
        _: Time,
    ) -> Result<(), Command<'c>> {
        Err(command)
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        if self.is_superseded() {
            return Some(Event::Closing);
        }
        self.logged_in.as_mut()?.exchange.poll_event()
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.output);
        if !self.is_superseded()
            && let Some(it) = &mut self.logged_in
        {
            it.exchange.poll_transmit(out);
            if it.entry.peer().borrow().needs_sync() {
                self.table.files().sync(&it.entry);
            }
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        match (self.exchange(), &self.admitted) {
            (Some(exchange), _) => exchange.poll_timeout(),
            (None, Some(_)) => Some(self.now + LOGIN_PAUSE),
            (None, None) => None,
        }
    }

    fn handle_end_of_stream(&mut self, _: Time) -> EndOfStream {
        EndOfStream::Close
    }

    fn is_established(&self) -> bool {
        self.logged_in.is_some()
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.table.config().times.login)
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        self.logged_in.as_mut().is_some_and(|it| it.exchange.handle_sent(queued))
    }

    fn is_full(&self) -> bool {
        self.exchange().is_some_and(Exchange::is_full)
    }

    fn held_bytes(&self) -> usize {
        self.exchange().map_or(0, Exchange::held_bytes)
    }
}

impl<F: Files> Drop for Accepting<F> {
    fn drop(&mut self) {
        if let Some(it) = &self.logged_in {
            self.table.closed(&it.entry, self.id, self.now);
        }
    }
}

impl<F: Files> fmt::Debug for Accepting<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How often a login that waits for its journal is tried again.
const LOGIN_PAUSE: Duration = Duration::from_millis(1);
