//! A client that sees every frame.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use shardcast::proto::seastar::{Features, Layout, RequestHead, split_response};

use crate::support::PATIENCE;

pub(super) struct RawClient {
    socket: TcpStream,
    layout: Layout,
    received: Vec<u8>,
    next: u64,
}

impl RawClient {
    pub(super) fn connect(address: SocketAddr) -> Self {
        Self::negotiate(address, &Features { timeout: true, ..Features::default() })
    }

    pub(super) fn negotiate(address: SocketAddr, offer: &Features) -> Self {
        let socket = TcpStream::connect(address).expect("it listens");
        Self::over(socket, offer).expect("it is accepted").0
    }

    /// Negotiates; `None` if the server refuses.
    pub(super) fn over(socket: TcpStream, offer: &Features) -> Option<(Self, Features)> {
        socket.set_read_timeout(Some(PATIENCE)).expect("a valid time-out");
        let mut client = Self { socket, layout: Layout::of(offer), received: Vec::new(), next: 1 };
        let mut frame = Vec::new();
        offer.encode(&mut frame);
        client.send_bytes(&frame);
        loop {
            let decoded = Features::decode(&client.received, 1000).expect("a negotiation");
            if let Some((accepted, taken)) = decoded {
                client.layout = Layout::of(&accepted);
                client.received.drain(..taken);
                return Some((client, accepted));
            }
            if !client.read() {
                return None;
            }
        }
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("it is open");
    }

    /// Ends its direction.
    pub(super) fn finish(&self) {
        self.socket.shutdown(Shutdown::Write).expect("it is open");
    }

    /// Sends a request, and returns its id.
    pub(super) fn send(&mut self, verb: u64, timeout_ms: u64, arguments: &[u8]) -> u64 {
        let (mut frame, id) = (Vec::new(), self.next);
        self.next += 1;
        let len = u32::try_from(arguments.len()).expect("a short one");
        RequestHead { timeout_ms, verb, id, len }.encode(self.layout, &mut frame);
        frame.extend_from_slice(arguments);
        self.send_bytes(&frame);
        id
    }

    /// The next response: its id, whether it is an exception, and its payload; `None` if the connection ends first.
    pub(super) fn receive(&mut self) -> Option<(u64, bool, Vec<u8>)> {
        loop {
            if let Some(frame) = split_response(&self.received, self.layout, 1 << 20).expect("a response") {
                let (taken, payload) = (frame.taken, frame.payload.to_vec());
                let response = (frame.head.id, frame.head.is_exception, payload);
                self.received.drain(..taken);
                return Some(response);
            }
            if !self.read() {
                return None;
            }
        }
    }

    fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        match self.socket.read(&mut chunk) {
            Ok(0) => false,
            Ok(len) => {
                self.received.extend_from_slice(&chunk[..len]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("{error}"),
        }
    }
}
