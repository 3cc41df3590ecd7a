use std::{fmt, str::FromStr, time::Duration};

use super::text::{TextValue, text_value};

/// A time span with its unit, such as `50us`, `10s` or `2h`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct HumanDuration(pub(crate) Duration);

text_value!(HumanDuration);

impl TextValue for HumanDuration {
    const TITLE: &'static str = "duration";
    const EXAMPLES: &'static [&'static str] = &["50us", "25ms", "10s", "2m", "1h"];

    fn from_integer(number: i64) -> Result<Self, String> {
        Err(format!("a duration needs a unit and quotes: write \"{}s\" for {number} seconds", number.max(0)))
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let not_one =
            || format!("invalid duration `{text}`: expected a whole number and a unit, such as \"10s\"");
        let number: u64 = number.parse().map_err(|_| not_one())?;
        let nanos = match (number, unit) {
            (0, "") => 1,
            (_, "") => {
                return Err(format!("`{text}` has no unit: write \"{text}s\" for {text} seconds"));
            }
            (_, unit) => {
                UNITS.iter().find(|(name, _)| *name == unit.replace('µ', "u")).ok_or_else(not_one)?.1
            }
        };
        match number.checked_mul(nanos).map(Duration::from_nanos) {
            Some(duration) if duration <= LONGEST => Ok(Self(duration)),
            _ => Err(format!("`{text}` is longer than a year (366d)")),
        }
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        // One minute is usually written as 60 seconds.
        let fits = |(name, unit): &&(&str, u64)| {
            nanos.is_multiple_of(u128::from(*unit)) && (*name != "m" || nanos >= 2 * u128::from(*unit))
        };
        let (name, unit) = UNITS.iter().find(fits).expect("the last unit is one nanosecond");
        write!(f, "{}{name}", nanos / u128::from(*unit))
    }
}

/// From the longest to the shortest, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The sum of a time and a duration cannot overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
