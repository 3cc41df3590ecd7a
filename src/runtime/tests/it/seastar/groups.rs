//! Task queues in which handlers run.

use std::rc::Rc;

use shardcast::{
    Server,
    proto::seastar::Features,
    seastar::{Client, ClientConfig, IsolationRefused, Protocol, Registry, RpcLimits, RpcService, Verb},
    task::{self, Queue},
};

use super::{connect, raw::RawClient, serve_with};

const PLAIN: Verb<(), String> = Verb::new(1);
const REPORT: Verb<(), String> = Verb::new(2);
const PANIC: Verb<(), String> = Verb::new(3);

/// The queue it runs in, also after it has waited.
async fn queue() -> Result<String, std::fmt::Error> {
    let name = || Queue::current().map_or_else(|| "-".to_owned(), |queue| queue.name().to_owned());
    let before = name();
    task::yield_now().await;
    assert_eq!(name(), before);
    Ok(before)
}

fn service(registry: &Registry) -> RpcService {
    registry.on(PLAIN, |_cx, ()| queue());
    registry.on_in("reports", REPORT, |_cx, ()| queue());
    registry.on_in("reports", PANIC, |_cx, ()| async {
        if Queue::current().is_some() {
            panic!("as asked");
        }
        queue().await
    });
    registry.service().queue("gold", 900).queue("reports", 50)
}

fn isolation(cookie: &[u8]) -> Result<Option<Rc<str>>, IsolationRefused> {
    match cookie {
        b"bad" => Err(IsolationRefused),
        b"plain" => Ok(None),
        name => Ok(std::str::from_utf8(name).ok().map(Into::into)),
    }
}

fn client(server: &Server, cookie: &str) -> Client {
    let config = ClientConfig::default().with(|it| it.isolation = cookie.to_owned().into());
    Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap()
}

fn shares(server: &Server, name: &str) -> Option<u16> {
    let queues = server.handle().stats().remove(0).task_queues;
    queues.into_iter().find(|queue| queue.name == name).map(|queue| queue.shares)
}

#[test]
fn a_verb_has_a_queue() {
    let server = serve_with(1, Protocol::default(), service);
    let client = connect(&server);
    assert_eq!(client.call_blocking(PLAIN, &()).as_deref(), Ok("-"));
    assert_eq!(client.call_blocking(REPORT, &()).as_deref(), Ok("reports"));
    assert_eq!(shares(&server, "reports"), Some(50));
    assert_eq!(shares(&server, "gold"), None);
    assert!(client.call_blocking(PANIC, &()).is_err());
    assert_eq!(client.call_blocking(REPORT, &()).as_deref(), Ok("reports"));
}

#[test]
fn the_queue_of_a_connection_comes_before_that_of_a_verb() {
    let server = serve_with(1, Protocol::default().isolation(isolation), service);
    for (cookie, plain, report) in
        [("gold", "gold", "gold"), ("sg2", "sg2", "sg2"), ("plain", "-", "reports")]
    {
        let client = client(&server, cookie);
        assert_eq!(client.call_blocking(PLAIN, &()).as_deref(), Ok(plain), "{cookie}");
        assert_eq!(client.call_blocking(REPORT, &()).as_deref(), Ok(report), "{cookie}");
    }
    assert_eq!((shares(&server, "gold"), shares(&server, "sg2")), (Some(900), Some(100)));
    assert!(client(&server, "bad").call_blocking(PLAIN, &()).is_err());
}

#[test]
fn a_client_without_a_cookie_runs_in_the_queues_of_the_verbs() {
    let server = serve_with(1, Protocol::default().isolation(isolation), service);
    let client = connect(&server);
    assert_eq!(client.call_blocking(PLAIN, &()).as_deref(), Ok("-"));
    assert_eq!(client.call_blocking(REPORT, &()).as_deref(), Ok("reports"));
    // Without an isolation function, a cookie means nothing.
    let server = serve_with(1, Protocol::default(), service);
    let client = self::client(&server, "gold");
    assert_eq!(client.call_blocking(REPORT, &()).as_deref(), Ok("reports"));
}

/// Clients that name many groups do not take all queues of the shard.
#[test]
fn groups_without_shares_have_a_bounded_number_of_queues() {
    let server = serve_with(1, Protocol::default().isolation(isolation), service);
    let names: Vec<_> = (0..100)
        .map(|number| client(&server, &format!("group {number}")).call_blocking(PLAIN, &()).unwrap())
        .collect();
    let own = names.iter().filter(|name| name.starts_with("group")).count();
    assert!((10..=20).contains(&own), "{own}");
    assert!(names[own..].iter().all(|name| name == "others"), "{names:?}");
    // One with shares still gets its own, and those that have one keep it.
    assert_eq!(client(&server, "gold").call_blocking(PLAIN, &()).as_deref(), Ok("gold"));
    assert_eq!(client(&server, "group 3").call_blocking(PLAIN, &()).as_deref(), Ok("group 3"));
}

/// A call that has waited for memory runs in its queue as well.
#[test]
fn a_call_that_waited_runs_in_its_queue() {
    let server = serve_with(1, Protocol::default().isolation(isolation), |registry| {
        service(registry).limits(RpcLimits::default().with(|it| {
            it.basic_request_size = 1;
            it.memory_max = Some(1);
        }))
    });
    let offer = Features { isolation: Some(b"gold"[..].into()), ..Features::default() };
    let mut client = RawClient::negotiate(server.address("rpc").unwrap(), &offer);
    for _ in 0..10 {
        client.send(REPORT.number(), 0, &[]);
    }
    for id in 1..=10 {
        let name = [&4_u32.to_le_bytes()[..], b"gold"].concat();
        assert_eq!(client.receive(), Some((id, false, name)));
    }
}
