//! Tars RPC: packets that call functions of objects.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use anyhow::Context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener,
    proto::{
        Route,
        topics::{self, Wire as _},
    },
    tars::{
        packet::{self, ResponseRef, ReturnCode, StringMapRef},
        rpc::{Access, AccessError, AdapterOptions, TopicWire},
    },
    topics::TopicProtocol,
};
use shardcast_load::{echo, generator};

use super::{ClientOptions, Descriptors, Entry, Load, LoadCommand, Loads, TopicClient, Topics};
use crate::config::{
    ByteSize, DefaultListener, Fault, HumanDuration, ListenerOptions, Options, Protocol, Service,
};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: NAME,
        listen,
        topics: Some(Topics { connect, history: true, named: false, subscribe_and_stop_reading }),
        loads: Loads {
            echo: Some(Load { service: ECHO, run: generator::run_tars, descriptors: Descriptors::SOCKET }),
            push: Some(Load { service: ECHO, run: generator::run_tars, descriptors: Descriptors::SOCKET }),
            stream: None,
            command: Some(LoadCommand { name: NAME, has_batches: false, examples: &[] }),
        },
    }
}

/// Options of the protocol `tars`: those of an adapter of TarsCpp.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct TarsOptions {
    /// Longest packet in both directions, with its length. A longer one that is received ends the connection; what
    /// would need a longer one is not sent (too-large).
    #[schemars(range(min = 1024, max = 104_857_600))]
    frame_len_max: u32,
    /// Whether clients can use topics, through the object Shardcast.Push.PushObj (docs/push.tars).
    topics: bool,
    /// Whether all clients get a notice when the server begins to drain: a push whose description is `_reconnect_`. Without,
    /// only those get it that ask for it, as clients of this project do. Clients in C++ without a push callback close
    /// the connection when they get it.
    reconnect_notice: bool,
    /// Addresses that may connect, each as "10.1.2.3", "10.1.*.*" or "*"; without any, all may that `deny` does not
    /// have. Others are reset (denied).
    allow: Vec<String>,
    /// Addresses that may not connect.
    deny: Vec<String>,
    /// Which list decides about an address that both have.
    order: Order,
    /// Connections of this listener open at once, over all shards; further ones are closed as soon as they are accepted
    /// (listener-max). 0 means unlimited: then only the bounds of `[limits]` apply.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    connections_max: usize,
    /// Handlers in progress on each shard; further calls wait. 0 means unlimited.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    threads_max: usize,
    /// Calls that may wait for a handler on each shard, if `threads_max` is set. Another one fails at once with -9, or the
    /// newest of the connection that has the most of them does.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    queue_max: usize,
    /// Bytes of the arguments of these calls; a single call may exceed this if no other waits.
    queue_bytes_max: ByteSize,
    /// How long a call may wait for a handler, from when its bytes came; then it fails with -6.
    queue_timeout: HumanDuration,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
enum Order {
    /// An address in both lists may connect.
    #[serde(rename = "allow,deny")]
    AllowFirst,
    /// An address in both lists may not connect.
    #[serde(rename = "deny,allow")]
    DenyFirst,
}

impl Default for TarsOptions {
    fn default() -> Self {
        let library = AdapterOptions::default();
        Self {
            frame_len_max: library.frame_len_max,
            topics: library.topics,
            reconnect_notice: library.reconnect_notice,
            allow: Vec::new(),
            deny: Vec::new(),
            order: Order::AllowFirst,
            connections_max: 0,
            threads_max: 0,
            queue_max: library.queue_max,
            queue_bytes_max: ByteSize(library.queue_bytes_max as u64),
            queue_timeout: HumanDuration(library.queue_timeout),
        }
    }
}

impl TarsOptions {
    fn library(&self) -> Result<AdapterOptions, AccessError> {
        let order = match self.order {
            Order::AllowFirst => "allow,deny",
            Order::DenyFirst => "deny,allow",
        };
        let access = Access::new(&self.allow.join(";"), &self.deny.join(";"), order)?;
        let limit = |max: usize| Some(max).filter(|max| *max > 0);
        Ok(AdapterOptions::default().with(|it| {
            it.access = access;
            it.connections_max = limit(self.connections_max).unwrap_or(usize::MAX);
            it.threads_max = limit(self.threads_max);
            it.queue_max = self.queue_max;
            it.queue_bytes_max = usize::try_from(self.queue_bytes_max.0).unwrap_or(usize::MAX);
            it.queue_timeout = self.queue_timeout.0;
            it.frame_len_max = self.frame_len_max;
            it.topics = self.topics;
            it.reconnect_notice = self.reconnect_notice;
        }))
    }
}

fn protocol() -> Protocol {
    Protocol {
        name: NAME,
        doc: "Tars RPC, in versions 1 (TARS), 2 and 3 (TUP) and 5 (JSON). Its service `echo` is the object \
              Shardcast.Echo.EchoObj (docs/echo.tars).",
        services: &[Service { name: ECHO, doc: "Returns the bytes of each request." }],
        heartbeats: true,
        default_listener: Some(DefaultListener { name: "tars", port: 10100, pushes: false }),
        push_overhead: 0,
        check,
        options: Options::of::<TarsOptions>(),
    }
}

fn check(listener: &ListenerOptions) -> Vec<Fault> {
    let Ok(options) = listener.protocol_options::<TarsOptions>() else { return Vec::new() };
    let mut faults = Vec::new();
    let mut fault = |key: &str, message: String| {
        faults.push(Fault { key: key.to_owned(), others: Vec::new(), message });
    };
    for (name, addresses) in [("allow", &options.allow), ("deny", &options.deny)] {
        for address in addresses {
            if let Err(error) = Access::new(address, "", "") {
                let message = format!("{error}: expected one such as \"10.1.2.3\", \"10.1.*.*\" or \"*\"");
                fault(&format!("{NAME}.{name}"), message);
            }
        }
    }
    if options.queue_timeout.0.is_zero() {
        fault(&format!("{NAME}.queue_timeout"), "must be more than 0, or no call can wait".into());
    }
    if listener.push.as_ref().is_some_and(|push| !push.interval.0.is_zero()) {
        let message = "clients of this protocol expect pushes of functions, not of text: publish on a topic \
                       instead, or set push.interval to \"0s\"";
        fault("push.message", message.into());
    }
    faults
}

/// There is one service.
fn listen(listener: Listener, options: &ListenerOptions, _: Option<&Path>) -> anyhow::Result<Listener> {
    Ok(echo::tars(listener, options.protocol_options::<TarsOptions>()?.library()?))
}

fn connect(to: &str, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>> {
    super::topics::connect(to, options, TopicProtocol::Tars)
}

fn subscribe_and_stop_reading(stream: &mut TcpStream, topic: &str) -> anyhow::Result<Option<TcpStream>> {
    let filter = topic.parse()?;
    let request = topics::Request::Subscribe { filter: &filter, since: None };
    let mut buffer = Vec::new();
    TopicWire.encode(&request, &mut buffer);
    let Route::Named(servant, func) = TopicWire.route(request.kind()) else { return Ok(None) };
    let packet = packet::Request {
        request_id: 1,
        servant,
        func,
        buffer: &buffer[..],
        context: StringMapRef::default(),
        status: StringMapRef::default(),
        ..packet::Request::default()
    };
    let mut bytes = Vec::new();
    packet.encode(&mut bytes)?;
    stream.write_all(&bytes)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len).context("no response from the server")?;
    let rest = (u32::from_be_bytes(len) as usize).saturating_sub(len.len());
    let mut body = vec![0; rest.min(RESPONSE_LEN_MAX)];
    stream.read_exact(&mut body).context("no response from the server")?;
    let response = ResponseRef::decode(&body)?;
    if response.ret != ReturnCode::SUCCESS {
        anyhow::bail!("refused by the server: {} ({})", response.result_desc, response.ret.0);
    }
    Ok(None)
}

const NAME: &str = "tars";

/// Responses to requests about topics are shorter.
const RESPONSE_LEN_MAX: usize = 1024;

/// Its only service.
const ECHO: &str = "echo";
