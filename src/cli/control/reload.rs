//! Reloading the configuration: the differences, those that take effect now, and those that need a restart.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::config::{Config, Key};

/// One option that has changed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The outcome of a reload.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is valid. Options that need a restart have not changed in the running server.
    Taken { applied: Vec<Change>, needs_restart: Vec<Change> },
    /// It has errors: nothing has changed.
    Rejected {
        #[serde(rename = "mistakes")]
        errors: String,
    },
}

/// Counters of all reloads.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) applied: AtomicU64,
    pub(crate) unchanged: AtomicU64,
    pub(crate) rejected: AtomicU64,
    /// Options that need a restart at present.
    pub(crate) needs_restart: AtomicU64,
}

impl Outcome {
    /// Compares the running configuration with the one read, and changes `running` to the one in effect from now
    /// on. The caller must still apply its limits and its log level.
    pub(crate) fn take(running: &mut Config, next: &Config, connections_made_for: usize) -> Self {
        let (mut applied, mut needs_restart) = (Vec::new(), Vec::new());
        let effective = effective(running, next, connections_made_for);
        let (old, now, new) = (flat(running), flat(&effective), flat(next));
        for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
            let text =
                |values: &BTreeMap<String, String>| values.get(key).cloned().unwrap_or_else(|| UNSET.into());
            let change = |before, after| Change { key: key.clone(), before, after };
            if text(&old) != text(&now) {
                applied.push(change(text(&old), text(&now)));
            }
            if text(&now) != text(&new) {
                needs_restart.push(change(text(&now), text(&new)));
            }
        }
        if running.admin.token != next.admin.token {
            let (key, hidden) = ("admin.token".to_owned(), "...".to_owned());
            needs_restart.retain(|it| it.key != key);
            needs_restart.push(Change { key, before: hidden.clone(), after: hidden });
        }
        *running = effective;
        Self::Taken { applied, needs_restart }
    }

    /// Counts it.
    pub(crate) fn count(&self, reloads: &Reloads) {
        let counter = match self {
            Self::Taken { applied, needs_restart } => {
                reloads.needs_restart.store(needs_restart.len() as u64, Ordering::Relaxed);
                if applied.is_empty() { &reloads.unchanged } else { &reloads.applied }
            }
            Self::Rejected { .. } => &reloads.rejected,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs it.
    pub(crate) fn log(&self) {
        match self {
            Self::Taken { applied, needs_restart } => {
                for Change { key, before, after } in applied {
                    tracing::info!(key, before, after, "configuration changed");
                }
                for Change { key, before, after } in needs_restart {
                    tracing::warn!(
                        key,
                        runs = before,
                        written = after,
                        "configuration change needs a restart"
                    );
                }
                if applied.is_empty() && needs_restart.is_empty() {
                    tracing::info!("configuration reloaded: no changes");
                }
            }
            Self::Rejected { errors } => {
                tracing::error!("configuration rejected, nothing has changed:\n{}", errors.trim_end());
            }
        }
    }
}

/// The configuration after the reload: from `next` what can change at run time, from `running` the rest.
fn effective(running: &Config, next: &Config, connections_made_for: usize) -> Config {
    let mut effective = running.clone();
    effective.log.level = next.log.level.clone();
    let limits = &mut effective.limits;
    let keepalive = limits.keepalive;
    let connections_max = limits.connections_max;
    *limits = next.limits.clone();
    // It is set on listening sockets, and accepted ones inherit it.
    limits.keepalive = keepalive;
    if limits.connections_max > connections_made_for {
        limits.connections_max = connections_max;
    }
    let names = |config: &Config| config.listener.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    if names(running) == names(next) {
        for (listener, next) in effective.listener.iter_mut().zip(&next.listener) {
            listener.idle_timeout = next.idle_timeout;
            listener.overflow = next.overflow;
            listener.outbox_bytes_max = next.outbox_bytes_max;
            listener.outbox_messages_max = next.outbox_messages_max;
            listener.outbox_age_max = next.outbox_age_max;
        }
    }
    effective
}

/// Every option as text, by its key.
fn flat(config: &Config) -> BTreeMap<String, String> {
    let values = toml::Value::try_from(config).expect("the configuration is made of what TOML can say");
    let mut found = BTreeMap::new();
    flatten(&Key::default(), &values, &mut found);
    found
}

fn flatten(key: &Key, value: &toml::Value, found: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            table.iter().for_each(|(name, value)| flatten(&key.join(name), value, found))
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(&key.join(index), item, found));
        }
        value => {
            found.insert(key.to_string(), value.to_string());
        }
    }
}

const UNSET: &str = "(not set)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Inputs, SourceFile, load},
        protocols::Registry,
    };

    fn config(text: &str) -> Config {
        let file = SourceFile { name: "f".into(), text: text.into() };
        load(Registry::builtin().catalog(), Inputs { file: Some(file), ..Inputs::default() })
            .unwrap_or_else(|_| panic!("valid: {text}"))
            .config
    }

    /// Keys that were applied, keys that need a restart, and the configuration that runs then.
    fn reload(before: &str, after: &str) -> (Vec<String>, Vec<String>, Config) {
        let mut running = config(before);
        let made_for = running.limits.connections_max;
        let Outcome::Taken { applied, needs_restart } = Outcome::take(&mut running, &config(after), made_for)
        else {
            panic!("it is valid");
        };
        let keys = |changes: Vec<Change>| changes.into_iter().map(|it| it.key).collect();
        (keys(applied), keys(needs_restart), running)
    }

    const LISTENER: &str = "[[listener]]\nname='a'\nlisten='127.0.0.1:0'\n";

    #[test]
    fn limits_levels_and_policies_change_and_the_rest_waits() {
        for (before, after, applied, needs_restart) in [
            ("", "", vec![], vec![]),
            ("", "log.level='debug'", vec!["log.level"], vec![]),
            ("", "log.format='json'", vec![], vec!["log.format"]),
            ("", "limits.idle_timeout='5s'", vec!["limits.idle_timeout"], vec![]),
            ("", "limits.overflow='conflate'", vec!["limits.overflow"], vec![]),
            ("", "limits.keepalive='5s'", vec![], vec!["limits.keepalive"]),
            ("", "limits.connections_max=5", vec!["limits.connections_max"], vec![]),
            ("limits.connections_max=5", "limits.connections_max=6", vec![], vec!["limits.connections_max"]),
            (
                "",
                "server.shards=2\nlimits.unidentified_max=7",
                vec!["limits.unidentified_max"],
                vec!["server.shards"],
            ),
            ("admin.token='0123456789abcdef'", "admin.token='0123456789abcdeF'", vec![], vec!["admin.token"]),
        ] {
            let (now, later, _) = reload(before, after);
            assert_eq!((now, later), (owned(&applied), owned(&needs_restart)), "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn a_listener_changes_its_own_bounds_while_it_is_the_same_listener() {
        let (now, later, running) =
            reload(LISTENER, &format!("{LISTENER}overflow='conflate'\noutbox_bytes_max='5B'"));
        assert_eq!(now, ["listener.0.outbox_bytes_max", "listener.0.overflow"]);
        assert_eq!(later, Vec::<String>::new());
        assert!(running.listener[0].overflow.is_some());
        let (now, later, running) =
            reload(LISTENER, &format!("{}overflow='conflate'", LISTENER.replace("'a'", "'b'")));
        assert_eq!(now, Vec::<String>::new());
        assert_eq!(later, ["listener.0.name", "listener.0.overflow"]);
        assert_eq!(running.listener[0].name, "a");
    }

    #[test]
    fn options_that_need_a_restart_are_listed_until_they_are_reverted() {
        let (mut running, changed) = (config(""), config("server.shards=2\nlimits.idle_timeout='5s'"));
        for (next, applied, needs_restart) in [(&changed, 1, 1), (&changed, 0, 1), (&config(""), 1, 0)] {
            let Outcome::Taken { applied: now, needs_restart: later } = Outcome::take(&mut running, next, 9)
            else {
                panic!("it is valid");
            };
            assert_eq!((now.len(), later.len()), (applied, needs_restart));
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let mut running = config("admin.token='0123456789abcdef'");
        let outcome = Outcome::take(&mut running, &config("admin.token='0123456789abcdeF'"), 9);
        assert!(!format!("{outcome:?}").contains("0123456789"), "{outcome:?}");
    }

    fn owned(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }
}
