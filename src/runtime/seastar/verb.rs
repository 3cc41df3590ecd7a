use std::{fmt, marker::PhantomData};

/// A function that can be called: its number, the type of its arguments, and the type of its result.
///
/// Arguments are one value or a tuple. A server and its clients may have constants of different types for the same verb:
/// where one side has a [`Source`](super::Source), the other has a [`SinkRef`](super::SinkRef).
///
/// # Examples
/// ```
/// use shardcast::seastar::{SinkRef, Source, Verb, serialize::Tail};
///
/// const ECHO: Verb<String, String> = Verb::new(1);
/// const SUM: Verb<(i32, i32), i32> = Verb::new(2);
/// const GROWN: Verb<(i32, Tail<i32>), (i32, String)> = Verb::new(11);
/// assert_eq!(ECHO.number(), 1);
///
/// /// A stream in each direction, for the server and for its clients.
/// const CHAT: Verb<Source<String>, SinkRef<String>> = Verb::new(16);
/// const TO_CHAT: Verb<SinkRef<String>, Source<String>> = Verb::new(16);
/// ```
pub struct Verb<A, R> {
    number: u64,
    signature: PhantomData<fn(A) -> R>,
}

/// A function that can be called and has no response.
///
/// # Examples
/// ```
/// use shardcast::seastar::OneWay;
///
/// const ADD: OneWay<i32> = OneWay::new(6);
/// assert_eq!(ADD.number(), 6);
/// ```
pub struct OneWay<A> {
    number: u64,
    signature: PhantomData<fn(A)>,
}

impl<A, R> Verb<A, R> {
    /// The function with this number.
    pub const fn new(number: u64) -> Self {
        Self { number, signature: PhantomData }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl<A> OneWay<A> {
    /// The function with this number.
    pub const fn new(number: u64) -> Self {
        Self { number, signature: PhantomData }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl<A, R> Copy for Verb<A, R> {}
impl<A> Copy for OneWay<A> {}

impl<A, R> Clone for Verb<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Clone for OneWay<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> fmt::Debug for Verb<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verb").field(&self.number).finish()
    }
}

impl<A> fmt::Debug for OneWay<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OneWay").field(&self.number).finish()
    }
}
