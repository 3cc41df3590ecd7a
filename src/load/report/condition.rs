//! Conditions on one result (`--assert 'p99<200us,lost=0'`) and on two (`--fail-if 'p99>+10%'`).
//!
//! ```text
//! conditions = condition *("," condition)
//! condition  = metric op value
//! op         = "<" / "<=" / ">" / ">=" / "=" / "!="
//! value      = number [unit]           for one result
//!            / ("+" / "-") number unit a change, for two; unit "%" or that of the metric
//! unit       = "ns" / "us" / "ms" / "s" of a time, which must have one; "k" / "M" of a count
//! ```

use std::{fmt, str::FromStr};

use super::{Report, metric::Metric};

/// Several conditions; all must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions(pub Vec<Condition>);

/// `metric op value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The metric to check.
    pub metric: Metric,
    /// The comparison.
    pub op: Op,
    /// What to compare with.
    pub value: Value,
    text: String,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `=`
    Equal,
    /// `!=`
    Unequal,
}

/// What a metric is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A value of the metric.
    Absolute(f64),
    /// A difference between two results, in the unit of the metric.
    Difference(f64),
    /// A difference as part of the first result; 0.1 is 10 %.
    Relative(f64),
}

impl Conditions {
    /// The conditions that `report` does not meet, in sentences.
    pub fn violations(&self, report: &Report) -> Vec<String> {
        self.0.iter().filter_map(|it| it.violation(report)).collect()
    }
}

impl Condition {
    fn violation(&self, report: &Report) -> Option<String> {
        let Value::Absolute(wanted) = self.value else {
            return Some(format!("{self} is a change between two results: use it with `bench compare`"));
        };
        match self.metric.value(report) {
            Some(value) if self.op.holds(value, wanted) => None,
            Some(value) => {
                Some(format!("{self} does not hold: {} is {}", self.metric, self.metric.show(value)))
            }
            None => Some(format!("{self} does not hold: {} was not measured", self.metric)),
        }
    }
}

impl Op {
    /// Whether `left op right`.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}

impl FromStr for Conditions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let at = text.find(['<', '>', '=', '!']).ok_or_else(|| {
            format!("invalid condition `{text}`: expected a comparison such as `p99<200us` or `lost=0`")
        })?;
        let (metric, rest) = text.split_at(at);
        let (symbol, op) = OPS
            .iter()
            .find(|(symbol, _)| rest.starts_with(symbol))
            .ok_or_else(|| format!("invalid condition `{text}`: expected one of < <= > >= = !="))?;
        let metric: Metric = metric.trim().parse()?;
        let value = rest[symbol.len()..].trim();
        let value = parse_value(value, metric).map_err(|why| format!("invalid condition `{text}`: {why}"))?;
        Ok(Self { metric, op: *op, value, text: text.to_owned() })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse_value(text: &str, metric: Metric) -> Result<Value, String> {
    let is_change = text.starts_with(['+', '-']);
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || ".+-".contains(c))).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| format!("invalid value `{text}`: expected a number"))?;
    let unit = unit.trim();
    if unit == "%" {
        return if is_change {
            Ok(Value::Relative(number / 100.0))
        } else {
            Err(format!("invalid change `{text}`: write +{text} or -{text}"))
        };
    }
    let factor = match (metric.is_time(), unit) {
        (true, "ns") | (false, "") => 1.0,
        (true, "us" | "µs") | (false, "k") => 1e3,
        (true, "ms") | (false, "M") => 1e6,
        (true, "s") => 1e9,
        (true, _) => {
            return Err(format!("invalid duration `{text}`: expected a number with ns, us, ms or s"));
        }
        (false, _) => return Err(format!("invalid count `{text}`: expected a number, or one with k or M")),
    };
    let value = number * factor;
    Ok(if is_change { Value::Difference(value) } else { Value::Absolute(value) })
}

/// The longer ones first.
const OPS: &[(&str, Op)] = &[
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("!=", Op::Unequal),
    ("==", Op::Equal),
    ("<", Op::Less),
    (">", Op::More),
    ("=", Op::Equal),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Buckets, Summary, Totals};

    fn report() -> Report {
        let latency = Summary {
            count: 3,
            max: 9000,
            buckets: Buckets(vec![(1000, 2), (9000, 1)]),
            ..Summary::default()
        };
        Report { latency, totals: Totals { lost: 2, sent: 3000, ..Totals::default() }, ..Report::default() }
    }

    fn violations(conditions: &str) -> Vec<String> {
        conditions.parse::<Conditions>().expect(conditions).violations(&report())
    }

    #[test]
    fn conditions_that_hold_say_nothing() {
        for conditions in [
            "p50<2us",
            "p50 <= 1 us",
            "p99=9us",
            "p66.6=1us",
            "p66.7>=9000ns",
            "max<1ms",
            "lost=2",
            "lost==2",
            "lost!=0,sent>=3k",
            "duplicated=0, reordered=0",
            "max<0.1s",
        ] {
            assert_eq!(violations(conditions), [""; 0], "{conditions}");
        }
    }

    #[test]
    fn conditions_that_do_not_hold_are_reported() {
        assert_eq!(
            violations("p99<2us,lost=0,sent>1"),
            ["p99<2us does not hold: p99 is 9.00 us", "lost=0 does not hold: lost is 2"]
        );
        assert_eq!(
            violations("service.p50<1s"),
            ["service.p50<1s does not hold: service.p50 was not measured"]
        );
        assert_eq!(
            violations("p99<+10%"),
            ["p99<+10% is a change between two results: use it with `bench compare`"]
        );
    }

    #[test]
    fn errors_are_explained() {
        for (conditions, part) in [
            ("", "invalid condition"),
            ("p99", "invalid condition"),
            ("p99<", "expected a number"),
            ("p99<200", "invalid duration `200`: expected a number with ns, us, ms or s"),
            ("lost<2us", "invalid count `2us`"),
            ("p101<1s", "unknown figure `p101`"),
            ("p-1<1s", "unknown figure"),
            ("pnan<1s", "unknown figure"),
            ("speed>1", "expected p50"),
            ("p99!1us", "expected one of"),
            ("p99>10%", "write +10% or -10%"),
            ("lost=0,,", "invalid condition"),
        ] {
            let error = conditions.parse::<Conditions>().expect_err(conditions);
            assert!(error.contains(part), "{conditions}: {error}");
        }
    }

    #[test]
    fn a_change_has_a_sign() {
        let value = |text: &str| text.parse::<Condition>().expect(text).value;
        assert_eq!(value("p99>+10%"), Value::Relative(0.1));
        assert_eq!(value("rate<-5%"), Value::Relative(-0.05));
        assert_eq!(value("p99>+50us"), Value::Difference(50_000.0));
        assert_eq!(value("lost>0"), Value::Absolute(0.0));
    }
}
