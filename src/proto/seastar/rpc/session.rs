//! The session of a stream, after the negotiation.

use super::{Stream, stream::Step};
use crate::{
    Command, Dialect, EndOfStream, Error, Event, Operation, Progress, RequestId, Session, Shared, Time,
    seastar::topics::{self, Filter},
};

/// The end of one stream, which its application shares as a [`Stream`](super::Stream).
pub(super) struct StreamSession<C: Shared<Stream>> {
    stream: C,
    now: Time,
    closing: bool,
    /// What the last event borrows.
    filter: Filter,
}

impl<C: Shared<Stream>> StreamSession<C> {
    pub(super) fn new(stream: C, now: Time) -> Self {
        Self { stream, now, closing: false, filter: Filter::default() }
    }
}

impl<C: Shared<Stream>> Session for StreamSession<C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        self.now = now;
        let (taken, more) = self.stream.with(|stream| {
            let taken = stream.handle_input(input);
            (taken, stream.has_output() || stream.is_subscription())
        });
        let taken = taken?;
        // The compressor may have a response. Until something was taken, it is the same prefix.
        Ok(Progress { taken, event: None, more: more && taken > 0 })
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>> {
        self.now = now;
        self.stream.with(|stream| {
            match command {
                _ if !stream.is_subscription() => return Err(command),
                Command::Welcome { .. } => {}
                Command::Subscribed { head, recovery, .. } => stream.handle_subscribed(Ok((head, recovery))),
                Command::Refused { operation: Operation::Hello | Operation::Subscribe, refusal, .. } => {
                    stream.handle_subscribed(Err(refusal));
                }
                Command::Unsubscribed { .. } | Command::Refused { .. } => stream.end_subscription(),
                Command::Message(message) => {
                    return if stream.encode_message(&message, out) { Ok(()) } else { Err(command) };
                }
                _ => return Err(command),
            }
            stream.transmit(out);
            Ok(())
        })
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        self.now = now;
        self.stream.with(|stream| stream.handle_timeout(now))
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        match self.stream.with(Stream::poll_step) {
            None => {}
            Some(Step::Hello) => return Some(Event::Hello { id: HELLO }),
            Some(Step::Subscribe(filter)) => {
                self.filter = filter;
                let Filter { topic, prefix, since } = &self.filter;
                let (prefix, since) = (*prefix, topics::known(*since));
                return Some(Event::Subscribe { id: SUBSCRIBE, topic, prefix, since });
            }
            Some(Step::Unsubscribe(filter)) => {
                self.filter = filter;
                let Filter { topic, prefix, .. } = &self.filter;
                return Some(Event::Unsubscribe { id: UNSUBSCRIBE, topic, prefix: *prefix });
            }
        }
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
        let stays = self.stream.with(Stream::handle_end_of_stream);
        if stays { EndOfStream::Stay } else { EndOfStream::Close }
    }

    fn held_bytes(&self) -> usize {
        self.stream.with(|stream| stream.held_bytes())
    }

    fn is_full(&self) -> bool {
        self.stream.with(|stream| stream.is_full())
    }

    fn is_in_frame(&self) -> bool {
        self.stream.with(|stream| stream.is_in_frame())
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        self.stream.with(|stream| stream.handle_sent(queued))
    }

    fn handle_drained(&mut self) {
        self.stream.with(Stream::handle_drained);
    }

    fn dialect(&self) -> Dialect {
        self.stream.with(|stream| match (stream.is_subscription(), stream.is_compressed()) {
            (true, false) => PLAIN,
            (true, true) => COMPRESSED,
            (false, _) => Dialect::default(),
        })
    }
}

/// Messages as frames that all subscribers have in common.
pub(super) const PLAIN: Dialect = Dialect(1);

/// Messages as frames of one connection, since each has its own compressor.
const COMPRESSED: Dialect = Dialect(2);

const HELLO: RequestId = RequestId(1);
const SUBSCRIBE: RequestId = RequestId(2);
const UNSUBSCRIBE: RequestId = RequestId(3);

impl<C: Shared<Stream>> Drop for StreamSession<C> {
    fn drop(&mut self) {
        self.stream.with(Stream::handle_closed);
    }
}
