//! Faults that are made on purpose, to check that they are noticed.

/// A fault of the world around the cores. It happens once, at the first occasion after half of the steps; a habit
/// happens always.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// A message is lost between two shards.
    LoseMessage,
    /// Two messages of one topic change places between two shards.
    SwapMessages,
    /// A message arrives twice at a shard.
    DoubleMessage,
    /// A publication is lost on its way to the owner.
    LosePublish,
    /// One subscriber is left out of a fan-out.
    LoseDelivery,
    /// A subscriber gets a message twice.
    DoubleDelivery,
    /// A client receives a message that is not meant for it.
    Misdeliver,
    /// One of the missed messages is lost.
    LoseMissed,
    /// A gap is reported one too small.
    ShrinkGap,
    /// The owner reports a complete recovery, though a message is missing.
    HideGap,
    /// A drop is not counted.
    HideDrop,
    /// A byte that a client sent is lost.
    LoseInput,
    /// Bytes that a client sent arrive twice.
    DoubleInput,
    /// Reading does not continue when the last hold was lifted.
    ForgetResume,
    /// A connection that waits for its shard does not continue when there is room.
    ForgetShardRoom,
    /// What a connection held is not returned to the account of its shard.
    KeepMemory,
    /// A history was answered, and its hold is not lifted.
    KeepHistory,
    /// The hold of a history is lifted before it was answered.
    LiftEarly,
    /// A response is lost on its way to the session.
    LoseResponse,
    /// A response is given twice.
    DoubleResponse,
    /// The core is not informed that a request has ended.
    ForgetRequestEnd,
    /// A send is lost, and reported as done.
    LoseParcel,
    /// A connection that ends in order is cut before all was sent.
    CutInsteadOfFlush,
    /// The loss with a connection is reported one too small.
    HideLoss,
    /// A frame is sent after the end.
    SendAfterEnd,
    /// The owner of a delayed publication is not informed that the publisher has left.
    LoseEnded,
    /// Habit: the hub is not informed that publishers have left.
    ForgetPublisherLeft,
    /// A shard closes its connections without waiting for others.
    SkipBarrier,
    /// Habit: the markers of a stop arrive before what was sent earlier.
    HurryMarkers,
    /// Habit: the markers of a stop are lost between shards.
    LoseMarkers,
    /// Habit: a shard that has sent its last message still takes publications.
    PublishLate,
    /// Habit: connections that wait for memory do not continue when there is room.
    ForgetMemoryRoom,
    /// Habit: expired messages are delivered anyway.
    ForgetExpiry,
    /// Habit: connections have no rate limit.
    ForgetRateLimit,
    /// Habit: topics have no rate limit.
    ForgetTopicRateLimit,
    /// Habit: delayed publications go at once.
    ForgetDelay,
    /// Habit: a queue between two shards gets more than its capacity.
    OverfillMesh,
    /// Habit: requests fill the queue between two shards.
    OverfillWithRequests,
    /// Habit: what each connection holds counts for the same one.
    ShareOfAnother,
    /// Habit: the timers of connections never go off.
    ForgetTimers,
}

impl Fault {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 40] = [
        Self::LoseMessage,
        Self::SwapMessages,
        Self::DoubleMessage,
        Self::LosePublish,
        Self::LoseDelivery,
        Self::DoubleDelivery,
        Self::Misdeliver,
        Self::LoseMissed,
        Self::ShrinkGap,
        Self::HideGap,
        Self::HideDrop,
        Self::LoseInput,
        Self::DoubleInput,
        Self::ForgetResume,
        Self::ForgetShardRoom,
        Self::ForgetMemoryRoom,
        Self::KeepMemory,
        Self::KeepHistory,
        Self::LiftEarly,
        Self::LoseResponse,
        Self::DoubleResponse,
        Self::ForgetRequestEnd,
        Self::LoseParcel,
        Self::CutInsteadOfFlush,
        Self::HideLoss,
        Self::SendAfterEnd,
        Self::LoseEnded,
        Self::ForgetPublisherLeft,
        Self::SkipBarrier,
        Self::HurryMarkers,
        Self::LoseMarkers,
        Self::PublishLate,
        Self::ForgetExpiry,
        Self::ForgetRateLimit,
        Self::ForgetTopicRateLimit,
        Self::ForgetDelay,
        Self::OverfillMesh,
        Self::OverfillWithRequests,
        Self::ShareOfAnother,
        Self::ForgetTimers,
    ];
}

impl Fault {
    /// Whether every run in which it happens must fail. Others may have no effect: for example, two unwanted
    /// messages are swapped, or a rate limit that was not reached is forgotten.
    #[cfg(test)]
    pub(crate) const fn is_always_noticed(self) -> bool {
        matches!(
            self,
            Self::LoseMessage
                | Self::DoubleMessage
                | Self::LosePublish
                | Self::HideDrop
                | Self::LoseParcel
                | Self::SendAfterEnd
                | Self::OverfillMesh
        )
    }
}

/// The fault of a run, if it has one, and its progress.
#[derive(Debug, Default)]
pub(crate) struct Sabotage {
    fault: Option<Fault>,
    is_armed: bool,
    pub(crate) fired: u64,
}

impl Sabotage {
    pub(crate) const fn new(fault: Option<Fault>) -> Self {
        Self { fault, is_armed: false, fired: 0 }
    }

    /// From now on the fault happens at the first occasion.
    pub(crate) const fn arm(&mut self) {
        self.is_armed = true;
    }

    /// An occasion for `fault`. True once, when it must happen.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.is_armed && self.fault == Some(fault) && self.fired == 0;
        self.fired += u64::from(strikes);
        strikes
    }

    /// As [`is_habit`](Self::is_habit), for one that begins when half of the steps are done.
    pub(crate) fn is_armed_habit(&mut self, fault: Fault) -> bool {
        self.is_armed && self.is_habit(fault)
    }

    /// Whether the habit `fault` is on.
    pub(crate) fn is_habit(&mut self, fault: Fault) -> bool {
        let is_on = self.fault == Some(fault);
        self.fired += u64::from(is_on);
        is_on
    }
}
