//! Streams of Seastar RPC, for the generator: each connection is a [`Client`] of the library, with one stream.
//!
//! They are between the client and any server with the verbs of the [service `echo`](crate::echo). What was sent must have
//! arrived at the end of a stream, or the run fails.

use std::{fmt::Display, time::Duration};

use futures_lite::future::try_zip;
use shardcast::seastar::{
    Client, SinkRef, Source, Verb,
    serialize::{Decode, DecodeError, Reader},
};
use shardcast_os::clock;

use crate::{
    echo,
    generator::{
        Direction, Load, Measured, Plan, Result, Watch,
        shards::{self, Connection},
    },
};

/// Runs a plan.
pub(crate) fn run(plan: &Plan, direction: Direction, watch: Watch<'_>) -> Result<Measured> {
    shards::run(plan, watch, move |connection| async move {
        let plan = connection.plan();
        let streamed = match connect(plan).await {
            Err(why) => return Err(format!("cannot connect to {}: {why}", plan.address)),
            Ok(client) => match direction {
                Direction::ToServer => to_server(&connection, &client).await,
                Direction::ToClient => to_client(&connection, &client).await,
                Direction::Both => both(&connection, &client).await,
            },
        };
        streamed.map_err(|why| format!("stream {}: {why}", connection.number()))
    })
}

async fn connect(plan: &Plan) -> std::result::Result<Client, String> {
    // The call of a stream to the server has its result at the end.
    let timeout = plan.warm_up + plan.time + Duration::from_secs(60);
    let client = Client::builder(plan.address).timeout(timeout).connect().map_err(text)?;
    client.connected().await.map_err(text)?;
    Ok(client)
}

type Streamed = std::result::Result<(), String>;

async fn to_server(connection: &Connection, client: &Client) -> Streamed {
    let mut sink = client.open_sink().await.map_err(text)?;
    let end = connection.start().await;
    let counted = client.call(TO_SERVER, &sink.reference());
    let message = message(connection.plan());
    let send = async {
        let mut tally = Tally::new(connection);
        while tally.now < end {
            sink.send(&message[..]).await.map_err(text)?;
            tally.add();
        }
        sink.finish().await.map_err(text)?;
        tally.flush();
        Ok(tally.total)
    };
    let counted = async { counted.await.map_err(text) };
    let (sent, bytes) = try_zip(send, counted).await?;
    if bytes != sent * message.len() as u64 {
        return Err(format!("the server has counted {bytes} bytes of {sent} messages of {}", message.len()));
    }
    Ok(())
}

/// The server is asked for as many messages as it sends in about [`ROUND_NANOS`], again and again: how many it can send in
/// the time of the plan is not known before.
async fn to_client(connection: &Connection, client: &Client) -> Streamed {
    let size = connection.plan().size as u32;
    let mut count = (FIRST_BYTES / size).clamp(1, FIRST_MAX);
    let end = connection.start().await;
    let mut tally = Tally::new(connection);
    while tally.now < end {
        let (begun, before) = (clock::now_nanos(), tally.total);
        let sink = client.open_sink::<i32>().await.map_err(text)?;
        let called = client.call(TO_CLIENT, &(count, size, sink.reference()));
        let mut source = called.await.map_err(text)?;
        sink.finish().await.map_err(text)?;
        let mut wrong = 0;
        while let Some(Length(len)) = source.recv().await.map_err(text)? {
            wrong += u64::from(len != size as usize);
            tally.add();
        }
        connection.count_corrupt(wrong);
        let received = tally.total - before;
        if received != u64::from(count) {
            return Err(format!("the server has sent {received} messages of {count}"));
        }
        tally.flush();
        let factor = ROUND_NANOS as f64 / tally.now.saturating_sub(begun).max(1) as f64;
        count = (f64::from(count) * factor.min(ROUND_FACTOR_MAX)).max(1.0) as u32;
    }
    Ok(())
}

async fn both(connection: &Connection, client: &Client) -> Streamed {
    let mut sink = client.open_sink().await.map_err(text)?;
    let mut source = client.call(BOTH, &sink.reference()).await.map_err(text)?;
    let end = connection.start().await;
    let mut message = message(connection.plan());
    let send = async {
        let mut tally = Tally::new(connection);
        while tally.now < end {
            // Only the first of those that are counted together has a time.
            let sent = if tally.pending == 0 { tally.now } else { 0 };
            message[..8].copy_from_slice(&tally.total.to_le_bytes());
            message[8..HEAD].copy_from_slice(&sent.to_le_bytes());
            sink.send(&message[..]).await.map_err(text)?;
            tally.add();
        }
        sink.finish().await.map_err(text)?;
        tally.flush();
        Ok::<_, String>(tally.total)
    };
    let size = connection.plan().size;
    let receive = async {
        let (mut tally, mut wrong) = (Tally::of_received(connection), 0);
        while let Some(Echoed { len, number, sent }) = source.recv().await.map_err(text)? {
            wrong += u64::from((len, number) != (size, tally.total));
            tally.add();
            if sent != 0 {
                connection.sample(sent, clock::now_nanos());
            }
        }
        tally.flush();
        connection.count_corrupt(wrong);
        Ok(tally.total)
    };
    let (sent, received) = try_zip(send, receive).await?;
    if sent == received {
        Ok(())
    } else {
        Err(format!("the server has returned {received} messages of {sent}"))
    }
}

/// Messages that are counted, several at once.
struct Tally<'a> {
    connection: &'a Connection,
    /// What to add for each message, as sent and as received.
    each: (u64, u64),
    /// When some were last counted.
    now: u64,
    batch: u64,
    pending: u64,
    total: u64,
}

impl<'a> Tally<'a> {
    /// Of messages in one direction: the end of the stream shows that those that were sent have arrived.
    fn new(connection: &'a Connection) -> Self {
        let is_echo = matches!(connection.plan().load, Load::Stream(Direction::Both));
        Self::with(connection, if is_echo { (1, 0) } else { (1, 1) })
    }

    /// Of messages that return.
    fn of_received(connection: &'a Connection) -> Self {
        Self::with(connection, (0, 1))
    }

    fn with(connection: &'a Connection, each: (u64, u64)) -> Self {
        let batch = (BATCH_BYTES / connection.plan().size).clamp(1, BATCH_MAX) as u64;
        Self { connection, each, now: clock::now_nanos(), batch, pending: 0, total: 0 }
    }

    #[inline]
    fn add(&mut self) {
        self.pending += 1;
        self.total += 1;
        if self.pending >= self.batch {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.now = clock::now_nanos();
        let pending = std::mem::take(&mut self.pending);
        self.connection.count(self.now, self.each.0 * pending, self.each.1 * pending);
    }
}

fn message(plan: &Plan) -> Vec<u8> {
    vec![FILLER; plan.size]
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// A string, of which only the length matters.
struct Length(usize);

impl Decode<'_> for Length {
    #[inline]
    fn decode(r: &mut Reader<'_>) -> std::result::Result<Self, DecodeError> {
        r.read_string().map(|text| Self(text.len()))
    }
}

/// A message that has returned.
struct Echoed {
    /// 0 if a byte has changed.
    len: usize,
    number: u64,
    /// 0: it is not measured.
    sent: u64,
}

impl Decode<'_> for Echoed {
    #[inline]
    fn decode(r: &mut Reader<'_>) -> std::result::Result<Self, DecodeError> {
        let message = r.read_string()?;
        let Some((number, rest)) = message.split_first_chunk() else {
            return Ok(Self { len: 0, number: 0, sent: 0 });
        };
        let Some((sent, filler)) = rest.split_first_chunk() else {
            return Ok(Self { len: 0, number: 0, sent: 0 });
        };
        let is_right = filler.iter().all(|byte| *byte == FILLER);
        Ok(Self {
            len: if is_right { message.len() } else { 0 },
            number: u64::from_le_bytes(*number),
            sent: u64::from_le_bytes(*sent),
        })
    }
}

/// The verbs of the service, for its clients.
const TO_SERVER: Verb<SinkRef<[u8]>, u64> = Verb::new(echo::COUNT.number());
const TO_CLIENT: Verb<(u32, u32, SinkRef<i32>), Source<Length>> = Verb::new(echo::FLOOD.number());
const BOTH: Verb<SinkRef<[u8]>, Source<Echoed>> = Verb::new(echo::STREAM.number());

/// Number and time of a message that returns.
const HEAD: usize = 16;

const FILLER: u8 = b'x';

/// The most messages that are counted at once, and their bytes.
const BATCH_MAX: usize = 32;
const BATCH_BYTES: usize = 64 << 10;

/// The first round of messages to the client.
const FIRST_BYTES: u32 = 1 << 20;
const FIRST_MAX: u32 = 1000;

/// How long a round is to take, and how much longer it may be than the one before.
const ROUND_NANOS: u64 = 500_000_000;
const ROUND_FACTOR_MAX: f64 = 16.0;

#[cfg(test)]
mod tests {
    use shardcast::{
        Listener, Server,
        seastar::{Protocol, Registry, Sink, StreamError},
        task,
    };

    use super::*;
    use crate::generator::{LoopKind, ServerCpu, Wait};

    /// What a run finds at a server with these verbs.
    fn run_at(direction: Direction, register: fn(&Registry)) -> Result<Measured> {
        let service = move |_: &_| {
            let registry = Registry::default();
            register(&registry);
            registry.service()
        };
        let listener = Listener::new("echo", "127.0.0.1:0").protocol(Protocol::default(), service);
        let server = Server::builder().listen(listener).shards(1).start()?;
        let plan = Plan {
            address: server.address("echo")?,
            load: Load::Stream(direction),
            connections: 2,
            idle: 0,
            depth: 1,
            loop_kind: LoopKind::Closed { rate: None },
            size: 100,
            warm_up: Duration::from_millis(10),
            time: Duration::from_millis(50),
            threads: vec![None],
            wait: Wait::Sleep { spin_nanos: 0 },
            server: ServerCpu::Unknown,
            run: 0,
        };
        run(&plan, direction, &mut |_| {})
    }

    fn check_error(direction: Direction, register: fn(&Registry), part: &str) {
        let error = run_at(direction, register).expect_err("it is noticed").to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn a_server_that_loses_messages_fails_the_run() {
        check_error(Direction::ToServer, |_| {}, "unknown verb 9");
        let counts = |registry: &Registry| {
            registry.on(echo::COUNT, async |_cx, mut source: Source<Vec<u8>>| {
                while source.recv().await?.is_some() {}
                Ok::<_, StreamError>(1)
            });
        };
        check_error(Direction::ToServer, counts, "the server has counted 1 bytes of ");
        let floods = |registry: &Registry| {
            registry.on(echo::FLOOD, async |_cx, (_, _, source): echo::Flood| {
                let sink: Sink<Vec<u8>> = source.make_sink()?;
                let reference = sink.reference();
                task::spawn("flood", async move { _ = sink.finish().await });
                Ok::<_, StreamError>(reference)
            });
        };
        check_error(Direction::ToClient, floods, "the server has sent 0 messages of 1000");
        let returns = |registry: &Registry| {
            registry.on(echo::STREAM, async |_cx, mut source: Source<Vec<u8>>| {
                let mut sink: Sink<Vec<u8>> = source.make_sink()?;
                let reference = sink.reference();
                task::spawn("echo", async move {
                    _ = source.recv().await;
                    while let Ok(Some(text)) = source.recv().await {
                        _ = sink.send(&text).await;
                    }
                    _ = sink.finish().await;
                });
                Ok::<_, StreamError>(reference)
            });
        };
        check_error(Direction::Both, returns, "the server has returned ");
    }

    #[test]
    fn a_changed_message_is_counted() {
        let returns = |registry: &Registry| {
            registry.on(echo::STREAM, async |_cx, mut source: Source<Vec<u8>>| {
                let mut sink: Sink<Vec<u8>> = source.make_sink()?;
                let reference = sink.reference();
                task::spawn("echo", async move {
                    let mut last = 0;
                    while let Ok(Some(mut text)) = source.recv().await {
                        // In the first message, the number; in the second, the rest.
                        let at = if last == 0 { 0 } else { 50 };
                        if last < 2 {
                            text[at] ^= 1;
                            last += 1;
                        }
                        _ = sink.send(&text).await;
                    }
                    _ = sink.finish().await;
                });
                Ok::<_, StreamError>(reference)
            });
        };
        let measured = run_at(Direction::Both, returns).expect("as many return");
        // Of each connection.
        assert_eq!((measured.counts.corrupt, measured.counts.lost), (4, 0));
        assert!(measured.counts.sent > 10 && measured.counts.sent == measured.counts.received);
    }
}
