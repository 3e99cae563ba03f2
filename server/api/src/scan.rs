//! Scans: networks in which every address is asked to make contact (OSEM §4.2, `wpi.md` §1.4.3), or is looked at for
//! storage providers (OSEM §10.2).

use std::fmt;

use domain::ScanId;
use domain::scan::{FindingKind, ScanFailure, ScanPurpose, ScanState};
use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};

use crate::file::NamedProvider;

/// A scan to be started. It goes to the addresses of `ranges` and of the network of `address` and `mask`, to each once.
/// At most 65,536; all of them must lie in the networks of the setting `server-settings.scans.allowed-networks`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// Networks (`10.1.2.0/24`: without its first and last address), ranges (`10.1.3.10-10.1.3.90`) and addresses;
    /// at most 64.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub ranges: Vec<String>,
    /// An address of a network; `mask` says how large it is. In place of a range, or besides them.
    #[serde(default)]
    pub address: Option<String>,
    /// Mask of the network: `255.255.255.0` or `24`. Absent: `address` alone.
    #[serde(default)]
    #[schema(schema_with = mask_or_null)]
    pub mask: Option<Mask>,
    /// Port on which phones listen: 8085 (when absent), 80 or 443. Of scans for phones only.
    #[serde(default)]
    pub port: Option<u16>,
    /// What is looked for; `phones` when absent. `storage-providers` needs the permission to change storage.
    #[serde(default)]
    #[schema(schema_with = crate::schema::word_or_null::<ScanPurpose>)]
    pub purpose: Option<ScanPurpose>,
    /// Ports that are looked at, up to 8; 443, 9000 and 8443 when there is none. Of scans for storage providers only.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub ports: Vec<u16>,
}

/// The mask of a network, as people write it: a text or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Mask(pub String);

impl<'de> Deserialize<'de> for Mask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Mask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mask as 255.255.255.0 or a whole number")
            }

            fn visit_u64<E: Error>(self, length: u64) -> Result<Mask, E> {
                Ok(Mask(length.to_string()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Mask, E> {
                Ok(Mask(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

fn mask_or_null() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Integer, Type::Null]))
        .description(Some("Mask of the network: `255.255.255.0` or `24`. Absent: `address` alone."))
        .build()
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ScanId,
    /// What is looked for.
    #[schema(schema_with = crate::schema::word::<ScanPurpose>)]
    pub purpose: ScanPurpose,
    /// Where it is in its life.
    #[schema(schema_with = crate::schema::word::<ScanState>)]
    pub state: ScanState,
    /// Its networks, ranges and addresses, as they were given.
    pub ranges: Vec<String>,
    /// Port on which phones listen; of a scan for storage providers the first of its ports.
    pub port: u16,
    /// All its ports.
    pub ports: Vec<u16>,
    /// Number of its addresses.
    pub addresses: u64,
    /// Addresses that had their turn, of a scan for storage providers with all ports. Known phones that were called a
    /// short while ago are left alone then.
    pub probed: u64,
    /// Addresses that answered as phones do; of a scan for storage providers: ports that answered as web servers do.
    pub answered: u64,
    /// New clients from these addresses since the scan began; counted for six minutes after its end too. Of a scan for
    /// storage providers: its findings.
    pub found: u64,
    /// Name of who started it, at the time.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the first address had its turn.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    #[schema(schema_with = crate::schema::word_or_null::<ScanFailure>)]
    pub failure: Option<ScanFailure>,
}

/// Which scans are shown, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ScanQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Scans on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// State.
    #[param(schema_with = crate::schema::word::<ScanState>)]
    pub state: Option<ScanState>,
    /// What is looked for.
    #[param(schema_with = crate::schema::word::<ScanPurpose>)]
    pub purpose: Option<ScanPurpose>,
}

/// A web server that a scan for storage providers has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// What it looks like.
    #[schema(schema_with = crate::schema::word::<FindingKind>)]
    pub kind: FindingKind,
    /// Its address as a storage provider has it.
    pub url: String,
    /// What it says of itself: its product, or the title of its page; empty when it says nothing.
    pub detail: String,
    /// When it was found.
    pub found_at: Timestamp,
    /// The storage provider at this address and port, when there is one.
    pub known_provider: Option<NamedProvider>,
}

/// Which findings of a scan are shown: storage first, then by address.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Findings on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::NewScan;

    #[test]
    fn a_mask_is_a_text_or_a_number() {
        let mask = |text: &str| {
            let scan: Result<NewScan, _> = serde_json::from_str(&format!(r#"{{"mask": {text}}}"#));
            scan.map(|scan| scan.mask.map(|mask| mask.0)).ok()
        };
        assert_eq!(mask("24"), Some(Some("24".to_owned())));
        assert_eq!(mask("\"255.255.0.0\""), Some(Some("255.255.0.0".to_owned())));
        assert_eq!(mask("null"), Some(None));
        assert_eq!(mask("-1"), None);
        assert_eq!(mask("true"), None);
    }
}
