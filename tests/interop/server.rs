//! A client of `@tars/rpc` calls our servants.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use shardcast::{
    Failure, Listener, Server,
    tars::{
        codec::TarsStruct as _,
        packet::Version,
        rpc::{Adapter, CallContext},
    },
    task,
};

use crate::{
    node::Node,
    oracle::hex,
    test_app::{All, HelloDispatcher, HelloEchoReply, HelloServant, PushSender},
    values,
};

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_client_in_javascript_gets_results() {
    let (served, mut client) = serve();
    for version in VERSIONS {
        let hello = client.call(version, "hello", json!({"no": 1000, "name": "żółw"}));
        assert_eq!(hello["values"], json!({"": "hello żółw #1000"}), "{version}");
        let slow = client.call(version, "slow", json!({"ms": 5}));
        assert_eq!(slow["values"], json!({"": 5}), "{version}");
        // In TUP the response has an empty buffer, as that of TarsCpp, which this client cannot read.
        if version == VERSIONS[0] {
            let pong = client.call(version, "tars_ping", json!({}));
            assert_eq!(pong["values"], json!({}), "{version}: {pong}");
        }

        for all in values::some_of_all() {
            let echo = client.call(version, "echo", json!({"in": hex(&all.to_vec())}));
            let expected = json!({"": all.ints.len(), "result": hex(&all.to_vec())});
            assert!(echo["values"] == expected, "{version}: {all:?}");
        }
    }
    client.end();
    served.check_connections(VERSIONS.len());
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_client_in_javascript_gets_failures_and_keeps_its_connection() {
    let (served, mut client) = serve();
    for version in VERSIONS {
        for (code, on_wire) in [(7, 7), (-5, -5), (-99, -99), (-100, -99), (0, -99)] {
            let failed = client.call(version, "fail", json!({"code": code, "why": "as asked"}));
            assert_eq!(failed["error"], json!({"code": on_wire, "text": "as asked"}), "{version}: {code}");
        }
        let failed = client.call(version, "none", json!({}));
        assert_eq!(failed["error"], json!({"code": -3, "text": ""}), "{version}");
        // An unknown type; nothing; and a field that ends early.
        for raw in ["ff", "", "0c16"] {
            let failed = client.send(version, "hello", json!({"raw": raw}));
            assert_eq!(client.receive(failed)["error"]["code"], json!(-1), "{version}: {raw}");
        }
        let failed = client.send(version, "slow", json!({"object": OTHER, "arguments": {"ms": 0}}));
        assert_eq!(client.receive(failed)["error"], json!({"code": -4, "text": ""}), "{version}");
    }
    client.end();
    // Both objects have their own.
    served.check_connections(2 * VERSIONS.len());
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_client_in_javascript_exchanges_contexts() {
    let (_served, mut client) = serve();
    for version in VERSIONS {
        let call = client.send(
            version,
            "context",
            json!({"arguments": {"name": "color"}, "context": {"color": "blue", "size": "XL"}}),
        );
        let found = client.receive(call);
        assert_eq!(found["values"], json!({"": "blue"}), "{version}");
        assert_eq!(found["context"], json!({"seen": "color"}), "{version}");
        let found = client.call(version, "context", json!({"name": "color"}));
        assert_eq!(found["values"], json!({"": ""}), "{version}");
    }
    client.end();
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_client_in_javascript_has_many_calls_in_flight() {
    let (served, mut client) = serve();
    for version in VERSIONS {
        client.call(version, "hello", json!({"no": 0, "name": "first"}));
        let slow = client.send(version, "slow", json!({"arguments": {"ms": -1}}));
        let hellos: Vec<_> = (0..50)
            .map(|no| client.send(version, "hello", json!({"arguments": {"no": no, "name": "x"}})))
            .collect();
        let answers: Vec<_> = (0..50).map(|_| client.next()).collect();
        for (no, (id, answer)) in hellos.iter().zip(&answers).enumerate() {
            assert_eq!(answer["id"], json!(id), "{version}");
            assert_eq!(answer["values"], json!({"": format!("hello x #{no}")}), "{version}");
        }
        served.release.store(true, Ordering::Relaxed);
        assert_eq!(
            client.receive(slow)["values"],
            json!({"": -1}),
            "{version}: the others did not wait for it"
        );
        served.release.store(false, Ordering::Relaxed);
    }
    client.end();
    served.check_connections(VERSIONS.len());
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn one_way_calls_of_a_client_in_javascript_arrive_and_have_no_response() {
    let (served, mut client) = serve();
    for version in VERSIONS {
        client.call(version, "hello", json!({"no": 0, "name": "first"}));
        for (function, arguments) in [
            ("hello", json!({"no": 1, "name": version.to_string()})),
            ("fail", json!({"code": 7, "why": "unseen"})),
            ("none", json!({})),
        ] {
            let call = client.send(version, function, json!({"arguments": arguments, "packetType": 1}));
            let text = "one way call do not need response";
            assert_eq!(
                client.receive(call)["error"]["text"],
                json!(text),
                "{version}: the client says so itself"
            );
        }
        client.call(version, "hello", json!({"no": 2, "name": version.to_string()}));
        let expected = [(1, version.to_string()), (2, version.to_string())];
        assert_eq!(served.hellos()[1..], expected, "{version}");
        served.hellos.lock().expect("no panic").clear();
    }
    assert_eq!(client.end(), [""; 0]);
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn calls_of_a_client_in_javascript_end_before_the_server_does() {
    let (served, mut client) = serve();
    for version in VERSIONS {
        client.send(version, "slow", json!({"arguments": {"ms": 500}}));
        client.send(version, "hello", json!({"arguments": {"no": 1, "name": "ann"}}));
    }
    let mut results = Vec::new();
    let is_hello = |value: &Value| value[""] == json!("hello ann #1");
    // Then the calls before them have arrived, too.
    while results.iter().filter(|value| is_hello(value)).count() < VERSIONS.len() {
        results.push(client.next()["values"].clone());
    }
    served.server.stop().expect("no errors");
    while results.len() < 2 * VERSIONS.len() {
        results.push(client.next()["values"].clone());
    }
    results.retain(|value| !is_hello(value));
    assert_eq!(results, [json!({"": 500}), json!({"": 500}), json!({"": 500})]);
    client.end();
}

/// `@tars/rpc` reads pushes in version 1 only.
#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_client_in_javascript_gets_pushes_among_responses() {
    let (_served, mut client) = serve();
    let mut pushes = 0;
    let calls: Vec<_> = [("registerPush", json!({"intervalMs": 10})), ("slow", json!({"ms": 100}))]
        .map(|(function, arguments)| client.send(Version::TARS, function, json!({"arguments": arguments})))
        .into();
    let mut answers = Vec::new();
    while pushes < 10 || answers.len() < 2 {
        let line = client.next();
        if line["push"].is_null() {
            answers.push((line["id"].clone(), line["values"].clone()));
        } else {
            assert_eq!(line, json!({"push": "pushMsg", "values": {"msg": format!("push {pushes}")}}));
            pushes += 1;
        }
    }
    assert_eq!(answers, [(json!(calls[0]), json!({"": 0})), (json!(calls[1]), json!({"": 100}))]);
    client.end();
}

/// Those that `@tars/rpc` can send: TARS, and TUP in both forms.
const VERSIONS: [Version; 3] = [Version::TARS, Version::TUP_TYPED, Version::TUP];

/// The client: see `client.js`.
struct Client {
    node: Node,
    calls: u32,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let endpoint = format!("tcp -h {} -p {} -t 60000", address.ip(), address.port());
        Self { node: Node::start("client.js", &[&endpoint]), calls: 0 }
    }

    /// Sends a call, and returns its number.
    fn send(&mut self, version: Version, function: &str, how: Value) -> u32 {
        self.calls += 1;
        let mut line =
            json!({"id": self.calls, "version": version.0, "object": OBJECT, "function": function});
        let Value::Object(how) = how else { panic!("an object") };
        line.as_object_mut().expect("an object").extend(how);
        self.node.write(&line.to_string());
        self.calls
    }

    /// Its next line.
    fn next(&self) -> Value {
        serde_json::from_str(&self.node.line()).expect("a line of JSON")
    }

    /// The answer to a call, which is the next.
    fn receive(&self, call: u32) -> Value {
        let answer = self.next();
        assert_eq!(answer["id"], json!(call), "{answer}");
        answer
    }

    fn call(&mut self, version: Version, function: &str, arguments: Value) -> Value {
        let call = self.send(version, function, json!({"arguments": arguments}));
        self.receive(call)
    }

    fn end(self) -> Vec<String> {
        self.node.end()
    }
}

struct Served {
    server: Server,
    hellos: Hellos,
    /// Ends the calls of `slow` with a negative time.
    release: Arc<AtomicBool>,
}

/// The arguments of each call of `hello`.
type Hellos = Arc<Mutex<Vec<(i32, String)>>>;

impl Served {
    fn hellos(&self) -> Vec<(i32, String)> {
        self.hellos.lock().expect("no panic").clone()
    }

    /// So many were accepted: none was opened again.
    fn check_connections(&self, expected: usize) {
        let shards = self.server.handle().stats();
        let opened: u64 = shards.iter().flat_map(|shard| &shard.listeners).map(|it| it.opened).sum();
        assert_eq!(opened, expected as u64);
    }
}

fn serve() -> (Served, Client) {
    let hellos = Hellos::default();
    let release = Arc::<AtomicBool>::default();
    let shared = (Arc::clone(&hellos), Arc::clone(&release));
    let adapter = Adapter::over(Listener::new("hello", "127.0.0.1:0")).servant(OBJECT, move |_| {
        let (hellos, release) = shared.clone();
        HelloDispatcher::new(Hello { hellos, release })
    });
    let server = Server::builder().listen(adapter.listener()).shards(2).start().expect("a server");
    let address = server.address("hello").expect("its listener");
    (Served { server, hellos, release }, Client::connect(address))
}

struct Hello {
    hellos: Hellos,
    release: Arc<AtomicBool>,
}

impl HelloServant for Hello {
    async fn hello(&self, _cx: &CallContext, no: i32, name: String) -> Result<String, Failure> {
        let greeting = format!("hello {name} #{no}");
        self.hellos.lock().expect("no panic").push((no, name));
        Ok(greeting)
    }

    async fn echo(&self, _cx: &CallContext, r#in: All) -> Result<HelloEchoReply, Failure> {
        let ret = i32::try_from(r#in.ints.len()).map_err(|_| Failure::new(1, "too many ints"))?;
        Ok(HelloEchoReply { ret, result: r#in })
    }

    async fn fail(&self, _cx: &CallContext, code: i32, why: String) -> Result<(), Failure> {
        Err(Failure::new(code, why))
    }

    async fn slow(&self, _cx: &CallContext, ms: i32) -> Result<i32, Failure> {
        while ms < 0 && !self.release.load(Ordering::Relaxed) {
            task::sleep(Duration::from_millis(1)).await;
        }
        task::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
        Ok(ms)
    }

    async fn context(&self, cx: &CallContext, name: String) -> Result<String, Failure> {
        cx.set_response_context("seen", &name);
        Ok(cx.context_value(&name).unwrap_or_default())
    }

    async fn register_push(&self, cx: &CallContext, interval_ms: i32) -> Result<i32, Failure> {
        let interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(0).max(1));
        let connection = cx.connection().clone();
        let local = connection.local().ok_or_else(|| Failure::new(1, "the connection has ended"))?;
        local.spawn("push", async move {
            for n in 0_u64.. {
                if connection.push(PushSender::push_msg(&format!("push {n}"))).is_err() {
                    break;
                }
                task::sleep(interval).await;
            }
        });
        Ok(0)
    }
}

const OBJECT: &str = "TestApp.HelloServer.HelloObj";
/// One that is not served.
const OTHER: &str = "TestApp.HelloServer.OtherObj";
