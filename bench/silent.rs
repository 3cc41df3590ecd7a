//! What idle connections cost: memory of the server, and time of a round trip beside them.

use std::{
    error::Error,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use shardcast::proto::topics::control::{self, Request};
use shardcast::tars::framed::frame;
use shardcast_load::{
    generator::{self, Caller, Load, Plan, ServerCpu},
    process,
};

use crate::outcome::{IdleCost, Outcome};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs round trips as `plan` says, first alone and then beside `connections` that send nothing. With `subscribed`,
/// each of them first subscribes to one topic by the control protocol.
///
/// # Errors
/// The server cannot be reached, or there are too few descriptors or ports.
pub fn measure(plan: &Plan, connections: usize, subscribed: bool) -> Result<Outcome> {
    let plan = Plan { load: Load::Calls(Caller::Polling), ..plan.clone() };
    let alone = Outcome::new("rtt".to_owned(), &generator::run(&plan, &mut |_| {})?);
    let resident = resident_bytes(&plan);
    let mut silent = Vec::with_capacity(connections);
    for _ in 0..connections {
        silent.push(connect(plan.address, subscribed)?);
    }
    thread::sleep(ACCEPT_ALL);
    let grown = resident_bytes(&plan).saturating_sub(resident);
    let beside = generator::run(&plan, &mut |_| {})?;
    let beside = Outcome::new(format!("rtt beside {connections} idle"), &beside);
    let lost = silent.iter().filter(|stream| is_closed(stream)).count() as u64;
    let idle = IdleCost {
        connections,
        bytes_each: grown as f64 / connections.max(1) as f64,
        alone_p50_us: alone.p50_us,
        added_us: beside.p50_us - alone.p50_us,
    };
    Ok(Outcome { idle: Some(idle), lost: beside.lost + lost, ..beside })
}

fn resident_bytes(plan: &Plan) -> u64 {
    match plan.server {
        ServerCpu::Process(pid) => process::resident_bytes(pid),
        ServerCpu::ThisProcess | ServerCpu::Unknown => 0,
    }
}

fn connect(server: SocketAddr, subscribed: bool) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    if subscribed {
        subscribe(&mut stream)?;
    }
    Ok(stream)
}

/// Sends HELLO, subscribes, and waits for both responses.
fn subscribe(stream: &mut TcpStream) -> Result<()> {
    let topic = Request::Subscribe { topic: "prices", prefix: false, since: None };
    for (id, request) in [(1, Request::Hello), (2, topic)] {
        let mut payload = Vec::new();
        control::encode_request(&request, &mut payload);
        stream.write_all(&frame::encode(id, &payload))?;
        let mut answered_id = 0;
        // A message of the listener's topic could arrive first, but there is no publisher.
        while answered_id != id {
            let mut header = [0; 8];
            stream.read_exact(&mut header)?;
            let [len, of] = [0, 4].map(|at| header[at..at + 4].try_into().map_or(0, u32::from_be_bytes));
            let mut rest = vec![0; (len as usize).saturating_sub(header.len()).min(1 << 16)];
            stream.read_exact(&mut rest)?;
            answered_id = of;
        }
    }
    Ok(())
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut byte));
    peeked.is_ok() || peeked.is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
}

/// Time for a server to accept all of many connections.
const ACCEPT_ALL: Duration = Duration::from_millis(700);
