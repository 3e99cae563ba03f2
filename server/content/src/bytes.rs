//! Reading numbers and texts out of bytes that may end anywhere.

/// `N` bytes at a place; `None` beyond the end.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A number of 16 bits, lowest byte first.
pub(crate) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// A number of 16 bits, highest byte first.
pub(crate) fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// A number of 32 bits, lowest byte first.
pub(crate) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// A number of 32 bits, highest byte first.
pub(crate) fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// A NUL-ended text of printable ASCII, of 1 to `longest` bytes, and the place of its NUL.
pub(crate) fn ended_text(bytes: &[u8], at: usize, longest: usize) -> Option<(&str, usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().take(longest.saturating_add(1)).position(|byte| *byte == 0)?;
    let text = rest.get(..length).filter(|text| !text.is_empty())?;
    if !text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    Some((std::str::from_utf8(text).ok()?, at + length))
}
