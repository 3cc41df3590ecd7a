//! What a reader allows its input.

/// Bounds of a [`TarsReader`](super::TarsReader).
///
/// Decoded strings and bytes are never larger than the input. These bounds limit what a few bytes could
/// otherwise cost: stack, and elements that take more memory than input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// The nesting depth of structs, lists and maps, including skipped fields. Default 64; real messages stay
    /// below 10. Decoding, and dropping the result, recurse to this depth.
    pub depth_max: u16,
    /// The memory of the elements of all lists and maps; each counts as its size in memory, without what it
    /// owns. Default 128 MiB. Two bytes on the wire can be a struct of some hundred bytes in memory.
    pub memory_max: usize,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::DecodeLimits;
    ///
    /// let limits = DecodeLimits::default().with(|it| it.depth_max = 10);
    /// assert_eq!(limits.depth_max, 10);
    /// ```
    impl DecodeLimits
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth_max: 64, memory_max: 128 << 20 }
    }
}

/// What to do with a `string` that is not UTF-8 if the Rust type must be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Utf8Policy {
    /// Refuse it.
    #[default]
    Strict,
    /// Replace invalid bytes with U+FFFD, as Java peers do. A borrowed `&str` cannot, and is refused.
    Lossy,
}
