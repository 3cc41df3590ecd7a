/// The hub of one shard at one moment. Totals count since the start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PushStats {
    /// Topics that this shard owns.
    pub topics: u64,
    /// Subscriptions of this shard's connections, and of the library's subscribers that live here.
    pub subscriptions: u64,
    /// Publications that wait for their turn at this shard.
    pub backlog: u64,
    /// Envelopes of the hub that wait for room on the way to other shards.
    pub outgoing: u64,
    /// Requests that wait for the answers of other shards.
    pub requests: u64,
    /// Bytes of history that this shard keeps.
    pub history_bytes: u64,
    /// Publications that got their place in a topic of this shard.
    pub published: u64,
    /// Messages handed to subscribers of this shard, each subscriber counted.
    pub delivered: u64,
    /// Messages sent to other shards.
    pub forwarded: u64,
    /// Messages received from other shards.
    pub received: u64,
    /// Of those, messages that no subscriber here wanted any more.
    pub unwanted: u64,
    /// Publications refused, per code of `Refusal`: `busy`, `too-many-topics`; `quiet` counts those refused for
    /// whatever reason whose publisher had asked for no answer.
    pub refused: Vec<(&'static str, u64)>,
    /// Subscriptions that asked for what they had missed: `recovered` or `gap`.
    pub resumed: Vec<(&'static str, u64)>,
    /// Turns that ended with something that found no room on its way to another shard.
    pub stalls: u64,
    /// Publications that wait for their time or for the rate limit of their topic.
    pub waiting: u64,
    /// Deliveries that wait for a later turn.
    pub fanning_out: u64,
    /// What was not sent at once: publications with a delay (`delayed`), over the rate limit of their topic (`paced`),
    /// those of periodic pushes (`repeated`), and messages whose fan-out took more than one turn (`postponed`).
    pub scheduled: Vec<(&'static str, u64)>,
    /// What the scheduler dropped: publications that expired before they were published (`expired`) or were left
    /// over when the server stopped (`closed`), times of periodic pushes that the shard was late for (`missed`),
    /// missed messages that had expired when somebody came back for them (`outlived`), deliveries of messages that
    /// expired (`late`) or whose subscriber left (`left`) between two turns.
    pub undelivered: Vec<(&'static str, u64)>,
    /// Messages that a subscription of the library had no room for.
    pub subscription_dropped: u64,
    /// Connections without the automatic subscription to their listener's topic, because there were too many subscriptions or topics.
    pub unasked_refused: u64,
}
