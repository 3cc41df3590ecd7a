//! Values with several forms: shards, cpus, spin, overflow.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use shardcast::{CpuChoice, OverflowPolicy, ShardCount};

use super::{
    duration::HumanDuration,
    text::{TextValue, deserialize, text_value},
};

/// `"auto"` or a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shards(pub(crate) ShardCount);

impl Serialize for Shards {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ShardCount::Auto => serializer.serialize_str("auto"),
            ShardCount::Exactly(count) => serializer.serialize_u16(count),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Shards {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl JsonSchema for Shards {
    fn schema_name() -> Cow<'static, str> {
        "shards".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": Self::TITLE,
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": SHARDS_MAX }],
        })
    }
}

impl TextValue for Shards {
    const TITLE: &'static str = "\"auto\", or a whole number from 1 to 1024";
    const EXAMPLES: &'static [&'static str] = &["auto", "2"];

    fn from_integer(number: i64) -> Result<Self, String> {
        match u16::try_from(number) {
            Ok(count @ 1..=SHARDS_MAX) => Ok(Self(ShardCount::Exactly(count))),
            _ => Err(format!("{number} is out of range: expected \"auto\", or 1 to {SHARDS_MAX}")),
        }
    }
}

impl FromStr for Shards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(ShardCount::Auto)),
            text => text
                .parse()
                .map_err(|_| {
                    format!("invalid number of shards `{text}`: expected \"auto\", or 1 to {SHARDS_MAX}")
                })
                .and_then(Self::from_integer),
        }
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ShardCount::Auto => f.write_str("auto"),
            ShardCount::Exactly(count) => count.fmt(f),
        }
    }
}

/// `auto`, `none`, or a list such as `0-3,6`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cpus(pub(crate) CpuChoice);

text_value!(Cpus);

impl TextValue for Cpus {
    const TITLE: &'static str = "\"auto\", \"none\", or a list of CPUs";
    const EXAMPLES: &'static [&'static str] = &["auto", "none", "0-3,6"];

    fn from_integer(number: i64) -> Result<Self, String> {
        Err(format!("a list of CPUs is text: write \"{number}\""))
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(CpuChoice::Auto)),
            "none" => Ok(Self(CpuChoice::Unpinned)),
            list => cpu_list(list).map(|cpus| Self(CpuChoice::List(cpus))),
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            CpuChoice::Auto => f.write_str("auto"),
            CpuChoice::Unpinned => f.write_str("none"),
            CpuChoice::List(cpus) => {
                for (index, run) in cpus.chunk_by(|a, b| a + 1 == *b).enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    match run {
                        [first, .., last] => write!(f, "{first}-{last}")?,
                        [single] => single.fmt(f)?,
                        [] => {}
                    }
                }
                Ok(())
            }
        }
    }
}

/// `adaptive:TIME`, `0` or `always`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spin(pub(crate) shardcast::Spin);

text_value!(Spin);

impl TextValue for Spin {
    const TITLE: &'static str = "\"adaptive:DURATION\", \"0\" or \"always\"";
    const EXAMPLES: &'static [&'static str] = &["adaptive:50us", "0", "always"];

    fn from_integer(number: i64) -> Result<Self, String> {
        Err(match number {
            0 => "spin is text: write \"0\"".into(),
            number => format!("spin is text: write \"adaptive:{number}us\" for {number} microseconds"),
        })
    }
}

impl FromStr for Spin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spin = match (text, text.strip_prefix("adaptive:")) {
            ("0", _) => shardcast::Spin::Never,
            ("always", _) => shardcast::Spin::Always,
            (_, Some(time)) => match time.parse::<HumanDuration>()?.0 {
                time if time.is_zero() => return Err("to spin for no time, write \"0\"".into()),
                time => shardcast::Spin::Adaptive(time),
            },
            _ => {
                return Err(format!(
                    "invalid spin mode `{text}`: expected \"adaptive:50us\", \"0\" or \"always\""
                ));
            }
        };
        Ok(Self(spin))
    }
}

impl fmt::Display for Spin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            shardcast::Spin::Never => f.write_str("0"),
            shardcast::Spin::Always => f.write_str("always"),
            shardcast::Spin::Adaptive(time) => write!(f, "adaptive:{}", HumanDuration(time)),
        }
    }
}

/// `disconnect`, `drop-oldest`, `drop-newest`, `conflate` or `block:TIME`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Overflow(pub(crate) OverflowPolicy);

text_value!(Overflow);

impl TextValue for Overflow {
    const TITLE: &'static str =
        "\"disconnect\", \"drop-oldest\", \"drop-newest\", \"conflate\" or \"block:DURATION\"";
    const EXAMPLES: &'static [&'static str] =
        &["disconnect", "drop-oldest", "drop-newest", "conflate", "block:100ms"];

    fn from_integer(_: i64) -> Result<Self, String> {
        Err(format!("an overflow policy is text: expected {}", Self::TITLE))
    }
}

impl FromStr for Overflow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let policy = match (text, text.strip_prefix("block:")) {
            ("disconnect", _) => OverflowPolicy::Disconnect,
            ("drop-oldest", _) => OverflowPolicy::DropOldest,
            ("drop-newest", _) => OverflowPolicy::DropNewest,
            ("conflate", _) => OverflowPolicy::Conflate,
            (_, Some(time)) => match time.parse::<HumanDuration>()?.0 {
                time if time.is_zero() => return Err("to block for no time, write \"drop-newest\"".into()),
                time => OverflowPolicy::Block(time),
            },
            ("block", _) => {
                return Err("`block` needs a duration: write \"block:100ms\" for 100 milliseconds".into());
            }
            _ => return Err(format!("invalid overflow policy `{text}`: expected {}", Self::TITLE)),
        };
        Ok(Self(policy))
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OverflowPolicy::Disconnect => f.write_str("disconnect"),
            OverflowPolicy::DropOldest => f.write_str("drop-oldest"),
            OverflowPolicy::DropNewest => f.write_str("drop-newest"),
            OverflowPolicy::Conflate => f.write_str("conflate"),
            OverflowPolicy::Block(time) => write!(f, "block:{}", HumanDuration(time)),
        }
    }
}

/// Parses `0-3,6`: in the order written, without duplicates.
fn cpu_list(list: &str) -> Result<Vec<usize>, String> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let number = |text: &str| match text.trim().parse::<usize>() {
            Ok(cpu) if cpu < CPUS_MAX => Ok(cpu),
            Ok(cpu) => {
                Err(format!("CPU {cpu} does not exist: the highest number on Linux is {}", CPUS_MAX - 1))
            }
            Err(_) => Err(format!(
                "invalid list of CPUs `{list}`: expected \"auto\", \"none\", or a list such as \"0-3,6\""
            )),
        };
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last {
            return Err(format!("the range `{}` is reversed: write \"{last}-{first}\"", part.trim()));
        }
        for cpu in first..=last {
            if cpus.contains(&cpu) {
                return Err(format!("CPU {cpu} is listed twice"));
            }
            cpus.push(cpu);
        }
    }
    Ok(cpus)
}

/// Each pair of shards has a queue, so memory grows with the square of the number of shards.
const SHARDS_MAX: u16 = 1024;

/// CONFIG_NR_CPUS of the largest kernels.
const CPUS_MAX: usize = 8192;
