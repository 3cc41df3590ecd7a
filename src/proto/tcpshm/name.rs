use std::fmt;

/// The name of a client or a server: 1 byte or more, without control characters, and without what would let a file that is
/// named after it lie elsewhere (`/`, a `.` in front). How long it may be depends on the [`Geometry`](super::Geometry).
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Name, NameError};
///
/// let name = Name::new("order gateway 1")?;
/// assert_eq!(name.as_str(), "order gateway 1");
/// assert_eq!(Name::new("../../etc/passwd"), Err(NameError::Forbidden));
/// assert_eq!(Name::from_wire(b"client\0rest"), Name::new("client"));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Box<str>);

/// A name cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("a name must not be empty")]
    Empty,
    /// It has more bytes than every geometry allows.
    #[error("a name has at most {} bytes", Name::LEN_MAX)]
    TooLong,
    /// It is not UTF-8, or has a control character or `/`, or begins with `.`.
    #[error("a name is UTF-8 without control characters and '/', and does not begin with '.'")]
    Forbidden,
}

impl Name {
    /// The longest name of any geometry, in bytes.
    pub const LEN_MAX: usize = 255;

    /// Checks a name.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn new(name: &str) -> Result<Self, NameError> {
        match name.len() {
            0 => return Err(NameError::Empty),
            1..=Self::LEN_MAX => {}
            _ => return Err(NameError::TooLong),
        }
        if name.starts_with('.') || name.contains(|c: char| c == '/' || c.is_control()) {
            return Err(NameError::Forbidden);
        }
        Ok(Self(name.into()))
    }

    /// The name in a field that ends at the first NUL.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn from_wire(field: &[u8]) -> Result<Self, NameError> {
        let name = until_nul(field);
        Self::new(str::from_utf8(name).map_err(|_| NameError::Forbidden)?)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The bytes before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
