//! What can be made to go wrong on purpose, to see that it is noticed.

/// One wrong of the world around the cores, done once at the first occasion after half of the steps; those that
/// are habits are done always.
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
    /// Somebody gets a message that is not meant for it.
    Misdeliver,
    /// One of the missed messages is lost.
    LoseMissed,
    /// A gap is reported one too small.
    ShrinkGap,
    /// All is well, says the owner, though something is missing.
    HideGap,
    /// A drop is not counted.
    HideDrop,
    /// A byte that a client sent is lost.
    LoseInput,
    /// Some of what a client sent comes twice.
    DoubleInput,
    /// Reading does not go on when the last hold was lifted.
    ForgetResume,
    /// A connection that waits for its shard does not go on when there is room.
    ForgetShardRoom,
    /// A history was answered, and its hold is not lifted.
    KeepHistory,
    /// The hold of a history is lifted before it was answered.
    LiftEarly,
    /// An answer is lost on its way to the session.
    LoseAnswer,
    /// An answer is given twice.
    DoubleAnswer,
    /// The core does not learn that a request has ended.
    ForgetRequestEnd,
    /// A send is lost, and reported as done.
    LoseParcel,
    /// A connection that ends in order is cut before all was sent.
    CutInsteadOfFlush,
    /// What is lost with a connection is reported one too small.
    HideLoss,
    /// Something is sent after the end.
    SendBehindEnd,
    /// Habit: what expired is delivered all the same.
    ForgetExpiry,
    /// Habit: connections are not paced.
    ForgetPace,
    /// Habit: topics are not paced.
    ForgetTopicPace,
    /// Habit: delayed publications go at once.
    ForgetDelay,
    /// Habit: more is put between two shards than there is room for.
    OverfillMesh,
    /// Habit: the timers of connections never go off.
    ForgetTimers,
}

impl Fault {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 30] = [
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
        Self::KeepHistory,
        Self::LiftEarly,
        Self::LoseAnswer,
        Self::DoubleAnswer,
        Self::ForgetRequestEnd,
        Self::LoseParcel,
        Self::CutInsteadOfFlush,
        Self::HideLoss,
        Self::SendBehindEnd,
        Self::ForgetExpiry,
        Self::ForgetPace,
        Self::ForgetTopicPace,
        Self::ForgetDelay,
        Self::OverfillMesh,
        Self::ForgetTimers,
    ];
}

impl Fault {
    /// Whether no run in which it happens may pass. Others may happen without an effect: two
    /// unwanted messages are swapped, or a pace is forgotten that was not reached.
    #[cfg(test)]
    pub(crate) const fn is_always_noticed(self) -> bool {
        matches!(
            self,
            Self::LoseMessage
                | Self::DoubleMessage
                | Self::LosePublish
                | Self::HideDrop
                | Self::LoseParcel
                | Self::SendBehindEnd
                | Self::OverfillMesh
        )
    }
}

/// Where a run stands with its fault, if it has one.
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

    /// Here is an occasion for `fault`: true, once, when it is to happen.
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
