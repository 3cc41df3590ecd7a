//! What the connections of all shards have in common. Immutable, or atomic.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use shardcast_proto::{Holder, Protocol, TopicName, push::schedule::RateLimit};

use crate::{
    ListenerId,
    limits::{ListenerCells, ServerCells},
    memory::Memory,
};

pub(crate) struct Shared {
    pub(crate) listeners: Vec<ListenerShared>,
    pub(crate) limits: ServerCells,
    pub(crate) memory: Arc<Memory>,
    quota: ConnectionQuota,
}

pub(crate) struct ListenerShared {
    pub(crate) id: ListenerId,
    pub(crate) name: String,
    /// The topic to which its connections are subscribed automatically.
    pub(crate) topic: TopicName,
    /// The label with which a stall of its service is reported.
    pub(crate) label: u32,
    pub(crate) address: SocketAddr,
    pub(crate) protocols: Vec<Arc<dyn Protocol>>,
    pub(crate) limits: Arc<ListenerCells>,
    pub(crate) rate_limit: RateLimit,
    pub(crate) admission: Admission,
}

/// Which connections a listener takes, apart from the bounds of the server.
pub(crate) struct Admission {
    /// Whether a peer of this address may connect.
    pub(crate) permits: Option<Arc<dyn Fn(IpAddr) -> bool + Send + Sync>>,
    /// At most so many, on all shards together.
    pub(crate) connections_max: usize,
    connections: AtomicUsize,
}

impl Admission {
    pub(crate) fn new(
        permits: Option<Arc<dyn Fn(IpAddr) -> bool + Send + Sync>>,
        connections_max: usize,
    ) -> Self {
        Self { permits, connections_max, connections: AtomicUsize::new(0) }
    }

    fn enter(&self, ip: IpAddr) -> Result<(), &'static str> {
        if self.permits.as_ref().is_some_and(|permits| !permits(ip)) {
            return Err("denied");
        }
        if self.connections.fetch_add(1, Ordering::Relaxed) >= self.connections_max {
            self.leave();
            return Err("listener-max");
        }
        Ok(())
    }

    fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(listeners: Vec<ListenerShared>, limits: ServerCells, memory: Arc<Memory>) -> Self {
        Self { listeners, limits, memory, quota: ConnectionQuota::default() }
    }

    /// Admits a connection to a listener, or returns what refuses it. One that is admitted must
    /// [leave](Self::leave).
    pub(super) fn enter(&self, listener: u32, ip: IpAddr) -> Result<(), &'static str> {
        let admission = &self.listeners[listener as usize].admission;
        admission.enter(ip)?;
        let entered =
            self.quota.enter(ip, self.limits.connections_max(), self.limits.connections_per_ip_max());
        entered.inspect_err(|_| admission.leave())
    }

    /// A connection that was admitted has ended.
    pub(super) fn leave(&self, listener: u32, ip: IpAddr) {
        self.listeners[listener as usize].admission.leave();
        self.quota.leave(ip);
    }
}

/// The number of connections of the whole server, for its bounds. It has a lock, but only opening and closing a
/// connection takes it.
#[derive(Debug, Default)]
struct ConnectionQuota {
    total: AtomicUsize,
    /// By [`Holder::address`].
    per_address: Mutex<HashMap<u64, usize>>,
}

impl ConnectionQuota {
    /// Admits one connection, or returns which bound refuses it.
    fn enter(&self, ip: IpAddr, total_max: usize, per_ip_max: usize) -> Result<(), &'static str> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= total_max {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err("connections-max");
        }
        // Counted even where there is no bound: one may be set while they are open.
        let mut per_address = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = per_address.get(&address(ip)).copied().unwrap_or_default();
        if per_ip_max > 0 && count >= per_ip_max {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return Err("per-ip-max");
        }
        per_address.insert(address(ip), count + 1);
        Ok(())
    }

    fn leave(&self, ip: IpAddr) {
        self.total.fetch_sub(1, Ordering::Relaxed);
        let mut per_address = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_address.get_mut(&address(ip)) {
            *count -= 1;
            if *count == 0 {
                per_address.remove(&address(ip));
            }
        }
    }
}

/// The address of a connection: that of IPv4, or the network of IPv6.
fn address(ip: IpAddr) -> u64 {
    Holder::connection(0, 0, ip).address
}
