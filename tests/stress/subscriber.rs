//! A peer that uses topics, by the control protocol (`docs/push.md`).

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use shardcast::proto::topics::control::{Request, ServerPayload, TopicResponse, encode_request, is_control};
use shardcast::proto::{Position, PublishHeader, Recovery, TopicName};

use crate::{
    peer::{Peer, frame},
    scenarios::{Failure, Outcome},
};

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) peer: Peer,
    last_id: u32,
    /// Messages received while a response was pending.
    early: VecDeque<Received>,
}

/// A received message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) position: Position,
    pub(crate) body: Vec<u8>,
}

/// What the server did, or the status of its refusal.
pub(crate) type RequestResult = Result<TopicResponse, u8>;

impl Subscriber {
    pub(crate) fn connect(to: SocketAddr) -> Outcome<Self> {
        Self::over(Peer::connect(to)?)
    }

    /// Connects from another address of this host's loopback.
    pub(crate) fn connect_from(from: IpAddr, to: SocketAddr) -> Outcome<Self> {
        Self::over(Peer::connect_from(from, to)?)
    }

    /// Opts in to the control protocol on a new connection.
    pub(crate) fn over(peer: Peer) -> Outcome<Self> {
        let mut it = Self { peer, last_id: 0, early: VecDeque::new() };
        match it.ask(&Request::Hello)? {
            Ok(TopicResponse::Welcome { .. }) => Ok(it),
            other => Err(Failure(format!("HELLO was answered {other:?}"))),
        }
    }

    /// Subscribes by name. Returns the position of the topic, and the recovery from `since`.
    pub(crate) fn subscribe(
        &mut self,
        topic: &str,
        since: Option<Position>,
    ) -> Outcome<(Position, Recovery)> {
        self.subscribe_as(&Request::Subscribe { topic, prefix: false, since })
    }

    pub(crate) fn subscribe_prefix(&mut self, topic: &str) -> Outcome<()> {
        self.subscribe_as(&Request::Subscribe { topic, prefix: true, since: None }).map(drop)
    }

    pub(crate) fn unsubscribe(&mut self, topic: &str) -> Outcome<()> {
        match self.ask(&Request::Unsubscribe { topic, prefix: false })? {
            Ok(TopicResponse::Unsubscribed) => Ok(()),
            other => Err(Failure(format!("UNSUBSCRIBE was answered {other:?}"))),
        }
    }

    /// Publishes, again while the server is busy.
    pub(crate) fn publish(
        &mut self,
        topic: &str,
        body: &[u8],
        options: PublishHeader,
    ) -> Outcome<(Position, u32)> {
        loop {
            match self.publish_once(topic, body, options)? {
                Ok(receipt) => return Ok(receipt),
                Err(BUSY) => std::thread::yield_now(),
                Err(status) => return Err(Failure(format!("PUBLISH was refused with {status}"))),
            }
        }
    }

    /// Publishes; the position and the number of receivers, or the status of the refusal.
    pub(crate) fn publish_once(
        &mut self,
        topic: &str,
        body: &[u8],
        options: PublishHeader,
    ) -> Outcome<Result<(Position, u32), u8>> {
        match self.ask(&Request::Publish { topic, expects_response: true, options, body })? {
            Ok(TopicResponse::Published { position, receivers }) => Ok(Ok((position, receivers))),
            Err(status) => Ok(Err(status)),
            other => Err(Failure(format!("PUBLISH was answered {other:?}"))),
        }
    }

    /// The next answer to one of the requests that were written without waiting, and its id; `None` at the end of the
    /// stream. Messages before it are kept.
    pub(crate) fn answer(&mut self) -> Outcome<Option<(u32, RequestResult)>> {
        loop {
            let Some((id, payload)) = self.peer.receive()? else { return Ok(None) };
            match ServerPayload::load(&payload).filter(|_| is_control(&payload)) {
                Some(ServerPayload::Message { .. }) if id == 0 => {
                    self.early.push_back(read_message(&payload)?)
                }
                Some(ServerPayload::Response(answer)) => return Ok(Some((id, Ok(answer)))),
                Some(ServerPayload::Refused { status, .. }) => return Ok(Some((id, Err(status)))),
                None | Some(ServerPayload::Message { .. } | ServerPayload::History { .. }) => {
                    return Err(Failure(format!("frame {id} is not an answer: {payload:02x?}")));
                }
            }
        }
    }

    /// Sends a heartbeat, and waits for its response.
    pub(crate) fn ping(&mut self) -> Outcome<()> {
        match self.ask(&Request::Ping)? {
            Ok(TopicResponse::Pong) => Ok(()),
            other => Err(Failure(format!("PING was answered {other:?}"))),
        }
    }

    /// The next message; `None` at the end of the stream.
    pub(crate) fn message(&mut self) -> Outcome<Option<Received>> {
        if let Some(message) = self.early.pop_front() {
            return Ok(Some(message));
        }
        let Some((_, payload)) = self.peer.receive()? else { return Ok(None) };
        read_message(&payload).map(Some)
    }

    /// The messages received while the last response was pending, in order.
    pub(crate) fn take_early(&mut self) -> VecDeque<Received> {
        std::mem::take(&mut self.early)
    }

    fn subscribe_as(&mut self, request: &Request<'_>) -> Outcome<(Position, Recovery)> {
        match self.ask(request)? {
            Ok(TopicResponse::Subscribed { head, recovery }) => Ok((head, recovery)),
            other => Err(Failure(format!("SUBSCRIBE was answered {other:?}"))),
        }
    }

    /// Sends a request and waits for the answer to it.
    pub(crate) fn ask(&mut self, asked: &Request<'_>) -> Outcome<RequestResult> {
        self.last_id += 1;
        self.peer.write(&request(self.last_id, asked))?;
        match self.answer()? {
            Some((id, answer)) if id == self.last_id => Ok(answer),
            Some((id, _)) => Err(Failure(format!("frame {id} is not an answer to {}", self.last_id))),
            None => Err(Failure("the connection ended where an answer was due".into())),
        }
    }
}

/// The frame of a request.
pub(crate) fn request(id: u32, request: &Request<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_request(request, &mut payload);
    frame(id, &payload)
}

/// A publication without options.
pub(crate) const fn publication<'a>(topic: &'a str, expects_response: bool, body: &'a [u8]) -> Request<'a> {
    let options = PublishHeader { key: None, delay: None, ttl: None, priority: None };
    Request::Publish { topic, expects_response, options, body }
}

/// A topic for each shard of a server with two, which owns it.
pub(crate) fn topic_of_each_shard(front: &str) -> [String; 2] {
    let owned_by = |shard| {
        let names = (0..).map(|number| format!("{front}.{number}"));
        let mut owned = names.filter(|name| TopicName::new(name).is_ok_and(|it| it.owner(2) == shard));
        owned.next().unwrap_or_default()
    };
    [owned_by(0), owned_by(1)]
}

fn read_message(payload: &[u8]) -> Outcome<Received> {
    match ServerPayload::load(payload).filter(|_| is_control(payload)) {
        Some(ServerPayload::Message { topic, position, body }) => {
            Ok(Received { topic: topic.to_owned(), position, body: body.to_vec() })
        }
        _ => Err(Failure(format!("not a message: {payload:02x?}"))),
    }
}

/// Statuses of `docs/errors.md`.
pub(crate) const BUSY: u8 = 1;
pub(crate) const TOO_MANY_TOPICS: u8 = 2;
pub(crate) const TOO_MANY_SUBSCRIPTIONS: u8 = 3;
pub(crate) const DRAINING: u8 = 8;
pub(crate) const EXPIRED: u8 = 13;
