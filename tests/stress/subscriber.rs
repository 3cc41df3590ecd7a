//! A peer that uses topics, by the control protocol (`docs/push.md`).

use std::{collections::VecDeque, net::SocketAddr};

use shardcast::proto::topics::control::{Request, ServerPayload, TopicResponse, encode_request, is_control};
use shardcast::proto::{Position, PublishHeader, Recovery};

use crate::{
    peer::Peer,
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
        let mut it = Self { peer: Peer::connect(to)?, last_id: 0, early: VecDeque::new() };
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
            match self.ask(&Request::Publish { topic, expects_response: true, options, body })? {
                Ok(TopicResponse::Published { position, receivers }) => return Ok((position, receivers)),
                Err(BUSY) => std::thread::yield_now(),
                other => return Err(Failure(format!("PUBLISH was answered {other:?}"))),
            }
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

    fn ask(&mut self, request: &Request<'_>) -> Outcome<RequestResult> {
        self.last_id += 1;
        let mut payload = Vec::new();
        encode_request(request, &mut payload);
        self.peer.send(self.last_id, &payload)?;
        loop {
            let Some((id, payload)) = self.peer.receive()? else {
                return Err(Failure("the connection ended where an answer was due".into()));
            };
            match ServerPayload::load(&payload).filter(|_| is_control(&payload)) {
                Some(ServerPayload::Message { .. }) if id == 0 => {
                    self.early.push_back(read_message(&payload)?)
                }
                Some(ServerPayload::Response(answer)) if id == self.last_id => return Ok(Ok(answer)),
                Some(ServerPayload::Refused { status, .. }) if id == self.last_id => return Ok(Err(status)),
                _ => {
                    return Err(Failure(format!(
                        "frame {id} is not an answer to {}: {payload:02x?}",
                        self.last_id
                    )));
                }
            }
        }
    }
}

fn read_message(payload: &[u8]) -> Outcome<Received> {
    match ServerPayload::load(payload).filter(|_| is_control(payload)) {
        Some(ServerPayload::Message { topic, position, body }) => {
            Ok(Received { topic: topic.to_owned(), position, body: body.to_vec() })
        }
        _ => Err(Failure(format!("not a message: {payload:02x?}"))),
    }
}

/// The status `busy` of `docs/errors.md`.
const BUSY: u8 = 1;
