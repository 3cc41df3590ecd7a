use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use shardcast::proto::topics::control::{self, Request};
use shardcast::tars::framed::frame;
use shardcast_os::clock;

use super::{PATIENCE, Plan, Result};
use crate::{
    frame::Stamper,
    machine,
    outcome::{IdleCost, Meter, Outcome},
};

/// One connection, one message on the way, and a client that polls its socket.
///
/// # Errors
/// The server cannot be reached, or ends the connection.
pub fn round_trip(plan: &Plan) -> Result<Outcome> {
    let mut client = Client::connect(plan)?;
    client.measure(plan, "rtt".into())
}

/// The same, alone and then beside `connections` that say nothing; with `subscribed`, after each has subscribed to one
/// topic in the words of the push guide's control vocabulary.
///
/// # Errors
/// As [`round_trip`], or descriptors or ports are short.
pub fn idle(plan: &Plan, connections: usize, subscribed: bool) -> Result<Outcome> {
    let mut client = Client::connect(plan)?;
    let alone = client.measure(plan, "rtt".into())?;
    let resident = plan.server.map_or(0, machine::resident_bytes);
    let mut silent = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = plan.connect()?;
        if subscribed {
            subscribe(&mut stream)?;
        }
        silent.push(stream);
    }
    std::thread::sleep(ACCEPT_ALL);
    let grown = plan.server.map_or(0, machine::resident_bytes).saturating_sub(resident);
    let beside = client.measure(plan, format!("rtt beside {connections} idle"))?;
    let lost = silent.iter().filter(|stream| is_closed(stream)).count() as u64;
    let idle = IdleCost {
        connections,
        bytes_each: grown as f64 / connections.max(1) as f64,
        alone_p50_us: alone.p50_us,
        added_us: beside.p50_us - alone.p50_us,
    };
    Ok(Outcome { idle: Some(idle), lost: beside.lost + lost, ..beside })
}

struct Client {
    stream: TcpStream,
    stamper: Stamper,
    next: u32,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(plan: &Plan) -> Result<Self> {
        let stream = plan.connect()?;
        stream.set_nonblocking(true)?;
        let stamper = Stamper::new(plan.size);
        Ok(Self { stream, stamper, next: 0, buffer: vec![0; plan.size] })
    }

    fn measure(&mut self, plan: &Plan, test: String) -> Result<Outcome> {
        let began = clock::now_nanos();
        let mut wrong = 0;
        while u128::from(clock::now_nanos() - began) < plan.warm_up.as_nanos() {
            wrong += u64::from(self.turn()?.is_none());
        }
        let mut meter = Meter::start(plan.server);
        while u128::from(meter.nanos(clock::now_nanos())) < plan.time.as_nanos() {
            match self.turn()? {
                Some(nanos) => meter.record(nanos),
                None => wrong += 1,
            }
        }
        Ok(Outcome { wrong, ..meter.finish(test) })
    }

    /// One message there and back; `None` when what came back is not what went out.
    #[inline]
    fn turn(&mut self) -> Result<Option<u64>> {
        let began = clock::now_nanos();
        self.stream.write_all(self.stamper.stamp(self.next, began))?;
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.stream.read(&mut self.buffer[filled..]) {
                Ok(0) => return Err("the server ended the connection".into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::hint::spin_loop();
                    if u128::from(clock::now_nanos() - began) > PATIENCE.as_nanos() {
                        return Err("a message was lost".into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let ended = clock::now_nanos();
        let right = self.stamper.read(&self.buffer) == Some((self.next, began));
        self.next = self.next.wrapping_add(1);
        Ok(right.then_some(ended - began))
    }
}

/// Says HELLO, subscribes, and waits for both answers.
fn subscribe(stream: &mut TcpStream) -> Result<()> {
    let topic = Request::Subscribe { topic: "prices", prefix: false, since: None };
    for (id, request) in [(1, Request::Hello), (2, topic)] {
        let mut payload = Vec::new();
        control::encode_request(&request, &mut payload);
        stream.write_all(&frame::encode(id, &payload))?;
        let mut answered = 0;
        // A message of the listener's topic may come in between, but nobody publishes.
        while answered != id {
            let mut header = [0; 8];
            stream.read_exact(&mut header)?;
            let [len, of] = [0, 4].map(|at| header[at..at + 4].try_into().map_or(0, u32::from_be_bytes));
            let mut rest = vec![0; (len as usize).saturating_sub(header.len()).min(1 << 16)];
            stream.read_exact(&mut rest)?;
            answered = of;
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
