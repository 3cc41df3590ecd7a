/// The hub of one shard at one moment. Totals count since the start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PushStats {
    /// Topics that this shard owns.
    pub topics: u64,
    /// Subscriptions of this shard's connections, and of the library's subscribers that live here.
    pub subscriptions: u64,
    /// Publications in the backlog of this shard.
    pub backlog: u64,
    /// Bytes of those.
    pub backlog_bytes: u64,
    /// Envelopes of the hub that wait for room in the mesh.
    pub outgoing: u64,
    /// Bytes of the publications among them.
    pub outgoing_bytes: u64,
    /// Requests that wait for responses of other shards.
    pub requests: u64,
    /// Bytes of history that this shard keeps.
    pub history_bytes: u64,
    /// Messages that were not kept in the history, or not for as long as they might be, because all histories together
    /// were full or their publisher had its share.
    pub history_displaced: u64,
    /// Publications that got their position in a topic of this shard.
    pub published: u64,
    /// Deliveries to subscribers of this shard.
    pub delivered: u64,
    /// Messages sent to other shards.
    pub forwarded: u64,
    /// Messages received from other shards.
    pub received: u64,
    /// Received messages that no longer had a subscriber on this shard.
    pub unwanted: u64,
    /// Refused publications, per code of `Refusal`: `busy`, `too-many-topics`. `quiet` counts those that were
    /// refused for another reason and whose publisher requested no response.
    pub refused: Vec<(&'static str, u64)>,
    /// Subscriptions with a request for missed messages: `recovered` or `gap`.
    pub resumed: Vec<(&'static str, u64)>,
    /// Turns that ended with something that found no room in the mesh.
    pub stalls: u64,
    /// Publications that wait for their time or for the rate limit of their topic.
    pub waiting: u64,
    /// Bytes of those.
    pub waiting_bytes: u64,
    /// Deliveries that wait for a later turn.
    pub fanning_out: u64,
    /// What was not sent at once: publications with a delay (`delayed`), over the rate limit of their topic (`paced`),
    /// those of periodic pushes (`repeated`), and messages whose fan-out took more than one turn (`postponed`).
    pub scheduled: Vec<(&'static str, u64)>,
    /// What the scheduler dropped: publications that expired before they were published (`expired`), or that still
    /// waited when the server stopped (`closed`); periodic pushes that the shard was too late for (`missed`); messages
    /// that had expired when a subscriber returned for them (`outlived`); and deliveries whose message expired (`late`)
    /// or whose subscriber left (`left`) between two turns. Delayed publications whose connection ended before they were
    /// due are `withdrawn`.
    pub undelivered: Vec<(&'static str, u64)>,
    /// Messages that subscriptions of the library had no room for.
    pub subscription_dropped: u64,
    /// Connections without the automatic subscription to their listener's topic, because there were too many
    /// subscriptions or topics.
    pub automatic_refused: u64,
}
