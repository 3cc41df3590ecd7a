//! The names of topics, filters over topics, and positions in a topic.

use std::{fmt, ops::Deref, str::FromStr, sync::Arc, time::Duration};

/// The name of a topic: 1 to 255 bytes of UTF-8 without control characters and without `*`.
///
/// Cheap to clone: the text is shared.
///
/// # Examples
/// ```
/// use shardcast_proto::{TopicError, TopicName};
///
/// let name = TopicName::new("a")?;
/// assert_eq!(name.digest(), 0xaf63_dc4c_8601_ec8c);
/// assert_eq!(name.owner(4), 0); // the digest modulo 4
/// assert_eq!(TopicName::new("a*"), Err(TopicError::Character));
/// # Ok::<(), TopicError>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Longest name in bytes: the maximum of the length byte on the wire.
    pub const LEN_MAX: usize = 255;

    /// Checks `text` and keeps a copy of it.
    ///
    /// # Errors
    /// The text is empty, too long, or has a character that a name must not have.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        check(text)?;
        Ok(Self(text.into()))
    }

    /// FNV-1a (64 bits) of the name: the same for every process and every version.
    pub fn digest(&self) -> u64 {
        self.0.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
    }

    /// The shard, of `shards`, that owns the topic: its [`digest`](Self::digest) modulo `shards`.
    pub fn owner(&self, shards: u16) -> u16 {
        // Below `shards`, so it fits.
        (self.digest() % u64::from(shards.max(1))) as u16
    }
}

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicName {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The topics of a subscription. As text: a name, or a prefix followed by `*`.
///
/// # Examples
/// ```
/// use shardcast_proto::{TopicError, TopicFilter, TopicName, TopicPrefix};
///
/// let gold = TopicName::new("prices.gold")?;
/// let prices: TopicFilter = "prices.*".parse()?;
/// assert_eq!(prices, TopicFilter::Prefix(TopicPrefix::new("prices.")?));
/// assert!(prices.matches(&gold) && !prices.matches("news"));
/// assert!(TopicFilter::Exact(gold).matches("prices.gold"));
/// assert_eq!("prices.*.gold".parse::<TopicFilter>(), Err(TopicError::Character));
/// # Ok::<(), TopicError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TopicFilter {
    /// This topic.
    Exact(TopicName),
    /// Every topic whose name has this prefix: existing and future ones.
    Prefix(TopicPrefix),
}

impl TopicFilter {
    /// Whether the filter matches `topic`.
    pub fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(name) => **name == *topic,
            Self::Prefix(prefix) => topic.starts_with(&**prefix),
        }
    }
}

impl FromStr for TopicFilter {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        match text.strip_suffix('*') {
            Some(prefix) => Ok(Self::Prefix(TopicPrefix::new(prefix)?)),
            None => Ok(Self::Exact(TopicName::new(text)?)),
        }
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Prefix(prefix) => write!(f, "{}*", &**prefix),
        }
    }
}

/// A prefix of topic names: like a name, but it may be empty, which matches all.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TopicPrefix(Arc<str>);

impl TopicPrefix {
    /// Checks `text` and keeps a copy of it.
    ///
    /// # Errors
    /// The text is too long, or has a character that a name must not have.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        Ok(Self(text.into()))
    }
}

impl Deref for TopicPrefix {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TopicPrefix {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A place in the order of a topic's messages.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The lifetime of the topic: offsets of different epochs are unrelated.
    pub epoch: u64,
    /// Number of the message within its epoch, from 1; 0 is before the first.
    pub offset: u64,
}

/// What a subscriber that returns has missed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// It did not request missed messages.
    NotRequested,
    /// Nothing is lost: every missed message follows.
    Recovered,
    /// The messages `from ..= to` of the current epoch are lost; later ones follow. `to < from`: no message
    /// of this epoch is lost, but the subscriber's epoch has ended, and its last offset is unknown.
    Gap {
        /// Offset of the first lost message.
        from: u64,
        /// Offset of the last.
        to: u64,
    },
}

/// The options of a publication.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct PublishHeader {
    /// In a conflating outbox, it replaces the waiting message with the same key and topic.
    pub key: Option<u64>,
    /// It is published after this time.
    pub delay: Option<Duration>,
    /// It expires after this time.
    pub ttl: Option<Duration>,
    /// The least priority of the message, as its number on the wire.
    pub priority: Option<u8>,
}

/// The text is not the name of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// The text is empty.
    #[error("the name of a topic must not be empty")]
    Empty,
    /// More bytes than a name may have.
    #[error("the name of a topic has at most {} bytes", TopicName::LEN_MAX)]
    TooLong,
    /// A control character, or a `*` that is not the end of a prefix.
    #[error("the name of a topic must not contain control characters or `*`")]
    Character,
}

fn check(text: &str) -> Result<(), TopicError> {
    if text.len() > TopicName::LEN_MAX {
        return Err(TopicError::TooLong);
    }
    if text.chars().any(|letter| letter.is_control() || letter == '*') {
        return Err(TopicError::Character);
    }
    Ok(())
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_text_is_refused() {
        let long = "x".repeat(256);
        let cases = [
            ("", TopicError::Empty),
            (&*long, TopicError::TooLong),
            ("a*b", TopicError::Character),
            ("a\n", TopicError::Character),
        ];
        for (text, error) in cases {
            assert_eq!(TopicName::new(text), Err(error), "{text:?}");
        }
        assert!(TopicName::new(&long[1..]).is_ok());
        assert_eq!("a*b*".parse::<TopicFilter>(), Err(TopicError::Character));
    }

    #[test]
    fn a_filter_reads_back_as_it_was_printed_and_matches_what_it_says() {
        for (text, matches, misses) in
            [("a.b", "a.b", "a.b.c"), ("a.*", "a.", "a"), ("*", "x", ""), ("ä*", "äö", "a")]
        {
            let filter: TopicFilter = text.parse().expect("a filter");
            assert_eq!(filter.to_string(), text);
            assert!(filter.matches(matches), "{text}");
            assert!(misses.is_empty() || !filter.matches(misses), "{text}");
        }
    }

    #[test]
    fn the_owner_of_a_topic_never_changes() {
        // Computed by hand from the published test vectors of FNV-1a: a -> af63dc4c8601ec8c, foobar -> 85944171f73967e8.
        for (name, hash) in [("a", 0xaf63_dc4c_8601_ec8c_u64), ("foobar", 0x8594_4171_f739_67e8)] {
            for shards in [1_u16, 2, 3, 7, 64] {
                let owner = TopicName::new(name).expect("a name").owner(shards);
                assert_eq!(u64::from(owner), hash % u64::from(shards), "{name} of {shards}");
            }
        }
    }
}
