//! A server of Seastar RPC, for clients in C++ and here: calls, one-way calls, and streams in both directions.
//!
//! Watch: a handler is an async function, so a call that waits (verb 8) delays no other; a stream that is not read
//! (verb 12) holds back its sender alone; and the state of a shard needs no lock (verbs 6 and 7).
#![forbid(unsafe_code)]

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    error::Error,
    fmt::Display,
    rc::Rc,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use shardcast::{
    Context, Listener, Placement, Server,
    seastar::{
        CallHead, IsolationRefused, OneWay, Protocol, Registry, RpcLimits, Sink, SinkRef, Source,
        StreamError, Verb,
        compress::{Lz4, Lz4Fragmented, Multi},
        serialize::{Encode, Tail},
    },
    task,
};
use shardcast_examples::{End, ready};

#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:10000")]
    listen: String,
    /// Shards to run; all cores if not given.
    #[arg(long)]
    shards: Option<u16>,
    /// Compression to accept. With `multi`, the order of the client decides.
    #[arg(long, value_enum, default_value_t = Compress::None)]
    compress: Compress,
    /// Refuse streams.
    #[arg(long)]
    no_streaming: bool,
    /// Bytes that the arguments of the calls in progress may take on each shard; without a bound if not given.
    #[arg(long)]
    max_memory: Option<u64>,
    /// Place each connection on the shard whose number is the client's port, modulo the number of shards.
    #[arg(long)]
    lb_port: bool,
    /// Seconds that a client may take for its negotiation.
    #[arg(long, default_value_t = 10.0)]
    negotiation_timeout: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Compress {
    None,
    Lz4,
    Lz4f,
    Multi,
}

/// A string that nothing reads: in C++ it may have any bytes.
type Text = Vec<u8>;

const ECHO: Verb<Text, Text> = Verb::new(1);
const SUM: Verb<(i32, i32), i32> = Verb::new(2);
const FAIL: Verb<(i32, String), ()> = Verb::new(3);
const SUM_STREAM: Verb<(i32, Source<i32>), i64> = Verb::new(4);
const GOT: Verb<(i32, Source<i32>), SinkRef<str>> = Verb::new(5);
const ADD: OneWay<i32> = OneWay::new(6);
const COUNTER: Verb<(), i64> = Verb::new(7);
const SLEEP: Verb<i32, i32> = Verb::new(8);
const COUNT_BYTES: Verb<Source<Text>, u64> = Verb::new(9);
const FLOOD: Verb<(u32, u32, Source<i32>), SinkRef<Text>> = Verb::new(10);
const OPTIONAL: Verb<(i32, Tail<i32>), (i32, String)> = Verb::new(11);
const KEEP: Verb<Source<Text>, i32> = Verb::new(12);
const CONNECTION: Verb<(), u64> = Verb::new(13);
const DROP: Verb<Source<Text>, i32> = Verb::new(14);
const STOP: Verb<Source<i32>, SinkRef<str>> = Verb::new(15);
const ECHO_STREAM: Verb<Source<Text>, SinkRef<Text>> = Verb::new(16);
const SLOW: Verb<(i32, Source<i32>), String> = Verb::new(17);

type Cx = Context<CallHead>;

/// Calls that cannot fail.
fn calls(registry: &Registry) {
    let counter = Rc::new(Cell::new(0_i64));
    let added = Rc::clone(&counter);

    registry.on(ECHO, async |_cx, text| Ok::<_, Infallible>(text));
    registry.on(SUM, async |_cx, (a, b): (i32, i32)| Ok::<_, Infallible>(a.wrapping_add(b)));
    registry.on(FAIL, async |_cx, (kind, why)| Err::<(), _>(format!("error of kind {kind}: {why}")));
    registry.on_one_way(ADD, move |_cx, number| {
        added.set(added.get().wrapping_add(number.into()));
        std::future::ready(())
    });
    registry.on(COUNTER, move |_cx, ()| std::future::ready(Ok::<_, Infallible>(counter.get())));
    registry.on(SLEEP, async |_cx, ms| {
        pause(ms).await;
        Ok::<_, Infallible>(ms)
    });
    registry.on(OPTIONAL, async |_cx, (a, Tail(b)): (i32, Tail<i32>)| {
        Ok::<_, Infallible>(match b {
            None => (a, "one".to_owned()),
            Some(b) => (a.wrapping_add(b), "two".to_owned()),
        })
    });
    registry.on(CONNECTION, async |cx: Cx, ()| Ok::<_, Infallible>(cx.head().connection_id().0));
}

/// Calls that read a stream.
fn sources(registry: &Registry) {
    registry.on(SUM_STREAM, async |_cx, (_, mut source): (i32, Source<i32>)| {
        let mut sum = 0_i64;
        while let Some(number) = source.recv().await? {
            sum = sum.wrapping_add(number.into());
        }
        Ok::<_, StreamError>(sum)
    });
    registry.on(COUNT_BYTES, async |_cx, mut source: Source<Text>| {
        let mut bytes = 0;
        while let Some(text) = source.recv().await? {
            bytes += text.len() as u64;
        }
        Ok::<_, StreamError>(bytes)
    });
    registry.on(KEEP, async |cx: Cx, source| {
        let kept = cx.extension(|| RefCell::new(Vec::<Source<Text>>::new()));
        kept.borrow_mut().push(source);
        Ok::<_, Infallible>(1)
    });
    registry.on(DROP, async |_cx, source| {
        drop(source);
        Ok::<_, Infallible>(1)
    });
    registry.on(SLOW, async |_cx, (ms, mut source): (i32, Source<i32>)| {
        for count in 0_u64.. {
            pause(ms).await;
            match source.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(format!("EOS after {count}")),
                Err(why) => return Ok(format!("<{why}> after {count}")),
            }
        }
        Err("too many messages")
    });
}

/// Calls with a stream in each direction: the handler returns the sink at once, and a task sends.
fn both_directions(registry: &Registry) {
    registry.on(GOT, async |cx: Cx, (_, source): (i32, Source<i32>)| {
        start(&cx, source, async |mut source: Source<i32>, mut sink: Sink<str>| {
            while let Some(number) = source.recv().await? {
                sink.send(&format!("got {number}")).await?;
            }
            sink.finish().await
        })
    });
    registry.on(STOP, async |cx: Cx, source| {
        start(&cx, source, async |mut source: Source<i32>, mut sink: Sink<str>| {
            for _ in 0..2 {
                source.recv().await?;
            }
            sink.send("stop").await?;
            sink.finish().await
        })
    });
    registry.on(ECHO_STREAM, async |cx: Cx, source| {
        start(&cx, source, async |mut source: Source<Text>, mut sink: Sink<Text>| {
            while let Some(text) = source.recv().await? {
                sink.send(&text).await?;
            }
            sink.finish().await
        })
    });
    registry.on(FLOOD, async |cx: Cx, (count, size, mut source): (u32, u32, Source<i32>)| {
        if size > SIZE_MAX {
            return Err(format!("strings of {size} bytes are too long"));
        }
        let mut sink = source.make_sink::<Text>().map_err(text)?;
        let reference = sink.reference();
        task::spawn_for(cx.connection(), "flood", async move {
            let text = vec![b'x'; size as usize];
            for _ in 0..count {
                if sink.send(&text).await.is_err() {
                    return;
                }
            }
            // What does not arrive is the peer's choice.
            let _ = sink.finish().await;
        });
        task::spawn_for(
            cx.connection(),
            "read",
            async move { while let Ok(Some(_)) = source.recv().await {} },
        );
        Ok(reference)
    });
}

/// Starts a task with both ends of the stream, and returns the reference to its sink.
fn start<T, U: Encode + ?Sized, F>(
    cx: &Cx,
    source: Source<T>,
    f: impl FnOnce(Source<T>, Sink<U>) -> F,
) -> Result<SinkRef<U>, StreamError>
where
    F: Future<Output = Result<(), StreamError>> + 'static,
{
    let sink = source.make_sink::<U>()?;
    let (reference, streams) = (sink.reference(), f(source, sink));
    task::spawn_for(cx.connection(), "streams", async move {
        // When it fails, the sink is dropped before its end, and the peer's source fails.
        let _ = streams.await;
    });
    Ok(reference)
}

async fn pause(ms: i32) {
    if let Ok(ms) = u64::try_from(ms)
        && ms > 0
    {
        task::sleep(Duration::from_millis(ms)).await;
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// The handlers of one shard.
fn registry() -> Registry {
    let registry = Registry::default();
    calls(&registry);
    sources(&registry);
    both_directions(&registry);
    registry
}

fn main() -> Result<(), Box<dyn Error>> {
    let end = End::watch()?;
    let args = Args::parse();
    let negotiation_timeout = Duration::try_from_secs_f64(args.negotiation_timeout)?;
    let protocol = Protocol::default()
        .with(|it| (it.streaming, it.negotiation_timeout) = (!args.no_streaming, negotiation_timeout))
        .isolation(|cookie| if cookie == b"bad" { Err(IsolationRefused) } else { Ok(None) });
    let protocol = match args.compress {
        Compress::None => protocol,
        Compress::Lz4 => protocol.compression(Lz4),
        Compress::Lz4f => protocol.compression(Lz4Fragmented),
        Compress::Multi => protocol.compression(Multi::default().and(Lz4).and(Lz4Fragmented)),
    };
    let placement = if args.lb_port { Placement::PeerPort } else { Placement::default() };
    let limits = RpcLimits::default().with(|it| it.memory_max = args.max_memory);
    let listener = Listener::new("rpc", args.listen)
        .placement(placement)
        .protocol(protocol, move |_| registry().service().limits(limits));
    let mut builder = Server::builder().listen(listener);
    if let Some(shards) = args.shards {
        builder = builder.shards(shards);
    }
    let server = builder.start()?;
    ready(server.address("rpc")?);
    end.wait(None);
    Ok(server.stop()?)
}

/// So that a string and its length fit into a message, by default.
const SIZE_MAX: u32 = (64 << 20) - 4;
