//! The page at each path.

use serde::Serialize;
use shardcast::stats::{ConnectionInfo, Connections};

use super::{
    Source,
    access::{Access, Peer},
    actions,
    http::{MISSING_SHARDS, Method, Request, Response},
    latency, metrics, shards,
};

/// Answers one request.
pub(super) fn answer(request: Request<'_>, peer: &Peer, access: &Access, source: &dyn Source) -> Response {
    if let Err(refusal) = access.names_us(peer, request.host).and_then(|()| access.reads(peer)) {
        return refusal;
    }
    match (actions::at(request.path), request.method) {
        (Some(action), Method::Post) => actions::answer(action, request, peer, access, source),
        (Some(_), _) => Response::not_allowed("POST"),
        (None, Method::Get | Method::Head) => page(request, source),
        (None, Method::Post) => match page(request, source).status {
            404 => not_found(request.path),
            _ => Response::not_allowed("GET, HEAD"),
        },
    }
}

fn page(request: Request<'_>, source: &dyn Source) -> Response {
    match request.path {
        "/" => Response::text(200, INDEX),
        "/metrics" => Response::new(200, metrics::CONTENT_TYPE, metrics::render(source).into_bytes()),
        "/latency.json" => latency::answer(source, has(request.query, "buckets")),
        "/shards.json" => shards::answer(source),
        "/livez" => Response::text(200, "ok\n"),
        "/readyz" => readiness(source, has(request.query, "verbose")),
        "/connections" => match parameter(request.query, "state") {
            None | Some("open") => connections(&source.connections()),
            Some("closed") => {
                let mut closed = source.closed();
                closed.list.truncate(CLOSED_MAX);
                connections(&closed)
            }
            Some(_) => Response::text(400, "invalid state: expected open or closed\n"),
        },
        path => not_found(path),
    }
}

fn not_found(path: &str) -> Response {
    Response::text(404, format!("no page at {path}\n\n{INDEX}"))
}

/// One line per check when `verbose`, like components of Kubernetes.
fn readiness(source: &dyn Source, verbose: bool) -> Response {
    let mut checks = source.checks();
    let draining = source.draining();
    let state = if draining { Err("the server is stopping".to_owned()) } else { Ok("no".to_owned()) };
    checks.push(("draining".to_owned(), state));
    let ready = checks.iter().all(|(_, result)| result.is_ok());
    let mut text = String::new();
    for (name, result) in &checks {
        match result {
            Ok(detail) if verbose => text.push_str(&format!("[+] {name}: {detail}\n")),
            Ok(_) => {}
            Err(reason) => text.push_str(&format!("[-] {name}: {reason}\n")),
        }
    }
    text.push_str(if ready { "ready\n" } else { "not ready\n" });
    Response::text(if ready { 200 } else { 503 }, text)
}

/// A list of rows; shards that did not respond are named in a header.
fn connections(connections: &Connections) -> Response {
    let rows: Vec<Row> = connections.list.iter().map(Row::from).collect();
    let response = Response::json(200, &rows);
    if connections.missing_shards.is_empty() {
        return response;
    }
    let shards: Vec<_> = connections.missing_shards.iter().map(u16::to_string).collect();
    response.with_header(MISSING_SHARDS, shards.join(", "))
}

/// One connection, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) shard: u16,
    pub(super) listener: String,
    pub(super) protocol: Option<&'static str>,
    pub(super) peer: String,
    pub(super) age_seconds: f64,
    pub(super) idle_seconds: f64,
    pub(super) queued_bytes: u64,
    pub(super) queued_messages: u64,
    pub(super) received_messages: u64,
    pub(super) received_bytes: u64,
    pub(super) sent_messages: u64,
    pub(super) sent_bytes: u64,
    pub(super) dropped_messages: u64,
    /// Data queued or sent that the peer had not received when the connection was cut off.
    pub(super) undelivered_messages: u64,
    pub(super) undelivered_bytes: u64,
    pub(super) requests_in_progress: u64,
    /// Why it is not read at present.
    pub(super) held: Vec<&'static str>,
    /// Why it was closed; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_seconds_ago: Option<f64>,
}

impl From<&ConnectionInfo> for Row {
    fn from(info: &ConnectionInfo) -> Self {
        Self {
            id: info.id.to_string(),
            shard: info.id.shard,
            listener: info.listener.clone(),
            protocol: info.protocol,
            peer: info.peer.to_string(),
            age_seconds: info.age.as_secs_f64(),
            idle_seconds: info.idle.as_secs_f64(),
            queued_bytes: info.queued_bytes,
            queued_messages: info.queued_messages,
            received_messages: info.received_messages,
            received_bytes: info.received_bytes,
            sent_messages: info.sent_messages,
            sent_bytes: info.sent_bytes,
            dropped_messages: info.dropped_messages,
            undelivered_messages: info.undelivered_messages,
            undelivered_bytes: info.undelivered_bytes,
            requests_in_progress: info.requests_in_progress,
            held: info.held.clone(),
            reason: info.closed.map(|(reason, _)| reason),
            closed_seconds_ago: info.closed.map(|(_, ago)| ago.as_secs_f64()),
        }
    }
}

/// Whether the query has this word, with or without a value.
pub(super) fn has(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some(name))
}

pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

const INDEX: &str = "\
shardcast

/metrics                    counters of all shards, for Prometheus
/shards.json                the main ones, per shard
/latency.json               latency of pushes: percentiles, per shard
/livez                      200 while the process responds
/readyz?verbose             200 while the server accepts connections, 503 while it stops; a line per check
/connections                open connections (JSON)
/connections?state=closed   the last 1000 closed ones, with the reason

over the Unix socket, or from this host with a token:
POST /kick?id=ID            close a connection
POST /drain?timeout=30s     stop: refuse new connections, send what is queued, then exit
POST /reload                reload the configuration
";

const CLOSED_MAX: usize = 1000;
