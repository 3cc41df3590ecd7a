//! One client: what it requests, and how it checks what it receives.

use std::collections::{BTreeMap, BTreeSet};

use shardcast_proto::{Position, TopicFilter};

use crate::{
    account::Request,
    connection::Connection,
    frame::{Frame, ResponseKind, frames},
    model::Model,
    scenario::{Character, Habit, TOPICS},
    session::{Kind, Sending},
};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) character: Character,
    /// `None` after it is cut.
    pub(crate) connection: Option<Connection>,
    /// It does not read.
    pub(crate) is_stalled: bool,
    /// It ends its direction when it has read the end of the server's.
    pub(crate) is_polite: bool,
    view: View,
    /// The last position on each topic, for when it returns.
    pub(crate) seen: BTreeMap<usize, Position>,
    /// The number of connections so far.
    pub(crate) life: u64,
}

/// What the client knows of its subscriptions.
#[derive(Debug, Default)]
struct View {
    /// It sent a hello, which ends its automatic subscription.
    is_welcome: bool,
    /// Active subscriptions, by their requests.
    subscriptions: BTreeSet<usize>,
    /// Ended subscriptions, with the request that ended them.
    ended: BTreeMap<TopicFilter, usize>,
    /// The newest position on each topic: it may not get this message or an older one again.
    newest: BTreeMap<usize, Position>,
}

impl Client {
    pub(crate) fn new(number: usize, character: Character) -> Self {
        Self {
            number,
            character,
            connection: None,
            is_stalled: false,
            is_polite: true,
            view: View::default(),
            seen: BTreeMap::new(),
            life: 0,
        }
    }

    /// A new connection.
    pub(crate) fn begin(&mut self) {
        self.life += 1;
        self.is_stalled = false;
        self.view = View::default();
    }

    /// Sends a request, after the bytes of earlier ones.
    pub(crate) fn send(&mut self, request: Request, sending: &Sending) {
        let Some(connection) = &mut self.connection else { return };
        let bytes = sending.encode();
        let is_pair = request.kind == Kind::Pair;
        connection.account.send(request.clone(), bytes.len());
        if is_pair {
            // The second event ends where the frame does.
            let wants_response = sending.words[1] == 0 || sending.words[1] == 2;
            connection.account.send(Request { wants_response, ..request }, 0);
        }
        connection.transport.up.extend(bytes);
    }

    /// The number of the next request.
    pub(crate) fn next_number(&self) -> u64 {
        self.connection.as_ref().map_or(0, |it| it.account.requests.len() as u64)
    }

    /// Whether it can send a request.
    pub(crate) fn can_send(&self) -> bool {
        self.connection.as_ref().is_some_and(|it| !it.transport.up_has_ended && !it.transport.is_broken)
    }

    /// Whether it receives messages of a topic by an automatic subscription.
    pub(crate) fn is_automatic(&self) -> bool {
        self.character.habit == Habit::Automatic && !self.view.is_welcome
    }

    /// Reads all that was sent.
    pub(crate) fn read(&mut self, model: &mut Model) {
        let Some(connection) = &mut self.connection else { return };
        let bytes = std::mem::take(&mut connection.transport.down);
        for (frame, len) in frames(&bytes) {
            self.receive(frame, len, model);
        }
    }

    fn receive(&mut self, frame: Frame, len: usize, model: &mut Model) {
        let Some(connection) = &mut self.connection else { return };
        connection.account.receive(frame, len, model);
        match frame {
            Frame::Response { request, kind } => self.receive_response(request as usize, kind),
            Frame::Message { topic, position, id, dialect, .. } => {
                self.receive_message(topic, position, id, dialect, model);
            }
            Frame::Own { .. } | Frame::LastWord => {}
        }
    }

    fn receive_response(&mut self, number: usize, kind: ResponseKind) {
        let Some(connection) = &self.connection else { return };
        let Some(request) = connection.account.requests.get(number) else { return };
        match (kind, &request.filter) {
            (ResponseKind::Welcome, _) => self.view.is_welcome = true,
            (ResponseKind::Subscribed, Some(filter)) => self.view.begin(number, filter, request.since),
            (ResponseKind::Unsubscribed, Some(filter)) => {
                let requests = &connection.account.requests;
                let is_other = |other: &usize| requests[*other].filter.as_ref() != Some(filter);
                self.view.subscriptions.retain(is_other);
                self.view.ended.insert(filter.clone(), number);
            }
            _ => {}
        }
    }

    fn receive_message(&mut self, topic: usize, at: Position, id: u64, dialect: u8, model: &mut Model) {
        let Some(connection) = &self.connection else { return };
        let (number, name) = (self.number, TOPICS[topic]);
        let requests = &connection.account.requests;
        let matches = |request: &usize| requests[*request].filter.as_ref().is_some_and(|it| it.matches(name));
        let is_wanted = self.is_automatic() || self.view.subscriptions.iter().any(matches);
        model
            .require(is_wanted, || format!("client {number} got {id} of {name} outside of its subscription"));
        let is_right_dialect = dialect == u8::from(self.view.is_welcome);
        model
            .require(is_right_dialect, || format!("client {number} got {id} of {name} in dialect {dialect}"));
        let newest = self.view.newest.insert(topic, at).unwrap_or_default();
        model.require(newest < at, || format!("client {number} got {at:?} of {name} after {newest:?}"));
        self.seen.insert(topic, at);
    }
}

impl View {
    /// A subscription becomes active, unless it was ended meanwhile.
    fn begin(&mut self, number: usize, filter: &TopicFilter, since: Option<Position>) {
        if self.ended.get(filter).is_some_and(|ended| *ended > number) {
            return;
        }
        self.subscriptions.insert(number);
        if let (TopicFilter::Exact(name), Some(since)) = (filter, since) {
            // It may receive requested messages again, and all messages if the requested position never existed.
            let topic = TOPICS.iter().position(|topic| **topic == **name).expect("one of ours");
            let newest = self.newest.entry(topic).or_default();
            let is_back = since.epoch == newest.epoch && since <= *newest;
            *newest = if is_back { since } else { Position::default() };
        }
    }
}
