use bytes::Bytes;

use super::{
    History, ON_MESSAGE, PUSH_OBJECT, PublishOptions, Receipt, Subscribed, WirePosition, types::Kept,
};
use crate::{
    Route, TopicFilter,
    tars::{
        codec::{DecodeError, TarsReader},
        packet::Version,
        rpc::ArgumentWriter,
    },
    topics::{self, Incoming, KeptMessage, Request, RequestError, RequestKind, TopicResponse, Wire},
};

/// The calls of the object [`PUSH_OBJECT`], their results and its pushes, as a wire of the topic client.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Route, Time,
///     tars::rpc::{PUSH_OBJECT, TopicWire},
///     topics::{SubscriptionConfig, Subscriptions},
/// };
///
/// let mut client = Subscriptions::new(TopicWire, SubscriptionConfig::default(), 1);
/// client.subscribe("prices.*".parse()?, None);
/// client.handle_connected();
/// let mut arguments = Vec::new();
/// let id = client.poll_request(&mut arguments, Time::from_nanos(0)).expect("it subscribes");
/// assert_eq!(client.route(id), Route::Named(PUSH_OBJECT, "subscribe"));
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicWire;

impl Wire for TopicWire {
    fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let mut w = ArgumentWriter::new(Version::TARS, std::mem::take(out));
        match *request {
            Request::Hello | Request::Ping => {}
            Request::Subscribe { filter, since } => {
                put_filter(filter, &mut w);
                w.put(3, "since", &WirePosition(since.unwrap_or_default()));
            }
            Request::Unsubscribe { filter } => put_filter(filter, &mut w),
            Request::Publish { topic, options, body } => {
                w.put(1, "topic", &**topic);
                w.put(2, "message", body);
                w.put(3, "options", &PublishOptions(options));
            }
            Request::Presence { topic } => w.put(1, "topic", &**topic),
            Request::History { topic, since, max } => {
                w.put(1, "topic", &**topic);
                w.put(2, "since", &WirePosition(since.unwrap_or_default()));
                w.put(3, "max", &i32::try_from(max).unwrap_or(i32::MAX));
            }
        }
        // Only JSON can fail.
        *out = w.finish().unwrap_or_default();
    }

    /// Messages only: a result does not say what it is the result of.
    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
        let mut r = TarsReader::new(payload);
        let topic = r.require(1).ok()?;
        let WirePosition(position) = r.require(2).ok()?;
        Some(Incoming::Message { topic, position, body: r.require(3).ok()? })
    }

    fn route(&self, kind: RequestKind) -> Route<'static> {
        let function = match kind {
            RequestKind::Hello | RequestKind::Ping => "tars_ping",
            RequestKind::Subscribe => "subscribe",
            RequestKind::Unsubscribe => "unsubscribe",
            RequestKind::Publish => "publish",
            RequestKind::Presence => "presence",
            RequestKind::History => "history",
        };
        Route::Named(PUSH_OBJECT, function)
    }

    fn is_message(&self, route: Route<'_>) -> bool {
        matches!(route, Route::Named(_, ON_MESSAGE))
    }

    fn decode_history(&self, payload: &Bytes) -> Result<topics::History, RequestError> {
        let History { head, recovery, messages } =
            TarsReader::new(payload).require(0).map_err(|_| RequestError::Unsupported)?;
        let kept = |it: Kept<'_>| KeptMessage { position: it.position, body: payload.slice_ref(it.message) };
        Ok(topics::History { head, recovery, messages: messages.into_iter().map(kept).collect() })
    }

    fn decode_response(&self, kind: RequestKind, payload: &[u8]) -> Result<TopicResponse, RequestError> {
        result(kind, payload)
    }
}

fn result(kind: RequestKind, payload: &[u8]) -> Result<TopicResponse, RequestError> {
    let (mut r, invalid) = (TarsReader::new(payload), |_: DecodeError| RequestError::Unsupported);
    Ok(match kind {
        RequestKind::Hello | RequestKind::Ping => TopicResponse::Pong,
        RequestKind::Subscribe => {
            let Subscribed { head, recovery } = r.require(0).map_err(invalid)?;
            TopicResponse::Subscribed { head, recovery }
        }
        RequestKind::Unsubscribe => TopicResponse::Unsubscribed,
        RequestKind::Publish => {
            let Receipt { position, receivers } = r.require(0).map_err(invalid)?;
            TopicResponse::Published { position, receivers }
        }
        RequestKind::Presence => {
            TopicResponse::Present { count: r.require::<i32>(0).map_err(invalid)?.cast_unsigned() }
        }
        RequestKind::History => return Err(RequestError::Unsupported),
    })
}

fn put_filter(filter: &TopicFilter, w: &mut ArgumentWriter) {
    let (topic, prefix): (&str, bool) = match filter {
        TopicFilter::Exact(topic) => (topic, false),
        TopicFilter::Prefix(prefix) => (prefix, true),
    };
    w.put(1, "topic", topic);
    w.put(2, "prefix", &prefix);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Command, Event, Message, Operation, Position, Protocol as _, PublishHeader, Recovery, Refusal,
        RequestId, Session as _, Time, TopicName, tars::rpc::Tars,
    };

    const NOW: Time = Time::from_nanos(0);
    const AT: Position = Position { epoch: 1 << 60, offset: 7 };

    /// Sends a request to a session, and the command that `answer` makes of its event back to a client.
    fn exchange(
        request: &Request<'_>,
        answer: impl FnOnce(Event<'_>) -> Option<Command<'static>>,
    ) -> Result<TopicResponse, RequestError> {
        let kind = request.kind();
        result_of(request, answer).and_then(|body| TopicWire.decode_response(kind, &body))
    }

    /// The result of a request, as a client gets it.
    fn result_of(
        request: &Request<'_>,
        answer: impl FnOnce(Event<'_>) -> Option<Command<'static>>,
    ) -> Result<Bytes, RequestError> {
        let (mut server, mut client) = (Tars::default().session(), Tars::default().client_session());
        let kind = request.kind();
        let mut body = Vec::new();
        TopicWire.encode(request, &mut body);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let packet = crate::Request::new(RequestId(5), TopicWire.route(kind), &body);
        client.handle_command(Command::Request(packet), &mut sent, NOW).expect("it fits");
        let command = server.handle_input(&sent, NOW).expect("a packet").event.and_then(answer);
        match command {
            Some(command) => server.handle_command(command, &mut received, NOW).expect("it fits"),
            None => server.poll_transmit(&mut received),
        }
        match client.handle_input(&received, NOW).expect("a packet").event {
            Some(Event::Response(crate::Response { result: Ok(body), .. })) => {
                Ok(Bytes::copy_from_slice(body))
            }
            Some(Event::Response(crate::Response { result: Err(failure), .. })) => {
                Err(RequestError::of_failure(failure.code, failure.text))
            }
            other => panic!("no response: {other:?}"),
        }
    }

    #[test]
    fn every_request_is_understood_and_its_result_too() {
        let filter: TopicFilter = "prices.*".parse().expect("a prefix");
        let topic = TopicName::new("prices.gold").expect("a topic");
        let recovery = Recovery::Gap { from: 3, to: 4 };
        let subscribed =
            exchange(&Request::Subscribe { filter: &filter, since: None }, |event| match event {
                Event::Subscribe { id, topic: "prices.", prefix: true, since: None } => {
                    Some(Command::Subscribed { id, head: AT, recovery })
                }
                other => panic!("{other:?}"),
            });
        assert_eq!(subscribed, Ok(TopicResponse::Subscribed { head: AT, recovery }));

        let exact = TopicFilter::Exact(topic.clone());
        let refused =
            exchange(&Request::Subscribe { filter: &exact, since: Some(AT) }, |event| match event {
                Event::Subscribe { id, topic: "prices.gold", prefix: false, since: Some(AT) } => {
                    let (operation, refusal) = (Operation::Subscribe, Refusal::Busy { waiting: 1, max: 1 });
                    Some(Command::Refused { id, operation, refusal })
                }
                other => panic!("{other:?}"),
            });
        assert!(refused.is_err_and(|error| error.is_busy()));

        let unsubscribed = exchange(&Request::Unsubscribe { filter: &exact }, |event| match event {
            Event::Unsubscribe { id, topic: "prices.gold", prefix: false } => {
                Some(Command::Unsubscribed { id })
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(unsubscribed, Ok(TopicResponse::Unsubscribed));

        let options =
            PublishHeader { ttl: Some(Duration::from_secs(1)), key: Some(9), ..PublishHeader::default() };
        let published =
            exchange(&Request::Publish { topic: &topic, options, body: b"2410" }, |event| match event {
                Event::Publish { id: Some(id), topic: "prices.gold", options: found, body: b"2410" } => {
                    assert_eq!(found, options);
                    Some(Command::Published { id, position: AT, receivers: 3 })
                }
                other => panic!("{other:?}"),
            });
        assert_eq!(published, Ok(TopicResponse::Published { position: AT, receivers: 3 }));

        let present = exchange(&Request::Presence { topic: &topic }, |event| match event {
            Event::Presence { id, topic: "prices.gold" } => Some(Command::Present { id, count: 4 }),
            other => panic!("{other:?}"),
        });
        assert_eq!(present, Ok(TopicResponse::Present { count: 4 }));
        assert_eq!(exchange(&Request::Hello, |_| None), Ok(TopicResponse::Pong));
    }

    #[test]
    fn a_history_is_understood_and_its_messages_too() {
        static BODY: Bytes = Bytes::from_static(b"2410");
        static MESSAGES: [Message<'_>; 1] = [Message { topic: "t", position: AT, body: &BODY }];
        let topic = TopicName::new("t").expect("a topic");
        for (since, recovery) in
            [(None, Recovery::Recovered), (Some(AT), Recovery::Gap { from: 1, to: u64::MAX })]
        {
            for messages in [&MESSAGES[..], &[]] {
                let request = Request::History { topic: &topic, since, max: 9 };
                let result = result_of(&request, |event| match event {
                    Event::History { id, topic: "t", since: found, max: 9 } if found == since => {
                        Some(Command::History { id, head: AT, recovery, messages })
                    }
                    other => panic!("{other:?}"),
                });
                let kept = |it: &Message<'_>| KeptMessage { position: it.position, body: it.body.clone() };
                let messages = messages.iter().map(kept).collect();
                let expected = topics::History { head: AT, recovery, messages };
                assert_eq!(TopicWire.decode_history(&result.expect("a result")), Ok(expected));
            }
        }
        let unsupported = Err(RequestError::Unsupported);
        assert_eq!(TopicWire.decode_response(RequestKind::History, b""), Err(RequestError::Unsupported));
        for hostile in [&b""[..], b"\x0a\x0b", b"\x0a\x0a\x02\xff\xff\xff\xff", b"\x16\xff"] {
            assert_eq!(TopicWire.decode_history(&Bytes::copy_from_slice(hostile)), unsupported);
        }
    }

    #[test]
    fn a_message_is_a_push_of_its_function() {
        let body = bytes::Bytes::from_static(b"2410");
        let message = Message { topic: "prices.gold", position: AT, body: &body };
        let packet = Tars::default().encode_message(crate::Dialect::default(), message).expect("it fits");
        let mut client = Tars::default().client_session();
        let Some(Event::Push { route, body, .. }) =
            client.handle_input(&packet, NOW).expect("a packet").event
        else {
            panic!("a push");
        };
        assert!(TopicWire.is_message(route) && !TopicWire.is_message(Route::Named("", "pushMsg")));
        let expected = Incoming::Message { topic: "prices.gold", position: AT, body: b"2410" };
        assert_eq!(TopicWire.decode(body), Some(expected));
        assert_eq!(TopicWire.decode(b"\x16\xff"), None);
    }
}
