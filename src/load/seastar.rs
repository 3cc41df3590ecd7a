//! Seastar RPC, for the generator. In an echo load, each message is a call of the [service `echo`](crate::echo), with the
//! payload as its argument and as its result.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use shardcast::proto::seastar::{Features, Layout, NEGOTIATION_LEN_MAX_DEFAULT, RequestHead, split_response};

use crate::{
    echo,
    framing::{Framing, InvalidFrame, Received},
};

/// Calls of Seastar RPC, with the features that a client of Seastar offers by default: the time left and the time of the
/// handler.
///
/// # Examples
/// ```
/// use shardcast::proto::seastar::{Layout, split_request};
/// use shardcast_load::{framing::Framing, seastar::SeastarCalls};
///
/// let mut out = Vec::new();
/// SeastarCalls.encode(7, |payload| payload.extend_from_slice(b"hi"), &mut out);
/// let request = split_request(&out, Layout { timeout: true, duration: true }, 1000)?.expect("a whole request");
/// assert_eq!((request.head.id, request.head.verb, request.payload), (7, 1, &b"\x02\0\0\0hi"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SeastarCalls;

impl Framing for SeastarCalls {
    /// As with framed messages. A server may permit more.
    const MESSAGE_BYTES_MAX: usize = 999_000;

    fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let offer = Features { timeout: true, handler_duration: true, ..Features::default() };
        let mut bytes = Vec::new();
        offer.encode(&mut bytes);
        stream.write_all(&bytes)?;
        let accepted = read_features(&mut stream)?;
        if Layout::of(&accepted) != LAYOUT || accepted.compression.is_some() {
            return Err(io::Error::other("the server has not accepted what was offered"));
        }
        Ok(stream)
    }

    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        match split_response(input, LAYOUT, FRAME_BYTES_MAX) {
            Ok(found) => Ok(found.map(|frame| &input[..frame.taken])),
            Err(_) => Err(InvalidFrame),
        }
    }

    #[inline]
    fn encode(&mut self, id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let begin = out.len();
        RequestHead { timeout_ms: 0, verb: echo::VERB.number(), id: id.into(), len: 0 }.encode(LAYOUT, out);
        out.extend_from_slice(&[0; LEN]);
        let data = out.len();
        payload(out);
        let len = out.len() - data;
        // The lengths of the arguments, and of their only string.
        for (at, len) in [(begin + LAYOUT.request_head_len(), LEN + len), (data, len)] {
            out[at - LEN..at].copy_from_slice(&(len as u32).to_le_bytes());
        }
    }

    #[inline]
    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
        let Ok(Some(response)) = split_response(frame, LAYOUT, FRAME_BYTES_MAX) else {
            return Received::Response { id: 0, payload: &[] };
        };
        let payload = match response.payload.get(LEN..) {
            Some(payload) if !response.head.is_exception => payload,
            _ => &[],
        };
        Received::Response { id: response.head.id as u32, payload }
    }
}

/// The negotiation of the server, and nothing after it: the server sends nothing more before it has requests.
fn read_features(stream: &mut TcpStream) -> io::Result<Features> {
    let mut bytes = vec![0; HEAD];
    stream.read_exact(&mut bytes)?;
    let records = bytes.last_chunk().map_or(0, |len| u32::from_le_bytes(*len));
    if records > NEGOTIATION_LEN_MAX_DEFAULT {
        return Err(io::Error::other("the negotiation of the server is too long"));
    }
    bytes.resize(HEAD + records as usize, 0);
    stream.read_exact(&mut bytes[HEAD..])?;
    match Features::decode(&bytes, NEGOTIATION_LEN_MAX_DEFAULT) {
        Ok(Some((features, _))) => Ok(features),
        Ok(None) => Err(io::Error::other("the negotiation of the server is cut off")),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// What the features that are offered lead to.
const LAYOUT: Layout = Layout { timeout: true, duration: true };

/// The bytes of a negotiation before its records: the last four are their length.
const HEAD: usize = 12;

/// The length before a string.
const LEN: usize = 4;

/// Longest result that is accepted.
const FRAME_BYTES_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use shardcast::proto::seastar::{Frame, ResponseHead, split_request};

    use super::*;

    #[test]
    fn a_request_is_one_as_any_client_sends_it() {
        for payload in [&b""[..], b"hi", &[7; 100_000]] {
            let mut out = b"before".to_vec();
            SeastarCalls.encode(1 << 30, |out| out.extend_from_slice(payload), &mut out);
            let Ok(Some(Frame { head, payload: arguments, taken })) =
                split_request(&out[6..], LAYOUT, 1 << 20)
            else {
                panic!("a whole request")
            };
            let len = u32::try_from(payload.len()).expect("it is short");
            assert_eq!(head, RequestHead { timeout_ms: 0, verb: 1, id: 1 << 30, len: len + 4 });
            assert_eq!(arguments, [&len.to_le_bytes()[..], payload].concat());
            assert_eq!(taken, out.len() - 6);
        }
    }

    #[test]
    fn a_response_has_the_bytes_of_its_result() {
        let response = |is_exception| {
            let mut frame = Vec::new();
            ResponseHead { id: 7, is_exception, len: 6, duration_us: 0 }.encode(LAYOUT, &mut frame);
            frame.extend_from_slice(b"\x02\0\0\0hi");
            frame
        };
        let good = response(false);
        assert_eq!(SeastarCalls::first(&good), Ok(Some(&good[..])));
        assert_eq!(SeastarCalls::first(&good[..good.len() - 1]), Ok(None));
        assert_eq!(SeastarCalls.decode(&good), Received::Response { id: 7, payload: b"hi" });
        assert_eq!(SeastarCalls.decode(&response(true)), Received::Response { id: 7, payload: b"" });
        assert_eq!(SeastarCalls::first(&[0; 16]), Err(InvalidFrame));
    }
}
