//! Log lines that a peer can cause: bounded per shard and kind, and counted beyond that.

use shardcast_proto::Time;

use crate::LogLimit;

use super::{Reactor, current};

/// A kind of log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Notice {
    ConnectionRefused,
    CannotAccept,
    SubscriptionRefused,
    SlowConsumer,
    Undelivered,
    Panic,
    Memory,
    Journal,
}

/// A limit for each kind.
pub(crate) type Notices = [LogLimit; Notice::ALL.len()];

impl Notice {
    const ALL: [Self; 8] = [
        Self::ConnectionRefused,
        Self::CannotAccept,
        Self::SubscriptionRefused,
        Self::SlowConsumer,
        Self::Undelivered,
        Self::Panic,
        Self::Memory,
        Self::Journal,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection refused",
            Self::CannotAccept => "cannot accept",
            Self::SubscriptionRefused => "automatic subscription refused",
            Self::SlowConsumer => "slow consumer",
            Self::Undelivered => "closed before the peer had taken everything",
            Self::Memory => "connections cut for memory",
            Self::Panic => "panic",
            Self::Journal => "journal of a peer",
        }
    }
}

impl Reactor {
    /// Whether a line of this kind may be logged now. If not, it is counted, and the count is logged at the end of the
    /// window of [`LogLimit`].
    pub(crate) fn may_log(&self, notice: Notice) -> bool {
        let mut notices = self.notices.borrow_mut();
        let limit = &mut notices[notice as usize];
        let was_due = limit.report_at();
        let admitted = limit.admit(self.now());
        let due = limit.report_at().filter(|_| was_due.is_none());
        drop(notices);
        if let Some(due) = due {
            self.call_at(due, move || {
                current::with(|reactor| reactor.log_left_out(notice, due));
            });
        }
        admitted
    }

    /// The shard has ended: logs the counts that are not due yet.
    pub(super) fn log_all_left_out(&self) {
        Notice::ALL.into_iter().for_each(|notice| self.log_left_out(notice, Time::from_nanos(u64::MAX)));
    }

    fn log_left_out(&self, notice: Notice, now: Time) {
        let left_out = self.notices.borrow_mut()[notice as usize].report(now);
        if let Some(left_out) = left_out {
            let (kind, seconds) = (notice.name(), LogLimit::WINDOW.as_secs());
            tracing::warn!(shard = self.id, kind, left_out, seconds, "similar log lines were left out");
        }
    }
}
