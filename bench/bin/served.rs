//! The server under test: Shardcast through its public API, one shard, the same work as the baseline.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use shardcast::{
    CpuChoice, Listener, Reply, Server, ServerConfig, ServerHandle, ShardCount,
    push::Publisher,
    tars::{Current, Framed, FramedService, LengthPrefixed, Servant},
    task,
};
use shardcast_bench::{idle::Spin, ready};
use shardcast_load::{echo::Echo, frame::FRAME_BYTES_MAX};

#[derive(Parser)]
struct Args {
    /// What to do with received messages.
    mode: Mode,
    /// Microseconds to poll before sleeping; `always` never sleeps.
    #[arg(long, default_value = "50")]
    spin: Spin,
    /// CPU to run on.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Receive buffers; a power of two.
    #[arg(long, default_value_t = 1024)]
    buffers: u16,
    /// Bytes of one buffer.
    #[arg(long, default_value_t = 4096)]
    buffer_bytes: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Send each back to its sender.
    Echo,
    /// The same, by a future that is ready at once.
    EchoReady,
    /// The same, by a future that yields once.
    EchoYield,
    /// Send each to all connections.
    Fanout,
    /// Send each to all connections through the hub, by publishing it on the topic that all of them subscribe to.
    Hub,
}

struct EchoReady;

impl Servant for EchoReady {
    #[inline]
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        let mut body = reply.buffer();
        body.extend_from_slice(packet);
        reply.answer_with("echo", async move { body });
    }
}

struct EchoYield;

impl Servant for EchoYield {
    #[inline]
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        let mut body = reply.buffer();
        body.extend_from_slice(packet);
        reply.answer_with("echo", async move {
            task::yield_now().await;
            body
        });
    }
}

struct Fanout(ServerHandle);

impl Servant for Fanout {
    fn do_request(&self, _current: &Current, packet: &[u8], _reply: &mut Reply<'_>) {
        // If a queue is full, the load generator notices that messages are missing.
        let _ = self.0.broadcast(NAME, Bytes::copy_from_slice(packet));
    }
}

struct Publish(Publisher);

impl Servant for Publish {
    fn do_request(&self, _current: &Current, packet: &[u8], _reply: &mut Reply<'_>) {
        // As above.
        let _ = self.0.publish(Bytes::copy_from_slice(packet));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let listener = Listener::new(NAME, &args.listen);
    let listener = match args.mode {
        Mode::Echo => listener.protocol(Framed::default(), |_| FramedService(Echo)),
        Mode::EchoReady => listener.protocol(Framed::default(), |_| FramedService(EchoReady)),
        Mode::EchoYield => listener.protocol(Framed::default(), |_| FramedService(EchoYield)),
        Mode::Fanout => listener.protocol(Framed::default(), |server| FramedService(Fanout(server.clone()))),
        // The application makes the frames, so that the server sends the same bytes.
        Mode::Hub => {
            let protocol = Framed::new(LengthPrefixed::default(), FRAME_BYTES_MAX)
                .subscribed(|message| Some(message.body.clone()));
            listener.protocol(protocol, |server| {
                FramedService(Publish(server.publisher(NAME).expect("a topic's name")))
            })
        }
    };
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.cpus = CpuChoice::List(vec![args.cpu]);
        it.spin = args.spin.into();
        it.receive_buffers = args.buffers;
        it.receive_buffer_bytes = args.buffer_bytes;
        it.listener_limits.idle_timeout = Duration::ZERO;
    });
    let server = Server::builder().config(config).listen(listener).start()?;
    ready(server.address(NAME)?);
    loop {
        std::thread::park();
    }
}

const NAME: &str = "bench";
