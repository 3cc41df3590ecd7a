//! Async handlers: respond later, call another shard, keep state per connection, run a task that ends with its
//! connection, and a custom protocol whose peers are subscribed to a topic.
//!
//! Watch: connect (`telnet 127.0.0.1 PORT`) and type `count`, `later`, `load`, `tick`, `tell hello`. While `later`
//! takes its second, everything else gets its response; when a connection ends, so does its clock.
#![forbid(unsafe_code)]

use std::{cell::Cell, time::Duration};

use shardcast::{
    Failure, Listener, ListenerLimits, Reply, Server, ServerHandle,
    proto::Message,
    push::Publisher,
    tars::{Current, Framed, FramedService, Parsed, Servant},
    task,
};
use shardcast_examples::{End, ready};

thread_local! {
    /// Requests that this shard has seen.
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

struct Words {
    server: ServerHandle,
    news: Publisher,
}

impl Servant for Words {
    fn do_request(&self, current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        REQUESTS.set(REQUESTS.get() + 1);
        let text = String::from_utf8_lossy(packet);
        let text = text.trim_end();
        match text.split_once(' ').unwrap_or((text, "")) {
            ("count", _) => count(current, reply),
            ("later", _) => later(reply),
            ("load", _) => self.load(reply),
            ("tick", _) => tick(current, reply),
            ("tell", news) => match self.news.publish(news.to_owned()) {
                Ok(()) => reply.body().extend_from_slice(b"published\n"),
                Err(refusal) => reply.body().extend_from_slice(format!("{refusal}\n").as_bytes()),
            },
            _ => reply.body().extend_from_slice(b"count, later, load, tick or tell?\n"),
        }
    }
}

/// State of one connection: it lives on the connection's shard, needs no lock, and ends with the connection.
fn count(current: &Current, reply: &mut Reply<'_>) {
    let Some(local) = current.local() else { return };
    let count = local.state(|| Cell::new(0_u64));
    count.set(count.get() + 1);
    reply.body().extend_from_slice(format!("{}\n", count.get()).as_bytes());
}

/// Responds when the future is ready; meanwhile other requests, also of this connection, get their responses.
fn later(reply: &mut Reply<'_>) {
    reply.answer_with("later", async {
        task::sleep(Duration::from_secs(1)).await;
        "a second later\n"
    });
}

/// Runs on the connection's shard until the connection ends.
fn tick(current: &Current, reply: &mut Reply<'_>) {
    let clock = current.clone();
    task::spawn_for(current, "clock", async move {
        for seconds in 1_u64.. {
            task::sleep(Duration::from_secs(1)).await;
            // Full: this tick is dropped, and counted.
            let _ = clock.send(format!("{seconds} s\n"));
        }
    });
    reply.body().extend_from_slice(b"ticking\n");
}

impl Words {
    /// Calls each shard, and responds when all have responded.
    fn load(&self, reply: &mut Reply<'_>) {
        let asked: Result<Vec<_>, _> = (0..self.server.shards())
            .map(|shard| self.server.call_on(shard as u16, || REQUESTS.get()))
            .collect();
        reply.answer_with("load", async move {
            let mut counts = Vec::new();
            for answer in asked.map_err(|busy| Failure::new(1, busy.to_string()))? {
                counts.push(answer.await.map_err(|ended| Failure::new(2, ended.to_string()))?);
            }
            Ok(format!("requests per shard: {counts:?}\n"))
        });
    }
}

/// Packets are lines.
fn line(input: &[u8]) -> Parsed {
    input.iter().position(|&byte| byte == b'\n').map_or(Parsed::Less, |end| Parsed::Full(end + 1))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let end = End::watch()?;
    // Without this, publications would not reach the peers: only the application knows the format of a packet.
    let protocol = Framed::new(line, 1024).subscribed(|message: Message<'_>| {
        let is_line = !message.body.contains(&b'\n');
        is_line.then(|| [b"news: ", &message.body[..], b"\n"].concat().into())
    });
    let listener = Listener::new("words", "127.0.0.1:0")
        .protocol(protocol, |server| {
            let news = server.publisher("words").expect("a topic's name");
            FramedService(Words { server: server.clone(), news })
        })
        .limits(ListenerLimits::default().with(|it| it.idle_timeout = Duration::from_secs(300)));
    let server = Server::builder().listen(listener).start()?;
    ready(server.address("words")?);
    end.wait(None);
    Ok(server.stop()?)
}
