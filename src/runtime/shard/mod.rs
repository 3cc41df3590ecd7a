//! A shard: one pinned core and everything that lives there.
//!
//! It uses its [reactor](crate::reactor): the [connections](crate::conns), and above them the [hub](crate::push). The
//! [pump](pump) drives all three. What the application calls only queues, so that application code never meets a
//! borrowed value.

mod boot;
mod pump;
mod stop;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc};

pub(crate) use boot::{Lifecycle, Report, Seed};
use shardcast_proto::push::stop::Stop;

use crate::{
    conns::Conns,
    push::Push,
    reactor::{Reactor, Timer},
    watch::Watch,
};

/// A shard, as seen from its own thread.
pub(crate) struct Shard {
    reactor: Rc<Reactor>,
    conns: Rc<Conns>,
    push: Rc<Push>,
    watch: Arc<Watch>,
    stop: RefCell<Stop>,
    /// Timers that have gone off, which the turn had no time for.
    due: RefCell<VecDeque<Timer>>,
    /// A turn that takes longer is a stall.
    stall_nanos: u64,
}
