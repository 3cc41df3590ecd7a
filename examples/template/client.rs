//! The client: makes a call, and prints the result.
#![forbid(unsafe_code)]

use shardcast::tars::rpc::Communicator;

shardcast::include_tars!();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or("tcp -h 127.0.0.1 -p 10100".into());
    let proxy = Communicator::new().proxy(&format!("Demo.GreeterServer.GreeterObj@{endpoint}"))?;
    println!("{}", demo::GreeterProxy::new(proxy).hello("ann").wait()?);
    Ok(())
}
