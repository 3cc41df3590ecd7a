//! The connecting end of a subscription's stream.

use std::{sync::Arc, time::Duration};

use super::{
    ClientConfig, NAME, Negotiated,
    client::{AcceptedStream, Refused, accept_stream, offer_stream},
    compressed, recycle,
};
use crate::{
    Command, EndOfStream, Error, Event, Opening, Progress, Protocol, Route, Session, Sniff, Time,
    seastar::{ConnectionId, StreamFrame, compress::Compressor, split_stream_frame},
};

/// The protocol of a stream that a client opens for a subscription: each of its messages is a push. It sends nothing, and
/// the end of its connection ends the subscription.
///
/// # Examples
/// ```
/// use shardcast_proto::{Protocol, seastar::{ConnectionId, rpc::{ClientConfig, TopicStream}}};
///
/// let stream = TopicStream::new(ClientConfig::default(), ConnectionId::new(1, 0));
/// assert_eq!((stream.name(), stream.negotiated().connection_id()), ("seastar", None));
/// ```
#[derive(Clone, Debug)]
pub struct TopicStream {
    config: ClientConfig,
    parent: ConnectionId,
    negotiated: Arc<Negotiated>,
}

impl TopicStream {
    /// A stream that belongs to the client's connection with this id.
    pub fn new(config: ClientConfig, parent: ConnectionId) -> Self {
        Self { config, parent, negotiated: Arc::default() }
    }

    /// What is known of its connection: the id of the stream.
    pub const fn negotiated(&self) -> &Arc<Negotiated> {
        &self.negotiated
    }
}

impl Protocol for TopicStream {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sniff(&self, _prefix: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    /// It only connects: what it accepts ends at once.
    fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Refused)
    }

    fn connect(&self, _opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        let mut own = Vec::new();
        offer_stream(&self.config, self.parent).encode(&mut own);
        Some(Box::new(TopicStreamSession {
            config: self.config.clone(),
            negotiated: Arc::clone(&self.negotiated),
            own,
            open: None,
        }))
    }
}

struct TopicStreamSession {
    config: ClientConfig,
    negotiated: Arc<Negotiated>,
    own: Vec<u8>,
    open: Option<Open>,
}

/// What is known after the negotiation.
struct Open {
    compressor: Option<Box<dyn Compressor>>,
    /// The frame that was decompressed last.
    plain: Vec<u8>,
}

impl TopicStreamSession {
    fn negotiate(&mut self, input: &[u8]) -> Result<usize, Error> {
        let Some(AcceptedStream { id, compressor, taken, .. }) = accept_stream(&self.config, input)? else {
            return Ok(0);
        };
        self.negotiated.set(Some(id));
        self.open = Some(Open { compressor, plain: Vec::new() });
        Ok(taken)
    }
}

impl Session for TopicStreamSession {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
        if self.open.is_none() {
            return Ok(match self.negotiate(input)? {
                0 => Progress::NEED_MORE,
                taken => Progress::silent(taken).and_more(),
            });
        }
        let Some(Open { compressor, plain }) = &mut self.open else { return Ok(Progress::NEED_MORE) };
        let max = u32::try_from(self.config.stream.frame_len_max).unwrap_or(u32::MAX - 1);
        let (frame, taken) = match compressor {
            None => match split_stream_frame(input, max)? {
                Some(found) => found,
                None => return Ok(Progress::NEED_MORE),
            },
            Some(compressor) => {
                let frame_len_max = self.config.stream.frame_len_max.saturating_add(HEAD_LEN);
                let taken = compressed::decompress(&mut **compressor, input, frame_len_max, plain)?;
                let Some(taken) = taken else { return Ok(Progress::NEED_MORE) };
                if plain.is_empty() {
                    return Ok(Progress::silent(taken).and_more());
                }
                let (frame, _) = split_stream_frame(plain, max)?.ok_or(compressed::MALFORMED)?;
                (frame, taken)
            }
        };
        Ok(match frame {
            StreamFrame::Message(body) => {
                Progress::event(taken, Event::Push { route: Route::Only, head: &[], body })
            }
            StreamFrame::EndOfStream => Progress::event(taken, Event::Closing),
        })
    }

    /// It makes no requests.
    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _out: &mut Vec<u8>,
        _now: Time,
    ) -> Result<(), Command<'c>> {
        Err(command)
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.own);
        if let Some(Open { compressor, plain }) = &mut self.open {
            compressed::send_empty_frames(compressor, out);
            recycle(plain);
        }
    }

    fn handle_end_of_stream(&mut self, _now: Time) -> EndOfStream {
        EndOfStream::Close
    }

    fn is_established(&self) -> bool {
        self.open.is_some()
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.config.negotiation_timeout)
    }
}

/// The length before a message.
const HEAD_LEN: usize = 4;
