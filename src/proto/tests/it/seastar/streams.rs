//! One stream: what its documentation says, sentence by sentence.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use shardcast_proto::{
    Error,
    connection::{CloseReason, Hold},
    seastar::rpc::{ClaimError, ClientConfig, Read, Seastar, Stream, StreamError},
};

use super::ends::{ACCEPTING, CONNECTING, Ends};

const FIN_WAIT: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);

/// The next message, or `None` at the end.
fn read(ends: &mut Ends, who: usize, stream: &Rc<RefCell<Stream>>) -> Result<Option<Vec<u8>>, StreamError> {
    let read = stream.borrow_mut().read(<[u8]>::to_vec)?;
    let has_room = stream.borrow_mut().take_room();
    let message = match read {
        Read::Message(message) => Some(message),
        Read::End => None,
        Read::Pending => panic!("nothing to read: {stream:?}"),
    };
    if has_room || message.is_none() {
        ends.changed(who, stream);
    }
    Ok(message)
}

fn is_pending(stream: &Rc<RefCell<Stream>>) -> bool {
    stream.borrow_mut().read(|_| ()) == Ok(Read::Pending)
}

fn send(ends: &mut Ends, who: usize, stream: &Rc<RefCell<Stream>>, message: &[u8]) {
    assert_eq!(stream.borrow().has_room(), Ok(true));
    assert_eq!(stream.borrow_mut().send(|out| out.extend_from_slice(message)), Ok(()));
    ends.changed(who, stream);
}

fn finish(ends: &mut Ends, who: usize, stream: &Rc<RefCell<Stream>>) {
    assert_eq!(stream.borrow_mut().finish(), Ok(()));
    ends.changed(who, stream);
}

/// A stream of the client alone, which a call has named.
fn one_way(are_ours: bool) -> (Ends, Rc<RefCell<Stream>>, Rc<RefCell<Stream>>) {
    let ends = Ends::open(|_| {}, are_ours);
    let client = Rc::clone(&ends.client);
    assert!(client.borrow_mut().open_sink());
    let server = ends.claim().expect("a new stream");
    (ends, client, server)
}

/// A stream in both directions.
fn both_ways(are_ours: bool) -> (Ends, Rc<RefCell<Stream>>, Rc<RefCell<Stream>>) {
    let (ends, client, server) = one_way(are_ours);
    assert!(server.borrow_mut().open_sink() && client.borrow_mut().open_source());
    (ends, client, server)
}

#[test]
fn a_stream_ends_after_its_messages() {
    for are_ours in [true, false] {
        let (mut ends, client, server) = both_ways(are_ours);
        for stream in [&client, &server] {
            assert!(!stream.borrow_mut().open_sink() && !stream.borrow_mut().open_source(), "there is one");
        }
        send(&mut ends, CONNECTING, &client, b"one");
        finish(&mut ends, CONNECTING, &client);
        assert_eq!(client.borrow_mut().send(|_| ()), Err(StreamError::AlreadyClosed));
        assert_eq!(client.borrow_mut().finish(), Err(StreamError::AlreadyClosed));
        ends.carry_all();
        assert_eq!(client.borrow().is_flushed(), Ok(true));
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"one".to_vec())));
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
        assert_eq!(read(&mut ends, ACCEPTING, &server), Err(StreamError::AlreadyClosed));
        send(&mut ends, ACCEPTING, &server, b"");
        finish(&mut ends, ACCEPTING, &server);
        ends.carry_all();
        assert_eq!(read(&mut ends, CONNECTING, &client), Ok(Some(Vec::new())));
        assert_eq!(read(&mut ends, CONNECTING, &client), Ok(None));
        ends.wait(FIN_WAIT + SECOND);
        assert!(ends.ends.iter().all(|end| end.is_cut && end.why == Some(CloseReason::PeerClosed)));
        assert_eq!(ends.parent().map(|parent| parent.stream_count()), Some(0));
    }
}

/// A peer of ours is not waited for, and neither is one that was sent no end.
#[test]
fn the_end_of_the_connection_is_held_back_towards_seastar_only() {
    for are_ours in [true, false] {
        let (mut ends, client, server) = both_ways(are_ours);
        finish(&mut ends, CONNECTING, &client);
        ends.carry_all();
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
        ends.now = ends.now + 10 * SECOND;
        finish(&mut ends, ACCEPTING, &server);
        // The client reads nothing: it has not seen the end.
        let over = ends.now;
        ends.wait(FIN_WAIT - Duration::from_millis(1));
        assert_eq!(ends.ends[ACCEPTING].ended_sending.is_some(), are_ours, "however old the stream is");
        ends.wait(Duration::from_millis(1));
        let ended = ends.ends[ACCEPTING].ended_sending.expect("the wait is bounded");
        assert_eq!(ended, if are_ours { over } else { over + FIN_WAIT });
        assert_eq!(read(&mut ends, CONNECTING, &client), Ok(None), "and the end is read after that");
    }
    for are_ours in [true, false] {
        let (mut ends, client, server) = one_way(are_ours);
        finish(&mut ends, CONNECTING, &client);
        ends.wait(100 * SECOND);
        assert!(ends.ends[CONNECTING].ended_sending.is_none(), "the server has not read the end");
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
        assert!(ends.ends[ACCEPTING].ended_sending.is_some(), "nothing was sent that could be lost");
        ends.carry_all();
        assert_eq!(ends.ends[CONNECTING].why, Some(CloseReason::PeerClosed));
    }
}

#[test]
fn a_peer_that_ends_the_connection_ends_the_wait() {
    let (mut ends, client, server) = both_ways(false);
    finish(&mut ends, CONNECTING, &client);
    finish(&mut ends, ACCEPTING, &server);
    ends.carry_all();
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
    ends.wait(SECOND);
    assert!(ends.ends[ACCEPTING].ended_sending.is_none());
    ends.pipes[CONNECTING].has_ended = true;
    ends.carry_all();
    assert!(ends.ends[ACCEPTING].is_cut);
}

#[test]
fn fin_wait_of_zero_waits_for_nothing() {
    let mut ends = Ends::open(|it| it.fin_wait = Duration::ZERO, false);
    let server = ends.claim().expect("a new stream");
    assert!(server.borrow_mut().open_sink());
    finish(&mut ends, ACCEPTING, &server);
    server.borrow_mut().drop_source();
    ends.changed(ACCEPTING, &server);
    ends.carry_all();
    assert!(ends.ends[ACCEPTING].ended_sending.is_some());
}

/// A client that never asks for a source still ends when the server has ended its direction.
#[test]
fn a_source_that_was_never_made_does_not_keep_the_connection() {
    let (mut ends, client, server) = one_way(false);
    assert!(server.borrow_mut().open_sink());
    finish(&mut ends, CONNECTING, &client);
    ends.carry_all();
    send(&mut ends, ACCEPTING, &server, b"a result that came too late");
    finish(&mut ends, ACCEPTING, &server);
    ends.wait(FIN_WAIT + SECOND);
    assert!(ends.ends[CONNECTING].ended_sending.is_some(), "the server has not read, and says nothing");
    // A source that is made now still has everything.
    assert!(client.borrow_mut().open_source());
    assert!(read(&mut ends, CONNECTING, &client).is_ok_and(|it| it.is_some()));
    assert_eq!(read(&mut ends, CONNECTING, &client), Ok(None));
}

/// Its call was cancelled, for example.
#[test]
fn a_stream_without_a_sink_and_a_source_keeps_nothing() {
    let (mut ends, client, server) = one_way(false);
    assert!(server.borrow_mut().open_sink());
    finish(&mut ends, CONNECTING, &client);
    while server.borrow().has_room() == Ok(true) && ends.ends[CONNECTING].core.wants_input() {
        send(&mut ends, ACCEPTING, &server, &[0; 10_000]);
        ends.carry_all();
    }
    assert!(client.borrow().is_full());
    client.borrow_mut().forget();
    ends.changed(CONNECTING, &client);
    assert!(!client.borrow().is_full() && !client.borrow_mut().open_source());
    for _ in 0..100 {
        send(&mut ends, ACCEPTING, &server, &[0; 10_000]);
        ends.carry_all();
    }
    // The server has not read the end, and no time decides that it has.
    ends.wait(100 * SECOND);
    assert!(ends.ends[CONNECTING].core.is_open());
    finish(&mut ends, ACCEPTING, &server);
    ends.wait(FIN_WAIT);
    assert!(ends.ends[CONNECTING].ended_sending.is_some());

    let mut ends = Ends::open(|_| {}, true);
    let client = Rc::clone(&ends.client);
    client.borrow_mut().forget();
    ends.changed(CONNECTING, &client);
    ends.carry_all();
    assert!(ends.ends.iter().all(|end| end.is_cut), "it had no use");
}

/// The kernel takes its time; the connection does not begin to end before it has everything.
#[test]
fn a_finished_sink_is_flushed_before_the_connection_ends() {
    let (mut ends, client, server) = both_ways(true);
    finish(&mut ends, ACCEPTING, &server);
    ends.carry_all();
    assert_eq!(read(&mut ends, CONNECTING, &client), Ok(None));
    send(&mut ends, CONNECTING, &client, &[7; 1000]);
    finish(&mut ends, CONNECTING, &client);
    for _ in 0..1000 {
        assert_eq!(client.borrow().is_flushed(), Ok(false));
        assert!(ends.ends[CONNECTING].core.is_open());
        ends.now = ends.now + SECOND;
        ends.take(CONNECTING, 1);
    }
    ends.carry_all();
    assert_eq!(client.borrow().is_flushed(), Ok(true));
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(vec![7; 1000])));
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
    ends.wait(SECOND);
    assert!(ends.ends.iter().all(|end| end.is_cut));
}

/// As a client of Seastar does: everything, the end of the stream, and that of the connection, before its call arrives.
#[test]
fn a_stream_may_be_over_before_a_call_names_it() {
    for messages in [0, 1, 3] {
        let mut ends = Ends::open(|_| {}, false);
        let client = Rc::clone(&ends.client);
        assert!(client.borrow_mut().open_sink());
        for _ in 0..messages {
            send(&mut ends, CONNECTING, &client, b"early");
        }
        finish(&mut ends, CONNECTING, &client);
        ends.carry_all();
        ends.pipes[CONNECTING].has_ended = true;
        ends.wait(SECOND);
        let server = ends.claim().expect("it waits for the call");
        for _ in 0..messages {
            assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"early".to_vec())));
        }
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
        ends.wait(SECOND);
        assert!(ends.ends[ACCEPTING].is_cut);
    }
}

#[test]
fn a_stream_is_named_by_one_call_of_its_parent() {
    let (ends, client, _server) = one_way(true);
    let id = client.borrow().id();
    assert_eq!(ends.claim().map(|_| ()), Err(ClaimError::InUse(id)));
    let other = shardcast_proto::seastar::ConnectionId::new(77, 0);
    let parent = ends.parent().expect("it is open");
    assert_eq!(parent.claim(other).map(|_| ()), Err(ClaimError::Unknown(other)));
}

#[test]
fn a_stream_that_no_call_names_has_a_bound_in_age() {
    let mut ends = Ends::open(|it| it.claim_timeout = 5 * SECOND, true);
    ends.wait(5 * SECOND - Duration::from_millis(1));
    assert!(ends.ends[ACCEPTING].why.is_none());
    ends.wait(Duration::from_millis(1));
    let why = CloseReason::ProtocolError(Error::TimedOut("call for the stream"));
    assert_eq!(ends.ends[ACCEPTING].why, Some(why));
    assert_eq!(ends.client.borrow().is_open(), Err(StreamError::Closed));

    let mut ends = Ends::open(|it| it.claim_timeout = 5 * SECOND, true);
    let server = ends.claim().expect("a new stream");
    ends.wait(100 * SECOND);
    assert!(ends.ends[ACCEPTING].core.is_open() && is_pending(&server), "a call has named it");

    let mut ends = Ends::open(|it| it.claim_timeout = Duration::ZERO, true);
    ends.wait(1_000_000 * SECOND);
    assert!(ends.ends[ACCEPTING].core.is_open(), "zero: forever");
}

#[test]
fn a_sink_waits_for_the_kernel_beyond_its_window() {
    let mut ends = Ends::open(|it| (it.window_messages, it.window_bytes) = (3, 1000), true);
    let client = Rc::clone(&ends.client);
    assert!(client.borrow_mut().open_sink());
    for count in 1..=3 {
        send(&mut ends, CONNECTING, &client, &[0; 10]);
        assert_eq!(client.borrow().has_room(), Ok(count < 3), "messages");
    }
    ends.take(CONNECTING, usize::MAX);
    assert_eq!(client.borrow().has_room(), Ok(true), "the kernel has the first, whatever the peer does");
    ends.take(CONNECTING, usize::MAX);
    send(&mut ends, CONNECTING, &client, &[0; 5000]);
    assert_eq!(client.borrow().has_room(), Ok(false), "bytes");
    ends.take(CONNECTING, 5003);
    assert_eq!((client.borrow().has_room(), client.borrow().is_flushed()), (Ok(false), Ok(false)));
    ends.take(CONNECTING, 1);
    assert_eq!((client.borrow().has_room(), client.borrow().is_flushed()), (Ok(true), Ok(true)));
}

#[test]
fn a_window_of_zero_carries_one_message_at_a_time() {
    let mut ends = Ends::open(|it| (it.window_messages, it.window_bytes) = (0, 0), true);
    let client = Rc::clone(&ends.client);
    assert!(client.borrow_mut().open_sink());
    let server = ends.claim().expect("a new stream");
    for message in [&b"one"[..], b"two", b"three"] {
        send(&mut ends, CONNECTING, &client, message);
        assert_eq!(client.borrow().has_room(), Ok(false));
        ends.carry_all();
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(message.to_vec())));
    }
}

/// At both ends: the accepting one, and the connecting one.
#[test]
fn a_full_source_holds_reading_until_half_of_its_window_is_free() {
    for receiver in [ACCEPTING, CONNECTING] {
        let mut ends = Ends::open(|it| it.window_bytes = 1000, true);
        let client = Rc::clone(&ends.client);
        assert!(client.borrow_mut().open_sink());
        let server = ends.claim().expect("a new stream");
        assert!(server.borrow_mut().open_sink() && client.borrow_mut().open_source());
        let (from, to) = if receiver == ACCEPTING { (&client, &server) } else { (&server, &client) };
        let mut sent = 0;
        while ends.ends[receiver].core.wants_input() {
            send(&mut ends, 1 - receiver, from, &[0; 96]);
            ends.carry_all();
            sent += 1;
        }
        assert_eq!(sent, 10, "a window and no more");
        assert!(to.borrow().is_full() && ends.ends[receiver].core.holds().has(Hold::Window));
        finish(&mut ends, 1 - receiver, from);
        for _ in 0..4 {
            assert!(read(&mut ends, receiver, to).is_ok());
            assert!(!ends.ends[receiver].core.wants_input());
        }
        assert!(read(&mut ends, receiver, to).is_ok());
        assert!(ends.ends[receiver].core.wants_input());
        ends.carry_all();
        for _ in 0..5 {
            assert!(read(&mut ends, receiver, to).is_ok_and(|it| it.is_some()));
        }
        assert_eq!(read(&mut ends, receiver, to), Ok(None));
    }
}

#[test]
fn a_long_message_is_alone_and_leaves_no_memory() {
    let mut ends = Ends::open(|it| it.window_bytes = 1000, true);
    let client = Rc::clone(&ends.client);
    assert!(client.borrow_mut().open_sink());
    let server = ends.claim().expect("a new stream");
    send(&mut ends, CONNECTING, &client, &[1; 100_000]);
    ends.carry_all();
    send(&mut ends, CONNECTING, &client, b"next");
    ends.carry_all();
    assert!(server.borrow().is_full());
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(vec![1; 100_000])));
    ends.carry_all();
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"next".to_vec())));
}

#[test]
fn frames_over_the_limit_are_not_sent_and_not_received() {
    let mut ends = Ends::open(|it| it.frame_len_max = 100, true);
    let client = Rc::clone(&ends.client);
    assert!(client.borrow_mut().open_sink());
    let too_large = client.borrow_mut().send(|out| out.extend_from_slice(&[0; 101]));
    assert_eq!(too_large, Err(StreamError::TooLarge(100)));
    send(&mut ends, CONNECTING, &client, &[2; 100]);
    ends.carry_all();
    let server = ends.claim().expect("a new stream");
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(vec![2; 100])), "the stream goes on");
    ends.pipes[CONNECTING].bytes.extend(101_u32.to_le_bytes());
    ends.carry_all();
    let why = CloseReason::ProtocolError(Error::FrameTooLarge { len: 101, max: 100 });
    assert_eq!(ends.ends[ACCEPTING].why, Some(why));
    assert_eq!(server.borrow_mut().read(|_| ()), Err(StreamError::Closed));
    // No limit at all is a limit.
    let ends = Ends::open(|it| (it.frame_len_max, it.window_bytes) = (usize::MAX, usize::MAX), true);
    assert!(ends.client.borrow_mut().open_sink());
    assert_eq!(ends.client.borrow_mut().send(|_| ()), Ok(()));
}

#[test]
fn a_dropped_sink_is_not_the_end_of_the_stream() {
    for are_ours in [true, false] {
        let (mut ends, client, server) = one_way(are_ours);
        send(&mut ends, CONNECTING, &client, b"last");
        ends.carry_all();
        client.borrow_mut().drop_sink();
        ends.changed(CONNECTING, &client);
        ends.carry_all();
        assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"last".to_vec())));
        assert_eq!(read(&mut ends, ACCEPTING, &server), Err(StreamError::Closed));
        assert_eq!(ends.parent().map(|parent| parent.stream_count()), Some(0));
    }
}

#[test]
fn a_dropped_source_without_other_use_fails_the_sink_of_the_peer() {
    let (mut ends, client, server) = one_way(false);
    server.borrow_mut().drop_source();
    ends.changed(ACCEPTING, &server);
    ends.carry_all();
    assert_eq!(client.borrow().has_room(), Err(StreamError::Closed));
    assert_eq!(client.borrow_mut().finish(), Err(StreamError::Closed));
}

#[test]
fn a_dropped_source_of_a_stream_with_a_sink_lets_the_peer_send_into_nothing() {
    let (mut ends, client, server) = both_ways(false);
    server.borrow_mut().drop_source();
    ends.changed(ACCEPTING, &server);
    for _ in 0..100 {
        send(&mut ends, CONNECTING, &client, &[0; 10_000]);
        ends.carry_all();
    }
    send(&mut ends, ACCEPTING, &server, b"still");
    finish(&mut ends, ACCEPTING, &server);
    ends.carry_all();
    assert_eq!(read(&mut ends, CONNECTING, &client), Ok(Some(b"still".to_vec())));
    assert_eq!(read(&mut ends, CONNECTING, &client), Ok(None));
    // Both directions of the server are over, so the client cannot send forever.
    ends.wait(FIN_WAIT + 2 * SECOND);
    while client.borrow().has_room() == Ok(true) {
        send(&mut ends, CONNECTING, &client, b"more");
        ends.carry_all();
    }
    assert_eq!(client.borrow().has_room(), Err(StreamError::Closed));
}

#[test]
fn the_end_of_the_parent_fails_both_ends() {
    let (mut ends, client, server) = both_ways(true);
    send(&mut ends, CONNECTING, &client, b"before");
    ends.carry_all();
    ends.end_parent();
    ends.carry_all();
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"before".to_vec())));
    assert_eq!(read(&mut ends, ACCEPTING, &server), Err(StreamError::ParentClosed));
    assert_eq!(client.borrow().has_room(), Err(StreamError::Closed));
    assert_eq!(client.borrow_mut().read(|_| ()), Err(StreamError::Closed));
    assert!(ends.ends.iter().all(|end| end.is_cut) && ends.parent().is_none());
}

/// Between the first bytes of a stream and its negotiation.
#[test]
fn a_stream_whose_parent_has_ended_is_refused() {
    let mut ends = Ends::new(&Seastar::default(), &ClientConfig::default(), true);
    ends.end_parent();
    ends.carry_all();
    let why = CloseReason::ProtocolError(Error::Malformed("stream parent"));
    assert_eq!(ends.ends[ACCEPTING].why, Some(why));
    assert_eq!(ends.client.borrow().is_open(), Err(StreamError::Closed));
    assert!(ends.pipes[ACCEPTING].end_was_read && ends.ends[CONNECTING].is_cut);
}

#[test]
fn bytes_after_the_end_mean_nothing() {
    let (mut ends, client, server) = one_way(false);
    finish(&mut ends, CONNECTING, &client);
    ends.carry_all();
    ends.pipes[CONNECTING].bytes.extend(b"\x05\0\0\0hello");
    ends.pipes[CONNECTING].bytes.extend([0xff; 7]);
    ends.carry_all();
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(None));
}

#[test]
fn nothing_is_sent_before_both_ends_have_agreed() {
    let ends = Ends::new(&Seastar::default(), &ClientConfig::default(), true);
    assert!(!ends.client.borrow_mut().open_sink());
    assert_eq!(ends.client.borrow_mut().send(|_| ()), Err(StreamError::AlreadyClosed));
}

/// Values are encoded and decoded by the application.
#[test]
fn a_panic_of_the_application_leaves_no_part_of_a_message() {
    let (mut ends, client, server) = one_way(true);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        client.borrow_mut().send(|out| {
            out.extend_from_slice(b"half");
            panic!("as an encoder may");
        })
    }));
    assert!(panics.is_err());
    send(&mut ends, CONNECTING, &client, b"one");
    send(&mut ends, CONNECTING, &client, b"second");
    ends.carry_all();
    let panics =
        catch_unwind(AssertUnwindSafe(|| server.borrow_mut().read(|_| -> () { panic!("as a decoder may") })));
    assert!(panics.is_err());
    assert_eq!(read(&mut ends, ACCEPTING, &server), Ok(Some(b"second".to_vec())));
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_waits_is_woken_by_what_it_waits_for() {
    let (count, seen) = (Arc::new(Count::default()), |count: &Count| count.0.load(Ordering::Relaxed));
    let waker = Waker::from(Arc::clone(&count));
    let mut ends = Ends::new(&Seastar::default(), &ClientConfig::default(), true);
    let client = Rc::clone(&ends.client);
    client.borrow_mut().set_opener(&waker);
    ends.carry_all();
    assert_eq!(seen(&count), 1, "both ends have agreed");
    assert!(client.borrow_mut().open_sink());
    let server = ends.claim().expect("a new stream");
    server.borrow_mut().set_reader(&waker);
    send(&mut ends, CONNECTING, &client, b"one");
    client.borrow_mut().set_writer(&waker);
    ends.take(CONNECTING, usize::MAX);
    assert_eq!(seen(&count), 2, "everything was sent");
    ends.carry_all();
    assert_eq!(seen(&count), 3, "there is a message");
    assert!(read(&mut ends, ACCEPTING, &server).is_ok_and(|it| it.is_some()));
    server.borrow_mut().set_reader(&waker);
    finish(&mut ends, CONNECTING, &client);
    ends.carry_all();
    assert_eq!(seen(&count), 4, "the end");
    client.borrow_mut().set_writer(&waker);
    server.borrow_mut().set_reader(&waker);
    ends.end_parent();
    ends.carry_all();
    assert_eq!(seen(&count), 6, "a failure, at both ends");
}

/// What was not read is memory of the connection; once it was read, it is not.
#[test]
fn what_a_stream_keeps_counts_as_memory_of_its_connection() {
    let (mut ends, client, server) = one_way(true);
    for _ in 0..40 {
        send(&mut ends, CONNECTING, &client, &[7; 1000]);
    }
    ends.carry_all();
    assert!(ends.ends[ACCEPTING].core.held_bytes() >= 40_000);
    for _ in 0..40 {
        assert_eq!(
            read(&mut ends, ACCEPTING, &server).map(|message| message.map(|it| it.len())),
            Ok(Some(1000))
        );
    }
    assert!(ends.ends[ACCEPTING].core.held_bytes() < 10_000, "{}", ends.ends[ACCEPTING].core.held_bytes());
}
