//! Subscribes connections: HELLO, then SUBSCRIBE, and all the responses.

use shardcast::proto::topics::control::{Answer, Request, Said, encode_request};
use shardcast_os::clock;

use super::{Shared, put_frame, topic_name};
use crate::{
    frame::{self, HEADER_BYTES},
    generator::Result,
    links::Links,
};

/// Subscribes the connections in the first `subscribers` slots, the first of which has the number `first`;
/// the slots after them only send HELLO.
///
/// # Errors
/// The server does not support topics, refuses, or does not respond.
pub(super) fn subscribe(
    links: &mut Links,
    shared: &Shared,
    first: usize,
    subscribers: usize,
    run: u32,
) -> Result<()> {
    let mut wanted = Wanted {
        topics: (first..first + subscribers).map(|connection| shared.topics_of(connection)).collect(),
        awaited: 0,
        run,
        out: Vec::new(),
    };
    for slot in 0..links.slots() {
        wanted.request(links, slot, &Request::Hello);
    }
    // The response to HELLO causes the first of these.
    let window = (UNANSWERED_MAX / subscribers.max(1)).clamp(1, UNANSWERED_MAX);
    for slot in 0..subscribers as u32 {
        (1..window).for_each(|_| wanted.request_next(links, slot));
    }
    let mut refused = None;
    let mut worked_at = clock::now_nanos();
    while wanted.awaited > 0 && refused.is_none() {
        let worked = links.turn(|links, slot, bytes| {
            links.frames(slot, bytes, |links, frame| match load_reply(frame) {
                Reply::Accepted => {
                    wanted.awaited = wanted.awaited.saturating_sub(1);
                    wanted.request_next(links, slot);
                }
                Reply::Push => {}
                Reply::Refused(why) => refused = Some(why),
            });
        })?;
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
    refused.map_or(Ok(()), |why| Err(why.into()))
}

/// Subscriptions to request, and requests without a response.
struct Wanted<I> {
    /// For each subscriber, those that it has not requested.
    topics: Vec<I>,
    awaited: u64,
    run: u32,
    out: Vec<u8>,
}

impl<I: Iterator<Item = usize>> Wanted<I> {
    /// Requests the next topic of a subscriber, if there is one.
    fn request_next(&mut self, links: &mut Links, slot: u32) {
        if let Some(topic) = self.topics.get_mut(slot as usize).and_then(Iterator::next) {
            let topic = &topic_name(self.run, topic);
            self.request(links, slot, &Request::Subscribe { topic, prefix: false, since: None });
        }
    }

    fn request(&mut self, links: &mut Links, slot: u32, request: &Request<'_>) {
        self.awaited += 1;
        self.out.clear();
        // Responses arrive in order, so ids need not differ.
        put_frame(1, &mut self.out, |out| encode_request(request, out));
        links.send(slot, &self.out);
    }
}

enum Reply {
    Accepted,
    /// Not a response: a server may push before HELLO has arrived.
    Push,
    Refused(String),
}

fn load_reply(frame: &[u8]) -> Reply {
    if frame::id(frame) == 0 {
        return Reply::Push;
    }
    match Said::load(&frame[HEADER_BYTES..]) {
        Some(Said::Answer(Answer::Welcome { .. } | Answer::Subscribed { .. })) => Reply::Accepted,
        Some(Said::Refused { status, text }) => {
            Reply::Refused(format!("refused by the server: {text} (status {status})"))
        }
        _ => Reply::Refused("the server does not support topics: unexpected response to HELLO".to_owned()),
    }
}

/// The most requests without a response, because servers have bounds.
const UNANSWERED_MAX: usize = 2048;

/// How long a server may stay silent: the kernel tries a connection again for some seconds.
const PATIENCE_NANOS: u64 = 20_000_000_000;
