use std::{sync::Arc, time::Duration};

use shardcast_proto::{Protocol, push::schedule::Pace};

use super::ServerHandle;
use crate::{OverflowPolicy, service::Service};

/// Makes the service of a listener on one shard.
pub type ServiceFactory = Arc<dyn Fn(&ServerHandle) -> Box<dyn Service> + Send + Sync>;

/// An address, the protocols that are spoken there, and who answers.
#[derive(Clone)]
pub struct Listener {
    pub(super) name: String,
    pub(super) topic: Option<String>,
    pub(super) address: String,
    pub(super) reuse_port: bool,
    pub(super) protocols: Vec<(Arc<dyn Protocol>, ServiceFactory)>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) pace: Pace,
    pub(super) overflow: Option<OverflowPolicy>,
    pub(super) outbox_bytes_max: Option<usize>,
    pub(super) outbox_messages_max: Option<usize>,
    pub(super) outbox_age_max: Option<Duration>,
}

impl Listener {
    /// A listener called `name` in metrics and logs, on `address`: `ip:port` or `host:port`, where port 0
    /// takes any that is free.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            topic: None,
            address: address.into(),
            reuse_port: false,
            protocols: Vec::new(),
            idle_timeout: None,
            pace: Pace::NONE,
            overflow: None,
            outbox_bytes_max: None,
            outbox_messages_max: None,
            outbox_age_max: None,
        }
    }

    /// Whether this listener may share its address with another server that listens there already, of the same user
    /// (SO_REUSEPORT); false without it, and then such a server makes the start fail.
    ///
    /// For a hand-over from one server to the next: both get new connections until the first one stops, and what
    /// waits in the backlog of the one that stops is reset.
    #[must_use]
    pub const fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// Speaks `protocol` here; `service` makes each shard's instance of who answers. With several
    /// protocols, the first whose [`sniff`](Protocol::sniff) matches the first bytes takes a connection.
    #[must_use]
    pub fn protocol<S: Service>(
        mut self,
        protocol: impl Protocol + 'static,
        service: impl Fn(&ServerHandle) -> S + Send + Sync + 'static,
    ) -> Self {
        let factory: ServiceFactory = Arc::new(move |server| Box::new(service(server)));
        self.protocols.push((Arc::new(protocol), factory));
        self
    }

    /// The topic whose messages the connections get without asking, instead of the one that is called as the
    /// listener. Several listeners may have the same.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Idle time-out here, instead of [`Limits::idle_timeout`](crate::Limits::idle_timeout).
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// How fast each connection here may be sent to, answers and pushes alike; without it, as fast as its peer
    /// reads. What has to wait waits in its outbox, within its bounds in bytes and messages; how old it gets is
    /// not the peer's fault, so the bound in age does not hold.
    #[must_use]
    pub const fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Overflow policy here, instead of [`Limits::overflow`](crate::Limits::overflow).
    #[must_use]
    pub const fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.overflow = Some(policy);
        self
    }

    /// Outbox bounds here, instead of those of [`Limits`](crate::Limits): bytes, messages, age.
    #[must_use]
    pub const fn outbox(mut self, bytes_max: usize, messages_max: usize, age_max: Duration) -> Self {
        self.outbox_bytes_max = Some(bytes_max);
        self.outbox_messages_max = Some(messages_max);
        self.outbox_age_max = Some(age_max);
        self
    }
}
