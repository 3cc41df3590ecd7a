//! One stream: what its session and its sink and source share.
//!
//! ```text
//!   Sink ── send ──▶ output ── poll_transmit ──▶ transport        session: frames, negotiation, end of life
//!   Source ◀─ read ── received ◀── handle_input ── transport
//! ```
//!
//! A stream is over in a direction when the transport has taken its end, or when its end was read. A sink or a source that
//! was never made counts as over, but not before the peer ends that direction, since it may still be made. An accepted
//! stream is not over before a call has named it.
//!
//! A connection ends when both directions are over, with one exception: another peer than one of this project may drop what
//! it has not read yet when the end of the connection follows the end of the stream. So the connection then stays until the
//! peer ends it, at most for [`StreamConfig::fin_wait`].

use std::{collections::VecDeque, fmt, task::Waker};

use crate::{
    Error, Time,
    seastar::{
        ConnectionId, StreamFrame,
        compress::{Compressor, encode_compressed},
        split_stream_frame,
    },
    wakers::{set, wake},
};

use super::{compressed, recycle};

mod config;
mod topics;

pub use config::{StreamConfig, StreamError};
pub(super) use topics::{Step, Subscription};

/// A direction of a stream, as its application sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Half {
    /// No sink or source was made of it.
    #[default]
    Unused,
    Open,
    /// The end was sent, or read.
    Ended,
    /// It was dropped before.
    Dropped,
}

/// The state of one stream. It does no I/O: its session moves its bytes.
pub struct Stream {
    id: ConnectionId,
    config: StreamConfig,
    is_negotiated: bool,
    peer_is_ours: bool,
    compressor: Option<Box<dyn Compressor>>,
    source: Half,
    sink: Half,

    /// Messages that were not read yet, one after another, and the lengths of each.
    received: Vec<u8>,
    /// Bytes at the front of `received` that were read.
    read: usize,
    lengths: VecDeque<u32>,
    /// The message that comes last in `received`, without its end.
    part: Option<Part>,
    /// The end of the stream comes after them.
    end_received: bool,
    /// The peer has ended the connection.
    peer_ended: bool,

    /// Frames for the transport.
    output: Vec<u8>,
    /// Lengths of the frames that the transport has not taken, and their sum.
    unsent: VecDeque<u32>,
    unsent_bytes: usize,
    /// A plain frame, before it is compressed; or after it was decompressed.
    scratch: Vec<u8>,

    /// No source will be made.
    is_forgotten: bool,
    /// Nothing was taken for lack of room.
    was_full: bool,
    /// So much was kept that the memory of the connection must be counted again when it was read.
    was_large: bool,
    failure: Option<StreamError>,
    /// The connection must end, and what is queued does not matter.
    aborted: bool,
    opened: Time,
    /// Since when both directions are over. The application changes the stream without a clock, so this is known from the
    /// next time-out on.
    over_since: Option<Time>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    opener: Option<Waker>,

    /// It carries the messages of topics.
    subscription: Option<Box<Subscription>>,
}

/// A message of which a part was taken.
#[derive(Clone, Copy)]
struct Part {
    len: u32,
    /// Bytes that have not come yet.
    missing: u32,
}

/// What a source finds.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use shardcast_proto::{
///     Shared, Time,
///     seastar::{ConnectionId, rpc::{ClientConfig, Read, SeastarStream, Stream, StreamError}},
/// };
///
/// /// The next message, if there is one.
/// fn next(stream: &impl Shared<Stream>) -> Result<Option<Vec<u8>>, StreamError> {
///     stream.with(|stream| {
///         Ok(match stream.read(<[u8]>::to_vec)? {
///             Read::Message(message) => Some(message),
///             Read::End | Read::Pending => None,
///         })
///     })
/// }
///
/// let protocol = SeastarStream::new(&ClientConfig::default(), ConnectionId::new(1, 0));
/// let stream = Rc::new(RefCell::new(protocol.state(Time::from_nanos(0))));
/// assert!(stream.with(Stream::open_source));
/// assert_eq!(next(&stream), Ok(None));
/// ```
#[derive(Debug, Eq, PartialEq)]
pub enum Read<R> {
    /// What was made of the next message.
    Message(R),
    /// The end of the stream.
    End,
    /// Nothing yet.
    Pending,
}

impl Stream {
    /// A stream whose connection was just opened.
    pub(super) fn new(config: StreamConfig, now: Time) -> Self {
        Self {
            id: ConnectionId::INVALID,
            config,
            is_negotiated: false,
            peer_is_ours: false,
            compressor: None,
            source: Half::Unused,
            sink: Half::Unused,
            received: Vec::new(),
            read: 0,
            lengths: VecDeque::new(),
            part: None,
            end_received: false,
            peer_ended: false,
            output: Vec::new(),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            scratch: Vec::new(),
            is_forgotten: false,
            was_full: false,
            was_large: false,
            failure: None,
            aborted: false,
            opened: now,
            over_since: None,
            reader: None,
            writer: None,
            opener: None,
            subscription: None,
        }
    }

    /// Both ends have agreed.
    pub(super) fn negotiated(
        &mut self,
        id: ConnectionId,
        compressor: Option<Box<dyn Compressor>>,
        peer_is_ours: bool,
    ) {
        (self.id, self.compressor, self.peer_is_ours) = (id, compressor, peer_is_ours);
        self.is_negotiated = true;
        self.send_empty_frames();
        wake(&mut self.opener);
    }

    /// The id of the stream, which calls carry.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    // Sinks.

    /// Makes the sink; false if there was one, or the stream has failed, or both ends have not agreed yet.
    pub fn open_sink(&mut self) -> bool {
        let is_new = self.sink == Half::Unused && self.failure.is_none() && self.is_negotiated;
        if is_new {
            self.sink = Half::Open;
        }
        is_new
    }

    /// Whether a message may be sent now.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn has_room(&self) -> Result<bool, StreamError> {
        self.check_sink()?;
        let Self { unsent, unsent_bytes, config, .. } = self;
        let is_within = unsent.len() < config.window_messages && *unsent_bytes < config.window_bytes;
        Ok(is_within || unsent.is_empty())
    }

    /// Whether the transport has taken everything.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn is_flushed(&self) -> Result<bool, StreamError> {
        match self.failure {
            Some(failure) if !self.unsent.is_empty() => Err(failure),
            _ => Ok(self.unsent.is_empty()),
        }
    }

    /// Sends a message: what `encode` appends.
    ///
    /// # Errors
    /// The stream has failed, or the message is too long.
    #[inline]
    pub fn send(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), StreamError> {
        self.check_sink()?;
        let max = self.config.frame_len_max;
        if self.compressor.is_some() {
            return self.send_compressed(encode);
        }
        let mut frame = Appended::to(&mut self.output);
        frame.output.extend_from_slice(&[0; HEAD_LEN]);
        encode(frame.output);
        let len = frame.output.len() - frame.begin - HEAD_LEN;
        let head = StreamFrame::message_head(len).filter(|_| len <= max).ok_or(StreamError::TooLarge(max))?;
        frame.output[frame.begin..][..HEAD_LEN].copy_from_slice(&head);
        frame.is_complete = true;
        drop(frame);
        self.note_unsent(HEAD_LEN + len);
        Ok(())
    }

    fn send_compressed(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), StreamError> {
        let mut frame = std::mem::take(&mut self.scratch);
        frame.clear();
        frame.extend_from_slice(&[0; HEAD_LEN]);
        encode(&mut frame);
        let (len, max) = (frame.len() - HEAD_LEN, self.config.frame_len_max);
        let head = StreamFrame::message_head(len).filter(|_| len <= max);
        let sent = match head {
            Some(head) => {
                frame[..HEAD_LEN].copy_from_slice(&head);
                self.compress(&frame)
            }
            None => Err(StreamError::TooLarge(max)),
        };
        recycle(&mut frame);
        self.scratch = frame;
        sent
    }

    /// Appends a compressed frame to the output.
    fn compress(&mut self, frame: &[u8]) -> Result<(), StreamError> {
        let Some(compressor) = &mut self.compressor else { return Ok(()) };
        let begin = self.output.len();
        encode_compressed(&mut **compressor, frame, &mut self.output).map_err(|_| StreamError::Compress)?;
        self.note_unsent(self.output.len() - begin);
        self.send_empty_frames();
        Ok(())
    }

    /// Sends what the compressor has for that of the peer.
    fn send_empty_frames(&mut self) {
        while let Some(compressor) = &mut self.compressor
            && compressor.poll_empty_frame()
        {
            let begin = self.output.len();
            if encode_compressed(&mut **compressor, &[], &mut self.output).is_err() {
                return;
            }
            self.note_unsent(self.output.len() - begin);
        }
    }

    #[inline]
    fn note_unsent(&mut self, len: usize) {
        self.unsent.push_back(len as u32);
        self.unsent_bytes += len;
    }

    /// Sends the end of the stream.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.check_sink()?;
        if self.compressor.is_some() {
            self.compress(&StreamFrame::END)?;
        } else {
            self.output.extend_from_slice(&StreamFrame::END);
            self.note_unsent(HEAD_LEN);
        }
        self.sink = Half::Ended;
        Ok(())
    }

    /// The sink was dropped. If the end was not sent, the peer must learn that: the stream is aborted.
    pub fn drop_sink(&mut self) {
        if self.sink == Half::Open {
            self.sink = Half::Dropped;
            self.abort();
        }
    }

    fn check_sink(&self) -> Result<(), StreamError> {
        match (self.sink, self.failure) {
            (Half::Open, None) => Ok(()),
            (Half::Open, Some(failure)) => Err(failure),
            _ => Err(StreamError::AlreadyClosed),
        }
    }

    /// `waker` is woken when there is room again, everything was sent, or the stream has failed.
    pub fn set_writer(&mut self, waker: &Waker) {
        set(&mut self.writer, waker);
    }

    // Sources.

    /// Makes the source; false if there was one.
    pub fn open_source(&mut self) -> bool {
        let is_new = self.source == Half::Unused && !self.is_forgotten;
        if is_new {
            self.source = Half::Open;
            self.over_since = None;
        }
        is_new
    }

    /// Gives the next message to `decode`.
    ///
    /// # Errors
    /// The stream has failed, and all messages before that were read; or the end was read before.
    #[inline]
    pub fn read<R>(&mut self, decode: impl FnOnce(&[u8]) -> R) -> Result<Read<R>, StreamError> {
        if self.source != Half::Open {
            return Err(StreamError::AlreadyClosed);
        }
        let Some(len) = self.lengths.pop_front() else { return self.read_end() };
        let begin = self.read;
        // Before it may panic: the next message begins there in any case.
        self.read += len as usize;
        let message = decode(self.received.get(begin..self.read).unwrap_or_default());
        if self.lengths.is_empty() && self.part.is_none() {
            self.clear_received();
        }
        Ok(Read::Message(message))
    }

    /// Whether [`read`](Self::read) has a result.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{Time, seastar::{ConnectionId, rpc::{ClientConfig, SeastarStream}}};
    ///
    /// let mut stream = SeastarStream::new(&ClientConfig::default(), ConnectionId::new(1, 0)).state(Time::from_nanos(0));
    /// assert!(stream.open_source() && !stream.is_readable());
    /// stream.handle_closed();
    /// assert!(stream.is_readable() && stream.read(|_| ()).is_err());
    /// ```
    pub fn is_readable(&self) -> bool {
        !self.lengths.is_empty() || self.end_received || self.failure.is_some() || self.source != Half::Open
    }

    fn read_end<R>(&mut self) -> Result<Read<R>, StreamError> {
        match self.failure {
            _ if self.end_received => {
                self.source = Half::Ended;
                Ok(Read::End)
            }
            Some(failure) => Err(failure),
            None => Ok(Read::Pending),
        }
    }

    /// Everything was read. A long message leaves no memory.
    fn clear_received(&mut self) {
        self.received.clear();
        self.read = 0;
        if self.received.capacity() / 2 > self.config.window_bytes || self.was_large {
            self.received = Vec::new();
        }
    }

    /// The source was dropped. If it had not read the end, nothing more is kept for it, so that the peer does not wait
    /// for room; if the stream has no other use, it is aborted.
    pub fn drop_source(&mut self) {
        if self.source == Half::Open {
            self.source = Half::Dropped;
            self.lengths.clear();
            self.clear_received();
            if matches!(self.sink, Half::Unused | Half::Dropped) {
                self.abort();
            }
        }
    }

    /// The application has no sink and no source of it, and will make none. A stream without any use so far is aborted; of
    /// another, nothing more is kept, so that the peer does not wait for room.
    pub fn forget(&mut self) {
        if !self.is_claimed() {
            self.abort();
        } else if self.source == Half::Unused {
            self.is_forgotten = true;
            self.lengths.clear();
            self.clear_received();
        }
    }

    /// `waker` is woken when there is a message, the end, or a failure.
    pub fn set_reader(&mut self, waker: &Waker) {
        set(&mut self.reader, waker);
    }

    /// Whether it keeps as much as it may, and more may come.
    #[inline]
    pub fn is_full(&self) -> bool {
        !self.lengths.is_empty() && self.kept() >= self.config.window_bytes && !self.end_received
    }

    /// Bytes that were not read yet.
    #[inline]
    fn kept(&self) -> usize {
        self.received.len() - self.read + HEAD_LEN * self.lengths.len()
    }

    /// Whether the connection must be asked again because of what was read: it was full, and has room again for a half of
    /// what it may keep, or it kept much, and keeps nothing.
    #[inline]
    pub fn take_room(&mut self) -> bool {
        let has_room = self.was_full && self.kept() <= self.config.window_bytes / 2;
        let is_empty = self.was_large && self.lengths.is_empty();
        if has_room || is_empty {
            (self.was_full, self.was_large) = (false, false);
        }
        has_room || is_empty
    }

    /// Memory of what was not read yet.
    pub(super) fn held_bytes(&self) -> usize {
        self.received.capacity() + self.lengths.capacity() * size_of::<u32>()
    }

    /// Whether both ends have agreed.
    ///
    /// # Errors
    /// The connection has ended before.
    pub fn is_open(&self) -> Result<bool, StreamError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.is_negotiated),
        }
    }

    /// `waker` is woken when both ends have agreed, or the connection has ended.
    pub fn set_opener(&mut self, waker: &Waker) {
        set(&mut self.opener, waker);
    }

    // The connection.

    /// Takes as many frames from the front of `input` as there are, and there is room for; returns the number of bytes
    /// taken.
    pub(super) fn handle_input(&mut self, input: &[u8]) -> Result<usize, Error> {
        let max = u32::try_from(self.config.frame_len_max).unwrap_or(u32::MAX - 1);
        let (mut taken, before) = (0, self.lengths.len());
        while !self.is_full() && !self.end_received {
            let rest = &input[taken..];
            taken += match &mut self.compressor {
                None => match self.take(rest, max)? {
                    0 => break,
                    len => len,
                },
                Some(compressor) => {
                    let frame_len_max = self.config.frame_len_max.saturating_add(HEAD_LEN);
                    let mut plain = std::mem::take(&mut self.scratch);
                    let taken = compressed::decompress(&mut **compressor, rest, frame_len_max, &mut plain)?;
                    let Some(len) = taken else {
                        self.scratch = plain;
                        break;
                    };
                    if !plain.is_empty() {
                        let (frame, _) = split_stream_frame(&plain, max)?.ok_or(compressed::MALFORMED)?;
                        self.keep(frame);
                    }
                    recycle(&mut plain);
                    self.scratch = plain;
                    self.send_empty_frames();
                    len
                }
            };
        }
        self.was_full |= self.is_full();
        self.was_large |= self.received.len() > LARGE;
        if self.end_received {
            // What comes after the end means nothing.
            taken = input.len();
        }
        if self.lengths.len() > before || self.end_received {
            wake(&mut self.reader);
        }
        Ok(taken)
    }

    /// Takes a frame from the front of `input`, or a part of a long message, so that it is not kept elsewhere until its rest
    /// comes. Returns the number of bytes taken; 0 if more are needed.
    #[inline]
    fn take(&mut self, input: &[u8], max: u32) -> Result<usize, Error> {
        if self.part.is_some() {
            return Ok(self.take_part(input));
        }
        if let Some((frame, len)) = split_stream_frame(input, max)? {
            self.keep(frame);
            return Ok(len);
        }
        match input.split_first_chunk() {
            Some((head, rest)) if rest.len() >= PART_MIN => {
                let len = u32::from_le_bytes(*head);
                self.part = Some(Part { len, missing: len });
                Ok(HEAD_LEN + self.take_part(rest))
            }
            _ => Ok(0),
        }
    }

    /// Takes what has come of the message that has begun.
    fn take_part(&mut self, input: &[u8]) -> usize {
        let Some(Part { len, missing }) = self.part else { return 0 };
        let taken = input.len().min(missing as usize);
        let missing = missing - taken as u32;
        self.part = (missing > 0).then_some(Part { len, missing });
        if !self.discards() {
            self.append(&input[..taken]);
            if missing == 0 {
                self.lengths.push_back(len);
            }
        }
        taken
    }

    #[inline]
    fn keep(&mut self, frame: StreamFrame<'_>) {
        match frame {
            StreamFrame::EndOfStream => self.end_received = true,
            StreamFrame::Message(_) if self.discards() => {}
            StreamFrame::Message(message) => {
                self.append(message);
                self.lengths.push_back(message.len() as u32);
            }
        }
    }

    /// Whether no source will read what is received from now on.
    #[inline]
    fn discards(&self) -> bool {
        self.source == Half::Dropped || self.is_forgotten
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        if self.read > self.received.len() / 2 && self.read > COMPACT_MIN {
            self.received.drain(..self.read);
            self.read = 0;
        }
        self.received.extend_from_slice(bytes);
    }

    /// Whether a part of a message was taken.
    pub(super) const fn is_in_frame(&self) -> bool {
        self.part.is_some()
    }

    /// Moves the frames for the transport to `out`.
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>) {
        if out.is_empty() {
            std::mem::swap(out, &mut self.output);
        } else {
            out.append(&mut self.output);
            recycle(&mut self.output);
        }
    }

    /// Whether there are frames for the transport.
    pub(super) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// The transport took all but `queued` bytes of what it was given; true if both directions are over.
    pub(super) fn handle_sent(&mut self, queued: usize) -> bool {
        let left = queued + self.output.len();
        while let Some(first) = self.unsent.front()
            && self.unsent_bytes - *first as usize >= left
        {
            self.unsent_bytes -= *first as usize;
            self.unsent.pop_front();
        }
        if self.unsent.is_empty() || matches!(self.has_room(), Ok(true)) {
            wake(&mut self.writer);
        }
        self.is_over()
    }

    /// The peer has ended the connection; true if the stream goes on in the other direction.
    pub(super) fn handle_end_of_stream(&mut self) -> bool {
        self.peer_ended = true;
        self.end_received && !self.is_over()
    }

    /// The connection has ended, or was not made.
    pub fn handle_closed(&mut self) {
        self.fail(StreamError::Closed);
    }

    /// The connection that the stream belongs to has ended.
    pub fn handle_parent_closed(&mut self) {
        self.fail(StreamError::ParentClosed);
        self.aborted = true;
    }

    fn fail(&mut self, why: StreamError) {
        self.failure.get_or_insert(why);
        wake(&mut self.reader);
        wake(&mut self.writer);
        wake(&mut self.opener);
    }

    fn abort(&mut self) {
        self.aborted = true;
        self.fail(StreamError::Closed);
    }

    /// Whether the connection must end at once.
    pub const fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// Whether something was received for a source that was not made yet.
    pub fn is_unread(&self) -> bool {
        self.source == Half::Unused && (self.end_received || !self.lengths.is_empty())
    }

    /// Whether a call has named it.
    pub fn is_claimed(&self) -> bool {
        self.source != Half::Unused || self.sink != Half::Unused
    }

    /// Whether both directions are over: see the module.
    fn is_over(&self) -> bool {
        let is_read = match self.source {
            Half::Unused => self.end_received || self.peer_ended,
            Half::Open => false,
            Half::Ended | Half::Dropped => true,
        };
        let is_sent = match self.sink {
            Half::Unused => true,
            Half::Open => false,
            Half::Ended | Half::Dropped => self.unsent.is_empty(),
        };
        self.is_claimed() && is_read && is_sent
    }

    /// Whether the end of the connection could make the peer lose the end of the stream.
    fn is_held_back(&self) -> bool {
        self.sink == Half::Ended && !self.peer_is_ours && !self.peer_ended && !self.config.fin_wait.is_zero()
    }

    /// Whether the connection is to end now: see the module.
    pub(super) fn is_done(&self, now: Time) -> bool {
        let has_waited = || self.over_since.is_some_and(|since| now >= since + self.config.fin_wait);
        self.is_over() && !self.waits_for_peer() && (!self.is_held_back() || has_waited())
    }

    /// The time of [`deadline`](Self::deadline) has come.
    pub(super) fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        if self.is_over() {
            self.over_since.get_or_insert(now);
        }
        match self.claim_deadline() {
            Some(deadline) if deadline <= now => Err(Error::TimedOut("call for the stream")),
            _ => Ok(()),
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.waits_for_peer() {
            return None;
        }
        if self.is_over() {
            // At first at once, to learn the time.
            return Some(self.over_since.map_or(self.opened, |since| since + self.config.fin_wait));
        }
        self.claim_deadline()
    }

    fn claim_deadline(&self) -> Option<Time> {
        let waits = self.is_negotiated && !self.is_claimed() && !self.config.claim_timeout.is_zero();
        waits.then(|| self.opened + self.config.claim_timeout)
    }
}

/// What is removed again unless it is completed: also when the application panics while it writes.
struct Appended<'a> {
    output: &'a mut Vec<u8>,
    begin: usize,
    is_complete: bool,
}

impl<'a> Appended<'a> {
    #[inline]
    const fn to(output: &'a mut Vec<u8>) -> Self {
        Self { begin: output.len(), output, is_complete: false }
    }
}

impl Drop for Appended<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_complete {
            self.output.truncate(self.begin);
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("sink", &self.sink)
            .field("waiting", &self.lengths.len())
            .field("unsent", &self.unsent.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// The length before a message.
const HEAD_LEN: usize = 4;

/// More than this in one stream is returned when it was read: a few long messages.
const LARGE: usize = 32 << 10;

/// A part of a message that is not complete is taken from so many bytes on.
const PART_MIN: usize = 1024;

/// Read messages leave at least so many bytes before the rest is moved to the front.
const COMPACT_MIN: usize = 4096;

#[cfg(test)]
mod tests;
