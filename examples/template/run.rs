//! Runs the server and the client against each other.
#![forbid(unsafe_code)]

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

#[test]
fn the_client_gets_the_results_and_the_server_ends_in_order() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_greeter-server"))
        .arg("tcp -h 127.0.0.1 -p 0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it was built");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("it reports its address");
    let port = line.trim_end().strip_prefix("ready 127.0.0.1:").expect("it is ready");

    let endpoint = format!("tcp -h 127.0.0.1 -p {port}");
    let client = Command::new(env!("CARGO_BIN_EXE_greeter-client")).arg(endpoint).output();
    let kill = Command::new("sh").args(["-c", &format!("kill {}", server.id())]).status();
    let end = server.wait().expect("it was started");

    let client = client.expect("it was built");
    assert_eq!(String::from_utf8_lossy(&client.stdout), "hello ann\n", "{client:?}");
    assert_eq!(client.status.code(), Some(0));
    assert!(kill.expect("there is a shell").success());
    assert_eq!(end.code(), Some(0));
}
