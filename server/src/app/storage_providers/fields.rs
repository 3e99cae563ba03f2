//! What may stand in the fields of a storage provider (OSEM §10.3), each fault with its field.

use api::storage_provider::{ChangeProvider, NewProvider};
use api::{Code, FieldError, field};
use domain::file::{FtpUrl, Listing, ProviderHealth, ProviderKind, ProviderScanState, ProviderUrl, Serving};
use domain::file::{is_bucket, is_region};
use domain::setting::SettingKey;
use domain::{ProviderId, Secret};

use super::super::caller::Caller;
use super::super::error::{AppError, AppResult};
use super::{built_in, open};
use crate::App;
use crate::store::storage_providers::{Progress, Provider, Scan};

/// Longest name, in characters.
const LONGEST_NAME: usize = 100;

/// Longest user name or access key, in characters.
const LONGEST_USERNAME: usize = 200;

/// Longest password or access secret, in characters.
const LONGEST_SECRET: usize = 1_000;

/// Longest user name or password for an FTP server, in bytes: the items of a phone have no room for more.
const LONGEST_FTP: usize = 255;

/// Secrets of a new provider in clear, which is sealed for its id.
pub(super) struct Secrets {
    /// For the provider itself.
    pub(super) own: Option<Secret>,
    /// For phones, at its FTP server.
    pub(super) ftp: Option<Secret>,
}

/// Faults of a request, and what they need to be found.
struct Check {
    faults: Vec<FieldError>,
    /// Certificates are checked, so nothing goes over plain HTTP.
    validates: bool,
}

impl Check {
    fn new(app: &App) -> Self {
        Self { faults: Vec::new(), validates: app.settings.bool(SettingKey::StorageValidation) }
    }

    fn refuse(&mut self, pointer: &str, code: &'static str, text: &str) {
        self.faults.push(FieldError::new(pointer, code, text));
    }

    fn end<T>(self, value: T) -> AppResult<T> {
        if self.faults.is_empty() { Ok(value) } else { Err(AppError::fields(self.faults)) }
    }

    /// One line of at most so many characters.
    fn line(&mut self, pointer: &str, text: &str, longest: usize) {
        if text.chars().count() > longest {
            let message = format!("has more than {longest} characters");
            self.faults.push(FieldError::new(pointer, field::TOO_LONG, message).arg("max", longest));
        } else if text.chars().any(char::is_control) {
            self.refuse(pointer, field::CONTROL_CHARACTER, "has a control character");
        }
    }

    fn name(&mut self, name: &str) {
        if name.is_empty() {
            self.refuse("/name", field::MISSING, "must not be empty");
        }
        self.line("/name", name, LONGEST_NAME);
    }

    fn url(&mut self, url: &str) -> Option<ProviderUrl> {
        if url.is_empty() {
            self.refuse("/url", field::MISSING, "must not be empty");
            return None;
        }
        match ProviderUrl::parse(url) {
            Ok(url) => {
                if !url.is_secure && self.validates {
                    let text = "must begin with https:// while certificates of storage providers are checked";
                    let setting = SettingKey::StorageValidation.definition().id;
                    self.faults.push(FieldError::new("/url", "plain_http", text).arg("setting", setting));
                }
                Some(url)
            }
            Err(fault) => {
                let error = FieldError::new("/url", fault.code(), fault.to_string());
                self.faults.push(error.arg("max", domain::file::LONGEST_PROVIDER_URL));
                None
            }
        }
    }

    fn secret(&mut self, secret: &str) {
        self.line("/secret", secret, LONGEST_SECRET);
    }

    /// The FTP server of the site. What is filled in is kept, also while phones get files in another way.
    fn ftp(&mut self, provider: &Provider, has_secret: bool) {
        if provider.ftp_url.is_empty() {
            if provider.serving == Serving::Ftp {
                self.refuse("/ftp_url", field::MISSING, "is needed when phones get files from an FTP server");
            }
        } else if let Err(fault) = FtpUrl::parse(&provider.ftp_url) {
            let error = FieldError::new("/ftp_url", fault.code(), fault.to_string());
            self.faults.push(error.arg("max", domain::file::LONGEST_PROVIDER_URL));
        }
        self.ftp_item("/ftp_username", &provider.ftp_username);
        if has_secret && provider.ftp_username.is_empty() {
            self.refuse("/ftp_username", field::MISSING, "is needed beside a password");
        }
    }

    /// What becomes an item of an order.
    fn ftp_item(&mut self, pointer: &str, text: &str) {
        if text.len() > LONGEST_FTP {
            let message = format!("has more than {LONGEST_FTP} bytes");
            self.faults.push(FieldError::new(pointer, field::TOO_LONG, message).arg("max", LONGEST_FTP));
        } else {
            self.line(pointer, text, LONGEST_FTP);
        }
    }

    /// What goes together, whichever kind it is.
    fn together(&mut self, provider: &Provider, has_secret: bool) {
        self.line("/username", &provider.username, LONGEST_USERNAME);
        match provider.kind {
            ProviderKind::S3 => self.s3(provider, has_secret),
            ProviderKind::Https => self.https(provider, has_secret),
            ProviderKind::BuiltIn => {}
        }
    }

    fn s3(&mut self, provider: &Provider, has_secret: bool) {
        for (pointer, is_there) in [("/username", !provider.username.is_empty()), ("/secret", has_secret)] {
            if !is_there {
                self.refuse(pointer, field::MISSING, "is needed for S3");
            }
        }
        match provider.bucket.as_str() {
            "" => self.refuse("/bucket", field::MISSING, "is needed for S3"),
            bucket if !is_bucket(bucket) => {
                let text = "must have 3 to 63 lower-case letters, digits, dots and hyphens";
                self.refuse("/bucket", "not_a_bucket", text);
            }
            _ => {}
        }
        match provider.region.as_str() {
            "" => self.refuse("/region", field::MISSING, "is needed for S3"),
            region if !is_region(region) => {
                self.refuse("/region", "not_a_region", "must have letters, digits and hyphens");
            }
            _ => {}
        }
        if provider.listing != Listing::Automatic {
            self.refuse("/listing", field::INVALID, "is for HTTPS providers");
        }
    }

    fn https(&mut self, provider: &Provider, has_secret: bool) {
        for (pointer, is_there) in [
            ("/bucket", !provider.bucket.is_empty()),
            ("/region", !provider.region.is_empty()),
            ("/path_style", provider.path_style),
        ] {
            if is_there {
                self.refuse(pointer, field::INVALID, "is for S3 providers");
            }
        }
        if provider.username.contains(':') {
            // It would be taken for the end of the name (RFC 7617, section 2).
            self.refuse("/username", field::INVALID, "must not have a colon");
        }
        if has_secret && provider.username.is_empty() {
            self.refuse("/username", field::MISSING, "is needed beside a password");
        }
        if provider.serving == Serving::Provider && !provider.username.is_empty() {
            let text = "phones have no password: only a provider that needs none can serve them itself";
            self.refuse("/serving", "phones_have_no_password", text);
        }
    }
}

/// A new provider, and its secrets apart from it.
///
/// # Errors
/// `invalid_fields`.
pub(super) fn new(app: &App, caller: &Caller, new: NewProvider) -> AppResult<(Provider, Secrets)> {
    let mut check = Check::new(app);
    let given = |secret: Option<String>| secret.filter(|secret| !secret.is_empty()).map(Secret::new);
    let secrets = Secrets { own: given(new.secret), ftp: given(new.ftp_secret) };
    let at = app.clock.now();
    let provider = Provider {
        id: ProviderId(0),
        name: new.name.trim().to_owned(),
        kind: new.kind,
        url: new.url.trim().to_owned(),
        username: new.username.trim().to_owned(),
        secret: None,
        bucket: new.bucket.trim().to_owned(),
        region: new.region.trim().to_owned(),
        path_style: new.path_style,
        listing: new.listing,
        serving: new.serving,
        ftp_url: new.ftp_url.trim().to_owned(),
        ftp_username: new.ftp_username.trim().to_owned(),
        ftp_secret: None,
        folder: hex::encode(app.entropy.bytes::<6>()?),
        takes_files: None,
        health: ProviderHealth::Unknown,
        checked_at: None,
        error: None,
        scan: Scan {
            state: ProviderScanState::None,
            progress: Progress::default(),
            started_at: None,
            finished_at: None,
        },
        created_at: at,
        updated_at: at,
        updated_by: caller.user_name.clone(),
        revision: 1,
    };
    if provider.kind == ProviderKind::BuiltIn {
        let error = FieldError::new("/kind", field::NOT_A_CHOICE, "must be s3 or https");
        return Err(AppError::field(error.arg("choices", vec!["s3", "https"])));
    }
    check.name(&provider.name);
    check.url(&provider.url);
    if let Some(secret) = &secrets.own {
        check.secret(secret.expose());
    }
    if let Some(secret) = &secrets.ftp {
        check.ftp_item("/ftp_secret", secret.expose());
    }
    check.together(&provider, secrets.own.is_some());
    check.ftp(&provider, secrets.ftp.is_some());
    check.end((provider, secrets))
}

/// A provider after a change, its new secret sealed.
///
/// # Errors
/// `invalid_fields`, `provider_built_in`, and when the secret cannot be sealed.
pub(super) fn changed(
    app: &App,
    caller: &Caller,
    before: &Provider,
    change: ChangeProvider,
) -> AppResult<Provider> {
    let mut check = Check::new(app);
    let mut after = before.clone();
    let trimmed = |text: String| text.trim().to_owned();
    if let Some(name) = change.name {
        after.name = trimmed(name);
        check.name(&after.name);
    }
    let other = (change.url.is_some() || change.username.is_some() || change.secret.is_some())
        || (change.bucket.is_some() || change.region.is_some() || change.path_style.is_some())
        || (change.listing.is_some() || change.serving.is_some() || change.scan)
        || (change.ftp_url.is_some() || change.ftp_username.is_some() || change.ftp_secret.is_some());
    if before.kind == ProviderKind::BuiltIn && other {
        return Err(built_in());
    }
    after.username = change.username.map_or(after.username, trimmed);
    after.bucket = change.bucket.map_or(after.bucket, trimmed);
    after.region = change.region.map_or(after.region, trimmed);
    after.path_style = change.path_style.unwrap_or(after.path_style);
    after.listing = change.listing.unwrap_or(after.listing);
    after.serving = change.serving.unwrap_or(after.serving);
    let secret_given = change.secret.is_some();
    let secret = change.secret.flatten().filter(|secret| !secret.is_empty()).map(Secret::new);
    if secret_given {
        after.secret = None;
    }
    if let Some(secret) = &secret {
        check.secret(secret.expose());
        after.secret = Some(app.vault.seal(&open::place(before.id), secret)?);
    }
    if let Some(url) = change.url.map(trimmed).filter(|url| *url != before.url) {
        let place = check.url(&url);
        let same = place
            .zip(ProviderUrl::parse(&before.url).ok())
            .is_some_and(|(new, old)| new.is_same_server(&old));
        if !same && before.secret.is_some() && !secret_given {
            let text = "is needed anew for another address: it is kept for the old one only";
            check.refuse("/secret", "secret_needed", text);
        }
        after.url = url;
    }
    let ftp = FtpChange { url: change.ftp_url, username: change.ftp_username, secret: change.ftp_secret };
    ftp_changed(app, &mut check, before, &mut after, ftp)?;
    check.together(&after, after.secret.is_some());
    check.ftp(&after, after.ftp_secret.is_some());
    after.updated_at = app.clock.now();
    after.updated_by.clone_from(&caller.user_name);
    check.end(after)
}

/// What is said anew of the FTP server of a provider.
struct FtpChange {
    url: Option<String>,
    username: Option<String>,
    secret: Option<Option<String>>,
}

/// Takes over what is said anew. The password belongs to the server it was typed for: phones do not carry it to another.
fn ftp_changed(
    app: &App,
    check: &mut Check,
    before: &Provider,
    after: &mut Provider,
    change: FtpChange,
) -> AppResult<()> {
    let given = change.secret.is_some();
    if given {
        after.ftp_secret = None;
    }
    if let Some(secret) = change.secret.flatten().filter(|secret| !secret.is_empty()).map(Secret::new) {
        check.ftp_item("/ftp_secret", secret.expose());
        after.ftp_secret = Some(app.vault.seal(&open::ftp_place(before.id), &secret)?);
    }
    if let Some(username) = change.username {
        username.trim().clone_into(&mut after.ftp_username);
    }
    if let Some(url) = change.url.map(|url| url.trim().to_owned()).filter(|url| *url != before.ftp_url) {
        let servers = FtpUrl::parse(&url).ok().zip(FtpUrl::parse(&before.ftp_url).ok());
        let same = servers.is_some_and(|(new, old)| new.is_same_server(&old));
        if !same && before.ftp_secret.is_some() && !given {
            let text = "is needed anew for another address: it is kept for the old one only";
            check.refuse("/ftp_secret", "secret_needed", text);
        }
        after.ftp_url = url;
    }
    Ok(())
}

/// Whether what is known of a provider says nothing any more.
pub(super) fn reaches_elsewhere(before: &Provider, after: &Provider) -> bool {
    let way = |provider: &Provider| {
        let Provider { url, username, secret, bucket, region, path_style, listing, .. } = provider.clone();
        (url, username, secret, bucket, region, path_style, listing)
    };
    way(before) != way(after)
}

/// Refuses what only providers other than the built-in one can do.
pub(super) fn require_outside(kind: ProviderKind) -> AppResult<()> {
    if kind == ProviderKind::BuiltIn {
        let text = "The built-in storage provider has no files but those that were uploaded to it.";
        return Err(AppError::new(Code::ProviderBuiltIn, text));
    }
    Ok(())
}
