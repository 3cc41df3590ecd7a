//! The protocols of this command: one list, from which listeners are built, `--via` and `bench` choose, and the
//! configuration reference is made.
//!
//! A protocol is one module here, which builds one [`Entry`], and one line in [`Registry::builtin`]. No other code of
//! the command knows its name.

mod loads;
mod seastar;
mod tars;
mod tars_framed;
mod tcpshm;
#[cfg(test)]
mod tests;
mod topics;
mod via;

use std::{path::Path, sync::Arc};

use shardcast::Listener;

use crate::config::{Catalog, Fault, ListenerOptions, Protocol};

pub(crate) use loads::{Descriptors, Load, LoadCommand, LoadKind, Loads};
pub(crate) use topics::{ClientOptions, TopicClient, TopicPublisher, Topics};
pub(crate) use via::{Via, add_addresses, add_values, find};

/// One protocol: its description for the configuration, and its functions for this command.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Name, services, options, default listener.
    pub(crate) protocol: fn() -> Protocol,
    /// Its name for `--via`.
    pub(crate) via: &'static str,
    /// Adds to a listener the protocol and the service of its options; files of the protocol are in this directory.
    pub(crate) listen: fn(Listener, &ListenerOptions, Option<&Path>) -> anyhow::Result<Listener>,
    /// How `sub`, `pub` and `history` reach the topics of a server, if it has topics.
    pub(crate) topics: Option<Topics>,
    /// The loads that `bench` can measure with it.
    pub(crate) loads: Loads,
}

/// All protocols. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Registry {
    entries: Vec<Entry>,
    catalog: Arc<Catalog>,
}

impl Registry {
    /// The protocols of this command. The first is the default of listeners.
    pub(crate) fn builtin() -> Self {
        Self::new(vec![tars_framed::entry(), tars::entry(), seastar::entry(), tcpshm::entry()])
    }

    /// These protocols and one more.
    #[cfg(test)]
    pub(crate) fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        Self::new(self.entries)
    }

    fn new(entries: Vec<Entry>) -> Self {
        let catalog = Catalog::new(entries.iter().map(|entry| (entry.protocol)()).collect());
        Self { entries, catalog: Arc::new(catalog) }
    }

    /// All options of the configuration.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A listener with the protocol, the service and the name of these options, at their address.
    ///
    /// # Errors
    /// There is no such protocol, or its options are not valid: neither can be in a loaded configuration. Or the protocol
    /// needs `data_dir`, and cannot use it.
    pub(crate) fn listener(
        &self,
        options: &ListenerOptions,
        data_dir: Option<&Path>,
    ) -> anyhow::Result<Listener> {
        let name = &*options.protocol;
        let (_, entry) = self
            .iter()
            .find(|(protocol, _)| protocol.name == name)
            .ok_or_else(|| anyhow::anyhow!("unknown protocol `{name}`"))?;
        (entry.listen)(Listener::new(&*options.name, options.listen.0.to_string()), options, data_dir)
    }

    /// The protocols with topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = Via<'_, Topics>> {
        self.vias(|entry| entry.topics.as_ref())
    }

    /// The protocols with a load of this kind.
    pub(crate) fn loads(&self, kind: LoadKind) -> impl Iterator<Item = Via<'_, Load>> {
        self.vias(move |entry| entry.loads.of(kind))
    }

    /// The command of `bench` for this protocol alone, if it has one.
    pub(crate) fn load_command(&self, via: &Via<'_, Load>) -> Option<LoadCommand> {
        self.entries.iter().find(|entry| entry.via == via.name)?.loads.command
    }

    /// Whether this protocol has streams to measure.
    pub(crate) fn has_streams(&self, via: &Via<'_, Load>) -> bool {
        self.loads(LoadKind::Stream).any(|it| it.name == via.name)
    }

    fn vias<'a, T: 'a>(
        &'a self,
        part: impl Fn(&'a Entry) -> Option<&'a T>,
    ) -> impl Iterator<Item = Via<'a, T>> {
        let via = move |(protocol, entry): (&'a Protocol, &'a Entry)| {
            Some(Via { name: entry.via, part: part(entry)?, protocol })
        };
        self.iter().filter_map(via)
    }

    fn iter(&self) -> impl Iterator<Item = (&Protocol, &Entry)> {
        self.catalog.protocols().iter().zip(&self.entries)
    }
}

/// The fault of a listener that pushes at intervals although its protocol has no pushes.
fn without_pushes(listener: &ListenerOptions) -> Option<Fault> {
    let pushes = listener.push.as_ref().is_some_and(|push| !push.interval.0.is_zero());
    pushes.then(|| Fault {
        key: "push.message".to_owned(),
        others: Vec::new(),
        message: "this protocol has no pushes: set push.interval to \"0s\"".to_owned(),
    })
}
