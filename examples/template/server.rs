//! The server: prints `ready ADDR`, and ends on SIGTERM or Ctrl-C.
#![forbid(unsafe_code)]

use shardcast::{Failure, Server, tars::rpc};

shardcast::include_tars!();

// The servant. Each shard makes its own, so its state needs no locks.
struct Greeter;

impl demo::GreeterServant for Greeter {
    async fn hello(&self, _cx: &rpc::CallContext, name: String) -> Result<String, Failure> {
        // Or fail with a code: `Err(Failure::new(1, "no name"))`.
        Ok(format!("hello {name}"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut signals = signal_hook::iterator::Signals::new(signal_hook::consts::TERM_SIGNALS)?;
    // `-t`: connections without traffic end after so many milliseconds.
    let endpoint = std::env::args().nth(1).unwrap_or("tcp -h 127.0.0.1 -p 10100 -t 60000".into());
    let adapter = rpc::Adapter::new("greeter", &endpoint)?
        .servant("Demo.GreeterServer.GreeterObj", |_| demo::GreeterDispatcher::new(Greeter));
    let server = Server::builder().listen(adapter.listener()).start()?;
    println!("ready {}", server.address("greeter")?);
    signals.forever().next();
    Ok(server.stop()?)
}
