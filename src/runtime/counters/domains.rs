//! The clients whose counts are added up by a name of the application, as far as they belong to one server of this
//! process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::stats::DomainStats;

/// The counts of a client.
pub(crate) trait CountedClient: Send + Sync {
    /// Those of a domain with this client alone.
    fn stats(&self) -> DomainStats;
}

/// Clients by their domains. The counts of a client that has ended stay.
#[derive(Default)]
pub(crate) struct ClientDomains(Mutex<BTreeMap<String, Domain>>);

#[derive(Default)]
struct Domain {
    /// A client has ended when nothing else refers to its counts.
    clients: Vec<Arc<dyn CountedClient>>,
    ended: DomainStats,
    /// Clients that have ended are removed when there are this many.
    swept_at: usize,
}

impl ClientDomains {
    /// If there are too many domains, its client counts for [`OTHERS`].
    pub(crate) fn add(&self, domain: &str, client: Arc<dyn CountedClient>) {
        let mut domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = domains.len() < DOMAINS_MAX || domains.contains_key(domain);
        let domain = domains.entry(if is_known { domain } else { OTHERS }.to_owned()).or_default();
        if domain.clients.len() >= domain.swept_at {
            domain.sweep();
            domain.swept_at = (2 * domain.clients.len()).max(SWEPT_AT_MIN);
        }
        domain.clients.push(client);
    }

    /// The counts of each domain, in the order of their names.
    pub(crate) fn read(&self) -> Vec<DomainStats> {
        let mut domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = domains.iter_mut().map(|(name, domain)| {
            domain.sweep();
            let mut sum = DomainStats { domain: name.clone(), ..domain.ended.clone() };
            domain.clients.iter().for_each(|client| sum.add(&client.stats()));
            sum
        });
        read.collect()
    }
}

impl Domain {
    fn sweep(&mut self) {
        let ended = &mut self.ended;
        self.clients.retain(|client| {
            let lives = Arc::strong_count(client) > 1;
            if !lives {
                ended.add(&DomainStats { clients: 0, calls_in_progress: 0, ..client.stats() });
            }
            lives
        });
    }
}

impl fmt::Debug for ClientDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDomains").finish_non_exhaustive()
    }
}

/// The most domains with counts of their own.
const DOMAINS_MAX: usize = 256;

/// The name for all others.
const OTHERS: &str = "(others)";

const SWEPT_AT_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl CountedClient for Fake {
        fn stats(&self) -> DomainStats {
            DomainStats { clients: 1, calls: 3, calls_in_progress: 2, ..DomainStats::default() }
        }
    }

    fn add(domains: &ClientDomains, name: &str) -> Arc<dyn CountedClient> {
        let client: Arc<dyn CountedClient> = Arc::new(Fake);
        domains.add(name, Arc::clone(&client));
        client
    }

    #[test]
    fn clients_of_one_domain_are_added_up_also_when_they_have_ended() {
        let domains = ClientDomains::default();
        let kept = ["b", "a", "b"].map(|name| add(&domains, name));
        for _ in 0..1000 {
            drop(add(&domains, "a"));
        }
        assert!(domains.0.lock().expect("no panic")["a"].clients.len() <= SWEPT_AT_MIN);
        let read = || -> Vec<_> {
            let read = domains.read().into_iter();
            read.map(|it| (it.domain, it.clients, it.calls, it.calls_in_progress)).collect()
        };
        assert_eq!(read(), [("a".to_owned(), 1, 3003, 2), ("b".to_owned(), 2, 6, 4)]);
        drop(kept);
        assert_eq!(read(), [("a".to_owned(), 0, 3003, 0), ("b".to_owned(), 0, 6, 0)]);
    }

    #[test]
    fn the_number_of_domains_is_bounded() {
        let domains = ClientDomains::default();
        for name in 0..1000 {
            drop(add(&domains, &name.to_string()));
        }
        let read = domains.read();
        assert_eq!((read.len(), read[0].domain.as_str(), read[0].calls), (257, OTHERS, 3 * (1000 - 256)));
    }
}
