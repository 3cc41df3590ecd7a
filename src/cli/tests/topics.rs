//! `sub`, `pub` and `history` against a server: what they print, and the codes that they end with.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _, pipe},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[test]
fn what_is_published_is_printed() {
    let server = Server::start("printed");
    let mut sub = server.command("sub", &["prices.*", "news", "--count", "4"]);
    let mut sub = sub.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    let mut notes = BufReader::new(sub.stderr.take().expect("piped")).lines().map_while(Result::ok);
    // The owners of the topics respond in any order.
    let mut subscribed: Vec<_> =
        notes.by_ref().filter(|line| line.starts_with("subscribed")).take(2).collect();
    subscribed.sort();
    assert!(subscribed[0].starts_with("subscribed to news at ") && subscribed[1] == "subscribed to prices.*");
    let output = server.run("pub", &["prices.gold", "2410.5"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.starts_with("published prices.gold ") && printed.ends_with(":1 to 1 subscriptions\n"),
        "{printed}"
    );
    let output = server.run("pub", &["news", "two\nlines", "--count", "2", "--rate", "1000"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with("published 2 messages, the last at "), "{printed}");
    let mut piped = server.command("pub", &["prices.silver", "-"]);
    let mut piped = piped.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it was built");
    piped.stdin.take().expect("piped").write_all(b"\xffraw").expect("it reads");
    assert_eq!(piped.wait().expect("it ends").code(), Some(0));
    let output = sub.wait_with_output().expect("it ends by itself");
    assert_eq!(output.status.code(), Some(0));
    let mut lines: Vec<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let topic = words.next().unwrap_or_default();
            let offset = words.next().and_then(|at| at.split_once(':')).map_or("", |(_, offset)| offset);
            format!("{topic} {offset} {}", words.next().unwrap_or_default())
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        ["news 1 two\\nlines", "news 2 two\\nlines", "prices.gold 1 2410.5", "prices.silver 1 \\xffraw"]
    );
}

#[test]
fn one_topic_is_reached_over_all_protocols() {
    let server = Server::start("two");
    let pairs = [
        ("tars", "framed"),
        ("framed", "tars"),
        ("tars", "tars"),
        ("seastar", "framed"),
        ("tars", "seastar"),
        ("seastar", "seastar"),
        ("tcpshm", "framed"),
        ("tars", "tcpshm"),
        ("tcpshm", "tcpshm"),
    ];
    for (subscriber, publisher) in pairs {
        let topic = format!("{subscriber}.{publisher}");
        let command = |via: &str, arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
            command.args(arguments).args(["--via", via, "--connect", server.address_of(via)]);
            command
        };
        let mut sub = command(subscriber, &["sub", &topic, "--count", "2"]);
        let mut sub = sub.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
        let mut notes = BufReader::new(sub.stderr.take().expect("piped")).lines().map_while(Result::ok);
        assert!(notes.any(|line| line.starts_with("subscribed to ")), "{topic}");
        let output =
            command(publisher, &["pub", &topic, "2410.5", "--count", "2"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let output = sub.wait_with_output().expect("it ends by itself");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let ends: Vec<_> =
            printed.lines().filter_map(|line| line.split_once(':')).map(|(_, end)| end).collect();
        assert_eq!((output.status.code(), ends), (Some(0), vec!["1 2410.5", "2 2410.5"]), "{printed}");
    }
}

#[test]
fn a_subscriber_with_a_name_continues_where_it_has_ended() {
    let server = Server::start("named");
    let files = tempfile::tempdir().expect("a place for files");
    let directory = files.path().to_str().expect("its name is text");
    let sub = |count: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        command.args(["sub", "t", "--via", "tcpshm", "--connect", &server.tcpshm, "--name", "reader"]);
        command.args(["--dir", directory, "--count", count]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut first = sub("1").spawn().expect("it was built");
    let mut notes = BufReader::new(first.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(notes.any(|line| line.starts_with("subscribed to ")));
    let output = sub("1").output().expect("it was built");
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && refused.contains("reader is in use"), "{refused}");
    for number in 0..6 {
        let output = server.run("pub", &["t", &number.to_string()]);
        assert_eq!(output.status.code(), Some(0));
    }
    let bodies = |output: Output| -> Vec<String> {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.lines().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(bodies(first.wait_with_output().expect("it ends by itself")), ["0"]);
    assert_eq!(bodies(sub("2").output().expect("it was built")), ["1", "2"]);
    assert_eq!(bodies(sub("3").output().expect("it was built")), ["3", "4", "5"]);

    let output = server.run("sub", &["t", "--name", "reader", "--dir", directory]);
    assert_eq!(output.status.code(), Some(2), "framed subscribers have no names");
}

#[test]
fn a_subscriber_with_a_name_that_is_killed_loses_nothing() {
    let server = Server::start("killed");
    let files = tempfile::tempdir().expect("a place for files");
    let sub = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        command.args([
            "sub",
            "t",
            "--via",
            "tcpshm",
            "--connect",
            &server.tcpshm,
            "--name",
            "reader",
            "--dir",
        ]);
        let mut child = command
            .arg(files.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was built");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        (child, lines)
    };
    let (mut first, lines) = sub();
    let mut notes = BufReader::new(first.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(notes.any(|line| line.starts_with("subscribed to ")));
    let output = server.run("pub", &["t", "x", "--count", "2000"]);
    assert_eq!(output.status.code(), Some(0));
    // It is killed while it prints; what it has written can still be read.
    let mut lines = lines.peekable();
    lines.peek().expect("a line");
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    let offset = |line: &str| -> u64 {
        let (_, offset) = line.trim_end_matches(" x").rsplit_once(':').expect("a position");
        offset.parse().expect("a number")
    };
    let before: Vec<_> = lines.map(|line| offset(&line)).collect();
    let last = before.len() as u64;
    assert!(before.into_iter().eq(1..=last));
    let (mut second, lines) = sub();
    // It would wait for more.
    let after: Vec<_> = lines.map(|line| offset(&line)).take_while(|offset| *offset < 2000).collect();
    second.kill().expect("it runs");
    second.wait().expect("it ends");
    let repeated = after.iter().filter(|offset| **offset <= last).count();
    assert!(repeated <= 1, "only the last one may be printed again: {repeated}");
    assert!(after.into_iter().skip(repeated).eq(last + 1..2000), "after {last}");
}

#[test]
fn scripts_get_objects_and_resume_where_they_were() {
    let server = Server::start("scripts");
    let published = server.objects("pub", &["t", "hello", "--json", "--count", "3"]);
    assert_eq!(published.len(), 4, "{published:?}");
    let epoch = published[0]["epoch"].clone();
    for (index, object) in published[..3].iter().enumerate() {
        let expected = json!({
            "event": "published", "topic": "t", "epoch": epoch, "offset": index + 1, "receivers": 0,
        });
        assert_eq!(*object, expected);
    }
    assert_eq!((&published[3]["event"], &published[3]["published"]), (&json!("done"), &json!(3)));

    let since = format!("{epoch}:1");
    let received = server.objects("sub", &["t", "--json", "--since", &since, "--count", "2"]);
    let subscribed =
        json!({ "event": "subscribed", "topic": "t", "epoch": epoch, "offset": 3, "recovered": true });
    let message = |offset| json!({ "event": "message", "topic": "t", "epoch": epoch, "offset": offset, "body": "hello" });
    assert_eq!(received[..], [json!({ "event": "connected" }), subscribed, message(2), message(3)]);

    let other = server.objects("sub", &["t", "--json", "--since", "1:9", "--count", "3"]);
    assert_eq!(
        other[1],
        json!({
            "event": "subscribed", "topic": "t", "epoch": epoch, "offset": 3,
            "recovered": false, "missing": { "from": 1, "to": 0 },
        })
    );
}

#[test]
fn what_a_topic_has_kept_is_printed_over_all_protocols() {
    let server = Server::start("kept");
    let published = server.objects("pub", &["t", "hello", "--json", "--count", "3"]);
    let epoch = published[0]["epoch"].clone();
    let (at, since) = (format!("t is at {epoch}:3"), format!("{epoch}:1"));
    let lines = |offsets: &[u64]| -> String {
        offsets.iter().map(|offset| format!("t {epoch}:{offset} hello\n")).collect()
    };
    for via in ["framed", "tars", "seastar", "tcpshm"] {
        let address = server.address_of(via);
        for (options, note, messages) in [
            (&[][..], format!("{at}, recovered\n"), &[1, 2, 3][..]),
            (&["--since", &since], format!("{at}, recovered\n"), &[2, 3]),
            (&["--max", "2"], format!("{at}, recovered\n"), &[1, 2]),
            (&["--since", &since, "--max", "1"], format!("{at}, recovered\n"), &[2]),
            (&["--max", "0"], format!("{at}, recovered\n"), &[]),
            (&["--since", "1:9", "--max", "1"], format!("{at}, in a new epoch\n"), &[1]),
        ] {
            let output = run(&[&["history", "t", "--via", via], options].concat(), address);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let printed = (output.status.code(), text(&output.stderr), text(&output.stdout));
            assert_eq!(printed, (Some(0), note, lines(messages)), "{via} {options:?}");
        }
        let output = run(&["history", "unknown", "--json", "--via", via], address);
        let nothing =
            "{\"event\":\"history\",\"topic\":\"unknown\",\"epoch\":0,\"offset\":0,\"recovered\":true}\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), nothing);
    }
    let objects = server.objects("history", &["t", "--json", "--since", "1:9"]);
    let head = json!({
        "event": "history", "topic": "t", "epoch": epoch, "offset": 3,
        "recovered": false, "missing": { "from": 1, "to": 0 },
    });
    let message = |offset| json!({ "event": "message", "topic": "t", "epoch": epoch, "offset": offset, "body": "hello" });
    assert_eq!(objects[..], [head, message(1), message(2), message(3)]);
}

/// More than a response has; some are not kept any more.
#[test]
fn a_long_history_is_printed_as_a_whole() {
    let server = Server::start("long");
    let published = server.objects("pub", &["t", "x", "--json", "--count", "2600"]);
    assert_eq!(published.last().expect("the sum")["published"], 2600);
    let objects = server.objects("history", &["t", "--json"]);
    assert_eq!(objects[0]["missing"], json!({ "from": 1, "to": 100 }));
    let offsets: Vec<_> = objects[1..].iter().filter_map(|it| it["offset"].as_u64()).collect();
    assert!(offsets.into_iter().eq(101..=2600), "each once, in order");
    let objects = server.objects("history", &["t", "--json", "--max", "1500"]);
    assert_eq!((objects.len(), &objects[1500]["offset"]), (1501, &json!(1600)));
}

#[test]
fn exit_codes_distinguish_usage_errors_from_failures() {
    let server = Server::start("codes");
    for (arguments, code) in [
        (&["sub", "a*b"][..], 2),
        (&["sub", "a*", "--since", "1:2"], 2),
        (&["sub", "a", "b", "--since", "1:2"], 2),
        (&["sub", "a", "--since", "12"], 2),
        (&["sub", "a", "--via", "pigeon"], 2),
        (&["pub", "a*", "x"], 2),
        (&["pub", "a", "x", "--rate", "0"], 2),
        (&["pub", "a"], 2),
        (&["pub", "a", "x"], 0),
        (&["history", "a*"], 2),
        (&["history"], 2),
        (&["history", "a", "--since", "12"], 2),
        (&["history", "a", "--max", "-1"], 2),
        (&["history", "a", "--via", "pigeon"], 2),
        (&["history", "a"], 0),
    ] {
        let output = server.run(arguments[0], &arguments[1..]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
    for command in [&["sub", "t"][..], &["pub", "t", "x"], &["history", "t"]] {
        let mut command_line = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        let output =
            command_line.args(command).args(["--connect", "127.0.0.1:1"]).output().expect("it was built");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!output.stderr.is_empty());
    }
    let sub = server.command("sub", &[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut sub = sub.expect("it was built");
    let mut notes = BufReader::new(sub.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(notes.any(|line| line == "subscribed to *"));
    end(&sub);
    assert_eq!(sub.wait().expect("it ends").code(), Some(0), "a signal ends it in order");
}

/// A running `shardcast serve`, on a free port.
struct Server {
    child: Child,
    address: String,
    /// Of its listeners for Tars RPC, for Seastar RPC and for tcpshm.
    tars: String,
    seastar: String,
    tcpshm: String,
    _files: tempfile::TempDir,
}

impl Server {
    fn start(name: &str) -> Self {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("topics-{name}.toml"));
        let files = tempfile::tempdir().expect("a place for files");
        let text = "admin.listen = ''\npush.history_messages_max = 2500\npush.history_bytes_max = '1MiB'\nlog.level = 'warn'\nserver.shards = 2\nserver.cpus = 'none'\n\
                    server.spin = '0'\nserver.epoch_file = ''\n[[listener]]\nname = 'push'\nlisten = '127.0.0.1:0'\n\
                    [[listener]]\nname = 'tars'\nprotocol = 'tars'\nlisten = '127.0.0.1:0'\n\
                    [[listener]]\nname = 'sea'\nprotocol = 'seastar'\nlisten = '127.0.0.1:0'\n\
                    [[listener]]\nname = 'shm'\nprotocol = 'tcpshm'\nlisten = '127.0.0.1:0'\n";
        let text = format!("server.data_dir = '{}'\n{text}", files.path().display());
        fs::write(&file, text).expect("a place for the test");
        let mut serve = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        let mut child = serve
            .args(["serve", "--drain", "5", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it reports that it is ready");
        let ready: Value = serde_json::from_str(line.trim_start_matches("ready ")).expect("JSON");
        let address =
            |index: usize| ready["listeners"][index]["addr"].as_str().expect("an address").to_owned();
        Self {
            child,
            address: address(0),
            tars: address(1),
            seastar: address(2),
            tcpshm: address(3),
            _files: files,
        }
    }

    /// The address for this `--via`.
    fn address_of(&self, via: &str) -> &str {
        match via {
            "tars" => &self.tars,
            "seastar" => &self.seastar,
            "tcpshm" => &self.tcpshm,
            _ => &self.address,
        }
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        command.arg(name).args(arguments).args(["--connect", &self.address]);
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name, arguments).output().expect("it was built")
    }

    /// The output of a command, as objects; the command must exit with 0.
    fn objects(&self, name: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(name, arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines = String::from_utf8(output.stdout).expect("text");
        lines.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&self.child);
        let _ = self.child.wait();
    }
}

fn end(child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a child");
    // It may have ended already.
    let _ = kill_process(pid, Signal::TERM);
}

#[test]
fn a_publication_may_be_delayed_expire_and_be_urgent() {
    let server = Server::start("scheduled");
    let timed = ["t", "later", "--delay", "20ms", "--ttl", "1h", "--priority", "urgent"];
    let output = server.run("pub", &timed);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let earlier_name = server.run("pub", &["t", "later", "--class", "urgent"]);
    assert_eq!(earlier_name.status.code(), Some(0), "{earlier_name:?}");
    for (option, value, reason) in [
        ("--priority", "last", "expected urgent, high, normal or bulk"),
        ("--delay", "5", "has no unit"),
        ("--ttl", "-1s", "unexpected argument"),
    ] {
        let output = server.run("pub", &["t", "x", option, value]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains(reason), "{text}");
    }
    let refused = server.run("pub", &["t", "never", "--ttl", "0s"]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("expired before it could be published"),
        "{refused:?}"
    );
}

#[test]
fn a_stuck_reader_costs_bounded_memory_and_signals_still_work() {
    let server = Server::start("stuck");
    let mut sub = server.command("sub", &["t", "--json"]);
    // The pipe holds 64 KiB, and no one reads from it.
    let (_out, stdout) = pipe().expect("descriptors");
    let mut sub = sub.stdout(stdout).stderr(Stdio::null()).spawn().expect("it was built");
    let is_there = |output: &Output| String::from_utf8_lossy(&output.stdout).contains(" to 1 subscriptions");
    while !is_there(&server.run("pub", &["t", "x"])) {}
    let mut publish = server.command("pub", &["t", "-", "--count", "6000"]);
    let mut publish = publish.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it was built");
    publish.stdin.take().expect("piped").write_all(&vec![b'x'; 60_000]).expect("it reads");
    assert_eq!(publish.wait().expect("it ends").code(), Some(0));
    let peak = |sub: &Child| {
        let status = fs::read_to_string(format!("/proc/{}/status", sub.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
    };
    assert!(peak(&sub) < 250, "{} MiB for 343 MiB of messages", peak(&sub));
    end(&sub);
    assert_eq!(sub.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_signal_ends_a_publisher_between_two_messages() {
    let server = Server::start("slowly");
    let mut publish = server.command("pub", &["t", "x", "--count", "2", "--rate", "0.0001", "--json"]);
    let mut publish = publish.stdout(Stdio::piped()).spawn().expect("it was built");
    let mut lines = BufReader::new(publish.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("published")));
    end(&publish);
    assert!(lines.next().is_some_and(|line| line.contains("\"done\"") && line.contains("\"published\":1")));
    assert_eq!(publish.wait().expect("it ends").code(), Some(1), "not all were published");
}

#[test]
fn terminal_sequences_of_servers_are_escaped() {
    // ESC, OSC with BEL, and a right-to-left override.
    let evil = "\x1b]0;evil\x07\u{202e}";
    let address = impostor(vec![subscribed(), message(evil.as_bytes())]);
    let output = run(&["sub", "t", "--count", "1"], &address);
    assert!(
        String::from_utf8_lossy(&output.stdout).ends_with(" \\u{1b}]0;evil\\u{7}\\u{202e}\n"),
        "{output:?}"
    );
    let output = run(&["sub", "t", "--count", "1", "--json"], &address);
    assert!(String::from_utf8_lossy(&output.stdout).contains("\\u001b]0;evil\\u0007\\u202e"), "{output:?}");
    // A bad topic, which is not tried again.
    let refused = |operation: u8| [b"\0SHC".as_slice(), &[operation, 4], evil.as_bytes()].concat();
    for (command, operation) in
        [(&["sub", "t"][..], 0x82), (&["pub", "t", "x"], 0x84), (&["history", "t"], 0x87)]
    {
        let output = run(command, &impostor(vec![frame(1 << 30, &refused(operation))]));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("\\u{1b}]0;evil\\u{7}\\u{202e}") && !text.contains('\x1b'), "{output:?}");
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    let busy = || vec![frame(1, b"\0SHC\x82\x01busy")];
    let address = impostor_in_rounds(vec![busy(), busy(), vec![subscribed(), message(b"at last")]]);
    let output = run(&["sub", "t", "--count", "1"], &address);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "t 7:1 at last\n");
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(notes.matches("t: busy (status 1); retrying in 0.").count(), 2, "{notes}");
    let output = run(&["sub", "t", "--count", "1", "--json"], &address);
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let retrying = r#"{"event":"retrying","topic":"t","text":"busy (status 1)","seconds":0."#;
    assert_eq!(lines.matches(retrying).count(), 2, "{lines}");
}

#[test]
fn a_history_that_never_goes_on_ends() {
    let number = |number: u8| [[0; 7].as_slice(), &[number]].concat();
    // The topic is at 7:3, and this is always its first message.
    let first = [number(7), number(1), vec![0, 0, 0, 1], b"x".to_vec()].concat();
    let page = || vec![frame(1, &[b"\0SHC\x87\0\x01".as_slice(), &number(7), &number(3), &first].concat())];
    let output = run(&["history", "t"], &impostor_in_rounds(vec![page(), page(), page()]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "t 7:1 x\nt 7:1 x\n");
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(notes.contains("invalid response: its messages are not after 7:1"), "{notes}");
}

#[test]
fn a_server_may_be_given_by_its_name() {
    let address = impostor(vec![subscribed(), message(b"x")]);
    let (_, port) = address.rsplit_once(':').expect("an address");
    let output = run(&["sub", "t", "--count", "1"], &format!("localhost:{port}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for command in [&["sub", "t"][..], &["pub", "t", "x"]] {
        let output = run(command, "no such host:1");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && text.contains("no address for no such host:1"), "{text}");
    }
}

/// Runs a command to its end against a server.
fn run(arguments: &[&str], address: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(arguments).args(["--connect", address]).output().expect("it was built")
}

/// A server that answers HELLO correctly, and then the first request with these frames.
fn impostor(frames: Vec<Vec<u8>>) -> String {
    impostor_in_rounds(vec![frames])
}

/// A server that answers HELLO correctly, and each request after it with the next of these.
fn impostor_in_rounds(rounds: Vec<Vec<Vec<u8>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            let mut head = [0; 8];
            let mut next = |peer: &mut TcpStream| {
                peer.read_exact(&mut head)?;
                let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
                peer.read_exact(&mut vec![0; len as usize - 8])?;
                io::Result::Ok(u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
            };
            let mut talk = || {
                let hello = next(&mut peer)?;
                peer.write_all(&frame(hello, &[b"\0SHC\x81\0\x01".as_slice(), &[0; 7], &[7]].concat()))?;
                for frames in rounds.clone() {
                    let request = next(&mut peer)?;
                    for mut frame in frames {
                        // A response is to this request.
                        if frame[4..8] != [0; 4] {
                            frame[4..8].copy_from_slice(&request.to_be_bytes());
                        }
                        peer.write_all(&frame)?;
                    }
                }
                io::copy(&mut peer, &mut io::sink())
            };
            // The command may stop early.
            let _ = talk();
        }
    });
    address
}

/// The response to SUBSCRIBE: epoch 7, nothing published yet.
fn subscribed() -> Vec<u8> {
    frame(1, &[b"\0SHC\x82\0\0".as_slice(), &[0; 7], &[7], &[0; 8]].concat())
}

/// The first message of the topic `t`.
fn message(body: &[u8]) -> Vec<u8> {
    frame(0, &[b"\0SHC\x10\0\x01t".as_slice(), &[0; 7], &[7], &[0; 7], &[1], body].concat())
}

fn frame(id: u32, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u32 + 8;
    [&len.to_be_bytes(), &id.to_be_bytes(), payload].concat()
}
