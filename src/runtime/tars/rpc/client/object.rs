//! An object: its endpoints, which all its proxies share, and what happens on their connections.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use shardcast_proto::{rpc::Cause, tars::Endpoint};

use super::{
    BreakerConfig, CommunicatorConfig, EndpointState, IncomingPush, PushHandler, RpcError,
    balance::{Balance, Choice},
    counts::{self, Counts},
    intercept::Interceptors,
    peer::{Peer, now},
    source::is_supported,
};
use crate::{
    client::{CallbackThreads, Client, ClientStats, Place},
    counters::objects::CalledObject,
    stats::ObjectStats,
};

#[derive(Debug)]
pub(super) struct Object {
    pub(super) shared: Arc<Shared>,
    table: RwLock<Arc<Table>>,
}

/// What an object and its peers know.
pub(super) struct Shared {
    /// `App.Server.Object`.
    pub(super) servant: String,
    pub(super) config: CommunicatorConfig,
    pub(super) breaker: BreakerConfig,
    pub(super) place: Place,
    pub(super) threads: CallbackThreads,
    pub(super) hooks: Hooks,
    pub(super) interceptors: Interceptors,
    pub(super) counts: Counts,
}

#[derive(Debug)]
struct Table {
    peers: Vec<Arc<Peer>>,
    balance: Balance,
}

/// What gets pushes, and the beginnings and ends of connections.
#[derive(Default)]
pub(super) struct Hooks(Mutex<HookTable>);

#[derive(Clone, Default)]
struct HookTable {
    on_push: Option<PushHandler>,
    on_connect: Option<Arc<ConnectHook>>,
    on_close: Option<Arc<CloseHook>>,
}

type ConnectHook = dyn Fn(&Endpoint) + Send + Sync;
type CloseHook = dyn Fn(&Endpoint, &Cause) + Send + Sync;

impl Object {
    pub(super) fn new(shared: Shared) -> Arc<Self> {
        let table = Table { peers: Vec::new(), balance: Balance::new(&[]) };
        Arc::new(Self { shared: Arc::new(shared), table: RwLock::new(Arc::new(table)) })
    }

    /// Keeps the peers of endpoints that stay.
    pub(super) fn set_endpoints(&self, endpoints: &[Endpoint]) {
        let before = self.table();
        let mut peers: Vec<Arc<Peer>> = Vec::new();
        let usable = endpoints.iter().filter(|endpoint| is_supported(endpoint));
        // `-v 1` at all of them makes their weights count.
        let is_weighted = usable.clone().all(|endpoint| endpoint.weight_type == 1);
        let mut named = Vec::new();
        for endpoint in usable {
            let address = Peer::address(endpoint);
            if named.iter().any(|(known, _)| *known == address) {
                continue;
            }
            let known = before.peers.iter().find(|peer| Peer::address(&peer.endpoint) == address);
            peers.push(match known {
                Some(peer) => Arc::clone(peer),
                None => Peer::new(endpoint.clone(), Arc::clone(&self.shared)),
            });
            named.push((address, if is_weighted { endpoint.weight.map_or(100, u32::from) } else { 1 }));
        }
        let is_kept = |peer: &&Arc<Peer>| peers.iter().any(|kept| Arc::ptr_eq(kept, peer));
        let removed: Vec<_> = before.peers.iter().filter(|peer| !is_kept(peer)).cloned().collect();
        let table = Arc::new(Table { balance: Balance::new(&named), peers });
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        removed.iter().for_each(|peer| peer.retire());
    }

    /// The peer for a call, and its client. A call that other peers could not take goes to a usable one only.
    pub(super) fn choose(
        &self,
        choice: Choice,
        tried: &[Arc<Peer>],
    ) -> Result<(Arc<Peer>, Client), RpcError> {
        let (table, now) = (self.table(), now());
        let peer = match (&table.peers[..], tried) {
            ([only], []) if !matches!(choice, Choice::Only(_)) => only,
            (peers, _) => {
                let usable = |number: usize| peers[number].is_usable(now);
                let is_new = |number: usize| !tried.iter().any(|it| Arc::ptr_eq(it, &peers[number]));
                let chosen = match tried {
                    [] => table
                        .balance
                        .choose(choice, usable)
                        .or_else(|| table.balance.choose(choice, |_| true)),
                    _ => table.balance.choose(choice, |number| is_new(number) && usable(number)),
                };
                let none = if tried.is_empty() { RpcError::NoEndpoint } else { RpcError::Unreachable };
                &peers[chosen.ok_or(none)?]
            }
        };
        Ok((Arc::clone(peer), peer.begin(now)?))
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.table().peers.iter().map(|peer| peer.endpoint.clone()).collect()
    }

    pub(super) fn endpoint_states(&self) -> Vec<EndpointState> {
        let (table, now) = (self.table(), now());
        let state = |peer: &Arc<Peer>| EndpointState {
            endpoint: peer.endpoint.clone(),
            is_usable: peer.is_usable(now),
            stats: peer.stats(),
        };
        table.peers.iter().map(state).collect()
    }

    pub(super) fn stats(&self) -> ClientStats {
        let former = self.shared.counts.former_clients();
        self.table().peers.iter().map(|peer| peer.stats()).fold(former, counts::add)
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CalledObject for Object {
    fn stats(&self) -> ObjectStats {
        let (table, now) = (self.table(), now());
        let usable = table.peers.iter().filter(|peer| peer.is_usable(now)).count();
        let ClientStats { calls, late_responses, callbacks_waiting, pushes_dropped, .. } = self.stats();
        ObjectStats {
            object: self.shared.servant.clone(),
            calls: self.shared.counts.calls(),
            failed: self.shared.counts.failed(),
            calls_in_progress: calls as u64,
            late_responses,
            callbacks_waiting: callbacks_waiting as u64,
            pushes_dropped,
            endpoints_usable: usable as u64,
            endpoints_unusable: (table.peers.len() - usable) as u64,
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.table().peers.iter().for_each(|peer| peer.retire());
    }
}

impl Hooks {
    pub(super) fn on_push(&self, handler: PushHandler) {
        self.change(|table| table.on_push = Some(handler));
    }

    pub(super) fn on_connect(&self, hook: impl Fn(&Endpoint) + Send + Sync + 'static) {
        self.change(|table| table.on_connect = Some(Arc::new(hook)));
    }

    pub(super) fn on_close(&self, hook: impl Fn(&Endpoint, &Cause) + Send + Sync + 'static) {
        self.change(|table| table.on_close = Some(Arc::new(hook)));
    }

    pub(super) fn wants_pushes(&self) -> bool {
        self.current().on_push.is_some()
    }

    pub(super) fn push(&self, push: &IncomingPush<'_>) {
        match self.current().on_push {
            Some(handler) => handler.handle(push),
            None => tracing::debug!(function = push.function(), "a push without a handler"),
        }
    }

    pub(super) fn connected(&self, endpoint: &Endpoint) {
        if let Some(hook) = self.current().on_connect {
            hook(endpoint);
        }
    }

    pub(super) fn closed(&self, endpoint: &Endpoint, cause: &Cause) {
        if let Some(hook) = self.current().on_close {
            hook(endpoint, cause);
        }
    }

    /// A copy, since a hook may set another.
    fn current(&self) -> HookTable {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut HookTable)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("servant", &self.servant).finish_non_exhaustive()
    }
}
