//! The push frames of Tars: a length, a request id, a body.

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
    proto::topics::control::{self, Request},
    tars::{
        LengthPrefixed,
        framed::frame::{self, HEADER_LEN},
    },
    topics::TopicProtocol,
};
use shardcast_load::{echo, generator};

use super::{ClientOptions, Descriptors, Entry, Load, Loads, TopicClient, Topics};
use crate::config::{DefaultListener, Fault, ListenerOptions, Options, Protocol, Service};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: "framed",
        listen,
        topics: Some(Topics { connect, history: true, named: false, subscribe_and_stop_reading }),
        loads: Loads {
            echo: Some(Load { service: ECHO, run: generator::run, descriptors: Descriptors::SOCKET }),
            push: Some(Load { service: ECHO, run: generator::run, descriptors: Descriptors::SOCKET }),
            stream: None,
            command: None,
        },
    }
}

/// Options of the protocol `tars-framed`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct FramedOptions {
    /// Shortest frame that is accepted, with its 8-byte header; a shorter one ends the connection.
    #[schemars(range(min = 8, max = 104_857_600))]
    frame_len_min: u32,
    /// Longest frame in both directions, with its header. A longer one that is received ends the connection; what would
    /// need a longer one is not sent (too-large). Below 128, clients cannot use topics.
    #[schemars(range(min = 8, max = 104_857_600))]
    frame_len_max: u32,
}

impl Default for FramedOptions {
    fn default() -> Self {
        let LengthPrefixed { frame_len_min, frame_len_max, .. } = LengthPrefixed::default();
        Self { frame_len_min, frame_len_max }
    }
}

fn protocol() -> Protocol {
    Protocol {
        name: NAME,
        doc: "The push protocol of Tars: a big-endian 32-bit length that counts itself, a request id, the body.",
        services: &[Service { name: ECHO, doc: "Returns the bytes of each request." }],
        heartbeats: true,
        default_listener: Some(DefaultListener { name: "push", port: 10099, pushes: true }),
        push_overhead: HEADER_LEN.into(),
        check,
        options: Options::of::<FramedOptions>(),
    }
}

fn check(listener: &ListenerOptions) -> Vec<Fault> {
    let Ok(FramedOptions { frame_len_min, frame_len_max }) = listener.protocol_options() else {
        return Vec::new();
    };
    let key = |name: &str| format!("{NAME}.{name}");
    let mut faults = Vec::new();
    if frame_len_min > frame_len_max {
        faults.push(Fault {
            key: key("frame_len_min"),
            others: vec![key("frame_len_max")],
            message: format!("{frame_len_min} is more than frame_len_max, which is {frame_len_max}"),
        });
    }
    let pushed = listener.push.as_ref().map(|push| push.message.len() as u64 + u64::from(HEADER_LEN));
    if let Some(frame) = pushed.filter(|frame| *frame > frame_len_max.into()) {
        faults.push(Fault {
            key: "push.message".into(),
            others: vec![key("frame_len_max")],
            message: format!("its frame has {frame} bytes, more than frame_len_max: {frame_len_max}"),
        });
    }
    faults
}

/// There is one service.
fn listen(listener: Listener, options: &ListenerOptions, _: Option<&Path>) -> anyhow::Result<Listener> {
    let FramedOptions { frame_len_min, frame_len_max } = options.protocol_options()?;
    let parser = LengthPrefixed::default().with(|it| {
        it.frame_len_min = frame_len_min;
        it.frame_len_max = frame_len_max;
    });
    Ok(echo::framed(listener, parser))
}

fn connect(to: &str, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>> {
    super::topics::connect(to, options, TopicProtocol::Framed)
}

fn subscribe_and_stop_reading(stream: &mut TcpStream, topic: &str) -> anyhow::Result<Option<TcpStream>> {
    let requests = [Request::Hello, Request::Subscribe { topic, prefix: false, since: None }];
    for (id, request) in (1..).zip(&requests) {
        let mut payload = Vec::new();
        control::encode_request(request, &mut payload);
        stream.write_all(&frame::encode(id, &payload))?;
        read_frame(stream).context("no response from the server")?;
    }
    Ok(None)
}

fn read_frame(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut head = [0; HEADER_LEN as usize];
    stream.read_exact(&mut head)?;
    let header = frame::Header::load(&head).context("invalid frame")?;
    let mut body = vec![0; (header.len as usize).saturating_sub(head.len()).min(RESPONSE_LEN_MAX)];
    Ok(stream.read_exact(&mut body)?)
}

const NAME: &str = "tars-framed";

/// Its only service.
const ECHO: &str = "echo";

/// Responses to requests about topics are shorter.
const RESPONSE_LEN_MAX: usize = 1024;
