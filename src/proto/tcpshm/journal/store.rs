use super::error::GrowError;

/// The bytes of a journal, to read: those of a file, or an image of one.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::Source;
///
/// let image = [1, 0, 0, 0, 0, 0, 0, 0, 7];
/// assert_eq!((image.len_bytes(), image.word(0)), (9, 1));
/// let mut out = vec![5];
/// image.read_to(7, 2, &mut out);
/// assert_eq!(out, [5, 0, 7]);
/// ```
pub trait Source {
    /// How many bytes there are.
    fn len_bytes(&self) -> u64;

    /// Copies the bytes from `at` on into all of `into`.
    ///
    /// # Panics
    /// They are not all within the source. The journal checks this first, so it is an error of the program.
    fn read(&self, at: u64, into: &mut [u8]);

    /// Appends `len` bytes from `at` on to `out`.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + len, 0);
        self.read(at, &mut out[start..]);
    }

    /// The little-endian word at `at`.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    fn word(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.read(at, &mut word);
        u64::from_le_bytes(word)
    }
}

/// The bytes of a journal, to write: a mapped file, or memory.
///
/// What a killed process leaves is the result of the first of its steps, in their order: each `publish` is one step,
/// and each aligned word of a `write` is one. The words of one `write` may be written in any order.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Source, Store};
///
/// let mut memory = vec![0; 16];
/// memory.write(2, b"ab");
/// memory.publish(8, 0x0201);
/// memory.grow(24).expect("there is memory");
/// assert_eq!((memory.word(0), memory.word(8), memory.len_bytes()), (0x6261_0000, 0x0201, 24));
/// ```
pub trait Store: Source {
    /// Writes `bytes` from `at` on.
    ///
    /// # Panics
    /// They are not all within the store. The journal checks this first, so it is an error of the program.
    fn write(&mut self, at: u64, bytes: &[u8]);

    /// Writes one little-endian word at `at`, a multiple of 8, in one store: after everything that was
    /// written before, and before everything that is written later.
    ///
    /// # Panics
    /// As [`write`](Self::write).
    fn publish(&mut self, at: u64, word: u64);

    /// Makes the store `len` bytes long, which is longer than it is. New bytes may have any content.
    ///
    /// # Errors
    /// It is refused; then nothing has changed.
    fn grow(&mut self, len: u64) -> Result<(), GrowError>;
}

impl Source for [u8] {
    fn len_bytes(&self) -> u64 {
        self.len() as u64
    }

    #[inline]
    fn read(&self, at: u64, into: &mut [u8]) {
        let at = index(at);
        into.copy_from_slice(&self[at..at + into.len()]);
    }

    #[inline]
    fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        let at = index(at);
        out.extend_from_slice(&self[at..at + len]);
    }
}

impl<const LEN: usize> Source for [u8; LEN] {
    fn len_bytes(&self) -> u64 {
        LEN as u64
    }

    #[inline]
    fn read(&self, at: u64, into: &mut [u8]) {
        self.as_slice().read(at, into);
    }
}

impl Source for Vec<u8> {
    fn len_bytes(&self) -> u64 {
        self.len() as u64
    }

    #[inline]
    fn read(&self, at: u64, into: &mut [u8]) {
        self.as_slice().read(at, into);
    }

    #[inline]
    fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        self.as_slice().read_to(at, len, out);
    }
}

/// Memory, for a journal that need not outlive its process.
impl Store for Vec<u8> {
    #[inline]
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let at = index(at);
        self[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[inline]
    fn publish(&mut self, at: u64, word: u64) {
        self.write(at, &word.to_le_bytes());
    }

    fn grow(&mut self, len: u64) -> Result<(), GrowError> {
        let len = usize::try_from(len).map_err(|_| GrowError::TooLarge)?;
        self.try_reserve_exact(len.saturating_sub(self.len())).map_err(|_| GrowError::TooLarge)?;
        self.resize(len, 0);
        Ok(())
    }
}

/// An offset as an index of memory; one that does not fit is beyond the end.
#[inline]
fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX >> 1)
}
