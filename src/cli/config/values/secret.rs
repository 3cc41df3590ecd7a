use std::{fmt, str::FromStr};

use super::text::{TextValue, text_value};

/// A secret. It prints as [`REDACTED`], so that neither `config show` nor a
/// log line shows it.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The word; none when it is empty.
    pub(crate) fn reveal(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|word| !word.is_empty())
    }
}

text_value!(Secret);

impl TextValue for Secret {
    const TITLE: &'static str = "secret text, or \"\"";
    const EXAMPLES: &'static [&'static str] = &["", "PdQ8o7Zr2nVYxk5J"];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err("a token is text in quotes".to_owned())
    }
}

/// The messages do not repeat the text.
impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::default()),
            REDACTED => Err(format!("\"{REDACTED}\" is a placeholder: write the token itself")),
            _ if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len()) => {
                Err(format!("a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} characters"))
            }
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err("a token consists of ASCII letters, digits and punctuation, without blanks".to_owned())
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reveal().map_or("", |_| REDACTED))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

const REDACTED: &str = "<redacted>";

/// Shorter ones can be guessed; longer ones do not fit into a request.
const TOKEN_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 256;
