//! The trait for the protocols of the load generator: how a request is framed, and what a frame of the server is.
//!
//! It deliberately is not a client: it has no call table and no state of a connection. Numbers, times and checksums are
//! in the payloads, which are the same for every protocol. For a push load, the topics of a protocol are described by
//! [`Wire`](shardcast::proto::topics::Wire), as for clients.

use std::{
    io,
    net::{SocketAddr, TcpStream},
};

use shardcast::proto::Route;

/// A protocol, as far as the generator needs it. Each thread has its own clone. The calls are static, because they
/// happen for every message.
///
/// # Examples
/// Lines of text, with payloads in hexadecimal. Responses have no ids, because an echo needs none:
/// ```
/// use std::io::Write as _;
///
/// use shardcast_load::framing::{Framing, InvalidFrame, Received};
///
/// #[derive(Clone, Default)]
/// struct Lines {
///     payload: Vec<u8>,
/// }
///
/// impl Framing for Lines {
///     const MESSAGE_BYTES_MAX: usize = 1000;
///
///     fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
///         Ok(input.iter().position(|byte| *byte == b'\n').map(|end| &input[..=end]))
///     }
///
///     fn encode(&mut self, _id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
///         self.payload.clear();
///         payload(&mut self.payload);
///         for byte in &self.payload {
///             let _ = write!(out, "{byte:02x}");
///         }
///         out.push(b'\n');
///     }
///
///     fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
///         let pairs = str::from_utf8(frame).unwrap_or_default().trim_end().as_bytes().chunks(2);
///         let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
///         self.payload = pairs.map_while(byte).collect();
///         Received::Response { id: 0, payload: &self.payload }
///     }
/// }
///
/// let (mut lines, mut out) = (Lines::default(), Vec::new());
/// lines.encode(1, |payload| payload.extend_from_slice(b"hi"), &mut out);
/// assert_eq!(Lines::first(&out), Ok(Some(&b"6869\n"[..])));
/// assert_eq!(lines.decode(&out), Received::Response { id: 0, payload: b"hi" });
/// ```
pub trait Framing: Clone + Send + Sync {
    /// The longest message: the payload of an echo, or the body of a publication.
    const MESSAGE_BYTES_MAX: usize;

    /// Opens a connection that is ready for requests. A protocol with a handshake performs it here.
    ///
    /// # Errors
    /// The server cannot be reached.
    fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The first frame of `input`, if it is complete.
    ///
    /// # Errors
    /// It does not begin with a frame; the connection is closed.
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame>;

    /// Appends a request with the payload that `payload` appends. `id` is from 1 to 2^30.
    fn encode(&mut self, id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>);

    /// As [`encode`](Self::encode), for the handler at `route`: a push load has requests of several kinds. Default: all
    /// requests are for one handler.
    fn encode_for(
        &mut self,
        _route: Route<'static>,
        id: u32,
        payload: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        self.encode(id, payload, out);
    }

    /// Reads a complete frame of the server.
    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a>;
}

/// A frame of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received<'a> {
    /// The response to a request.
    Response {
        /// The id of the request. Only a push load uses it.
        id: u32,
        /// The payload; empty if it cannot be read.
        payload: &'a [u8],
    },
    /// The response to a request that has failed, in a protocol that has such responses.
    Failed {
        /// The id of the request.
        id: u32,
        /// The code of the failure.
        code: i32,
        /// Its description.
        text: &'a str,
    },
    /// A message without a request.
    Push(&'a [u8]),
}

/// Bytes that are not a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidFrame;
