//! A protocol that only this file has: it is added to the registry, and everything else follows from that.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::ExitCode,
    sync::LazyLock,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener, Reply,
    tars::{
        Current, Framed, FramedService, Parsed, Servant,
        codec::TarsReader,
        packet::{RequestPacket, ResponsePacket, ReturnCode, Version},
        rpc::{ArgumentWriter, PUSH_OBJECT},
    },
    tcpshm::{Client, ClientOptions},
};
use shardcast_load::{
    echo,
    framing::{Framing, InvalidFrame, Received},
    generator,
};
use shardcast_os::cpu::Machine;

use super::*;
use crate::{
    args::Args,
    commands,
    config::{
        Config, DefaultListener, Inputs, Loaded, Options, Report, Service, SourceFile, load, manual,
        print_defaults, print_effective,
    },
    control::Control,
    serve::{Engine, engine},
};

fn toy() -> Entry {
    Entry {
        protocol,
        via: "toy",
        listen,
        topics: Some(Topics {
            connect: |to, _| anyhow::bail!("toys do not connect to {to}"),
            history: false,
            named: false,
            subscribe_and_stop_reading: |_, _| anyhow::bail!("toys do not subscribe"),
        }),
        loads: Loads {
            echo: Some(Load {
                service: "echo",
                run: |plan, watch| generator::run_echo(plan, Lines::default(), watch),
                descriptors: Descriptors::SOCKET,
            }),
            push: None,
            stream: None,
            command: None,
        },
    }
}

/// The protocol for the generator, with payloads in hexadecimal.
#[derive(Clone, Default)]
struct Lines {
    payload: Vec<u8>,
}

impl Framing for Lines {
    /// Two digits for each byte, and the end of the line.
    const MESSAGE_BYTES_MAX: usize = 63;

    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        Ok(input.iter().position(|byte| *byte == b'\n').map(|end| &input[..=end]))
    }

    fn encode(&mut self, _id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        self.payload.clear();
        payload(&mut self.payload);
        for byte in &self.payload {
            write!(out, "{byte:02x}").expect("memory");
        }
        out.push(b'\n');
    }

    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
        let digits = frame.trim_ascii_end().chunks(2).map_while(|pair| str::from_utf8(pair).ok());
        self.payload = digits.map_while(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        Received::Response { id: 0, payload: &self.payload }
    }
}

/// Options of the protocol `toy-lines`.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
struct ToyOptions {
    /// Longest line, with its end.
    #[schemars(range(min = 2, max = 4096))]
    line_len_max: usize,
}

impl Default for ToyOptions {
    fn default() -> Self {
        Self { line_len_max: 128 }
    }
}

fn protocol() -> Protocol {
    Protocol {
        name: "toy-lines",
        doc: "Lines of text.",
        services: &[
            Service { name: "shout", doc: "Answers in capitals." },
            Service { name: "echo", doc: "Returns the bytes of each request." },
        ],
        heartbeats: true,
        default_listener: Some(DefaultListener { name: "toy", port: taken().port(), pushes: false }),
        push_overhead: 1,
        check: |_| Vec::new(),
        options: Options::of::<ToyOptions>(),
    }
}

fn listen(
    listener: Listener,
    options: &ListenerOptions,
    _: Option<&std::path::Path>,
) -> anyhow::Result<Listener> {
    let ToyOptions { line_len_max } = options.protocol_options()?;
    let line = |input: &[u8]| match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => Parsed::Full(end + 1),
        None => Parsed::Less,
    };
    let shouts = options.service == "shout";
    Ok(listener.protocol(Framed::new(line, line_len_max), move |_| FramedService(Toy { shouts })))
}

struct Toy {
    shouts: bool,
}

impl Servant for Toy {
    fn do_request(&self, _current: &Current, line: &[u8], reply: &mut Reply<'_>) {
        let start = reply.body().len();
        reply.body().extend_from_slice(line);
        if self.shouts {
            reply.body()[start..].make_ascii_uppercase();
        }
    }
}

/// The port of its default listener, which another program uses.
fn taken() -> SocketAddr {
    static TAKEN: LazyLock<TcpListener> =
        LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    TAKEN.local_addr().expect("bound")
}

#[test]
fn a_listener_of_an_added_protocol_is_served() {
    for (service, answer) in [("", "HELLO\n"), ("service = 'echo'\n", "hello\n")] {
        let config = config(&format!(
            "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nprotocol = 'toy-lines'\n{service}\
             [listener.toy-lines]\nline_len_max = 64\n"
        ));
        let server = start(&config).expect("it starts");
        assert_eq!(ask(server.listeners()[0].addr, "hello\n"), answer);
        // Its own option is in effect: a longer line ends the connection.
        assert_eq!(ask(server.listeners()[0].addr, &"x".repeat(65)), "");
        server.stop();
    }
}

#[test]
fn a_tars_listener_has_the_echo_object_and_its_options() {
    let listener = "[[listener]]\nname = 'rpc'\nlisten = '127.0.0.1:0'\nprotocol = 'tars'\n[listener.tars]\n";
    let server = start(&config(&format!("{listener}frame_len_max = 1024"))).expect("it starts");
    let address = server.listeners()[0].addr;
    for (data, topics) in [(&b"hello"[..], true), (&[7; 2000], false)] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let response = call(&mut stream, echo::OBJECT, echo::FUNCTION, |w| w.put(1, "data", data));
        let response = response.filter(|it| it.ret == ReturnCode::SUCCESS);
        let returned = response.as_ref().map(|it| TarsReader::new(&it.buffer).require(0).expect("bytes"));
        assert_eq!(returned, Some(data).filter(|_| topics), "longer packets end the connection");
    }
    let topics = |server: &dyn Engine| {
        let mut stream = TcpStream::connect(server.listeners()[0].addr).expect("it listens");
        call(&mut stream, PUSH_OBJECT, "presence", |w| w.put(1, "topic", "t")).map(|it| it.ret)
    };
    assert_eq!(topics(&*server), Some(ReturnCode::SUCCESS));
    let of_tars = registry().topics().find(|via| via.name == "tars").expect("it has topics").part.clone();
    let mut stream = TcpStream::connect(address).expect("it listens");
    let further = (of_tars.subscribe_and_stop_reading)(&mut stream, "t").expect("it is subscribed");
    assert!(further.is_none());
    server.stop();

    let server = start(&config(&format!("{listener}topics = false"))).expect("it starts");
    assert_eq!(topics(&*server), Some(ReturnCode::NO_SERVANT));
    server.stop();
    for access in
        ["deny = ['127.0.*.*']", "allow = ['10.0.0.1']", "allow = ['*']\ndeny = ['*']\norder = 'deny,allow'"]
    {
        let server = start(&config(&format!("{listener}{access}"))).expect("it starts");
        assert_eq!(topics(&*server), None, "{access}");
        server.stop();
    }
    for (option, words) in [
        ("allow = ['10.1.2']", "`10.1.2` is not an address: expected one such as"),
        ("order = 'allow'", "\"allow,deny\" or \"deny,allow\""),
        ("queue_timeout = '0s'", "must be more than 0, or no call can wait"),
        ("[listener.push]\nmessage = 'hi'", "publish on a topic"),
    ] {
        let report = loaded(&format!("{listener}{option}"), &[]).expect_err(option).render(false);
        assert!(report.contains(words) && report.contains("not valid: 1 "), "{option}: {report}");
    }
}

#[test]
fn a_seastar_listener_has_topics_unless_they_are_off() {
    let listener =
        "[[listener]]\nname = 'rpc'\nlisten = '127.0.0.1:0'\nprotocol = 'seastar'\n[listener.seastar]\n";
    let of_seastar =
        registry().topics().find(|via| via.name == "seastar").expect("it has topics").part.clone();
    for (option, has_topics) in [("", true), ("topics = false", false), ("streaming = false", false)] {
        let server = start(&config(&format!("{listener}{option}"))).expect("it starts");
        let mut stream = TcpStream::connect(server.listeners()[0].addr).expect("it listens");
        let subscribed = (of_seastar.subscribe_and_stop_reading)(&mut stream, "t");
        assert_eq!(subscribed.is_ok_and(|further| further.is_some()), has_topics, "{option}");
        server.stop();
    }
}

#[test]
fn a_tcpshm_listener_has_topics_unless_they_are_off() {
    let listener =
        "[[listener]]\nname = 'peers'\nlisten = '127.0.0.1:0'\nprotocol = 'tcpshm'\n[listener.tcpshm]\n";
    let of_tcpshm = registry().topics().find(|via| via.name == "tcpshm").expect("it has topics").part.clone();
    for (option, has_topics) in [("", true), ("topics = false", false)] {
        // The first server may still use its own.
        let files = tempfile::tempdir().expect("a place for files");
        let data_dir = format!("server.data_dir = '{}'\n", files.path().display());
        let server = start(&config(&format!("{data_dir}{listener}{option}"))).expect("it starts");
        let mut stream = TcpStream::connect(server.listeners()[0].addr).expect("it listens");
        let subscribed = (of_tcpshm.subscribe_and_stop_reading)(&mut stream, "t");
        assert_eq!(subscribed.is_ok(), has_topics, "{option}");
        server.stop();
    }
}

/// The response to a call; `None` if the connection ends.
fn call(
    stream: &mut TcpStream,
    object: &str,
    function: &str,
    write: impl FnOnce(&mut ArgumentWriter),
) -> Option<ResponsePacket> {
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    write(&mut w);
    let buffer = w.finish().expect("they are encoded").into();
    let (servant, func) = (object.to_owned(), function.to_owned());
    let mut bytes = Vec::new();
    let request = RequestPacket { request_id: 1, servant, func, buffer, ..RequestPacket::default() };
    request.encode(&mut bytes).expect("it is short");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    stream.write_all(&bytes).ok()?;
    let mut len = [0; 4];
    stream.read_exact(&mut len).ok()?;
    let mut body = vec![0; u32::from_be_bytes(len) as usize - len.len()];
    stream.read_exact(&mut body).expect("the whole packet");
    Some(ResponsePacket::decode(&body).expect("a response"))
}

#[test]
fn a_load_of_an_added_protocol_is_measured() {
    let elsewhere = config(
        "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nprotocol = 'toy-lines'\nservice = 'echo'\n",
    );
    let server = start(&elsewhere).expect("it starts");
    let address = server.listeners()[0].addr.to_string();
    let folder = tempfile::tempdir().expect("a folder of our own");
    let json = folder.path().join("result.json");
    let json = json.to_str().expect("text");
    let echo = ["bench", "echo", "--via", "toy", "--connections", "4"];
    let measure = ["--size", "36", "--rate", "500", "--time", "0.4", "--warm-up", "0", "--json", json];
    for server in [&["--shards", "1"], &["--connect", &*address]] {
        let exact = ["--assert", "sent=200,received=200,lost=0,duplicated=0,corrupt=0"];
        let code = run(&[&echo[..], &measure, server, &exact].concat()).expect("it is measured");
        assert_eq!(code, ExitCode::SUCCESS, "{server:?}");
        let report: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(json).expect("written")).expect("JSON");
        assert_eq!((&report["test"]["kind"], &report["test"]["protocol"]), (&"echo".into(), &"toy".into()));
    }
    server.stop();
    let error = run(&[&echo[..], &["--size", "64"]].concat()).expect_err("its lines are shorter");
    assert!(error.to_string().contains("64 bytes are too many for this protocol: at most 63"), "{error}");
}

#[test]
fn an_added_protocol_is_a_value_of_via_with_its_own_address() {
    let toy = taken();
    let addresses = "[default: 127.0.0.1:10099, tars 10100, seastar 10000, tcpshm 12345";
    let with_toy = format!("{addresses}, toy {}]", toy.port());
    for (command, help) in [
        ("sub", vec![with_toy.clone(), "Protocol: framed, tars, seastar, tcpshm, toy [".into()]),
        ("pub", vec![with_toy, "Protocol: framed, tars, seastar, tcpshm, toy [".into()]),
        ("history", vec![format!("{addresses}]"), "framed, tars, seastar, tcpshm [".into()]),
        ("bench echo", vec!["Protocol: framed, tars, seastar, tcpshm, toy [default: framed]".into()]),
        ("bench push", vec!["Protocol: framed, tars [default: framed]".into()]),
    ] {
        let line = format!("shardcast {command} --help");
        let shown = Args::read(line.split(' '), &registry()).expect_err("its help").to_string();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.iter().all(|part| shown.contains(part)), "{help:?}: {shown}");
    }
    for (connect, to) in [(&[][..], toy.to_string()), (&["--connect", "localhost:1"], "localhost:1".into())] {
        let error = run(&[&["pub", "t", "x", "--via", "toy"], connect].concat()).expect_err("it is a toy");
        assert_eq!(error.to_string(), format!("toys do not connect to {to}"));
    }
    for (command, values) in
        [("bench push", "framed, tars]"), ("history t", "framed, tars, seastar, tcpshm]")]
    {
        let line = format!("shardcast {command} --via toy");
        let error = Args::read(line.split(' '), &registry()).expect_err("it has none");
        assert!(error.to_string().contains(&format!("[possible values: {values}")), "{error}");
    }
}

#[test]
fn an_added_protocol_is_in_all_that_is_made_from_the_registry() {
    let registry = registry();
    let catalog = registry.catalog();
    let reference = manual(catalog);
    for expected in
        ["## `[listener.toy-lines]`", "`line_len_max`", "`\"toy-lines\"`: Lines of text.", "shout"]
    {
        assert!(reference.contains(expected), "{expected}: {reference}");
    }
    let listener = &catalog.schema()["properties"]["listener"]["items"];
    assert_eq!(listener["properties"]["toy-lines"]["properties"]["line_len_max"]["default"], 128);
    assert_eq!(listener["properties"]["protocol"]["oneOf"][4]["const"], "toy-lines");
    assert!(print_defaults(catalog).contains("[listener.toy-lines]"));
    for (text, words) in [
        ("protocol = 'toy-line'", "did you mean \"toy-lines\"?"),
        ("toy-lines.line_len_ma = 5", "did you mean `line_len_max`?"),
        ("line_len_max = 5", "write `toy-lines.line_len_max` instead"),
        ("toy-lines.line_len_max = 5", "has no effect: the protocol of this listener is `tars-framed`"),
        ("protocol = 'toy-lines'\ntoy-lines.line_len_max = 5000", "must be 2 to 4096"),
        ("protocol = 'toy-lines'\ntars-framed.frame_len_min = 9", "[listener.tars-framed] has no effect"),
        ("service = 'shout'", "protocol `tars-framed` does not have the service `shout`"),
        (
            "service = 'shout'",
            "valid: tars-framed with echo; tars with echo; seastar with echo; tcpshm with echo; \
             toy-lines with shout, echo",
        ),
    ] {
        let report = loaded(&format!("{LISTENER}{text}"), &[]).expect_err(text).render(false);
        assert!(report.contains(words) && report.contains("not valid: 1 "), "{text}: {report}");
    }
}

#[test]
fn options_of_a_protocol_come_from_the_environment_too() {
    let [protocol, own] =
        ["SHARDCAST_LISTENER__0__PROTOCOL", "SHARDCAST_LISTENER__0__TOY_LINES__LINE_LEN_MAX"];
    let config = loaded("", &[(protocol, "toy-lines"), (own, "77")]).expect("valid").config;
    let ToyOptions { line_len_max } = config.listener[0].protocol_options().expect("its own");
    assert_eq!((line_len_max, &*config.listener[0].service), (77, "shout"));
    assert_eq!(config.listener[0].name, "push", "what is not changed is that of the default listener");
    let report = loaded("", &[("SHARDCAST_LISTENER__0__LINE_LEN_MAX", "77")]).expect_err("it has moved");
    assert!(report.render(false).contains(&format!("write `{own}` instead")), "{}", report.render(false));
}

#[test]
fn any_configured_listener_replaces_all_default_ones() {
    for (file, variables, names) in [
        ("", vec![], vec!["push", "tars", "seastar", "tcpshm", "toy"]),
        (
            "limits.keepalive = '5s'",
            vec![("SHARDCAST_SERVER__SHARDS", "1")],
            vec!["push", "tars", "seastar", "tcpshm", "toy"],
        ),
        (LISTENER, vec![], vec!["a"]),
        ("", vec![("SHARDCAST_LISTENER__0__LISTEN", "127.0.0.1:0")], vec!["push"]),
        ("", vec![("SHARDCAST_LISTENER__0__IDLE_TIMEOUT", "5s")], vec!["push"]),
        (
            "",
            vec![("SHARDCAST_LISTENER__1__NAME", "b"), ("SHARDCAST_LISTENER__1__LISTEN", "[::1]:0")],
            vec!["push", "b"],
        ),
        (LISTENER, vec![("SHARDCAST_LISTENER__0__NAME", "b")], vec!["b"]),
    ] {
        let config = loaded(file, &variables).expect("valid").config;
        let found: Vec<_> = config.listener.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(found, names, "{file} {variables:?}");
    }
}

#[test]
fn several_default_listeners_are_printed_with_the_same_meaning() {
    let registry = registry();
    let catalog = registry.catalog();
    let mut defaults = catalog.defaults().clone();
    assert!(!defaults.listener[0].optional && defaults.listener[1..].iter().all(|it| it.optional));
    // A configured listener is required.
    defaults.listener.iter_mut().for_each(|listener| listener.optional = false);
    let shown = print_effective(&loaded("", &[]).expect("valid"), catalog, true);
    for text in [print_defaults(catalog), shown] {
        assert_eq!(loaded(&text, &[]).expect("what we print is valid").config, defaults, "{text}");
    }
}

#[test]
fn a_taken_port_costs_a_default_listener_and_ends_the_start_for_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(&format!("server.data_dir = '{}'\n", folder.path().display()));
    config.listener[..4].iter_mut().for_each(|listener| listener.listen.0.set_port(0));
    let server = start(&config).expect("it starts");
    let names: Vec<_> = server.listeners().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["push", "tars", "seastar", "tcpshm"]);
    server.stop();

    // The first one is required, although it is a default listener.
    config.listener[0].listen.0 = taken();
    let error = start(&config).err().expect("its port is taken");
    assert!(format!("{error:#}").contains("address in use"), "{error:#}");

    let text = format!(
        "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\n\
         [[listener]]\nname = 'toy'\nlisten = '{}'\nprotocol = 'toy-lines'\n",
        taken()
    );
    let error = start(&self::config(&text)).err().expect("its port is taken");
    assert!(
        format!("{error:#}").contains("toy") && format!("{error:#}").contains("address in use"),
        "{error:#}"
    );
}

#[test]
fn a_folder_that_cannot_be_used_costs_a_default_listener_and_ends_the_start_for_others() {
    let folder = tempfile::NamedTempFile::new().expect("a file");
    let data_dir = format!("server.data_dir = '{}'\n", folder.path().display());
    let mut config = config(&data_dir);
    config.listener[..4].iter_mut().for_each(|listener| listener.listen.0.set_port(0));
    let server = start(&config).expect("it starts");
    let names: Vec<_> = server.listeners().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["push", "tars", "seastar"]);
    server.stop();

    let listener = "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nprotocol = 'tcpshm'\n";
    let error = start(&self::config(&format!("{data_dir}{listener}"))).err().expect("no folder");
    assert!(format!("{error:#}").contains("cannot use the folder"), "{error:#}");
}

#[test]
fn the_durability_of_a_tcpshm_listener_is_a_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener =
        "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nprotocol = 'tcpshm'\n[listener.tcpshm]\n";
    for (number, option) in
        ["", "durability = 'fsync'", "durability = 'batch'\nbatch_interval = '2ms'"].iter().enumerate()
    {
        let folder = folder.path().join(number.to_string());
        let data_dir = format!("server.data_dir = '{}'\n", folder.display());
        let server = start(&config(&format!("{data_dir}{listener}{option}"))).expect("it starts");
        let options = ClientOptions::new(folder.join("client"));
        let mut client = Client::connect("client", server.listeners()[0].addr, options).expect("it logs on");
        client.send(1, b"hello").expect("there is room");
        assert_eq!(&*client.recv().expect("an echo").body, b"hello");
        let pages = server.source(Control { orders: flume::bounded(1).0, reloads: Arc::default() });
        let syncs: u64 = pages.shards().iter().map(|shard| shard.syncs).sum();
        assert_eq!(syncs > 0, number > 0, "{option}: {syncs} syncs");
        let peers = "1, 1 connected; 1 journals have 65536 of 1073741824 bytes";
        assert_eq!(pages.checks().last(), Some(&("peers of a".to_owned(), Ok(peers.to_owned()))));
        server.stop();
    }
    for (option, words) in [
        ("batch_interval = '0s'", "must be from 1ms to 1s"),
        ("batch_interval = '2s'", "must be from 1ms to 1s"),
        ("durability = 'disk'", "batch"),
    ] {
        let report = loaded(&format!("{listener}{option}"), &[]).expect_err(option).render(false);
        assert!(report.contains(words) && report.contains("not valid: 1 "), "{option}: {report}");
    }
}

#[test]
fn a_start_without_a_default_listener_logs_the_layout_once() {
    // Two shards on one CPU, which is worth a warning.
    let cpu = Machine::read().allowed[0];
    let text =
        format!("server.shards = 2\nserver.cpus = '{cpu}'\nserver.spin = '0'\nserver.epoch_file = ''\n");
    let mut config = loaded(&text, &[]).expect("valid").config;
    config.server.data_dir = "/dev/null/none".parse().expect("a path");
    config.listener[..3].iter_mut().for_each(|listener| listener.listen.0.set_port(0));

    let file = Arc::new(tempfile::tempfile().expect("a file of our own"));
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::clone(&file)).finish();
    let server = tracing::subscriber::with_default(subscriber, || start(&config)).expect("it starts");
    server.stop();

    let (mut log, mut file) = (String::new(), &*file);
    file.rewind().expect("a file");
    file.read_to_string(&mut log).expect("text");
    assert_eq!(log.matches("starting without this listener").count(), 1, "{log}");
    assert_eq!(log.matches("2 shards share 1 CPUs").count(), 1, "{log}");
}

fn registry() -> Registry {
    Registry::builtin().with(toy())
}

fn loaded(file: &str, variables: &[(&str, &str)]) -> Result<Loaded, Report> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let inputs = Inputs {
        file: Some(SourceFile { name: "f.toml".into(), text: file.into() }),
        variables: variables.iter().map(own).collect(),
        flags: Vec::new(),
    };
    load(registry().catalog(), inputs)
}

/// Runs a command with the added protocol.
fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let line = ["shardcast"].iter().chain(arguments);
    commands::run(Args::read(line, &registry()).expect("a valid command line"), &registry())
}

/// A configuration for servers of tests.
fn config(text: &str) -> Config {
    let text =
        format!("server.shards = 1\nserver.cpus = 'none'\nserver.spin = '0'\nserver.epoch_file = ''\n{text}");
    loaded(&text, &[]).unwrap_or_else(|report| panic!("{}", report.render(false))).config
}

fn start(config: &Config) -> anyhow::Result<Box<dyn Engine>> {
    engine::start(config, &registry())
}

/// The line of the response, empty if the connection ends.
fn ask(server: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    stream.write_all(line.as_bytes()).expect("it reads");
    let mut answer = String::new();
    // A reset is an end too.
    let _ = BufReader::new(stream).read_line(&mut answer);
    answer
}

const LISTENER: &str = "[[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\n";
