//! The fields of a storage provider, by its kind (OSEM §10.3, §10.4).

use domain::file::{ProviderKind, Serving};
use leptos::prelude::*;

use super::entries::Entries;
use super::words;
use crate::client::Failure;
use crate::components::checkbox::Checkbox;
use crate::components::field::{SecretField, TextField};
use crate::components::select::Select;
use crate::components::switch::Switch;
use crate::texts::{self, lang};

/// The fields, by the kind.
#[component]
pub(super) fn Fields(
    entries: Entries,
    failure: RwSignal<Option<Failure>>,
    new: bool,
    built_in: bool,
    has_secret: bool,
    has_ftp_secret: bool,
) -> impl IntoView {
    let language = lang();
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let kind = if new {
        view! {
            <Select
                label=texts::storage::kind(language).to_owned()
                value=entries.kind
                choices=words::kinds()
                error=of_field("/kind")
            />
        }
        .into_any()
    } else {
        view! {
            <TextField
                label=texts::storage::kind(language).to_owned()
                value=RwSignal::new(words::kind(entries.kind.with_untracked(|word| {
                    ProviderKind::parse(word).unwrap_or(ProviderKind::S3)
                })))
                help=Some(texts::storage::kind_stays(language).to_owned())
                readonly=true
            />
        }
        .into_any()
    };
    let name = view! {
        <TextField label=texts::storage::name(language).to_owned() value=entries.name error=of_field("/name") max_length=100 />
    };
    if built_in {
        return view! { {kind} {name} }.into_any();
    }
    let s3 = Memo::new(move |_| entries.kind() == ProviderKind::S3);
    let kept = has_secret.then(|| texts::storage::secret_kept(language).to_owned());
    let kept = StoredValue::new(kept);
    let own = move || {
        if s3.get() {
            view! {
                <TextField
                    label=texts::storage::access_key(lang()).to_owned()
                    value=entries.username
                    mono=true
                    error=of_field("/username")
                />
                <SecretField
                    label=texts::storage::access_secret(lang()).to_owned()
                    value=entries.secret
                    help=kept.get_value()
                    error=of_field("/secret")
                    autocomplete="new-password"
                />
                <TextField
                    label=texts::storage::bucket(lang()).to_owned()
                    value=entries.bucket
                    mono=true
                    error=of_field("/bucket")
                    max_length=63
                />
                <TextField
                    label=texts::storage::region(lang()).to_owned()
                    value=entries.region
                    mono=true
                    help=Some(texts::storage::region_help(lang()).to_owned())
                    error=of_field("/region")
                    max_length=64
                />
                <Checkbox
                    label=texts::storage::path_style(lang()).to_owned()
                    help=Some(texts::storage::path_style_help(lang()).to_owned())
                    checked=entries.path_style
                />
            }
            .into_any()
        } else {
            view! {
                <TextField
                    label=texts::storage::user_name(lang()).to_owned()
                    value=entries.username
                    error=of_field("/username")
                    optional=true
                />
                <Password
                    label=texts::storage::password(lang())
                    value=entries.secret
                    help=has_secret.then(|| texts::storage::password_kept(lang()).to_owned())
                    error=of_field("/secret")
                    forget=has_secret.then_some((texts::storage::forget_password(lang()), entries.forget_secret))
                />
                <Select
                    label=texts::storage::listing(lang()).to_owned()
                    value=entries.listing
                    choices=words::listings()
                    help=Some(texts::storage::listing_help(lang()).to_owned())
                    error=of_field("/listing")
                />
            }
            .into_any()
        }
    };
    let by_ftp = Memo::new(move |_| entries.serving() == Serving::Ftp);
    let ftp_help = move || match has_ftp_secret {
        true => texts::storage::ftp_secret_kept(lang()).to_owned(),
        false => texts::storage::ftp_password_help(lang()).to_owned(),
    };
    let ftp = move || {
        by_ftp.get().then(|| {
            view! {
                <TextField
                    label=texts::storage::ftp_url(lang()).to_owned()
                    value=entries.ftp_url
                    mono=true
                    help=Some(texts::storage::ftp_url_help(lang()).to_owned())
                    error=of_field("/ftp_url")
                    max_length=500
                />
                <TextField
                    label=texts::storage::ftp_username(lang()).to_owned()
                    value=entries.ftp_username
                    error=of_field("/ftp_username")
                    optional=true
                    max_length=255
                />
                <Password
                    label=texts::storage::ftp_password(lang())
                    value=entries.ftp_secret
                    help=Some(ftp_help())
                    error=of_field("/ftp_secret")
                    forget=has_ftp_secret
                        .then_some((texts::storage::forget_ftp_password(lang()), entries.forget_ftp_secret))
                />
            }
        })
    };
    view! {
        {kind}
        {name}
        <TextField
            label=texts::storage::url(language).to_owned()
            value=entries.url
            kind="url"
            mono=true
            help=Some(texts::storage::url_help(language).to_owned())
            error=of_field("/url")
            max_length=2048
        />
        {own}
        <Select
            label=texts::storage::serving(language).to_owned()
            value=entries.serving
            choices=words::servings()
            help=Some(texts::storage::serving_help(language).to_owned())
            error=of_field("/serving")
        />
        {ftp}
        <Switch
            label=texts::storage::start_scan(language).to_owned()
            on=entries.scan
            help=Some(texts::storage::start_scan_help(language).to_owned())
        />
    }
    .into_any()
}

/// A password that can be left out: typed anew, or, when one is kept, removed.
#[component]
fn Password(
    label: &'static str,
    value: RwSignal<String>,
    help: Option<String>,
    error: Signal<Option<String>>,
    /// The words for removing the kept one, and whether that is wished.
    forget: Option<(&'static str, RwSignal<bool>)>,
) -> impl IntoView {
    let gone = Memo::new(move |_| forget.is_some_and(|(_, forget)| forget.get()));
    let field = move || {
        (!gone.get()).then(|| {
            view! {
                <SecretField
                    label=label.to_owned()
                    value=value
                    help=help.clone()
                    error=error
                    autocomplete="new-password"
                    optional=true
                />
            }
        })
    };
    view! {
        {field}
        {forget.map(|(words, forget)| view! { <Checkbox label=words.to_owned() checked=forget /> })}
    }
}
