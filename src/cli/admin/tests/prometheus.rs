//! A strict reader of the part of the text format that the server writes.

use std::collections::{BTreeMap, HashSet};

/// Every series and its value, or the violation of a rule.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, f64>, String> {
    let mut series = BTreeMap::new();
    let mut families = HashSet::new();
    let mut current: Option<(String, String)> = None;
    let mut bucket = None;
    let mut lines = text.strip_suffix('\n').ok_or("the last line does not end")?.split('\n');
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| format!("no help: {line}"))?;
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).unwrap_or_default();
            let (typed, kind) = kind.split_once(' ').ok_or_else(|| format!("no type after: {line}"))?;
            check_family(name, typed, kind, help)?;
            if !families.insert(name.to_owned()) {
                return Err(format!("{name} begins twice"));
            }
            current = Some((name.to_owned(), kind.to_owned()));
            continue;
        }
        let (labelled, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        let name = labelled.split('{').next().unwrap_or_default();
        check_labels(&labelled[name.len()..])?;
        let value: f64 = value.parse().map_err(|_| format!("no number: {line}"))?;
        match &current {
            Some((family, kind)) if kind == "histogram" => {
                let part = name.strip_prefix(family.as_str()).unwrap_or_default();
                check_histogram(part, labelled, value, &mut bucket)?;
            }
            Some((family, _)) if family == name => {}
            _ => return Err(format!("{name} is outside of its family")),
        }
        if value.is_nan() || value < 0.0 {
            return Err(format!("a strange number: {line}"));
        }
        if series.insert(labelled.to_owned(), value).is_some() {
            return Err(format!("twice: {labelled}"));
        }
    }
    Ok(series)
}

fn check_family(name: &str, typed: &str, kind: &str, help: &str) -> Result<(), String> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name != typed {
        return Err(format!("{name} has the type of {typed}"));
    }
    if !name.chars().all(letters) || !(name.starts_with("shardcast_") || name.starts_with("process_")) {
        return Err(format!("a bad name: {name}"));
    }
    let unit = name.ends_with("_seconds") || name.ends_with("_bytes");
    let fits = ["counter", "gauge"].contains(&kind) || (kind == "histogram" && unit);
    if !fits || (kind == "counter") != name.ends_with("_total") {
        return Err(format!("{name} is not a {kind}"));
    }
    if help.is_empty() || !help.ends_with('.') {
        return Err(format!("{name} is not explained"));
    }
    Ok(())
}

/// Buckets rise, end with +Inf, and are followed by their sum and their count. `bucket` is the limit and the count of
/// the last one.
fn check_histogram(
    part: &str,
    labelled: &str,
    value: f64,
    bucket: &mut Option<(f64, f64)>,
) -> Result<(), String> {
    let le = labelled.rsplit_once("le=\"").and_then(|(_, rest)| rest.strip_suffix("\"}"));
    let limit = le.and_then(|text| text.parse::<f64>().ok());
    let last = bucket.unwrap_or((0.0, 0.0));
    let fits = match part {
        "_bucket" => limit.is_some_and(|limit| limit > last.0 && value >= last.1),
        "_sum" => last.0.is_infinite(),
        "_count" => last.0.is_infinite() && value == last.1,
        _ => false,
    };
    if !fits {
        return Err(format!("no good histogram: {labelled} {value} after {last:?}"));
    }
    *bucket = match (part, limit) {
        ("_bucket", Some(limit)) => Some((limit, value)),
        ("_count", _) => None,
        _ => *bucket,
    };
    Ok(())
}

/// `{a="b",c="d"}` or nothing, with escapes in the values.
fn check_labels(text: &str) -> Result<(), String> {
    let bad = || format!("bad labels: {text}");
    if text.is_empty() {
        return Ok(());
    }
    let mut rest = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(bad)?;
    let mut names = HashSet::new();
    loop {
        let (name, value) = rest.split_once("=\"").ok_or_else(bad)?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !plain || !names.insert(name) {
            return Err(bad());
        }
        let end = closing_quote(value).ok_or_else(bad)?;
        match &value[end + 1..] {
            "" => return Ok(()),
            more => rest = more.strip_prefix(',').ok_or_else(bad)?,
        }
    }
}

fn closing_quote(value: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, letter) in value.char_indices() {
        match (escaped, letter) {
            (true, '\\' | '"' | 'n') => escaped = false,
            (true, _) => return None,
            (false, '\\') => escaped = true,
            (false, '"') => return Some(place),
            (false, _) => {}
        }
    }
    None
}

#[test]
fn the_reader_is_strict() {
    let family = "# HELP shardcast_x A thing.\n# TYPE shardcast_x gauge\n";
    assert!(read(&format!("{family}shardcast_x{{a=\"b\\\"\",c=\"\"}} 1\n")).is_ok());
    for broken in [
        format!("{family}shardcast_x 1"),
        format!("{family}shardcast_y 1\n"),
        format!("{family}shardcast_x 1\nshardcast_x 2\n"),
        format!("{family}{family}"),
        format!("{family}shardcast_x{{a=\"b}} 1\n"),
        format!("{family}shardcast_x{{a=\"b\",a=\"c\"}} 1\n"),
        format!("{family}shardcast_x one\n"),
        "# HELP shardcast_x_total A thing.\n# TYPE shardcast_x_total gauge\n".into(),
        "# HELP shardcast_x A thing.\n# TYPE shardcast_x counter\n".into(),
        "shardcast_x 1\n".into(),
    ] {
        assert!(read(&broken).is_err(), "{broken}");
    }
}
