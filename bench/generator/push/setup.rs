//! Makes connections subscribers: HELLO, then SUBSCRIBE, and all the answers.

use shardcast::proto::tars::framed::control::{Answer, Request, Said, encode_request};
use shardcast_os::clock;

use super::{Shared, put_frame, topic_name};
use crate::{
    frame::{self, HEADER_BYTES},
    generator::Result,
    links::Links,
};

/// Subscribes the connections in the first `subscribers` slots, the first of which has the number `first`;
/// the slots behind them only say HELLO.
///
/// # Errors
/// The server does not speak the vocabulary, refuses, or does not answer.
pub(super) fn subscribe(
    links: &mut Links,
    shared: &Shared,
    first: usize,
    subscribers: usize,
    run: u32,
) -> Result<()> {
    let mut awaited = 0u64;
    let mut out = Vec::new();
    for slot in 0..links.slots() {
        let mut id = 0;
        let mut say = |request: &Request<'_>| {
            id += 1;
            awaited += 1;
            out.clear();
            put_frame(id, &mut out, |out| encode_request(request, out));
            links.say(slot, &out);
        };
        say(&Request::Hello);
        if (slot as usize) < subscribers {
            for topic in shared.topics_of(first + slot as usize) {
                say(&Request::Subscribe { topic: &topic_name(run, topic), prefix: false, since: None });
            }
        }
    }
    let mut refused = None;
    let mut worked_at = clock::now_nanos();
    while awaited > 0 && refused.is_none() {
        let worked = links.turn(|links, slot, bytes| {
            links.frames(slot, bytes, |_, frame| match understand(frame) {
                Understood::Yes => awaited = awaited.saturating_sub(1),
                Understood::Push => {}
                Understood::No(why) => refused = Some(why),
            });
        })?;
        let now = clock::now_nanos();
        if worked {
            worked_at = now;
        } else if now - worked_at > PATIENCE_NANOS {
            return Err(
                format!("{awaited} subscriptions were not answered: does this server know topics?").into()
            );
        }
        if links.closed() > 0 {
            return Err("the server closed a connection that subscribed: does it know topics?".into());
        }
    }
    refused.map_or(Ok(()), |why| Err(why.into()))
}

enum Understood {
    Yes,
    /// Not an answer: a server may push before HELLO has arrived.
    Push,
    No(String),
}

fn understand(frame: &[u8]) -> Understood {
    if frame::id(frame) == 0 {
        return Understood::Push;
    }
    match Said::load(&frame[HEADER_BYTES..]) {
        Some(Said::Answer(Answer::Welcome { .. } | Answer::Subscribed { .. })) => Understood::Yes,
        Some(Said::Refused { status, text }) => {
            Understood::No(format!("the server refused ({status}): {text}"))
        }
        _ => Understood::No(
            "the server does not know topics: it answered HELLO with something else".to_owned(),
        ),
    }
}

/// How long a server may say nothing.
const PATIENCE_NANOS: u64 = 10_000_000_000;
