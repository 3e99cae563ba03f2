//! Cursors of lists: opaque to callers, bound to the filter and order they were made for (D-36).

use api::{FieldError, field};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{AppError, AppResult};

/// Longest cursor that is looked at.
const LONGEST: usize = 2048;

#[derive(Serialize, Deserialize)]
struct Sealed<P> {
    /// Digest of filter and order.
    o: String,
    /// The place.
    p: P,
}

fn digest(order: &impl std::fmt::Debug) -> String {
    let digest = Sha256::digest(format!("{order:?}"));
    URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default())
}

/// Makes a cursor for a place in a list of this filter and order.
pub(super) fn encode(order: &impl std::fmt::Debug, place: &impl Serialize) -> AppResult<String> {
    let text = serde_json::to_vec(&Sealed { o: digest(order), p: place }).map_err(AppError::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// Reads a cursor that was made for the same filter and order.
pub(super) fn decode<P: DeserializeOwned>(
    order: &impl std::fmt::Debug,
    cursor: &str,
    name: &str,
) -> AppResult<P> {
    let sealed = Some(cursor)
        .filter(|cursor| cursor.len() <= LONGEST)
        .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
        .and_then(|bytes| serde_json::from_slice::<Sealed<P>>(&bytes).ok())
        .filter(|sealed| sealed.o == digest(order));
    sealed.map(|sealed| sealed.p).ok_or_else(|| {
        let text = "is not a cursor of this list with this filter and order";
        AppError::field(FieldError::new(name, field::INVALID, text))
    })
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let cursor = encode(&("filter", 1), &("4201", 7)).unwrap();
        assert_eq!(
            decode::<(String, i64)>(&("filter", 1), &cursor, "after").unwrap(),
            ("4201".to_owned(), 7)
        );
        assert!(decode::<(String, i64)>(&("filter", 2), &cursor, "after").is_err());
        for bad in ["", "x", "%%%", "e30", &"A".repeat(5000)] {
            let error = decode::<(String, i64)>(&("filter", 1), bad, "after").unwrap_err();
            assert_eq!(error.errors()[0].field, "after");
        }
    }
}
