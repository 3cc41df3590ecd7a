//! Tars RPC, for the generator. In an echo load, each message is a call of the [service `echo`](crate::echo), with the
//! payload as its argument and as its result. A push load calls the object for topics.

use std::borrow::Cow;

use shardcast::{
    proto::Route,
    tars::{
        codec::{TarsReader, TarsWriter},
        packet::{Request, ResponseRef, ReturnCode, StringMapRef, Version, split_frame},
    },
};

use crate::{
    echo,
    framing::{Framing, InvalidFrame, Received},
};

/// Calls of Tars in version 1. The id 0 is that of pushes.
///
/// # Examples
/// ```
/// use shardcast::tars::packet::RequestRef;
/// use shardcast_load::{framing::Framing, tars::TarsCalls};
///
/// let (mut calls, mut out) = (TarsCalls::default(), Vec::new());
/// calls.encode(7, |payload| payload.extend_from_slice(b"hi"), &mut out);
/// let request = RequestRef::decode(&out[4..])?;
/// assert_eq!((request.request_id, &*request.servant), (7, "Shardcast.Echo.EchoObj"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TarsCalls {
    /// The fields between the request id and the buffer.
    names: Vec<u8>,
}

impl Default for TarsCalls {
    fn default() -> Self {
        let mut w = TarsWriter::new();
        w.field(5, echo::OBJECT);
        w.field(6, echo::FUNCTION);
        Self { names: w.into_vec() }
    }
}

impl Framing for TarsCalls {
    /// As with framed messages. A server may permit more.
    const MESSAGE_BYTES_MAX: usize = 999_000;

    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        first(input)
    }

    #[inline]
    fn encode(&mut self, id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(HEAD);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&self.names);
        // Their lengths are known when the payload is.
        out.extend_from_slice(BUFFER);
        let buffer = out.len();
        out.extend_from_slice(DATA);
        let data = out.len();
        payload(out);
        let end = out.len();
        out.extend_from_slice(TAIL);
        let total = out.len() - start;
        for (at, len) in [(start + 4, total), (buffer, end - buffer), (data, end - data)] {
            out[at - 4..at].copy_from_slice(&(len as u32).to_be_bytes());
        }
    }

    #[inline]
    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
        let Some(response) = frame.get(4..).and_then(|body| ResponseRef::decode(body).ok()) else {
            return Received::Response { id: 0, payload: &[] };
        };
        let id = response.request_id.cast_unsigned();
        let payload = match &response.buffer {
            Cow::Borrowed(buffer) if response.ret == ReturnCode::SUCCESS => {
                TarsReader::new(buffer).require(0).unwrap_or_default()
            }
            _ => &[][..],
        };
        if id == 0 { Received::Push(payload) } else { Received::Response { id, payload } }
    }
}

/// Calls of the functions that a [`Wire`](shardcast::proto::topics::Wire) names, with its payloads as their arguments and
/// results. Pushes have theirs too.
///
/// # Examples
/// ```
/// use shardcast::{proto::Route, tars::packet::RequestRef};
/// use shardcast_load::{framing::Framing, tars::TarsTopics};
///
/// let (mut topics, mut out) = (TarsTopics::default(), Vec::new());
/// let presence = Route::Named("Shardcast.Push.PushObj", "presence");
/// topics.encode_for(presence, 7, |arguments| arguments.extend_from_slice(b"\x16\x01t"), &mut out);
/// let request = RequestRef::decode(&out[4..])?;
/// assert_eq!((request.request_id, &*request.func, &*request.buffer), (7, "presence", &b"\x16\x01t"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TarsTopics {
    arguments: Vec<u8>,
    /// Descriptions of failures that are not borrowed.
    text: String,
}

impl Framing for TarsTopics {
    /// As with framed messages. A server may permit more.
    const MESSAGE_BYTES_MAX: usize = TarsCalls::MESSAGE_BYTES_MAX;

    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        first(input)
    }

    /// Without a route there is no function to call: the server fails such a call.
    fn encode(&mut self, id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        self.encode_for(Route::Only, id, payload, out);
    }

    #[inline]
    fn encode_for(
        &mut self,
        route: Route<'static>,
        id: u32,
        payload: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let (servant, func) = match route {
            Route::Named(servant, func) => (servant, func),
            _ => ("", ""),
        };
        self.arguments.clear();
        payload(&mut self.arguments);
        let packet = Request {
            request_id: id.cast_signed(),
            servant,
            func,
            buffer: &self.arguments[..],
            context: StringMapRef::default(),
            status: StringMapRef::default(),
            ..Request::default()
        };
        // It is shorter than any bound on packets.
        let _ = packet.encode(out);
    }

    #[inline]
    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
        let Some(response) = frame.get(4..).and_then(|body| ResponseRef::decode(body).ok()) else {
            return Received::Failed { id: 0, code: ReturnCode::CLIENT_DECODE.0, text: "" };
        };
        let id = response.request_id.cast_unsigned();
        if response.ret != ReturnCode::SUCCESS {
            self.text = response.result_desc.into_owned();
            return Received::Failed { id, code: response.ret.0, text: &self.text };
        }
        let payload = match response.buffer {
            Cow::Borrowed(buffer) => buffer,
            Cow::Owned(buffer) => {
                self.arguments = buffer;
                &self.arguments
            }
        };
        if id == 0 { Received::Push(payload) } else { Received::Response { id, payload } }
    }
}

/// The first packet of `input`, if it is complete.
#[inline]
fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
    match split_frame(input, FRAME_BYTES_MAX) {
        Ok(found) => Ok(found.map(|(_, len)| &input[..len])),
        Err(_) => Err(InvalidFrame),
    }
}

/// Version 1, a normal call without flags, and the head of the request id in four bytes.
const HEAD: &[u8] = &[0x10, Version::TARS.0 as u8, 0x2c, 0x3c, 0x42];

/// The buffer: bytes in field 7, whose length has four bytes.
const BUFFER: &[u8] = &[0x7d, 0x00, 0x02, 0, 0, 0, 0];

/// The argument: bytes in field 1 of the buffer.
const DATA: &[u8] = &[0x1d, 0x00, 0x02, 0, 0, 0, 0];

/// No time-out, no context, no status.
const TAIL: &[u8] = &[0x8c, 0x98, 0x0c, 0xa8, 0x0c];

/// Longest packet that is accepted.
const FRAME_BYTES_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use shardcast::tars::{
        packet::{RequestPacket, RequestRef, ResponsePacket},
        rpc::ArgumentWriter,
    };

    use super::*;

    #[test]
    fn a_request_is_a_packet_as_any_client_sends_it() {
        for payload in [&b""[..], b"hi", &[7; 100_000]] {
            let mut out = b"before".to_vec();
            TarsCalls::default().encode(1 << 30, |out| out.extend_from_slice(payload), &mut out);
            let frame = &out[6..];
            assert_eq!(TarsCalls::first(frame), Ok(Some(frame)));
            assert_eq!(TarsCalls::first(&frame[..frame.len() - 1]), Ok(None));
            let request = RequestRef::decode(&frame[4..]).expect("a packet").to_owned();
            assert_eq!(TarsReader::new(&request.buffer).require::<&[u8]>(1), Ok(payload));
            let expected = RequestPacket {
                request_id: 1 << 30,
                servant: echo::OBJECT.into(),
                func: echo::FUNCTION.into(),
                buffer: request.buffer.clone(),
                ..RequestPacket::default()
            };
            assert_eq!(request, expected);
        }
    }

    #[test]
    fn a_response_has_the_bytes_of_its_result() {
        let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
        w.put_result(&b"hi"[..]);
        let buffer = w.finish().expect("it is encoded").into();
        let response = ResponsePacket { request_id: 7, buffer, ..ResponsePacket::default() };
        let failed = ResponsePacket { ret: ReturnCode::OVERLOAD, ..response.clone() };
        let push = ResponsePacket { request_id: 0, ..response.clone() };
        let received = [
            (response, Received::Response { id: 7, payload: b"hi" }),
            (failed, Received::Response { id: 7, payload: b"" }),
            (push, Received::Push(b"hi")),
        ];
        for (packet, expected) in received {
            let mut frame = Vec::new();
            packet.encode(&mut frame).expect("it is short");
            assert_eq!(TarsCalls::default().decode(&frame), expected);
        }
        assert_eq!(TarsTopics::first(&[255; 4]), Err(InvalidFrame));
        assert_eq!(TarsCalls::first(&[0, 0, 0, 4]), Err(InvalidFrame));
        assert_eq!(TarsCalls::first(&[255; 4]), Err(InvalidFrame));
    }

    #[test]
    fn a_call_about_topics_gets_a_result_or_a_failure() {
        let mut topics = TarsTopics::default();
        let mut out = b"before".to_vec();
        topics.encode_for(Route::Named("O", "f"), 7, |out| out.extend_from_slice(b"\x1c"), &mut out);
        let request = RequestRef::decode(&out[10..]).expect("a packet").to_owned();
        let buffer = shardcast::Bytes::from_static(b"\x1c");
        let (servant, func) = ("O".into(), "f".into());
        let expected = RequestPacket { request_id: 7, servant, func, buffer, ..RequestPacket::default() };
        assert_eq!(request, expected);

        let buffer = shardcast::Bytes::from_static(b"\x0c");
        let response = ResponsePacket { request_id: 7, buffer, ..ResponsePacket::default() };
        let (ret, result_desc) = (ReturnCode(4), "no topic".to_owned());
        let failed = ResponsePacket { ret, result_desc, ..response.clone() };
        let push = ResponsePacket { request_id: 0, ..response.clone() };
        for (packet, expected) in [
            (response, Received::Response { id: 7, payload: b"\x0c" }),
            (failed, Received::Failed { id: 7, code: 4, text: "no topic" }),
            (push, Received::Push(b"\x0c")),
        ] {
            let mut frame = Vec::new();
            packet.encode(&mut frame).expect("it is short");
            assert_eq!(topics.decode(&frame), expected);
        }
        assert!(matches!(topics.decode(b"\0\0\0\x05\xff"), Received::Failed { id: 0, .. }));
    }
}
