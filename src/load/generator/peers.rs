//! tcpshm, for the generator: each connection is a [`Client`] of the library, which its thread polls.

use std::{
    io::{self, Read as _, Write as _},
    mem,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use shardcast::{
    proto::tcpshm::{Header, Login, LoginResponse, Status},
    tcpshm::{ByteOrder, Client, ClientError, ClientEvent, ClientHandle, ClientOptions, Geometry, Sequences},
};
use tempfile::TempDir;

use super::{
    Counts, Direction, Load, Plan, Recorder, Result,
    connections::Connections,
    drive::{self, Timing, drive},
    pause, payload,
    stamper::Checked,
    work::{Found, Part, Work, echo},
};
use crate::{
    echo,
    framing::{Framing, InvalidFrame, Received},
};

/// [`Load::Echo`], and [`Load::Stream`] to the server.
pub(super) struct Peers;

impl Work for Peers {
    type Connections = Clients;

    fn connect(&self, part: &Part<'_>, _sockets: Option<Vec<TcpStream>>) -> Result<Clients> {
        Clients::connect(part.plan, part.share.first, part.share.connections)
    }

    fn connect_idle(&self, plan: &Plan, number: usize) -> io::Result<TcpStream> {
        log_in(plan.address, &format!("idle-{number}"))
    }

    fn heartbeat(&self) -> Option<Vec<u8>> {
        Some(Header::heartbeat(0).encode(ByteOrder::Little).to_vec())
    }

    fn run(&self, part: &Part<'_>, mut clients: Clients, timing: &Timing) -> Result<Found> {
        let (plan, recorder) = (part.plan, Recorder::new(timing.window));
        if plan.load == Load::Echo {
            let stamper = Checked::new(payload::Stamper::new(plan.run, plan.size), Bodies);
            return echo(part, clients, timing, stamper, recorder);
        }
        let mut load = OneWay::new(plan, recorder);
        let worked_nanos = drive(&mut clients, &mut load, timing, part.live)?;
        let (recorder, counts) = load.finish(&clients);
        Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos })
    }
}

/// What cannot be run with tcpshm.
///
/// # Errors
/// The plan has another load than an echo or a stream to the server, or its messages are too long.
pub(super) fn check(plan: &Plan) -> Result<()> {
    match plan.load {
        Load::Echo | Load::Stream(Direction::ToServer) => {}
        Load::Stream(_) => return Err("with this protocol, streams go to the server only".into()),
        _ => return Err("this protocol has no such load".into()),
    }
    super::threads::check_size::<Bodies>(plan)
}

/// Clients that have logged on.
pub(super) struct Clients {
    clients: Vec<Client>,
    handles: Vec<ClientHandle>,
    /// Those with something to send.
    dirty: Vec<u32>,
    /// Bodies that have come, one after the other, and where they end.
    bodies: Vec<u8>,
    ends: Vec<usize>,
    closed: u64,
    failure: Option<io::Error>,
    /// Removed after the clients.
    _folder: TempDir,
}

impl Clients {
    fn connect(plan: &Plan, first: usize, clients: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("shardcast-bench-").tempdir()?;
        let options = ClientOptions::new(folder.path()).with(|it| it.reconnects = false);
        let connect = |number| {
            let mut client = Client::open(&format!("bench-{number}"), plan.address, options.clone())?;
            client.log_on(options.times.login)?;
            Ok(client)
        };
        let connected = (first..first + clients).map(|number| {
            connect(number)
                .map_err(|error: ClientError| format!("cannot connect to {}: {error}", plan.address))
        });
        let clients: Vec<_> = connected.collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            handles: clients.iter().map(Client::handle).collect(),
            clients,
            dirty: Vec::new(),
            bodies: Vec::new(),
            ends: Vec::new(),
            closed: 0,
            failure: None,
            _folder: folder,
        })
    }

    /// Keeps a message, which leaves with the next turn; false if it must wait.
    #[inline]
    fn keep(&mut self, slot: u32, message_type: u16, body: &[u8]) -> bool {
        let kept = self.clients[slot as usize].push_more(message_type, body);
        self.is_kept(kept)
    }

    /// Sends messages together, as many as can be kept. Returns their number.
    #[inline]
    fn send_batch(&mut self, slot: u32, messages: u64, message_type: u16, body: &[u8]) -> u64 {
        let sent = self.clients[slot as usize].send_batch(|batch| {
            for sent in 0..messages {
                if let Err(error) = batch.push(message_type, body) {
                    return (sent, Err(error));
                }
            }
            (messages, Ok(0))
        });
        let (sent, last) = sent.unwrap_or_else(|error| (0, Err(error)));
        self.is_kept(last);
        sent
    }

    #[inline]
    fn is_kept(&mut self, kept: std::result::Result<u64, ClientError>) -> bool {
        match kept {
            Ok(_) => return true,
            Err(ClientError::Send(error)) if error.is_temporary() => {}
            // The connection has ended, or nothing can be kept: the turn fails.
            Err(error) => self.failure = Some(io::Error::other(error)),
        }
        false
    }

    fn flush(&mut self, slot: u32) {
        self.clients[slot as usize].flush();
    }

    /// Sends what was kept; true if there was any.
    #[inline]
    fn flush_dirty(&mut self) -> bool {
        let mut worked = false;
        while let Some(slot) = self.dirty.pop() {
            worked = true;
            self.flush(slot);
        }
        worked
    }

    /// Messages that were kept, and not consumed.
    fn unconsumed(&self) -> u64 {
        self.handles.iter().map(ClientHandle::unacknowledged).sum()
    }

    /// Receives what has come for one client.
    #[inline]
    fn poll(&mut self, slot: u32) {
        let Self { clients, bodies, ends, closed, .. } = self;
        clients[slot as usize].poll(|_, event| match event {
            ClientEvent::Message(message) => {
                bodies.extend_from_slice(message.body());
                ends.push(bodies.len());
                message.pop();
            }
            ClientEvent::LoggedOn(_) => {}
            // It was logged on, and does not connect again.
            _ => *closed += 1,
        });
    }
}

impl Connections for Clients {
    #[inline]
    fn send(&mut self, slot: u32, frame: &[u8]) {
        if self.keep(slot, ECHOED, frame) {
            // Messages of one client mostly come together.
            if self.dirty.last() != Some(&slot) {
                self.dirty.push(slot);
            }
        } else if self.failure.is_none() {
            self.failure =
                Some(io::Error::other("the journal of a client is full: fewer messages in flight fit"));
        }
    }

    fn is_open(&self, slot: u32) -> bool {
        self.clients[slot as usize].is_logged_on()
    }

    fn closed(&self) -> u64 {
        self.closed
    }

    #[inline]
    fn turn(&mut self, mut received: impl FnMut(&mut Self, u32, &[u8])) -> io::Result<bool> {
        let mut worked = self.flush_dirty();
        for slot in 0..self.clients.len() as u32 {
            self.poll(slot);
            if self.ends.is_empty() {
                continue;
            }
            worked = true;
            let (mut bodies, mut ends) = (mem::take(&mut self.bodies), mem::take(&mut self.ends));
            let mut begin = 0;
            for end in ends.drain(..) {
                received(self, slot, &bodies[begin..end]);
                begin = end;
            }
            bodies.clear();
            (self.bodies, self.ends) = (bodies, ends);
            self.flush_dirty();
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(worked),
        }
    }

    #[inline]
    fn frames(
        &mut self,
        _first: impl Fn(&[u8]) -> std::result::Result<Option<&[u8]>, InvalidFrame>,
        _slot: u32,
        body: &[u8],
        mut each: impl FnMut(&mut Self, &[u8]),
    ) {
        each(self, body);
    }

    /// With several clients it only lets other threads run.
    fn sleep(&mut self, until: u64) -> io::Result<()> {
        match &mut self.clients[..] {
            [client] => client.wait(Duration::from_nanos(pause::nanos_to(until))),
            _ => thread::yield_now(),
        }
        Ok(())
    }
}

/// A client that keeps nothing: only its connection is needed.
fn log_in(address: SocketAddr, client: &str) -> io::Result<TcpStream> {
    let (geometry, mut bytes) = (Geometry::default(), Vec::new());
    let login = Login {
        sequences: Sequences::default(),
        user_data: &[],
        uses_shared_memory: false,
        client: client.as_bytes(),
        last_server: &[],
    };
    login.encode(&geometry, &mut bytes);
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOGIN_TIME))?;
    stream.write_all(&bytes)?;
    bytes.resize(geometry.response_len(), 0);
    stream.read_exact(&mut bytes)?;
    match LoginResponse::decode(&bytes, &geometry) {
        Ok(Some(response)) if response.status == Status::Accepted => Ok(stream),
        Ok(Some(response)) => Err(io::Error::other(response.error_text())),
        Ok(None) | Err(_) => Err(io::Error::other("the response of the server is not valid")),
    }
}

/// The body of a message is a payload.
#[derive(Clone, Copy)]
struct Bodies;

impl Framing for Bodies {
    /// As much as a message can have.
    const MESSAGE_BYTES_MAX: usize = 65_527;

    fn first(input: &[u8]) -> std::result::Result<Option<&[u8]>, InvalidFrame> {
        Ok(Some(input))
    }

    #[inline]
    fn encode(&mut self, _id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        payload(out);
    }

    #[inline]
    fn decode<'a>(&'a mut self, body: &'a [u8]) -> Received<'a> {
        Received::Response { id: 0, payload: body }
    }
}

/// Messages that the server consumes, as many as it can.
struct OneWay {
    body: Vec<u8>,
    /// Messages that are sent together.
    batch: u32,
    recorder: Recorder,
    counts: Counts,
}

impl OneWay {
    fn new(plan: &Plan, recorder: Recorder) -> Self {
        Self { body: vec![FILLER; plan.size], batch: plan.depth, recorder, counts: Counts::default() }
    }

    fn finish(mut self, clients: &Clients) -> (Recorder, Counts) {
        self.counts.lost = self.counts.sent - self.counts.received;
        self.counts.disconnected = clients.closed();
        (self.recorder, self.counts)
    }

    /// Sends a few batches, or as many messages as the journal has room for. Returns their number.
    #[inline]
    fn send(&self, clients: &mut Clients, slot: u32) -> u64 {
        let mut sent = 0;
        while sent < u64::from(MESSAGES_BETWEEN_TURNS) {
            let batch = clients.send_batch(slot, self.batch.into(), echo::SINK, &self.body);
            sent += batch;
            if batch < self.batch.into() {
                break;
            }
        }
        sent
    }
}

impl drive::Load<Clients> for OneWay {
    fn poll(&mut self, clients: &mut Clients, now: u64) -> bool {
        let mut sent = 0;
        for slot in 0..clients.clients.len() as u32 {
            if clients.is_open(slot) {
                sent += self.send(clients, slot);
            }
        }
        self.counts.sent += sent;
        self.recorder.count(now, sent, 0);
        sent > 0
    }

    /// A server that answers is none that consumes.
    fn receive(&mut self, _clients: &mut Clients, _slot: u32, _body: &[u8]) {
        self.counts.corrupt += 1;
    }

    fn received_all(&mut self, clients: &Clients, now: u64) {
        let consumed = self.counts.sent - clients.unconsumed();
        self.recorder.count(now, 0, consumed - self.counts.received);
        self.counts.received = consumed;
    }

    fn stop(&mut self) {}

    fn outstanding(&self) -> u64 {
        self.counts.sent - self.counts.received
    }

    fn progress(&self) -> (u64, u64) {
        (self.counts.sent, self.counts.received)
    }
}

/// The type of a message that comes back.
const ECHOED: u16 = 1;

const FILLER: u8 = b'x';

/// How long the login of an idle client may take.
const LOGIN_TIME: Duration = Duration::from_secs(10);

/// After so many messages, acknowledgements are received.
const MESSAGES_BETWEEN_TURNS: u32 = 256;
