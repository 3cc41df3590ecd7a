//! Where the bytes come from.

use std::{
    fs::File,
    io::{self, Read},
};

use anyhow::Context;

/// The bytes that `input` names: digits, a file, or standard input.
///
/// # Errors
/// It is neither digits nor a readable file.
pub(super) fn read(input: &str) -> anyhow::Result<Vec<u8>> {
    if input == "-" {
        return read_all(io::stdin().lock()).context("cannot read standard input");
    }
    if let Some(bytes) = from_digits(input.as_bytes()) {
        return Ok(bytes);
    }
    let file =
        File::open(input).with_context(|| format!("{input} is neither hexadecimal digits nor a file"))?;
    read_all(file).with_context(|| format!("cannot read {input}"))
}

fn read_all(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut content = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut content)?;
    anyhow::ensure!(content.len() as u64 <= INPUT_BYTES_MAX, "more than {INPUT_BYTES_MAX} bytes");
    Ok(from_digits(&content).unwrap_or(content))
}

/// Bytes written as pairs of digits, with blanks anywhere between the pairs.
fn from_digits(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let digits = text.iter().filter(|c| !c.is_ascii_whitespace()).map(|c| char::from(*c).to_digit(16));
    let digits: Vec<u32> = digits.collect::<Option<_>>()?;
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// More than a packet of any peer, in digits.
const INPUT_BYTES_MAX: u64 = 256 << 20;
