use std::{fmt, str::FromStr};

/// Identifies one connection forever: because of `generation`, a stale id never refers to another connection.
///
/// Printed and parsed as `shard-slot-generation`, with a leading `node/` when the node is not 0.
///
/// # Examples
/// ```
/// use shardcast_proto::{ConnId, ParseConnIdError};
///
/// let id: ConnId = "3-70000-9".parse()?;
/// assert_eq!(id, ConnId { node: 0, shard: 3, slot: 70_000, generation: 9 });
/// assert_eq!(id.to_string(), "3-70000-9");
/// assert_eq!("3-70000".parse::<ConnId>(), Err(ParseConnIdError));
/// # Ok::<(), ParseConnIdError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnId {
    /// Host within a cluster; 0 until there is one.
    pub node: u16,
    /// Shard that the connection lives on.
    pub shard: u16,
    /// Slot in the shard's connection table, reused after the connection ends.
    pub slot: u32,
    /// Number of earlier connections in this slot.
    pub generation: u32,
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.node != 0 {
            write!(f, "{}/", self.node)?;
        }
        write!(f, "{}-{}-{}", self.shard, self.slot, self.generation)
    }
}

/// The text is not `shard-slot-generation`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a connection id: expected shard-slot-generation, as in 0-12-3")]
pub struct ParseConnIdError;

impl FromStr for ConnId {
    type Err = ParseConnIdError;

    fn from_str(text: &str) -> Result<Self, ParseConnIdError> {
        let (node, rest) = match text.split_once('/') {
            Some((node, rest)) => (node.parse().map_err(|_| ParseConnIdError)?, rest),
            None => (0, text),
        };
        let mut parts = rest.split('-');
        let mut part = || parts.next().ok_or(ParseConnIdError);
        let id = Self {
            node,
            shard: part()?.parse().map_err(|_| ParseConnIdError)?,
            slot: part()?.parse().map_err(|_| ParseConnIdError)?,
            generation: part()?.parse().map_err(|_| ParseConnIdError)?,
        };
        match parts.next() {
            Some(_) => Err(ParseConnIdError),
            None => Ok(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_printed() {
        for (node, text) in [(0, "3-70000-9"), (2, "2/3-70000-9")] {
            let id = ConnId { node, shard: 3, slot: 70_000, generation: 9 };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "1", "1-2", "1-2-3-4", "a-2-3", "1-2-99999999999", "x/1-2-3"] {
            assert_eq!(text.parse::<ConnId>(), Err(ParseConnIdError), "{text}");
        }
    }
}
