//! `call` against a server: what it prints, and the codes that it ends with.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

#[test]
fn a_method_is_called_with_json() {
    let Server { address, .. } = &Server::start();
    let echo = |arguments: &str| call(address, "Shardcast.Echo.EchoObj", "echo", arguments, "echo.tars");
    for data in [json!([1, -2, 127]), json!([])] {
        let output = echo(&json!({ "data": data }).to_string());
        assert_eq!(results(&output), json!({ "tars_ret": data }));
    }
    let output = echo(r#"{"data": "hi"}"#);
    assert_eq!(results(&output), json!({ "tars_ret": [104, 105] }));
    let printed = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((&*printed.0, &*printed.1), ("{\"tars_ret\":[104,105]}\n", ""));

    let topics = |method: &str, arguments: Value| {
        call(address, "Shardcast.Push.PushObj", method, &arguments.to_string(), "push.tars")
    };
    let published =
        results(&topics("publish", json!({ "topic": "t", "message": "x", "options": { "ttlMs": 600_000 } })));
    assert_eq!(
        (&published["tars_ret"]["position"]["offset"], &published["tars_ret"]["receivers"]),
        (&1.into(), &0.into())
    );
    let since = json!({ "epoch": 0, "offset": 0 });
    let subscribed = results(&topics("subscribe", json!({ "topic": "t", "prefix": false, "since": &since })));
    let expected = json!({
        "tars_ret": { "head": published["tars_ret"]["position"], "recovery": 0, "gapFrom": 0, "gapTo": 0 },
    });
    assert_eq!(subscribed, expected);
    let history = results(&topics("history", json!({ "topic": "t", "since": &since, "max": 10 })));
    let kept = json!([{ "position": published["tars_ret"]["position"], "message": [120] }]);
    assert_eq!(history["tars_ret"]["messages"], kept);
}

#[test]
fn exit_codes_distinguish_usage_errors_from_failures() {
    let Server { address, .. } = &Server::start();
    let nowhere =
        TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").to_string();
    let (echo, object) = ("echo.tars", "Shardcast.Echo.EchoObj");
    // A method that the server does not have.
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other.tars");
    fs::write(&other, "module M { interface Other { int other(); }; };").expect("a place for the test");
    let other = other.to_str().expect("text");
    for (output, code, words) in [
        (call(address, object, "echo", "{}", echo), 2, "error: data: missing: expected vector<byte>"),
        (call(address, object, "echo", "{data: 1}", echo), 2, "error: the arguments are not JSON: "),
        (call(address, object, "ech", "{}", echo), 2, "error: the .tars files have no method `ech`"),
        (call(address, object, "echo", "{}", "no.tars"), 2, "no.tars"),
        (call("127.0.0.1", object, "echo", "{}", echo), 2, "expected HOST:PORT"),
        (
            call(address, "No.Such.Obj", "echo", r#"{"data": ""}"#, echo),
            1,
            "error: the server responded with code -4 (TARSSERVERNOSERVANTERR)\n",
        ),
        (
            call(address, object, "other", "{}", other),
            1,
            "error: the server responded with code -3 (TARSSERVERNOFUNCERR)\n",
        ),
        (
            call(address, "Shardcast.Push.PushObj", "presence", r#"{"topic": ""}"#, "push.tars"),
            1,
            "error: the server responded with code 4: ",
        ),
        (call(&nowhere, object, "echo", r#"{"data": ""}"#, echo), 1, "no endpoint can be connected to"),
    ] {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{words}: {text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_server_that_does_not_respond_is_not_waited_for_longer() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let mut command = command(&address, "A.B.EchoObj", "echo", r#"{"data": ""}"#, "echo.tars");
    let output = command.args(["--timeout", "1s"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("no response in time"), "{text}");
}

/// A server with a listener for Tars RPC.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_shardcast"));
        serve.args(["serve", "--shards", "1", "--cpus", "none"]).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in [
            ("SERVER__SPIN", "0"),
            ("SERVER__EPOCH_FILE", ""),
            ("ADMIN__LISTEN", ""),
            ("LISTENER__0__LISTEN", "127.0.0.1:0"),
            ("LISTENER__0__PROTOCOL", "tars"),
            ("LISTENER__0__PUSH__INTERVAL", "0s"),
        ] {
            serve.env(format!("SHARDCAST_{name}"), value);
        }
        let mut child = serve.spawn().expect("it was built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it reports that it is ready");
        let ready: Value = serde_json::from_str(line.trim_start_matches("ready ")).expect("JSON");
        let address = ready["listeners"][0]["addr"].as_str().expect("an address").to_owned();
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(address: &str, object: &str, method: &str, arguments: &str, idl: &str) -> Command {
    let idl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(idl);
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command.args(["call", address, object, method, arguments, "--idl"]).arg(idl);
    command
}

fn call(address: &str, object: &str, method: &str, arguments: &str, idl: &str) -> Output {
    command(address, object, method, arguments, idl).output().expect("it was built")
}

fn results(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}
