//! Subscriptions over Seastar RPC: a stream for each.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{
    Route, Time,
    rpc::{CallError, CallerConfig, Cause},
    seastar::{
        rpc::{ClientConfig, Negotiated, TopicStream},
        topics::{SUBSCRIBE, StreamAction, StreamSubscriptions},
    },
};

use super::{
    Link, Target,
    inbox::{Inbox, Incoming, StreamIncoming},
    payload,
};
use crate::client::{CallOptions, Client, ClientEvent, Push};

/// The subscriptions, and the connections of their streams.
pub(super) struct Streams {
    pub(super) topics: StreamSubscriptions,
    target: Target,
    /// What is known of the connection for calls.
    parent: Arc<Negotiated>,
    open: HashMap<u64, Stream>,
    /// The time-out of calls.
    timeout: Duration,
}

/// A stream that is open, or about to be. Its connection ends with its client.
struct Stream {
    negotiated: Arc<Negotiated>,
    _client: Client,
}

impl Streams {
    pub(super) fn new(
        topics: StreamSubscriptions,
        target: Target,
        parent: Arc<Negotiated>,
        timeout: Duration,
    ) -> Self {
        Self { topics, target, parent, open: HashMap::new(), timeout }
    }

    /// Does what the subscriptions need.
    pub(super) fn act(&mut self, link: &Link, inbox: &Inbox, now: Time) {
        while let Some(action) = self.topics.poll_action() {
            match action {
                StreamAction::Open { stream } => match self.connect(stream, inbox) {
                    Some(opened) => _ = self.open.insert(stream, opened),
                    None => self.topics.handle_ended(stream, Cause::Peer, now),
                },
                StreamAction::Close { stream } => _ = self.open.remove(&stream),
                StreamAction::Call { stream, arguments } => {
                    let Some(sender) = inbox.sender() else {
                        self.topics.handle_response(stream, Err(CallError::Closed.into()), now);
                        continue;
                    };
                    let options = CallOptions::default().with(|it| it.timeout = Some(self.timeout));
                    let route = Route::Numbered(SUBSCRIBE);
                    link.client.call_quickly(route, arguments.into(), options, move |response| {
                        // The receiver is gone: the client is about to end.
                        let _ = sender.send(Incoming::Stream(stream, StreamIncoming::Response(response)));
                    });
                }
                _ => {}
            }
        }
    }

    /// `None` if the client has ended, or the server has no streams.
    fn connect(&self, stream: u64, inbox: &Inbox) -> Option<Stream> {
        let protocol = TopicStream::new(ClientConfig::default(), self.parent.connection_id()?);
        let negotiated = Arc::clone(protocol.negotiated());
        let (messages, events) = (inbox.outlet()?, inbox.outlet()?);
        let caller = CallerConfig::quiet().with(|it| {
            it.reconnect = false;
            it.connect_timeout = ClientConfig::default().negotiation_timeout;
        });
        let client = (self.target.client(protocol).config(caller))
            .on_push(move |Push { body, .. }| messages.push_of(stream, body))
            .on_event(move |event| events.send(Incoming::Stream(stream, StreamIncoming::Event(event))))
            .connect();
        Some(Stream { negotiated, _client: client.ok()? })
    }

    /// What came over a stream, or about it.
    pub(super) fn take(&mut self, link: &Link, stream: u64, incoming: StreamIncoming, now: Time) {
        match incoming {
            StreamIncoming::Message(message) => self.topics.handle_message(stream, &message),
            StreamIncoming::Response(response) => {
                let response = response.map_err(Into::into);
                let read = response.as_ref().map_err(Clone::clone).and_then(|it| payload(link.wire, it));
                self.topics.handle_response(stream, read.map(Bytes::as_ref), now);
            }
            StreamIncoming::Event(ClientEvent::Connected) => {
                let id = self.open.get(&stream).and_then(|it| it.negotiated.connection_id());
                if let Some(id) = id {
                    self.topics.handle_opened(stream, id);
                }
            }
            StreamIncoming::Event(ClientEvent::ConnectFailed(_)) => self.ended(stream, Cause::Peer, now),
            StreamIncoming::Event(ClientEvent::Disconnected(cause)) => self.ended(stream, cause, now),
            StreamIncoming::Event(_) => {}
        }
    }

    fn ended(&mut self, stream: u64, cause: Cause, now: Time) {
        self.open.remove(&stream);
        self.topics.handle_ended(stream, cause, now);
    }
}
