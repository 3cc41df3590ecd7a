//! The server sends no frame above the limit of its listener, and says so where something does not fit.

use shardcast::{
    BroadcastError, Connection, Listener, Reply, Request, SendError, Server, Service,
    proto::{PublishHeader, Recovery, Refusal, topics::control},
    tars::{Framed, FramedService, LengthPrefixed},
};

use crate::support::{Line, PATIENCE, Peer, Recorder, Topics, Totals, WhoAmI, config, eventually, frame};

const MAX: u32 = 1000;

/// A listener `small` with this limit, one `large` with the usual one, and one `mixed` with this limit and a protocol
/// without one.
fn serve() -> Server {
    let small = || Framed::length_prefixed(LengthPrefixed::default().with(|it| it.frame_len_max = MAX));
    let recorder = Recorder::default();
    Server::builder()
        .config(config())
        .listen(Listener::new("small", "127.0.0.1:0").protocol(small(), |_| Sized))
        .listen(Listener::new("mixed", "127.0.0.1:0").protocol(small(), |_| Sized).protocol(Line, |_| WhoAmI))
        .listen(
            Listener::new("large", "127.0.0.1:0")
                .protocol(Framed::default(), move |_| FramedService(recorder.clone())),
        )
        .start()
        .expect("the server starts")
}

fn peer(server: &Server, listener: &str) -> Peer {
    Peer::connect(server.address(listener).expect("a listener"))
}

/// Answers each packet with one of as many bytes as it asks for, or `push` and `queue` with pushes that are too large.
struct Sized;

impl Service for Sized {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        if request.body.ends_with(b"push") {
            let too_large = frame(0, &[0; MAX as usize]);
            let refused = SendError::TooLarge { len: too_large.len(), max: MAX as usize };
            assert_eq!(connection.send(too_large.clone()), Err(refused));
            assert_eq!(connection.push(too_large), Err(refused));
            assert!(!refused.is_full());
            return connection.send(frame(0, b"after them")).expect("room");
        }
        if request.body.ends_with(b"queue") {
            let too_large = frame(0, &[0; MAX as usize]);
            connection.send(too_large.clone()).expect("the other protocol could carry it");
            connection.push(too_large).expect("the other protocol could carry it");
            return connection.send(frame(0, b"after them")).expect("room");
        }
        let text = str::from_utf8(&request.body[8..]).expect("a number");
        reply.body().extend_from_slice(&frame(9, &vec![0; text.parse::<usize>().expect("a number") - 8]));
    }
}

#[test]
fn a_publication_that_its_publisher_could_not_get_is_refused() {
    let server = serve();
    let mut publisher = Topics::over(peer(&server, "small"));
    publisher.subscribe("t", None);
    // A message has 31 bytes before its body; a publication may have fewer.
    let longest = MAX as usize - 8 - 23 - 1;
    publisher.publish("t", &vec![1; longest]);
    assert_eq!(publisher.receive().body.len(), longest);
    let publish = |body, expects_response| {
        let options = PublishHeader::default();
        control::Request::Publish { topic: "t", expects_response, options, body }
    };
    let body = vec![1; longest + 1];
    let refused = publisher.ask(&publish(&body, true)).expect_err("too large");
    let refusal = Refusal::TooLarge { len: longest as u64 + 1, max: longest as u64 };
    assert_eq!(refused, (16, refusal.to_string()));
    publisher.send(&publish(&body, false));
    let quiet = || {
        let stats = server.handle().stats();
        let counts = stats.iter().flat_map(|shard| &shard.push.refused);
        counts.filter(|(code, _)| *code == "quiet").map(|(_, count)| count).sum::<u64>()
    };
    eventually(PATIENCE, || quiet() == 1);
    publisher.publish("t", b"it goes on");
    assert_eq!(publisher.receive().body, b"it goes on");
}

#[test]
fn a_message_that_is_too_large_for_a_subscriber_is_dropped_and_counted() {
    let server = serve();
    let (mut publisher, mut subscriber) =
        (Topics::over(peer(&server, "large")), Topics::over(peer(&server, "small")));
    let mut plain = peer(&server, "small");
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 3);
    let (from, _) = subscriber.subscribe("small", None);
    // The automatic subscription of the plain one is active when it gets a message.
    eventually(PATIENCE, || publisher.publish("small", b"ready").1 == 2);
    let dropped = || Totals::of(&server.handle()).dropped("too-large");
    publisher.publish("small", &[1; 2000]);
    let (last, _) = publisher.publish("small", b"next");
    eventually(PATIENCE, || dropped() == 2);
    let mut received = subscriber.receive();
    while received.body == b"ready" {
        received = subscriber.receive();
    }
    assert_eq!(
        (received.body, received.position),
        (b"next".to_vec(), last),
        "the gap in the offsets shows it"
    );
    let mut pushed = plain.read_frame();
    while pushed.1 == b"ready" {
        pushed = plain.read_frame();
    }
    assert_eq!(pushed, (0, b"next".to_vec()));

    let mut late = Topics::over(peer(&server, "small"));
    let (head, recovery) = late.subscribe("small", Some(from));
    assert_eq!((head, recovery), (last, Recovery::Recovered));
    let mut received = late.receive();
    while received.body == b"ready" {
        received = late.receive();
    }
    assert_eq!(received.body, b"next");
    assert_eq!(dropped(), 3);
}

#[test]
fn a_push_that_is_too_large_is_an_error_and_counted() {
    let server = serve();
    let mut small = peer(&server, "small");
    small.send(&frame(1, b"20"));
    assert_eq!(small.read_frame().0, 9);
    let too_large = frame(0, &[0; MAX as usize]);
    let len = too_large.len();
    let refused = server.handle().broadcast("small", too_large.clone());
    assert_eq!(refused, Err(BroadcastError::TooLarge { len, max: MAX as usize }));
    server.handle().broadcast("small", frame(0, b"news")).expect("room");
    assert_eq!(small.read_frame(), (0, b"news".to_vec()));

    small.send(&frame(1, b"push"));
    assert_eq!(small.read_frame(), (0, b"after them".to_vec()));
    assert_eq!(Totals::of(&server.handle()).dropped("too-large"), 2);
    let mut mixed = peer(&server, "mixed");
    mixed.send(&frame(1, b"queue"));
    assert_eq!(mixed.read_frame(), (0, b"after them".to_vec()));
    assert_eq!(Totals::of(&server.handle()).dropped("too-large"), 4);
}

#[test]
fn a_response_that_is_too_large_is_not_sent_and_counted() {
    let server = serve();
    let mut peer = peer(&server, "small");
    for len in [MAX, MAX + 1, 20] {
        peer.send(&frame(1, len.to_string().as_bytes()));
    }
    assert_eq!(peer.read_frame().1.len(), MAX as usize - 8);
    assert_eq!(peer.read_frame().1.len(), 12, "this protocol has no failures");
    assert_eq!(Totals::of(&server.handle()).dropped("too-large"), 1);
}
