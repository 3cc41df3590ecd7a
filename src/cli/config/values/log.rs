use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;

use super::text::{TextValue, text_value};
use crate::config::suggest::closest;

/// What is logged: a level, and levels of single modules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogLevel(pub(crate) String);

impl LogLevel {
    /// The filter. Every value of this type is one.
    pub(crate) fn targets(&self) -> Targets {
        self.0.parse().unwrap_or_default()
    }
}

text_value!(LogLevel);

impl TextValue for LogLevel {
    const TITLE: &'static str = "log filter";
    const EXAMPLES: &'static [&'static str] = &["info", "debug", "warn,shardcast=debug"];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err(format!("a log filter is text: write {}", LEVELS.join(", ")))
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A single word would be taken for the name of a module, and a mistyped level would log nothing.
        for word in text.split(',').map(str::trim).filter(|word| !word.contains('=')) {
            if !LEVELS.contains(&word.to_ascii_lowercase().as_str()) {
                return Err(match closest(word, LEVELS) {
                    Some(level) => format!("unknown log level `{word}`: did you mean `{level}`?"),
                    None => format!("unknown log level `{word}`: expected one of {}", LEVELS.join(", ")),
                });
            }
        }
        text.parse::<Targets>()
            .map(|_| Self(text.to_owned()))
            .map_err(|error| format!("invalid log filter `{text}`: {error}"))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
