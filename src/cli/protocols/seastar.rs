//! Seastar RPC: calls by number, and streams.

use std::{io::Read as _, io::Write as _, net::TcpStream, path::Path};

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener,
    proto::{
        seastar::{
            ConnectionId, Features, Layout, RequestHead,
            serialize::Encode as _,
            split_response,
            topics::{SUBSCRIBE, TopicWire},
        },
        topics::{self, RequestKind, Wire as _},
    },
    seastar::{
        self,
        compress::{Lz4, Lz4Fragmented, Multi},
    },
    topics::TopicProtocol,
};
use shardcast_load::{echo, generator};

use super::{ClientOptions, Descriptors, Entry, Load, LoadCommand, Loads, TopicClient, Topics};
use crate::config::{DefaultListener, Fault, HumanDuration, ListenerOptions, Options, Protocol, Service};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: NAME,
        listen,
        topics: Some(Topics { connect, history: true, named: false, subscribe_and_stop_reading }),
        loads: Loads {
            echo: Some(Load { service: ECHO, run: generator::run_seastar, descriptors: Descriptors::SOCKET }),
            push: None,
            stream: Some(Load {
                service: ECHO,
                run: generator::run_seastar,
                descriptors: Descriptors::SOCKET,
            }),
            command: Some(LoadCommand {
                name: NAME,
                has_batches: false,
                examples: &["--stream to-server --connections 1 --size 1000"],
            }),
        },
    }
}

/// Options of the protocol `seastar`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct SeastarOptions {
    /// Longest arguments, results and messages of streams, also when decompressed. Longer ones that are received end the
    /// connection; a longer result becomes a failure (too-large).
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    frame_len_max: u32,
    /// How long a client may take for its negotiation. No shorter bound of the listener ends it earlier.
    negotiation_timeout: HumanDuration,
    /// Compression that clients may choose.
    compress: Compress,
    /// Whether clients may open streams.
    streaming: bool,
    /// Whether clients can use topics, through verbs of the server (docs/push.md). A subscription needs a stream.
    topics: bool,
    /// Streams of one connection; another one is refused.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    streams_max: usize,
    /// How long a stream whose directions have both ended waits for the client to end its connection.
    stream_fin_wait: HumanDuration,
    /// How long a stream waits for a call that names it. 0 means forever.
    stream_claim_timeout: HumanDuration,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Compress {
    /// None.
    None,
    /// LZ4, each message at once.
    Lz4,
    /// LZ4_FRAGMENTED: LZ4 in pieces of 32 KiB.
    Lz4f,
    /// Both; the first one that the client names is used.
    Multi,
}

impl Default for SeastarOptions {
    fn default() -> Self {
        let library = seastar::Protocol::default();
        Self {
            frame_len_max: library.frame_len_max,
            negotiation_timeout: HumanDuration(library.negotiation_timeout),
            compress: Compress::Multi,
            streaming: library.streaming,
            topics: library.topics,
            streams_max: library.streams_max,
            stream_fin_wait: HumanDuration(library.stream.fin_wait),
            stream_claim_timeout: HumanDuration(library.stream.claim_timeout),
        }
    }
}

impl SeastarOptions {
    fn library(&self) -> seastar::Protocol {
        let protocol = seastar::Protocol::default().with(|it| {
            it.frame_len_max = self.frame_len_max;
            it.negotiation_timeout = self.negotiation_timeout.0;
            it.streaming = self.streaming;
            it.topics = self.topics;
            it.streams_max = self.streams_max;
            it.stream.frame_len_max = self.frame_len_max as usize;
            it.stream.fin_wait = self.stream_fin_wait.0;
            it.stream.claim_timeout = self.stream_claim_timeout.0;
        });
        match self.compress {
            Compress::None => protocol,
            Compress::Lz4 => protocol.compression(Lz4),
            Compress::Lz4f => protocol.compression(Lz4Fragmented),
            Compress::Multi => protocol.compression(Multi::default().and(Lz4).and(Lz4Fragmented)),
        }
    }
}

fn protocol() -> Protocol {
    Protocol {
        name: NAME,
        doc: "Seastar RPC: calls by number, and streams. Its service `echo` has the verb 1, which returns its string, and verbs with streams: 9 counts the bytes of strings, 10 sends strings, 16 returns them.",
        services: &[Service { name: ECHO, doc: "Returns the string of each call." }],
        heartbeats: false,
        default_listener: Some(DefaultListener { name: "seastar", port: 10000, pushes: false }),
        push_overhead: 0,
        check,
        options: Options::of::<SeastarOptions>(),
    }
}

fn check(listener: &ListenerOptions) -> Vec<Fault> {
    let Ok(options) = listener.protocol_options::<SeastarOptions>() else { return Vec::new() };
    let mut faults = Vec::new();
    let mut fault = |key: String, message: &str| {
        faults.push(Fault { key, others: Vec::new(), message: message.to_owned() });
    };
    if options.negotiation_timeout.0.is_zero() {
        fault(format!("{NAME}.negotiation_timeout"), "must be more than 0, or no client can negotiate");
    }
    faults.extend(super::without_pushes(listener));
    faults
}

/// There is one service.
fn listen(listener: Listener, options: &ListenerOptions, _: Option<&Path>) -> anyhow::Result<Listener> {
    Ok(echo::seastar(listener, options.protocol_options::<SeastarOptions>()?.library()))
}

fn connect(to: &str, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>> {
    super::topics::connect(to, options, TopicProtocol::Seastar)
}

/// The connection becomes the stream of the subscription.
fn subscribe_and_stop_reading(stream: &mut TcpStream, topic: &str) -> anyhow::Result<Option<TcpStream>> {
    let mut calls = TcpStream::connect(stream.peer_addr()?)?;
    calls.set_read_timeout(stream.read_timeout()?)?;
    let parent = negotiate(&mut calls, None)?;
    let id = negotiate(stream, Some(parent))?;

    let mut arguments = Vec::new();
    let filter = topic.parse()?;
    TopicWire.encode(&topics::Request::Subscribe { filter: &filter, since: None }, &mut arguments);
    id.encode(&mut arguments);
    let mut bytes = Vec::new();
    let (layout, len) = (Layout::default(), u32::try_from(arguments.len())?);
    RequestHead { timeout_ms: 0, verb: SUBSCRIBE, id: 1, len }.encode(layout, &mut bytes);
    bytes.extend_from_slice(&arguments);
    calls.write_all(&bytes)?;

    let response = read(&mut calls, |input| {
        let found = split_response(input, layout, RESPONSE_LEN_MAX)?;
        Ok(found.map(|it| (it.head.is_exception, it.payload.to_vec())))
    })?;
    let (is_exception, result) = response;
    anyhow::ensure!(!is_exception, "the server has no topics");
    TopicWire.decode_response(RequestKind::Subscribe, &result)?;
    Ok(Some(calls))
}

/// Begins a connection; returns its id.
fn negotiate(stream: &mut TcpStream, stream_parent: Option<ConnectionId>) -> anyhow::Result<ConnectionId> {
    let mut bytes = Vec::new();
    Features { stream_parent, ..Features::default() }.encode(&mut bytes);
    stream.write_all(&bytes)?;
    let accepted =
        read(stream, |input| Ok(Features::decode(input, RESPONSE_LEN_MAX)?.map(|(accepted, _)| accepted)))?;
    accepted.connection_id.context("the server has no streams")
}

/// What `find` makes of the next bytes.
fn read<T>(stream: &mut TcpStream, find: impl Fn(&[u8]) -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let mut input = Vec::new();
    loop {
        if let Some(found) = find(&input)? {
            return Ok(found);
        }
        // Nothing after it: that would be lost.
        let mut byte = [0];
        stream.read_exact(&mut byte).context("no response from the server")?;
        input.push(byte[0]);
    }
}

const NAME: &str = "seastar";

/// Responses to requests about topics are shorter.
const RESPONSE_LEN_MAX: u32 = 1024;

/// Its only service.
const ECHO: &str = "echo";
