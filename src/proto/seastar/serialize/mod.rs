//! The encoding of arguments, results and messages of streams.
//!
//! The protocol leaves it to the application. This is what Seastar's own tests and its load generator `rpc_tester` use:
//!
//! | C++ | Rust | bytes |
//! | --- | --- | --- |
//! | `bool` | `bool` | one, 0 or 1 |
//! | integers, `float`, `double` | `i8` to `i64`, `u8` to `u64`, `f32`, `f64` | little-endian, of fixed length |
//! | `sstring` | `String`, `&str` (UTF-8), [`Bytes`], `&[u8]`, `Vec<u8>` (any bytes) | `u32` length, bytes |
//! | `std::vector<T>` | `Vec<T>`, `[T]` | `u32` number of elements, elements |
//! | arguments, `rpc::tuple<…>`, structs | tuples, [`serialize_struct!`](crate::serialize_struct) | the elements in order, with nothing between them |
//! | `rpc::optional<T>` | [`Tail<T>`] | those of `T`, or none |
//! | `rpc::sink<…>`, `rpc::source<…>` | [`ConnectionId`](super::ConnectionId) | `u64` |
//! | `void` | `()` | none |
//! | smart pointers | `Box<T>`, `Rc<T>`, `Arc<T>` | those of `T` |
//!
//! Interfaces can grow: an old receiver ignores bytes after the last value that it knows, and a new one reads
//! a [`Tail`] that an old sender does not have as `None`.
//!
//! A [`Reader`] bounds what its input can cost. A claimed length reserves no memory, and what an element takes in memory
//! beyond its bytes is limited, as is the depth of lists in lists.
//!
//! It is deliberately not the encoding of Scylla, which has its own.
//!
//! Sources: `doc/rpc.md` of scylladb/seastar, and bytes recorded from its client and server at commit 525fcc86.
//!
//! # Examples
//! ```
//! use shardcast_proto::seastar::serialize::{DecodeError, Tail, from_slice, to_vec};
//!
//! // The arguments of `sstring(int32, sstring)`.
//! let bytes = to_vec(&(7, "seven"));
//! assert_eq!(bytes, b"\x07\0\0\0\x05\0\0\0seven");
//! assert_eq!(from_slice(&bytes), Ok((7, "seven")));
//!
//! // A later version has one more, which older clients do not send, and older servers ignore.
//! let later: (i32, String, Tail<f64>) = from_slice(&bytes)?;
//! assert_eq!(later, (7, "seven".into(), Tail(None)));
//! let bytes = to_vec(&(7, "seven", Tail(Some(7.0))));
//! assert_eq!(from_slice(&bytes), Ok((7, "seven")));
//! # Ok::<(), DecodeError>(())
//! ```

mod error;
mod impls;
mod reader;
mod structure;
mod tail;

use bytes::Bytes;

pub use error::{DecodeError, DecodeErrorKind};
pub use reader::Reader;
pub use tail::Tail;

/// A value that can be sent.
///
/// # Examples
/// An enum, sent as its number:
/// ```
/// use shardcast_proto::seastar::serialize::{
///     Decode, DecodeError, DecodeErrorKind, Encode, Reader, from_slice, to_vec,
/// };
///
/// #[derive(Debug, PartialEq)]
/// enum Color {
///     Red,
///     Blue,
/// }
///
/// impl Encode for Color {
///     fn encode(&self, out: &mut Vec<u8>) {
///         let number: u8 = if *self == Self::Red { 0 } else { 1 };
///         number.encode(out);
///     }
/// }
///
/// impl<'de> Decode<'de> for Color {
///     fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
///         match u8::decode(r)? {
///             0 => Ok(Self::Red),
///             1 => Ok(Self::Blue),
///             _ => Err(r.error(DecodeErrorKind::Custom("unknown color"))),
///         }
///     }
/// }
///
/// let bytes = to_vec(&vec![Color::Blue, Color::Red]);
/// assert_eq!(bytes, [2, 0, 0, 0, 1, 0]);
/// assert_eq!(from_slice(&bytes), Ok(vec![Color::Blue, Color::Red]));
/// assert_eq!(from_slice::<Color>(&[7]).unwrap_err().to_string(), "byte 1: unknown color");
/// ```
pub trait Encode {
    /// Appends the value.
    ///
    /// The length of a string or list of 4 GiB and more does not fit. Neither does such a payload fit into a frame, which
    /// is checked there.
    fn encode(&self, out: &mut Vec<u8>);

    /// Appends the elements of a list.
    #[doc(hidden)]
    #[inline]
    fn encode_elements(list: &[Self], out: &mut Vec<u8>)
    where
        Self: Sized,
    {
        for value in list {
            value.encode(out);
        }
    }
}

/// A value that can be read from `'de` bytes.
pub trait Decode<'de>: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// The bytes are not those of such a value.
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError>;

    /// Reads the elements of a list.
    #[doc(hidden)]
    #[inline]
    fn decode_elements(r: &mut Reader<'de>, count: usize) -> Result<Vec<Self>, DecodeError> {
        impls::decode_each(r, count)
    }
}

/// A value that owns its data.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::serialize::{DecodeError, DecodeOwned, from_slice};
///
/// fn first<T: DecodeOwned>(payload: Vec<u8>) -> Result<T, DecodeError> {
///     from_slice(&payload)
/// }
/// assert_eq!(first(vec![5, 0]), Ok(5_u16));
/// ```
pub trait DecodeOwned: for<'de> Decode<'de> {}

impl<T: for<'de> Decode<'de>> DecodeOwned for T {}

/// The bytes of a value.
pub fn to_vec<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// Reads a value from the front of `input`. Bytes after it are ignored.
///
/// # Errors
/// The bytes are not those of such a value.
pub fn from_slice<'de, T: Decode<'de>>(input: &'de [u8]) -> Result<T, DecodeError> {
    T::decode(&mut Reader::new(input))
}

/// As [`from_slice`]; [`Bytes`] in the value are parts of `input` instead of copies.
///
/// # Errors
/// As [`from_slice`].
///
/// # Examples
/// ```
/// use bytes::Bytes;
/// use shardcast_proto::seastar::serialize::{from_bytes, to_vec};
///
/// let input = Bytes::from(to_vec("picture"));
/// let picture: Bytes = from_bytes(&input)?;
/// assert_eq!(picture.as_ptr(), input[4..].as_ptr());
/// # Ok::<(), shardcast_proto::seastar::serialize::DecodeError>(())
/// ```
pub fn from_bytes<'de, T: Decode<'de>>(input: &'de Bytes) -> Result<T, DecodeError> {
    T::decode(&mut Reader::shared(input))
}
