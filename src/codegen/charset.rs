//! The character set of `.tars` files: it applies to comments and strings; everything else is ASCII.

use encoding_rs::Encoding;

/// How to decode bytes that are not ASCII.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charset(Option<&'static Encoding>);

impl Charset {
    /// The character set with this name, as used on the web: `gbk`, `gb18030`, `big5`. `None` and UTF-8 leave
    /// the bytes unchanged, so that a comment in another character set does no harm.
    ///
    /// # Errors
    /// There is none with this name, or it does not contain ASCII.
    pub(crate) fn named(label: Option<&str>) -> Result<Self, String> {
        let Some(label) = label else { return Ok(Self(None)) };
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == encoding_rs::UTF_8 => Ok(Self(None)),
            Some(encoding) if encoding.is_ascii_compatible() => Ok(Self(Some(encoding))),
            _ => Err(label.to_owned()),
        }
    }

    /// `bytes` as UTF-8; invalid bytes are replaced.
    pub(crate) fn decode(self, bytes: Vec<u8>) -> Vec<u8> {
        match self.0 {
            Some(encoding) => encoding.decode(&bytes).0.into_owned().into_bytes(),
            None => bytes,
        }
    }
}
