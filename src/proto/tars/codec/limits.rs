//! What a reader lets its input do.

/// Bounds of a [`TarsReader`](super::TarsReader).
///
/// What is decoded is never larger than the input allows in strings and bytes; these bounds are about what
/// a few bytes could otherwise be made to cost: stack, and elements that take more memory than input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecodeLimits {
    /// How many structs, lists and maps may be in each other, also in fields that are skipped. Default 64;
    /// real messages stay below 10. Decoding, and dropping what was decoded, recurse so deeply.
    pub depth_max: u16,
    /// What the elements of all lists and maps may take, each counted with its size in memory without what
    /// it owns. Default 128 MiB. Two bytes on the wire can be a struct of some hundred bytes in memory.
    pub memory_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth_max: 64, memory_max: 128 << 20 }
    }
}

/// What to do with a `string` that is not UTF-8, where the Rust type must be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Utf8Policy {
    /// Refuse it.
    #[default]
    Strict,
    /// Put U+FFFD in place of what is not UTF-8, as Java peers do. A borrowed `&str` cannot, and is refused.
    Lossy,
}
