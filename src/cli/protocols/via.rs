//! The flag `--via`: which protocol a command uses.

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Command, builder::PossibleValuesParser};

use crate::config::{ListenerOptions, Protocol};

/// A protocol that a command can use, with the part of its entry that the command needs.
pub(crate) struct Via<'a, T> {
    /// The value of `--via`.
    pub(crate) name: &'static str,
    /// The part of the entry.
    pub(crate) part: &'a T,
    pub(super) protocol: &'a Protocol,
}

impl<T> Via<'_, T> {
    /// A listener of the protocol without a name, on a free port.
    pub(crate) fn listener_options(&self) -> ListenerOptions {
        self.protocol.listener_options()
    }

    /// The address of the protocol's default listener.
    ///
    /// # Errors
    /// The protocol has no default listener.
    pub(crate) fn default_address(&self) -> anyhow::Result<SocketAddr> {
        let listener = self.protocol.default_listener_options();
        let name = self.name;
        listener
            .map(|it| it.listen.0)
            .with_context(|| format!("{name} has no default address: use --connect"))
    }
}

/// The protocol of this name.
///
/// # Errors
/// There is none. The command line accepts only names of `vias`.
pub(crate) fn find<'a, T: 'a>(
    mut vias: impl Iterator<Item = Via<'a, T>>,
    name: &str,
) -> anyhow::Result<Via<'a, T>> {
    vias.find(|it| it.name == name).with_context(|| format!("unknown protocol `{name}`"))
}

/// The values of `--via` of a command; the first is the default.
pub(crate) fn add_values<'a, T: 'a>(command: Command, vias: impl Iterator<Item = Via<'a, T>>) -> Command {
    let names: Vec<&str> = vias.map(|it| it.name).collect();
    let (default, help) = (names.first().copied(), format!("Protocol: {}", names.join(", ")));
    command.mut_arg("via", |it| {
        let parser = PossibleValuesParser::new(names);
        it.help(help).value_parser(parser).hide_possible_values(true).default_value(default)
    })
}

/// Adds the default address of each protocol to the help of `--connect`.
pub(crate) fn add_addresses<'a, T: 'a>(command: Command, vias: impl Iterator<Item = Via<'a, T>>) -> Command {
    let all: Vec<_> = vias.filter_map(|it| Some((it.name, it.default_address().ok()?))).collect();
    let mut defaults = all.first().map_or_else(String::new, |(_, address)| address.to_string());
    for (name, address) in all.iter().skip(1) {
        // Most differ in their port only.
        let is_same_host = all.first().is_some_and(|(_, first)| first.ip() == address.ip());
        let place = if is_same_host { address.port().to_string() } else { address.to_string() };
        defaults.push_str(&format!(", {name} {place}"));
    }
    command.mut_arg("connect", |it| {
        let help = match &all[..] {
            [_] => it.get_help().map(ToString::to_string).unwrap_or_default(),
            // A text does not fit into the same line.
            _ => String::new(),
        };
        it.help(format!("{help} [default: {defaults}]").trim_start().to_owned())
    })
}
