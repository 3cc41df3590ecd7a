//! The baseline: a server that is a bare io_uring loop. Watch its CPU time per message: no server on this
//! ring can use less.
#![forbid(unsafe_code)]

use std::{error::Error, net::SocketAddr};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use shardcast_bench::{
    idle::{Idle, Spin},
    machine, ready,
};
use shardcast_load::links::Links;
use shardcast_os::{
    ring::RingConfig,
    rlimit,
    socket::{self, Address, TcpOptions},
};

#[derive(Parser)]
struct Args {
    /// What to do with received messages.
    mode: Mode,
    /// Echo: read each frame, as a server must, instead of bytes.
    #[arg(long)]
    framed: bool,
    /// Fan-out: one send per message.
    #[arg(long)]
    uncoalesced: bool,
    /// Microseconds to poll before sleeping; `always` never sleeps.
    #[arg(long, default_value = "50")]
    spin: Spin,
    /// CPU to run on.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Receive buffers; a power of two.
    #[arg(long, default_value_t = 1024)]
    buffers: u16,
    /// Bytes of one buffer.
    #[arg(long, default_value_t = 4096)]
    buffer_bytes: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Send each back to its sender.
    Echo,
    /// Send each to all connections.
    Fanout,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    machine::pin(args.cpu)?;
    rlimit::raise_nofile()?;
    let config = RingConfig {
        buffers: args.buffers,
        buffer_bytes: args.buffer_bytes,
        slots: 16_384,
        ..RingConfig::default()
    };
    let mut links = Links::new(&config)?;
    let listener = socket::listen(args.listen, Address::Exclusive, &TcpOptions::default())?;
    let address = socket::local_address(&listener)?;
    links.listen(listener);
    ready(address);
    let idle = Idle::new(args.spin);
    match (args.mode, args.framed, args.uncoalesced) {
        (Mode::Echo, false, _) => echo_bytes(links, idle),
        (Mode::Echo, true, _) => echo_frames(links, idle),
        (Mode::Fanout, _, false) => fan_out(links, idle),
        (Mode::Fanout, _, true) => fan_out_apart(links, idle),
    }
}

fn echo_bytes(mut links: Links, mut idle: Idle) -> Result<(), Box<dyn Error>> {
    loop {
        let worked = links.turn(|links, slot, bytes| links.send(slot, bytes))?;
        idle.after_turn(worked, links.ring())?;
    }
}

fn echo_frames(mut links: Links, mut idle: Idle) -> Result<(), Box<dyn Error>> {
    loop {
        let worked = links
            .turn(|links, slot, bytes| links.frames(slot, bytes, |links, frame| links.send(slot, frame)))?;
        idle.after_turn(worked, links.ring())?;
    }
}

fn fan_out(mut links: Links, mut idle: Idle) -> Result<(), Box<dyn Error>> {
    let mut batch = Vec::new();
    loop {
        let worked = links.turn(|links, slot, bytes| {
            links.frames(slot, bytes, |_, frame| batch.extend_from_slice(frame));
        })?;
        if !batch.is_empty() {
            links.send_to_all(&Bytes::from(std::mem::take(&mut batch)));
        }
        idle.after_turn(worked, links.ring())?;
    }
}

fn fan_out_apart(mut links: Links, mut idle: Idle) -> Result<(), Box<dyn Error>> {
    let mut batch = Vec::new();
    loop {
        let worked = links.turn(|links, slot, bytes| {
            links.frames(slot, bytes, |_, frame| batch.push(Bytes::copy_from_slice(frame)));
        })?;
        batch.drain(..).for_each(|message| links.send_to_all_apart(&message));
        idle.after_turn(worked, links.ring())?;
    }
}
