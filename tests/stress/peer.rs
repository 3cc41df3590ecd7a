//! A peer that sends and receives frames, one blocking call after the other.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};

use crate::{
    scenarios::{Failure, Outcome},
    server::PATIENCE,
};

#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

/// A whole frame: its id and its payload.
pub(crate) type Frame = (u32, Vec<u8>);

impl Peer {
    pub(crate) fn connect(to: SocketAddr) -> Outcome<Self> {
        Self::over(TcpStream::connect_timeout(&to, PATIENCE)?)
    }

    /// Connects from another address of this host's loopback.
    pub(crate) fn connect_from(from: IpAddr, to: SocketAddr) -> Outcome<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::new(from, 0))?;
        connect(&socket, &to)?;
        Self::over(socket.into())
    }

    /// Connects with the smallest receive buffer, which is full after a few KiB that are not read.
    pub(crate) fn connect_narrow(to: SocketAddr) -> Outcome<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, 1)?;
        connect(&socket, &to)?;
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Outcome<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, input: Vec::new() })
    }

    /// The same stream, for another thread.
    pub(crate) fn stream(&self) -> Outcome<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send(&mut self, id: u32, payload: &[u8]) -> Outcome<()> {
        Ok(self.write(&frame(id, payload))?)
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) fn receive(&mut self) -> Outcome<Option<Frame>> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next frame that is not a push.
    pub(crate) fn answer(&mut self) -> Outcome<Frame> {
        loop {
            match self.receive()? {
                Some(frame) if frame.0 != 0 => return Ok(frame),
                Some(_) => {}
                None => return Err(Failure("the connection ended where an answer was due".into())),
            }
        }
    }

    /// Sends a request, and checks that the echo has the same bytes.
    pub(crate) fn echo(&mut self, id: u32, payload: &[u8]) -> Outcome<()> {
        self.send(id, payload)?;
        let answer = self.answer()?;
        if answer.0 != id || answer.1 != payload {
            return Err(Failure(format!("sent {id} {payload:02x?}, received {:02x?}", answer)));
        }
        Ok(())
    }

    /// Reads and discards for `limit`; whether the stream has ended.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> Outcome<bool> {
        self.stream.set_read_timeout(Some(limit))?;
        loop {
            match self.fill() {
                Ok(true) => self.input.clear(),
                Ok(false) => return Ok(true),
                Err(failure) if failure.0.contains("timed out") || failure.0.contains("unavailable") => {
                    return Ok(false);
                }
                // A reset is an end too.
                Err(_) => return Ok(true),
            }
        }
    }

    /// Writes as much of `bytes` as is accepted without a pause of `pause`; how much that was.
    pub(crate) fn write_up_to(&mut self, bytes: &[u8], pause: Duration) -> Outcome<usize> {
        self.stream.set_write_timeout(Some(pause))?;
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(len) => written += len,
                // A time-out, or the end.
                Err(_) => break,
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE))?;
        Ok(written)
    }

    /// Ends its direction of the stream.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    fn take_frame(&mut self) -> Outcome<Option<Frame>> {
        let Some(len) = self.input.first_chunk().map(|it| u32::from_be_bytes(*it) as usize) else {
            return Ok(None);
        };
        if !(8..=FRAME_BYTES_MAX).contains(&len) {
            return Err(Failure(format!("a frame of {len} bytes")));
        }
        if self.input.len() < len {
            return Ok(None);
        }
        let id = u32::from_be_bytes([self.input[4], self.input[5], self.input[6], self.input[7]]);
        let payload = self.input[8..len].to_vec();
        self.input.drain(..len);
        Ok(Some((id, payload)))
    }

    fn fill(&mut self) -> Outcome<bool> {
        let mut chunk = [0; 16 << 10];
        let len = self.stream.read(&mut chunk)?;
        self.input.extend_from_slice(&chunk[..len]);
        Ok(len > 0)
    }
}

pub(crate) fn frame(id: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() + 8) as u32;
    [&len.to_be_bytes(), &id.to_be_bytes(), payload].concat()
}

const FRAME_BYTES_MAX: usize = 1_000_000;

/// An address of this host that the other peers of a scenario do not have.
pub(crate) const ANOTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
