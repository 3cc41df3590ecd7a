//! A custom protocol: lines of text. The parser finds the end of a packet; the servant responds in
//! capitals, and pushes the line to all other connections.
//!
//! Watch: connect with two terminals (`telnet 127.0.0.1 PORT`) and type.
#![forbid(unsafe_code)]

use std::time::Duration;

use shardcast::{
    CloseReason, Listener, ListenerLimits, Reply, Server, ServerHandle,
    tars::{Current, Framed, FramedService, Parsed, Servant},
};
use shardcast_examples::{End, note, ready, say};

struct Shout(ServerHandle);

impl Servant for Shout {
    fn do_request(&self, current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend(packet.to_ascii_uppercase());
        let news = format!("{} says {}", current.id(), String::from_utf8_lossy(packet));
        if let Err(error) = self.0.broadcast("lines", news) {
            note(format_args!("some connections did not get it: {error}"));
        }
    }

    fn do_close(&self, current: &Current, why: CloseReason) {
        say(format_args!("{} left: {why}", current.id()));
    }
}

fn line(input: &[u8]) -> Parsed {
    input.iter().position(|&byte| byte == b'\n').map_or(Parsed::Less, |end| Parsed::Full(end + 1))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let end = End::watch()?;
    let listener = Listener::new("lines", "127.0.0.1:0")
        .protocol(Framed::new(line, 1024), |server| FramedService(Shout(server.clone())))
        .limits(ListenerLimits::default().with(|it| it.idle_timeout = Duration::from_secs(300)));
    let server = Server::builder().listen(listener).start()?;
    ready(server.address("lines")?);
    end.wait(None);
    Ok(server.stop()?)
}
