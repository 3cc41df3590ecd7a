//! Who may act, and the responses to those who may not.

use super::*;

const TOKEN: &str = "PdQ8o7Zr2nVYxk5J";

#[test]
fn acting_takes_the_socket_or_the_token_and_this_host() {
    let address = |text: &str| Peer::Address(text.parse().expect("an address"));
    let bearer = format!("Bearer {TOKEN}");
    let right = Some(bearer.as_bytes());
    for (token, peer, header, status) in [
        ("", Peer::Owner, None, 200),
        (TOKEN, Peer::Owner, None, 200),
        ("", Peer::Stranger("uid 7".into()), None, 403),
        (TOKEN, Peer::Stranger("uid 7".into()), right, 403),
        ("", address("127.0.0.1"), None, 403),
        ("", address("127.0.0.1"), right, 403),
        (TOKEN, address("127.0.0.1"), None, 401),
        (TOKEN, address("127.0.0.1"), Some(b"Bearer".as_slice()), 401),
        (TOKEN, address("127.0.0.1"), Some(b"Bearer "), 401),
        (TOKEN, address("127.0.0.1"), Some(TOKEN.as_bytes()), 401),
        (TOKEN, address("127.0.0.1"), right, 200),
        (TOKEN, address("::1"), right, 200),
        (TOKEN, address("::ffff:127.0.0.1"), right, 200),
        (TOKEN, address("192.0.2.1"), right, 403),
        (TOKEN, address("::ffff:192.0.2.1"), right, 403),
    ] {
        let source = Fake::new();
        let access = Access { token: token.parse().expect("a token"), ..Access::default() };
        let request =
            Request { method: Method::Post, path: "/kick", query: "id=0-1-2", authorization: header, ..GET };
        let answer = answer(request, &peer, &access, &*source);
        assert_eq!(answer.status, status, "{token:?} {peer:?} {header:?}");
        assert_eq!(source.done().len(), usize::from(status == 200));
    }
}

#[test]
fn a_request_for_another_host_is_refused() {
    let access = Access { hosts: vec!["push-1.example.com".into()], ..Access::default() };
    let status = |peer: &Peer, host: &str| {
        let request = Request { path: "/livez", host: Some(host.as_bytes()), ..GET };
        answer(request, peer, &access, &*Fake::new()).status
    };
    let browser = Peer::Address([127, 0, 0, 1].into());
    for (host, expected) in [
        ("localhost", 200),
        ("LocalHost:9180", 200),
        ("127.0.0.1", 200),
        ("192.0.2.1:9180", 200),
        ("[::1]", 200),
        ("[2001:db8::1]:9180", 200),
        ("::1", 200),
        ("push-1.example.com", 200),
        ("Push-1.Example.Com:80", 200),
        ("localhost:", 200),
        ("", 421),
        (":9180", 421),
        ("attacker.example", 421),
        ("attacker.example:9180", 421),
        ("localhost.attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("[::1].attacker.example", 421),
        ("[127.0.0.1]", 421),
        ("localhost:x", 421),
        ("user@localhost", 421),
        ("push-1.example.com.attacker.example", 421),
    ] {
        assert_eq!(status(&browser, host), expected, "{host:?}");
        assert_eq!(status(&Peer::Owner, host), 200, "{host:?}");
    }
    let request = Request { path: "/metrics", host: Some(b"\xff\xfe"), ..GET };
    let refusal = answer(request, &browser, &access, &*Fake::new());
    let text = String::from_utf8(refusal.body).expect("text");
    assert!(refusal.status == 421 && text.contains("`hosts` in [admin]"), "{text}");
}

#[test]
fn a_refusal_names_the_remedy() {
    let refusal = |token: &str, socket: Option<&str>| {
        let access = Access {
            token: token.parse().expect("a token"),
            socket: socket.map(Into::into),
            ..Access::default()
        };
        let peer = Peer::Address([127, 0, 0, 1].into());
        String::from_utf8(access.acts(&peer, None).expect_err("refused").body).expect("text")
    };
    assert!(refusal("", Some("/run/a.sock")).contains("--admin unix:/run/a.sock"));
    assert!(refusal("", None).contains("[admin] socket") && refusal("", None).contains("[admin] token_file"));
    assert!(refusal(TOKEN, None).contains("--token-file"));
    assert!(!refusal(TOKEN, None).contains(TOKEN));
}

#[test]
fn another_user_on_the_socket_reads_nothing() {
    let stranger = Peer::Stranger("uid 7".into());
    let answer = answer(Request { path: "/metrics", ..GET }, &stranger, &Access::default(), &*Fake::new());
    assert_eq!(answer.status, 403);
    assert!(String::from_utf8(answer.body).expect("text").contains("uid 7"));
}

#[test]
fn invalid_parameters_of_actions_are_reported() {
    for (path, query, body, status, part) in [
        ("/kick", "id=0-1-2", "", 200, "\"kicked\":\"0-1-2\""),
        ("/kick", "", "id=0-1-2\n", 200, "\"kicked\":\"0-1-2\""),
        ("/kick", "id=0-1-3", "", 404, "0-1-3"),
        ("/kick", "id=1-1-3", "", 503, "shard 1"),
        ("/kick", "", "", 400, "id=ID"),
        ("/kick", "id=everyone", "", 400, "0-12-3"),
        ("/drain", "", "", 202, "\"timeout_seconds\":30.0"),
        ("/drain", "timeout=500ms", "", 202, "\"timeout_seconds\":0.5"),
        ("/drain", "timeout=soon", "", 400, "timeout"),
        ("/drain", "timeout=300d", "", 503, "busy"),
    ] {
        let request = Request { method: Method::Post, path, query, body: body.as_bytes(), ..GET };
        let answer = answer(request, &Peer::Owner, &Access::default(), &*Fake::new());
        let text = String::from_utf8(answer.body).expect("text");
        assert!(
            answer.status == status && text.contains(part),
            "{path}?{query} {body}: {} {text}",
            answer.status
        );
    }
}

#[test]
fn a_reload_returns_its_outcome() {
    let source = Fake::new();
    let reload = || {
        let request = Request { method: Method::Post, path: "/reload", ..GET };
        let answer = answer(request, &Peer::Owner, &Access::default(), &*source);
        (answer.status, String::from_utf8(answer.body).expect("text"))
    };
    let (status, body) = reload();
    let outcome: Outcome = serde_json::from_str(&body).expect("JSON");
    assert!(
        status == 200 && matches!(outcome, Outcome::Taken { applied, .. } if applied[0].key == "a"),
        "{body}"
    );
    source.draining.store(true, Ordering::Relaxed);
    assert_eq!(reload(), (422, "there is an error\n".into()));
    source.broken.store(true, Ordering::Relaxed);
    assert_eq!(reload().0, 503);
}

#[test]
fn a_token_comes_from_its_file() {
    let place = tempfile::tempdir().expect("a folder of our own");
    let path = place.path().join("token");
    let with = |text: &[u8]| {
        std::fs::write(&path, text).expect("a place for the test");
        Access::token(&options(&format!("token_file = '{}'", path.display())))
    };
    assert_eq!(with(format!("{TOKEN}\n").as_bytes()).expect("a token").reveal(), Some(TOKEN));
    for wrong in [b"".as_slice(), b"\n", b"short\n", b"two words are not one\n", b"\xff\xfe"] {
        let error = with(wrong).expect_err("an invalid token");
        assert!(error.is_configuration() && error.to_string().contains("token_file"), "{error}");
    }
    std::fs::remove_file(&path).expect("ours");
    assert!(Access::token(&options(&format!("token_file = '{}'", path.display()))).is_err());
}
