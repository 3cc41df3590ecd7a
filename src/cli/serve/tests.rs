use std::sync::Mutex;

use shardcast::{
    ConnId, KickError,
    stats::{Connections, DomainStats, MemoryStats, ObjectStats, ShardStats},
};

use super::*;
use crate::{
    config::{Inputs, Loaded, SourceFile, load},
    control::Reloads,
};

#[test]
fn one_ready_line_has_all_addresses() {
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
fn an_operators_drain_does_not_count_as_a_signal() {
    let config = "[admin]\nlisten = ''\n[server]\ndrain = '7s'";
    let given = [Order::Drain(Duration::from_secs(9)), Order::Stop("SIGTERM"), Order::Stop("SIGTERM")];
    assert_eq!(run(&given, "stop", config).calls, ["drain 9s", "drain 7s", "stop"]);
}

#[test]
fn a_reload_changes_limits_or_nothing_and_reports_to_the_requester() {
    let config = "[admin]\nlisten = ''\n";
    let (answer, answered) = flume::unbounded();
    let given = [Order::Reload(Some(answer)), Order::Reload(None), Order::Drain(Duration::from_secs(1))];
    let with = |again: Result<&str, &str>| {
        let again = again.map(|text| format!("{config}{text}")).map_err(str::to_owned);
        run_and_read(&given, "drain", config, again).calls
    };
    assert_eq!(
        with(Ok("[limits]\nidle_timeout = '5s'")),
        ["limits 5s", "drain 1s"],
        "the second time it is so"
    );
    assert!(matches!(answered.recv(), Ok(Outcome::Taken { applied, .. }) if applied.len() == 1));
    assert_eq!(with(Ok("[server]\nshards = 3")), ["drain 1s"]);
    assert!(matches!(answered.recv(), Ok(Outcome::Taken { needs_restart, .. }) if needs_restart.len() == 1));
    assert_eq!(with(Err("an error")), ["drain 1s"]);
    assert!(matches!(answered.recv(), Ok(Outcome::Rejected { errors }) if errors == "an error"));
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

#[test]
fn a_signal_ends_a_start_that_hangs() {
    let loaded = loaded_from("[admin]\nlisten = ''");
    let (sender, orders) = flume::unbounded();
    sender.send(Order::Reload(None)).expect("open");
    sender.send(Order::Stop("SIGTERM")).expect("open");
    let (_never, forever) = flume::bounded::<()>(0);
    let start = move |_: &Config| match forever.recv() {
        Ok(()) => unreachable!("nothing is sent"),
        Err(error) => Err(error.into()),
    };
    let mut stopping = Stopping::default();
    let config = &loaded.config;
    let result = serve(
        config,
        &|| Err("unread".into()),
        start,
        (sender, orders),
        &|line| panic!("{line}"),
        &mut stopping,
    );
    assert!(result.is_ok() && stopping.reason == "SIGTERM", "{result:?} {stopping:?}");
}

/// The result of a run with a scripted server.
struct Run {
    result: anyhow::Result<()>,
    out: String,
    calls: Vec<String>,
}

/// Runs with as many signals as `until` has words. The server ends at the last of these calls; without any, it fails.
fn outcome(until: &[&str], config: &str) -> Run {
    run(&vec![Order::Stop("SIGTERM"); until.len()], until.last().copied().unwrap_or_default(), config)
}

/// Runs with these orders, until the call `last`.
fn run(given: &[Order], last: &str, config: &str) -> Run {
    run_and_read(given, last, config, Err("unreadable".into()))
}

fn loaded_from(text: &str) -> Loaded {
    let file = SourceFile { name: "test".into(), text: text.into() };
    load(Registry::builtin().catalog(), Inputs { file: Some(file), ..Inputs::default() }).expect("valid")
}

/// As [`run`], with the configuration for the next reload.
fn run_and_read(given: &[Order], last: &str, config: &str, again: Result<String, String>) -> Run {
    let loaded = loaded_from(config);
    let (sender, orders) = flume::unbounded();
    let (end, ended) = flume::unbounded();
    if given.is_empty() {
        end.send(Err("shard 1 is gone".into())).expect("open");
    }
    let calls = Arc::new(Mutex::new(Vec::new()));
    let last = last.to_owned();
    let engine = Scripted { calls: calls.clone(), last, end, ended };
    let out = Mutex::new(String::new());
    let orderer = sender.clone();
    let announce = |line: String| {
        out.lock().expect("no panic").push_str(&line);
        // Not earlier, since a signal ends a start.
        given.iter().for_each(|order| orderer.send(order.clone()).expect("open"));
    };
    let again = || again.clone().map(|text| loaded_from(&text).config);
    let result = serve(
        &loaded.config,
        &again,
        |_| Ok(Box::new(engine)),
        (sender, orders),
        &announce,
        &mut Stopping::default(),
    );
    let calls = calls.lock().expect("no panic").clone();
    Run { result, out: out.into_inner().expect("no panic"), calls }
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

    fn source(&self, control: Control) -> Arc<dyn Source> {
        Arc::new(Nothing(control))
    }

    fn set_limits(&self, config: &Config) {
        self.call("limits", format!("limits {}", config.limits.idle_timeout));
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

struct Nothing(Control);

impl Source for Nothing {
    fn shards(&self) -> Vec<ShardStats> {
        Vec::new()
    }
    fn called_objects(&self) -> Vec<ObjectStats> {
        Vec::new()
    }
    fn client_domains(&self) -> Vec<DomainStats> {
        Vec::new()
    }
    fn memory(&self) -> MemoryStats {
        MemoryStats::default()
    }
    fn connections(&self) -> Connections {
        Connections::default()
    }
    fn closed(&self) -> Connections {
        Connections::default()
    }
    fn draining(&self) -> bool {
        false
    }
    fn checks(&self) -> Vec<(String, Result<String, String>)> {
        Vec::new()
    }
    fn kick(&self, _id: ConnId, _now: bool) -> Result<(), KickError> {
        Err(KickError::NotFound)
    }
    fn drain(&self, timeout: Option<Duration>) -> Option<Duration> {
        timeout
    }
    fn reload(&self) -> Option<Outcome> {
        None
    }
    fn reloads(&self) -> &Reloads {
        &self.0.reloads
    }
}
