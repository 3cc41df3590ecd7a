//! Copies of a few bytes, as a number instead of by a call: most strings of real messages are that short.

/// Up to 16 bytes as a number, the first one least significant; from two parts that overlap.
#[inline]
pub(super) fn load(bytes: &[u8]) -> Option<u128> {
    let len = bytes.len();
    if len > LEN_MAX {
        return None;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let high = last.unbounded_shr(128 - 8 * len as u32);
        return Some(u128::from(first) | u128::from(high) << 64);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return Some((u64::from(first) | u64::from(last) << (8 * (len - 4))).into());
    }
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Some(0) };
    let middle = u32::from(bytes[len / 2]) << (8 * (len / 2));
    Some((u32::from(*first) | middle | u32::from(*last) << (8 * (len - 1))).into())
}

/// The bytes as an owned string, if they are UTF-8; otherwise their length.
#[inline(always)]
pub(super) fn to_string(bytes: &[u8]) -> Result<String, usize> {
    let Some(short) = load(bytes) else { return checked(bytes.to_vec()) };
    if bytes.is_empty() {
        return Ok(String::new());
    }
    // Zeros after the text give a length that the check handles in a single step. No allocator allocates
    // fewer bytes anyway.
    let mut padded = Vec::with_capacity(LEN_MAX);
    padded.extend_from_slice(&short.to_le_bytes());
    let mut text = checked(padded)?;
    text.truncate(bytes.len());
    Ok(text)
}

#[inline]
fn checked(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())
}

/// Bytes of a number.
pub(super) const LEN_MAX: usize = 16;
