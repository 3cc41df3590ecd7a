use std::sync::Mutex;

use shardcast::{
    Busy, ConnId,
    stats::{ConnectionInfo, ShardStats},
};

use super::*;
use crate::config::{Inputs, SourceFile, load};

#[test]
fn one_ready_line_tells_all_addresses() {
    let out = outcome(&["drain"], "[admin]\nlisten = '127.0.0.1:0'\nsocket = ''").out;
    let line = out.strip_suffix('\n').expect("one line");
    let ready: serde_json::Value =
        serde_json::from_str(line.strip_prefix("ready ").expect("the word")).expect("JSON");
    assert_eq!(ready["shards"], 2);
    assert_eq!(
        ready["listeners"][0],
        serde_json::json!({"name": "push", "protocol": "tars-framed", "addr": "127.0.0.1:7"})
    );
    let admin: SocketAddr = ready["admin"].as_str().expect("text").parse().expect("an address");
    assert_ne!(admin.port(), 0);
}

#[test]
fn without_admin_the_ready_line_has_null() {
    let out = outcome(&["drain"], "[admin]\nlisten = ''").out;
    assert!(out.contains("\"admin\":null"), "{out}");
}

#[test]
fn the_first_signal_drains_and_the_second_stops() {
    let config = "[admin]\nlisten = ''\n[server]\ndrain = '7s'";
    assert_eq!(outcome(&["drain"], config).calls, ["drain 7s"]);
    assert_eq!(outcome(&["drain", "stop"], config).calls, ["drain 7s", "stop"]);
}

#[test]
fn an_operators_drain_is_no_signal() {
    let config = "[admin]\nlisten = ''\n[server]\ndrain = '7s'";
    let told = [Order::Drain(Duration::from_secs(9)), Order::Stop("SIGTERM"), Order::Stop("SIGTERM")];
    assert_eq!(run(&told, "stop", config).calls, ["drain 9s", "drain 7s", "stop"]);
}

#[test]
fn a_server_that_fails_is_an_error() {
    let outcome = outcome(&[], "[admin]\nlisten = ''");
    assert_eq!(outcome.result.expect_err("it failed").to_string(), "shard 1 is gone");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let error = outcome(&[], &format!("[admin]\nlisten = '{address}'")).result.expect_err("taken");
    let text = format!("{error:#}");
    assert!(text.contains(&address.to_string()) && text.contains("[admin]"), "{text}");
}

/// What a run with a scripted server did.
struct Outcome {
    result: anyhow::Result<()>,
    out: String,
    calls: Vec<String>,
}

/// Runs with as many signals as `until` has words; the server ends at the last of these calls, or fails by
/// itself when there are none.
fn outcome(until: &[&str], config: &str) -> Outcome {
    run(&vec![Order::Stop("SIGTERM"); until.len()], until.last().copied().unwrap_or_default(), config)
}

/// Runs with these orders, until the call `last`.
fn run(told: &[Order], last: &str, config: &str) -> Outcome {
    let file = SourceFile { name: "test".into(), text: config.into() };
    let loaded = load(Inputs { file: Some(file), ..Inputs::default() }).expect("valid");
    let (sender, orders) = flume::unbounded();
    told.iter().for_each(|order| sender.send(*order).expect("open"));
    let (end, ended) = flume::unbounded();
    if told.is_empty() {
        end.send(Err("shard 1 is gone".into())).expect("open");
    }
    let calls = Arc::new(Mutex::new(Vec::new()));
    let last = last.to_owned();
    let engine = Scripted { calls: calls.clone(), last, end, ended };
    let mut out = Vec::new();
    let result = serve(&loaded.config, |_| Ok(Box::new(engine)), (sender, orders), &mut out);
    let calls = calls.lock().expect("no panic").clone();
    Outcome { result, out: String::from_utf8(out).expect("text"), calls }
}

struct Scripted {
    calls: Arc<Mutex<Vec<String>>>,
    last: String,
    end: flume::Sender<Result<(), String>>,
    ended: flume::Receiver<Result<(), String>>,
}

impl Scripted {
    fn call(&self, name: &str, text: String) {
        self.calls.lock().expect("no panic").push(text);
        if self.last == name {
            self.end.send(Ok(())).expect("open");
        }
    }
}

impl Engine for Scripted {
    fn shards(&self) -> usize {
        2
    }

    fn listeners(&self) -> Vec<ReadyListener> {
        let addr = ([127, 0, 0, 1], 7).into();
        vec![ReadyListener { name: "push".into(), protocol: "tars-framed", addr }]
    }

    fn source(&self, _orders: flume::Sender<Order>) -> Arc<dyn Source> {
        Arc::new(Nothing)
    }

    fn drain(&self, timeout: Duration) {
        self.call("drain", format!("drain {timeout:?}"));
    }

    fn stop(&self) {
        self.call("stop", "stop".into());
    }

    fn ended(&self) -> &flume::Receiver<Result<(), String>> {
        &self.ended
    }
}

struct Nothing;

impl Source for Nothing {
    fn shards(&self) -> Vec<ShardStats> {
        Vec::new()
    }
    fn connections(&self) -> Vec<ConnectionInfo> {
        Vec::new()
    }
    fn closed(&self) -> Vec<ConnectionInfo> {
        Vec::new()
    }
    fn draining(&self) -> bool {
        false
    }
    fn checks(&self) -> Vec<(String, Result<String, String>)> {
        Vec::new()
    }
    fn kick(&self, _id: ConnId) -> Result<bool, Busy> {
        Ok(false)
    }
    fn drain(&self, timeout: Option<Duration>) -> Option<Duration> {
        timeout
    }
}
