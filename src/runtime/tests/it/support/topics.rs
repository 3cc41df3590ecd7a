use std::{io::Write as _, net::SocketAddr};

use shardcast::proto::topics::control::{self, Request, ServerPayload, TopicResponse};
use shardcast::proto::{Position, PublishHeader, Recovery};

use super::{Peer, frame};

/// A peer that uses the control protocol.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) peer: Peer,
    pub(crate) epoch: u64,
    last_id: u32,
    /// Messages that came while a response was awaited.
    early: std::collections::VecDeque<Received>,
}

/// A message of a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) position: Position,
    pub(crate) body: Vec<u8>,
}

impl Topics {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::over(Peer::connect(to))
    }

    /// Sends HELLO over a connection on which nothing was sent yet.
    #[track_caller]
    pub(crate) fn over(peer: Peer) -> Self {
        let mut topics = Self { peer, epoch: 0, last_id: 0, early: std::collections::VecDeque::new() };
        match topics.ask(&Request::Hello) {
            Ok(TopicResponse::Welcome { epoch }) => topics.epoch = epoch,
            other => panic!("{other:?}"),
        }
        topics
    }

    /// Sends a request, and returns its id.
    pub(crate) fn send(&mut self, request: &Request<'_>) -> u32 {
        self.try_send(request).expect("the server reads")
    }

    /// Like [`send`](Self::send), when the server may have ended the connection.
    pub(crate) fn try_send(&mut self, request: &Request<'_>) -> std::io::Result<u32> {
        let mut payload = Vec::new();
        control::encode_request(request, &mut payload);
        self.last_id += 1;
        self.peer.0.write_all(&frame(self.last_id, &payload))?;
        Ok(self.last_id)
    }

    /// Sends requests in one write, so that the server reads them in one turn; returns their ids.
    pub(crate) fn send_at_once<const N: usize>(&mut self, requests: [Request<'_>; N]) -> [u32; N] {
        let mut frames = Vec::new();
        let ids = requests.map(|request| {
            let mut payload = Vec::new();
            control::encode_request(&request, &mut payload);
            self.last_id += 1;
            frames.extend_from_slice(&frame(self.last_id, &payload));
            self.last_id
        });
        self.peer.send(&frames);
        ids
    }

    /// Sends a request and awaits its response, or the status and text of its refusal.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Result<TopicResponse, (u8, String)> {
        let id = self.send(request);
        self.answer_to(id)
    }

    /// The response to a request; the next response that comes must be this one.
    #[track_caller]
    pub(crate) fn answer_to(&mut self, id: u32) -> Result<TopicResponse, (u8, String)> {
        loop {
            let (of, payload) = self.peer.read_frame();
            if !control::is_control(&payload) {
                // A push to a plain connection, from before HELLO was read.
                assert_eq!(of, 0);
                continue;
            }
            match ServerPayload::load(&payload).expect("a frame of the control protocol") {
                ServerPayload::Message { topic, position, body } => {
                    let received = Received { topic: topic.to_owned(), position, body: body.to_vec() };
                    self.early.push_back(received);
                }
                ServerPayload::Response(answer) => {
                    assert_eq!(of, id, "{answer:?}");
                    return Ok(answer);
                }
                ServerPayload::Refused { status, text } => {
                    assert_eq!(of, id, "{text}");
                    return Err((status, text.to_owned()));
                }
                history @ ServerPayload::History { .. } => panic!("{history:?}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str, since: Option<Position>) -> (Position, Recovery) {
        let (topic, prefix) = filter.strip_suffix('*').map_or((filter, false), |front| (front, true));
        match self.ask(&Request::Subscribe { topic, prefix, since }) {
            Ok(TopicResponse::Subscribed { head, recovery }) => (head, recovery),
            other => panic!("{other:?}"),
        }
    }

    /// Publishes; returns the position, and how many subscriptions get it.
    #[track_caller]
    pub(crate) fn publish(&mut self, topic: &str, body: &[u8]) -> (Position, u32) {
        let options = PublishHeader::default();
        match self.ask(&Request::Publish { topic, expects_response: true, options, body }) {
            Ok(TopicResponse::Published { position, receivers }) => (position, receivers),
            other => panic!("{other:?}"),
        }
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Received {
        self.early.pop_front().unwrap_or_else(|| self.receive_now().expect("a message"))
    }

    fn receive_now(&mut self) -> std::io::Result<Received> {
        let (id, payload) = self.peer.try_read_frame()?;
        match ServerPayload::load(&payload) {
            Some(ServerPayload::Message { topic, position, body }) if id == 0 => {
                Ok(Received { topic: topic.to_owned(), position, body: body.to_vec() })
            }
            other => panic!("no message: {id} {other:?} {payload:?}"),
        }
    }
}
