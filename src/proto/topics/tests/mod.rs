//! The client of topics with a hand-driven clock, over a wire of words.

mod refused;
mod resumed;
mod server;
mod simulated;
mod words;

use std::time::Duration;

use bytes::Bytes;

use self::words::Words;
use super::*;
use crate::{
    Position, Recovery, Time, TopicFilter,
    rpc::{CallError, Cause},
};

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn filter(text: &str) -> TopicFilter {
    text.parse().expect("a filter")
}

const fn position(epoch: u64, offset: u64) -> Position {
    Position { epoch, offset }
}

/// Times that are easy to tell apart: repeated after 1 s, recognised for 10 s more, pauses from 100 ms to 400 ms.
fn config() -> SubscriptionConfig {
    SubscriptionConfig {
        response_timeout: Duration::from_secs(1),
        late_response_timeout: Duration::from_secs(10),
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_millis(400),
        requests_max: 4,
    }
}

/// A client whose connection, server and clock are the test.
struct Bench {
    client: Subscriptions<Words>,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        Self { client: Subscriptions::new(Words, config(), 7), now: at(0) }
    }

    /// A client with a connection, subscribed to these.
    fn asking(filters: &[&str]) -> Self {
        let mut bench = Self::new();
        filters.iter().for_each(|text| bench.client.subscribe(filter(text), None));
        bench.client.handle_connected();
        assert_eq!(bench.events(), [TopicEvent::Connected]);
        bench
    }

    /// The requests that are to be sent now.
    fn requests(&mut self) -> Vec<(u64, String)> {
        let mut requests = Vec::new();
        let mut payload = Vec::new();
        while let Some(id) = self.client.poll_request(&mut payload, self.now) {
            requests.push((id, String::from_utf8(std::mem::take(&mut payload)).expect("words")));
        }
        requests
    }

    /// The id of the one request that is to be sent now.
    #[track_caller]
    fn request(&mut self, expected: &str) -> u64 {
        let requests = self.requests();
        let [(id, request)] = &requests[..] else { panic!("not one request: {requests:?}") };
        assert_eq!(request, expected);
        *id
    }

    fn answer(&mut self, id: u64, words: &str) {
        self.client.handle_response(id, Ok(words.as_bytes()), self.now);
    }

    fn fail(&mut self, id: u64, error: CallError) {
        self.client.handle_response(id, Err(error), self.now);
    }

    fn message(&mut self, words: &str) {
        self.client.handle_message(&Bytes::copy_from_slice(words.as_bytes()));
    }

    fn events(&mut self) -> Vec<TopicEvent> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// Lets time pass, stopping wherever the client asked for it.
    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.client.handle_timeout(self.now);
        }
        self.now = until;
    }

    /// The pause that the one event announces.
    #[track_caller]
    fn retrying(&mut self) -> (String, Duration) {
        match &self.events()[..] {
            [TopicEvent::Retrying { error, pause, .. }] => (error.to_string(), *pause),
            other => panic!("{other:?}"),
        }
    }
}

fn subscribed(text: &str, head: Position, recovery: Recovery) -> TopicEvent {
    TopicEvent::Subscribed { filter: filter(text), head, recovery }
}

fn message(topic: &str, position: Position) -> TopicEvent {
    TopicEvent::Message { topic: topic.to_owned(), position, body: Bytes::from_static(b"x") }
}

const SECOND: Duration = Duration::from_secs(1);
