//! A running server and the commands that operate it, each in its own process.
#![forbid(unsafe_code)]

mod support;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::{fs::DirBuilderExt as _, net::UnixListener},
};

use rustix::{
    fs::{Mode, OFlags},
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use shardcast::proto::seastar::Features;
use support::{Server, shardcast};

#[test]
fn connections_are_listed_kicked_and_listed_as_closed() {
    let server = Server::start(&[]);
    let (mut victim, mut other) = (server.client(), server.client());
    let rows: serde_json::Value = serde_json::from_str(&server.ok(&["conns", "--json"])).expect("JSON");
    let peer = victim.local_addr().expect("connected").to_string();
    let rows = rows.as_array().expect("a list");
    let id = rows.iter().find(|row| row["peer"] == peer.as_str()).expect("it is listed")["id"].clone();
    let id = id.as_str().expect("text");

    let table = server.ok(&["conns", "--sort", "age"]);
    assert!(table.starts_with("ID ") && table.contains(&peer) && table.lines().count() == 3, "{table}");

    assert_eq!(server.ok(&["kick", id]), format!("kicked {id}\n"));
    let mut rest = Vec::new();
    victim.read_to_end(&mut rest).expect("an end, not a reset");
    let (code, stderr) = server.fails(&["kick", id]);
    assert!(code == 1 && stderr.contains(&format!("no open connection {id}")), "{code} {stderr}");
    support::echo(&mut other);
    let closed = server.ok(&["conns", "--state", "closed", "--sort", "id"]);
    assert!(closed.contains(id) && closed.contains("kicked"), "{closed}");
    server.stop();
}

#[test]
fn top_prints_rates_without_a_terminal() {
    let server = Server::start(&[("SHARDCAST_LISTENER__0__PUSH__INTERVAL", "10ms")]);
    let clients = [server.client(), server.client()];
    let printed = server.ok(&["top", "--json", "--once", "--interval", "1500ms"]);
    let rates: serde_json::Value = serde_json::from_str(&printed).expect("one line of JSON");
    assert_eq!(
        (rates["shards"].as_array().map(Vec::len), &rates["total"]["connections"]),
        (Some(2), &2.into())
    );
    assert!(rates["total"]["p99_us"].as_f64().is_some_and(|time| time > 0.0), "{printed}");
    assert!(rates["total"]["sent_messages"].as_f64().is_some_and(|rate| rate > 0.0), "{printed}");
    // Standard output is not a terminal here, so `--once` is implied.
    let table = server.ok(&["top", "--interval", "100ms"]);
    assert!(table.starts_with("SHARD ") && table.lines().count() == 4, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    drop(clients);
    server.stop();
}

#[test]
fn top_ends_in_order_when_its_terminal_is_closed() {
    let server = Server::start(&[]);
    let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&window).and_then(|()| unlockpt(&window)).expect("it is ours");
    let name = ptsname(&window, Vec::new()).expect("it has one");
    let open =
        || rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
    let mut top = shardcast(&["top", "--interval", "100ms", "--admin", &server.admin_address()]);
    let mut top = top.stdin(open()).stdout(open()).stderr(open()).spawn().expect("it runs");
    // It has drawn something, so it reads keys by now.
    let mut window = File::from(window);
    assert!(window.read(&mut [0; 64]).expect("a screen") > 0);
    drop(window);
    assert_eq!(top.wait().expect("it ends").code(), Some(0));
    server.stop();
}

#[test]
fn a_drain_is_watched_to_the_end() {
    let server = Server::start(&[]);
    let client = server.client();
    let printed = server.ok(&["drain", "--timeout", "500ms", "--watch"]);
    assert!(printed.starts_with("draining, for 500ms at most\n"), "{printed}");
    assert!(printed.ends_with("the server has stopped\n"), "{printed}");
    assert!(server.wait().success(), "as a signal does, it ends with 0");
    drop(client);
}

#[test]
fn clients_of_tars_may_be_informed_that_the_server_drains() {
    let folder = support::folder();
    let listener = |name: &str, options: &str| {
        format!("[[listener]]\nname = \"{name}\"\nprotocol = \"tars\"\nlisten = \"127.0.0.1:0\"\n{options}\n")
    };
    for (options, expected) in [("[listener.tars]\nreconnect_notice = true", true), ("", false)] {
        let config = listener("tars", options);
        let config = support::write(folder.path(), "notice.toml", &config).display().to_string();
        let server = Server::start_with(&["--config", &config], &[]);
        let mut client = server.connect();
        // A ping in version 1, so that the client is served when the server is stopped.
        let ping = shardcast::tars::packet::RequestPacket {
            request_id: 1,
            servant: "Shardcast.Echo.EchoObj".into(),
            func: "tars_ping".into(),
            ..Default::default()
        };
        let mut packet = Vec::new();
        ping.encode(&mut packet).expect("it is short");
        client.write_all(&packet).expect("it reads");
        client.read_exact(&mut [0; 4]).expect("a response");
        server.signal(Signal::TERM);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("an end, not a reset");
        assert_eq!(rest.windows(11).any(|it| it == b"_reconnect_"), expected, "{rest:?}");
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn without_socket_and_token_actions_are_refused_and_the_error_names_the_fix() {
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", "")]);
    let (code, stderr) = server.fails(&["drain"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("[admin] socket") && stderr.contains("[admin] token_file"), "{stderr}");
    server.ok(&["conns"]);
    server.stop();
}

/// A server that was killed has left its socket, and the next one with its port has none.
#[test]
fn a_socket_that_is_left_does_not_hide_the_server() {
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", "")]);
    let folder = server.runtime().join("shardcast");
    fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder).expect("a place for the test");
    let port = server.admin_address().rsplit_once(':').expect("a port").1.to_owned();
    drop(UnixListener::bind(folder.join(format!("admin-{port}.sock"))).expect("a socket"));
    let (code, stderr) = server.fails(&["drain"]);
    assert!(code == 1 && stderr.contains("[admin] token_file"), "{code} {stderr}");
    server.ok(&["conns"]);
    server.stop();
}

#[test]
fn the_token_permits_what_the_socket_does() {
    let (place, token) = (support::folder(), "PdQ8o7Zr2nVYxk5J");
    let [file, wrong] = ["token", "wrong"].map(|name| place.path().join(name));
    fs::write(&file, format!("{token}\n")).expect("a place for the test");
    fs::write(&wrong, "PdQ8o7Zr2nVYxk5K\n").expect("a place for the test");
    let (file, wrong) = (file.to_str().expect("text"), wrong.to_str().expect("text"));
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", ""), ("SHARDCAST_ADMIN__TOKEN_FILE", file)]);
    for arguments in [vec!["drain"], vec!["drain", "--token-file", wrong]] {
        let (code, stderr) = server.fails(&arguments);
        assert!(code == 1 && stderr.contains("token") && !stderr.contains(token), "{code} {stderr}");
    }
    server.ok(&["drain", "--token-file", file]);
    assert!(server.wait().success());
}

#[test]
fn a_configured_socket_is_used_when_named() {
    let place = support::folder();
    let path = place.path().join("admin.sock");
    let path = path.to_str().expect("text");
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", path)]);
    let admin = format!("unix:{path}");
    for command in ["conns", "drain"] {
        let output = shardcast(&[command, "--admin", &admin]).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }
    assert!(server.wait().success());
    assert!(!fs::exists(path).expect("readable"), "the file goes with the server");
}

#[test]
fn a_reload_changes_what_can_change_and_lists_what_cannot() {
    let place = support::folder();
    let config = |text: &str| {
        let head = "[admin]\nlisten = '127.0.0.1:0'\n[[listener]]\nname = 'push'\nlisten = '127.0.0.1:0'\n";
        support::write(place.path(), "f.toml", &format!("{head}{text}"))
    };
    let file = config("");
    let server = Server::start_with(&["--config", file.to_str().expect("text")], &[]);
    let mut client = server.client();
    assert_eq!(server.ok(&["reload"]), "no changes\n");

    config("idle_timeout = '1ms'\n[server]\nmesh_capacity = 77\n[log]\nlevel = 'debug'");
    let printed = server.ok(&["reload"]);
    for line in [
        "listener.0.idle_timeout: (not set) -> \"1ms\"",
        "log.level: \"info\" -> \"debug\"",
        "server.mesh_capacity: 1024 -> 77  (needs a restart)",
    ] {
        assert!(printed.contains(&format!("{line}\n")), "{line} in {printed}");
    }
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("it is idle now, and ends");

    config("idle_timeout = 'soon'\noverflow = 'conflate'");
    let (code, stderr) = server.fails(&["reload"]);
    assert!(code == 1 && stderr.contains("f.toml:6:") && stderr.contains("soon"), "{code} {stderr}");

    config("");
    server.signal(Signal::HUP);
    let metrics = || server.metric("shardcast_config_reload_total{result=\"applied\"}");
    support::eventually(|| metrics() == "2");
    assert_eq!(server.metric("shardcast_config_reload_total{result=\"rejected\"}"), "1");
    assert_eq!(server.metric("shardcast_config_reload_total{result=\"unchanged\"}"), "1");
    assert_eq!(server.metric("shardcast_config_needs_restart"), "0");
    support::eventually(|| server.log().contains("configuration rejected"));
    let mut client = server.client();
    support::echo(&mut client);
    server.stop();
}

#[test]
fn an_unreachable_server_is_reported_in_one_line() {
    for arguments in [["conns", "--admin", "unix:./none.sock"], ["drain", "--admin", "127.0.0.1:1"]] {
        let output = shardcast(&arguments).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(1) && stderr.starts_with("error: cannot reach a server at "),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let output = shardcast(&["config", "show"]).env("SHARDCAST_ADMIN__TOKEN", "PdQ8o7Zr2nVYxk5J").output();
    let printed = String::from_utf8(output.expect("it runs").stdout).expect("text");
    assert!(printed.contains("token = \"<redacted>\"") && !printed.contains("PdQ8"), "{printed}");
}

impl Server {
    /// Stops it like a service manager.
    fn stop(self) {
        self.signal(Signal::TERM);
        assert!(self.wait().success());
    }
}

#[test]
fn the_log_begins_with_the_version_and_ends_with_the_reason_for_the_stop() {
    let server =
        Server::start(&[("SHARDCAST_LOG__FORMAT", "json"), ("SHARDCAST_LIMITS__CONNECTIONS_MAX", "3")]);
    for _ in 0..30 {
        // Any user of this host may send a request; without the token, it is refused.
        let output = shardcast(&["drain", "--admin", &server.admin_address()]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    let clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    for _ in 0..50 {
        // Over the limit.
        let mut refused = server.connect();
        assert_eq!(refused.read(&mut [0]).unwrap_or_default(), 0);
    }
    drop(clients);
    let log = server.stop_and_read_log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let fields = |index: usize| &lines[index]["fields"];
    assert_eq!((&fields(0)["message"], &fields(0)["shards"]), (&"starting".into(), &2.into()), "{log}");
    for field in
        ["version", "revision", "kernel", "cpus", "open_files", "locked_memory_bytes", "connections_max"]
    {
        assert!(!fields(0)[field].is_null(), "{field} in {log}");
    }
    let last = fields(lines.len() - 1);
    assert_eq!((&last["message"], &last["reason"]), (&"stopped".into(), &"SIGTERM".into()), "{log}");
    assert!(!last["took"].is_null() && !last["uptime"].is_null(), "{log}");
    for (line, count_of_all) in [("an action of an operator was refused", 30), ("connection refused", 50)] {
        let logged: Vec<_> = lines.iter().filter(|it| it["fields"]["message"] == line).collect();
        let left_out: u64 = lines
            .iter()
            .filter(|it| {
                it["fields"]["kind"] == line || (count_of_all == 30 && it["fields"]["kind"].is_null())
            })
            .filter_map(|it| it["fields"]["left_out"].as_u64())
            .sum();
        // Ten of each kind from each thread.
        assert!((10..=20).contains(&logged.len()), "{line}: {log}");
        assert_eq!(logged.len() as u64 + left_out, count_of_all, "{line}: {log}");
    }
}

#[test]
fn a_slow_consumers_disconnect_is_a_warning_with_its_numbers() {
    let server = Server::start(&[
        ("SHARDCAST_LIMITS__OVERFLOW", "disconnect"),
        ("SHARDCAST_LIMITS__OUTBOX_BYTES_MAX", "64KiB"),
    ]);
    let slow = server.client();
    let address = slow.peer_addr().expect("connected").to_string();
    let body = "x".repeat(100_000);
    support::eventually(|| {
        let output = shardcast(&["pub", "push", &body, "--count", "20", "--connect", &address]).output();
        output.expect("it runs").status.success() && server.log().contains("slow consumer")
    });
    let log = server.stop_and_read_log();
    let line = log.lines().find(|line| line.contains("disconnected a slow consumer")).expect("a line");
    let peer = slow.local_addr().expect("connected").to_string();
    for part in ["WARN", &peer, "queued_bytes=", "queued_messages=", "outbox_bytes_max=65536"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

/// `/connections` has both on the shard of the parent, although another one has accepted the stream.
#[test]
fn a_stream_is_listed_on_the_shard_of_its_parent() {
    let folder = support::folder();
    let listener = "[[listener]]\nname = \"rpc\"\nprotocol = \"seastar\"\nlisten = \"127.0.0.1:0\"\n\
                    placement = \"peer-port\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    let config = support::write(folder.path(), "seastar.toml", listener).display().to_string();
    let server = Server::start_with(&["--config", &config], &[]);
    let open = |remainder, stream_parent| {
        let mut client = server.connect_from(|port| port % 2 == remainder);
        let mut offer = Vec::new();
        Features { stream_parent, ..Features::default() }.encode(&mut offer);
        client.write_all(&offer).expect("it reads");
        let mut answer = Vec::new();
        loop {
            let mut chunk = [0; 100];
            let len = client.read(&mut chunk).expect("an answer");
            answer.extend_from_slice(&chunk[..len]);
            if let Some((accepted, _)) = Features::decode(&answer, 1000).expect("a negotiation") {
                return (client, accepted.connection_id.expect("it has streams"));
            }
        }
    };
    let (parent, id) = open(1, None);
    let (stream, _) = open(0, Some(id));
    let rows: serde_json::Value = serde_json::from_str(&server.ok(&["conns", "--json"])).expect("JSON");
    for client in [&parent, &stream] {
        let peer = client.local_addr().expect("connected").to_string();
        let row = rows.as_array().expect("a list").iter().find(|row| row["peer"] == peer.as_str());
        let listed = row.expect("it is listed")["id"].as_str().expect("text");
        assert!(listed.starts_with("1-"), "{rows}");
    }
    server.stop();
}
