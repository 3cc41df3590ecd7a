//! Messages: appended, handed out to be sent, and released.

use super::{
    Durability, Journal,
    error::{AcknowledgeError, AppendError, Defect, JournalError},
    record::{self, RecordDefect, RecordHead, StoredMessage},
    ring::{Point, WORD_BYTES},
    store::Store,
};

impl<S: Store> Journal<S> {
    /// Appends a message, and returns its sequence number.
    ///
    /// When it returns, the message survives the end of the process.
    ///
    /// # Errors
    /// The message cannot be kept, now or ever; the journal is as it was.
    #[inline]
    pub fn append(&mut self, msg_type: u16, body: &[u8]) -> Result<u64, AppendError> {
        let head = match RecordHead::new(msg_type, body.len()) {
            Some(head) if msg_type != 0 => head,
            Some(_) => return Err(AppendError::Type),
            None => return Err(self.too_long(body.len())),
        };
        if head.len() > self.ring.room(self.tail.pos) {
            self.make_room(head)?;
        }
        let Point { pos, sequence } = self.tail;
        let (begin, end) = (pos + WORD_BYTES, pos + head.len());
        let checksum = self.checksums.of(head, self.seed, sequence, body);
        if !body.len().is_multiple_of(WORD_BYTES as usize) {
            self.ring.write(&mut self.store, end - WORD_BYTES, &[0; WORD_BYTES as usize]);
        }
        self.ring.write(&mut self.store, begin, body);
        self.ring.publish(&mut self.store, end, 0);
        self.ring.publish(&mut self.store, pos, head.word(checksum));
        self.tail = Point { pos: end, sequence: sequence + 1 };
        Ok(sequence)
    }

    /// Makes room for a message with a body of `len` bytes, so that the next [`append`](Self::append) of at most as many bytes
    /// succeeds.
    ///
    /// # Errors
    /// As for `append`.
    pub fn reserve(&mut self, len: usize) -> Result<(), AppendError> {
        let head = RecordHead::new(1, len).ok_or_else(|| self.too_long(len))?;
        if head.len() > self.ring.room(self.tail.pos) {
            self.make_room(head)?;
        }
        Ok(())
    }

    #[cold]
    pub(super) fn too_long(&self, len: usize) -> AppendError {
        AppendError::TooLong { len, max: self.body_max() }
    }

    /// Continues to send with the first message that is not acknowledged: at the beginning of a connection.
    pub const fn rewind_to_first(&mut self) {
        self.cursor = self.head;
    }

    /// Messages that may be sent, and were not since the connection began.
    pub const fn unsent_messages(&self) -> u64 {
        self.limit().sequence - self.cursor.sequence
    }

    /// Bytes of the messages that were sent since the connection began, and not acknowledged.
    pub const fn bytes_sent(&self) -> u64 {
        self.cursor.pos - self.head.pos
    }

    /// Bytes of the next message that [`copy_unsent`](Self::copy_unsent) appends, if there is one.
    pub fn next_unsent_len(&self) -> Option<u64> {
        if self.unsent_messages() == 0 {
            return None;
        }
        // What is damaged is found when it is copied.
        Some(self.record_len(self.cursor.pos, self.limit().pos).unwrap_or(0))
    }

    /// Appends messages to `out`, as on the wire, and returns how many. They are all of at most `bytes_max` bytes, but
    /// one at least, if one may be sent.
    ///
    /// `patch` gets the first 8 bytes of each: size and type, little endian, and 4 bytes that must be replaced.
    ///
    /// # Errors
    /// The journal was damaged while it was in use. `out` is as it was.
    pub fn copy_unsent(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
        mut patch: impl FnMut(&mut [u8; 8]),
    ) -> Result<usize, JournalError> {
        let (limit, start) = (self.limit(), out.len());
        let available = limit.pos - self.cursor.pos;
        if available == 0 {
            return Ok(0);
        }
        let first = self.record_len(self.cursor.pos, limit.pos)?;
        let len = first.max(bytes_max as u64).min(available);
        self.ring.read_to(&self.store, self.cursor.pos, len as usize, out);
        // What was copied cannot change any more.
        let mut rest = &mut out[start..];
        let (mut messages, mut taken) = (0, 0);
        while let Some((header, _)) = rest.split_first_chunk_mut::<8>() {
            let record = match load(u64::from_le_bytes(*header), available - taken) {
                Ok(record) if record <= len - taken => record,
                Ok(_) => break,
                Err(defect) => {
                    out.truncate(start);
                    return Err(self.damage(defect, self.cursor.pos + taken));
                }
            };
            patch(header);
            (messages, taken) = (messages + 1, taken + record);
            rest = &mut rest[record as usize..];
        }
        out.truncate(start + taken as usize);
        self.cursor.pos += taken;
        self.cursor.sequence += messages;
        self.sent = self.sent.max(self.cursor.sequence);
        Ok(messages as usize)
    }

    /// Releases the messages before `next`, which the peer expects next; returns how many they are. One that expects
    /// less than before changes nothing.
    ///
    /// # Errors
    /// The peer acknowledges what was never sent, or the journal was damaged. The journal is as it was.
    pub fn acknowledge(&mut self, next: u64) -> Result<u64, AcknowledgeError> {
        let released = next.saturating_sub(self.head.sequence);
        if released == 0 {
            return Ok(0);
        }
        if next > self.sent {
            return Err(AcknowledgeError::Unsent { next, sent: self.sent });
        }
        let mut pos = self.head.pos;
        for _ in 0..released {
            pos += self.record_len(pos, self.limit().pos)?;
        }
        self.head = Point { pos, sequence: next };
        if self.cursor.sequence < next {
            self.cursor = self.head;
        }
        if self.config.durability == Durability::Process {
            self.ring.release(pos);
        }
        self.fix_index();
        self.write_live();
        Ok(released)
    }

    /// All messages that are held, each checked again.
    pub fn messages(&self) -> Messages<'_, S> {
        Messages { journal: self, next: self.head }
    }

    /// Bytes of the record at `pos`, which ends at `limit` at the latest.
    #[inline]
    fn record_len(&self, pos: u64, limit: u64) -> Result<u64, JournalError> {
        load(self.ring.word(&self.store, pos), limit - pos).map_err(|defect| self.damage(defect, pos))
    }

    #[cold]
    fn damage(&self, defect: RecordDefect, pos: u64) -> JournalError {
        JournalError::new(Defect::Record(defect), self.ring.at(pos))
    }
}

/// Bytes of a record with this first word, at most `room`.
#[inline]
fn load(word: u64, room: u64) -> Result<u64, RecordDefect> {
    let len = RecordHead::load(word)?.len();
    if len <= room { Ok(len) } else { Err(RecordDefect::TooLong) }
}

/// The messages of a journal, in their order; see [`Journal::messages`].
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::Messages;
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (journal, _) = opening.finish();
/// let messages: Messages<'_, _> = journal.messages();
/// assert_eq!(messages.count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a, S> {
    journal: &'a Journal<S>,
    next: Point,
}

impl<S: Store> Iterator for Messages<'_, S> {
    type Item = Result<StoredMessage, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Journal { store, ring, seed, tail, .. } = self.journal;
        let Point { pos, sequence } = self.next;
        if pos >= tail.pos {
            return None;
        }
        let mut body = Vec::new();
        let missing = JournalError::new(Defect::Missing { sequence }, ring.at(pos));
        let read = record::read(store, ring, self.next, *seed, &mut body);
        match read.and_then(|head| head.ok_or(missing)) {
            Ok(head) => {
                body.truncate(head.body_len());
                self.next = Point { pos: pos + head.len(), sequence: sequence + 1 };
                Some(Ok(StoredMessage { sequence, msg_type: head.msg_type, body }))
            }
            Err(error) => {
                self.next = *tail;
                Some(Err(error))
            }
        }
    }
}
