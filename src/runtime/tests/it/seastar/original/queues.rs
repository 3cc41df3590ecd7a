//! Task queues of verbs and of connections: scheduling groups in the original.

use std::{collections::HashSet, rc::Rc, sync::Mutex};

use shardcast::{
    Server,
    seastar::{Client, ClientConfig, IsolationRefused, Protocol, Registry, RpcService, Verb},
    task::Queue,
};

use super::super::{connect, serve_with};

const QUEUE: Verb<(), String> = Verb::new(1);

async fn queue() -> Result<String, std::convert::Infallible> {
    Ok(Queue::current().map_or_else(|| "none".to_owned(), |queue| queue.name().to_owned()))
}

/// The queue of the verb is this one, or it has none.
fn service(registry: &Registry, of_verb: Option<&str>) -> RpcService {
    match of_verb {
        Some(name) => registry.on_in(name, QUEUE, |_cx, ()| queue()),
        None => registry.on(QUEUE, |_cx, ()| queue()),
    }
    registry.service()
}

fn with_cookie(server: &Server, cookie: &str) -> String {
    let config = ClientConfig::default().with(|it| it.isolation = cookie.to_owned().into());
    let client = Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap();
    client.call_blocking(QUEUE, &()).unwrap()
}

fn without_cookie(server: &Server) -> String {
    connect(server).call_blocking(QUEUE, &()).unwrap()
}

#[test]
fn test_rpc_scheduling() {
    let server = serve_with(1, Protocol::default(), |registry| service(registry, Some("rpc")));
    assert_eq!(without_cookie(&server), "rpc");
}

/// Knows two groups, which have their shares from the beginning.
fn known(cookie: &[u8]) -> Result<Option<Rc<str>>, IsolationRefused> {
    Ok(match cookie {
        b"sg1" => Some("sg1".into()),
        b"sg2" => Some("sg2".into()),
        _ => None,
    })
}

#[test]
fn test_rpc_scheduling_connection_based() {
    let server = serve_with(1, Protocol::default().isolation(known), |registry| {
        service(registry, None).queue("sg1", 100).queue("sg2", 100)
    });
    assert_eq!(["sg1", "sg2", "sg3"].map(|cookie| with_cookie(&server, cookie)), ["sg1", "sg2", "none"]);
}

#[test]
fn test_rpc_scheduling_connection_based_compatibility() {
    let server = serve_with(1, Protocol::default().isolation(known), |registry| {
        service(registry, Some("sg1")).queue("sg1", 100).queue("sg2", 100)
    });
    assert_eq!(["sg1", "sg2"].map(|cookie| with_cookie(&server, cookie)), ["sg1", "sg2"]);
    assert_eq!(without_cookie(&server), "sg1");
}

/// Groups are made when the first connection needs them.
fn on_demand() -> Protocol {
    let made = Mutex::<HashSet<Vec<u8>>>::default();
    Protocol::default().isolation(move |cookie| {
        let mut made = made.lock().map_err(|_| IsolationRefused)?;
        made.insert(cookie.to_vec());
        assert!(made.len() <= 2);
        str::from_utf8(cookie).map(|name| Some(name.into())).map_err(|_| IsolationRefused)
    })
}

#[test]
fn test_rpc_scheduling_connection_based_async() {
    let server = serve_with(1, on_demand(), |registry| service(registry, None));
    for _ in 0..2 {
        assert_eq!(["sg1", "sg2"].map(|cookie| with_cookie(&server, cookie)), ["sg1", "sg2"]);
    }
}

#[test]
fn test_rpc_scheduling_connection_based_compatibility_async() {
    let server = serve_with(1, on_demand(), |registry| service(registry, Some("sg3")).queue("sg3", 100));
    assert_eq!(["sg1", "sg2"].map(|cookie| with_cookie(&server, cookie)), ["sg1", "sg2"]);
    assert_eq!(without_cookie(&server), "sg3");
}
