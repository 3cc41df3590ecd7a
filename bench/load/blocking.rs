//! An ordinary thread that asks, and waits for the answer: over a bare blocking socket, and through the client.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use shardcast::tars::{Client, ProxyConfig};
use shardcast_os::clock;

use super::{Plan, Result};
use crate::{
    frame::{self, HEADER_BYTES},
    idle::Spin,
    outcome::{Meter, Outcome},
};

/// A blocking socket: the least that a call could take.
///
/// # Errors
/// The server is not there, or sends something else.
pub fn blocking_socket(plan: &Plan) -> Result<Outcome> {
    let mut stream = plan.connect()?;
    let mut input = Vec::new();
    let mut buffer = vec![0; 32 << 10];
    measure(plan, "a blocking socket", |id, body| {
        let len = (HEADER_BYTES + body.len()) as u32;
        let request = [&len.to_be_bytes()[..], &id.to_be_bytes(), body].concat();
        stream.write_all(&request)?;
        input.clear();
        loop {
            if let Ok(Some(answer)) = frame::first(&input) {
                return Ok(answer == request);
            }
            match stream.read(&mut buffer)? {
                0 => return Err("the server has left".into()),
                len => input.extend_from_slice(&buffer[..len]),
            }
        }
    })
}

/// The client's blocking call.
///
/// # Errors
/// As for [`blocking_socket`].
pub fn blocking_call(plan: &Plan) -> Result<Outcome> {
    let spin = match plan.spin {
        Spin::For(time) => time,
        Spin::Always => Duration::MAX,
    };
    let client = Client::at(plan.address).config(ProxyConfig::quiet()).spin(spin).connect()?;
    measure(plan, "a blocking call", |_, body| Ok(client.rpc_call(client.gen_requestid(), body)? == body))
}

/// Calls `call` with id and body again and again; it answers whether the right thing came back.
fn measure(plan: &Plan, name: &str, mut call: impl FnMut(u32, &[u8]) -> Result<bool>) -> Result<Outcome> {
    let body = vec![7; plan.size.saturating_sub(HEADER_BYTES)];
    let (mut id, mut wrong) = (0, 0);
    let mut round = || -> Result<u64> {
        let began = clock::now_nanos();
        id += 1;
        wrong += u64::from(!call(id, &body)?);
        Ok(clock::now_nanos() - began)
    };
    let warm_until = clock::now_nanos() + plan.warm_up.as_nanos() as u64;
    while clock::now_nanos() < warm_until {
        round()?;
    }
    let mut meter = Meter::start(plan.server);
    while u128::from(meter.nanos(clock::now_nanos())) < plan.time.as_nanos() {
        meter.record(round()?);
    }
    Ok(Outcome { wrong, ..meter.finish(name.to_owned()) })
}
