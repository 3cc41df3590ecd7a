//! `shardcast bench` as a user runs it, against servers that misbehave on purpose.
#![forbid(unsafe_code)]

mod misbehaving;

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use assert_cmd::assert::OutputAssertExt;
use misbehaving::{Behaviour, serve};
use serde_json::Value;

/// The benchmark is honest: a stall that delays users is in the result, unless the user chooses the loop that
/// hides it.
#[test]
fn a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    // At 1,000 messages a second, 100 ms of each half second. A busy machine keeps up with so few, one at a time.
    let server = serve(Behaviour::StallAfterEach { messages: 500 });
    let arguments = ["--connections", "1", "--depth", "1", "--rate", "1000", "--time", "2"];
    let open = measure(server, &arguments);
    let closed = measure(server, &[&arguments[..], &["--closed"]].concat());
    let p99_ms = |report: &Value, of: &str| report[of]["p99"].as_f64().expect("a number") / 1e6;

    assert!(p99_ms(&open, "latency") > 50.0, "{}", p99_ms(&open, "latency"));
    assert!(p99_ms(&open, "service") < 50.0, "only what is on the way, one of 500, is served slowly");
    assert!(p99_ms(&closed, "latency") < 50.0, "a closed loop does not send while it should");
    assert_eq!(open["omitted"], 0);
    assert!(closed["omitted"].as_u64() > Some(100), "{}", closed["omitted"]);
    assert_eq!(open["lost"], 0);
    assert_eq!(open["unsent"], 0);
}

#[test]
fn lost_duplicated_reordered_and_corrupt_messages_are_counted() {
    let server = serve(Behaviour::Unreliable);
    let report = measure(
        server,
        &["--connections", "1", "--depth", "100000", "--rate", "1000", "--time", "1", "--warm-up", "0"],
    );
    let expected = misbehaving::faults(1000);
    let found = ["lost", "duplicated", "reordered", "corrupt"].map(|name| report[name].as_u64());
    assert_eq!(report["sent"], 1000);
    assert_eq!(found, expected.map(Some));
}

#[test]
fn a_condition_that_does_not_hold_ends_with_five() {
    let server = serve(Behaviour::Unreliable).to_string();
    let arguments = ["bench", "echo", "--connect", &server, "--connections", "1", "--depth", "100000"];
    let arguments =
        [&arguments[..], &["--rate", "1000", "--time", "0.2", "--assert", "sent>0,lost=0"]].concat();
    let failed = shardcast(&arguments).assert().code(5).get_output().clone();
    let text = String::from_utf8(failed.stderr).expect("text");
    assert!(text.contains("failed: lost=0 does not hold: lost is "), "{text}");
    assert!(!text.contains("sent>0"), "{text}");
}

#[test]
fn a_server_in_this_process_is_measured_and_compared_with_itself() {
    let folder = folder("compared");
    let file = |name: &str| folder.join(name).to_str().expect("a path of text").to_owned();
    let [json, hgrm, html] = [file("a.json"), file("a.hgrm"), file("a.html")];
    let arguments =
        ["bench", "echo", "--connections", "4", "--rate", "1000", "--time", "0.5", "--shards", "1"];
    let files =
        ["--json", &json, "--hgrm", &hgrm, "--html", &html, "--assert", "lost=0,duplicated=0,corrupt=0"];
    let output = shardcast(&[&arguments[..], &files].concat()).assert().success().get_output().clone();
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.contains("lost 0, duplicated 0, reordered 0, corrupt 0 of 600 messages"), "{printed}");
    assert!(printed.contains("pacing error: p50 "), "{printed}");

    let report: Value = serde_json::from_str(&fs::read_to_string(&json).expect("written")).expect("JSON");
    assert_eq!(report["latency"]["count"], 500);
    assert_eq!(report["environment"]["shards"], 1);
    assert!(report["environment"]["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty()));
    assert!(fs::read_to_string(&hgrm).expect("written").contains("Total count    =          500]"));
    assert!(fs::read_to_string(&html).expect("written").ends_with("</html>\n"));

    let compare = ["bench", "compare", &json, &json];
    let output = shardcast(&compare).assert().success().get_output().clone();
    assert!(String::from_utf8(output.stdout).expect("text").contains("95 % confidence"));
    shardcast(&[&compare[..], &["--fail-if", "p99>+10%"]].concat()).assert().success();
    shardcast(&[&compare[..], &["--fail-if", "p99>1ns"]].concat()).assert().code(5);
}

#[test]
fn calls_over_tars_are_measured_by_both_names_of_the_command() {
    let exact = ["--assert", "sent=200,received=200,lost=0,duplicated=0,corrupt=0,disconnected=0"];
    let load =
        ["--connections", "2", "--depth", "4", "--rate", "500", "--time", "0.4", "--warm-up", "0", "--json"];
    for command in [&["bench", "tars"][..], &["bench", "echo", "--via", "tars"]] {
        for size in ["36", "100000"] {
            let arguments = [command, &load, &exact, &["--size", size]].concat();
            let output = shardcast(&arguments).assert().success().get_output().clone();
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(
                (&report["test"]["kind"], &report["test"]["protocol"]),
                (&"echo".into(), &"tars".into())
            );
        }
    }
    shardcast(&["bench", "tars", "--via", "framed"]).assert().code(2);
}

#[test]
fn streams_are_measured_in_each_direction() {
    let exact = ["--assert", "lost=0,duplicated=0,reordered=0,corrupt=0,disconnected=0,rate>0"];
    let command = ["bench", "seastar", "--connections", "3", "--time", "0.3", "--warm-up", "0.05"];
    for direction in ["to-server", "to-client", "both"] {
        for (size, shards) in [("36", "1"), ("100000", "2")] {
            let load = ["--stream", direction, "--size", size, "--shards", shards, "--json"];
            let arguments = [&command[..], &load, &exact].concat();
            let output = shardcast(&arguments).assert().success().get_output().clone();
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(report["test"]["kind"], format!("stream-{direction}"));
            assert_eq!(report["sent"], report["received"]);
            assert_eq!(report["latency"]["count"] != 0, direction == "both", "{report}");
        }
    }
    let page = folder("streams").join("streams.html");
    let html = ["--stream", "to-client", "--html", page.to_str().expect("a path of text")];
    let output = shardcast(&[&command[..], &html].concat()).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("\nto the client ") && text.contains(" MB/s\n"), "{text}");
    assert!(!text.contains("to the server") && !text.contains("latency"), "{text}");
}

#[test]
fn round_trips_and_streams_of_named_peers_are_measured() {
    let clean = "lost=0,duplicated=0,reordered=0,corrupt=0,disconnected=0";
    let measured = |arguments: &[&str], conditions: &str| {
        let all = [&["bench", "tcpshm", "--warm-up", "0.05", "--json"], arguments].concat();
        let conditions = format!("{clean},{conditions}");
        let output = shardcast(&[&all[..], &["--assert", &conditions]].concat()).assert().success();
        let report: Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
        assert_eq!(report["test"]["protocol"], "tcpshm");
        report
    };
    for (size, wait) in [("64", "poll"), ("1024", "sleep")] {
        let ping_pong =
            ["--max", "--connections", "1", "--depth", "1", "--time", "0.2", "--size", size, "--wait", wait];
        let report = measured(&ping_pong, "rate>0,p99>0ns");
        assert_eq!(report["test"]["kind"], "echo");
        assert_eq!(report["sent"], report["received"]);
        assert_eq!(report["environment"]["generator_spins"], wait == "poll");
    }
    let load = ["--connections", "5", "--depth", "4", "--rate", "500", "--time", "0.4", "--warm-up", "0"];
    for shards in ["1", "2"] {
        let load = [&load[..], &["--shards", shards]].concat();
        let all = [&["bench", "echo", "--via", "tcpshm"], &load[..]].concat();
        shardcast(&[&all[..], &["--assert", &format!("{clean},sent=200,received=200")]].concat())
            .assert()
            .success();
    }
    for (connections, batch, size) in [("1", "1", "64"), ("1", "16", "1024"), ("3", "63", "64")] {
        let one_way = ["--stream", "to-server", "--connections", connections, "--batch", batch];
        let report = measured(&[&one_way[..], &["--size", size, "--time", "0.2"]].concat(), "rate>0");
        assert_eq!(report["test"]["kind"], "stream-to-server");
        assert_eq!(report["test"]["depth"].to_string(), batch);
        assert_eq!((&report["sent"], &report["latency"]["count"]), (&report["received"], &0.into()));
    }
}

#[test]
fn connections_are_measured_beside_idle_ones() {
    let load = ["--connections", "2", "--rate", "500", "--time", "0.4", "--warm-up", "0", "--idle", "50"];
    let exact = "lost=0,duplicated=0,corrupt=0,disconnected=0,sent=200,received=200";
    for via in ["framed", "seastar", "tcpshm"] {
        let all = [&["bench", "echo", "--via", via, "--json", "--assert", exact], &load[..]].concat();
        let output = shardcast(&all).assert().success().get_output().clone();
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&report["test"]["connections"], &report["test"]["idle"]), (&2.into(), &50.into()));
    }
    let one_way = ["bench", "tcpshm", "--stream", "to-server", "--connections", "1", "--time", "0.2"];
    let one_way = [&one_way[..], &["--idle", "5", "--assert", "lost=0,disconnected=0,rate>0"]].concat();
    let output = shardcast(&one_way).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("stream to the server: 1 connection beside 5 idle, "), "{text}");
}

#[test]
fn every_subscriber_of_a_topic_receives_its_messages() {
    let published = |arguments: &[&str]| {
        let all = [&["bench", "push", "--time", "0.4", "--warm-up", "0.1", "--json"], arguments].concat();
        let conditions = "lost=0,duplicated=0,reordered=0,corrupt=0,refused=0,unsent=0,disconnected=0";
        let output = shardcast(&[&all[..], &["--assert", conditions]].concat()).assert().success();
        serde_json::from_slice::<Value>(&output.get_output().stdout).expect("JSON")
    };
    for via in ["framed", "tars"] {
        let published = |arguments: &[&str]| {
            let report = published(&[&["--via", via], arguments].concat());
            assert_eq!((&report["test"]["kind"], &report["test"]["protocol"]), (&"push".into(), &via.into()));
            report
        };
        // Connections, topics, shards, and the messages received of 500.
        for (connections, topics, shards, received) in
            [("1", "1", "1", 500), ("10", "1", "2", 5000), ("10", "5", "1", 1000), ("3", "25", "2", 500)]
        {
            let arguments =
                ["--connections", connections, "--topics", topics, "--shards", shards, "--rate", "1000"];
            let report = published(&arguments);
            assert_eq!(
                (&report["sent"], &report["received"]),
                (&500.into(), &received.into()),
                "{via} {arguments:?}"
            );
            assert_eq!(report["test"]["topics"].to_string(), topics);
        }
        let threads = published(&["--connections", "5", "--topics", "2", "--threads", "3", "--rate", "100"]);
        assert_eq!((&threads["sent"], &threads["received"]), (&50.into(), &125.into()));
        let report = published(&["--connections", "4", "--topics", "3", "--max", "--depth", "2"]);
        assert!(report["sent"].as_u64() > Some(0), "{via}: {}", report["sent"]);
        let report = published(&["--connections", "4", "--rate", "50", "--size", "200000"]);
        assert_eq!((&report["sent"], &report["received"]), (&25.into(), &100.into()));
    }
}

#[test]
fn impossible_measurements_and_unreadable_files_are_errors() {
    let gone =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let without_topics = serve(Behaviour::Unreliable).to_string();
    let folder = folder("unreadable");
    let no_report = folder.join("no-report.json");
    fs::write(&no_report, "{}").expect("written");
    let no_report = no_report.to_str().expect("a path of text");
    for (arguments, code, part) in [
        (vec!["echo", "--connect", &gone, "--time", "1"], 1, "cannot connect"),
        (vec!["push", "--connect", &without_topics, "--time", "1"], 1, "does not support topics"),
        (
            vec!["push", "--via", "tars", "--connect", &without_topics, "--time", "1"],
            1,
            "does not support topics",
        ),
        (
            vec!["echo", "--connections", "1000000"],
            1,
            "connections need 2000200 open files, and the limit is",
        ),
        (vec!["echo", "--connect", "nowhere", "--time", "1"], 2, "expected HOST:PORT"),
        (vec!["echo", "--assert", "p99<fast"], 2, "invalid value `fast`: expected a number"),
        (vec!["echo", "--max", "--rate", "5"], 2, "cannot be used with"),
        (vec!["seastar", "--stream", "both", "--rate", "5"], 2, "cannot be used with"),
        (vec!["seastar", "--stream", "both", "--connect", &gone, "--time", "1"], 1, "cannot connect"),
        (vec!["echo", "--stream", "both"], 1, "the protocol framed has no such load"),
        (vec!["tcpshm", "--connect", &gone, "--time", "1"], 1, "cannot connect"),
        (
            vec!["tcpshm", "--connections", "1", "--depth", "100000", "--max", "--time", "0.1"],
            1,
            "the journal of a client is full",
        ),
        (vec!["tcpshm", "--stream", "both"], 1, "streams go to the server only"),
        (vec!["tcpshm", "--batch", "5"], 2, "--stream <DIR>"),
        (vec!["tcpshm", "--size", "65528"], 1, "65528 bytes are too many for this protocol: at most 65527"),
        (vec!["seastar", "--stream", "to-server", "--batch", "5"], 1, "this protocol has no batches"),
        (vec!["seastar", "--stream", "to-server", "--idle", "5"], 1, "no idle connections beside them"),
        (
            vec!["tcpshm", "--connections", "1", "--idle", "1000000"],
            1,
            "need 3000206 open files, and the limit",
        ),
        (vec!["compare", no_report, no_report], 1, "invalid report "),
        (vec!["compare", "no-such-file.json", no_report], 1, "cannot read no-such-file.json"),
    ] {
        let output =
            shardcast(&[&["bench"], &arguments[..]].concat()).assert().code(code).get_output().clone();
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}

/// The JSON result of an echo benchmark against `server`.
fn measure(server: SocketAddr, arguments: &[&str]) -> Value {
    let server = server.to_string();
    let all = [&["bench", "echo", "--json", "--connect", &server], arguments].concat();
    let output = shardcast(&all).assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn shardcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(arguments);
    command
}

fn folder(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder of our own");
    folder
}
