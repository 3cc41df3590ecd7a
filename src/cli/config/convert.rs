//! Conversion of the configuration into that of the library.

use shardcast::{
    ListenerLimits, Placement, ServerConfig, ServerLimits,
    push::{HubConfig, Priority, RateLimit, TopicRule, TopicRules},
};

use super::{
    options::{
        Config, HubOptions, LimitOptions, ListenerOptions, ListenerPlacement, TopicOptions, TopicPriority,
    },
    values::{ByteSize, HumanDuration},
};

impl Config {
    /// The part that concerns the whole server.
    pub(crate) fn server_config(&self) -> ServerConfig {
        let server = &self.server;
        ServerConfig::default().with(|it| {
            it.shards = server.shards.0;
            it.cpus = server.cpus.0.clone();
            it.spin = server.spin.0;
            it.stall_threshold = server.stall_threshold.0;
            it.drain_timeout = server.drain.0;
            it.mesh_capacity = server.mesh_capacity;
            it.receive_buffers = server.receive_buffers;
            it.receive_buffer_bytes = u32::try_from(server.receive_buffer_bytes.0).unwrap_or(u32::MAX);
            it.io_uring_disable = server.io_uring_disable.clone();
            it.limits = self.limits.server();
            it.listener_limits = self.limits.listener();
            it.keepalive = self.limits.keepalive.0;
            it.push = self.push.library();
        })
    }
}

impl LimitOptions {
    fn server(&self) -> ServerLimits {
        ServerLimits::default().with(|it| {
            it.connections_max = self.connections_max;
            it.connections_per_ip_max = self.connections_per_ip_max;
            it.unidentified_max = self.unidentified_max;
            it.requests_in_progress_max = self.requests_in_progress_max;
            it.topic_requests_max = self.topic_requests_max;
            it.requests_in_progress_shard_max = self.requests_in_progress_shard_max;
            it.memory_max = self.memory_max.0;
            it.identify_timeout = self.identify_timeout.0;
            it.frame_timeout = self.frame_timeout.0;
            it.unacknowledged_timeout = self.unacknowledged_timeout.0;
        })
    }

    /// Those of listeners that set none.
    fn listener(&self) -> ListenerLimits {
        ListenerLimits::default().with(|it| {
            it.outbox.bytes_max = bytes(self.outbox_bytes_max.0);
            it.outbox.messages_max = self.outbox_messages_max;
            it.outbox.age_max = self.outbox_age_max.0;
            it.outbox.overflow = self.overflow.0;
            it.idle_timeout = self.idle_timeout.0;
        })
    }
}

impl HubOptions {
    fn library(&self) -> HubConfig {
        HubConfig::default().with(|it| {
            it.topics_max = self.topics_max;
            it.subscriptions_max = self.subscriptions_max;
            it.subscriptions_per_subscriber_max = self.subscriptions_per_connection_max;
            it.backlog_max = self.backlog_max;
            it.backlog_bytes_max = bytes(self.backlog_bytes_max.0);
            it.requests_max = self.requests_max;
            it.history_messages_max = self.history_messages_max;
            it.history_bytes_max = bytes(self.history_bytes_max.0);
            it.history_age_max = self.history_age_max.0;
            it.history_total_bytes_max = bytes(self.history_total_bytes_max.0);
            it.topic_idle_timeout = self.topic_idle_timeout.0;
            it.admission.delayed.messages_max = self.delayed_messages_max;
            it.admission.delayed.bytes_max = bytes(self.delayed_bytes_max.0);
            it.admission.delay_max = self.delay_max.0;
            it.admission.rate_limited.messages_max = self.rate_limited_messages_max;
            it.admission.rate_limited.bytes_max = bytes(self.rate_limited_bytes_max.0);
            it.admission.periodics_max = self.periodics_max;
            it.rules = TopicRules::new(self.topic.iter().map(TopicOptions::library));
        })
    }
}

impl TopicOptions {
    fn library(&self) -> TopicRule {
        TopicRule::default().with(|it| {
            it.prefix = self.prefix.clone();
            it.priority = match self.priority {
                TopicPriority::Urgent => Priority::Urgent,
                TopicPriority::High => Priority::High,
                TopicPriority::Normal => Priority::Normal,
                TopicPriority::Bulk => Priority::Bulk,
            };
            it.rate_limit = rate_limit(self.messages_per_second, self.bytes_per_second, self.burst);
        })
    }
}

impl ListenerOptions {
    /// On which shard its connections live.
    pub(crate) const fn placement(&self) -> Placement {
        match self.placement {
            ListenerPlacement::AcceptingShard => Placement::AcceptingShard,
            ListenerPlacement::FewestConnections => Placement::FewestConnections,
            ListenerPlacement::PeerPort => Placement::PeerPort,
        }
    }

    /// The rate limit of each of its connections.
    pub(crate) fn rate_limit(&self) -> RateLimit {
        rate_limit(
            self.rate_limit_messages_per_second,
            self.rate_limit_bytes_per_second,
            self.rate_limit_burst,
        )
    }

    /// The limits of this listener: its own, and `defaults` for the rest.
    pub(crate) fn limits(&self, defaults: &ListenerLimits) -> ListenerLimits {
        defaults.clone().with(|it| {
            let outbox = &mut it.outbox;
            outbox.bytes_max = self.outbox_bytes_max.map_or(outbox.bytes_max, |size| bytes(size.0));
            outbox.messages_max = self.outbox_messages_max.unwrap_or(outbox.messages_max);
            outbox.age_max = self.outbox_age_max.map_or(outbox.age_max, |age| age.0);
            outbox.overflow = self.overflow.map_or(outbox.overflow, |policy| policy.0);
            it.idle_timeout = self.idle_timeout.map_or(it.idle_timeout, |time| time.0);
        })
    }
}

fn rate_limit(messages_per_second: u64, bytes: ByteSize, burst: HumanDuration) -> RateLimit {
    RateLimit::default().with(|it| {
        it.messages_per_second = messages_per_second;
        it.bytes_per_second = bytes.0;
        it.burst = burst.0;
    })
}

/// On a 32-bit machine, a larger bound has no effect.
fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_library() {
        assert_eq!(Config::default().server_config(), ServerConfig::default());
    }

    #[test]
    fn a_listener_overrides_only_its_own_options() {
        let defaults = ListenerLimits::default();
        let mut listener = ListenerOptions::default();
        assert_eq!(listener.limits(&defaults), defaults);

        listener.idle_timeout = Some(HumanDuration(Duration::from_secs(1)));
        listener.outbox_bytes_max = Some(ByteSize(10));
        let expected = defaults.clone().with(|it| {
            it.idle_timeout = Duration::from_secs(1);
            it.outbox.bytes_max = 10;
        });
        assert_eq!(listener.limits(&defaults), expected);
    }
}
