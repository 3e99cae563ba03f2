//! How a PATCH reads its fields: absent stays, `null` clears, and only what can be empty may be cleared.
//! And how the few requests and answers that carry a secret write it.

use domain::Secret;
use serde::{Deserialize, Deserializer, Serializer};

/// A field that may be absent but not `null`.
pub(crate) fn set<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A field that may be absent, or `null` to clear it.
pub(crate) fn set_or_clear<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Writes a secret that is meant for the other side: a password being sent, a token shown once.
pub(crate) fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// As [`exposed`], for a secret that may be absent.
pub(crate) fn exposed_if_some<S: Serializer>(
    secret: &Option<Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => exposed(secret, serializer),
        None => serializer.serialize_none(),
    }
}
