use bytes::Bytes;

use super::{ArgumentError, RESULT_NAME, RESULT_NAME_TUP, RESULT_TAG};
use crate::tars::{
    codec::{DecodeOwned, Elements, TarsReader, Utf8Policy},
    json::{FromJson, JsonObject},
    packet::Version,
    tup::{Attributes, Key},
};

/// Reads the arguments or the results of one call.
///
/// Take them in the order of their tags, the result first. Parameters that are not taken are ignored.
#[derive(Debug)]
pub struct ArgumentReader<'a>(Encoding<'a>);

#[derive(Debug)]
enum Encoding<'a> {
    Tars(TarsReader<'a>),
    Tup(Attributes, Utf8Policy),
    Json(JsonObject),
}

impl<'a> ArgumentReader<'a> {
    /// Reads `body`, the buffer of a packet of `version`.
    ///
    /// # Errors
    /// It is not in the encoding of the version.
    pub fn new(version: Version, body: &'a [u8]) -> Result<Self, ArgumentError> {
        Ok(Self(match version {
            Version::TUP | Version::TUP_TYPED => {
                let attributes = Attributes::decode(version, &Bytes::copy_from_slice(body))?;
                Encoding::Tup(attributes, Utf8Policy::default())
            }
            Version::JSON => Encoding::Json(JsonObject::parse(body)?),
            _ => Encoding::Tars(TarsReader::new(body)),
        }))
    }

    /// Replaces invalid UTF-8 in strings, instead of refusing it.
    #[must_use]
    pub fn lossy(self) -> Self {
        Self(match self.0 {
            Encoding::Tars(r) => Encoding::Tars(r.utf8(Utf8Policy::Lossy)),
            Encoding::Tup(attributes, _) => Encoding::Tup(attributes, Utf8Policy::Lossy),
            json @ Encoding::Json(_) => json,
        })
    }

    /// Takes a parameter.
    ///
    /// # Errors
    /// It is missing, or is not a `T`.
    #[inline]
    pub fn take<T: DecodeOwned + FromJson>(&mut self, tag: u8, name: &str) -> Result<T, ArgumentError> {
        match &mut self.0 {
            Encoding::Tars(r) => r.require(tag).map_err(|error| ArgumentError::in_parameter(name, error)),
            encoding => encoding.take_named(name),
        }
    }

    /// Takes a parameter that was declared with a fixed size: at most `max` elements.
    ///
    /// # Errors
    /// It is missing, is not a `T`, or has more elements.
    pub fn take_at_most<T: DecodeOwned + FromJson + Elements>(
        &mut self,
        tag: u8,
        name: &str,
        max: usize,
    ) -> Result<T, ArgumentError> {
        let value: T = self.take(tag, name)?;
        let len = value.count();
        if len <= max { Ok(value) } else { Err(ArgumentError::too_many(name, len, max)) }
    }

    /// Takes the result.
    ///
    /// # Errors
    /// It is missing, or is not a `T`.
    #[inline]
    pub fn take_result<T: DecodeOwned + FromJson>(&mut self) -> Result<T, ArgumentError> {
        match &mut self.0 {
            Encoding::Tars(r) => Ok(r.require(RESULT_TAG)?),
            Encoding::Tup(attributes, _) if attributes.contains_key(Key::Name(RESULT_NAME_TUP.into())) => {
                self.0.take_named(RESULT_NAME_TUP)
            }
            encoding => encoding.take_named(RESULT_NAME),
        }
    }
}

impl Encoding<'_> {
    fn take_named<T: DecodeOwned + FromJson>(&mut self, name: &str) -> Result<T, ArgumentError> {
        match self {
            Self::Tars(_) => unreachable!("its parameters have tags"),
            Self::Tup(attributes, utf8) => Ok(attributes.require_with(Key::Name(name.into()), *utf8)?),
            Self::Json(members) => Ok(members.require(name)?),
        }
    }
}
