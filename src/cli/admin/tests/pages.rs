use super::*;
use crate::admin::{
    http::{Method, Request, Response},
    pages::Row,
};

#[test]
fn ready_until_draining_or_broken() {
    let source = Fake::new();
    assert_eq!(get("/readyz", "", &source), (200, "ready\n".into()));
    let verbose = "[+] shards: 2 of 2 turn\n[+] draining: no\nready\n";
    assert_eq!(get("/readyz", "verbose", &source), (200, verbose.into()));

    source.draining.store(true, Ordering::Relaxed);
    let (status, body) = get("/readyz", "verbose=1", &source);
    assert_eq!(status, 503);
    assert!(body.contains("[-] draining: the server is stopping\n"), "{body}");
    assert_eq!(get("/livez", "", &source).0, 200, "it still lives");

    source.draining.store(false, Ordering::Relaxed);
    source.broken.store(true, Ordering::Relaxed);
    assert_eq!(get("/readyz", "", &source), (503, "[-] shards: shard 1 does not turn\nnot ready\n".into()));
}

#[test]
fn connections_are_json() {
    for query in ["", "state=open", "state=closed"] {
        assert_eq!(get("/connections", query, &Fake::new()), (200, "[]\n".into()));
    }
    assert_eq!(get("/connections", "state=odd", &Fake::new()).0, 400);
}

#[test]
fn shards_whose_connections_are_missing_are_named() {
    let header = |query| {
        let request = Request { path: "/connections", query, ..GET };
        answer(request, &Peer::Owner, &Access::default(), &*Fake::new()).header
    };
    assert_eq!(header("state=open"), Some(("Missing-Shards", "1, 3".into())));
    assert_eq!(header("state=closed"), None);
}

#[test]
fn a_closed_connection_has_a_reason_and_an_open_one_has_none() {
    let mut row = Row {
        id: "1-2-3".into(),
        shard: 1,
        listener: "push".into(),
        protocol: None,
        peer: "127.0.0.1:5".into(),
        age_seconds: 1.5,
        idle_seconds: 0.25,
        queued_bytes: 1,
        queued_messages: 2,
        received_messages: 3,
        received_bytes: 4,
        sent_messages: 5,
        sent_bytes: 6,
        dropped_messages: 7,
        undelivered_messages: 9,
        undelivered_bytes: 10,
        requests_in_progress: 8,
        held: vec!["history"],
        reason: None,
        closed_seconds_ago: None,
    };
    let open = serde_json::to_value(&row).expect("JSON");
    assert_eq!(open["id"], "1-2-3");
    assert_eq!(open["age_seconds"], 1.5);
    assert_eq!((&open["requests_in_progress"], &open["held"][0]), (&8.into(), &"history".into()));
    assert!(open["protocol"].is_null());
    assert!(open.get("reason").is_none());

    row.reason = Some("idle");
    row.closed_seconds_ago = Some(2.0);
    let closed = serde_json::to_value(&row).expect("JSON");
    assert_eq!((&closed["reason"], &closed["closed_seconds_ago"]), (&"idle".into(), &2.0.into()));
}

#[test]
fn what_is_not_there_is_404_with_the_index() {
    let (status, body) = get("/metric", "", &Fake::new());
    assert_eq!(status, 404);
    assert!(body.contains("/metrics"), "{body}");
    let (status, index) = get("/", "", &Fake::new());
    assert_eq!(status, 200);
    assert!(index.contains("/readyz"), "{index}");
}

#[test]
fn a_path_has_its_methods() {
    for (method, path, status) in [
        (Method::Get, "/kick", 405),
        (Method::Head, "/drain", 405),
        (Method::Post, "/", 405),
        (Method::Post, "/metrics", 405),
        (Method::Post, "/none", 404),
        (Method::Head, "/metrics", 200),
    ] {
        let request = Request { method, path, ..GET };
        let response = answer(request, &Peer::Owner, &Access::default(), &*Fake::new());
        assert_eq!(response.status, status, "{method:?} {path}");
        let allow = response.header.filter(|(name, _)| *name == "Allow");
        assert_eq!(allow.is_some(), status == 405, "{method:?} {path}");
    }
}

#[test]
fn latencies_are_reported_per_shard_and_in_total() {
    let (status, body) = get("/latency.json", "", &Fake::new());
    let page: crate::admin::Latencies = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, page.shards.len(), page.total.count), (200, 2, 200));
    let times = &page.shards[1].times;
    let reported = [times.p50_us, times.p90_us, times.p99_us, times.p999_us, times.p9999_us, times.max_us];
    assert_eq!(reported, [9.0, 9.0, 30.0, 5000.0, 5000.0, 5000.0].map(Some));
    assert!(times.buckets.is_empty());
    let (_, body) = get("/latency.json", "buckets", &Fake::new());
    let page: crate::admin::Latencies = serde_json::from_str(&body).expect("JSON");
    assert_eq!(page.shards[0].times.buckets, [(9_000, 98), (30_000, 1), (5_000_000, 1)]);
    let empty = serde_json::to_value(crate::admin::latency::Times::default()).expect("JSON");
    assert!(empty["p99_us"].is_null() && empty["count"] == 0, "{empty}");
}

#[test]
fn shards_are_reported_as_totals() {
    let (status, body) = get("/shards.json", "", &Fake::new());
    let page: crate::admin::Shards = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, page.draining, page.shards.len()), (200, false, 2));
    let shard = &page.shards[0];
    assert_eq!((shard.cpu, shard.connections, shard.opened, shard.dropped_messages), (Some(4), 3, 5, 9));
    assert!((shard.busy_seconds - 1.5).abs() < 1e-9);
}

fn get(path: &str, query: &str, source: &Fake) -> (u16, String) {
    let request = Request { path, query, ..GET };
    let Response { status, body, .. } = answer(request, &Peer::Owner, &Access::default(), source);
    (status, String::from_utf8(body).expect("text"))
}
