use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

/// Where a client may connect to: an address, or a name with a port, which has addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint(Place);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    Address(SocketAddr),
    Name(String),
}

impl Endpoint {
    /// A name with a port, such as `localhost:10099`. It is looked up again for each attempt to connect, and all its
    /// addresses are tried.
    pub fn name(name: impl Into<String>) -> Self {
        let name = name.into();
        Self(name.parse().map_or(Place::Name(name), Place::Address))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self(Place::Address(address))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Address(address) => address.fmt(f),
            Place::Name(name) => f.write_str(name),
        }
    }
}

/// Finds the addresses of names. It runs on separate threads, and may block.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`, which has a port.
    ///
    /// # Errors
    /// There are none, or they could not be found.
    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>>;
}

impl<F: Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync> Resolve for F {
    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        self(name)
    }
}

/// Asks the operating system for the addresses.
pub(super) fn system(name: &str) -> io::Result<Vec<SocketAddr>> {
    name.to_socket_addrs().map(Iterator::collect)
}

/// The endpoints of a client, and the addresses that were found for them.
#[derive(Clone)]
pub(super) struct Endpoints {
    list: Arc<[Endpoint]>,
    resolver: Arc<dyn Resolve>,
    /// Used again if nothing is found: a name server may be down for a while.
    last: Vec<SocketAddr>,
    /// `last` was found just now.
    is_fresh: bool,
}

impl Endpoints {
    /// `known` are the addresses that were found already, if any.
    pub(super) fn new(list: Vec<Endpoint>, resolver: Arc<dyn Resolve>, known: Vec<SocketAddr>) -> Self {
        Self { list: list.into(), resolver, is_fresh: !known.is_empty(), last: known }
    }

    /// The addresses, if they need not be looked up.
    pub(super) fn at_once(&mut self) -> Option<Vec<SocketAddr>> {
        if std::mem::take(&mut self.is_fresh) {
            return Some(self.last.clone());
        }
        let address = |it: &Endpoint| match &it.0 {
            Place::Address(address) => Some(*address),
            Place::Name(_) => None,
        };
        self.list.iter().map(address).collect()
    }

    /// Looks all names up, which may take a while; empty if no address was found.
    pub(super) fn look_up(&self) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for endpoint in &*self.list {
            match &endpoint.0 {
                Place::Address(address) => found.push(*address),
                Place::Name(name) => match self.resolver.resolve(name) {
                    Ok(addresses) => found.extend(addresses),
                    Err(error) => tracing::debug!(name, %error, "cannot resolve"),
                },
            }
        }
        found
    }

    /// Takes the addresses that were found, and returns those to try.
    pub(super) fn found(&mut self, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if !addresses.is_empty() {
            self.last = addresses;
        }
        self.last.clone()
    }
}
