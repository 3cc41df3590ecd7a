//! Loads of `bench`, for any protocol.

use shardcast_load::generator::{self, Measured, Plan, Watch};

/// The loads that `bench` can measure with one protocol.
#[derive(Clone, Copy, Default)]
pub(crate) struct Loads {
    /// Requests that come back to their sender.
    pub(crate) echo: Option<Load>,
    /// Publications, which come to the subscribers of their topics.
    pub(crate) push: Option<Load>,
    /// Streams of messages.
    pub(crate) stream: Option<Load>,
    /// A command of its own, which measures [`echo`](Self::echo) and [`stream`](Self::stream) with it.
    pub(crate) command: Option<LoadCommand>,
}

/// A command of `bench` for one protocol alone.
#[derive(Clone, Copy)]
pub(crate) struct LoadCommand {
    pub(crate) name: &'static str,
    /// Whether messages of a stream can leave in batches.
    pub(crate) has_batches: bool,
    /// Arguments of further examples.
    pub(crate) examples: &'static [&'static str],
}

/// One load with one protocol.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// The service of the listener that `bench` starts to measure.
    pub(crate) service: &'static str,
    /// Runs the generator, which is compiled for the protocol.
    pub(crate) run: Run,
    /// Open files of each connection.
    pub(crate) descriptors: Descriptors,
}

/// Open files of a connection at each end.
#[derive(Clone, Copy)]
pub(crate) struct Descriptors {
    pub(crate) client: u64,
    pub(crate) server: u64,
}

impl Descriptors {
    /// Its socket alone.
    pub(super) const SOCKET: Self = Self { client: 1, server: 1 };
}

/// Runs a plan, and reports its progress.
pub(crate) type Run = fn(&Plan, Watch<'_>) -> generator::Result<Measured>;

/// A load of any protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoadKind {
    /// [`Loads::echo`].
    Echo,
    /// [`Loads::push`].
    Push,
    /// [`Loads::stream`].
    Stream,
}

impl Loads {
    /// The load of this kind, if the protocol has it.
    pub(super) const fn of(&self, kind: LoadKind) -> Option<&Load> {
        match kind {
            LoadKind::Echo => self.echo.as_ref(),
            LoadKind::Push => self.push.as_ref(),
            LoadKind::Stream => self.stream.as_ref(),
        }
    }
}
