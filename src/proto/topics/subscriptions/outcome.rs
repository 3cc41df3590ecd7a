use super::{State, Subscription, Subscriptions, Task};
use crate::{
    Position, Recovery, Time, TopicFilter,
    rpc::CallError,
    topics::{RequestError, TopicEvent, TopicResponse, Wire, error::Verdict},
};

/// The results of requests, with a response or without.
impl<W: Wire> Subscriptions<W> {
    pub(super) fn subscribe_ended(
        &mut self,
        id: u64,
        filter: TopicFilter,
        life: u64,
        outcome: Result<TopicResponse, RequestError>,
        now: Time,
    ) {
        self.is_answered(&filter, id);
        let Some(subscription) = self.living(&filter, life) else {
            // Sent before the application ended it, and performed on a connection that was opened since.
            if outcome.is_ok() && !self.wanted.contains_key(&filter) && !self.leaving.contains_key(&filter) {
                self.leave(filter);
            }
            return;
        };
        let (state, has_unanswered) = (subscription.state, !subscription.unanswered.is_empty());
        let is_last = state == State::Asked(id);
        let error = match outcome {
            // Of several requests, the first successful one counts. It may be one from before the pause.
            Ok(TopicResponse::Subscribed { head, recovery }) => {
                if state != State::Active {
                    self.activate(filter, life, head, recovery);
                }
                return;
            }
            Ok(_) => RequestError::Unsupported,
            Err(error) => error,
        };
        // A refusal changes nothing: an earlier success remains, and a later response will decide.
        if !is_last {
            return;
        }
        match error.verdict() {
            // The successful request may still fail. Its response is awaited, as long as it is recognised.
            Verdict::Already if has_unanswered => self.pause(&filter, None, now),
            Verdict::Already => {
                // No response brings what is missing before the messages that have come.
                let lost = self.finish(&filter);
                let head = self.known_position(&filter);
                self.activate(filter, life, head, Recovery::NotRequested);
                self.events.extend(lost);
            }
            Verdict::Again => self.pause(&filter, Some(error), now),
            Verdict::NextConnection if self.connected => self.pause(&filter, Some(error), now),
            Verdict::NextConnection => self.wait(&filter),
            Verdict::Final => {
                self.remove(&filter);
                if has_unanswered {
                    self.leave(filter.clone());
                }
                self.events.push_back(TopicEvent::Refused { filter, error });
            }
        }
    }

    pub(super) fn unsubscribe_ended(
        &mut self,
        id: u64,
        filter: TopicFilter,
        outcome: Result<TopicResponse, RequestError>,
        now: Time,
    ) {
        let Some(leaving) = self.leaving.get_mut(&filter).filter(|it| it.asked == Some(id)) else { return };
        let is_over = outcome.err().is_none_or(|error| error.verdict() != Verdict::Again);
        // A new subscription to the same filter has sent a later request, and takes the old one over.
        if is_over || self.wanted.contains_key(&filter) {
            self.leaving.remove(&filter);
        } else {
            leaving.asked = None;
            let pause = leaving.backoff.pause();
            self.pauses.insert(Task::Unsubscribe { filter }, (), now + pause);
        }
    }

    pub(super) fn timed_out(&mut self, id: u64, task: Task, now: Time) {
        let error = RequestError::Call(CallError::TimedOut);
        match task {
            Task::Subscribe { filter, life } => {
                let is_last = self.living(&filter, life).is_some_and(|it| it.state == State::Asked(id));
                match is_last {
                    true if self.connected => self.pause(&filter, Some(error), now),
                    true => self.wait(&filter),
                    false => {}
                }
            }
            Task::Unsubscribe { filter } => self.unsubscribe_ended(id, filter, Err(error), now),
        }
    }

    /// The response to this request is no longer awaited.
    pub(super) fn is_answered(&mut self, filter: &TopicFilter, id: u64) {
        if let Some(subscription) = self.wanted.get_mut(filter) {
            subscription.unanswered.retain(|it| *it != id);
        }
    }

    /// The subscription, if it is still the same one.
    pub(super) fn living(&mut self, filter: &TopicFilter, life: u64) -> Option<&mut Subscription> {
        self.wanted.get_mut(filter).filter(|it| it.life == life)
    }

    fn activate(&mut self, filter: TopicFilter, life: u64, head: Position, recovery: Recovery) {
        self.pauses.remove(&Task::Subscribe { filter: filter.clone(), life });
        if let TopicFilter::Exact(topic) = &filter
            && head != Position::default()
        {
            let is_followed = self.wanted.iter().any(|(other, it)| {
                it.state == State::Active && matches!(other, TopicFilter::Prefix(_)) && other.matches(topic)
            });
            self.positions.handle_subscribed(topic, head, recovery, is_followed);
        }
        if let Some(subscription) = self.living(&filter, life) {
            subscription.state = State::Active;
            subscription.was_asked = true;
            subscription.backoff.reset();
        }
        self.events.push_back(TopicEvent::Subscribed { filter, head, recovery });
    }

    /// Nothing is awaited any more: returns what is lost.
    fn finish(&mut self, filter: &TopicFilter) -> Vec<TopicEvent> {
        let TopicFilter::Exact(topic) = filter else { return Vec::new() };
        let Some((epoch, lost)) = self.positions.finish(topic) else { return Vec::new() };
        let topic = topic.to_string();
        lost.into_iter()
            .map(|(from, to)| TopicEvent::Lost { topic: topic.clone(), epoch, from, to })
            .collect()
    }

    /// Retries after a pause, and reports the reason if there is one.
    fn pause(&mut self, filter: &TopicFilter, error: Option<RequestError>, now: Time) {
        let Some(subscription) = self.wanted.get_mut(filter) else { return };
        subscription.state = State::Waiting;
        let pause = subscription.backoff.pause();
        let task = Task::Subscribe { filter: filter.clone(), life: subscription.life };
        self.pauses.insert(task, (), now + pause);
        if let Some(error) = error {
            self.events.push_back(TopicEvent::Retrying { filter: filter.clone(), error, pause });
        }
    }

    /// Retries on the next connection.
    fn wait(&mut self, filter: &TopicFilter) {
        if let Some(subscription) = self.wanted.get_mut(filter) {
            subscription.state = State::Waiting;
        }
    }
}
