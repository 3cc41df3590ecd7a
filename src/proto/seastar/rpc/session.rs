//! The session of a stream, after the negotiation.

use super::stream::StreamCell;
use crate::{Command, EndOfStream, Error, Event, Progress, Session, Time};

/// The end of one stream, which its application shares as a [`Stream`](super::Stream).
pub(super) struct StreamSession<C: StreamCell> {
    stream: C,
    now: Time,
    closing: bool,
}

impl<C: StreamCell> StreamSession<C> {
    pub(super) const fn new(stream: C, now: Time) -> Self {
        Self { stream, now, closing: false }
    }
}

impl<C: StreamCell> Session for StreamSession<C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        self.now = now;
        let (taken, more) = self.stream.with(|stream| (stream.handle_input(input), stream.has_output()));
        let taken = taken?;
        // The compressor may have a response. Until something was taken, it is the same prefix.
        Ok(Progress { taken, event: None, more: more && taken > 0 })
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        self.now = now;
        Err(command)
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        self.now = now;
        self.stream.with(|stream| stream.handle_timeout(now))
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        let now = self.now;
        let is_done = !self.closing && self.stream.with(|stream| stream.is_done(now));
        self.closing |= is_done;
        is_done.then_some(Event::Closing)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        self.stream.with(|stream| stream.transmit(out));
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.stream.with(|stream| stream.deadline())
    }

    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        self.now = now;
        let stays = self.stream.with(super::Stream::handle_end_of_stream);
        if stays { EndOfStream::Stay } else { EndOfStream::Close }
    }

    fn held_bytes(&self) -> usize {
        self.stream.with(|stream| stream.held_bytes())
    }

    fn is_full(&self) -> bool {
        self.stream.with(|stream| stream.is_full())
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        self.stream.with(|stream| stream.handle_sent(queued))
    }
}

impl<C: StreamCell> Drop for StreamSession<C> {
    fn drop(&mut self) {
        self.stream.with(super::Stream::handle_closed);
    }
}
