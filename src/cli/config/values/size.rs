use std::{fmt, str::FromStr};

use shardcast::MemoryMax;

use super::text::{TextValue, text_value};

/// A number of bytes with its unit, such as `512B`, `4KiB` or `1MiB`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ByteSize(pub(crate) u64);

text_value!(ByteSize);

impl TextValue for ByteSize {
    const TITLE: &'static str = "byte size";
    const EXAMPLES: &'static [&'static str] = &["512B", "4KiB", "1MiB"];

    fn from_integer(number: i64) -> Result<Self, String> {
        let size = Self(u64::try_from(number).unwrap_or(0));
        Err(format!("a byte size needs a unit and quotes: write \"{size}\""))
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let not_one = || {
            format!(
                "invalid byte size `{text}`: expected a whole number and B, KiB, MiB or GiB, such as \"1MiB\""
            )
        };
        let number: u64 = number.parse().map_err(|_| not_one())?;
        let bytes = match (number, unit) {
            (0, "") => 1,
            (_, "") => return Err(format!("`{text}` has no unit: write \"{}\"", Self(number))),
            (_, unit) => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(not_one)?.1,
        };
        match number.checked_mul(bytes) {
            Some(size) if size <= LARGEST => Ok(Self(size)),
            _ => Err(format!("`{text}` is more than {}", Self(LARGEST))),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0B");
        }
        let (name, unit) =
            UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)).expect("the last unit is one byte");
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// `"auto"` or a number of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct MemorySize(pub(crate) MemoryMax);

text_value!(MemorySize);

impl TextValue for MemorySize {
    const TITLE: &'static str = "\"auto\", or a byte size";
    const EXAMPLES: &'static [&'static str] = &["auto", "512MiB", "8GiB"];

    fn from_integer(number: i64) -> Result<Self, String> {
        ByteSize::from_integer(number).map(|size| Self(MemoryMax::Bytes(size.0)))
    }
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(MemoryMax::Auto)),
            text => text.parse().map(|size: ByteSize| Self(MemoryMax::Bytes(size.0))),
        }
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MemoryMax::Auto => f.write_str("auto"),
            MemoryMax::Bytes(bytes) => ByteSize(bytes).fmt(f),
        }
    }
}

/// From the largest to the smallest.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Larger bounds make no sense, and sums of a few cannot overflow.
const LARGEST: u64 = 1 << 40;
