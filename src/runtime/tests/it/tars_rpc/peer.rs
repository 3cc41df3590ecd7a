//! A client that writes and reads packets.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rustix::net::sockopt;
use shardcast::tars::{
    packet::{FRAME_LEN_MAX_TARSCPP, RequestPacket, ResponsePacket, Version, split_frame},
    rpc::ArgumentWriter,
};

use super::servant::OBJECT;
use crate::support::PATIENCE;

pub(super) struct PacketPeer {
    stream: TcpStream,
    received: Vec<u8>,
}

impl PacketPeer {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self { stream, received: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    pub(super) fn call(&mut self, packet: &RequestPacket) {
        let mut frame = Vec::new();
        packet.encode(&mut frame).expect("it is short");
        self.send(&frame);
    }

    /// Ends the connection as TarsCpp clients do.
    pub(super) fn reset(self) {
        sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).expect("a TCP socket");
    }

    /// The next frame; `None` at the end of the stream.
    pub(super) fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let whole = split_frame(&self.received, FRAME_LEN_MAX_TARSCPP).expect("a valid length");
            if let Some((_, len)) = whole {
                return Some(self.received.drain(..len).collect());
            }
            let mut bytes = [0; 16 << 10];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(len) => self.received.extend_from_slice(&bytes[..len]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no frame: {error}"),
            }
        }
    }

    pub(super) fn response(&mut self) -> ResponsePacket {
        let frame = self.frame().expect("a response");
        ResponsePacket::decode(&frame[4..]).expect("a response")
    }
}

/// A call of the servant, whose arguments `write` puts.
pub(super) fn call(id: i32, func: &str, write: impl FnOnce(&mut ArgumentWriter)) -> RequestPacket {
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    write(&mut w);
    let buffer = w.finish().expect("they are encoded").into();
    let (servant, func) = (OBJECT.to_owned(), func.to_owned());
    RequestPacket { request_id: id, servant, func, buffer, ..RequestPacket::default() }
}
