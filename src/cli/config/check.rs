//! Rules beyond the form of single values.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    ops::RangeInclusive,
    time::Duration,
};

use shardcast::{
    ServerConfig,
    proto::{TopicName, TopicPrefix},
};

use super::{
    catalog::Catalog,
    key::Key,
    options::{Config, ListenerOptions},
    protocol::Service,
    report::{Place, Problem},
    values::HumanDuration,
};

/// An error in one value.
#[derive(Debug)]
pub(crate) struct ValueError {
    /// Its key.
    pub(crate) key: Key,
    message: String,
    help: Option<String>,
}

impl ValueError {
    /// An error without help.
    pub(crate) fn new(key: &Key, message: String) -> Self {
        Self { key: key.clone(), message, help: None }
    }

    /// Adds help.
    pub(crate) fn help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }

    /// Adds the place where the value was written.
    pub(crate) fn at(self, place: Place) -> Problem {
        Problem { place, message: self.message, help: self.help }
    }
}

/// Checks all rules; returns the errors. Errors of a value in `bad` are left out: that value is invalid
/// or missing, which is already reported, and `config` has its default instead.
pub(crate) fn check(catalog: &Catalog, config: &Config, bad: &BTreeSet<Key>) -> Vec<ValueError> {
    let mut errors = Errors { found: Vec::new(), bad };
    check_server(config, &mut errors);
    check_limits(config, &mut errors);
    check_admin(config, &mut errors);
    if config.listener.is_empty() {
        errors.add("listener", "no listener: clients cannot connect");
    }
    for (index, listener) in config.listener.iter().enumerate() {
        check_listener(index, listener, config, &mut errors);
        check_protocol(index, listener, config, catalog, &mut errors);
    }
    check_topics(config, &mut errors);
    check_names(config, &mut errors);
    check_addresses(config, &mut errors);
    errors.found
}

struct Errors<'a> {
    found: Vec<ValueError>,
    bad: &'a BTreeSet<Key>,
}

impl Errors<'_> {
    /// An error in one value.
    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.add_between(key, &[], message);
    }

    /// An error in a value that contradicts `others`.
    fn add_between(&mut self, key: &str, others: &[&str], message: impl Into<String>) {
        self.add_error(others, ValueError::new(&Key::new(key), message.into()));
    }

    fn add_error(&mut self, others: &[&str], error: ValueError) {
        if !self.bad.contains(&error.key) && !others.iter().any(|key| self.bad.contains(&Key::new(key))) {
            self.found.push(error);
        }
    }
}

fn check_server(config: &Config, errors: &mut Errors<'_>) {
    let server = &config.server;
    if !server.receive_buffers.is_power_of_two() {
        let count = u32::from(server.receive_buffers);
        let (above, below) = (count.next_power_of_two().min(32_768), count.next_power_of_two() / 2);
        let message = format!("{count} is not a power of two: the nearest are {below} and {above}");
        errors.add("server.receive_buffers", message);
    }
    if !(512..=1 << 20).contains(&server.receive_buffer_bytes.0) {
        let message =
            format!("{} is out of range: expected \"512B\" to \"1MiB\"", server.receive_buffer_bytes);
        errors.add("server.receive_buffer_bytes", message);
    }
    let known = ServerConfig::IO_URING_FEATURES;
    for name in server.io_uring_disable.iter().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("unknown io_uring feature \"{name}\": expected one of {}", known.join(", "));
        errors.add("server.io_uring_disable", message);
    }
}

fn check_limits(config: &Config, errors: &mut Errors<'_>) {
    let limits = &config.limits;
    if limits.identify_timeout.0.is_zero() {
        errors.add("limits.identify_timeout", "must be more than 0, or no client can connect");
    }
    if limits.outbox_bytes_max.0 == 0 {
        errors.add("limits.outbox_bytes_max", "must be more than 0, or nothing can be sent");
    }
    // The kernel accepts whole seconds, in 16 bits.
    let keepalive = Duration::from_secs(1)..=Duration::from_secs(9 * 3600);
    zero_or(limits.keepalive, keepalive, "limits.keepalive", errors);
}

fn check_admin(config: &Config, errors: &mut Errors<'_>) {
    let admin = &config.admin;
    if admin.token.reveal().is_some() && !admin.token_file.is_empty() {
        let message = "`token` is set, too: remove one of them";
        errors.add_between("admin.token_file", &["admin.token"], message);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    for name in admin.hosts.iter().filter(|name| name.is_empty() || !name.bytes().all(fits)) {
        let message = format!(
            "invalid host name \"{name}\": expected letters, digits, `-`, `_` and `.`, without a port"
        );
        errors.add("admin.hosts", message);
    }
}

fn zero_or(found: HumanDuration, range: RangeInclusive<Duration>, key: &str, errors: &mut Errors<'_>) {
    if !found.0.is_zero() && !range.contains(&found.0) {
        let (first, last) = (HumanDuration(*range.start()), HumanDuration(*range.end()));
        errors.add(key, format!("{found} is out of range: expected \"0s\", or \"{first}\" to \"{last}\""));
    }
}

fn check_listener(index: usize, listener: &ListenerOptions, config: &Config, errors: &mut Errors<'_>) {
    let key = |name: &str| format!("listener.{index}.{name}");
    if let Err(error) = TopicName::new(&listener.topic)
        && !listener.topic.is_empty()
    {
        errors.add(&key("topic"), error.to_string());
    }
    let outbox_bytes = listener.outbox_bytes_max.unwrap_or(config.limits.outbox_bytes_max);
    if outbox_bytes.0 == 0 && listener.outbox_bytes_max.is_some() {
        errors.add(&key("outbox_bytes_max"), "must be more than 0, or nothing can be sent");
    }
    zero_or(listener.rate_limit_burst, BURST, &key("rate_limit_burst"), errors);
    let Some(push) = &listener.push else { return };
    zero_or(
        push.interval,
        Duration::from_millis(1)..=Duration::from_secs(366 * 86_400),
        &key("push.interval"),
        errors,
    );
}

/// Checks the options of a listener with the rules of its protocol.
fn check_protocol(
    index: usize,
    listener: &ListenerOptions,
    config: &Config,
    catalog: &Catalog,
    errors: &mut Errors<'_>,
) {
    let key = |name: &str| format!("listener.{index}.{name}");
    let of_protocol = key("protocol");
    let name = &*listener.protocol;
    for (other, _) in listener.tables.iter().filter(|(other, table)| *other != name && !table.is_empty()) {
        let message = format!("[listener.{other}] has no effect: the protocol of this listener is `{name}`");
        errors.add_between(&key(other), &[&of_protocol], message);
    }
    let Some(protocol) = catalog.protocol(name) else { return };
    if !protocol.services.iter().any(|service| service.name == listener.service) {
        let message = format!("protocol `{name}` does not have the service `{}`", listener.service);
        let error = ValueError::new(&Key::new(&key("service")), message);
        errors.add_error(&[&of_protocol], error.help(format!("valid: {}", combinations(catalog))));
    }
    for fault in (protocol.check)(listener) {
        let others: Vec<String> =
            fault.others.iter().map(|other| key(other)).chain([of_protocol.clone()]).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        errors.add_between(&key(&fault.key), &others, fault.message);
    }
    let Some(push) = &listener.push else { return };
    let outbox_bytes = listener.outbox_bytes_max.unwrap_or(config.limits.outbox_bytes_max);
    let frame = push.message.len() as u64 + protocol.push_overhead;
    if frame > outbox_bytes.0 {
        let others = [&*key("outbox_bytes_max"), "limits.outbox_bytes_max"];
        let message = format!("its frame has {frame} bytes, more than outbox_bytes_max: {outbox_bytes}");
        errors.add_between(&key("push.message"), &others, message);
    }
}

/// Which services each protocol has.
fn combinations(catalog: &Catalog) -> String {
    let services = |services: &[Service]| services.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    let each = catalog.protocols().iter().map(|it| format!("{} with {}", it.name, services(it.services)));
    each.collect::<Vec<_>>().join("; ")
}

fn check_topics(config: &Config, errors: &mut Errors<'_>) {
    let mut seen = HashMap::new();
    for (index, topic) in config.push.topic.iter().enumerate() {
        let key = |name: &str| format!("push.topic.{index}.{name}");
        if let Err(error) = TopicPrefix::new(&topic.prefix) {
            let message = format!("{error}; a prefix covers all topics that begin with it, without a `*`");
            errors.add(&key("prefix"), message);
        } else if let Some(first) = seen.insert(&topic.prefix, index) {
            let message = format!("duplicate prefix, first used in push.topic[{first}]");
            errors.add_between(&key("prefix"), &[&format!("push.topic.{first}.prefix")], message);
        }
        zero_or(topic.burst, BURST, &key("burst"), errors);
    }
}

fn check_names(config: &Config, errors: &mut Errors<'_>) {
    let mut seen = HashMap::new();
    for (index, listener) in config.listener.iter().enumerate() {
        let (key, name) = (format!("listener.{index}.name"), listener.name.as_str());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.bytes().all(fits) {
            let message = format!("invalid name: expected 1 to {NAME_LEN_MAX} letters, digits, `-` and `_`");
            errors.add(&key, message);
        } else if let Some(first) = seen.insert(name, index) {
            let message = format!("duplicate name `{name}`, first used in listener[{first}]");
            errors.add_between(&key, &[&format!("listener.{first}.name")], message);
        }
    }
}

/// Two sockets cannot share an address; with port 0, each gets its own.
fn check_addresses(config: &Config, errors: &mut Errors<'_>) {
    let mut seen: HashMap<SocketAddr, (String, String)> = HashMap::new();
    // The server can start without an optional one.
    let listeners = config.listener.iter().enumerate().filter(|(_, listener)| !listener.optional);
    let admin =
        config.admin.listen.0.map(|address| ("admin.listen".to_owned(), "[admin]".to_owned(), address));
    let all = listeners
        .map(|(index, listener)| {
            (format!("listener.{index}.listen"), format!("listener `{}`", listener.name), listener.listen.0)
        })
        .chain(admin);
    for (key, name, address) in all.filter(|(_, _, address)| address.port() != 0) {
        match seen.get(&address) {
            Some((first, named)) => {
                errors.add_between(&key, &[first], format!("{named} already listens on {address}"));
            }
            None => {
                seen.insert(address, (key, name));
            }
        }
    }
}

/// The permitted idle time that may be saved up.
const BURST: RangeInclusive<Duration> = Duration::from_nanos(1)..=Duration::from_secs(86_400);

/// Names are labels of every metric.
const NAME_LEN_MAX: usize = 64;
