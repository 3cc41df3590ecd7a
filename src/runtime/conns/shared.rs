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

use super::placement::OnShards;
use crate::{
    ListenerId, Placement,
    limits::{ListenerCells, ServerCells},
    memory::Memory,
};

pub(crate) struct Shared {
    pub(crate) listeners: Vec<ListenerShared>,
    pub(crate) limits: ServerCells,
    pub(crate) memory: Arc<Memory>,
    quota: ConnectionQuota,
    /// The accepted connections of all listeners.
    on_shards: OnShards,
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

/// Which connections a listener takes, apart from the bounds of the server, and where they live.
pub(crate) struct Admission {
    /// Whether this peer may connect.
    pub(super) permits: Option<Arc<Permits>>,
    /// At most so many, on all shards together.
    connections_max: usize,
    connections: AtomicUsize,
    placement: Placement,
    on_shards: OnShards,
}

/// Whether a peer may connect.
pub(crate) type Permits = dyn Fn(SocketAddr) -> bool + Send + Sync;

impl Admission {
    pub(crate) fn new(
        permits: Option<Arc<Permits>>,
        connections_max: usize,
        placement: Placement,
        shards: usize,
    ) -> Self {
        let (connections, on_shards) = (AtomicUsize::new(0), OnShards::new(shards));
        Self { permits, connections_max, connections, placement, on_shards }
    }

    fn enter(&self) -> Result<(), &'static str> {
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
    pub(crate) fn new(
        listeners: Vec<ListenerShared>,
        limits: ServerCells,
        memory: Arc<Memory>,
        shards: usize,
    ) -> Self {
        let (quota, on_shards) = (ConnectionQuota::default(), OnShards::new(shards));
        Self { listeners, limits, memory, quota, on_shards }
    }

    /// Admits a connection to a listener, or returns what refuses it. One that is admitted must
    /// [leave](Self::leave).
    pub(super) fn enter(&self, listener: u32, ip: IpAddr) -> Result<(), &'static str> {
        let admission = &self.listeners[listener as usize].admission;
        admission.enter()?;
        let entered =
            self.quota.enter(ip, self.limits.connections_max(), self.limits.connections_per_ip_max());
        entered.inspect_err(|_| admission.leave())
    }

    /// The shard on which a connection lives that `here` has accepted and admitted. It counts there until it
    /// [moves](Self::moved) or [ends](Self::ended).
    pub(super) fn place(&self, listener: u32, peer: SocketAddr, here: u16) -> u16 {
        let admission = &self.listeners[listener as usize].admission;
        let shard = admission.on_shards.place(admission.placement, peer, here, &self.on_shards);
        self.on_shards.add(shard);
        shard
    }

    /// A connection has left one shard for its home.
    pub(super) fn moved(&self, listener: u32, from: u16, to: u16) {
        for on_shards in [&self.listeners[listener as usize].admission.on_shards, &self.on_shards] {
            on_shards.remove(from);
            on_shards.add(to);
        }
    }

    /// A connection does not live on this shard any more, or will not.
    pub(super) fn ended(&self, listener: u32, shard: u16) {
        self.listeners[listener as usize].admission.on_shards.remove(shard);
        self.on_shards.remove(shard);
    }

    /// The place of a connection that was admitted is free again.
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
