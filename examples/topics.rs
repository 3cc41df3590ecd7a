//! Topics: a server that publishes, a subscriber inside it, and a client that subscribes from outside.
//!
//! Watch: both get the same messages, in the same order, each with its position in the topic.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use shardcast::{
    Listener, Reply, Server,
    push::SubscribeOptions,
    tars::{Current, Framed, FramedService, Servant},
    topics::{TopicClient, TopicEvent, Waiting},
};
use shardcast_examples::say;

struct Echo;

impl Servant for Echo {
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(packet);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
    let server = Server::builder().listen(listener).shards(2).start()?;
    let inside = server.handle().subscribe("prices.*", SubscribeOptions::default()).wait()??;

    let mut outside = TopicClient::connect(server.address("push")?, Waiting::default())?;
    outside.subscribe("prices.gold".parse()?, None);
    while !matches!(outside.recv(PATIENCE).ok_or("no answer")?, TopicEvent::Subscribed { .. }) {}

    for price in ["2410", "2411", "2409"] {
        server.handle().publish("prices.gold", price)?;
        let message = inside.recv()?;
        say(format_args!("inside:  {} is {}", message.topic, String::from_utf8_lossy(&message.body)));
        if let Some(TopicEvent::Message { topic, position, body }) = outside.recv(PATIENCE) {
            say(format_args!(
                "outside: {topic} is {}, message {}",
                String::from_utf8_lossy(&body),
                position.offset
            ));
        }
    }
    Ok(server.stop()?)
}

const PATIENCE: Duration = Duration::from_secs(5);
