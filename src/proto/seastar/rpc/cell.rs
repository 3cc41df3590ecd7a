use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use super::Stream;

/// Where a stream is kept that its session and its application share: on one thread, or on several.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use shardcast_proto::{
///     Time,
///     seastar::{ConnectionId, rpc::{ClientConfig, Read, SeastarStream, Stream, StreamCell, StreamError}},
/// };
///
/// /// The next message, if there is one.
/// fn next(cell: &impl StreamCell) -> Result<Option<Vec<u8>>, StreamError> {
///     cell.with(|stream| {
///         Ok(match stream.read(<[u8]>::to_vec)? {
///             Read::Message(message) => Some(message),
///             Read::End | Read::Pending => None,
///         })
///     })
/// }
///
/// let protocol = SeastarStream::new(&ClientConfig::default(), ConnectionId::new(1, 0));
/// let cell = Rc::new(RefCell::new(protocol.state(Time::from_nanos(0))));
/// assert!(cell.with(Stream::open_source));
/// assert_eq!(next(&cell), Ok(None));
/// ```
pub trait StreamCell: Clone {
    /// Calls `f` with the stream. It must not be called within `f`, and so not by a waker either: those who wait for the
    /// stream are woken within `f`.
    fn with<R>(&self, f: impl FnOnce(&mut Stream) -> R) -> R;
}

impl StreamCell for Rc<RefCell<Stream>> {
    fn with<R>(&self, f: impl FnOnce(&mut Stream) -> R) -> R {
        f(&mut self.borrow_mut())
    }
}

impl StreamCell for Arc<Mutex<Stream>> {
    fn with<R>(&self, f: impl FnOnce(&mut Stream) -> R) -> R {
        f(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
