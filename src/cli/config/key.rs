use std::fmt;

/// The path of one value, such as `server.shards` or `listener.0.push.interval`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key(pub(crate) Vec<String>);

impl Key {
    pub(crate) fn new(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// This key with one more part.
    pub(crate) fn join(&self, part: impl fmt::Display) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_string());
        Self(parts)
    }

    /// All but the last part.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The last part.
    pub(crate) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// With `*` for the number of a listener: the key of its description.
    pub(crate) fn pattern(&self) -> Self {
        let star = |part: &String| if is_index(part) { "*".to_owned() } else { part.clone() };
        Self(self.0.iter().map(star).collect())
    }

    /// With `index` for the `*` of a description.
    pub(crate) fn at(&self, index: usize) -> Self {
        let fill = |part: &String| if part == "*" { index.to_string() } else { part.clone() };
        Self(self.0.iter().map(fill).collect())
    }

    /// As the header of a table in the file: `[server]`, `[[listener]]`, `[listener.push]`.
    pub(crate) fn header(&self) -> String {
        let names: Vec<&str> =
            self.0.iter().map(String::as_str).filter(|part| *part != "*" && !is_index(part)).collect();
        match self.0.last() {
            Some(last) if last == "*" || is_index(last) => format!("[[{}]]", names.join(".")),
            _ => format!("[{}]", names.join(".")),
        }
    }

    /// The environment variable that sets it. Variables cannot have `-` in their names.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.0.join("__").to_uppercase().replace('-', "_"))
    }

    /// The key that an environment variable sets, if it is a Shardcast variable; with `_` where the key has `-`.
    pub(crate) fn of_variable(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(VARIABLE_PREFIX)?;
        let key = Self(rest.to_lowercase().split("__").map(str::to_owned).collect());
        (key.variable() == name).then_some(key)
    }

    /// This key with the names of `pattern`, if they differ only in `-` and `_`.
    pub(crate) fn spelled_as(&self, pattern: &Self) -> Option<Self> {
        let spell = |(part, wanted): (&String, &String)| match wanted.as_str() {
            "*" => is_index(part).then(|| part.clone()),
            wanted => (wanted.replace('-', "_") == *part).then(|| wanted.to_owned()),
        };
        let parts = self.0.iter().zip(&pattern.0).map(spell).collect::<Option<Vec<_>>>()?;
        (self.0.len() == pattern.0.len()).then_some(Self(parts))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// The prefix of every Shardcast variable.
pub(crate) const VARIABLE_PREFIX: &str = "SHARDCAST_";

fn is_index(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}
