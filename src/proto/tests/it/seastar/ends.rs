//! Both ends of one stream, each with its connection, and the link between them, which carries what it is asked to.

use std::{any::Any, cell::RefCell, collections::VecDeque, net::SocketAddr, rc::Rc, time::Duration};

use shardcast_proto::{
    ConnId, Opening, Protocol as _, Session, Time,
    connection::{Acknowledgement, Action, Advance, CloseReason, Connection, Limits, Role, Spares},
    outbox::Parcel,
    push::schedule::RateLimit,
    seastar::{
        ConnectionId, Features,
        rpc::{ClaimError, ClientConfig, Parent, Seastar, SeastarShard, SeastarStream, Stream},
    },
};

pub(super) const ACCEPTING: usize = 0;
pub(super) const CONNECTING: usize = 1;

/// What one end has sent.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) bytes: VecDeque<u8>,
    pub(super) has_ended: bool,
    pub(super) end_was_read: bool,
    pub(super) is_reset: bool,
    reset_was_read: bool,
}

/// A connection, and what its driver knows of it.
pub(super) struct End {
    pub(super) core: Connection,
    pub(super) limits: Limits,
    spares: Spares,
    pub(super) flight: Option<Vec<u8>>,
    pub(super) why: Option<CloseReason>,
    /// When the end was sent.
    pub(super) ended_sending: Option<Time>,
    pub(super) is_cut: bool,
    has_sent: bool,
}

/// Both ends: [`ACCEPTING`] and [`CONNECTING`].
pub(super) struct Ends {
    pub(super) ends: [End; 2],
    /// What each end has sent.
    pub(super) pipes: [Pipe; 2],
    pub(super) client: Rc<RefCell<Stream>>,
    pub(super) shard: Rc<SeastarShard>,
    parent_session: Option<Box<dyn Session>>,
    pub(super) now: Time,
    /// Each end knows that the other is Shardcast.
    are_ours: bool,
}

pub(super) const PARENT: ConnId = ConnId { node: 0, shard: 0, slot: 0, generation: 0 };
const STREAM: ConnId = ConnId { slot: 1, ..PARENT };

/// Opens an accepting session.
pub(super) fn accept(seastar: &Seastar, state: &Rc<dyn Any>, id: ConnId, now: Time) -> Box<dyn Session> {
    seastar.accept(&Opening {
        id,
        peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        shards: 1,
        now,
        wall: Duration::ZERO,
        state,
    })
}

/// Opens an accepting session for calls, which has negotiated; returns its id, too.
pub(super) fn accept_parent(
    seastar: &Seastar,
    state: &Rc<dyn Any>,
    now: Time,
) -> (Box<dyn Session>, ConnectionId) {
    let mut session = accept(seastar, state, PARENT, now);
    let (mut offer, mut answer) = (Vec::new(), Vec::new());
    Features::default().encode(&mut offer);
    assert!(session.handle_input(&offer, now).is_ok_and(|it| it.taken == offer.len()));
    session.poll_transmit(&mut answer);
    let (accepted, _) = Features::decode(&answer, 1000).expect("valid").expect("whole");
    (session, accepted.connection_id.expect("the id of a connection that may have streams"))
}

impl Ends {
    /// A link, not yet negotiated.
    pub(super) fn new(seastar: &Seastar, client: &ClientConfig, are_ours: bool) -> Self {
        let now = Time::from_nanos(1_000_000_000);
        let state = seastar.shard_state(0);
        let (parent_session, parent) = accept_parent(seastar, &state, now);
        let accepting = accept(seastar, &state, STREAM, now);
        let protocol = SeastarStream::new(client, parent);
        let stream = Rc::new(RefCell::new(protocol.state(now)));
        let connecting = Box::new(protocol.session(Rc::clone(&stream), now));
        Self {
            ends: [End::new(Role::Accepting, accepting, now), End::new(Role::Connecting, connecting, now)],
            pipes: Default::default(),
            client: stream,
            shard: state.downcast().expect("the state of the protocol"),
            parent_session: Some(parent_session),
            now,
            are_ours,
        }
    }

    /// A link with these bounds at both ends, which has negotiated.
    pub(super) fn open(
        config: impl Fn(&mut shardcast_proto::seastar::rpc::StreamConfig),
        are_ours: bool,
    ) -> Self {
        let seastar = Seastar::default().with(|it| config(&mut it.stream));
        let client = ClientConfig::default().with(|it| config(&mut it.stream));
        let mut ends = Self::new(&seastar, &client, are_ours);
        ends.carry_all();
        assert_eq!(ends.client.borrow().is_open(), Ok(true));
        ends
    }

    pub(super) fn parent(&self) -> Option<Rc<Parent>> {
        self.shard.parent_of(PARENT)
    }

    /// The stream at the accepting end, for a call that has named it.
    pub(super) fn claim(&self) -> Result<Rc<RefCell<Stream>>, ClaimError> {
        let id = self.client.borrow().id();
        let stream = self.parent().ok_or(ClaimError::Unknown(id))?.claim(id)?;
        assert!(stream.borrow_mut().open_source());
        Ok(stream)
    }

    /// The connection that the stream belongs to ends at the server.
    pub(super) fn end_parent(&mut self) {
        self.parent_session = None;
        for conn in self.shard.forget(PARENT) {
            assert_eq!(conn, STREAM);
            self.cut(ACCEPTING, CloseReason::Closed);
        }
    }

    pub(super) fn cut(&mut self, who: usize, why: CloseReason) {
        let end = &mut self.ends[who];
        end.core.cut_now(why, &end.limits, self.now);
        self.follow_up(who);
    }

    /// As the runtime does after the application has changed a stream.
    pub(super) fn changed(&mut self, who: usize, stream: &Rc<RefCell<Stream>>) {
        if stream.borrow().is_aborted() {
            return self.cut(who, CloseReason::Closed);
        }
        let end = &mut self.ends[who];
        end.core.handle_session_change(&end.limits, &end.spares, self.now);
        self.follow_up(who);
    }

    /// Does what the connection of an end wants.
    pub(super) fn follow_up(&mut self, who: usize) {
        let now = self.now;
        let end = &mut self.ends[who];
        while end.core.take_resume() {
            end.pass(&[], now);
        }
        if end.flight.is_none()
            && end.core.is_ready()
            && let Some(parcel) = end.core.poll_transmit(&end.limits, &end.spares, now)
        {
            let mut bytes = bytes_of(parcel);
            if !std::mem::replace(&mut end.has_sent, true) && !self.are_ours {
                hide_peer(&mut bytes);
            }
            end.flight = Some(bytes);
        }
        while let Some(action) = end.core.poll_action() {
            match action {
                Action::Ended(why) => end.why = Some(why),
                Action::EndSending => {
                    end.ended_sending = Some(now);
                    self.pipes[who].has_ended = true;
                }
                Action::Cut(_) => {
                    end.is_cut = true;
                    end.flight = None;
                    end.ended_sending.get_or_insert(now);
                    let is_clean = self.pipes[1 - who].bytes.is_empty();
                    let own = &mut self.pipes[who];
                    own.has_ended = true;
                    if !is_clean && !own.end_was_read {
                        // What it has not read makes it reset the connection.
                        own.bytes.clear();
                        own.is_reset = true;
                    }
                }
            }
        }
    }

    /// The transport takes up to `len` bytes of the send in flight; returns how many.
    pub(super) fn take(&mut self, who: usize, len: usize) -> usize {
        let end = &mut self.ends[who];
        let Some(flight) = &mut end.flight else { return 0 };
        let len = len.min(flight.len());
        self.pipes[who].bytes.extend(flight.drain(..len));
        if flight.is_empty() {
            end.flight = None;
            end.core.handle_sent(&end.limits, self.now);
            self.follow_up(who);
        }
        len
    }

    /// Up to `len` bytes arrive at an end, or what follows them; false if there is nothing, or it does not read.
    pub(super) fn deliver(&mut self, who: usize, len: usize) -> bool {
        let pipe = &mut self.pipes[1 - who];
        let end = &mut self.ends[who];
        if pipe.is_reset {
            if std::mem::replace(&mut pipe.reset_was_read, true) || end.is_cut {
                return false;
            }
            pipe.end_was_read = true;
            end.core.handle_failed(CloseReason::Reset, &end.limits, self.now);
            end.flight = None;
        } else if end.is_cut {
            if pipe.bytes.is_empty() {
                return false;
            }
            pipe.bytes.clear();
            self.pipes[who].is_reset = true;
            return true;
        } else if !end.core.wants_input() {
            return false;
        } else if !pipe.bytes.is_empty() {
            let bytes: Vec<_> = pipe.bytes.drain(..len.min(pipe.bytes.len())).collect();
            end.core.handle_received(&bytes, self.now);
            end.pass(&bytes, self.now);
        } else if pipe.has_ended && !pipe.end_was_read {
            pipe.end_was_read = true;
            end.core.handle_end_of_stream(&end.limits, self.now);
        } else {
            return false;
        }
        self.follow_up(who);
        true
    }

    /// The link fails for both ends.
    pub(super) fn reset(&mut self) {
        for pipe in &mut self.pipes {
            pipe.bytes.clear();
            pipe.is_reset = true;
        }
    }

    /// When the timer of an end goes off.
    pub(super) fn deadline(&self, who: usize) -> Option<Time> {
        let end = &self.ends[who];
        end.core.poll_timeout(&end.limits, self.now)
    }

    /// The timer of an end has gone off.
    pub(super) fn time_out(&mut self, who: usize) {
        let pipe = &self.pipes[who];
        let unacknowledged_bytes = pipe.bytes.len() + usize::from(pipe.has_ended && !pipe.end_was_read);
        let end = &mut self.ends[who];
        if end.core.wants_acknowledgement(&end.limits, self.now) {
            let known = Acknowledgement { unacknowledged_bytes, ..Acknowledgement::default() };
            end.core.handle_acknowledgement(known, &end.limits, self.now);
        }
        end.core.handle_timeout(&end.limits, &end.spares, self.now);
        self.follow_up(who);
    }

    /// Carries everything that either end sends.
    pub(super) fn carry_all(&mut self) {
        (0..2).for_each(|who| self.start(who));
        while (0..2).any(|who| self.take(who, usize::MAX) > 0 || self.deliver(who, usize::MAX)) {}
    }

    /// An end sends what it has at first.
    pub(super) fn start(&mut self, who: usize) {
        let end = &mut self.ends[who];
        end.core.transmit(&end.limits, &end.spares, self.now);
        self.follow_up(who);
    }

    /// Time passes, and everything that is due happens.
    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        self.carry_all();
        while let Some((at, who)) = (0..2).filter_map(|who| Some((self.deadline(who)?, who))).min()
            && at <= until
        {
            self.now = self.now.max(at);
            self.time_out(who);
            self.carry_all();
        }
        self.now = until;
    }
}

impl End {
    fn new(role: Role, session: Box<dyn Session>, now: Time) -> Self {
        let mut core = Connection::new(role, &RateLimit::NONE, now);
        core.open(session, now);
        let limits = Limits::default().with(|it| {
            it.idle_timeout = Duration::ZERO;
            it.frame_timeout = Duration::ZERO;
            it.unacknowledged_timeout = Duration::ZERO;
            it.outbox.age_max = Duration::ZERO;
        });
        let spares = Spares::default();
        Self {
            core,
            limits,
            spares,
            flight: None,
            why: None,
            ended_sending: None,
            is_cut: false,
            has_sent: false,
        }
    }

    fn pass(&mut self, bytes: &[u8], now: Time) {
        let Some(mut input) = self.core.input(bytes, &self.limits, &self.spares, now) else { return };
        loop {
            match input.advance() {
                Advance::Silent => {}
                Advance::Done => break,
                other => panic!("a stream has no events: {other:?}"),
            }
        }
        input.finish();
    }
}

fn bytes_of(parcel: Parcel) -> Vec<u8> {
    match parcel {
        Parcel::Gathered(bytes) => bytes,
        Parcel::Shared(bytes) => bytes.to_vec(),
        Parcel::Pieces(pieces) => pieces.concat(),
    }
}

/// Makes a negotiation that of Seastar: without the feature by which two ends of ours recognize each other.
fn hide_peer(negotiation: &mut [u8]) {
    let peer = 0x7368_6364_u32.to_le_bytes();
    if let Some(at) = negotiation.windows(4).position(|it| it == peer) {
        negotiation[at] ^= 0x80;
    }
}
