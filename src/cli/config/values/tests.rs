use std::{fmt, time::Duration};

use super::{text::TextValue, *};

#[test]
fn values_print_as_they_were_written() {
    same::<HumanDuration>(&["0s", "1ns", "50us", "25ms", "10s", "90s", "2m", "1h", "3d", "1500ms"]);
    same::<ByteSize>(&["0B", "1B", "1000B", "4KiB", "1MiB", "3GiB"]);
    same::<ListenAddr>(&["127.0.0.1:10099", "[::1]:0"]);
    same::<AdminListen>(&["127.0.0.1:9180", ""]);
    same::<AdminSocket>(&["auto", "/run/shardcast/admin.sock", "./a", ""]);
    same::<Secret>(&[""]);
    same::<Shards>(&["auto", "1", "1024"]);
    same::<Cpus>(&["auto", "none", "0", "0-3,6", "6,0-1", "3,2,1"]);
    same::<Spin>(&["adaptive:50us", "0", "always"]);
    same::<Overflow>(&["disconnect", "drop-oldest", "drop-newest", "conflate", "block:100ms"]);
    same::<LogLevel>(&["info", "warn,shardcast=debug", "off"]);
}

#[test]
fn a_secret_is_never_printed() {
    let secret: Secret = "PdQ8o7Zr2nVYxk5J".parse().expect("a token");
    assert_eq!(secret.reveal(), Some("PdQ8o7Zr2nVYxk5J"));
    assert_eq!((secret.to_string(), format!("{secret:?}")), ("<redacted>".into(), "\"<redacted>\"".into()));
    let error = "short-word".parse::<Secret>().expect_err("too short");
    assert!(!error.contains("short-word"), "{error}");
}

#[test]
fn valid_values_are_parsed() {
    let duration = |text: &str| text.parse::<HumanDuration>().map(|duration| duration.0);
    assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
    assert_eq!(duration("50µs"), Ok(Duration::from_micros(50)));
    assert_eq!(duration("0"), Ok(Duration::ZERO));
    assert_eq!("1MiB".parse::<ByteSize>(), Ok(ByteSize(1 << 20)));
    assert_eq!("0".parse::<ByteSize>(), Ok(ByteSize(0)));
}

#[test]
fn a_canonical_text_is_the_shortest_exact_one() {
    let printed = |text: &str| text.parse::<HumanDuration>().expect("a duration").to_string();
    assert_eq!(printed("120s"), "2m");
    assert_eq!(printed("90s"), "90s");
    assert_eq!(printed("1m"), "60s");
    assert_eq!(printed("1000us"), "1ms");
    assert_eq!("2048B".parse::<ByteSize>().expect("a size").to_string(), "2KiB");
}

#[test]
fn invalid_values_are_refused() {
    let long = "9".repeat(30);
    refused::<HumanDuration>(&[
        "",
        "s",
        "10",
        "10 s",
        "-1s",
        "1.5s",
        "10sec",
        "367d",
        "99999999999999999999s",
        &long,
    ]);
    refused::<ByteSize>(&["", "B", "10", "1KB", "1mb", "-1B", "1025GiB", "18446744073709551615GiB"]);
    refused::<ListenAddr>(&["", "127.0.0.1", "localhost:80", "127.0.0.1:99999", ":80", "::1:80"]);
    refused::<AdminSocket>(&["admin.sock", "on", &format!("/{}", "x".repeat(107)), "/a\0b"]);
    refused::<Secret>(&[
        "short",
        "<redacted>",
        "sixteen but a blank",
        "sixteen-but-n\u{f8}-ascii",
        &"x".repeat(257),
    ]);
    refused::<Shards>(&["", "0", "1025", "-1", "two"]);
    refused::<Cpus>(&["", ",", "0-", "3-0", "0,0", "0-2,1", "a", "0-99999999999", "8192"]);
    refused::<Spin>(&["", "50us", "adaptive", "adaptive:", "adaptive:0s", "adaptive:50", "never"]);
    refused::<Overflow>(&["", "block", "block:", "block:0s", "drop", "Disconnect"]);
    refused::<LogLevel>(&["", "inof", "info,verbose", "shardcast=nope"]);
}

#[test]
fn a_number_without_unit_gets_advice() {
    let advice = HumanDuration::from_integer(60).expect_err("no unit");
    assert!(advice.contains("\"60s\""), "{advice}");
    let advice = ByteSize::from_integer(1 << 20).expect_err("no unit");
    assert!(advice.contains("\"1MiB\""), "{advice}");
    let advice = "inof".parse::<LogLevel>().expect_err("no level");
    assert!(advice.contains("did you mean `info`"), "{advice}");
    let advice = "localhost:80".parse::<ListenAddr>().expect_err("a name");
    assert!(advice.contains("\"127.0.0.1:80\""), "{advice}");
}

fn same<T: TextValue>(texts: &[&str]) {
    for text in texts {
        let value = text.parse::<T>().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), *text);
    }
    for text in T::EXAMPLES {
        assert!(text.parse::<T>().is_ok(), "{text} is an example");
    }
}

fn refused<T: TextValue + fmt::Debug>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} was taken");
    }
}
