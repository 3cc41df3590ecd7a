//! Subscribes connections: HELLO, then SUBSCRIBE, and all the responses.

use shardcast::proto::{
    TopicFilter,
    topics::{Request, RequestError, RequestKind, TopicResponse, Wire},
};
use shardcast_os::clock;

use super::{Share, Shared, topic_name};
use crate::{
    framing::{Framing, Received},
    generator::Result,
    links::Links,
};

/// Subscribes the connections in the first slots, which are those of `share`; the slots after them only send HELLO.
///
/// # Errors
/// The server does not support topics, refuses, or does not respond.
pub(in crate::generator) fn subscribe(
    links: &mut Links,
    (framing, wire): (impl Framing, impl Wire),
    shared: &Shared,
    share: Share,
    run: u32,
) -> Result<()> {
    let Share { first, connections, .. } = share;
    let topics = (first..first + connections).map(|connection| shared.topics_of(connection)).collect();
    let mut wanted = Wanted { framing, wire, topics, awaited: 0, run, out: Vec::new() };
    for slot in 0..links.slots() {
        wanted.request(links, slot, &Request::Hello);
    }
    // The response to HELLO causes the first of these.
    let window = (PENDING_MAX / connections.max(1)).clamp(1, PENDING_MAX);
    for slot in 0..connections as u32 {
        for _ in 1..window {
            wanted.request_next(links, slot)?;
        }
    }
    let mut outcome = Ok(());
    let mut worked_at = clock::now_nanos();
    while wanted.awaited > 0 && outcome.is_ok() {
        let worked = links.turn(|links, slot, bytes| wanted.receive(links, slot, bytes, &mut outcome))?;
        let now = clock::now_nanos();
        if worked {
            worked_at = now;
        } else if now - worked_at > PATIENCE_NANOS {
            let awaited = wanted.awaited;
            return Err(
                format!("{awaited} requests got no response: does this server support topics?").into()
            );
        }
        if links.closed() > 0 {
            return Err("the server closed the connection of a subscriber: does it support topics?".into());
        }
    }
    outcome
}

/// Subscriptions to request, and requests without a response.
struct Wanted<F, W, I> {
    framing: F,
    wire: W,
    /// For each subscriber, those that it has not requested.
    topics: Vec<I>,
    awaited: u64,
    run: u32,
    out: Vec<u8>,
}

impl<F: Framing, W: Wire, I: Iterator<Item = usize>> Wanted<F, W, I> {
    /// Requests the next topic of a subscriber, if there is one.
    fn request_next(&mut self, links: &mut Links, slot: u32) -> Result<()> {
        if let Some(topic) = self.topics.get_mut(slot as usize).and_then(Iterator::next) {
            let filter = &TopicFilter::Exact(topic_name(self.run, topic)?);
            self.request(links, slot, &Request::Subscribe { filter, since: None });
        }
        Ok(())
    }

    fn request(&mut self, links: &mut Links, slot: u32, request: &Request<'_>) {
        self.awaited += 1;
        self.out.clear();
        let kind = request.kind();
        // Those of one kind need not differ.
        let id = if kind == RequestKind::Hello { HELLO_ID } else { SUBSCRIBE_ID };
        let route = self.wire.route(kind);
        self.framing.encode_for(route, id, |out| self.wire.encode(request, out), &mut self.out);
        links.send(slot, &self.out);
    }

    /// Takes the responses in received bytes; the first error remains in `outcome`.
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8], outcome: &mut Result<()>) {
        links.frames_by(F::first, slot, bytes, |links, frame| {
            let response = match self.framing.decode(frame) {
                Received::Response { id, payload } => {
                    let kind = if id == HELLO_ID { RequestKind::Hello } else { RequestKind::Subscribe };
                    self.wire.decode_response(kind, payload)
                }
                Received::Failed { code, text, .. } => Err(RequestError::of_failure(code, text)),
                // A server may push before HELLO has arrived.
                Received::Push(_) => return,
            };
            let accepted = accepted(response).and_then(|()| self.request_next(links, slot));
            self.awaited = self.awaited.saturating_sub(1);
            if outcome.is_ok() {
                *outcome = accepted;
            }
        });
    }
}

/// Whether the response to HELLO or to a subscription is not a refusal.
fn accepted(response: std::result::Result<TopicResponse, RequestError>) -> Result<()> {
    match response {
        Ok(TopicResponse::Welcome { .. } | TopicResponse::Pong | TopicResponse::Subscribed { .. }) => Ok(()),
        Err(refused @ RequestError::Refused { .. }) => {
            Err(format!("refused by the server: {refused}").into())
        }
        _ => Err("the server does not support topics: unexpected response to a request about them".into()),
    }
}

/// The ids of the requests, which tell their responses apart.
const HELLO_ID: u32 = 1;
const SUBSCRIBE_ID: u32 = 2;

/// The most requests without a response, because servers have bounds.
const PENDING_MAX: usize = 2048;

/// How long a server may stay silent: the kernel tries a connection again for some seconds.
const PATIENCE_NANOS: u64 = 20_000_000_000;
