//! The frames after the negotiation: requests, responses, messages of streams.
//!
//! | request | | response | | stream | |
//! | --- | --- | --- | --- | --- | --- |
//! | `u64` | time left in ms, 0 without a limit; only with [`Features::timeout`] | `i64` | id of the request; negative if it failed | `u32` | length of the message; `0xffffffff` for the end |
//! | `u64` | verb | `u32` | length of the payload | | message |
//! | `i64` | id, above 0 | `u32` | time of the handler in µs, `0xffffffff` if unknown; only with [`Features::handler_duration`] | | |
//! | `u32` | length of the payload | | payload: the result, or an [`Exception`](super::Exception) | | |
//! | | payload: the arguments | | | | |
//!
//! All integers are little-endian. Lengths count the payload alone. With [`Features::compression`], each frame is compressed,
//! and sent with its compressed length before it: see [`compress`](super::compress).
//!
//! A length over the limit is refused before the payload has arrived, and nothing is allocated for it. Seastar serves
//! requests with id 0 and negative ids, whose responses look like failures of other requests. They are refused, as are
//! responses with id 0.
//!
//! Sources: `doc/rpc.md` of scylladb/seastar, and bytes recorded from its client and server at commit 525fcc86.

use std::time::Duration;

use super::Features;
use crate::Error;

/// The optional fields of the heads on one connection.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{Features, Layout};
///
/// let accepted = Features { timeout: true, ..Features::default() };
/// let layout = Layout::of(&accepted);
/// assert_eq!(layout, Layout { timeout: true, duration: false });
/// assert_eq!((layout.request_head_len(), layout.response_head_len()), (28, 12));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Layout {
    /// Requests have `timeout_ms`.
    pub timeout: bool,
    /// Responses have `duration_us`.
    pub duration: bool,
}

impl Layout {
    /// The layout after a negotiation in which the server returned these features.
    pub const fn of(accepted: &Features) -> Self {
        Self { timeout: accepted.timeout, duration: accepted.handler_duration }
    }

    /// Bytes of a [`RequestHead`].
    #[inline]
    pub const fn request_head_len(self) -> usize {
        if self.timeout { REQUEST_HEAD_LEN_MAX } else { REQUEST_HEAD_LEN_MAX - 8 }
    }

    /// Bytes of a [`ResponseHead`].
    #[inline]
    pub const fn response_head_len(self) -> usize {
        if self.duration { RESPONSE_HEAD_LEN_MAX } else { RESPONSE_HEAD_LEN_MAX - 4 }
    }
}

/// A request or a response, split off the front of some input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a, H> {
    /// Its head.
    pub head: H,
    /// Its payload.
    pub payload: &'a [u8],
    /// The number of bytes of both.
    pub taken: usize,
}

/// The bytes of a request before its payload.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::seastar::{Frame, FrameError, Layout, REQUEST_ID_MAX, RequestHead, split_request};
///
/// let layout = Layout { timeout: true, duration: true };
/// let mut sent = Vec::new();
/// RequestHead { timeout_ms: 500, verb: 2, id: 1, len: 8 }.encode(layout, &mut sent);
/// sent.extend_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0]);
///
/// let Frame { head, payload, taken } = split_request(&sent, layout, 1000)?.expect("a whole request");
/// assert_eq!((head.verb, head.id, head.timeout()), (2, 1, Some(Duration::from_millis(500))));
/// assert_eq!((payload, taken), (&[1, 0, 0, 0, 2, 0, 0, 0][..], 36));
///
/// // Its response carries the id with a sign, so there are half as many.
/// assert_eq!(REQUEST_ID_MAX, 0x7fff_ffff_ffff_ffff);
///
/// // The head is known, and refused, before the payload has arrived.
/// assert_eq!(RequestHead::decode(&sent[..28], layout, 1000), Ok(Some(head)));
/// assert_eq!(RequestHead::decode(&sent[..28], layout, 7), Err(FrameError::TooLarge { len: 8, max: 7 }));
/// assert_eq!(split_request(&sent[..30], layout, 1000), Ok(None));
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestHead {
    /// How long the caller waits from now on, in ms; 0 if forever, or if the layout does not have it.
    pub timeout_ms: u64,
    /// Names the function to call.
    pub verb: u64,
    /// From 1 to [`REQUEST_ID_MAX`], chosen by the client, once among its requests in flight.
    pub id: u64,
    /// Length of the payload in bytes.
    pub len: u32,
}

impl RequestHead {
    /// Appends the head.
    #[inline]
    pub fn encode(&self, layout: Layout, out: &mut Vec<u8>) {
        debug_assert!((1..=REQUEST_ID_MAX).contains(&self.id), "id {} of a request", self.id);
        let mut head = [0; REQUEST_HEAD_LEN_MAX];
        head[..8].copy_from_slice(&self.timeout_ms.to_le_bytes());
        head[8..16].copy_from_slice(&self.verb.to_le_bytes());
        head[16..24].copy_from_slice(&self.id.to_le_bytes());
        head[24..].copy_from_slice(&self.len.to_le_bytes());
        // Of constant lengths, they are copied without a call.
        match layout.timeout {
            true => out.extend_from_slice(&head),
            false => out.extend_from_slice(&head[8..]),
        }
    }

    /// Reads a head from the front of `input`; `None` when it is incomplete.
    ///
    /// # Errors
    /// The payload is longer than `len_max`, or the id is not above 0.
    #[inline]
    pub fn decode(input: &[u8], layout: Layout, len_max: u32) -> Result<Option<Self>, FrameError> {
        let (timeout_ms, input) = match layout.timeout {
            true => match input.split_first_chunk() {
                Some((timeout_ms, input)) => (u64::from_le_bytes(*timeout_ms), input),
                None => return Ok(None),
            },
            false => (0, input),
        };
        let Some(head) = input.first_chunk::<20>() else { return Ok(None) };
        let (verb, id, len) = (u64_at(head, 0), u64_at(head, 8), u32_at(head, 16));
        if len > len_max {
            return Err(FrameError::TooLarge { len, max: len_max });
        }
        if id.cast_signed() <= 0 {
            return Err(FrameError::RequestId(id.cast_signed()));
        }
        Ok(Some(Self { timeout_ms, verb, id, len }))
    }

    /// How long the caller waits from now on.
    #[inline]
    pub const fn timeout(&self) -> Option<Duration> {
        match self.timeout_ms {
            0 => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }
}

/// Splits a request off the front of `input`. `None` when the input is a proper prefix of a request.
///
/// # Errors
/// As [`RequestHead::decode`].
#[inline]
pub fn split_request(
    input: &[u8],
    layout: Layout,
    len_max: u32,
) -> Result<Option<Frame<'_, RequestHead>>, FrameError> {
    let Some(head) = RequestHead::decode(input, layout, len_max)? else { return Ok(None) };
    let begin = layout.request_head_len();
    let payload = payload(input, begin, head.len);
    Ok(payload.map(|payload| Frame { head, payload, taken: begin + payload.len() }))
}

/// The bytes of a response before its payload.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{Frame, FrameError, Layout, ResponseHead, split_response};
///
/// let layout = Layout { timeout: true, duration: true };
/// let head = ResponseHead { id: 1, is_exception: false, len: 4, duration_us: ResponseHead::UNMEASURED };
/// let mut sent = Vec::new();
/// head.encode(layout, &mut sent);
/// sent.extend_from_slice(&[3, 0, 0, 0]);
///
/// let Frame { head, payload, taken } = split_response(&sent, layout, 1000)?.expect("a whole response");
/// assert_eq!((head.id, head.is_exception, head.duration()), (1, false, None));
/// assert_eq!((payload, taken), (&[3, 0, 0, 0][..], 20));
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseHead {
    /// The id of the request. It may name none that is in flight: such a response is ignored.
    pub id: u64,
    /// The request failed, and the payload is an [`Exception`](super::Exception).
    pub is_exception: bool,
    /// Length of the payload in bytes.
    pub len: u32,
    /// How long the handler took in µs; [`UNMEASURED`](Self::UNMEASURED) if unknown, or if the layout does not have it.
    pub duration_us: u32,
}

impl ResponseHead {
    /// The duration of a handler that was not measured, or that did not run.
    pub const UNMEASURED: u32 = u32::MAX;

    /// Appends the head.
    #[inline]
    pub fn encode(&self, layout: Layout, out: &mut Vec<u8>) {
        debug_assert!((1..=REQUEST_ID_MAX).contains(&self.id), "id {} of a response", self.id);
        let id = if self.is_exception { self.id.wrapping_neg() } else { self.id };
        let mut head = [0; RESPONSE_HEAD_LEN_MAX];
        head[..8].copy_from_slice(&id.to_le_bytes());
        head[8..12].copy_from_slice(&self.len.to_le_bytes());
        head[12..].copy_from_slice(&self.duration_us.to_le_bytes());
        match layout.duration {
            true => out.extend_from_slice(&head),
            false => out.extend_from_slice(&head[..12]),
        }
    }

    /// Reads a head from the front of `input`; `None` when it is incomplete.
    ///
    /// # Errors
    /// The payload is longer than `len_max`, or the id is 0.
    #[inline]
    pub fn decode(input: &[u8], layout: Layout, len_max: u32) -> Result<Option<Self>, FrameError> {
        let Some((head, rest)) = input.split_first_chunk::<12>() else { return Ok(None) };
        let (id, len) = (u64_at(head, 0).cast_signed(), u32_at(head, 8));
        if len > len_max {
            return Err(FrameError::TooLarge { len, max: len_max });
        }
        if id == 0 {
            return Err(FrameError::ResponseId);
        }
        let duration_us = match (layout.duration, rest.first_chunk()) {
            (false, _) => Self::UNMEASURED,
            (true, Some(duration_us)) => u32::from_le_bytes(*duration_us),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self { id: id.unsigned_abs(), is_exception: id < 0, len, duration_us }))
    }

    /// How long the handler took.
    #[inline]
    pub const fn duration(&self) -> Option<Duration> {
        match self.duration_us {
            Self::UNMEASURED => None,
            us => Some(Duration::from_micros(us as u64)),
        }
    }
}

/// Splits a response off the front of `input`. `None` when the input is a proper prefix of a response.
///
/// # Errors
/// As [`ResponseHead::decode`].
#[inline]
pub fn split_response(
    input: &[u8],
    layout: Layout,
    len_max: u32,
) -> Result<Option<Frame<'_, ResponseHead>>, FrameError> {
    let Some(head) = ResponseHead::decode(input, layout, len_max)? else { return Ok(None) };
    let begin = layout.response_head_len();
    let payload = payload(input, begin, head.len);
    Ok(payload.map(|payload| Frame { head, payload, taken: begin + payload.len() }))
}

/// A frame of a stream.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{FrameError, StreamFrame, split_stream_frame};
///
/// let mut sent = Vec::new();
/// sent.extend_from_slice(&StreamFrame::message_head(5).expect("a short message"));
/// sent.extend_from_slice(b"price");
/// sent.extend_from_slice(&StreamFrame::END);
///
/// assert_eq!(split_stream_frame(&sent[..8], 100), Ok(None));
/// assert_eq!(split_stream_frame(&sent, 100), Ok(Some((StreamFrame::Message(b"price"), 9))));
/// assert_eq!(split_stream_frame(&sent[9..], 100), Ok(Some((StreamFrame::EndOfStream, 4))));
/// assert_eq!(split_stream_frame(&sent, 4), Err(FrameError::TooLarge { len: 5, max: 4 }));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamFrame<'a> {
    /// A message.
    Message(&'a [u8]),
    /// There are no more messages in this direction.
    EndOfStream,
}

impl StreamFrame<'_> {
    /// The end of a stream.
    pub const END: [u8; 4] = [0xff; 4];

    /// The bytes before a message of `len` bytes; `None` when the length field cannot hold it.
    #[inline]
    pub const fn message_head(len: usize) -> Option<[u8; 4]> {
        if len < u32::MAX as usize { Some((len as u32).to_le_bytes()) } else { None }
    }
}

/// Splits a frame of a stream off the front of `input`: the frame, and the number of bytes taken. `None` when the input
/// is a proper prefix of a frame.
///
/// # Errors
/// The message is longer than `len_max`.
#[inline]
pub fn split_stream_frame(
    input: &[u8],
    len_max: u32,
) -> Result<Option<(StreamFrame<'_>, usize)>, FrameError> {
    let Some(head) = input.first_chunk() else { return Ok(None) };
    if *head == StreamFrame::END {
        return Ok(Some((StreamFrame::EndOfStream, LENGTH_LEN)));
    }
    let len = u32::from_le_bytes(*head);
    if len > len_max {
        return Err(FrameError::TooLarge { len, max: len_max });
    }
    let message = payload(input, LENGTH_LEN, len);
    Ok(message.map(|message| (StreamFrame::Message(message), LENGTH_LEN + message.len())))
}

/// An invalid frame. The connection cannot be read any further.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than this side allows.
    #[error("a payload of {len} bytes, where at most {max} are allowed")]
    TooLarge {
        /// The announced length.
        len: u32,
        /// The greatest allowed length.
        max: u32,
    },
    /// The id of a request is not above 0.
    #[error("id {0} of a request")]
    RequestId(i64),
    /// The id of a response is 0.
    #[error("id 0 of a response")]
    ResponseId,
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { len, max } => Self::FrameTooLarge { len: len.into(), max: max.into() },
            FrameError::RequestId(_) => Self::Malformed("request id"),
            FrameError::ResponseId => Self::Malformed("response id"),
        }
    }
}

/// The `len` bytes of `input` from `begin` on, if they have arrived.
#[inline]
pub(super) fn payload(input: &[u8], begin: usize, len: u32) -> Option<&[u8]> {
    input.get(begin..)?.get(..len as usize)
}

#[inline]
fn u64_at<const N: usize>(head: &[u8; N], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&head[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[inline]
fn u32_at<const N: usize>(head: &[u8; N], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&head[at..at + 4]);
    u32::from_le_bytes(bytes)
}

/// The greatest id of a request: that of a response carries a sign.
pub const REQUEST_ID_MAX: u64 = i64::MAX.cast_unsigned();
pub(super) const LENGTH_LEN: usize = 4;
const REQUEST_HEAD_LEN_MAX: usize = 28;
const RESPONSE_HEAD_LEN_MAX: usize = 16;
