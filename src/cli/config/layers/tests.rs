use std::time::Duration;

use shardcast::{
    CpuChoice, ShardCount,
    push::{Priority, RateLimit},
};

use super::*;
use crate::protocols::Registry;

#[test]
fn without_layers_there_are_the_defaults() {
    let registry = Registry::builtin();
    let loaded = load(Inputs::default()).expect("valid");
    assert_eq!(&loaded.config, registry.catalog().defaults());
    assert_eq!(loaded.origin_of(&Key::new("server.shards")), "default");
}

#[test]
fn a_flag_beats_the_environment_beats_the_file() {
    let file = "[server]\nshards = 1\nmesh_capacity = 1\ndrain = '1s'\n";
    let variables =
        [("SHARDCAST_SERVER__SHARDS", "2"), ("SHARDCAST_SERVER__MESH_CAPACITY", "2"), ("HOME", "/")];
    let mut inputs = inputs(file, &variables);
    inputs.flags.push(flag("--shards", "server.shards", "3"));
    let loaded = load(inputs).expect("valid");

    let server = &loaded.config.server;
    assert_eq!(server.shards.0, ShardCount::Exactly(3));
    assert_eq!(server.mesh_capacity, 2);
    assert_eq!(server.drain.0, Duration::from_secs(1));
    for (key, origin) in [
        ("server.shards", "flag --shards"),
        ("server.mesh_capacity", "from env SHARDCAST_SERVER__MESH_CAPACITY"),
        ("server.drain", "from f.toml:4"),
        ("server.cpus", "default"),
    ] {
        assert_eq!(loaded.origin_of(&Key::new(key)), origin, "{key}");
    }
}

#[test]
fn a_weak_flag_gives_way() {
    let weak = || Flag { weak: true, ..flag("--dev", "log.level", "debug") };
    let mut set = inputs("log.level = 'warn'", &[]);
    set.flags.push(weak());
    assert_eq!(load(set).expect("valid").config.log.level.0, "warn");
    let mut unset = inputs("", &[]);
    unset.flags.push(weak());
    assert_eq!(load(unset).expect("valid").config.log.level.0, "debug");
}

#[test]
fn the_environment_changes_and_adds_listeners() {
    let variables = [
        ("SHARDCAST_LISTENER__0__IDLE_TIMEOUT", "5s"),
        ("SHARDCAST_LISTENER__1__NAME", "second"),
        ("SHARDCAST_LISTENER__1__LISTEN", "127.0.0.1:0"),
        ("SHARDCAST_SERVER__CPUS", "3,1"),
        ("SHARDCAST_SERVER__IO_URING_DISABLE", "no-sqarray, multishot-accept"),
    ];
    let config = load(Inputs { file: None, ..inputs("", &variables) }).expect("valid").config;
    assert_eq!(config.listener.len(), 2);
    assert_eq!(config.listener[0].idle_timeout.map(|time| time.0), Some(Duration::from_secs(5)));
    assert!(config.listener[0].push.is_some(), "the default listener keeps what is not changed");
    assert_eq!(config.listener[1].name, "second");
    assert_eq!(config.listener[1].push, None);
    assert_eq!(config.server.cpus.0, CpuChoice::List(vec![3, 1]));
    assert_eq!(config.server.io_uring_disable, ["no-sqarray", "multishot-accept"]);
}

#[test]
fn a_truth_is_true_or_false_wherever_it_is_written() {
    let shares = |text| {
        let variables = [("SHARDCAST_LISTENER__0__REUSE_PORT", text)];
        load(Inputs { file: None, ..inputs("", &variables) }).map(|it| it.config.listener[0].reuse_port)
    };
    assert!(shares("true").expect("valid") && !shares("false").expect("valid"));
    let report = errors(inputs("", &[("SHARDCAST_LISTENER__0__REUSE_PORT", "yes")]));
    assert!(report.contains("`reuse_port`: expected true or false, found the text \"yes\""), "{report}");
    let listener = "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nreuse_port = ";
    assert!(load(inputs(&format!("{listener}true"), &[])).expect("valid").config.listener[0].reuse_port);
    assert!(errors(inputs(&format!("{listener}1"), &[])).contains("expected true or false"));
}

#[test]
fn an_own_listener_replaces_the_default_one() {
    let file = "[[listener]]\nname = 'mine'\nlisten = '127.0.0.1:1'\n[listener.push]\n";
    let config = load(inputs(file, &[])).expect("valid").config;
    assert_eq!(config.listener.len(), 1);
    assert_eq!(config.listener[0].name, "mine");
    assert_eq!(config.listener[0].push, Some(Default::default()), "an empty block has the defaults");
}

#[test]
fn every_error_is_found_where_it_is() {
    for (file, place, words) in [
        ("[sever]", "f.toml:1:2", "did you mean `server`"),
        ("x = 1", "f.toml:1:1", "unknown section `x`"),
        ("[limits]\nidle_timout = '1s'", "f.toml:2:1", "did you mean `idle_timeout`"),
        ("[server]\nkeepalive = '1s'", "f.toml:2:1", "belongs in [limits]"),
        ("[server]\ncolour = 1", "f.toml:2:1", "config doc"),
        ("idle_timeout = '1s'", "f.toml:1:1", "belongs in [limits]"),
        ("[limits]\nidle_timeout = 60", "f.toml:2:16", "write \"60s\""),
        ("[limits]\noutbox_bytes_max = 4096", "f.toml:2:20", "write \"4KiB\""),
        ("[limits]\nkeepalive = true", "f.toml:2:13", "expected a duration, found true"),
        ("[limits]\nkeepalive = '10h'", "f.toml:2:13", "out of range"),
        ("[server]\nmesh_capacity = 0", "f.toml:2:17", "1 to 1048576"),
        ("[server]\nmesh_capacity = 99999999999999999999", "f.toml:2:17", "too large"),
        ("[server]\nmesh_capacity = '5'", "f.toml:2:17", "without quotes"),
        ("[server]\nreceive_buffers = 1000", "f.toml:2:19", "512 and 1024"),
        ("[server]\nreceive_buffers = 65536", "f.toml:2:19", "out of range"),
        ("[server]\nreceive_buffer_bytes = '1B'", "f.toml:2:24", "out of range"),
        ("[server]\ncpus = '3-1'", "f.toml:2:8", "write \"1-3\""),
        ("[server]\nio_uring_disable = [1]", "f.toml:2:20", "list of texts"),
        ("server = 1", "f.toml:1:10", "is a table"),
        ("[listener]\nname = 'x'", "f.toml:1:2", "[[listener]]"),
        ("listener = [1]", "f.toml:1:13", "[[listener]]"),
        ("listener = []", "", "no listener: clients cannot connect"),
        ("[[listener]]\nlisten = '127.0.0.1:1'", "f.toml:1:1", "missing key `name`"),
        ("[[listener]]\nname = 'a'", "f.toml:1:1", "missing key `listen`"),
        ("[log]\nformat = 'jsn'", "f.toml:2:10", "did you mean \"json\""),
        ("[log]\nlevel = 'inof'", "f.toml:2:9", "did you mean `info`"),
        ("[log]\nlevel = 1979-05-27", "f.toml:2:9", "found a date"),
        ("[log\nlevel = 'info'", "f.toml:1:5", "invalid TOML"),
    ] {
        let report = errors(inputs(file, &[]));
        assert!(report.contains(place), "{file}\n{report}");
        assert!(report.contains(words), "{file}\n{report}");
        assert!(report.contains("1 error\n"), "{file}\n{report}");
    }
}

#[test]
fn rules_between_values_are_checked() {
    let first = "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:1'\n";
    for (rest, words) in [
        ("[[listener]]\nname = 'a'\nlisten = '127.0.0.1:2'", "duplicate name `a`, first used in listener[0]"),
        ("[[listener]]\nname = 'b'\nlisten = '127.0.0.1:1'", "listener `a` already listens on 127.0.0.1:1"),
        ("[admin]\nlisten = '127.0.0.1:1'", "listener `a` already listens on 127.0.0.1:1"),
        ("tars-framed.frame_len_min = 10\ntars-framed.frame_len_max = 9", "10 is more than frame_len_max"),
        ("[listener.tars-framed]\nframe_len_min = 7", "7 is out of range"),
        ("push.message = 'hello'\ntars-framed.frame_len_max = 12", "its frame has 13 bytes"),
        ("frame_len_max = 12", "`tars.frame_len_max` or `seastar.frame_len_max` instead"),
        ("tars-framed.frame_len = 12", "unknown key `frame_len` in [listener.tars-framed]"),
        ("tars-framed = 12", "`listener.0.tars-framed` is a table"),
        ("service = 'ech'", "did you mean \"echo\""),
        ("push.message = 'hello'\noutbox_bytes_max = '12B'", "more than outbox_bytes_max"),
        ("push.interval = '1us'", "out of range"),
        ("outbox_bytes_max = '0B'", "must be more than 0"),
        ("[[listener]]\nname = 'b c'\nlisten = '127.0.0.1:2'", "letters, digits"),
    ] {
        let report = errors(inputs(&format!("{first}{rest}"), &[]));
        assert!(report.contains(words), "{rest}\n{report}");
        assert!(report.contains("1 error\n"), "{rest}\n{report}");
    }
    let twice = "[[listener]]\nname = 'b'\nlisten = '127.0.0.1:0'\n";
    assert!(load(inputs(&format!("{twice}{}", twice.replace("'b'", "'c'")), &[])).is_ok(), "port 0 is free");
}

#[test]
fn errors_of_all_layers_are_reported_together() {
    let mut inputs = inputs(
        "[limits]\nidle_timout = '1s'\nkeepalive = 5\n[server]\nreceive_buffers = 3\n",
        &[("SHARDCAST_SERVER__SHARDS", "many"), ("SHARDCAST_SERVER__SHRADS", "1"), ("SHARDCAST_NOTE", "x")],
    );
    inputs.flags.push(flag("--cpus", "server.cpus", "0-"));
    let report = errors(inputs);
    for words in [
        "f.toml:2:1",
        "f.toml:3:13",
        "f.toml:5:19",
        "SHARDCAST_SERVER__SHARDS=many",
        "did you mean `SHARDCAST_SERVER__SHARDS`?",
        "--cpus 0-",
        "configuration f.toml is not valid: 6 errors",
    ] {
        assert!(report.contains(words), "{words}\n{report}");
    }
}

#[test]
fn an_invalid_line_hides_only_the_lines_after_it() {
    let report = errors(inputs("[limits]\nkeepalif = 1\n[log\nlevel = 'info'\nx = 1\n", &[]));
    assert!(report.contains("did you mean `keepalive`"), "{report}");
    assert!(report.contains("f.toml:3:5"), "{report}");
    assert!(report.contains("2 errors"), "{report}");
}

#[test]
fn an_invalid_value_is_reported_once() {
    for file in [
        "[[listener]]\nname = 'a'\nlisten = 'x'\n[[listener]]\nname = 'b'\nlisten = '127.0.0.1:10099'",
        "[[listener]]\nname = 'a'\n[[listener]]\nname = 'b'\nlisten = '127.0.0.1:10099'",
        "[[listener]]\nname = 'a'\nlisten = '[::]:1'\n[listener.tars-framed]\nframe_len_min = 2000000\nframe_len_max = 7",
        "[limits]\noutbox_bytes_max = 5\n[[listener]]\nname = 'a'\nlisten = '[::]:1'\npush.message = 'hello'",
    ] {
        let report = errors(inputs(file, &[]));
        assert!(report.contains("1 error\n"), "{file}\n{report}");
    }
}

#[test]
fn a_listener_far_away_is_refused() {
    for number in ["2", "99999999", "99999999999999999999999999"] {
        let name = format!("SHARDCAST_LISTENER__{number}__NAME");
        let report = errors(inputs("", &[(name.as_str(), "x")]));
        assert!(report.contains("the next index is 1"), "{report}");
    }
}

#[test]
fn topics_have_rules_by_their_beginnings() {
    let file = "[[push.topic]]\nprefix = 'alarm/'\npriority = 'urgent'\n[[push.topic]]\nprefix = ''\n\
                messages_per_second = 100\nbytes_per_second = '1MiB'\nburst = '1s'\n\
                [[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nrate_limit_messages_per_second = 5\n";
    let variables = [("SHARDCAST_PUSH__TOPIC__0__BURST", "2s"), ("SHARDCAST_PUSH__TOPIC__2__PREFIX", "x")];
    let config = load(inputs(file, &variables)).expect("valid").config;
    let rules = config.server_config().push.rules;
    let rate_limit = RateLimit::NONE.with(|it| {
        it.messages_per_second = 100;
        it.bytes_per_second = 1 << 20;
        it.burst = Duration::from_secs(1);
    });
    assert_eq!(rules.of("else"), (Priority::Normal, rate_limit));
    let urgent = (Priority::Urgent, RateLimit::NONE.with(|it| it.burst = Duration::from_secs(2)));
    assert_eq!(rules.of("alarm/fire"), urgent);
    assert_eq!(rules.of("xy"), (Priority::Normal, RateLimit::NONE));
    assert_eq!(config.listener.len(), 1);
    assert_eq!(config.listener[0].rate_limit(), RateLimit::NONE.with(|it| it.messages_per_second = 5));
}

#[test]
fn invalid_topics_are_reported() {
    for (topics, words) in [
        ("[[push.topic]]\npriority = 'high'\n", "missing key `prefix`"),
        ("[[push.topic]]\nprefix = 'a*'\n", "without a `*`"),
        ("[[push.topic]]\nprefix = 'a'\n[[push.topic]]\nprefix = 'a'\n", "first used in push.topic[0]"),
        ("[[push.topic]]\nprefix = 'a'\npriority = 'urgnt'\n", "did you mean \"urgent\"?"),
        ("[[push.topic]]\nprefix = 'a'\nburst = '2d'\n", "out of range"),
        ("[push]\ntopic = 3\n", "`push.topic` is a list of tables"),
        ("[[push.topics]]\nprefix = 'a'\n", "did you mean"),
    ] {
        let report = errors(inputs(topics, &[]));
        assert!(report.contains(words), "{words}: {report}");
    }
    let far = errors(inputs("", &[("SHARDCAST_PUSH__TOPIC__1__PREFIX", "x")]));
    assert!(far.contains("there are 0 topics: the next index is 0"), "{far}");
}

#[test]
fn an_earlier_name_is_an_error_with_the_present_one() {
    for (file, variable, place, words) in [
        ("[[push.topic]]\nprefix = 'a'\nclass = 'high'\n", None, "f.toml:3:1", "write `priority` instead"),
        ("[push]\npaced_bytes_max = '1B'\n", None, "f.toml:2:1", "write `rate_limited_bytes_max` instead"),
        (
            "[[push.topic]]\nprefix = 'a'\n",
            Some(("SHARDCAST_PUSH__TOPIC__0__CLASS", "high")),
            "SHARDCAST_PUSH__TOPIC__0__CLASS=high",
            "write `SHARDCAST_PUSH__TOPIC__0__PRIORITY` instead",
        ),
        (
            "",
            Some(("SHARDCAST_LISTENER__0__PACE_BURST", "1s")),
            "SHARDCAST_LISTENER__0__PACE_BURST=1s",
            "write `SHARDCAST_LISTENER__0__RATE_LIMIT_BURST` instead",
        ),
    ] {
        let report = errors(inputs(file, variable.as_slice()));
        for words in [place, words, "1 error\n"] {
            assert!(report.contains(words), "{words}\n{report}");
        }
    }
}

#[test]
fn hostile_files_end_in_a_report() {
    let deep = format!("a = {}", "[".repeat(10_000));
    let long = format!("[limits]\n{} = 1", "k".repeat(50_000));
    for file in [deep.as_str(), &long, "\u{feff}x", "\0", "=", "a.b.c.d = 1", "[limits.idle_timeout]\nx=1"] {
        assert!(!errors(inputs(file, &[])).is_empty());
    }
}

fn load(inputs: Inputs) -> Result<Loaded, Report> {
    super::load(Registry::builtin().catalog(), inputs)
}

fn inputs(file: &str, variables: &[(&str, &str)]) -> Inputs {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Inputs {
        file: Some(SourceFile { name: "f.toml".into(), text: file.into() }),
        variables: variables.iter().map(own).collect(),
        flags: Vec::new(),
    }
}

fn flag(name: &'static str, key: &str, text: &str) -> Flag {
    Flag { name, key: Key::new(key), text: text.into(), weak: false }
}

fn errors(inputs: Inputs) -> String {
    load(inputs).expect_err("there are errors").render(false)
}
