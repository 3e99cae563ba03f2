//! Crafted firmware images, for tests, simulated phones and demonstrations. They have the header of OpenStage
//! images (`wpi.md` §7.4) and nothing that any phone could run.

/// Where the name of the image stands.
pub(crate) const NAME_AT: usize = 0x20;
/// How far before the end the device type stands.
pub(crate) const DEVICE_TYPE_BEFORE_END: usize = 0x128;

/// Fewest bytes an image made here has: room for both places of its header.
pub const SMALLEST_FIRMWARE: usize = 0x400;

/// Longest text that is put into the header, in bytes; more is cut off.
const LONGEST_TEXT: usize = 100;

/// An image of `size` bytes (at least [`SMALLEST_FIRMWARE`]) for `device_type` (`OpenStage 40`), `software_type`
/// (`SIP`, `Siemens HFA`) and `version` (`V3 R5.16.0`).
///
/// The bytes follow from the arguments: the same arguments give the same image, others give another one.
pub fn firmware(device_type: &str, software_type: &str, version: &str, size: usize) -> Vec<u8> {
    let size = size.max(SMALLEST_FIRMWARE);
    let software_type = match software_type.strip_prefix("Siemens ") {
        Some(_) => software_type.to_owned(),
        None => format!("Siemens {software_type}"),
    };
    let mut image = filling(&[device_type, &software_type, version], size);
    image.iter_mut().take(SMALLEST_FIRMWARE / 2).for_each(|byte| *byte = 0);
    let end = size - DEVICE_TYPE_BEFORE_END;
    image.iter_mut().skip(end - 1).for_each(|byte| *byte = 0);
    put(&mut image, 0, "WPSIM");
    let name: String = device_type.chars().filter(|letter| !letter.is_whitespace()).collect();
    let after = put(&mut image, NAME_AT, &name);
    // The version follows after padding; how much of it there is differs between real images.
    put(&mut image, (after + 1).next_multiple_of(16), version);
    let after = put(&mut image, end, device_type);
    // The NUL that ends the text, and two more bytes.
    put(&mut image, after + 3, &software_type);
    image
}

/// Writes a text and returns the place behind it, where a NUL stands.
fn put(image: &mut [u8], at: usize, text: &str) -> usize {
    let text = text.as_bytes();
    let text = text.get(..LONGEST_TEXT).unwrap_or(text);
    if let Some(place) = image.get_mut(at..at + text.len()) {
        place.copy_from_slice(text);
    }
    at + text.len()
}

/// Bytes that look like a program and cannot be compressed much: xorshift64, begun with a hash (FNV-1a) of the texts.
fn filling(texts: &[&str], size: usize) -> Vec<u8> {
    let mut state = texts
        .iter()
        .flat_map(|text| text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
        | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
