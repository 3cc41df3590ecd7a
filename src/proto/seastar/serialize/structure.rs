//! Structs of the application.

/// Implements [`Encode`](crate::seastar::serialize::Encode) and [`Decode`](crate::seastar::serialize::Decode) for a struct,
/// as its fields in this order. All fields must be named. A struct that borrows has one lifetime.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     seastar::serialize::{DecodeError, Tail, from_slice, to_vec},
///     serialize_struct,
/// };
///
/// #[derive(Debug, PartialEq)]
/// struct User {
///     id: u64,
///     name: String,
///     born: Tail<u16>,
/// }
///
/// serialize_struct!(User { id, name, born });
///
/// let user = User { id: 7, name: "Ann".into(), born: Tail(None) };
/// let bytes = to_vec(&user);
/// assert_eq!(bytes, b"\x07\0\0\0\0\0\0\0\x03\0\0\0Ann");
/// assert_eq!(from_slice::<User>(&bytes)?, user);
///
/// struct Line<'a> {
///     text: &'a str,
/// }
///
/// serialize_struct!(Line<'a> { text });
///
/// let line: Line<'_> = from_slice(b"\x02\0\0\0ok")?;
/// assert_eq!(line.text, "ok");
/// # Ok::<(), DecodeError>(())
/// ```
#[macro_export]
macro_rules! serialize_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::seastar::serialize::Encode for $name {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::seastar::serialize::Encode::encode($field, out);)*
                let _ = out;
            }
        }

        impl<'de> $crate::seastar::serialize::Decode<'de> for $name {
            fn decode(
                r: &mut $crate::seastar::serialize::Reader<'de>,
            ) -> ::std::result::Result<Self, $crate::seastar::serialize::DecodeError> {
                let value = Self { $($field: $crate::seastar::serialize::Decode::decode(r)?),* };
                let _ = r;
                ::std::result::Result::Ok(value)
            }
        }
    };
    ($name:ident<$lifetime:lifetime> { $($field:ident),* $(,)? }) => {
        impl $crate::seastar::serialize::Encode for $name<'_> {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::seastar::serialize::Encode::encode($field, out);)*
            }
        }

        impl<$lifetime> $crate::seastar::serialize::Decode<$lifetime> for $name<$lifetime> {
            fn decode(
                r: &mut $crate::seastar::serialize::Reader<$lifetime>,
            ) -> ::std::result::Result<Self, $crate::seastar::serialize::DecodeError> {
                ::std::result::Result::Ok(Self {
                    $($field: $crate::seastar::serialize::Decode::decode(r)?),*
                })
            }
        }
    };
}
