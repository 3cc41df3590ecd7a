//! What a client is made of, and what it cannot do.

use std::{io, path::PathBuf, time::Duration};

use shardcast_proto::{
    self as proto,
    tcpshm::{
        ClientConfig, ClientState, FileError, Geometry, LoginError, MismatchPolicy, Name, NotInFront, Times,
        journal::AppendError,
    },
};

use super::files::{Directory, DirectoryError, FilesConfig, JournalFiles};

/// What a client of tcpshm is made of.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::tcpshm::ClientOptions;
///
/// let options = ClientOptions::new("/var/lib/gateway").with(|it| it.reconnect_max = Duration::from_secs(1));
/// assert!(options.reconnects);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The folder of its files. It is created, and locked for this client's name.
    pub directory: PathBuf,
    /// The geometry of the server. Default: that of the original's echo example.
    pub geometry: Geometry,
    /// Times of the connection.
    pub times: Times,
    /// Its files.
    pub files: FilesConfig,
    /// What is sent with the login.
    pub user_data: Vec<u8>,
    /// Bytes of received messages that wait for the application. Default: 4 MiB.
    pub received_bytes_max: usize,
    /// Bytes of messages that are sent and not acknowledged: see `docs/tcpshm.md`. Default: no bound.
    pub unacknowledged_bytes_max: u64,
    /// How often the application gets a message that it fails to consume, before the connection is closed. Default: 10.
    pub attempts_max: u32,
    /// What happens if the sequence numbers do not match. Default: the login fails.
    pub mismatch: MismatchPolicy,
    /// How long a message that follows others, which the server has not consumed yet, waits for more to be sent with it; zero:
    /// each leaves at once. The messages of a burst share system calls. Default: 10 µs.
    pub gather: Duration,
    /// Whether it connects again by itself. Default: yes.
    pub reconnects: bool,
    /// The first pause between two attempts to connect; each further one is twice as long. Default: 100 ms.
    pub reconnect_min: Duration,
    /// The longest pause. Default: 5 s.
    pub reconnect_max: Duration,
}

proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::ClientOptions;
    ///
    /// assert_eq!(ClientOptions::new("files").with(|it| it.user_data = vec![1]).user_data, [1]);
    /// ```
    impl ClientOptions
}

impl ClientOptions {
    /// The defaults, with files in this folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let config = ClientConfig::default();
        Self {
            directory: directory.into(),
            geometry: config.geometry,
            times: config.times,
            files: FilesConfig::default(),
            user_data: config.user_data,
            received_bytes_max: config.peer.received_bytes_max,
            unacknowledged_bytes_max: config.peer.unacknowledged_bytes_max,
            attempts_max: config.peer.attempts_max,
            mismatch: config.mismatch,
            gather: Duration::from_micros(10),
            reconnects: true,
            reconnect_min: Duration::from_millis(100),
            reconnect_max: Duration::from_secs(5),
        }
    }

    /// The client with this name, and its files.
    pub(super) fn state(&self, name: &str) -> Result<ClientState<JournalFiles>, ClientError> {
        let name = Name::new(name).map_err(DirectoryError::from)?;
        if !self.geometry.fits(&name) {
            return Err(DirectoryError::NameLen { max: self.geometry.name_size() - 1 }.into());
        }
        let directory = Directory::open(&self.directory, &name, &self.files)?;
        let files = JournalFiles::new(directory, name.clone());
        Ok(ClientState::open(name, self.config(), files)?)
    }

    fn config(&self) -> ClientConfig {
        ClientConfig::default().with(|it| {
            it.geometry = self.geometry;
            it.times = self.times;
            it.user_data.clone_from(&self.user_data);
            it.peer.received_bytes_max = self.received_bytes_max;
            it.peer.unacknowledged_bytes_max = self.unacknowledged_bytes_max;
            it.peer.attempts_max = self.attempts_max;
            it.mismatch = self.mismatch;
        })
    }
}

/// Something that a client cannot do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Its folder, or its name, cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its files cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server, or this client, refuses the login.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// There is no connection.
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    /// It took too long.
    #[error("timed out")]
    TimedOut,
    /// The message cannot be kept, now or ever.
    #[error(transparent)]
    Send(#[from] AppendError),
    /// The client was never connected, so no server is known that a message would be for.
    #[error("the client was never connected to a server")]
    NoServer,
    /// The message is not the next one to consume.
    #[error(transparent)]
    NotInFront(#[from] NotInFront),
    /// The client was closed, or its shard stops, or it does not [reconnect](ClientOptions::reconnects).
    #[error("the client has ended")]
    Closed,
    /// A client that lives on a shard is opened there.
    #[error("a client that lives on a shard is opened on its thread")]
    OtherThread,
}
