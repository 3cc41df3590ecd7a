//! A wire of words: nothing in the core depends on the one that is used.

use crate::{
    Position, Recovery,
    topics::{Incoming, Request, TopicResponse, Wire},
};

#[derive(Debug)]
pub(super) struct Words;

impl Wire for Words {
    fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let words = match request {
            Request::Subscribe { filter, since: None } => format!("subscribe {filter}"),
            Request::Subscribe { filter, since: Some(Position { epoch, offset }) } => {
                format!("subscribe {filter} {epoch} {offset}")
            }
            Request::Unsubscribe { filter } => format!("unsubscribe {filter}"),
            other => panic!("a driver's request: {other:?}"),
        };
        out.extend_from_slice(words.as_bytes());
    }

    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
        let text = str::from_utf8(payload).ok()?;
        let words: Vec<_> = text.split(' ').collect();
        let number = |index: usize| words[index].parse::<u64>().expect("a number");
        let position = |index| Position { epoch: number(index), offset: number(index + 1) };
        let subscribed =
            |recovery| Some(Incoming::Response(TopicResponse::Subscribed { head: position(1), recovery }));
        match words[0] {
            "subscribed" => subscribed(Recovery::NotRequested),
            "recovered" => subscribed(Recovery::Recovered),
            "gap" => subscribed(Recovery::Gap { from: number(3), to: number(4) }),
            "unsubscribed" => Some(Incoming::Response(TopicResponse::Unsubscribed)),
            "pong" => Some(Incoming::Response(TopicResponse::Pong)),
            "refused" => Some(Incoming::Refused { status: words[1].parse().expect("a status"), text: "no" }),
            // "message TOPIC EPOCH OFFSET x": the body is a part of the payload.
            "message" => {
                let body = &payload[payload.len() - 1..];
                Some(Incoming::Message { topic: words[1], position: position(2), body })
            }
            _ => None,
        }
    }
}
