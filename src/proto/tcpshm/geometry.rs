use super::header::HEADER_LEN;

/// What both ends of a connection must have in common; nothing on the wire says it. The original fixes it at compile time.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{ByteOrder, Geometry, UserData};
///
/// // That of the echo example.
/// let geometry = Geometry::default();
/// assert_eq!((geometry.login_len(), geometry.response_len()), (56, 72));
///
/// let geometry = Geometry::new(32, ByteOrder::Big, UserData::new(32)?, UserData::new(8)?)?;
/// assert_eq!((geometry.login_len(), geometry.response_len()), (120, 96));
/// # Ok::<(), shardcast_proto::tcpshm::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Geometry {
    name_size: u16,
    byte_order: ByteOrder,
    login: UserData,
    response: UserData,
}

/// The order of the bytes of integers in headers and logins. Names, texts, user data and bodies are never swapped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ByteOrder {
    /// The least significant byte comes first.
    #[default]
    Little,
    /// The most significant byte comes first.
    Big,
}

/// The type of the data of the application in logins, or in responses to them: only its size and its alignment matter.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::UserData;
///
/// // An integer of 8 bytes, and an array of 8 chars.
/// assert_eq!(UserData::new(8)?.align(), 8);
/// assert_eq!(UserData::aligned(8, 1)?.align(), 1);
/// # Ok::<(), shardcast_proto::tcpshm::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UserData {
    len: u16,
    align: u8,
}

/// A geometry that no peer can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// Names have no room.
    #[error("the name size is 2 to 256 bytes, not {0}")]
    NameSize(u16),
    /// The user data is empty, or too long.
    #[error("user data has 1 to 1,024 bytes, not {0}")]
    UserDataLen(u16),
    /// Not an alignment.
    #[error("user data is aligned to 1, 2, 4, 8 or 16 bytes, not {0}")]
    UserDataAlign(u8),
}

impl UserData {
    /// User data of 1, 2, 4 or 8 bytes is an integer, and aligned like it. Other sizes are arrays of bytes.
    ///
    /// # Errors
    /// The size is not 1 to 1,024 bytes.
    pub const fn new(len: u16) -> Result<Self, GeometryError> {
        let align = match len {
            2 | 4 | 8 => len as u8,
            _ => 1,
        };
        Self::aligned(len, align)
    }

    /// User data with this alignment.
    ///
    /// # Errors
    /// The size is not 1 to 1,024 bytes, or the alignment is not a power of two up to 16.
    pub const fn aligned(len: u16, align: u8) -> Result<Self, GeometryError> {
        match (len, align) {
            (0, _) | (1025.., _) => Err(GeometryError::UserDataLen(len)),
            (_, 1 | 2 | 4 | 8 | 16) => Ok(Self { len, align }),
            _ => Err(GeometryError::UserDataAlign(align)),
        }
    }

    /// Its size in bytes.
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it has no bytes: never.
    pub const fn is_empty(self) -> bool {
        false
    }

    /// Its alignment in bytes.
    pub const fn align(self) -> usize {
        self.align as usize
    }
}

/// One byte.
impl Default for UserData {
    fn default() -> Self {
        Self { len: 1, align: 1 }
    }
}

impl Geometry {
    /// A geometry. `name_size` includes the NUL at the end; `login` and `response` are the user data of the login and of
    /// its response.
    ///
    /// # Errors
    /// `name_size` is not 2 to 256.
    pub const fn new(
        name_size: u16,
        byte_order: ByteOrder,
        login: UserData,
        response: UserData,
    ) -> Result<Self, GeometryError> {
        match name_size {
            2..=256 => Ok(Self { name_size, byte_order, login, response }),
            _ => Err(GeometryError::NameSize(name_size)),
        }
    }

    /// Bytes of a name, its NUL included.
    pub const fn name_size(&self) -> usize {
        self.name_size as usize
    }

    /// The order of the bytes of integers.
    pub const fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    /// The user data of logins.
    pub const fn login_user_data(&self) -> UserData {
        self.login
    }

    /// The user data of responses to logins.
    pub const fn response_user_data(&self) -> UserData {
        self.response
    }

    /// Whether a name fits.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tcpshm::{Geometry, Name};
    ///
    /// let fits = |name| Name::new(name).is_ok_and(|name| Geometry::default().fits(&name));
    /// assert!(fits("order_gateway_1") && !fits("order_gateway_01"));
    /// ```
    pub fn fits(&self, name: &super::Name) -> bool {
        name.as_str().len() < self.name_size()
    }

    /// Bytes of a login on the wire.
    pub const fn login_len(&self) -> usize {
        padded(self.login_fields().end)
    }

    /// Bytes of the response to a login on the wire.
    pub const fn response_len(&self) -> usize {
        padded(self.response_fields().end)
    }

    pub(super) const fn login_fields(&self) -> Fields {
        let flag = self.login_flag();
        Fields::new(self.login, flag, self.name_size(), self.name_size())
    }

    pub(super) const fn response_fields(&self) -> Fields {
        let flag = self.response.end();
        Fields::new(self.response, flag, self.name_size(), ERROR_TEXT_LEN)
    }

    const fn login_flag(&self) -> usize {
        self.login.end()
    }
}

impl UserData {
    /// Where it begins in a login.
    const fn begin(self) -> usize {
        (HEADER_LEN + 8).next_multiple_of(self.align())
    }

    const fn end(self) -> usize {
        self.begin() + self.len()
    }
}

/// The geometry of the original's echo example: names of 16 bytes, user data of one byte, little-endian.
impl Default for Geometry {
    fn default() -> Self {
        Self {
            name_size: 16,
            byte_order: ByteOrder::Little,
            login: UserData::default(),
            response: UserData::default(),
        }
    }
}

/// Where the fields of a login or its response lie, by the rules of C for structs. Offsets count from the header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fields {
    pub(super) user_data: usize,
    /// Whether it is shared memory, or the status.
    pub(super) flag: usize,
    /// The first of the two texts; it follows the flag.
    pub(super) name: usize,
    pub(super) text: usize,
    pub(super) text_end: usize,
    /// The value of the size field.
    pub(super) end: usize,
}

impl Fields {
    const fn new(data: UserData, flag: usize, name_len: usize, text_len: usize) -> Self {
        let (name, text) = (flag + 1, flag + 1 + name_len);
        let text_end = text + text_len;
        let align = if data.align() > 4 { data.align() } else { 4 };
        let end = HEADER_LEN + (text_end - HEADER_LEN).next_multiple_of(align);
        Self { user_data: data.begin(), flag, name, text, text_end, end }
    }
}

/// The bytes that a message of this size occupies on the wire.
pub(super) const fn padded(size: usize) -> usize {
    size.next_multiple_of(8)
}

/// Bytes of the error text of a response, its NUL included.
pub(super) const ERROR_TEXT_LEN: usize = 32;
