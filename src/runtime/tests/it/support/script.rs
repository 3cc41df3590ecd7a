use std::time::Duration;

use shardcast::{
    Bytes,
    proto::{
        Command, Dialect, EndOfStream, Error, Event, Home, Message, Opening, Position, Progress, Protocol,
        PublishHeader, Request, RequestId, Route, Session, Sniff, Time,
    },
};

/// A toy protocol that uses the whole contract, through the public API only. A line is one frame of one or more words,
/// divided by `;`: the first comes out of `handle_input`, the others out of `poll_event`. Words:
///
/// | word | is |
/// | --- | --- |
/// | `hello` | HELLO; later messages have the dialect 1 |
/// | `sub T`, `since T`, `unsub T` | requests to the hub about the topic T; `since` asks for all its history |
/// | `later T` | a publication on the topic T with a delay of a day, whose response is wanted |
/// | `bye` | a goodbye |
/// | `stay`, only first | no event; the end of the stream will not end the connection |
/// | `quit`, only first | no event; the end of the stream will end the connection at once |
/// | `failures`, only first | no event; from now on the protocol has failures: `failed CODE TEXT`, `forgotten` |
/// | `tell X` | a request to which no response is expected |
/// | any other | a request, answered by the service |
pub(crate) struct Script;

impl Protocol for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Match(Home::AnyShard)
    }

    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(ScriptSession::default())
    }

    fn encode_push(&self, _route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        Some([body, &b"\n"[..]].concat().into())
    }

    fn encode_message(&self, dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        Some(line(dialect, &message).into())
    }
}

fn line(dialect: Dialect, message: &Message<'_>) -> String {
    let Message { topic, position, body } = message;
    format!("dialect {} {topic} {} {}\n", dialect.0, position.offset, String::from_utf8_lossy(body))
}

#[derive(Default)]
struct ScriptSession {
    words: Vec<String>,
    /// Keeps it while an event borrows it.
    polled: String,
    state: State,
}

struct State {
    requests: u64,
    dialect: Dialect,
    end: EndOfStream,
    has_failures: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { requests: 0, dialect: Dialect(0), end: EndOfStream::Respond, has_failures: false }
    }
}

impl State {
    fn event<'a>(&mut self, word: &'a str) -> Option<Event<'a>> {
        self.requests += 1;
        let id = RequestId(self.requests);
        let (verb, topic) = word.split_once(' ').unwrap_or((word, ""));
        match verb {
            "hello" => self.dialect = Dialect(1),
            "stay" => self.end = EndOfStream::Stay,
            "quit" => self.end = EndOfStream::Close,
            "failures" => self.has_failures = true,
            _ => {}
        }
        Some(match verb {
            "stay" | "quit" | "failures" => return None,
            "hello" => Event::Hello { id },
            "sub" => Event::Subscribe { id, topic, prefix: false, since: None },
            "since" => Event::Subscribe { id, topic, prefix: false, since: Some(Position::default()) },
            "later" => {
                let options =
                    PublishHeader { delay: Some(Duration::from_secs(86_400)), ..PublishHeader::default() };
                Event::Publish { id: Some(id), topic, options, body: b"x" }
            }
            "unsub" => Event::Unsubscribe { id, topic, prefix: false },
            "bye" => Event::Closing,
            "tell" => Event::Request(Request::new(id, Route::Only, word.as_bytes()).one_way()),
            _ => Event::Request(Request::new(id, Route::Only, word.as_bytes())),
        })
    }
}

impl Session for ScriptSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Ok(Progress::NEED_MORE) };
        let text = str::from_utf8(&input[..end]).map_err(|_| Error::Malformed("line"))?;
        let mut words = text.split(';');
        let first = words.next().unwrap_or_default();
        self.words = words.rev().map(str::to_owned).collect();
        let progress = match self.state.event(first) {
            Some(event) => Progress::event(end + 1, event),
            None => Progress::silent(end + 1),
        };
        Ok(progress.and_more())
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        let text = match command {
            Command::Respond { body, .. } | Command::Push { body, .. } => {
                format!("{}\n", String::from_utf8_lossy(body))
            }
            Command::Fail { failure, .. } if self.state.has_failures => {
                format!("failed {} {}\n", failure.code, failure.text)
            }
            Command::Forget { .. } if self.state.has_failures => "forgotten\n".into(),
            Command::Welcome { .. } => "welcome\n".into(),
            Command::Subscribed { head, .. } => format!("subscribed {}\n", head.offset),
            Command::Unsubscribed { .. } => "unsubscribed\n".into(),
            Command::Refused { refusal, .. } => format!("refused {refusal}\n"),
            Command::Message(message) => line(self.state.dialect, &message),
            _ => return Err(command),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.polled = self.words.pop()?;
        self.state.event(&self.polled)
    }

    fn handle_end_of_stream(&mut self, _now: Time) -> EndOfStream {
        self.state.end
    }

    fn dialect(&self) -> Dialect {
        self.state.dialect
    }
}
