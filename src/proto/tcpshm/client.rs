//! A client: its peer is the server that it was connected to last.

use std::{fmt, marker::PhantomData, time::Duration};

use super::{
    FileError, Files, Geometry, Login, LoginResponse, Mismatch, MismatchPolicy, Name, Peer, PeerConfig,
    Sequences, Start, Status, Times, exchange::Exchange,
};
use crate::{Command, EndOfStream, Error, Event, Progress, Session, Shared, Time};

/// The files of a client.
pub trait ClientFiles: Files {
    /// The server that it was connected to last.
    ///
    /// # Errors
    /// It cannot be read.
    fn last_server(&self) -> Result<Option<Name>, FileError>;

    /// Remembers the server.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_last_server(&self, server: &Name) -> Result<(), FileError>;
}

/// What a client is made of.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{ClientConfig, MismatchPolicy};
///
/// let config = ClientConfig::default().with(|it| it.mismatch = MismatchPolicy::ResetToPeer);
/// assert_eq!(config.user_data.len(), 0);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClientConfig {
    /// That of the server.
    pub geometry: Geometry,
    /// Times of the connection.
    pub times: Times,
    /// Bounds of the peer.
    pub peer: PeerConfig,
    /// What is sent with the login.
    pub user_data: Vec<u8>,
    /// What happens if the sequence numbers do not match. Default: the login fails.
    pub mismatch: MismatchPolicy,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tcpshm::ClientConfig;
    ///
    /// assert_eq!(ClientConfig::default().with(|it| it.user_data = vec![7]).user_data, [7]);
    /// ```
    impl ClientConfig
}

/// A client, as its session and its application share it.
pub struct ClientState<F: ClientFiles> {
    name: Name,
    config: ClientConfig,
    files: F,
    /// There is none before the first login.
    peer: Option<Peer<F::Store>>,
    outcome: Option<Result<LoggedOn, LoginError>>,
    /// The application takes messages by [`Peer::front`].
    is_pulled: bool,
}

/// A login was accepted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LoggedOn {
    /// The user data of the response.
    pub user_data: Vec<u8>,
    /// The server is another one than last time: so many messages that were kept for that one were dropped.
    pub dropped: Option<u64>,
}

/// A login failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server refuses it.
    #[error("the server refuses the login: {text}")]
    Refused {
        /// What the server says.
        text: String,
        /// The user data of the response.
        user_data: Vec<u8>,
    },
    /// The sequence numbers of both ends do not match.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// The files of the client cannot be used.
    #[error("{0}")]
    File(FileError),
    /// The response is not valid.
    #[error("the response of the server is not valid")]
    Invalid,
}

impl<F: ClientFiles> ClientState<F> {
    /// A client without a connection.
    ///
    /// # Errors
    /// Its files cannot be used.
    pub fn open(name: Name, config: ClientConfig, files: F) -> Result<Self, FileError> {
        let peer = match files.last_server()? {
            Some(server) => {
                let journal = files.open(&server)?;
                Some(Peer::new(name.clone(), server, journal, config.peer.clone()))
            }
            None => None,
        };
        Ok(Self { name, config, files, peer, outcome: None, is_pulled: false })
    }

    /// The server that it was connected to last; `None` before its first login.
    pub const fn peer(&self) -> Option<&Peer<F::Store>> {
        self.peer.as_ref()
    }

    /// The same, to send and receive.
    pub const fn peer_mut(&mut self) -> Option<&mut Peer<F::Store>> {
        self.peer.as_mut()
    }

    /// From now on the application takes messages by [`Peer::front`].
    pub fn pull(&mut self) {
        self.is_pulled = true;
        self.peer.iter_mut().for_each(Peer::pull);
    }

    /// The result of the last login, once.
    pub const fn take_outcome(&mut self) -> Option<Result<LoggedOn, LoginError>> {
        self.outcome.take()
    }

    fn log_in(&self, out: &mut Vec<u8>) {
        let peer = self.peer.as_ref();
        let login = Login {
            sequences: peer.map_or_else(Sequences::default, Peer::sequences),
            user_data: &self.config.user_data,
            uses_shared_memory: false,
            client: self.name.as_str().as_bytes(),
            last_server: peer.map_or(b"", |peer| peer.remote().as_str().as_bytes()),
        };
        login.encode(&self.config.geometry, out);
    }

    fn handle_response(&mut self, response: &LoginResponse<'_>) -> Result<(), LoginError> {
        let server = Name::from_wire(response.server).map_err(|_| LoginError::Invalid)?;
        match response.status {
            Status::Accepted => {}
            Status::Mismatch => return Err(self.handle_mismatch(response.sequences)),
            Status::Refused => {
                let (text, user_data) = (response.error_text(), response.user_data.to_vec());
                return Err(LoginError::Refused { text, user_data });
            }
        }
        let dropped = self.be_connected_to(&server).map_err(LoginError::File)?;
        let peer = self.peer.as_mut().ok_or(LoginError::Invalid)?;
        peer.handle_opened(response.sequences).map_err(LoginError::Mismatch)?;
        self.outcome = Some(Ok(LoggedOn { user_data: response.user_data.to_vec(), dropped }));
        Ok(())
    }

    /// Begins anew if this is another server than last time.
    fn be_connected_to(&mut self, server: &Name) -> Result<Option<u64>, FileError> {
        if self.peer.as_ref().is_some_and(|peer| peer.remote() == server) {
            return Ok(None);
        }
        // The new journal comes first: a client that ends here logs in as before.
        let journal = self.files.replace(server, Start::default())?;
        self.files.set_last_server(server)?;
        let dropped = self.peer.as_ref().map(|peer| peer.journal().next() - peer.journal().first());
        let mut peer = Peer::new(self.name.clone(), server.clone(), journal, self.config.peer.clone());
        if self.is_pulled {
            peer.pull();
        }
        self.peer = Some(peer);
        Ok(dropped)
    }

    fn handle_mismatch(&mut self, remote: Sequences) -> LoginError {
        let local = self.peer.as_ref().map_or_else(Sequences::default, Peer::sequences);
        let received = match self.config.mismatch {
            MismatchPolicy::Reject => return LoginError::Mismatch(Mismatch { local, remote }),
            MismatchPolicy::ResetToPeer => remote.start,
            MismatchPolicy::ResetBoth => remote.end,
        };
        // The next login matches.
        if let Some(peer) = &mut self.peer {
            let start = Start { next: remote.ack.into(), received: received.into() };
            match self.files.replace(peer.remote(), start) {
                Ok(journal) => peer.replace_journal(journal),
                Err(error) => return LoginError::File(error),
            }
        }
        LoginError::Mismatch(Mismatch { local, remote })
    }
}

/// The peer of a client that has logged in.
struct PeerOf<F, C> {
    client: C,
    files: PhantomData<fn() -> F>,
}

impl<F, C: Clone> Clone for PeerOf<F, C> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), files: PhantomData }
    }
}

impl<F: ClientFiles, C: Shared<ClientState<F>>> Shared<Peer<F::Store>> for PeerOf<F, C> {
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut Peer<F::Store>) -> R) -> R {
        self.client.with(|client| f(client.peer.as_mut().expect("it has logged in")))
    }
}

/// The session of a client: it logs in, and then exchanges messages with the server.
pub struct Connecting<F: ClientFiles, C: Shared<ClientState<F>>> {
    client: C,
    login: Vec<u8>,
    times: Times,
    began: Time,
    exchange: Option<Exchange<F::Store, PeerOf<F, C>>>,
}

impl<F: ClientFiles, C: Shared<ClientState<F>>> Connecting<F, C> {
    /// A session of this client.
    pub fn new(client: C, now: Time) -> Self {
        let mut login = Vec::new();
        let times = client.with(|client| {
            client.outcome = None;
            client.log_in(&mut login);
            client.config.times
        });
        Self { client, login, times, began: now, exchange: None }
    }

    #[cold]
    fn handle_response(&mut self, input: &[u8], now: Time) -> Result<Progress<'static>, Error> {
        let geometry = self.client.with(|client| client.config.geometry);
        let Some(response) = LoginResponse::decode(input, &geometry)? else { return Ok(Progress::NEED_MORE) };
        self.client.with(|client| {
            let handled = client.handle_response(&response);
            handled.map_err(|error| {
                client.outcome = Some(Err(error));
                Error::LoginRefused
            })
        })?;
        let peer = PeerOf { client: self.client.clone(), files: PhantomData };
        self.exchange = Some(Exchange::new(peer, geometry.byte_order(), self.times, now));
        // Messages that were kept follow.
        Ok(Progress::silent(geometry.response_len()).and_more())
    }
}

impl<F: ClientFiles, C: Shared<ClientState<F>>> Session for Connecting<F, C> {
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error> {
        match &mut self.exchange {
            Some(exchange) => exchange.handle_input(input, now),
            None => self.handle_response(input, now),
        }
    }

    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        match &mut self.exchange {
            Some(exchange) => exchange.handle_timeout(now),
            None if now >= self.began + self.times.login => Err(Error::TimedOut("login response")),
            None => Ok(()),
        }
    }

    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        _: &mut Vec<u8>,
        _: Time,
    ) -> Result<(), Command<'c>> {
        Err(command)
    }

    fn poll_event(&mut self) -> Option<Event<'_>> {
        self.exchange.as_mut()?.poll_event()
    }

    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.login);
        if let Some(exchange) = &mut self.exchange {
            exchange.poll_transmit(out);
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        match &self.exchange {
            Some(exchange) => exchange.poll_timeout(),
            None => Some(self.began + self.times.login),
        }
    }

    fn handle_end_of_stream(&mut self, _: Time) -> EndOfStream {
        EndOfStream::Close
    }

    fn is_established(&self) -> bool {
        self.exchange.is_some()
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.times.login)
    }

    fn handle_sent(&mut self, queued: usize) -> bool {
        self.exchange.as_mut().is_some_and(|exchange| exchange.handle_sent(queued))
    }

    fn is_full(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_full)
    }

    fn held_bytes(&self) -> usize {
        self.exchange.as_ref().map_or(0, Exchange::held_bytes)
    }
}

impl<F: ClientFiles, C: Shared<ClientState<F>>> Drop for Connecting<F, C> {
    fn drop(&mut self) {
        if let Some(exchange) = &self.exchange {
            exchange.peer().with(Peer::handle_closed);
        }
    }
}

impl<F: ClientFiles> fmt::Debug for ClientState<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientState")
            .field("name", &self.name)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl<F: ClientFiles, C: Shared<ClientState<F>>> fmt::Debug for Connecting<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").field("is_logged_on", &self.exchange.is_some()).finish_non_exhaustive()
    }
}
