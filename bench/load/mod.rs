//! The load generator: closed loops that send the next message when the last has come back, look at every
//! byte of it, and measure between a warm-up and the end.

mod blocking;
mod echo;
mod fanout;
mod round_trip;

use std::{
    error::Error,
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::Duration,
};

use shardcast_os::ring::RingConfig;

use crate::{idle::Spin, links::Links};

pub use blocking::{blocking_call, blocking_socket};
pub use echo::echo;
pub use fanout::fanout;
pub use round_trip::{idle, round_trip};

/// What all tests need to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// Its process, if CPU time and memory are to be measured.
    pub server: Option<u32>,
    /// Bytes of a frame.
    pub size: usize,
    /// Time before measuring begins.
    pub warm_up: Duration,
    /// Time to measure.
    pub time: Duration,
    /// What the generator does while nothing comes back.
    pub spin: Spin,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Plan {
    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connections on a ring; slots count from 0.
    fn connect_links(&self, connections: usize) -> Result<Links> {
        let config =
            RingConfig { buffers: 4096, slots: u32::try_from(connections)?.max(1), ..RingConfig::default() };
        let mut links = Links::new(&config)?;
        for _ in 0..connections {
            links.adopt(OwnedFd::from(self.connect()?))?;
        }
        std::thread::sleep(SETTLE);
        Ok(links)
    }
}

/// What a loop is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    WarmUp,
    Measure,
    /// Nothing more is sent; what is out comes back, or is lost.
    Collect,
}

/// Time for a server to accept the last connection.
const SETTLE: Duration = Duration::from_millis(200);

/// What has not come back after this is lost.
const PATIENCE: Duration = Duration::from_secs(2);
