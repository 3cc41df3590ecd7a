//! The protocol of the simulation: requests of a client as bytes, and the session that reads them.

use std::{cell::Cell, rc::Rc, time::Duration};

use shardcast_proto::{
    Command, Dialect, EndOfStream, Error, Event, Position, Progress, PublishHeader, Request, RequestId,
    Route, Session, Time,
};

use crate::{
    frame::{Frame, ResponseKind},
    model::id_of,
    scenario::TOPICS,
};

/// What a client sends, by its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `words`: whether there is a `since`, its epoch, its offset, whether the topic is a prefix.
    Subscribe,
    /// The last word says whether the topic is a prefix.
    Unsubscribe,
    /// `words`: key, delay and time to live ([`NONE`] for none), priority, and whether no response is expected.
    Publish,
    Presence,
    Hello,
    /// For the application: the first word is an [`Ask`].
    Request,
    /// As `Request`, and a second one, whose number is the next and whose `Ask` is the second word.
    Pair,
    /// The session answers it before it takes the following bytes.
    Ping,
    /// The session answers it after everything that was received together with it.
    Note,
    Bye,
    /// An invalid frame.
    Broken,
}

/// What the application does with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// Answers at once.
    Now,
    /// Does nothing.
    OneWay,
    /// Answers later.
    Later,
    /// Begins it, and abandons it later.
    Never,
    /// Panics.
    Panic,
}

/// One frame of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) words: [u64; 4],
    pub(crate) topic: &'static str,
    /// Bytes of the body.
    pub(crate) body: usize,
}

impl Sending {
    pub(crate) const fn new(kind: Kind, id: u64) -> Self {
        Self { kind, id, words: [0; 4], topic: "", body: 0 }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let len = HEADER + self.topic.len() + self.body;
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(&(len as u16).to_le_bytes());
        bytes.extend_from_slice(&[self.kind as u8, self.topic.len() as u8]);
        for word in [self.id].iter().chain(&self.words) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(self.topic.as_bytes());
        bytes.resize(len, self.id as u8);
        bytes
    }
}

/// What a session has written, as the connection's account sees it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) frames: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
    /// A beat is pending.
    pub(crate) beat_waits: Cell<bool>,
    /// When the session must be called for the next one.
    pub(crate) beats_at: Cell<Option<Time>>,
}

/// The accepting side of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    written: Rc<Written>,
    dialect: Dialect,
    /// The time by which the client must send something.
    first_by: Option<Time>,
    /// The second event of a frame.
    second: Option<(u64, u64)>,
    pings: u64,
    notes: u64,
    beats_every: Option<Duration>,
    last_word: bool,
    at_end: EndOfStream,
    /// When it closes the connection itself, after the client has ended its direction.
    leaves_at: Option<Time>,
    leaves: bool,
}

impl Wire {
    pub(crate) fn new(
        written: Rc<Written>,
        at_end: EndOfStream,
        first_by: Option<Time>,
        beats_every: Option<Duration>,
        now: Time,
    ) -> Self {
        written.beats_at.set(beats_every.map(|every| now + every));
        Self {
            written,
            dialect: Dialect(0),
            first_by,
            second: None,
            pings: 0,
            notes: 0,
            beats_every,
            last_word: false,
            at_end,
            leaves_at: None,
            leaves: false,
        }
    }

    fn write(&self, frame: Frame, len: usize, out: &mut Vec<u8>) {
        let before = out.len();
        frame.write(len, out);
        self.written.frames.set(self.written.frames.get() + 1);
        self.written.bytes.set(self.written.bytes.get() + (out.len() - before) as u64);
    }
}

impl Session for Wire {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some((header, _)) = input.split_at_checked(HEADER) else { return Ok(Progress::NEED_MORE) };
        let word = |index: usize| {
            let word = header[4 + index * 8..].first_chunk().expect("the header has five");
            u64::from_le_bytes(*word)
        };
        let (len, kind) = (usize::from(u16::from_le_bytes([header[0], header[1]])), header[2]);
        let kind = Kind::ALL.get(usize::from(kind)).filter(|kind| **kind != Kind::Broken);
        let topic_end = HEADER + usize::from(header[3]);
        let Some(kind) = kind.filter(|_| topic_end <= len) else {
            self.last_word = true;
            return Err(Error::Malformed("request"));
        };
        let Some(frame) = input.get(..len) else { return Ok(Progress::NEED_MORE) };
        self.first_by = None;
        let topic = str::from_utf8(&frame[HEADER..topic_end]).map_err(|_| Error::Malformed("topic"))?;
        let (id, body) = (RequestId(word(0)), &frame[topic_end..]);
        let prefix = word(4) == 1;
        let event = match kind {
            Kind::Subscribe => {
                let since = Position { epoch: word(2), offset: word(3) };
                Event::Subscribe { id, topic, prefix, since: (word(1) == 1).then_some(since) }
            }
            Kind::Unsubscribe => Event::Unsubscribe { id, topic, prefix },
            Kind::Publish => {
                let some = |word: u64| (word != NONE).then_some(word);
                let options = PublishHeader {
                    key: some(word(1)),
                    delay: some(word(2)).map(Duration::from_nanos),
                    ttl: some(word(3)).map(Duration::from_nanos),
                    priority: Some(word(4) as u8),
                };
                let is_quiet = word(4) & QUIET != 0;
                Event::Publish { id: (!is_quiet).then_some(id), topic, options, body }
            }
            Kind::Presence => Event::Presence { id, topic },
            Kind::Hello => Event::Hello { id },
            Kind::Request => Event::Request(Request::new(id, Route::Numbered(word(1)), body)),
            Kind::Pair => {
                self.second = Some((id.0 + 1, word(2)));
                let event = Event::Request(Request::new(id, Route::Numbered(word(1)), body));
                return Ok(Progress::event(len, event).and_more());
            }
            Kind::Ping => {
                self.pings += 1;
                return Ok(Progress::silent(len).and_more());
            }
            Kind::Note => {
                self.notes += 1;
                return Ok(Progress::silent(len));
            }
            Kind::Bye | Kind::Broken => Event::Closing,
        };
        Ok(Progress::event(len, event))
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        if self.first_by.is_some_and(|by| by <= now) {
            self.last_word = true;
            return Err(Error::TimedOut("first request"));
        }
        let beats_at = &self.written.beats_at;
        if let (Some(at), Some(every)) = (beats_at.get(), self.beats_every)
            && at <= now
        {
            beats_at.set(Some(now + every));
            self.written.beat_waits.set(true);
        }
        self.leaves |= self.leaves_at.take_if(|at| *at <= now).is_some();
        Ok(())
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        let (id, kind, len) = match command {
            Command::Respond { id, body, .. } => (id, ResponseKind::Plain, body.len()),
            Command::Welcome { id, .. } => {
                self.dialect = Dialect(1);
                (id, ResponseKind::Welcome, 0)
            }
            Command::Subscribed { id, .. } => (id, ResponseKind::Subscribed, 0),
            Command::Unsubscribed { id } => (id, ResponseKind::Unsubscribed, 0),
            Command::Published { id, .. } => (id, ResponseKind::Published, 0),
            Command::Present { id, .. } => (id, ResponseKind::Present, 0),
            Command::Refused { id, .. } => (id, ResponseKind::Refused, 0),
            Command::Message(message) => {
                let topic = TOPICS.iter().position(|topic| *topic == message.topic).expect("one of ours");
                let (position, id) = (message.position, id_of(message.body));
                let dialect = self.dialect.0;
                let frame = Frame::Message { topic, position, id, was_missed: true, dialect };
                self.write(frame, message.body.len(), out);
                return Ok(());
            }
            other => return Err(other),
        };
        self.write(Frame::Response { request: id.0, kind }, len, out);
        Ok(())
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        if self.last_word {
            self.last_word = false;
            return self.write(Frame::LastWord, 0, out);
        }
        let (pings, notes) = (std::mem::take(&mut self.pings), std::mem::take(&mut self.notes));
        let is_beat = self.written.beat_waits.take();
        if pings + notes > 0 || is_beat {
            self.write(Frame::Own { pings, notes, is_beat }, 0, out);
        }
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        if std::mem::take(&mut self.leaves) {
            return Some(Event::Closing);
        }
        let (id, ask) = self.second.take()?;
        Some(Event::Request(Request::new(RequestId(id), Route::Numbered(ask), &[])))
    }

    fn poll_timeout(&self) -> Option<Time> {
        [self.first_by, self.leaves_at, self.written.beats_at.get()].into_iter().flatten().min()
    }

    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        // A missing first request will not arrive any more.
        self.first_by = None;
        if self.at_end == EndOfStream::Stay {
            self.leaves_at = Some(now + LEAVES_AFTER);
        }
        self.at_end
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

impl Kind {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 11] = [
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::Presence,
        Self::Hello,
        Self::Request,
        Self::Pair,
        Self::Ping,
        Self::Note,
        Self::Bye,
        Self::Broken,
    ];
}

impl Ask {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 5] = [Self::Now, Self::OneWay, Self::Later, Self::Never, Self::Panic];
}

/// In a frame: no value.
pub(crate) const NONE: u64 = u64::MAX;

/// In the last word of a publication, above the priority: no response is expected.
pub(crate) const QUIET: u64 = 1 << 8;

/// Length, kind, length of the topic, number and four words.
const HEADER: usize = 4 + 5 * 8;

/// How long a session stays after the client has ended its direction.
const LEAVES_AFTER: Duration = Duration::from_millis(3);
