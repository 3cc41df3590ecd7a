//! Logins, messages, acknowledgements and their ends, between our own ends and against recorded bytes.

use std::time::Duration;

use shardcast_proto::{
    Error,
    tcpshm::{
        ByteOrder, Gap, Geometry, Header, LoggedOn, Login, LoginError, LoginResponse, Mismatch,
        MismatchPolicy, PeerConfig, SecondLogin, Sequences, Status, TableConfig, UserData,
    },
};

use super::{
    ends::{ClientCell, End, START, Server, client, connect, consume, echo, fail},
    memory::Disk,
    recording::recordings,
};

fn nothing(_: u64, _: u16, _: &[u8]) {}

fn table(change: impl FnOnce(&mut TableConfig)) -> TableConfig {
    let mut config = TableConfig::default();
    change(&mut config);
    config
}

/// Both have logged in; what each sends with that has arrived.
fn log_in(server: &mut Server, client: &ClientCell) -> (End<'static>, End<'static>) {
    let (mut accepted, mut connected) = (server.accept(START), connect(client, START));
    accepted.receive(&connected.transmit(), START, nothing);
    connected.receive(&accepted.transmit(), START, consume(client));
    assert!(connected.session.is_established() && accepted.session.is_established());
    (accepted, connected)
}

fn send(client: &ClientCell, message_type: u16, body: &[u8]) {
    let mut client = client.borrow_mut();
    client.peer_mut().expect("it has logged in").send(message_type, body).expect("there is room");
}

fn held(client: &ClientCell) -> u64 {
    client.borrow().peer().expect("it has logged in").journal().messages_held()
}

/// A recorded echo session: ours in place of each end sends the recorded bytes.
#[test]
fn each_end_sends_the_recorded_bytes_however_its_input_is_cut() {
    for recording in recordings().iter().filter(|it| it.name.starts_with("wire_tcp_session")) {
        let order = if recording.is_big_endian() { ByteOrder::Big } else { ByteOrder::Little };
        let geometry =
            Geometry::new(16, order, UserData::default(), UserData::default()).expect("a geometry");
        for len in 1..60 {
            let (disk, other) = (Disk::default(), Disk::default());
            let mut server = Server::new(&disk, table(|it| it.geometry = geometry));
            let client = client(&other, geometry);
            let (mut accepted, mut connected) = (server.accept(START), connect(&client, START));
            let mut now = START;
            for (number, segment) in recording.segments.iter().enumerate() {
                let header = Header::decode(*segment.bytes.first_chunk().expect("a header"), order);
                if header.is_heartbeat() && number > 2 {
                    // The recorded ends send one each second.
                    now = now + Duration::from_secs(3);
                    assert!(accepted.wait(now) && connected.wait(now));
                }
                let (this, other) = if segment.is_from_client {
                    (&mut connected, &mut accepted)
                } else {
                    (&mut accepted, &mut connected)
                };
                if segment.is_from_client && number > 1 && !header.is_heartbeat() {
                    send(&client, header.message_type, &segment.bytes[8..header.size.into()]);
                }
                let bytes = this.transmit();
                check(&bytes, &segment.bytes, number, &recording.name);
                for piece in segment.bytes.chunks(len) {
                    if segment.is_from_client && number > 0 {
                        other.receive(piece, now, echo(&server.peer("client")));
                    } else if segment.is_from_client {
                        other.receive(piece, now, nothing);
                    } else {
                        other.receive(piece, now, consume(&client));
                    }
                }
                assert_eq!((accepted.error, connected.error), (None, None), "{}, {number}", recording.name);
            }
            assert_eq!((&accepted.got, accepted.got.len()), (&connected.got, 5));
        }
    }
}

/// Undefined bytes of the original are zeros of ours.
fn check(sent: &[u8], recorded: &[u8], number: usize, name: &str) {
    assert_eq!(sent.len(), recorded.len(), "{name}, segment {number}: {sent:02x?}");
    let is_login = number < 2;
    for (place, (sent, recorded)) in sent.iter().zip(recorded).enumerate() {
        // The user data of our server is 7 in these tests.
        let is_undefined = is_login && (place >= 34 || place == 16);
        assert!(sent == recorded || is_undefined, "{name}, segment {number}, byte {place}");
    }
}

#[test]
fn what_was_not_consumed_is_sent_again_in_order() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let mut connecting = client(&other, Geometry::default());
    let (accepted, connected) = log_in(&mut server, &connecting);
    drop((accepted, connected));
    (1..=5).for_each(|number| send(&connecting, number, &number.to_le_bytes()));

    // The client is killed, and starts again; then the server consumes two messages, and is killed.
    connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    let sent = connected.transmit();
    assert_eq!(sent.len(), 5 * 16);
    let peer = server.peer("client");
    accepted.receive(&sent, START, |sequence, message_type, body| {
        if sequence < 2 {
            peer.borrow_mut().pop(sequence).expect("it is in front");
        } else {
            fail(&peer, START)(sequence, message_type, body);
        }
    });
    assert_eq!(accepted.got.len(), 3, "the third was not consumed");
    drop((accepted, connected, server, peer));

    let mut server = Server::new(&disk, TableConfig::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    assert_eq!(held(&connecting), 3, "the response to the login acknowledges");
    accepted.receive(&connected.transmit(), START, echo(&server.peer("client")));
    let numbers: Vec<_> = accepted.got.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [3, 4, 5]);
    connected.receive(&accepted.transmit(), START, consume(&connecting));
    assert_eq!((connected.got.len(), held(&connecting)), (3, 0));
}

#[test]
fn messages_wait_while_the_other_end_is_away() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    drop(log_in(&mut server, &connecting));
    let peer = server.peer("client");
    for number in 0..100_u16 {
        peer.borrow_mut().send(number + 1, b"news").expect("there is room");
    }
    // They come with the response to the login.
    let (_accepted, connected) = log_in(&mut server, &connecting);
    assert_eq!(
        connected.got.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (1..=100).collect::<Vec<_>>()
    );
}

#[test]
fn consumed_messages_are_acknowledged_without_other_traffic() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    send(&connecting, 1, b"one way");
    let peer = server.peer("client");
    accepted.receive(&connected.transmit(), START, |sequence, _, _| {
        peer.borrow_mut().pop(sequence).expect("in front")
    });
    assert_eq!(accepted.transmit(), [0_u8; 0], "one small message can wait a moment");
    let later = accepted.session.poll_timeout().expect("an acknowledgement is due");
    assert_eq!(later - START, Duration::from_micros(100));
    assert!(accepted.wait(later));
    let ack = accepted.transmit();
    assert_eq!(ack, Header::heartbeat(1).encode(ByteOrder::Little));
    connected.receive(&ack, later, nothing);
    assert_eq!(held(&connecting), 0);
    assert_eq!(accepted.transmit(), [0_u8; 0], "once");
}

#[test]
fn a_peer_that_keeps_little_gets_acknowledgements_at_once() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    let peer = server.peer("client");
    let (mut now, mut waits) = (START, 0);
    for count in 1..=200_u32 {
        // It keeps one message only, and waits until that is acknowledged.
        send(&connecting, 1, &[0; 1000]);
        accepted.receive(&connected.transmit(), now, |sequence, _, _| {
            peer.borrow_mut().pop(sequence).expect("in front")
        });
        let mut ack = accepted.transmit();
        if ack.is_empty() {
            let due = accepted.session.poll_timeout().expect("an acknowledgement is due");
            assert_eq!(due - now, Duration::from_micros(10));
            (now, waits) = (due, waits + 1);
            assert!(accepted.wait(due));
            ack = accepted.transmit();
        }
        assert_eq!(ack, Header::heartbeat(count).encode(ByteOrder::Little));
        connected.receive(&ack, now, nothing);
    }
    assert_eq!(waits, 2, "it is tried once for a hundred acknowledgements");
}

#[test]
fn a_peer_that_goes_on_gets_few_acknowledgements() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    let peer = server.peer("client");
    let (mut acks, mut now) = (0, START);
    for _ in 0..1000 {
        send(&connecting, 1, &[0; 992]);
        accepted.receive(&connected.transmit(), now, |sequence, _, _| {
            peer.borrow_mut().pop(sequence).expect("in front")
        });
        let ack = accepted.transmit();
        acks += ack.len() / 8;
        connected.receive(&ack, now, nothing);
        now = now + Duration::from_micros(1);
        assert!(accepted.wait(now));
    }
    assert_eq!(acks, 1_000_000 / 32_000, "one for each 32,000 bytes");
    assert_eq!(held(&connecting), 1000 % 32);
}

#[test]
fn a_message_that_was_not_consumed_comes_again_after_a_pause_and_then_the_connection_ends() {
    let (disk, other) = (Disk::default(), Disk::default());
    let peer_config = PeerConfig::default().with(|it| it.attempts_max = 3);
    let mut server = Server::new(&disk, table(|it| it.peer = peer_config));
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    [1, 2].iter().for_each(|number| send(&connecting, *number, b"poison"));
    let peer = server.peer("client");
    accepted.receive(&connected.transmit(), START, fail(&peer, START));
    let mut now = START;
    for pause in [1, 2] {
        let again = accepted.session.poll_timeout().expect("it comes again");
        assert_eq!(again - now, Duration::from_millis(pause));
        now = again;
        assert!(accepted.wait(now));
        accepted.poll(fail(&peer, now));
    }
    assert_eq!(accepted.got, vec![(1, b"poison".to_vec()); 3], "nothing overtakes it");
    let (message_type, goes_on) = (1, peer.borrow_mut().retry(now));
    assert_eq!((message_type, goes_on, peer.borrow().counts().redelivered), (1, false, 2));
    // An acknowledgement that came after it was processed all the same.
    peer.borrow_mut().send(9, b"x").expect("there is room");
    connected.receive(&accepted.transmit(), now, consume(&connecting));
    assert_eq!(connected.transmit(), [0_u8; 0]);
    assert!(connected.wait(now + Duration::from_millis(1)));
    accepted.receive(&connected.transmit(), now, nothing);
    assert_eq!(peer.borrow().journal().messages_held(), 0);
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_ends_the_connection_and_changes_nothing() {
    for ack in [1, 0x7fff_ffff, 3] {
        let (disk, other) = (Disk::default(), Disk::default());
        let mut server = Server::new(&disk, TableConfig::default());
        let connecting = client(&other, Geometry::default());
        let (mut accepted, _connected) = log_in(&mut server, &connecting);
        accepted.receive(&Header::heartbeat(ack).encode(ByteOrder::Little), START, nothing);
        assert_eq!(accepted.error, Some(Error::Malformed("acknowledgement")));
        assert_eq!(server.peer("client").borrow().sequences(), Sequences::default());
    }
}

#[test]
fn a_message_that_no_peer_may_send_ends_the_connection() {
    let cases: [(&[u8], &str); 3] = [
        (&[0; 8], "frame-too-small"),
        (&[7, 0, 1, 0, 0, 0, 0, 0], "frame-too-small"),
        (&[16, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], "malformed"),
    ];
    for (bytes, code) in cases {
        let (disk, other) = (Disk::default(), Disk::default());
        let mut server = Server::new(&disk, TableConfig::default());
        let (mut accepted, _connected) = log_in(&mut server, &client(&other, Geometry::default()));
        accepted.receive(bytes, START, nothing);
        assert_eq!(accepted.error.map(|error| error.code()), Some(code), "{bytes:?}");
        assert_eq!(accepted.got, []);
    }
}

/// Sends a login; returns the response.
fn answer(server: &mut Server, login: &Login<'_>) -> (Status, Sequences, String) {
    let (mut sent, mut accepted) = (Vec::new(), server.accept(START));
    let geometry = server.table.config().geometry;
    login.encode(&geometry, &mut sent);
    accepted.receive(&sent, START, nothing);
    let bytes = accepted.transmit();
    let response = LoginResponse::decode(&bytes, &geometry).expect("a response").expect("all of it");
    assert_eq!(response.server, b"server");
    assert_eq!(accepted.error, (response.status != Status::Accepted).then_some(Error::LoginRefused));
    (response.status, response.sequences, response.error_text())
}

fn login<'a>(client: &'a [u8], last_server: &'a [u8], ack: u32, start: u32, end: u32) -> Login<'a> {
    let sequences = Sequences { ack, start, end };
    Login { sequences, user_data: &[1], uses_shared_memory: false, client, last_server }
}

#[test]
fn a_login_that_cannot_be_accepted_gets_the_reason() {
    let disk = Disk::default();
    let mut server = Server::new(&disk, table(|it| it.peers_max = 1));
    let mut check = |login: &Login<'_>, text: &str| {
        assert_eq!(answer(&mut server, login), (Status::Refused, Sequences::default(), text.to_owned()));
    };
    check(&login(b"", b"", 0, 0, 0), "Invalid client name");
    check(&login(b"../x", b"", 0, 0, 0), "Invalid client name");
    check(&Login { uses_shared_memory: true, ..login(b"a", b"", 0, 0, 0) }, "no shared memory");
    server.learned.refusal.replace(Some("not today".to_owned()));
    assert_eq!(answer(&mut server, &login(b"a", b"", 0, 0, 0)).2, "not today");
    server.learned.refusal.replace(Some(String::new()));
    assert_eq!(answer(&mut server, &login(b"a", b"", 0, 0, 0)).2, "Login Reject");
    server.learned.refusal.replace(None);
    assert_eq!(answer(&mut server, &login(b"a", b"", 0, 0, 0)).0, Status::Accepted);
    assert_eq!(answer(&mut server, &login(b"b", b"", 0, 0, 0)).2, "Max client cnt exceeded");
}

#[test]
fn a_name_is_connected_once() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    let (accepted, _connected) = log_in(&mut server, &connecting);
    let again = login(b"client", b"server", 0, 0, 0);
    assert_eq!(answer(&mut server, &again).2, "Already logged on");
    drop(accepted);
    assert_eq!(answer(&mut server, &again).0, Status::Accepted, "the older connection has ended");
}

#[test]
fn a_second_login_takes_over_if_that_is_the_policy() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, table(|it| it.second_login = SecondLogin::TakeOver));
    let connecting = client(&other, Geometry::default());
    let (mut older, _) = log_in(&mut server, &connecting);
    let (mut newer, mut connected) = log_in(&mut server, &connecting);
    assert_eq!(server.log(), ["new client", "new client", "cut 1"]);
    send(&connecting, 1, b"hello");
    let bytes = connected.transmit();
    older.receive(&bytes, START, nothing);
    assert_eq!((older.error, older.transmit()), (Some(Error::LoginRefused), Vec::new()));
    // Its end does not concern the newer one.
    drop(older);
    newer.receive(&bytes, START, echo(&server.peer("client")));
    assert_eq!(newer.got.len(), 1);
    assert!(server.table.get(&super::memory::name("client")).is_some_and(|it| it.connection().is_some()));
}

#[test]
fn a_client_that_does_not_know_this_server_begins_anew() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    send(&connecting, 1, b"hello");
    accepted.receive(&connected.transmit(), START, echo(&server.peer("client")));
    drop((accepted, connected));
    for _ in 0..2 {
        server.peer("client").borrow_mut().send(1, b"lost").expect("there is room");
    }
    server.log();

    // The client has lost its files.
    other.clear();
    let connecting = client(&other, Geometry::default());
    let (_accepted, _connected) = log_in(&mut server, &connecting);
    assert_eq!(server.log(), ["new client", "reset client: 3 dropped"]);
    assert_eq!(server.peer("client").borrow().sequences(), Sequences::default());
    let logged_on = LoggedOn { user_data: vec![7], dropped: None };
    assert_eq!(connecting.borrow_mut().take_outcome(), Some(Ok(logged_on)));
}

#[test]
fn sequence_numbers_that_do_not_match_are_reported_and_follow_the_policy() {
    // The server has lost its files: the client has consumed 2 of its messages, and keeps 3 of its own.
    let says = login(b"client", b"server", 2, 4, 7);
    let lost = Mismatch { local: Sequences::default(), remote: says.sequences };
    assert_eq!((lost.sent(), lost.received()), (Gap::Unknown(2), Gap::Missing(4)));
    let text = "client: the sequence numbers do not match: sent, 2 messages are unknown to their sender; received, \
                4 messages are missing";
    for (policy, status, sequences) in [
        (MismatchPolicy::Reject, Status::Mismatch, Sequences::default()),
        (MismatchPolicy::ResetToPeer, Status::Accepted, Sequences { ack: 4, start: 2, end: 2 }),
        (MismatchPolicy::ResetBoth, Status::Accepted, Sequences { ack: 7, start: 2, end: 2 }),
    ] {
        let mut server = Server::new(&Disk::default(), table(|it| it.mismatch = policy));
        assert_eq!(answer(&mut server, &says), (status, sequences, String::new()));
        assert_eq!(server.log(), ["new client", text]);
    }
}

#[test]
fn a_client_resets_its_numbers_to_those_of_its_server_if_that_is_its_policy() {
    for (policy, is_accepted) in [(MismatchPolicy::Reject, false), (MismatchPolicy::ResetToPeer, true)] {
        let (disk, other) = (Disk::default(), Disk::default());
        let mut server = Server::new(&disk, TableConfig::default());
        let config = shardcast_proto::tcpshm::ClientConfig::default().with(|it| it.mismatch = policy);
        let state = shardcast_proto::tcpshm::ClientState::open(
            super::memory::name("client"),
            config,
            other.files("client"),
        );
        let connecting = std::rc::Rc::new(std::cell::RefCell::new(state.expect("no files yet")));
        let (mut accepted, mut connected) = log_in(&mut server, &connecting);
        send(&connecting, 1, b"hello");
        accepted.receive(&connected.transmit(), START, echo(&server.peer("client")));
        connected.receive(&accepted.transmit(), START, consume(&connecting));
        drop((accepted, connected));

        disk.clear();
        let mut server = Server::new(&disk, TableConfig::default());
        for is_last in [false, true] {
            let (mut accepted, mut connected) = (server.accept(START), connect(&connecting, START));
            accepted.receive(&connected.transmit(), START, nothing);
            connected.receive(&accepted.transmit(), START, nothing);
            let is_logged_on = connected.session.is_established();
            assert_eq!(is_logged_on, is_last && is_accepted);
            let outcome = connecting.borrow_mut().take_outcome().expect("a response came");
            assert_eq!(matches!(outcome, Err(LoginError::Mismatch(_))), !is_logged_on);
        }
    }
}

#[test]
fn a_silent_connection_sends_heartbeats_and_ends_after_the_timeout() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let (mut accepted, _connected) = log_in(&mut server, &client(&other, Geometry::default()));
    for second in [3, 6, 9] {
        let due = accepted.session.poll_timeout().expect("a heartbeat is due");
        assert_eq!(due - START, Duration::from_secs(second));
        assert!(accepted.wait(due));
        assert_eq!(accepted.transmit(), Header::heartbeat(0).encode(ByteOrder::Little));
    }
    assert!(!accepted.wait(START + Duration::from_secs(10)));
    assert_eq!(accepted.error, Some(Error::TimedOut("message")));
}

#[test]
fn sequence_numbers_pass_2_to_the_32() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, table(|it| it.mismatch = MismatchPolicy::ResetToPeer));
    let near = u32::MAX - 2;
    assert_eq!(answer(&mut server, &login(b"client", b"server", near, near, near)).0, Status::Accepted);
    let files = other.files("client");
    {
        use shardcast_proto::tcpshm::{ClientFiles as _, Files as _, Start};
        let server = super::memory::name("server");
        let start = Start { next: near.into(), received: near.into() };
        drop(files.replace(&server, start).expect("a journal"));
        files.set_last_server(&server).expect("a file");
    }
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    for number in 0..6 {
        send(&connecting, 1, &[number]);
        accepted.receive(&connected.transmit(), START, echo(&server.peer("client")));
        connected.receive(&accepted.transmit(), START, consume(&connecting));
    }
    assert_eq!((accepted.error, connected.error, connected.got.len()), (None, None, 6));
    drop((accepted, connected));
    let (_accepted, _connected) = log_in(&mut server, &connecting);
    assert_eq!(server.peer("client").borrow().sequences(), Sequences { ack: 3, start: 3, end: 3 });
}

#[test]
fn no_more_is_sent_ahead_than_the_peer_has_room_for() {
    let (disk, other) = (Disk::default(), Disk::default());
    let config = PeerConfig::default().with(|it| it.unacknowledged_bytes_max = 100);
    let mut server = Server::new(&disk, table(|it| it.peer = config));
    let connecting = client(&other, Geometry::default());
    let (mut accepted, mut connected) = log_in(&mut server, &connecting);
    let peer = server.peer("client");
    for len in [24, 24, 24, 24, 500, 24] {
        peer.borrow_mut().send(1, &vec![0; len]).expect("there is room");
    }
    // Three messages of 32 bytes; then what was acknowledged, a long one alone, and the rest.
    for lens in [&[24, 24, 24][..], &[24], &[500], &[24]] {
        let sent = accepted.transmit();
        let expected: usize = lens.iter().map(|len: &usize| (8 + len).next_multiple_of(8)).sum();
        assert_eq!(sent.len(), expected);
        assert_eq!(accepted.transmit(), [0_u8; 0]);
        connected.got.clear();
        connected.receive(&sent, START, consume(&connecting));
        assert_eq!(connected.got.iter().map(|(_, body)| body.len()).collect::<Vec<_>>(), lens);
        let _ = connected.transmit();
        assert!(connected.wait(START + Duration::from_millis(1)));
        accepted.receive(
            &[connected.transmit(), Header::heartbeat(0).encode(ByteOrder::Little).to_vec()].concat(),
            START,
            nothing,
        );
    }
}

#[test]
fn a_peer_that_does_not_return_is_forgotten_and_makes_room() {
    let (disk, other) = (Disk::default(), Disk::default());
    let day = Duration::from_secs(24 * 3600);
    let mut server = Server::new(&disk, table(|it| (it.peers_max, it.forget_after) = (1, day)));
    let connecting = client(&other, Geometry::default());
    drop(log_in(&mut server, &connecting));
    server.peer("client").borrow_mut().send(1, b"late").expect("there is room");
    server.log();

    let log_in_at = |server: &mut Server, now| {
        let (mut sent, mut accepted) = (Vec::new(), server.accept(now));
        login(b"newer", b"", 0, 0, 0).encode(&Geometry::default(), &mut sent);
        accepted.receive(&sent, now, nothing);
        accepted.session.is_established()
    };
    assert!(!log_in_at(&mut server, START + day / 2));
    assert_eq!(server.log(), ["new newer"]);
    assert!(log_in_at(&mut server, START + day));
    assert_eq!(server.log(), ["forgotten client: 1 dropped", "new newer"]);
    assert!(server.table.get(&super::memory::name("client")).is_none());
}

/// As after a restart of the server, on a machine that was not restarted for long.
#[test]
fn a_peer_is_not_forgotten_because_its_first_login_is_refused() {
    let (disk, day) = (Disk::default(), Duration::from_secs(24 * 3600));
    let mut server = Server::new(&disk, table(|it| it.forget_after = day));
    let (now, mut sent) = (START + 100 * day, Vec::new());
    // It says that it has consumed what it was not sent.
    login(b"client", b"server", 5, 0, 0).encode(&Geometry::default(), &mut sent);
    for now in [now, now + day / 2] {
        let mut accepted = server.accept(now);
        accepted.receive(&sent, now, nothing);
        assert!(!accepted.session.is_established());
    }
    assert!(server.log().iter().all(|line| !line.starts_with("forgotten")));
    assert!(disk.has("server_client"));
}

#[test]
fn the_journal_of_a_peer_that_is_away_is_closed_if_it_keeps_nothing() {
    let disk = Disk::default();
    let day = Duration::from_secs(24 * 3600);
    let config = table(|it| (it.peers_max, it.forget_after, it.close_after) = (4, 10 * day, day));
    let mut server = Server::new(&disk, config);
    let log_in_at = |server: &mut Server, client: &'static str, sequences: (u32, u32, u32), now| {
        let (mut sent, mut accepted) = (Vec::new(), server.accept(now));
        let last_server: &[u8] = if sequences == (0, 0, 0) { b"" } else { b"server" };
        let (ack, start, end) = sequences;
        login(client.as_bytes(), last_server, ack, start, end).encode(&Geometry::default(), &mut sent);
        accepted.receive(&sent, now, nothing);
        assert!(accepted.session.is_established(), "{client}");
        accepted
    };
    for client in ["idle", "kept", "held"] {
        let mut accepted = log_in_at(&mut server, client, (0, 0, 0), START);
        server.peer(client).borrow_mut().send(1, b"hello").expect("there is room");
        let _ = accepted.transmit();
        let consumed = if client == "kept" { 0 } else { 1 };
        accepted.receive(&Header::heartbeat(consumed).encode(ByteOrder::Little), START, nothing);
        drop(accepted);
    }
    let held = server.peer("held");
    let is_open = |server: &Server, client| server.table.get(&super::memory::name(client)).is_some();
    server.learned.keeps.replace(Some("asked".to_owned()));
    server.log();

    // Not yet.
    drop(log_in_at(&mut server, "asked", (0, 0, 0), START + day / 2));
    assert!(is_open(&server, "idle"));
    // It is not closed itself, while it logs in; and the application uses it.
    drop(log_in_at(&mut server, "asked", (0, 0, 0), START + 2 * day));
    let open = ["idle", "kept", "held", "asked"].map(|client| is_open(&server, client));
    assert_eq!((open, server.table.len()), ([false, true, true, true], 4));
    drop(log_in_at(&mut server, "kept", (0, 0, 0), START + 4 * day));
    assert!(is_open(&server, "asked"));
    server.learned.keeps.replace(None);
    drop(log_in_at(&mut server, "kept", (0, 0, 0), START + 5 * day));
    assert!(!is_open(&server, "asked"));

    // It goes on where it was.
    let idle = log_in_at(&mut server, "idle", (1, 0, 0), START + 6 * day);
    assert_eq!(server.peer("idle").borrow_mut().send(1, b"more"), Ok(1));
    drop((idle, held));
    // Those whose journals are closed are forgotten in their time.
    server.log();
    drop(log_in_at(&mut server, "kept", (0, 0, 0), START + 12 * day));
    let log = server.log();
    assert_eq!(log, ["forgotten asked: 0 dropped", "forgotten held: 0 dropped", "new kept"]);
    assert!(!disk.has("server_asked") && disk.has("server_idle"));
}

#[test]
fn what_is_kept_for_a_client_survives_the_loss_of_its_first_response() {
    let (disk, other) = (Disk::default(), Disk::default());
    let mut server = Server::new(&disk, TableConfig::default());
    let connecting = client(&other, Geometry::default());
    // The response is lost, and so the client does not know the server yet.
    let (mut accepted, mut connected) = (server.accept(START), connect(&connecting, START));
    accepted.receive(&connected.transmit(), START, nothing);
    drop((accepted, connected));
    server.peer("client").borrow_mut().send(1, b"welcome").expect("there is room");
    let (_accepted, connected) = log_in(&mut server, &connecting);
    assert_eq!((connected.got, server.log().len()), (vec![(1, b"welcome".to_vec())], 2));
}
