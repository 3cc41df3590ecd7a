//! A complete push server: it echoes requests, and pushes to all connected clients.
//!
//! Watch: this small part of the library is all that a push server needs.
#![forbid(unsafe_code)]

use std::time::Duration;

use shardcast::{
    Listener, Reply, Server,
    tars::{Current, Framed, FramedService, Servant},
};

struct Echo;

impl Servant for Echo {
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(packet);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let end = shardcast_examples::End::watch()?;
    let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
    let server = Server::builder().listen(listener).start()?;
    let handle = server.handle();
    handle.push_every("push", Duration::from_secs(10), "hello world")?.wait()??.detach();
    shardcast_examples::ready(server.address("push")?);
    end.wait(None);
    Ok(server.stop()?)
}
