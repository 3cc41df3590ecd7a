//! Calls, among the metrics: of the objects of listeners, and of the objects of other servers that proxies call.

use shardcast::stats::{CallStats, DomainStats, ObjectStats, ShardStats, VerbStats};

use super::{
    latency::histogram,
    metrics::{Number, Page, for_each_listener},
};

/// Calls that came.
pub(super) fn render(shards: &[ShardStats], page: &mut Page) {
    let for_each = |then: &mut Then<'_>| {
        for_each_listener(shards, |shard, listener| {
            let Some(calls) = &listener.calls else { return };
            let labels = [("shard", shard), ("listener", &listener.listener), ("proto", listener.protocol)];
            then(&labels, calls);
        });
    };
    page.family(CALLS, "counter", "Calls of functions of an object, or of a verb.");
    for_each(&mut |labels, calls| {
        for (object, count) in &calls.objects {
            page.sample(CALLS, &[labels, &[("object", object)]].concat(), count);
        }
    });
    for_each(&mut |labels, calls| {
        for verb in &calls.verbs {
            page.sample(CALLS, &[labels, &[("verb", &number(verb))]].concat(), verb.calls);
        }
    });
    page.family(FAILED, "counter", "Calls that failed, by reason.");
    for_each(&mut |labels, calls| {
        for (reason, count) in [
            ("handler", calls.failed),
            ("overload", calls.overloads),
            ("queue-timeout", calls.queue_timeouts),
            ("unknown", calls.unknown),
        ] {
            page.sample(FAILED, &[labels, &[("reason", reason)]].concat(), count);
        }
    });
    for (name, kind, help, value) in NUMBERS {
        page.family(name, kind, help);
        for_each(&mut |labels, calls| page.sample(name, labels, value(calls)));
    }
    for (name, kind, help, value) in VERB_NUMBERS {
        page.family(name, kind, help);
        for_each(&mut |labels, calls| {
            for verb in &calls.verbs {
                page.sample(name, &[labels, &[("verb", &number(verb))]].concat(), value(verb));
            }
        });
    }
    page.family(VERB_TIMES, "histogram", "From a call of a verb being received to its result being known.");
    for_each(&mut |labels, calls| {
        for verb in calls.verbs.iter().filter(|verb| verb.calls > 0) {
            histogram(VERB_TIMES, &[labels, &[("verb", &number(verb))]].concat(), &verb.latency, page);
        }
    });
}

/// How a verb is named among the labels.
fn number(verb: &VerbStats) -> String {
    verb.verb.map_or_else(|| "others".to_owned(), |number| number.to_string())
}

/// Calls that proxies made.
pub(super) fn render_proxies(objects: &[ObjectStats], page: &mut Page) {
    for (name, kind, help, value) in PROXY_NUMBERS {
        page.family(name, kind, help);
        for object in objects {
            page.sample(name, &[("object", &object.object)], value(object));
        }
    }
    page.family(PROXY_FAILED, "counter", "Calls of proxies that failed, by reason.");
    for object in objects {
        for (reason, count) in &object.failed {
            page.sample(PROXY_FAILED, &[("object", &object.object), ("reason", reason)], count);
        }
    }
    page.family(ENDPOINTS, "gauge", "Endpoints of the object, by whether calls go there.");
    for object in objects {
        for (state, count) in [("usable", object.endpoints_usable), ("unusable", object.endpoints_unusable)] {
            page.sample(ENDPOINTS, &[("object", &object.object), ("state", state)], count);
        }
    }
}

/// Calls of clients, by the domains that they name.
pub(super) fn render_domains(domains: &[DomainStats], page: &mut Page) {
    for (name, kind, help, value) in DOMAIN_NUMBERS {
        page.family(name, kind, help);
        for domain in domains {
            page.sample(name, &[("domain", &domain.domain)], value(domain));
        }
    }
    page.family(DOMAIN_FAILED, "counter", "Calls of clients of the domain without a result, by reason.");
    for domain in domains {
        for (reason, count) in domain.failed {
            page.sample(DOMAIN_FAILED, &[("domain", &domain.domain), ("reason", reason)], count);
        }
    }
    page.family(DOMAIN_DELAY, "counter", "How long those calls took, apart from their handlers.");
    for domain in domains {
        page.sample(DOMAIN_DELAY, &[("domain", &domain.domain)], domain.delay_total.as_secs_f64());
    }
}

/// Gets the labels and the counts of each listener with calls.
type Then<'a> = dyn FnMut(&[(&str, &str)], &CallStats) + 'a;

const CALLS: &str = "shardcast_calls_total";
const FAILED: &str = "shardcast_calls_failed_total";
const PROXY_FAILED: &str = "shardcast_proxy_calls_failed_total";
const ENDPOINTS: &str = "shardcast_proxy_endpoints";
const DOMAIN_FAILED: &str = "shardcast_client_calls_failed_total";
const DOMAIN_DELAY: &str = "shardcast_client_delay_seconds_total";

const NUMBERS: [Number<CallStats>; 4] = [
    ("shardcast_calls_in_progress", "gauge", "Handlers now that were not ready at once.", |c| c.in_progress),
    ("shardcast_calls_waiting", "gauge", "Calls that wait for a handler, or for memory, now.", |c| c.waiting),
    ("shardcast_calls_waiting_bytes", "gauge", "Bytes of their arguments.", |c| c.waiting_bytes),
    ("shardcast_call_streams", "gauge", "Streams that are open now.", |c| c.streams),
];

const VERB_TIMES: &str = "shardcast_verb_seconds";

const VERB_NUMBERS: [Number<VerbStats>; 6] = [
    ("shardcast_verb_one_way_total", "counter", "Calls to which there is no response.", |v| v.one_way),
    ("shardcast_verb_failed_total", "counter", "Calls whose handler has failed.", |v| v.failed),
    ("shardcast_verb_undecodable_total", "counter", "Calls whose arguments could not be decoded.", |v| {
        v.undecodable
    }),
    ("shardcast_verb_too_large_total", "counter", "Calls that need more memory than all may.", |v| {
        v.too_large
    }),
    ("shardcast_verb_waits_total", "counter", "Calls that had to wait for memory.", |v| v.waits),
    ("shardcast_verb_late_total", "counter", "Calls whose caller did not wait any more.", |v| v.late),
];

const PROXY_NUMBERS: [Number<ObjectStats>; 5] = [
    ("shardcast_proxy_calls_total", "counter", "Calls that proxies of the object began.", |o| o.calls),
    (
        "shardcast_proxy_calls_in_progress",
        "gauge",
        "Entries of the call tables of its connections now, pings included.",
        |o| o.calls_in_progress,
    ),
    ("shardcast_proxy_late_responses_total", "counter", "Responses that came too late.", |o| {
        o.late_responses
    }),
    ("shardcast_proxy_callbacks_waiting", "gauge", "Callbacks that wait for a thread.", |o| {
        o.callbacks_waiting
    }),
    (
        "shardcast_proxy_pushes_dropped_total",
        "counter",
        "Pushes and events dropped because far too many callbacks waited.",
        |o| o.pushes_dropped,
    ),
];

const DOMAIN_NUMBERS: [Number<DomainStats>; 6] = [
    ("shardcast_clients", "gauge", "Clients of the domain now.", |d| d.clients),
    ("shardcast_client_calls_total", "counter", "Calls that clients of the domain began.", |d| d.calls),
    (
        "shardcast_client_calls_one_way_total",
        "counter",
        "Of these, calls without a response that were sent.",
        |d| d.one_way,
    ),
    ("shardcast_client_calls_replied_total", "counter", "Calls that got a result.", |d| d.replied),
    ("shardcast_client_calls_in_progress", "gauge", "Calls that wait or are in flight now.", |d| {
        d.calls_in_progress
    }),
    (
        "shardcast_client_delay_samples_total",
        "counter",
        "Responses that say how long their handler took.",
        |d| d.delay_samples,
    ),
];
