//! The topic client of the library: it continues where it was, on each new connection.

use std::{collections::BTreeSet, time::Duration};

use shardcast::{
    Listener, Server,
    proto::{PublishHeader, Recovery, TopicFilter, TopicName},
    tars::{Framed, FramedService},
    topics::{RequestError, TopicClient, TopicEvent, TopicPublisher, Waiting},
};

use crate::support::{PATIENCE, Peer, Recorder, Topics, config, framed, serve};

fn waiting(messages: usize) -> Waiting {
    Waiting::default().with(|it| {
        it.messages = messages;
        it.bytes = usize::MAX;
    })
}

fn filter(text: &str) -> TopicFilter {
    text.parse().expect("a filter")
}

/// The next event that `pick` wants.
#[track_caller]
fn next<T>(client: &mut TopicClient, mut pick: impl FnMut(TopicEvent) -> Option<T>) -> T {
    loop {
        let event = client.recv(PATIENCE).expect("something happens");
        if let Some(picked) = pick(event) {
            return picked;
        }
    }
}

#[track_caller]
fn message(client: &mut TopicClient) -> (String, u64, Vec<u8>) {
    next(client, |event| match event {
        TopicEvent::Message { topic, position, body } => Some((topic, position.offset, body.to_vec())),
        TopicEvent::Lost { .. } | TopicEvent::NewEpoch { .. } => panic!("{event:?}"),
        _ => None,
    })
}

#[track_caller]
fn subscribed(client: &mut TopicClient) -> (TopicFilter, Recovery) {
    next(client, |event| match event {
        TopicEvent::Subscribed { filter, recovery, .. } => Some((filter, recovery)),
        TopicEvent::Refused { .. } => panic!("{event:?}"),
        _ => None,
    })
}

#[test]
fn a_client_goes_on_where_it_was_when_its_connection_drops() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut client = TopicClient::connect(address, waiting(1_000)).expect("a shard");
    client.subscribe(filter("t"), None);
    assert_eq!(subscribed(&mut client), (filter("t"), Recovery::NotRequested));
    let publisher = server.handle().publisher("t").expect("a name");
    let publish = |body: &'static str| {
        let receipt = publisher.publish_confirmed(body, Default::default());
        receipt.wait().expect("it runs").expect("room");
    };
    for round in 0..5_u64 {
        publish("received");
        assert_eq!(message(&mut client), ("t".to_owned(), round * 3 + 1, b"received".to_vec()));
        for connection in recorder.open() {
            let _ = connection.close();
        }
        next(&mut client, |event| matches!(event, TopicEvent::Disconnected(_)).then_some(()));
        publish("missed");
        publish("missed");
        assert_eq!(subscribed(&mut client), (filter("t"), Recovery::Recovered));
        assert_eq!(message(&mut client).1, round * 3 + 2);
        assert_eq!(message(&mut client).1, round * 3 + 3);
    }
    assert_eq!(client.position("t").map(|at| at.offset), Some(15));
    client.unsubscribe(&filter("t"));
    publish("for no subscriber, or on its way");
    client.subscribe(filter("u*"), None);
    assert_eq!(subscribed(&mut client).0, filter("u*"));
}

#[test]
fn a_server_that_was_restarted_has_new_epochs() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut client = TopicClient::connect(address, waiting(1_000)).expect("a shard");
    client.subscribe(filter("t"), None);
    subscribed(&mut client);
    let name = TopicName::new("t").expect("a name");
    let publisher = client.publisher();
    let publish = |body: &[u8]| publisher.publish(&name, PublishHeader::default(), body);
    assert_eq!(publish(b"1").map(|receipt| receipt.receivers), Ok(1));
    assert_eq!(message(&mut client).1, 1);
    drop(server);
    let listener = Listener::new("push", address.to_string())
        .protocol(Framed::default(), move |_| FramedService(recorder.clone()));
    let again = Server::builder().config(config()).listen(listener).start().expect("the port is free again");
    assert_eq!(subscribed(&mut client), (filter("t"), Recovery::Gap { from: 1, to: 0 }));
    assert_eq!(publish(b"2").map(|receipt| (receipt.position.offset, receipt.receivers)), Ok((1, 1)));
    let body = next(&mut client, |event| match event {
        TopicEvent::Message { body, .. } => Some(body),
        _ => None,
    });
    assert_eq!(body, b"2"[..]);
    drop(again);
}

#[test]
fn what_the_client_has_no_room_for_is_reported_as_lost() {
    let (server, address) = serve(config(), &Recorder::default());
    let mut client = TopicClient::connect(address, waiting(4)).expect("a shard");
    client.subscribe(filter("t"), None);
    subscribed(&mut client);
    let mut after = Topics::connect(address);
    after.subscribe("t", None);
    let publisher = server.handle().publisher("t").expect("a name");
    for _ in 0..100 {
        publisher.publish_confirmed("x", Default::default()).wait().expect("it runs").expect("room");
        after.receive();
    }
    let mut seen = BTreeSet::new();
    while seen.last() != Some(&100) {
        match client.recv(Duration::from_millis(200)) {
            Some(TopicEvent::Message { position, .. }) => assert!(seen.insert(position.offset)),
            Some(TopicEvent::Lost { from, to, .. }) => assert!((from..=to).all(|offset| seen.insert(offset))),
            Some(other) => panic!("{other:?}"),
            // The last ones were dropped here: the next message shows that.
            None => publisher.publish("y").expect("room"),
        }
        seen.retain(|offset| *offset <= 100);
    }
    assert_eq!(seen.len(), 100, "each was received or reported as lost");
}

#[test]
fn refusals_are_reported() {
    let (_server, address) = serve(config(), &Recorder::default());
    let publisher = TopicPublisher::connect(address).expect("a shard");
    let name = TopicName::new("t").expect("a name");
    assert_eq!(publisher.presence(&name), Ok(0));
    let no_priority = PublishHeader { priority: Some(4), ..PublishHeader::default() };
    let refused = publisher.publish(&name, no_priority, b"x");
    assert!(matches!(refused, Err(RequestError::Refused { status: 7, .. })), "{refused:?}");

    // A server that echoes frames does not support topics.
    let echo = Listener::new("echo", "127.0.0.1:0")
        .protocol(Framed::new(shardcast::tars::LengthPrefixed::default(), 1_000_000), |_| {
            FramedService(Recorder::default())
        });
    let server = Server::builder().config(config()).listen(echo).start().expect("it starts");
    let address = server.address("echo").expect("it listens");
    let publisher = TopicPublisher::connect(address).expect("a shard");
    assert_eq!(publisher.publish(&name, PublishHeader::default(), b"x"), Err(RequestError::Unsupported));
    let mut client = TopicClient::connect(address, waiting(10)).expect("a shard");
    client.subscribe(filter("t"), None);
    let error = next(&mut client, |event| match event {
        TopicEvent::Refused { error, .. } => Some(error),
        _ => None,
    });
    assert_eq!(error, RequestError::Unsupported);
}

#[test]
fn listeners_may_share_a_topic_or_have_one_of_their_own() {
    let recorder = Recorder::default();
    let server = Server::builder()
        .config(config())
        .listen(framed("one", &recorder).topic("news"))
        .listen(framed("two", &recorder).topic("news"))
        .listen(framed("three", &recorder))
        .start()
        .expect("it starts");
    let mut peers =
        ["one", "two", "three"].map(|name| Peer::connect(server.address(name).expect("it listens")));
    peers.iter_mut().for_each(|peer| peer.echo(1, b"here"));
    let handle = server.handle();
    crate::support::eventually(PATIENCE, || {
        ["news", "three"].map(|topic| handle.presence(topic).wait().expect("it runs").expect("a topic").count)
            == [2, 1]
    });
    handle.publish("news", "n").expect("room");
    handle.publish("three", "3").expect("room");
    assert_eq!(
        peers.each_mut().map(|peer| peer.read_frame().1),
        [b"n".to_vec(), b"n".to_vec(), b"3".to_vec()]
    );
    let bad = Server::builder().config(config()).listen(framed("x", &recorder).topic("a*")).start();
    assert!(bad.is_err_and(|error| error.is_configuration()));
}
