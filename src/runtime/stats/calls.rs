use std::time::Duration;

use super::LatencyStats;

/// Calls of the objects or verbs of one listener on one shard.
///
/// # Examples
/// ```
/// use shardcast::{ServerHandle, stats::CallStats};
///
/// fn waiting_calls(handle: &ServerHandle) -> u64 {
///     let shards = handle.stats();
///     let calls = shards.iter().flat_map(|shard| &shard.listeners).filter_map(|it| it.calls.as_ref());
///     calls.map(|calls: &CallStats| calls.waiting).sum()
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CallStats {
    /// For each object, in the order of their names, the calls of its functions.
    pub objects: Vec<(String, u64)>,
    /// Calls that failed in their handler or in an interceptor, or whose arguments could not be decoded.
    pub failed: u64,
    /// Calls that were refused because too many wait, or because they need more memory than all may.
    pub overloads: u64,
    /// Calls that waited for too long.
    pub queue_timeouts: u64,
    /// Calls of unknown objects, functions or verbs.
    pub unknown: u64,
    /// Handlers now that were not ready at once.
    pub in_progress: u64,
    /// Calls that wait for a handler, or for memory, now.
    pub waiting: u64,
    /// Bytes of their arguments.
    pub waiting_bytes: u64,
    /// Streams that are open now.
    pub streams: u64,
    /// The calls of each verb that has or had a handler, in their order.
    pub verbs: Vec<VerbStats>,
}

/// Calls of one verb on one shard.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::stats::VerbStats;
///
/// fn is_slow(verb: &VerbStats) -> bool {
///     verb.latency.quantile(0.99) > Some(Duration::from_millis(5))
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct VerbStats {
    /// Its number; `None`: all verbs above a number of 256.
    pub verb: Option<u64>,
    /// Calls that came.
    pub calls: u64,
    /// Those to which there is no response.
    pub one_way: u64,
    /// Calls whose handler has failed or panicked.
    pub failed: u64,
    /// Calls whose arguments could not be decoded.
    pub undecodable: u64,
    /// Calls that need more memory than all may.
    pub too_large: u64,
    /// Calls that had to wait for memory.
    pub waits: u64,
    /// Calls whose caller did not wait any more when the result was known, or when there was memory.
    pub late: u64,
    /// How long calls took, from their arrival until their result was known, in steps of the shard's turns.
    pub latency: LatencyStats,
}

/// Clients of Seastar RPC that have the same domain: see [`ClientBuilder::domain`](crate::seastar::ClientBuilder::domain).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::stats::DomainStats;
///
/// /// The mean time of a call, apart from that of its handler.
/// fn mean_delay(domain: &DomainStats) -> Option<Duration> {
///     let samples = u32::try_from(domain.delay_samples).ok().filter(|samples| *samples > 0)?;
///     Some(domain.delay_total / samples)
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DomainStats {
    /// Its name; `(others)` in the entry for the domains that have none.
    pub domain: String,
    /// Clients now.
    pub clients: u64,
    /// Calls that were begun.
    pub calls: u64,
    /// Of these, calls without a response that were sent.
    pub one_way: u64,
    /// Calls that got a result.
    pub replied: u64,
    /// Calls that ended without a result, per reason: `exception` (the response says so), `timed-out`, `lost` (the
    /// connection was lost or not made, or a bound has refused them).
    pub failed: [(&'static str, u64); 3],
    /// Calls that wait or are in flight now.
    pub calls_in_progress: u64,
    /// Responses that say how long their handler took.
    pub delay_samples: u64,
    /// How long their calls took, apart from their handlers.
    pub delay_total: Duration,
}

impl DomainStats {
    /// Adds the counts of other clients.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            domain: _,
            clients,
            calls,
            one_way,
            replied,
            failed,
            calls_in_progress,
            delay_samples,
            delay_total,
        } = self;
        *clients += other.clients;
        *calls += other.calls;
        *one_way += other.one_way;
        *replied += other.replied;
        for ((reason, sum), (of, count)) in failed.iter_mut().zip(other.failed) {
            (*reason, *sum) = (of, *sum + count);
        }
        *calls_in_progress += other.calls_in_progress;
        *delay_samples += other.delay_samples;
        *delay_total += other.delay_total;
    }
}

/// An object of other servers that proxies of this process call.
///
/// # Examples
/// ```
/// use shardcast::{Server, stats::ObjectStats, tars::rpc::Communicator};
///
/// let server = Server::builder().shards(1).start()?;
/// let communicator = Communicator::builder().on(&server.handle()).build();
/// let proxy = communicator.proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100")?;
///
/// let objects: Vec<ObjectStats> = server.handle().called_objects();
/// assert_eq!((&*objects[0].object, objects[0].calls_in_progress), ("Demo.HelloServer.HelloObj", 0));
/// # drop(proxy);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ObjectStats {
    /// `App.Server.Object`; `(others)` in the entry for the objects that have none.
    pub object: String,
    /// Calls that were begun.
    pub calls: u64,
    /// Calls that failed, per reason: `server` (its response says so), `timed-out`, `disconnected`, `unreachable`,
    /// `other`.
    pub failed: Vec<(&'static str, u64)>,
    /// Entries of the call tables now: calls that wait or are in flight, pings included.
    pub calls_in_progress: u64,
    /// Responses that came too late.
    pub late_responses: u64,
    /// Callbacks that wait for a thread.
    pub callbacks_waiting: u64,
    /// Pushes and events dropped because far too many callbacks waited.
    pub pushes_dropped: u64,
    /// Endpoints to which calls go.
    pub endpoints_usable: u64,
    /// Endpoints that get no calls, since they are failing or cannot be connected to.
    pub endpoints_unusable: u64,
}

impl ObjectStats {
    /// Adds the counts of another object.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            object: _,
            calls,
            failed,
            calls_in_progress,
            late_responses,
            callbacks_waiting,
            pushes_dropped,
            endpoints_usable,
            endpoints_unusable,
        } = self;
        *calls += other.calls;
        for (reason, count) in &other.failed {
            match failed.iter_mut().find(|(known, _)| known == reason) {
                Some((_, sum)) => *sum += count,
                None => failed.push((reason, *count)),
            }
        }
        *calls_in_progress += other.calls_in_progress;
        *late_responses += other.late_responses;
        *callbacks_waiting += other.callbacks_waiting;
        *pushes_dropped += other.pushes_dropped;
        *endpoints_usable += other.endpoints_usable;
        *endpoints_unusable += other.endpoints_unusable;
    }
}
