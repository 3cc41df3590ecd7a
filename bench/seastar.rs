//! Calls and streams of Seastar RPC, from clients of the library to a server of the library.
//!
//! The verbs are those of `examples/seastar_rpc_server.rs` with the same numbers, so that either end may be another
//! implementation. Server and client are one shard each, in processes of their own.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    rc::Rc,
    sync::mpsc,
    time::Duration,
};

use hdrhistogram::Histogram;
use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount, Spin,
    seastar::{Client, ClientConfig, Protocol, Registry, RpcError, Sink, SinkRef, Source, Verb},
    task,
};
use shardcast_load::process::resident_bytes;
use shardcast_os::clock;

type Text = Vec<u8>;

const ECHO: Verb<Text, Text> = Verb::new(1);
const COUNT_BYTES: Verb<Source<Text>, u64> = Verb::new(9);
const FLOOD: Verb<(u32, u32, Source<i32>), SinkRef<Text>> = Verb::new(10);
const ECHO_STREAM: Verb<Source<Text>, SinkRef<Text>> = Verb::new(16);

const TO_COUNT_BYTES: Verb<SinkRef<Text>, u64> = Verb::new(9);
const TO_FLOOD: Verb<(u32, u32, SinkRef<i32>), Source<Text>> = Verb::new(10);
const TO_ECHO_STREAM: Verb<SinkRef<Text>, Source<Text>> = Verb::new(16);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// Calls, so many at a time.
    Echo {
        /// How many wait for their results at a time.
        depth: usize,
    },
    /// A stream to the server, which counts its bytes.
    ToServer,
    /// A stream from the server.
    ToClient,
    /// A stream to the server, and each message back.
    BothWays,
    /// A stream from the server that is not read, and calls meanwhile, one after another.
    Unread,
}

/// Where the client runs, and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// CPU of the client's shard.
    pub cpu: usize,
    /// How long its shard polls before it sleeps.
    pub spin: Spin,
    /// What it offers.
    pub config: ClientConfig,
    /// The load.
    pub load: Load,
    /// Bytes of a string.
    pub size: usize,
    /// How long to measure.
    pub time: Duration,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Calls or messages per second. Both ways: each way.
    pub per_second: f64,
    /// Calls or messages in all, also before the measurement.
    pub total: u64,
    /// Half of the calls took no longer, in microseconds; 0 for streams.
    pub p50_us: f64,
    /// 99 of 100 calls took no longer, in microseconds; 0 for streams.
    pub p99_us: f64,
    /// Resident memory of the client that was added meanwhile, in bytes; only of a stream that is not read.
    pub grown_bytes: u64,
}

/// A shard on this CPU.
fn shard(cpu: usize, spin: Spin) -> ServerConfig {
    ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.cpus = CpuChoice::List(vec![cpu]);
        it.spin = spin;
    })
}

/// Starts the server.
///
/// # Errors
/// It cannot listen.
pub fn serve(listen: &str, cpu: usize, spin: Spin, protocol: Protocol) -> Result<(Server, SocketAddr)> {
    let listener = Listener::new(NAME, listen).protocol(protocol, |_| registry().service());
    let server = Server::builder().config(shard(cpu, spin)).listen(listener).start()?;
    let address = server.address(NAME)?;
    Ok((server, address))
}

fn registry() -> Registry {
    let registry = Registry::default();
    registry.on(ECHO, async |_cx, text| Ok::<_, Infallible>(text));
    registry.on(COUNT_BYTES, async |_cx, mut source: Source<Text>| {
        let mut bytes = 0;
        while let Some(text) = source.recv().await? {
            bytes += text.len() as u64;
        }
        Ok::<_, shardcast::seastar::StreamError>(bytes)
    });
    registry.on(FLOOD, async |_cx, (count, size, source): (u32, u32, Source<i32>)| {
        let sink = source.make_sink::<Text>()?;
        let reference = sink.reference();
        task::spawn("flood", flood(count, size, source, sink));
        Ok::<_, shardcast::seastar::StreamError>(reference)
    });
    registry.on(ECHO_STREAM, async |_cx, source: Source<Text>| {
        let sink = source.make_sink::<Text>()?;
        let reference = sink.reference();
        task::spawn("echo", async move {
            // When it fails, so does the client.
            let _ = echo_all(source, sink).await;
        });
        Ok::<_, shardcast::seastar::StreamError>(reference)
    });
    registry
}

async fn flood(count: u32, size: u32, mut source: Source<i32>, mut sink: Sink<Text>) {
    let text = vec![b'x'; size as usize];
    for _ in 0..count {
        if sink.send(&text).await.is_err() {
            return;
        }
    }
    // What does not arrive is counted by the client.
    let _ = sink.finish().await;
    while let Ok(Some(_)) = source.recv().await {}
}

async fn echo_all(
    mut source: Source<Text>,
    mut sink: Sink<Text>,
) -> std::result::Result<(), shardcast::seastar::StreamError> {
    while let Some(text) = source.recv().await? {
        sink.send(&text).await?;
    }
    sink.finish().await
}

/// Runs a load.
///
/// # Errors
/// The client cannot start, or the server does not do what it should.
pub fn measure(plan: Plan) -> Result<Found> {
    let server = Server::builder().config(shard(plan.cpu, plan.spin)).start()?;
    let (done, is_done) = mpsc::channel();
    let patience = plan.time + PATIENCE;
    server.handle().run_on(0, move || {
        task::spawn("load", async move {
            // The receiver gives up after a while.
            let _ = done.send(run(plan).await.map_err(|error| error.to_string()));
        });
    })?;
    let found = is_done.recv_timeout(patience)??;
    server.drain(Duration::ZERO)?;
    Ok(found)
}

async fn run(plan: Plan) -> Result<Found> {
    let Plan { server, config, load, size, time, .. } = plan;
    // As long as the streams take.
    let client = Client::builder(server).config(config).timeout(time + PATIENCE).connect()?;
    client.connected().await?;
    let text = vec![b'x'; size];
    match load {
        Load::Echo { depth } => echo(&client, depth, text, time).await,
        Load::ToServer => to_server(&client, &text, time).await,
        Load::ToClient => to_client(&client, size, time).await,
        Load::BothWays => both_ways(&client, &text, time).await,
        Load::Unread => unread(&client, text, time).await,
    }
}

/// What the callers have in common.
struct Calls {
    client: Client,
    text: Text,
    begin: u64,
    end: u64,
    total: Cell<u64>,
    nanos: RefCell<Histogram<u64>>,
    failure: RefCell<Option<RpcError>>,
}

async fn echo(client: &Client, depth: usize, text: Text, time: Duration) -> Result<Found> {
    let begin = clock::now_nanos() + WARM_UP.as_nanos() as u64;
    let calls = Rc::new(Calls {
        client: client.clone(),
        text,
        begin,
        end: begin + time.as_nanos() as u64,
        total: Cell::default(),
        nanos: RefCell::new(Histogram::new_with_bounds(1, 60_000_000_000, 3)?),
        failure: RefCell::default(),
    });
    // Nothing is sent: it ends with the last caller.
    let (running, ended) = flume::bounded::<Infallible>(0);
    for _ in 0..depth {
        let (calls, running) = (Rc::clone(&calls), running.clone());
        task::spawn("caller", async move {
            caller(calls).await;
            drop(running);
        });
    }
    drop(running);
    let Err(flume::RecvError::Disconnected) = ended.recv_async().await;
    if let Some(failure) = calls.failure.take() {
        return Err(failure.into());
    }
    let nanos = calls.nanos.borrow();
    let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Found {
        per_second: nanos.len() as f64 / time.as_secs_f64(),
        total: calls.total.get(),
        p50_us: at(0.5),
        p99_us: at(0.99),
        grown_bytes: 0,
    })
}

async fn caller(calls: Rc<Calls>) {
    let mut began = clock::now_nanos();
    while began < calls.end {
        match calls.client.call(ECHO, &calls.text).await {
            Ok(text) if text.len() == calls.text.len() => {}
            Ok(_) => return,
            Err(error) => {
                calls.failure.replace(Some(error));
                return;
            }
        }
        let ended = clock::now_nanos();
        calls.total.set(calls.total.get() + 1);
        if began >= calls.begin && ended < calls.end {
            calls.nanos.borrow_mut().saturating_record(ended - began);
        }
        began = ended;
    }
}

fn streamed(messages: u64, began: u64) -> Found {
    let seconds = Duration::from_nanos(clock::now_nanos() - began).as_secs_f64();
    Found { per_second: messages as f64 / seconds, total: messages, p50_us: 0.0, p99_us: 0.0, grown_bytes: 0 }
}

async fn send_for(sink: &mut Sink<Text>, text: &Text, time: Duration) -> Result<u64> {
    let (end, mut sent) = (clock::now_nanos() + time.as_nanos() as u64, 0);
    while clock::now_nanos() < end {
        for _ in 0..BETWEEN_CLOCKS {
            sink.send(text).await?;
        }
        sent += BETWEEN_CLOCKS;
    }
    Ok(sent)
}

async fn to_server(client: &Client, text: &Text, time: Duration) -> Result<Found> {
    let mut sink = client.open_sink::<Text>().await?;
    let counted = client.call(TO_COUNT_BYTES, &sink.reference());
    let began = clock::now_nanos();
    let sent = send_for(&mut sink, text, time).await?;
    sink.finish().await?;
    if counted.await? != sent * text.len() as u64 {
        return Err("the server has counted other bytes".into());
    }
    Ok(streamed(sent, began))
}

async fn to_client(client: &Client, size: usize, time: Duration) -> Result<Found> {
    let sink = client.open_sink::<i32>().await?;
    let per_second = if size > 1000 { 150_000.0 } else { 4_000_000.0 };
    let count = (time.as_secs_f64() * per_second) as u32;
    let began = clock::now_nanos();
    let mut source = client.call(TO_FLOOD, &(count, size as u32, sink.reference())).await?;
    let mut received = 0;
    while let Some(text) = source.recv().await? {
        received += u64::from(text.len() == size);
    }
    let found = streamed(received, began);
    if received != u64::from(count) {
        return Err("messages are missing".into());
    }
    sink.finish().await?;
    Ok(found)
}

async fn both_ways(client: &Client, text: &Text, time: Duration) -> Result<Found> {
    let mut sink = client.open_sink::<Text>().await?;
    let mut source = client.call(TO_ECHO_STREAM, &sink.reference()).await?;
    let began = clock::now_nanos();
    let (report, reported) = flume::bounded(1);
    task::spawn("receiver", async move {
        let mut received = 0;
        while let Ok(Some(_)) = source.recv().await {
            received += 1;
        }
        // If nothing waits for it, the sink has failed.
        let _ = report.send(received);
    });
    let sent = send_for(&mut sink, text, time).await?;
    sink.finish().await?;
    if reported.recv_async().await != Ok(sent) {
        return Err("messages are missing".into());
    }
    Ok(streamed(sent, began))
}

/// The server has 1 GiB or more to send. Memory counts from the first calls on, before the stream is opened.
async fn unread(client: &Client, text: Text, time: Duration) -> Result<Found> {
    let size = text.len().max(1);
    echo(client, 1, text.clone(), WARM_UP).await?;
    let before = resident_bytes(std::process::id());
    let sink = client.open_sink::<i32>().await?;
    let count = (1_u32 << 30).div_ceil(size as u32);
    let source = client.call(TO_FLOOD, &(count, size as u32, sink.reference())).await?;
    let mut found = echo(client, 1, text, time).await?;
    found.grown_bytes = resident_bytes(std::process::id()).saturating_sub(before);
    drop((source, sink));
    Ok(found)
}

const NAME: &str = "bench";

const WARM_UP: Duration = Duration::from_millis(500);

/// For the rest of a stream, and a server that does not respond.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages between two readings of the clock.
const BETWEEN_CLOCKS: u64 = 64;
