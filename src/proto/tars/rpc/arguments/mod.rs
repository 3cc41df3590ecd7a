//! Arguments and results, in the encoding that the version of a packet asks for.
//!
//! Generated code puts and takes each parameter with both its tag and its name; the version decides which of them is on
//! the wire.
//!
//! | version | a parameter is | the result is |
//! | --- | --- | --- |
//! | [`Version::TUP`], [`Version::TUP_TYPED`] | an attribute with its name | the attributes `""` and `"tars_ret"` |
//! | [`Version::JSON`] | a member with its name | the member `"tars_ret"` |
//! | [`Version::TARS`] and all others | a field with its tag | the field 0 |
//!
//! # Examples
//! ```
//! use shardcast_proto::tars::{
//!     packet::Version,
//!     rpc::{ArgumentError, ArgumentReader, ArgumentWriter, EncodeError},
//! };
//!
//! /// `int hello(string name, out string greeting)`: a response.
//! fn response(version: Version) -> Result<Vec<u8>, EncodeError> {
//!     let mut w = ArgumentWriter::new(version, Vec::new());
//!     w.put_result(&7);
//!     w.put(2, "greeting", "hello");
//!     w.finish()
//! }
//! assert_eq!(response(Version::TARS)?, b"\x00\x07\x26\x05hello");
//! let json = String::from_utf8(response(Version::JSON)?)?;
//! assert!(json.contains(r#""greeting":"hello""#) && json.contains(r#""tars_ret":7"#));
//!
//! for version in [Version::TARS, Version::TUP_TYPED, Version::TUP, Version::JSON] {
//!     let body = response(version)?;
//!     let mut r = ArgumentReader::new(version, &body)?.lossy();
//!     assert_eq!((r.take_result::<i32>()?, r.take::<String>(2, "greeting")?), (7, "hello".into()));
//!
//!     let mut r = ArgumentReader::new(version, &body)?;
//!     let error: ArgumentError = r.take::<i32>(2, "greeting").expect_err("it is text");
//!     assert!(error.to_string().contains("greeting"), "{error}");
//! }
//!
//! // `string:3 name`
//! let mut r = ArgumentReader::new(Version::TARS, b"\x1d\x00\x00\x04long")?;
//! assert!(r.take_at_most::<Vec<u8>>(1, "name", 3).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod read;
mod write;

pub use error::{ArgumentError, EncodeError};
pub use read::ArgumentReader;
pub use write::ArgumentWriter;

#[cfg(doc)]
use super::super::packet::Version;

/// The tag of the result.
const RESULT_TAG: u8 = 0;
/// The name of the result that every implementation knows, and its only one in JSON.
const RESULT_NAME: &str = "tars_ret";
/// The second name of the result in TUP.
const RESULT_NAME_TUP: &str = "";
