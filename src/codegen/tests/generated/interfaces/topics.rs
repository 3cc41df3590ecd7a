//! Topics through the object that every listener for Tars has, with the code of its published interface.

use std::sync::mpsc;

use shardcast::tars::{
    packet::Version,
    rpc::{Communicator, Proxy, RpcError},
};

use super::{PATIENCE, serve};
use crate::{
    calls::calls::EmptyServant,
    push::shardcast::{
        Position, PublishOptions, PushProxy, Recovery, SubscriberOnMessageReply as Message,
        SubscriberReceiver,
    },
};

#[test]
fn published_messages_reach_a_subscriber_in_every_version() {
    let (_server, other) = serve("Calls.Server.Obj", || crate::calls::calls::EmptyDispatcher::new(Nothing));
    for version in [Version::TARS, Version::TUP, Version::JSON] {
        let topic = format!("topic/{}", version.0);
        let (subscriber, publisher) = (proxy(&other, version), proxy(&other, version));
        let (sender, messages) = mpsc::channel();
        subscriber.proxy().on_push(Messages(sender).into_push_handler());
        let subscribed = subscriber.subscribe(&topic, false, &Position::default()).wait().expect("accepted");
        assert_eq!((subscribed.head.offset, subscribed.recovery), (0, Recovery::NOT_REQUESTED));
        assert_eq!(publisher.presence(&topic).wait(), Ok(1));

        let options = PublishOptions { has_key: true, conflate_key: 7, ..PublishOptions::default() };
        let receipt = publisher.publish(&topic, b"hello", &options).wait().expect("accepted");
        assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
        let message = messages.recv_timeout(PATIENCE).expect("a message");
        assert_eq!(
            message,
            Message { topic: topic.clone(), position: receipt.position, message: b"hello".into() }
        );

        subscriber.unsubscribe(&topic, false).wait().expect("accepted");
        assert_eq!(publisher.presence(&topic).wait(), Ok(0));
        let error = publisher.publish("", b"", &options).wait().expect_err("not a name of a topic");
        assert!(matches!(error, RpcError::Server { .. }), "{error}");
    }
}

/// A proxy with a connection of its own.
fn proxy(other: &Proxy, version: Version) -> PushProxy {
    let port = other.endpoints()[0].port;
    let proxy = Communicator::new().proxy(&format!("Shardcast.Push.PushObj@tcp -h 127.0.0.1 -p {port}"));
    PushProxy::new(proxy.expect("an object").with_timeout(PATIENCE).with_version(version))
}

struct Nothing;

impl EmptyServant for Nothing {}

struct Messages(mpsc::Sender<Message>);

impl SubscriberReceiver for Messages {
    fn on_message(&self, topic: String, position: Position, message: Vec<u8>) {
        let _ = self.0.send(Message { topic, position, message });
    }
}
