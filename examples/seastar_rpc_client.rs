//! A client of Seastar RPC: calls each verb of `seastar_rpc_server`, with streams, time-outs and cancellation. It prints
//! `ok NAME` or `FAILED NAME why` for each step, and fails if one of them does.
//!
//! Watch: streams belong to a shard, so the client lives on one, but there are those for ordinary threads, too; a call that
//! is dropped or late costs no other; and a stream that is dropped before its end fails at the other side.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    fmt::Debug,
    net::{SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use shardcast::{
    Server,
    client::CallError,
    seastar::{
        BlockingSource, CallOptions, Client, ClientConfig, OneWay, RpcError, SinkRef, Source, Verb,
        compress::{Lz4, Lz4Fragmented, Multi},
        serialize::Tail,
    },
    task,
};
use shardcast_examples::say;

#[derive(Parser)]
struct Args {
    /// Address of the server.
    #[arg(long, default_value = "127.0.0.1:10000")]
    connect: String,
    /// Compression to offer. With `multi`, both, first LZ4.
    #[arg(long, value_enum, default_value_t = Compress::None)]
    compress: Compress,
}

#[derive(Clone, Copy, ValueEnum)]
enum Compress {
    None,
    Lz4,
    Lz4f,
    Multi,
}

const ECHO: Verb<&str, String> = Verb::new(1);
const SUM: Verb<(i32, i32), i32> = Verb::new(2);
const FAIL: Verb<(i32, &str), ()> = Verb::new(3);
const SUM_STREAM: Verb<(i32, SinkRef<i32>), i64> = Verb::new(4);
const GOT: Verb<(i32, SinkRef<i32>), Source<String>> = Verb::new(5);
const ADD: OneWay<i32> = OneWay::new(6);
const COUNTER: Verb<(), i64> = Verb::new(7);
const SLEEP: Verb<i32, i32> = Verb::new(8);
const COUNT_BYTES: Verb<SinkRef<str>, u64> = Verb::new(9);
const FLOOD: Verb<(u32, u32, SinkRef<i32>), Source<String>> = Verb::new(10);
const OPTIONAL: Verb<(i32, Tail<i32>), (i32, String)> = Verb::new(11);
const KEEP: Verb<SinkRef<str>, i32> = Verb::new(12);
const CONNECTION: Verb<(), u64> = Verb::new(13);
const DROP: Verb<SinkRef<str>, i32> = Verb::new(14);
const STOP: Verb<SinkRef<i32>, Source<String>> = Verb::new(15);
const ECHO_STREAM: Verb<SinkRef<str>, Source<String>> = Verb::new(16);
/// The same verb, on ordinary threads.
const ECHO_BLOCKING: Verb<SinkRef<str>, BlockingSource<String>> = Verb::new(16);
const SLOW: Verb<(i32, SinkRef<i32>), String> = Verb::new(17);
const UNKNOWN: Verb<(), ()> = Verb::new(999);

type Outcome = Result<(), Box<dyn Error>>;
type Step<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let address = args.connect.to_socket_addrs()?.next().ok_or("--connect wants HOST:PORT")?;
    let config = match args.compress {
        Compress::None => ClientConfig::default(),
        Compress::Lz4 => ClientConfig::default().compression(Lz4),
        Compress::Lz4f => ClientConfig::default().compression(Lz4Fragmented),
        Compress::Multi => ClientConfig::default().compression(Multi::default().and(Lz4).and(Lz4Fragmented)),
    };
    // Streams belong to a shard: this server has one, and listens nowhere.
    let server = Server::builder().shards(1).start()?;
    let (done, is_done) = mpsc::channel();
    server.handle().run_on(0, move || {
        task::spawn("steps", async move {
            // The other end waits for it.
            let _ = done.send(all_steps(address, config).await);
        });
    })?;
    Ok(if is_done.recv()? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether all steps have succeeded. Without a connection there is one step.
async fn all_steps(address: SocketAddr, config: ClientConfig) -> bool {
    let connected = connect(address, config.clone()).await;
    let client = match connected {
        Ok(client) => client,
        Err(why) => return report("connect", Err(why)),
    };
    report("connect", Ok(()));
    let client = &client;
    let steps: [(&str, Step<'_>); 22] = [
        ("echo", Box::pin(echo(client))),
        ("sum", Box::pin(async { same(client.call(SUM, &(2, 3)).await?, 5) })),
        ("failure", Box::pin(failure(client))),
        ("unknown-verb", Box::pin(unknown_verb(client))),
        ("one-way", Box::pin(one_way(client))),
        ("sleep", Box::pin(async { same(client.call(SLEEP, &5).await?, 5) })),
        ("optional", Box::pin(optional(client))),
        ("connection-id", Box::pin(connection_id(client))),
        ("time-out", Box::pin(time_out(client))),
        ("cancel", Box::pin(cancel(client))),
        ("stream", Box::pin(stream(client))),
        ("stream-both-ways", Box::pin(stream_both_ways(client))),
        ("stream-count", Box::pin(stream_count(client))),
        ("stream-flood", Box::pin(stream_flood(client))),
        ("stream-kept", Box::pin(stream_kept(client))),
        ("stream-dropped", Box::pin(stream_dropped(client))),
        ("stream-stopped", Box::pin(stream_stopped(client))),
        ("stream-echo", Box::pin(stream_echo(client))),
        ("stream-slow", Box::pin(stream_slow(client))),
        ("stream-aborted", Box::pin(stream_aborted(client))),
        ("blocking", Box::pin(on_thread(address, config.clone(), blocking))),
        ("blocking-stream", Box::pin(on_thread(address, config, blocking_stream))),
    ];
    let mut all_ok = true;
    for (name, step) in steps {
        all_ok &= report(name, in_time(step).await);
    }
    all_ok
}

async fn connect(address: SocketAddr, config: ClientConfig) -> Result<Client, Box<dyn Error>> {
    // On a shard, the client lives there.
    let client = Client::builder(address).config(config).connect()?;
    client.connected().await?;
    Ok(client)
}

async fn echo(client: &Client) -> Outcome {
    same(client.call(ECHO, &"hello").await?, "hello")?;
    same(client.call(ECHO, &"").await?, "")?;
    let long = "a long text, ".repeat(100_000);
    let verb: Verb<String, String> = Verb::new(ECHO.number());
    if client.call(verb, &long).await? == long { Ok(()) } else { Err("another text came back".into()) }
}

async fn failure(client: &Client) -> Outcome {
    for kind in 0..4 {
        match client.call(FAIL, &(kind, "as asked")).await {
            Err(RpcError::Failed(text)) if text.contains("as asked") => {}
            other => return Err(format!("the handler has not failed as asked: {other:?}").into()),
        }
    }
    Ok(())
}

async fn unknown_verb(client: &Client) -> Outcome {
    same(client.call(UNKNOWN, &()).await, Err(RpcError::UnknownVerb(UNKNOWN.number())))
}

/// Other clients may add, too.
async fn one_way(client: &Client) -> Outcome {
    let before = client.call(COUNTER, &()).await?;
    client.notify(ADD, &40).await?;
    client.notify(ADD, &2).await?;
    let added = client.call(COUNTER, &()).await? - before;
    if added >= 42 { Ok(()) } else { Err(format!("only {added} of 42 were added").into()) }
}

async fn optional(client: &Client) -> Outcome {
    same(client.call(OPTIONAL, &(1, Tail(None))).await?, (1, "one".to_owned()))?;
    same(client.call(OPTIONAL, &(1, Tail(Some(2)))).await?, (3, "two".to_owned()))
}

async fn connection_id(client: &Client) -> Outcome {
    let id = client.connection_id().ok_or("the server has no streams, and sends no id")?;
    same(client.call(CONNECTION, &()).await?, id.0)
}

async fn time_out(client: &Client) -> Outcome {
    let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(50)));
    let late = client.call_with(SLEEP, &LONG_MS, options).await;
    same(late, Err(RpcError::Call(CallError::TimedOut)))?;
    same(client.call(SUM, &(1, 1)).await?, 2)
}

async fn cancel(client: &Client) -> Outcome {
    let waiting = client.call(SLEEP, &LONG_MS);
    // The server got both requests, and answers the later one first.
    same(client.call(SUM, &(1, 1)).await?, 2)?;
    drop(waiting);
    same(client.call(SUM, &(1, 1)).await?, 2)
}

async fn stream(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let sum = client.call(SUM_STREAM, &(666, sink.reference()));
    for number in 1..=100 {
        sink.send(&number).await?;
    }
    sink.finish().await?;
    same(sum.await?, 5050)
}

/// As in the documentation of Seastar: integers one way, strings the other.
async fn stream_both_ways(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let mut source = client.call(GOT, &(666, sink.reference())).await?;
    let send = async {
        for number in 0..100 {
            sink.send(&number).await?;
        }
        sink.finish().await
    };
    let receive = async {
        let mut texts = Vec::new();
        while let Some(text) = source.recv().await? {
            texts.push(text);
        }
        Ok(texts)
    };
    let ((), texts) = smol::future::try_zip(send, receive).await?;
    same(texts, (0..100).map(|number| format!("got {number}")).collect::<Vec<_>>())
}

async fn stream_count(client: &Client) -> Outcome {
    let mut sink = client.open_sink::<str>().await?;
    let count = client.call(COUNT_BYTES, &sink.reference());
    for text in ["a", "", "b\u{e4}r", &"x".repeat(300_000)] {
        sink.send(text).await?;
    }
    sink.finish().await?;
    same(count.await?, 300_005)
}

/// The server sends more than fits into the buffers of the connection, while this side sends, too.
async fn stream_flood(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let mut source = client.call(FLOOD, &(1000, 10_000, sink.reference())).await?;
    let send = async {
        for number in 0..10_000 {
            sink.send(&number).await?;
        }
        sink.finish().await
    };
    let receive = async {
        let (mut count, mut bytes) = (0, 0);
        while let Some(text) = source.recv().await? {
            (count, bytes) = (count + 1, bytes + text.len());
        }
        Ok((count, bytes))
    };
    let ((), received) = smol::future::try_zip(send, receive).await?;
    same(received, (1000, 10_000_000))
}

/// The server keeps its source and does not read: that holds back this sink, and no call.
async fn stream_kept(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    same(client.call(KEEP, &sink.reference()).await?, 1)?;
    let text = "x".repeat(10_000);
    let endless = async {
        loop {
            sink.send(text.as_str()).await?;
        }
    };
    let calls = async {
        for number in 0..10 {
            same(client.call(SUM, &(number, 1)).await?, number + 1)?;
        }
        Ok(())
    };
    smol::future::or(calls, endless).await
}

/// The server drops its source. One of this project then closes the stream, and the sink fails. Another one may keep it open,
/// and the sink waits: so the step bounds that. In both cases, calls go on.
async fn stream_dropped(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    same(client.call(DROP, &sink.reference()).await?, 1)?;
    let text = "x".repeat(10_000);
    let fails = async { while sink.send(text.as_str()).await.is_ok() {} };
    smol::future::or(fails, task::sleep(DROPPED_WAIT)).await;
    same(client.call(SUM, &(1, 1)).await?, 2)
}

/// The server reads two numbers, and is not interested in more.
async fn stream_stopped(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let mut source = client.call(STOP, &sink.reference()).await?;
    for number in 0..2 {
        sink.send(&number).await?;
    }
    same(source.recv().await?.as_deref(), Some("stop"))?;
    same(source.recv().await?, None)?;
    // It may have closed the stream.
    let _ = sink.send(&2).await;
    Ok(())
}

async fn stream_echo(client: &Client) -> Outcome {
    let mut sink = client.open_sink::<str>().await?;
    let mut source = client.call(ECHO_STREAM, &sink.reference()).await?;
    for text in ["one", "", "three"] {
        sink.send(text).await?;
        same(source.recv().await?.as_deref(), Some(text))?;
    }
    sink.finish().await?;
    same(source.recv().await?, None)
}

async fn stream_slow(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let slow = client.call(SLOW, &(1, sink.reference()));
    for number in 0..3 {
        sink.send(&number).await?;
    }
    sink.finish().await?;
    same(slow.await?, "EOS after 3".to_owned())
}

/// A sink that is dropped is not taken for the end of its stream.
async fn stream_aborted(client: &Client) -> Outcome {
    let mut sink = client.open_sink().await?;
    let sum = client.call(SUM_STREAM, &(666, sink.reference()));
    sink.send(&1).await?;
    sink.flush().await?;
    drop(sink);
    match sum.await {
        Err(RpcError::Failed(_)) => Ok(()),
        other => Err(format!("the call has not failed: {other:?}").into()),
    }
}

/// On an ordinary thread, a client lives on no shard.
async fn on_thread(address: SocketAddr, config: ClientConfig, step: fn(&Client) -> Outcome) -> Outcome {
    let builder = Client::builder(address).config(config).timeout(Duration::from_secs(10));
    let outcome = smol::unblock(move || {
        let client = builder.connect().map_err(|error| error.to_string())?;
        step(&client).map_err(|error| error.to_string())
    });
    Ok(outcome.await?)
}

fn blocking(client: &Client) -> Outcome {
    same(client.call_blocking(SUM, &(20, 22))?, 42)
}

/// One thread sends, and another one receives.
fn blocking_stream(client: &Client) -> Outcome {
    let mut sink = client.open_sink_blocking::<str>()?;
    let source = client.call_blocking(ECHO_BLOCKING, &sink.reference())?;
    let sender = thread::spawn(move || {
        for number in 0..1000 {
            sink.send(&format!("text {number}"))?;
        }
        sink.finish()
    });
    let texts = source.collect::<Result<Vec<_>, _>>()?;
    sender.join().map_err(|_| "the thread has panicked")??;
    same(texts, (0..1000).map(|number| format!("text {number}")).collect::<Vec<_>>())
}

/// The result of a step, within a generous limit.
async fn in_time(step: impl Future<Output = Outcome>) -> Outcome {
    let too_late = async {
        task::sleep(STEP_MAX).await;
        Err("it takes too long".into())
    };
    smol::future::or(step, too_late).await
}

/// Prints a step, and returns whether it succeeded.
fn report(name: &str, outcome: Outcome) -> bool {
    let is_ok = outcome.is_ok();
    match outcome {
        Ok(()) => say(format!("ok {name}")),
        Err(why) => say(format!("FAILED {name} {why}")),
    }
    is_ok
}

fn same<T: PartialEq<U> + Debug, U: Debug>(found: T, expected: U) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}").into()) }
}

/// A call that is not waited for.
const LONG_MS: i32 = 60_000;

/// No step takes nearly as long.
const STEP_MAX: Duration = Duration::from_secs(30);

/// How long a sink may take to learn that its source was dropped.
const DROPPED_WAIT: Duration = Duration::from_secs(3);
