use super::{
    ByteOrder, Geometry, Header, Name, NameError,
    geometry::{ERROR_TEXT_LEN, Fields, padded},
    header::HEADER_LEN,
    name::until_nul,
};
use crate::Error;

/// The sequence numbers of one end of a connection: the low 32 bits of its counters.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::Sequences;
///
/// // It has consumed 3 messages of its peer, and keeps its own messages 7 and 8.
/// let sequences = Sequences { ack: 3, start: 7, end: 9 };
/// assert_eq!(sequences.end - sequences.start, 2);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sequences {
    /// How many messages of the peer it has consumed.
    pub ack: u32,
    /// The sequence number of the oldest message that it keeps.
    pub start: u32,
    /// The sequence number that its next message gets.
    pub end: u32,
}

/// The first message of a client. Borrows the received bytes.
///
/// | | field |
/// | --- | --- |
/// | 8 bytes | header: size without padding, type 1, `ack` |
/// | `u32`, `u32` | `start`, `end` |
/// | | user data, after padding up to its alignment |
/// | 1 byte | 1 for shared memory, 0 for TCP |
/// | name size | the client's name, filled with NUL |
/// | name size | the name of the server that the client was connected to last, filled with NUL; empty at first |
///
/// Then comes padding, first as C pads a struct, then to a multiple of 8. It is sent as zeros, and ignored when received.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Geometry, Login, Name, Sequences};
///
/// let geometry = Geometry::default();
/// let client = Name::new("client")?;
/// let sequences = Sequences { ack: 0, start: 0, end: 5 };
/// let login = Login { sequences, user_data: &[0], uses_shared_memory: false, client: b"client", last_server: b"" };
/// let mut sent = Vec::new();
/// login.encode(&geometry, &mut sent);
/// assert_eq!(sent.len(), geometry.login_len());
///
/// let received = Login::decode(&sent, &geometry).expect("as it was sent").expect("all of it");
/// assert_eq!((received, received.client_name()), (login, Ok(client)));
/// assert_eq!(Login::decode(&sent[..55], &geometry), Ok(None));
/// # Ok::<(), shardcast_proto::tcpshm::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Login<'a> {
    /// The sequence numbers of the client.
    pub sequences: Sequences,
    /// The application's data. What does not fit its field is cut off, and what is missing is filled with zeros.
    pub user_data: &'a [u8],
    /// Whether messages are to go through shared memory.
    pub uses_shared_memory: bool,
    /// The client's name, as it came.
    pub client: &'a [u8],
    /// The server that it was connected to last; empty for none.
    pub last_server: &'a [u8],
}

/// The response of a server to a [`Login`]. Borrows the received bytes.
///
/// | | field |
/// | --- | --- |
/// | 8 bytes | header: size without padding, type 2, `ack` |
/// | `u32`, `u32` | `start`, `end` |
/// | | user data, after padding up to its alignment |
/// | 1 byte | status: 0 accepted, 1 the sequence numbers of both do not match, 2 refused for another reason |
/// | name size | the server's name, filled with NUL |
/// | 32 bytes | why it was refused, filled with NUL |
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Geometry, LoginResponse, Sequences, Status};
///
/// let geometry = Geometry::default();
/// let response = LoginResponse {
///     sequences: Sequences::default(),
///     user_data: &[0],
///     status: Status::Refused,
///     server: b"server",
///     error: b"not today",
/// };
/// let mut sent = Vec::new();
/// response.encode(&geometry, &mut sent);
/// assert_eq!(LoginResponse::decode(&sent, &geometry), Ok(Some(response)));
/// assert_eq!(response.error_text(), "not today");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoginResponse<'a> {
    /// The sequence numbers of the server.
    pub sequences: Sequences,
    /// The application's data, as in a [`Login`].
    pub user_data: &'a [u8],
    /// The result.
    pub status: Status,
    /// The server's name, as it came.
    pub server: &'a [u8],
    /// Why the login was refused: at most 31 bytes of it are sent.
    pub error: &'a [u8],
}

/// The result of a login.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Status {
    /// Accepted.
    #[default]
    Accepted,
    /// The sequence numbers of both ends do not match.
    Mismatch,
    /// Refused for another reason.
    Refused,
}

impl<'a> Login<'a> {
    /// Reads the login at the front of `input`; `None`: its rest is missing.
    ///
    /// # Errors
    /// It is not a login of this geometry.
    pub fn decode(input: &'a [u8], geometry: &Geometry) -> Result<Option<Self>, Error> {
        let read = Read { input, fields: geometry.login_fields(), order: geometry.byte_order() };
        let Some(sequences) = read.sequences(LOGIN, "login")? else { return Ok(None) };
        Ok(Some(Self {
            sequences,
            user_data: read.user_data(geometry.login_user_data().len()),
            uses_shared_memory: read.flag() != 0,
            client: read.name(),
            last_server: read.text(),
        }))
    }

    /// Whether `prefix`, the first bytes of a connection, may be those of a login of this geometry.
    pub fn may_begin_with(prefix: &[u8], geometry: &Geometry) -> bool {
        let expected = Header { size: geometry.login_fields().end as u16, message_type: LOGIN, ack: 0 };
        let expected = expected.encode(geometry.byte_order());
        prefix.iter().zip(&expected[..4]).all(|(byte, expected)| byte == expected)
    }

    /// Appends the login.
    pub fn encode(&self, geometry: &Geometry, out: &mut Vec<u8>) {
        let mut write = Write::new(out, geometry.login_fields(), geometry.byte_order());
        write.sequences(LOGIN, self.sequences);
        write.user_data(self.user_data, geometry.login_user_data().len());
        write.flag(u8::from(self.uses_shared_memory));
        write.names(self.client, self.last_server);
    }

    /// The client's name, if it can be used.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn client_name(&self) -> Result<Name, NameError> {
        Name::from_wire(self.client)
    }
}

impl<'a> LoginResponse<'a> {
    /// Reads the response at the front of `input`; `None`: its rest is missing.
    ///
    /// # Errors
    /// It is not a response of this geometry.
    pub fn decode(input: &'a [u8], geometry: &Geometry) -> Result<Option<Self>, Error> {
        let read = Read { input, fields: geometry.response_fields(), order: geometry.byte_order() };
        let Some(sequences) = read.sequences(RESPONSE, "login response")? else { return Ok(None) };
        let status = match read.flag() {
            0 => Status::Accepted,
            1 => Status::Mismatch,
            2 => Status::Refused,
            _ => return Err(Error::Malformed("status of a login")),
        };
        Ok(Some(Self {
            sequences,
            user_data: read.user_data(geometry.response_user_data().len()),
            status,
            server: read.name(),
            error: if status == Status::Accepted { &[] } else { read.text() },
        }))
    }

    /// Appends the response.
    pub fn encode(&self, geometry: &Geometry, out: &mut Vec<u8>) {
        let mut write = Write::new(out, geometry.response_fields(), geometry.byte_order());
        write.sequences(RESPONSE, self.sequences);
        write.user_data(self.user_data, geometry.response_user_data().len());
        write.flag(match self.status {
            Status::Accepted => 0,
            Status::Mismatch => 1,
            Status::Refused => 2,
        });
        write.names(self.server, &self.error[..self.error.len().min(ERROR_TEXT_LEN - 1)]);
    }

    /// The error as a text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(self.error).into_owned()
    }
}

struct Read<'a> {
    input: &'a [u8],
    fields: Fields,
    order: ByteOrder,
}

impl<'a> Read<'a> {
    /// `None`: the rest of the message is missing. What else is read lies within it.
    fn sequences(&self, message_type: u16, what: &'static str) -> Result<Option<Sequences>, Error> {
        let Some(header) = self.input.first_chunk() else { return Ok(None) };
        let header = Header::decode(*header, self.order);
        if header.message_type != message_type || usize::from(header.size) != self.fields.end {
            return Err(Error::Malformed(what));
        }
        let [start, end] = [HEADER_LEN, HEADER_LEN + 4].map(|at| self.number(at));
        let is_whole = self.input.len() >= padded(self.fields.end);
        let sequences = start.zip(end).map(|(start, end)| Sequences { ack: header.ack, start, end });
        Ok(sequences.filter(|_| is_whole))
    }

    fn number(&self, at: usize) -> Option<u32> {
        let bytes = *self.input.get(at..)?.first_chunk()?;
        Some(match self.order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }

    fn user_data(&self, len: usize) -> &'a [u8] {
        &self.input[self.fields.user_data..][..len]
    }

    fn flag(&self) -> u8 {
        self.input[self.fields.flag]
    }

    fn name(&self) -> &'a [u8] {
        until_nul(&self.input[self.fields.name..self.fields.text])
    }

    fn text(&self) -> &'a [u8] {
        until_nul(&self.input[self.fields.text..self.fields.text_end])
    }
}

struct Write<'a> {
    message: &'a mut [u8],
    fields: Fields,
    order: ByteOrder,
}

impl<'a> Write<'a> {
    fn new(out: &'a mut Vec<u8>, fields: Fields, order: ByteOrder) -> Self {
        let begin = out.len();
        out.resize(begin + padded(fields.end), 0);
        Self { message: &mut out[begin..], fields, order }
    }

    fn sequences(&mut self, message_type: u16, Sequences { ack, start, end }: Sequences) {
        let header = Header { size: self.fields.end as u16, message_type, ack };
        self.message[..HEADER_LEN].copy_from_slice(&header.encode(self.order));
        for (at, number) in [(HEADER_LEN, start), (HEADER_LEN + 4, end)] {
            let bytes = match self.order {
                ByteOrder::Little => number.to_le_bytes(),
                ByteOrder::Big => number.to_be_bytes(),
            };
            self.message[at..][..4].copy_from_slice(&bytes);
        }
    }

    fn user_data(&mut self, data: &[u8], len: usize) {
        copy(data, &mut self.message[self.fields.user_data..][..len]);
    }

    fn flag(&mut self, flag: u8) {
        self.message[self.fields.flag] = flag;
    }

    fn names(&mut self, name: &[u8], text: &[u8]) {
        let Fields { name: begin, text: middle, text_end, .. } = self.fields;
        // The last byte stays NUL.
        copy(name, &mut self.message[begin..middle - 1]);
        copy(text, &mut self.message[middle..text_end - 1]);
    }
}

/// Copies as much as there is room for.
fn copy(from: &[u8], into: &mut [u8]) {
    let len = from.len().min(into.len());
    into[..len].copy_from_slice(&from[..len]);
}

const LOGIN: u16 = 1;
const RESPONSE: u16 = 2;
