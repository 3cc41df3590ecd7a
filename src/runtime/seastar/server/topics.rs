//! The verb that subscribes: see [`proto::seastar::topics`](shardcast_proto::seastar::topics). The session of a connection
//! gives the others to the hub.

use std::rc::Rc;

use shardcast_proto::seastar::{
    rpc::StreamError,
    topics::{Filter, SUBSCRIBE, Subscribed},
};

use super::{Entry, counts::Counts, handler::Calls, service::shard_state, with_response};
use crate::{
    Context,
    seastar::{CallHead, SinkRef, Source},
};

/// The handler of the verb.
pub(super) fn entry(counts: &Counts) -> Rc<Entry> {
    Rc::new(Entry {
        handler: Box::new(with_response(subscribe)),
        is_one_way: false,
        group: None,
        calls: Calls::default(),
        counts: counts.verb(SUBSCRIBE),
    })
}

/// Makes the stream a subscription. What the subscriber sends on it means nothing.
async fn subscribe(
    cx: Context<CallHead>,
    (filter, source): (Filter, Source<()>),
) -> Result<(Subscribed, SinkRef<()>), StreamError> {
    source.subscribe(filter)?;
    if let Some(shard) = shard_state() {
        shard.subscribed(source.connection(), cx.connection().id());
    }
    let subscribed = source.subscribed().await?;
    Ok((subscribed, SinkRef::new(source.id())))
}
