//! What the two echo examples of tcpshm have in common: the flags for what both ends must have in common, and for the
//! durability of each.

use std::time::Duration;

use clap::{Args, ValueEnum};
use shardcast::tcpshm::{ByteOrder, Durability, Geometry, GeometryError, UserData};

/// What kept messages survive.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Mode {
    /// The end of the process.
    Process,
    /// Also a power loss, with at most one sync of the disk per 10 ms.
    Batch,
    /// Also a power loss, with a sync as soon as possible.
    Fsync,
}

impl From<Mode> for Durability {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Process => Self::Process,
            Mode::Batch => Self::Batch(Duration::from_millis(10)),
            Mode::Fsync => Self::Fsync,
        }
    }
}

/// The geometry, which is fixed at compile time in the original. User data of 1, 2, 4 or 8 bytes is an integer.
#[derive(Args, Debug)]
pub struct GeometryArgs {
    /// Bytes of a name, with the NUL at its end.
    #[arg(long, default_value_t = 16)]
    name_size: u16,
    /// Bytes of the user data of logins.
    #[arg(long, default_value_t = 1)]
    login_user_bytes: u16,
    /// Bytes of the user data of responses to logins.
    #[arg(long, default_value_t = 1)]
    login_rsp_user_bytes: u16,
    /// Alignment of the user data of logins, if it is not that of an integer of its size.
    #[arg(long)]
    login_user_align: Option<u8>,
    /// Alignment of the user data of responses, if it is not that of an integer of its size.
    #[arg(long)]
    login_rsp_user_align: Option<u8>,
    /// Send integers with their most significant byte first.
    #[arg(long)]
    big_endian: bool,
    /// Bytes of messages that are sent ahead of the other end, which needs a receive buffer of this size (TcpRecvBufMaxSize
    /// of the original). Further ones are kept. For the client, 2000 if not given; for the server, as many as are kept.
    #[arg(long)]
    pub tcp_queue_bytes: Option<u64>,
    /// Bytes of a queue in shared memory, which is not there yet.
    #[arg(long, default_value_t = 1 << 20)]
    pub shm_queue_bytes: u64,
}

impl GeometryArgs {
    /// The geometry.
    ///
    /// # Errors
    /// No peer can have it.
    pub fn geometry(&self) -> Result<Geometry, GeometryError> {
        let order = if self.big_endian { ByteOrder::Big } else { ByteOrder::Little };
        let login = user_data(self.login_user_bytes, self.login_user_align)?;
        let response = user_data(self.login_rsp_user_bytes, self.login_rsp_user_align)?;
        Geometry::new(self.name_size, order, login, response)
    }
}

fn user_data(len: u16, align: Option<u8>) -> Result<UserData, GeometryError> {
    match align {
        Some(align) => UserData::aligned(len, align),
        None => UserData::new(len),
    }
}
