//! A thread that repeatedly calls and waits for the response: over a bare socket, or through the client.
//! There is no ring, and nothing is sent before the response has been received.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use shardcast::tars::{Client, ProxyConfig};
use shardcast_os::clock;

use super::{
    Caller, Counts, Plan, Recorder, Result, Times,
    drive::{REPORT_NANOS, thread_cpu_nanos},
    live::ThreadLive,
    recorder::Window,
};
use crate::frame::{HEADER_BYTES, Stamper};

/// The connection of one thread.
pub(super) enum Calls {
    Socket(Socket),
    Client { client: Client, body: Vec<u8> },
}

impl Calls {
    pub(super) fn connect(plan: &Plan, caller: Caller) -> Result<Self> {
        match caller {
            Caller::Polling => Socket::connect(plan, true).map(Self::Socket),
            Caller::Blocking => Socket::connect(plan, false).map(Self::Socket),
            Caller::Client { spin } => {
                let config = ProxyConfig::quiet();
                let client = Client::at(plan.address).config(config).spin(spin).connect()?;
                Ok(Self::Client { client, body: vec![7; plan.size.saturating_sub(HEADER_BYTES)] })
            }
        }
    }

    /// Calls until the window ends.
    pub(super) fn run(
        &mut self,
        mut recorder: Recorder,
        window: Window,
        live: &ThreadLive,
    ) -> Result<(Recorder, Counts)> {
        let mut counts = Counts::default();
        let mut reported_nanos = 0;
        let mut now = clock::now_nanos();
        while now < window.end {
            let is_right = self.call(counts.sent as u32, now)?;
            let began = std::mem::replace(&mut now, clock::now_nanos());
            counts.sent += 1;
            if is_right {
                counts.received += 1;
                recorder.received(Times::at(began), now);
            } else {
                counts.corrupt += 1;
            }
            if now - reported_nanos > REPORT_NANOS {
                reported_nanos = now;
                live.report((counts.sent, counts.received), thread_cpu_nanos());
            }
        }
        live.report((counts.sent, counts.received), thread_cpu_nanos());
        Ok((recorder, counts))
    }

    /// One call that begins at `now`; whether the response has the bytes that were sent.
    #[inline]
    fn call(&mut self, id: u32, now: u64) -> Result<bool> {
        match self {
            Self::Socket(socket) => socket.call(id, now),
            Self::Client { client, body } => Ok(client.rpc_call(client.gen_requestid(), body)? == *body),
        }
    }
}

pub(super) struct Socket {
    stream: TcpStream,
    stamper: Stamper,
    response: Vec<u8>,
}

impl Socket {
    fn connect(plan: &Plan, is_polling: bool) -> Result<Self> {
        let mut stamper = Stamper::new(plan.size);
        let response = stamper.stamp(0, 0).to_vec();
        let stream = TcpStream::connect(plan.address)
            .map_err(|error| format!("cannot connect to {}: {error}", plan.address))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(is_polling)?;
        Ok(Self { stream, stamper, response })
    }

    #[inline]
    fn call(&mut self, id: u32, now: u64) -> Result<bool> {
        self.stream.write_all(self.stamper.stamp(id, now))?;
        let mut filled = 0;
        while filled < self.response.len() {
            match self.stream.read(&mut self.response[filled..]) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::hint::spin_loop();
                    if u128::from(clock::now_nanos() - now) > PATIENCE.as_nanos() {
                        return Err("no response from the server".into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.stamper.read(&self.response) == Some((id, now)))
    }
}

/// How long a polling caller waits for a response.
const PATIENCE: Duration = Duration::from_secs(2);
