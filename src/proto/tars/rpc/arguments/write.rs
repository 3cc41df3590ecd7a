use super::{EncodeError, RESULT_NAME, RESULT_NAME_TUP, RESULT_TAG};
use crate::tars::{
    codec::{Encode, TarsWriter},
    json::{Json, JsonError, JsonValue, ToJson},
    packet::Version,
    tup::Attributes,
};

/// Writes the arguments or the results of one call.
///
/// Put them in the order of their tags, the result first.
#[derive(Debug)]
pub struct ArgumentWriter(Encoding);

#[derive(Debug)]
enum Encoding {
    Tars(TarsWriter),
    Tup { attributes: Attributes, out: Vec<u8> },
    Json { members: serde_json::Map<String, JsonValue>, out: Vec<u8>, failed: Option<EncodeError> },
}

impl ArgumentWriter {
    /// Appends to `out`, in the encoding of `version`.
    pub fn new(version: Version, out: Vec<u8>) -> Self {
        Self(match version {
            Version::TUP | Version::TUP_TYPED => Encoding::Tup { attributes: Attributes::new(version), out },
            Version::JSON => Encoding::Json { members: serde_json::Map::new(), out, failed: None },
            _ => Encoding::Tars(TarsWriter::from(out)),
        })
    }

    /// Puts a parameter.
    #[inline]
    pub fn put<T: Encode + ToJson + ?Sized>(&mut self, tag: u8, name: &str, value: &T) {
        match &mut self.0 {
            Encoding::Tars(w) => w.field(tag, value),
            encoding => encoding.put_named(name, value),
        }
    }

    /// Puts the result.
    #[inline]
    pub fn put_result<T: Encode + ToJson + ?Sized>(&mut self, value: &T) {
        match &mut self.0 {
            Encoding::Tars(w) => w.field(RESULT_TAG, value),
            encoding => {
                if let Encoding::Tup { attributes, .. } = encoding {
                    attributes.insert(RESULT_NAME_TUP.into(), value);
                }
                encoding.put_named(RESULT_NAME, value);
            }
        }
    }

    /// The bytes: what was there before, and the parameters.
    ///
    /// # Errors
    /// The first value that cannot be encoded.
    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.0 {
            Encoding::Tars(w) => Ok(w.into_vec()),
            Encoding::Tup { attributes, mut out } => {
                out.extend_from_slice(&attributes.encode());
                Ok(out)
            }
            Encoding::Json { failed: Some(error), .. } => Err(error),
            Encoding::Json { members, mut out, failed: None } => {
                let written = serde_json::to_writer(&mut out, &members);
                let failed = |error| EncodeError { parameter: "".into(), error: JsonError::from(error) };
                written.map(|()| out).map_err(failed)
            }
        }
    }
}

impl Encoding {
    fn put_named<T: Encode + ToJson + ?Sized>(&mut self, name: &str, value: &T) {
        match self {
            Self::Tars(_) => unreachable!("its parameters have tags"),
            Self::Tup { attributes, .. } => attributes.insert(name.into(), value),
            Self::Json { members, failed, .. } => match serde_json::to_value(Json(value)) {
                Ok(value) => drop(members.insert(name.to_owned(), value)),
                Err(error) => {
                    let error = JsonError::from(error);
                    failed.get_or_insert(EncodeError { parameter: name.into(), error });
                }
            },
        }
    }
}
