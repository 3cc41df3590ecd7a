//! HTTP without a socket, on a simulated clock.

use std::time::{Duration, Instant};

use crate::admin::http::{Exchange, HEAD_BYTES_MAX, Request, Response, TIMEOUT};

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn the_same_answers_however_the_bytes_are_split() {
    let whole = answers(&[&format!("{GET}{GET}")]);
    assert_eq!(whole.matches("200 OK").count(), 2);
    let both = format!("{GET}{GET}");
    for place in 1..both.len() {
        assert_eq!(answers(&[&both[..place], &both[place..]]), whole, "split at {place}");
    }
    let single: Vec<String> = both.chars().map(String::from).collect();
    let single: Vec<&str> = single.iter().map(String::as_str).collect();
    assert_eq!(answers(&single), whole);
}

#[test]
fn each_bad_request_has_its_answer() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_BYTES_MAX));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100));
    let filler = "a".repeat(HEAD_BYTES_MAX - 100);
    let crowded = format!("POST /{filler} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    for (request, status) in [
        ("\0\0\0\0\0\0\0\0\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        ("GET / HTTP/3.0\r\n\r\n", "400"),
        ("GET a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", "400"),
        ("PUT / HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "413"),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "411"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "411"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "417"),
        ("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", "400"),
        (&crowded, "413"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let text = answers(&[request]);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {text}");
        assert!(text.contains("Connection: close\r\n"), "{text}");
    }
}

#[test]
fn the_host_is_that_of_the_target_or_of_the_header() {
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n", Some("a:1")),
        ("GET http://b:2/ HTTP/1.1\r\nHost: a:1\r\n\r\n", Some("b:2")),
        ("GET / HTTP/1.0\r\nHost: a:1\r\n\r\n", Some("a:1")),
        ("GET / HTTP/1.0\r\n\r\n", None),
    ] {
        let now = Instant::now();
        let mut exchange = Exchange::new(now);
        exchange.handle_input(request.as_bytes(), now);
        exchange.advance(now, |it| {
            assert_eq!(it.host, expected.map(str::as_bytes), "{request}");
            page(it)
        });
    }
}

#[test]
fn a_body_is_part_of_its_request_however_the_bytes_are_split() {
    let post = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nid=ab";
    let both = format!("{post}{GET}");
    let whole = answers(&[&both]);
    assert_eq!(whole.matches("200 OK").count(), 2, "{whole}");
    assert!(whole.contains("post   id=ab") && whole.ends_with("a?b"), "{whole}");
    for place in 1..both.len() {
        assert_eq!(answers(&[&both[..place], &both[place..]]), whole, "split at {place}");
    }
    assert_eq!(answers(&[&post[..post.len() - 1]]), "", "the body is not there yet");
    let zero = answers(&["GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"]);
    assert!(zero.starts_with("HTTP/1.1 200 "), "{zero}");
}

#[test]
fn a_body_that_never_comes_gets_408() {
    let start = Instant::now();
    let mut exchange = Exchange::new(start);
    exchange.handle_input(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", start);
    assert!(!exchange.advance(start, page));
    exchange.handle_timeout(start + TIMEOUT);
    assert!(exchange.output().starts_with(b"HTTP/1.1 408 "));
}

#[test]
fn a_head_answer_has_the_length_but_no_body() {
    let text = answers(&["HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"]);
    assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn a_connection_stays_only_when_both_want_it() {
    for (request, stays) in [
        (GET, true),
        ("GET http://host/a?b HTTP/1.1\r\nHost: x\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
    ] {
        let text = answers(&[request]);
        let expected = if stays { "Connection: keep-alive\r\n" } else { "Connection: close\r\n" };
        assert!(text.contains(expected), "{request}: {text}");
    }
}

#[test]
fn a_slow_head_gets_408_and_silence_gets_nothing() {
    let start = Instant::now();
    let mut slow = Exchange::new(start);
    slow.handle_input(b"GET / HT", start);
    assert!(!slow.advance(start, page));
    // More bytes do not extend the deadline.
    let late = start + TIMEOUT - Duration::from_millis(1);
    slow.handle_input(b"T", late);
    slow.handle_timeout(late);
    assert!(slow.output().is_empty() && !slow.is_closed());
    slow.handle_timeout(start + TIMEOUT);
    assert!(slow.output().starts_with(b"HTTP/1.1 408 "));

    let mut silent = Exchange::new(start);
    silent.handle_timeout(start + TIMEOUT);
    assert!(silent.output().is_empty() && silent.is_closed());
}

#[test]
fn a_reader_that_does_not_read_is_closed() {
    let start = Instant::now();
    let mut exchange = Exchange::new(start);
    exchange.handle_input(GET.as_bytes(), start);
    assert!(exchange.advance(start, page));
    exchange.handle_sent(1, start + TIMEOUT / 2);
    assert_eq!(exchange.room(), 0, "nothing is read while an answer waits");
    exchange.handle_timeout(start + TIMEOUT);
    assert!(exchange.is_closed());
}

#[test]
fn after_the_last_answer_a_peer_may_not_talk_for_ever() {
    let now = Instant::now();
    let mut exchange = Exchange::new(now);
    exchange.handle_input(b"PUT / HTTP/1.1\r\n\r\n", now);
    exchange.advance(now, page);
    let length = exchange.output().len();
    assert!(exchange.handle_sent(length, now), "the sending side is closed");
    let mut taken = 0;
    while !exchange.is_closed() {
        exchange.handle_input(&[0; HEAD_BYTES_MAX], now);
        taken += HEAD_BYTES_MAX;
        assert!(taken < 1 << 20);
    }
}

/// All responses to these pieces of input.
fn answers(pieces: &[&str]) -> String {
    let now = Instant::now();
    let mut exchange = Exchange::new(now);
    let mut sent = Vec::new();
    for piece in pieces {
        let mut rest = piece.as_bytes();
        while !rest.is_empty() && exchange.room() > 0 {
            let (taken, more) = rest.split_at(exchange.room().min(rest.len()));
            exchange.handle_input(taken, now);
            rest = more;
            while exchange.advance(now, page) {
                let length = exchange.output().len();
                sent.extend_from_slice(exchange.output());
                exchange.handle_sent(length, now);
            }
        }
    }
    String::from_utf8(sent).expect("text")
}

fn page(request: Request<'_>) -> Response {
    let query = if request.query == "b" { "?b" } else { "   " };
    Response::text(200, format!("{}{query}{}", &request.path[1..], String::from_utf8_lossy(request.body)))
}
