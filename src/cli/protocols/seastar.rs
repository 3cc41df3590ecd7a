//! Seastar RPC: calls by number, and streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener,
    seastar::{
        self,
        compress::{Lz4, Lz4Fragmented, Multi},
    },
};
use shardcast_load::{echo, generator};

use super::{Entry, Load, Loads};
use crate::config::{DefaultListener, Fault, HumanDuration, ListenerOptions, Options, Protocol, Service};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: NAME,
        listen,
        topics: None,
        loads: Loads {
            echo: Some(Load { service: ECHO, run: generator::run_seastar }),
            push: None,
            command: Some(NAME),
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
        doc: "Seastar RPC: calls by number, and streams. Its service `echo` has the verb 1, which returns its string.",
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
    if listener.push.as_ref().is_some_and(|push| !push.interval.0.is_zero()) {
        fault("push.message".to_owned(), "this protocol has no pushes: set push.interval to \"0s\"");
    }
    faults
}

/// There is one service.
fn listen(listener: Listener, options: &ListenerOptions) -> anyhow::Result<Listener> {
    Ok(echo::seastar(listener, options.protocol_options::<SeastarOptions>()?.library()))
}

const NAME: &str = "seastar";

/// Its only service.
const ECHO: &str = "echo";
