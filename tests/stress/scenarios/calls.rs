//! Calls of Tars RPC from many threads, over few connections, beside peers that send invalid packets or vanish in the
//! middle of one: each call gets its own result, and nothing of them is left.

use std::{net::SocketAddr, thread};

use shardcast::tars::{
    packet::{RequestPacket, Version},
    rpc::{ArgumentWriter, Communicator, Proxy},
};

use super::{Failure, Outcome, Trial, same};
use crate::{
    bystanders::Bystanders,
    peer::Peer,
    random::Random,
    server::{PATIENCE, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (calls, offences) = (trial.size(40_000) / CALLERS * CALLERS, trial.size(800).max(64));
    let mut random = trial.random.clone();
    let listeners = "[[listener]]\nname = \"tars\"\nlisten = \"127.0.0.1:0\"\nprotocol = \"tars\"\n".into();
    let address = trial.start(&Setup { listeners, ..Setup::default() })?.address;
    let tars = trial.server()?.address_of("tars")?;
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;

    // Two communicators: on each, several threads share one connection.
    let proxies = [proxy(tars)?, proxy(tars)?];
    let callers = (0..CALLERS).map(|number| {
        let (proxy, mut random) = (proxies[number as usize % 2].clone(), random.fork(number.into()));
        thread::spawn(move || (0..calls / CALLERS).try_for_each(|_| call(&proxy, &mut random)))
    });
    let callers: Vec<_> = callers.collect();
    let mut malformed = 0;
    for number in 0..offences {
        malformed += u64::from(offend(tars, number, &mut random)?);
    }
    for caller in callers {
        caller.join().map_err(|_| Failure("a caller panicked".into()))??;
    }
    bystanders.publish_more(u64::from(trial.size(100)))?;
    let server = trial.server()?;
    server.eventually_metric("shardcast_decode_errors_total", &["listener=\"tars\""], malformed)?;
    for proxy in &proxies {
        same("calls in flight", 0, proxy.stats().calls)?;
    }
    drop(proxies);
    server.eventually_metric("shardcast_connections", &["listener=\"tars\""], 0)?;
    Ok(format!("{calls} calls, {offences} offences, {} publications beside them", bystanders.end()?))
}

fn proxy(address: SocketAddr) -> Outcome<Proxy> {
    let object = format!("{ECHO}@tcp -h {} -p {}", address.ip(), address.port());
    Ok(Communicator::new().proxy(&object)?.with_timeout(PATIENCE))
}

/// One call, in one of the versions.
fn call(proxy: &Proxy, random: &mut Random) -> Outcome<()> {
    let len_max = if random.below(100) == 0 { 50_000 } else { 100 };
    let data = random.bytes(len_max);
    let version = [Version::TARS, Version::TARS, Version::TUP][random.below(3) as usize];
    let proxy = proxy.clone().with_version(version);
    let call = proxy.call::<Vec<u8>>("echo", |w| w.put(1, "data", &data), |r| r.take_result());
    same("what comes back", true, call.wait()? == data)
}

/// Whether the packet is malformed, rather than cut off by the end of its connection.
fn offend(address: SocketAddr, number: u32, random: &mut Random) -> Outcome<bool> {
    let mut peer = Peer::connect(address)?;
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    w.put(1, "data", &random.bytes(200));
    let (servant, func, buffer) = (ECHO.to_owned(), "echo".to_owned(), w.finish()?.into());
    let packet = RequestPacket { request_id: 1, servant, func, buffer, ..RequestPacket::default() };
    let mut frame = Vec::new();
    packet.encode(&mut frame)?;
    match number % 4 {
        0 => frame[..4].copy_from_slice(&(0x8000_0000 | random.next() as u32).to_be_bytes()),
        1 => frame[..4].copy_from_slice(&(random.below(5) as u32).to_be_bytes()),
        // A type that does not exist, where the version is.
        2 => frame[4] = 0x1e,
        _ => {
            frame.truncate(random.below(frame.len() as u64) as usize);
            // It may have been closed already, as all of the sending end here.
            let _ = peer.write(&frame);
            return Ok(false);
        }
    }
    let _ = peer.write(&frame);
    same("a peer that breaks the protocol is closed", true, peer.ends_within(PATIENCE)?)?;
    Ok(true)
}

/// The object of the service `echo`.
const ECHO: &str = "Shardcast.Echo.EchoObj";
const CALLERS: u32 = 8;
