//! A running server and those who operate it, each a process of its own.
#![forbid(unsafe_code)]

mod support;

use std::{fs, io::Read as _};

use rustix::process::Signal;
use support::{Server, shardcast};

#[test]
fn connections_are_shown_kicked_and_told_as_closed() {
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
    let (code, said) = server.fails(&["kick", id]);
    assert!(code == 1 && said.contains(&format!("no connection {id} is open")), "{code} {said}");
    support::echo(&mut other);
    let closed = server.ok(&["conns", "--state", "closed", "--sort", "id"]);
    assert!(closed.contains(id) && closed.contains("kicked"), "{closed}");
    server.stop();
}

#[test]
fn top_tells_rates_without_a_terminal() {
    let server = Server::start(&[("SHARDCAST_LISTENER__0__PUSH__INTERVAL", "10ms")]);
    let clients = [server.client(), server.client()];
    let told = server.ok(&["top", "--json", "--once", "--interval", "500ms"]);
    let rates: serde_json::Value = serde_json::from_str(&told).expect("one line of JSON");
    assert_eq!(
        (rates["shards"].as_array().map(Vec::len), &rates["total"]["connections"]),
        (Some(2), &2.into())
    );
    assert!(rates["total"]["p99_us"].as_f64().is_some_and(|time| time > 0.0), "{told}");
    assert!(rates["total"]["sent_messages"].as_f64().is_some_and(|rate| rate > 0.0), "{told}");
    // Standard output is no terminal here, so that is as with --once.
    let table = server.ok(&["top", "--interval", "100ms"]);
    assert!(table.starts_with("SHARD ") && table.lines().count() == 4, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    drop(clients);
    server.stop();
}

#[test]
fn a_drain_is_watched_to_the_end() {
    let server = Server::start(&[]);
    let client = server.client();
    let told = server.ok(&["drain", "--timeout", "500ms", "--watch"]);
    assert!(told.starts_with("draining, for 500ms at most\n"), "{told}");
    assert!(told.ends_with("the server has ended\n"), "{told}");
    assert!(server.wait().success(), "as a signal does, it ends with 0");
    drop(client);
}

#[test]
fn without_socket_and_token_nobody_acts_and_the_fix_is_named() {
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", "")]);
    let (code, said) = server.fails(&["drain"]);
    assert_eq!(code, 1);
    assert!(said.contains("[admin] socket") && said.contains("[admin] token_file"), "{said}");
    server.ok(&["conns"]);
    server.stop();
}

#[test]
fn the_token_opens_what_the_socket_would() {
    let (place, token) = (support::folder(), "PdQ8o7Zr2nVYxk5J");
    let [file, wrong] = ["token", "wrong"].map(|name| place.path().join(name));
    fs::write(&file, format!("{token}\n")).expect("a place for the test");
    fs::write(&wrong, "PdQ8o7Zr2nVYxk5K\n").expect("a place for the test");
    let (file, wrong) = (file.to_str().expect("text"), wrong.to_str().expect("text"));
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", ""), ("SHARDCAST_ADMIN__TOKEN_FILE", file)]);
    for arguments in [vec!["drain"], vec!["drain", "--token-file", wrong]] {
        let (code, said) = server.fails(&arguments);
        assert!(code == 1 && said.contains("token") && !said.contains(token), "{code} {said}");
    }
    server.ok(&["drain", "--token-file", file]);
    assert!(server.wait().success());
}

#[test]
fn a_socket_of_ones_own_is_named() {
    let place = support::folder();
    let path = place.path().join("admin.sock");
    let path = path.to_str().expect("text");
    let server = Server::start(&[("SHARDCAST_ADMIN__SOCKET", path)]);
    let admin = format!("unix:{path}");
    let told = shardcast(&["conns", "--admin", &admin]).output().expect("it runs");
    assert!(told.status.success(), "{told:?}");
    let told = shardcast(&["drain", "--admin", &admin]).output().expect("it runs");
    assert!(told.status.success(), "{told:?}");
    assert!(server.wait().success());
    assert!(!fs::exists(path).expect("readable"), "the file goes with the server");
}

#[test]
fn a_reload_changes_what_can_change_and_says_what_cannot() {
    let place = support::folder();
    let config = |text: &str| {
        let head = "[admin]\nlisten = '127.0.0.1:0'\n[[listener]]\nname = 'push'\nlisten = '127.0.0.1:0'\n";
        support::write(place.path(), "f.toml", &format!("{head}{text}"))
    };
    let file = config("");
    let server = Server::start_with(&["--config", file.to_str().expect("text")], &[]);
    let mut client = server.client();
    assert_eq!(server.ok(&["reload"]), "nothing has changed\n");

    config("idle_timeout = '1ms'\n[server]\nmesh_capacity = 77\n[log]\nlevel = 'debug'");
    let told = server.ok(&["reload"]);
    for line in [
        "listener.0.idle_timeout: (not set) -> \"1ms\"",
        "log.level: \"info\" -> \"debug\"",
        "server.mesh_capacity: 1024 -> 77  (needs a restart)",
    ] {
        assert!(told.contains(&format!("{line}\n")), "{line} in {told}");
    }
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("it is idle now, and ends");

    config("idle_timeout = 'soon'\noverflow = 'conflate'");
    let (code, said) = server.fails(&["reload"]);
    assert!(code == 1 && said.contains("f.toml:6:") && said.contains("soon"), "{code} {said}");

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
fn nobody_at_home_is_said_in_one_line() {
    for arguments in [["conns", "--admin", "unix:./none.sock"], ["drain", "--admin", "127.0.0.1:1"]] {
        let told = shardcast(&arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.code() == Some(1) && said.starts_with("error: no server answers at "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let told = shardcast(&["config", "show"]).env("SHARDCAST_ADMIN__TOKEN", "PdQ8o7Zr2nVYxk5J").output();
    let told = String::from_utf8(told.expect("it runs").stdout).expect("text");
    assert!(told.contains("token = \"<redacted>\"") && !told.contains("PdQ8"), "{told}");
}

impl Server {
    /// Ends it as a service manager would.
    fn stop(self) {
        self.signal(Signal::TERM);
        assert!(self.wait().success());
    }
}
