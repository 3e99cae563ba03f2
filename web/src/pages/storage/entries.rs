//! What is typed in the form of a storage provider, and what of it is sent: a secret only when one was typed.

use api::storage_provider::{ChangeProvider, NewProvider, ProviderView};
use domain::file::{Listing, ProviderKind, Serving};
use leptos::prelude::*;

/// What the form is for.
#[derive(Clone)]
pub(super) enum Edited {
    /// A new one.
    New,
    /// A new one at an address that a scan has found.
    Found {
        /// What answers there.
        kind: ProviderKind,
        /// The address.
        url: String,
    },
    /// One there is.
    Known(Box<ProviderView>),
}

/// What is typed.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    pub(super) kind: RwSignal<String>,
    pub(super) name: RwSignal<String>,
    pub(super) url: RwSignal<String>,
    pub(super) username: RwSignal<String>,
    pub(super) secret: RwSignal<String>,
    pub(super) bucket: RwSignal<String>,
    pub(super) region: RwSignal<String>,
    pub(super) path_style: RwSignal<bool>,
    pub(super) listing: RwSignal<String>,
    pub(super) serving: RwSignal<String>,
    pub(super) ftp_url: RwSignal<String>,
    pub(super) ftp_username: RwSignal<String>,
    pub(super) ftp_secret: RwSignal<String>,
    /// The kept secret is to be removed.
    pub(super) forget_secret: RwSignal<bool>,
    /// The kept FTP password is to be removed.
    pub(super) forget_ftp_secret: RwSignal<bool>,
    pub(super) scan: RwSignal<bool>,
}

impl Entries {
    pub(super) fn of(edited: &Edited) -> Self {
        let empty = || RwSignal::new(String::new());
        let word = |word: &str| RwSignal::new(word.to_owned());
        let entries = Self {
            kind: word(ProviderKind::S3.as_str()),
            name: empty(),
            url: word("https://"),
            username: empty(),
            secret: empty(),
            bucket: empty(),
            region: empty(),
            path_style: RwSignal::new(false),
            listing: word(Listing::Automatic.as_str()),
            serving: word(Serving::Server.as_str()),
            ftp_url: empty(),
            ftp_username: empty(),
            ftp_secret: empty(),
            forget_secret: RwSignal::new(false),
            forget_ftp_secret: RwSignal::new(false),
            scan: RwSignal::new(true),
        };
        match edited {
            Edited::New => {}
            Edited::Found { kind, url } => {
                entries.kind.set(kind.as_str().to_owned());
                entries.url.set(url.clone());
                // Found by its address, it has no name that a bucket could stand before.
                entries.path_style.set(true);
            }
            Edited::Known(provider) => {
                entries.scan.set(false);
                entries.kind.set(provider.kind.as_str().to_owned());
                entries.name.set(provider.name.clone());
                entries.url.set(provider.url.clone());
                entries.username.set(provider.username.clone());
                entries.bucket.set(provider.bucket.clone());
                entries.region.set(provider.region.clone());
                entries.path_style.set(provider.path_style);
                entries.listing.set(provider.listing.as_str().to_owned());
                entries.serving.set(provider.serving.as_str().to_owned());
                entries.ftp_url.set(provider.ftp_url.clone());
                entries.ftp_username.set(provider.ftp_username.clone());
            }
        }
        entries
    }

    pub(super) fn kind(self) -> ProviderKind {
        self.kind.with(|word| ProviderKind::parse(word)).unwrap_or(ProviderKind::S3)
    }

    pub(super) fn serving(self) -> Serving {
        self.serving.with(|word| Serving::parse(word)).unwrap_or(Serving::Server)
    }

    /// Whether what is kept as the secret stays; to be watched. The password of somebody without a name is none.
    pub(super) fn keeps_secret(self) -> bool {
        let nameless = self.kind() == ProviderKind::Https && is_blank(self.username);
        self.secret.with(String::is_empty) && !self.forget_secret.get() && !nameless
    }

    pub(super) fn as_new(self) -> NewProvider {
        untrack(|| {
            let kind = self.kind();
            let text = |field: RwSignal<String>| field.with(|text| text.trim().to_owned());
            let of_s3 = |field: RwSignal<String>| match kind {
                ProviderKind::S3 => text(field),
                ProviderKind::Https | ProviderKind::BuiltIn => String::new(),
            };
            // What is not shown is not sent.
            let by_ftp = self.serving() == Serving::Ftp;
            let of_ftp = |field: RwSignal<String>| if by_ftp { text(field) } else { String::new() };
            let typed = |field: RwSignal<String>, forget: RwSignal<bool>| {
                Some(field.get()).filter(|secret| !secret.is_empty() && !forget.get())
            };
            NewProvider {
                name: text(self.name),
                kind,
                url: text(self.url),
                username: text(self.username),
                secret: typed(self.secret, self.forget_secret),
                bucket: of_s3(self.bucket),
                region: of_s3(self.region),
                path_style: kind == ProviderKind::S3 && self.path_style.get(),
                // What was chosen before another kind was.
                listing: match kind {
                    ProviderKind::Https => self.listing.with(|word| Listing::parse(word)),
                    ProviderKind::S3 | ProviderKind::BuiltIn => None,
                }
                .unwrap_or(Listing::Automatic),
                serving: self.serving(),
                ftp_url: of_ftp(self.ftp_url),
                ftp_username: of_ftp(self.ftp_username),
                ftp_secret: typed(self.ftp_secret, self.forget_ftp_secret).filter(|_| by_ftp),
                scan: self.scan.get(),
            }
        })
    }

    /// Only what differs; a secret when one was typed, and its removal when it is kept for nobody any more.
    pub(super) fn change(self, before: &ProviderView) -> ChangeProvider {
        let now = self.as_new();
        let other = |now: String, before: &String| (now != *before).then_some(now);
        let by_ftp = now.serving == Serving::Ftp;
        let forget = |forget: RwSignal<bool>, username: RwSignal<String>| {
            untrack(|| forget.get() || is_blank(username)).then_some(None)
        };
        let secret = match before.kind {
            ProviderKind::Https if before.has_secret => forget(self.forget_secret, self.username),
            _ => None,
        };
        let ftp_secret = forget(self.forget_ftp_secret, self.ftp_username);
        let ftp_secret = ftp_secret.filter(|_| by_ftp && before.has_ftp_secret);
        ChangeProvider {
            name: other(now.name, &before.name),
            url: other(now.url, &before.url),
            username: other(now.username, &before.username),
            secret: now.secret.map(Some).or(secret),
            bucket: other(now.bucket, &before.bucket),
            region: other(now.region, &before.region),
            path_style: (now.path_style != before.path_style).then_some(now.path_style),
            listing: (now.listing != before.listing).then_some(now.listing),
            serving: (now.serving != before.serving).then_some(now.serving),
            ftp_url: other(now.ftp_url, &before.ftp_url).filter(|_| by_ftp),
            ftp_username: other(now.ftp_username, &before.ftp_username).filter(|_| by_ftp),
            ftp_secret: now.ftp_secret.map(Some).or(ftp_secret),
            scan: now.scan,
        }
    }
}

fn is_blank(field: RwSignal<String>) -> bool {
    field.with(|text| text.trim().is_empty())
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Edited, Entries};
    use api::storage_provider::ProviderView;
    use domain::file::{Listing, ProviderKind, Serving};
    use leptos::prelude::{Owner, Set as _};

    /// A bucket as the server tells of it.
    pub(in crate::pages::storage) fn provider() -> ProviderView {
        serde_json::from_value(serde_json::json!({
            "id": 2, "name": "Depot", "kind": "s3", "url": "https://s3.example", "username": "key",
            "has_secret": true, "bucket": "phones", "region": "eu-1", "path_style": true, "listing": "automatic",
            "serving": "server", "ftp_url": "", "ftp_username": "", "has_ftp_secret": false, "health": "good", "checked_at": null, "error": null, "files": 0, "bytes": 0,
            "scan": {"state": "none", "seen": 0, "added": 0, "changed": 0, "missing": 0, "skipped": 0,
                     "started_at": null, "finished_at": null},
            "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:00Z", "updated_by": "root",
            "revision": 1,
        }))
        .unwrap()
    }

    #[test]
    fn a_secret_that_was_not_typed_is_not_sent() {
        Owner::new().with(|| {
            let provider = provider();
            let entries = Entries::of(&Edited::Known(Box::new(provider.clone())));
            let change = entries.change(&provider);
            assert!(
                change.secret.is_none()
                    && change.ftp_secret.is_none()
                    && change.url.is_none()
                    && change.path_style.is_none()
                    && !change.scan
            );
            entries.secret.set("new".to_owned());
            entries.url.set(" https://other.example ".to_owned());
            let change = entries.change(&provider);
            assert_eq!(change.secret, Some(Some("new".to_owned())));
            assert_eq!(change.url.as_deref(), Some("https://other.example"));
        });
    }

    /// A web server with a kept password, and an FTP server with another one.
    fn guarded() -> ProviderView {
        ProviderView {
            kind: ProviderKind::Https,
            bucket: String::new(),
            region: String::new(),
            path_style: false,
            serving: Serving::Ftp,
            ftp_url: "ftp://ftp.example".to_owned(),
            ftp_username: "phones".to_owned(),
            has_ftp_secret: true,
            ..provider()
        }
    }

    #[test]
    fn a_kept_password_can_be_removed() {
        Owner::new().with(|| {
            let provider = guarded();
            let entries = Entries::of(&Edited::Known(Box::new(provider.clone())));
            let change = entries.change(&provider);
            assert_eq!((change.secret, change.ftp_secret, entries.keeps_secret()), (None, None, true));
            // What is no longer shown is not sent, although it was typed.
            entries.secret.set("typed before".to_owned());
            entries.ftp_secret.set("typed before".to_owned());
            entries.forget_secret.set(true);
            entries.forget_ftp_secret.set(true);
            let change = entries.change(&provider);
            assert_eq!((change.secret, change.ftp_secret), (Some(None), Some(None)));
            assert_eq!((entries.as_new().secret, entries.as_new().ftp_secret), (None, None));
            assert!(!entries.keeps_secret());
        });
    }

    #[test]
    fn without_a_name_the_kept_password_goes_too() {
        Owner::new().with(|| {
            let provider = guarded();
            let entries = Entries::of(&Edited::Known(Box::new(provider.clone())));
            entries.username.set(" ".to_owned());
            entries.ftp_username.set(String::new());
            let change = entries.change(&provider);
            assert_eq!((change.username.as_deref(), change.secret), (Some(""), Some(None)));
            assert_eq!((change.ftp_username.as_deref(), change.ftp_secret), (Some(""), Some(None)));
            assert!(!entries.keeps_secret());
            // The FTP server is left as it is while phones get files in another way.
            entries.serving.set("server".to_owned());
            assert_eq!(entries.change(&provider).ftp_secret, None);
        });
    }

    #[test]
    fn the_secret_of_a_store_stays_until_another_is_typed() {
        Owner::new().with(|| {
            let provider = provider();
            let entries = Entries::of(&Edited::Known(Box::new(provider.clone())));
            entries.username.set(String::new());
            assert_eq!((entries.change(&provider).secret, entries.keeps_secret()), (None, true));
        });
    }

    #[test]
    fn what_is_not_shown_of_an_ftp_server_is_not_sent() {
        Owner::new().with(|| {
            let provider = provider();
            let entries = Entries::of(&Edited::Known(Box::new(provider.clone())));
            entries.ftp_url.set("ftp://ftp.example".to_owned());
            entries.ftp_secret.set("typed".to_owned());
            let change = entries.change(&provider);
            assert!(change.ftp_url.is_none() && change.ftp_secret.is_none());
            assert_eq!(entries.as_new().ftp_url, "");
            entries.serving.set("ftp".to_owned());
            let change = entries.change(&provider);
            assert_eq!(change.ftp_url.as_deref(), Some("ftp://ftp.example"));
            assert_eq!((change.ftp_username, change.ftp_secret), (None, Some(Some("typed".to_owned()))));
        });
    }

    #[test]
    fn a_web_server_has_no_bucket() {
        Owner::new().with(|| {
            let found = Edited::Found { kind: ProviderKind::Https, url: "https://10.0.0.9".to_owned() };
            let entries = Entries::of(&found);
            entries.bucket.set("left over".to_owned());
            let new = entries.as_new();
            assert_eq!((new.kind, new.bucket.as_str(), new.path_style), (ProviderKind::Https, "", false));
            // How it is listed is asked of HTTPS alone.
            entries.listing.set(Listing::Webdav.as_str().to_owned());
            assert_eq!(entries.as_new().listing, Listing::Webdav);
            entries.kind.set(ProviderKind::S3.as_str().to_owned());
            assert_eq!(entries.as_new().listing, Listing::Automatic);
        });
    }
}
