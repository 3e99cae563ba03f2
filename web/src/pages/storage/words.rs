//! What a storage provider is and how it does, in words of the reader's language.

use api::configuration::Reason;
use api::storage_provider::{ProviderChecked, ProviderScan, ProviderView};
use domain::file::{Listing, ProviderHealth, ProviderKind, ProviderScanState, Serving};
use leptos::prelude::*;

use crate::components::select::Choice;
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::texts::{self, lang};

/// What kind it is.
pub(super) fn kind(kind: ProviderKind) -> String {
    texts::word(lang(), "provider-kind", kind.as_str())
}

/// How the two parts of its credentials are called.
pub(super) fn credentials(kind: ProviderKind) -> (&'static str, &'static str) {
    let language = lang();
    match kind {
        ProviderKind::S3 => (texts::storage::access_key(language), texts::storage::access_secret(language)),
        ProviderKind::Https | ProviderKind::BuiltIn => {
            (texts::storage::user_name(language), texts::storage::password(language))
        }
    }
}

/// Whether a secret is kept. More is known of none.
pub(super) fn secret(kept: bool) -> &'static str {
    if kept { texts::storage::is_kept(lang()) } else { texts::storage::is_not_kept(lang()) }
}

/// Whether it takes files.
pub(super) fn writable(writable: Option<bool>) -> &'static str {
    match writable {
        Some(true) => texts::common::yes(lang()),
        Some(false) => texts::common::no(lang()),
        None => texts::storage::shown_by_first(lang()),
    }
}

/// How phones get its files.
pub(super) fn serving(serving: Serving) -> String {
    texts::word(lang(), "serving", serving.as_str())
}

/// How it is listed.
pub(super) fn listing(listing: Listing) -> String {
    texts::word(lang(), "listing", listing.as_str())
}

/// What went wrong with it.
pub(super) fn error(error: &Reason) -> String {
    let args = error.args.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    texts::worded(lang(), "storage-error", &error.code, &args)
}

/// How it did at the last try: how that looks and its word.
pub(super) fn health(health: ProviderHealth) -> (StatusKind, String) {
    let kind = match health {
        ProviderHealth::Unknown => StatusKind::new(Tone::Idle, "clock", false),
        ProviderHealth::Good => StatusKind::new(Tone::Ok, "okc", false),
        ProviderHealth::Bad => StatusKind::new(Tone::Bad, "fail", true),
    };
    (kind, texts::word(lang(), "provider-health", health.as_str()))
}

/// The same in a cell, with what went wrong.
pub(super) fn health_cell(provider: &ProviderView) -> AnyView {
    let (kind, text) = health(provider.health);
    let why = provider.error.as_ref().map(error);
    view! {
        <Status kind=kind text=text />
        {why.map(|why| view! { <span class="muted clip cell-wide" title=why.clone()>{why.clone()}</span> })}
    }
    .into_any()
}

/// What trying it came to: how that looks and a sentence.
pub(super) fn checked(found: &ProviderChecked) -> (Tone, String) {
    let language = lang();
    match (&found.error, found.health) {
        (Some(why), _) => (Tone::Bad, error(why)),
        (None, ProviderHealth::Bad) => (Tone::Bad, health(found.health).1),
        (None, _) => {
            let mut words = texts::storage::answers(language).to_owned();
            if let Some(how) = found.listing {
                words = format!("{words} {}", texts::storage::listed_by(language, listing(how)));
            }
            if let Some(objects) = found.objects {
                words = format!("{words} {}", texts::storage::objects(language, objects));
            }
            (Tone::Ok, words)
        }
    }
}

/// Where its scan for files is.
pub(super) fn scan_state(state: ProviderScanState) -> (StatusKind, String) {
    let kind = match state {
        ProviderScanState::None => StatusKind::new(Tone::Idle, "clock", false),
        ProviderScanState::Running => StatusKind::new(Tone::Run, "run", false),
        ProviderScanState::Done => StatusKind::new(Tone::Ok, "okc", false),
        ProviderScanState::Stopped => StatusKind::new(Tone::Idle, "struck", false),
        ProviderScanState::Failed => StatusKind::new(Tone::Bad, "fail", true),
    };
    (kind, texts::word(lang(), "provider-scan-state", state.as_str()))
}

/// What a scan has found, in a line.
pub(super) fn scan_found(scan: &ProviderScan) -> String {
    let language = lang();
    type Counted = fn(texts::Language, u64) -> String;
    let parts: [(u64, Counted); 4] = [
        (scan.added, texts::storage::added),
        (scan.changed, texts::storage::changed),
        (scan.missing, texts::storage::missing),
        (scan.skipped, texts::storage::skipped),
    ];
    let told = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| words(language, count));
    let seen = texts::storage::seen(language, scan.seen);
    std::iter::once(seen).chain(told).collect::<Vec<_>>().join(", ")
}

/// Files and their bytes.
pub(super) fn amount(provider: &ProviderView) -> String {
    texts::storage::amount(lang(), format::bytes(provider.bytes), provider.files)
}

/// Choices of the kind; the built-in one is there already.
pub(super) fn kinds() -> Vec<Choice> {
    [ProviderKind::S3, ProviderKind::Https].map(|word| Choice::new(word.as_str(), kind(word))).to_vec()
}

/// Choices of the kind in the filter.
pub(super) fn all_kinds() -> Vec<Choice> {
    ProviderKind::ALL.iter().map(|word| Choice::new(word.as_str(), kind(*word))).collect()
}

/// Choices of how it did at the last try.
pub(super) fn healths() -> Vec<Choice> {
    ProviderHealth::ALL.iter().map(|word| Choice::new(word.as_str(), health(*word).1)).collect()
}

/// Choices of how phones get its files.
pub(super) fn servings() -> Vec<Choice> {
    Serving::ALL.iter().map(|word| Choice::new(word.as_str(), serving(*word))).collect()
}

/// Choices of how it is listed.
pub(super) fn listings() -> Vec<Choice> {
    Listing::ALL.iter().map(|word| Choice::new(word.as_str(), listing(*word))).collect()
}

#[cfg(test)]
mod tests {
    use super::{checked, scan_found};
    use crate::components::status::Tone;
    use api::configuration::Reason;
    use api::storage_provider::{ProviderChecked, ProviderScan};
    use domain::file::{Listing, ProviderHealth, ProviderScanState};

    #[test]
    fn a_try_says_how_it_went() {
        let good = ProviderChecked {
            health: ProviderHealth::Good,
            error: None,
            listing: Some(Listing::Webdav),
            objects: Some(1),
        };
        let (tone, words) = checked(&good);
        assert_eq!(tone, Tone::Ok);
        assert!(words.contains("WebDAV") && words.contains("1 object"), "{words}");
        let bad = ProviderChecked {
            health: ProviderHealth::Bad,
            error: Some(Reason::new("unreachable")),
            listing: None,
            objects: None,
        };
        assert_eq!(checked(&bad).0, Tone::Bad);
    }

    #[test]
    fn a_scan_tells_only_what_there_is() {
        let scan = ProviderScan {
            state: ProviderScanState::Done,
            seen: 12,
            added: 3,
            changed: 0,
            missing: 0,
            skipped: 1,
            started_at: None,
            finished_at: None,
        };
        assert_eq!(scan_found(&scan), "12 objects looked at, 3 new, 1 left out");
    }
}
