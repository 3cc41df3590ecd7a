//! `shardcast demo` as a user runs it, only shorter.
#![forbid(unsafe_code)]

use assert_cmd::assert::OutputAssertExt;

#[test]
fn the_demo_checks_what_it_claims() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shardcast"));
    let output = command.args(["demo", "--seconds", "3", "--clients", "5"]).output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    for claim in [
        "serve     ok      2 shards are running",
        "subscribe ok      5 clients have subscribed; the server counts 5",
        " 0 lost, 0 repeated, 0 out of order",
        "it reconnected: recovered, 50 received, now at ",
        "one client never reads: ",
        "the 5 others: ",
        "drain     ok      the server has stopped",
        "7 connections opened, 7 closed",
        "all checks passed",
    ] {
        assert!(printed.contains(claim), "{claim:?} in\n{printed}");
    }
    assert!(printed.lines().all(|line| line.chars().count() <= 90), "{printed}");
}

#[test]
fn a_demo_needs_clients_shards_and_time() {
    for arguments in [["demo", "--clients", "0"], ["demo", "--shards", "0"], ["demo", "--seconds", "0"]] {
        std::process::Command::new(env!("CARGO_BIN_EXE_shardcast")).args(arguments).assert().code(2);
    }
}
