//! The push hub: topics, their subscribers, and their messages.
//!
//! Each shard has a [`Hub`], in two roles. It *owns* the topics whose names hash to its shard
//! ([`TopicName::owner`](crate::TopicName::owner)): there every publication of a topic is put into one order,
//! gets its [`Position`](crate::Position), enters the history, and is sent once to each interested shard. And
//! it holds the *subscribers* of its shard, whatever shard owns their topics.
//!
//! ```text
//!   publish --> owner: backlog -> stamp -> history -> fan-out to local subscribers
//!                                                  \-> HubMessage::Message to each interested shard -> fan-out
//!   subscribe --> HubMessage::Ask --> owner: interest --> HubMessage::Response (head, missed messages) --> active
//! ```
//!
//! Hubs communicate through [`HubMessage`]s. Between any two shards, the driver must deliver them in order and
//! must not lose any; nothing else is required of it. Then every subscriber of a topic sees the same order,
//! and a subscription begins exactly after the position that its response names: nothing is lost or
//! duplicated.
//!
//! The hub deliberately has no connections, no wire format and no clock. A [`SubscriberId`] is a number of the
//! driver's. The driver counts what happens to a message after its delivery (the outbox may be full). Nothing
//! is stored on disk: a topic lives while it has subscribers or history, and returns with a new epoch.
//!
//! # Examples
//! ```
//! use std::{collections::VecDeque, mem, sync::Arc, time::Duration};
//!
//! use shardcast_proto::{
//!     Holder, Position, Recovery, Refusal, Time, TopicFilter, TopicName,
//!     push::{
//!         AskId, HistoryResponse, Hub, HubConfig, HubCounters, HubGauges, HubMessage, HubResponse, HubStart,
//!         Outlet, PresenceResponse, PresentSubscriber, Publication, Publish, Receipt, Subscribed, SubscriberId, Ticket,
//!     },
//! };
//!
//! /// The output of one of two hubs.
//! #[derive(Default)]
//! struct Output {
//!     to_other: VecDeque<HubMessage>,
//!     delivered: Vec<(SubscriberId, Arc<Publication>)>,
//!     responses: Vec<(Ticket, HubResponse)>,
//! }
//!
//! impl Outlet for Output {
//!     fn deliver(&mut self, message: &Arc<Publication>, (): &mut (), to: &[SubscriberId]) {
//!         self.delivered.extend(to.iter().map(|who| (*who, Arc::clone(message))));
//!     }
//!
//!     fn has_room(&self, _shard: u16) -> bool {
//!         true
//!     }
//!
//!     fn post(&mut self, _shard: u16, envelope: HubMessage) -> Result<(), HubMessage> {
//!         self.to_other.push_back(envelope);
//!         Ok(())
//!     }
//!
//!     fn respond(&mut self, ticket: Ticket, response: HubResponse) {
//!         self.responses.push((ticket, response));
//!     }
//! }
//!
//! /// Delivers all envelopes, and returns the requests among them.
//! fn run(hubs: &mut [Hub; 2], outputs: &mut [Output; 2], now: Time) -> Vec<AskId> {
//!     let mut asks = Vec::new();
//!     for shard in [0, 1, 0, 1, 0, 1] {
//!         hubs[shard].turn(now, &mut outputs[shard]);
//!         for envelope in mem::take(&mut outputs[shard].to_other) {
//!             assert!(hubs[1 - shard].may_take(), "only few have come in this turn");
//!             if let HubMessage::Ask { ask, .. } | HubMessage::AskPresence { ask, .. } = &envelope {
//!                 asks.push(*ask);
//!             }
//!             hubs[1 - shard].handle_envelope(shard as u16, envelope, now, &mut outputs[1 - shard]);
//!         }
//!     }
//!     asks
//! }
//!
//! let now = Time::from_nanos(1);
//! let mut hubs = [0, 1].map(|shard| Hub::new(HubConfig::default(), HubStart { shard, shards: 2, epoch: 100 }));
//! let mut outputs = [Output::default(), Output::default()];
//!
//! // A topic that one shard owns, with a subscriber on the other.
//! let topic = TopicName::new("prices.gold")?;
//! let owner = usize::from(topic.owner(2));
//! let other = 1 - owner;
//! let (subscriber, filter) = (SubscriberId(0), TopicFilter::Exact(topic.clone()));
//! hubs[other].subscribe(subscriber, &filter, None, Some(Ticket(1, 0)), &Holder::PROGRAM, now)?;
//! assert_eq!(run(&mut hubs, &mut outputs, now).len(), 1);
//! let head = Position { epoch: 100, offset: 0 };
//! let subscribed = HubResponse::Subscribed(Ok(Subscribed { head, recovery: Recovery::NotRequested }));
//! assert_eq!(outputs[other].responses, [(Ticket(1, 0), subscribed)]);
//!
//! let publish = Publish::new(topic.clone(), "2410".into());
//! hubs[owner].publish(publish, Some(Ticket(2, 0)), &mut outputs[owner])?;
//! run(&mut hubs, &mut outputs, now);
//! let delivered = outputs[other].delivered.clone();
//! let [(who, message)] = &delivered[..] else { panic!("one delivery") };
//! assert_eq!((*who, &message.body[..]), (subscriber, &b"2410"[..]));
//! assert_eq!(message.position, Position { epoch: 100, offset: 1 });
//! let receipt = Receipt { position: message.position, receivers: 1 };
//! assert_eq!(outputs[owner].responses, [(Ticket(2, 0), HubResponse::Published(Ok(receipt)))]);
//!
//! hubs[owner].presence(&topic, true, Ticket(3, 0), &Holder::PROGRAM)?;
//! run(&mut hubs, &mut outputs, now);
//! let who = PresentSubscriber { shard: other as u16, identity: 0 };
//! let presence = PresenceResponse { count: 1, subscribers: vec![who] };
//! assert_eq!(outputs[owner].responses.pop(), Some((Ticket(3, 0), HubResponse::Presence(presence))));
//!
//! hubs[other].history(&topic, None, 10, Ticket(4, 0), &Holder::PROGRAM)?;
//! run(&mut hubs, &mut outputs, now);
//! let (head, messages) = (message.position, vec![Arc::clone(message)]);
//! let history = HistoryResponse { head, recovery: Recovery::Recovered, messages };
//! assert_eq!(outputs[other].responses.pop(), Some((Ticket(4, 0), HubResponse::History(history))));
//!
//! let (counters, gauges): (HubCounters, HubGauges) = (hubs[owner].counters(), hubs[owner].gauges());
//! assert_eq!((counters.published, counters.forwarded, gauges.topics), (1, 1, 1));
//! assert!(hubs[other].is_subscribed(subscriber, &topic));
//! assert_eq!(hubs[other].subscriptions_of(subscriber), 1);
//!
//! // A connection publishes with a delay, and ends before that.
//! let peer = Holder::connection(other as u16, 7, [192, 0, 2, 1].into());
//! let later = Publish { holder: peer, ..Publish::new(topic.clone(), "2412".into()) };
//! let later = later.timed(Some(Duration::from_secs(3600)), None, now);
//! hubs[other].publish(later, None, &mut outputs[other])?;
//! hubs[other].publisher_left(&peer);
//! run(&mut hubs, &mut outputs, now);
//! assert_eq!((hubs[owner].gauges().waiting, hubs[owner].counters().withdrawn), (0, 1));
//!
//! // A periodic push: once a minute, first in a second.
//! let second = Duration::from_secs(1);
//! let publish = Publish::new(topic.clone(), "2411".into()).timed(Some(second), None, now);
//! hubs[owner].add_periodic(7, 60 * second, publish)?;
//! assert!(!hubs[owner].is_ready());
//! hubs[owner].handle_timeout(now + second);
//! assert!(hubs[owner].is_ready());
//! run(&mut hubs, &mut outputs, now + second);
//! assert_eq!(outputs[other].delivered.len(), 2);
//! assert!(hubs[owner].remove_periodic(7));
//! assert!(hubs[owner].has_backlog_room() && !hubs[owner].is_stalled());
//!
//! // A subscriber leaves; its number is free when its subscriptions have ended.
//! hubs[other].leave(subscriber);
//! assert_eq!(hubs[other].poll_left(), None);
//! run(&mut hubs, &mut outputs, now + second);
//! assert_eq!(hubs[other].poll_left(), Some(subscriber));
//!
//! // The server stops: nothing is left to wait for.
//! hubs[owner].close(&mut outputs[owner]);
//! assert!(hubs[owner].is_idle() && !hubs[owner].has_deliveries() && !hubs[owner].has_requests());
//! hubs[owner].end_publishing();
//! let late = hubs[owner].publish(Publish::new(topic, "2412".into()), None, &mut outputs[owner]);
//! assert_eq!(late, Err(Refusal::Draining));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod envelope;
mod group;
mod history;
mod hub;
mod kept;
mod names;
mod prefix_index;
pub mod schedule;
mod slab;
pub mod stop;

#[cfg(test)]
mod tests;

pub use config::HubConfig;
pub use envelope::{
    AskId, HistoryResponse, HubMessage, HubResponse, PresenceResponse, PresentSubscriber, Publication,
    Publish, Receipt, Subscribed, SubscriberId, Ticket,
};
pub use hub::{Hub, HubCounters, HubGauges, HubStart, Outlet};
