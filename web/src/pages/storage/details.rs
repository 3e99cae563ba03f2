//! One storage provider in the drawer: whether it answers, its scan for files with progress, and what can be done with it.

use api::storage_provider::{ProviderChecked, ProviderView};
use domain::ProviderId;
use domain::file::{ProviderKind, ProviderScanState, Serving};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::deeds::Deeds;
use super::words;
use crate::address::with_fields;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::drawer::DrawerHead;
use crate::components::menu::MenuButton;
use crate::components::states::{FailureNote, Note};
use crate::components::status::{Status, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::live::{self, Resource};
use crate::load::load;
use crate::pages::files::words as of_files;
use crate::texts::{self, lang};

#[component]
pub(super) fn ProviderDrawer(id: i64, deeds: Deeds, may: bool) -> impl IntoView {
    let id = ProviderId(id);
    let provider =
        load(move || async move { client::get::<ProviderView>(&format!("/storage-providers/{id}")).await })
            .live(Resource::StorageProviders);
    provider.show(8, move |provider| view! { <Content provider=provider deeds=deeds may=may /> }.into_any())
}

/// What is done with it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Press {
    Check,
    Scan,
    Stop,
}

#[component]
fn Content(provider: Signal<ProviderView>, deeds: Deeds, may: bool) -> impl IntoView {
    let id = provider.with_untracked(|provider| provider.id);
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(None::<Press>);
    let tried = RwSignal::new(None::<ProviderChecked>);
    let scanning =
        Memo::new(move |_| provider.with(|provider| provider.scan.state == ProviderScanState::Running));
    let built_in = provider.with_untracked(|provider| provider.kind == ProviderKind::BuiltIn);
    let press = move |what: Press| {
        if busy.get_untracked().is_some() {
            return;
        }
        busy.set(Some(what));
        failure.set(None);
        spawn_local(async move {
            let path = format!("/storage-providers/{id}");
            let answer = match what {
                Press::Check => {
                    Call::post(&format!("{path}/check")).answer::<ProviderChecked>().await.map(Some)
                }
                Press::Scan => Call::post(&format!("{path}/scan")).done().await.map(|()| None),
                Press::Stop => Call::post(&format!("{path}/scan/stop")).done().await.map(|()| None),
            };
            live::touch(Resource::StorageProviders);
            if busy.try_set(None).is_some() {
                return;
            }
            match answer {
                Ok(found) => tried.set(found),
                Err(problem) => failure.set(Some(problem)),
            }
        });
    };
    let is_busy = move |what: Press| Signal::derive(move || busy.get() == Some(what));
    let buttons = move || {
        may.then(|| {
            // The built-in one has no files but those that were uploaded to it.
            let scan = if built_in {
                ().into_any()
            } else if scanning.get() {
                view! {
                    <Button
                        size=ButtonSize::Small
                        icon="x"
                        busy=is_busy(Press::Stop)
                        on_press=Callback::new(move |()| press(Press::Stop))
                    >
                        {texts::storage::stop_scan(lang())}
                    </Button>
                }
                .into_any()
            } else {
                view! {
                    <Button
                        size=ButtonSize::Small
                        icon="scan"
                        busy=is_busy(Press::Scan)
                        on_press=Callback::new(move |()| press(Press::Scan))
                    >
                        {texts::storage::scan_files(lang())}
                    </Button>
                }
                .into_any()
            };
            view! {
                <Button
                    size=ButtonSize::Small
                    icon="direct"
                    busy=is_busy(Press::Check)
                    on_press=Callback::new(move |()| press(Press::Check))
                >
                    {texts::storage::try_connection(lang())}
                </Button>
                {scan}
                <MenuButton
                    label=texts::common::more(lang()).to_owned()
                    entries=Callback::new(move |()| deeds.menu(&provider.get_untracked(), false))
                />
            }
        })
    };
    let outcome = move || {
        tried.get().map(|found| {
            let (tone, words) = words::checked(&found);
            view! { <Note tone=tone><p>{words}</p></Note> }
        })
    };
    view! {
        <DrawerHead
            title=Signal::derive(move || {
                provider.with(|provider| of_files::provider(&provider.name, provider.kind.as_str()))
            })
            subtitle=Signal::derive(move || {
                Some(provider.with(|provider| format!("{} · {}", words::kind(provider.kind), words::amount(provider))))
            })
            icon="storage"
        >
            {buttons}
        </DrawerHead>
        <div class="body">
            <FailureNote failure=failure />
            <div aria-live="polite">{outcome}</div>
            {move || provider.with(|provider| health(provider, tried.with(Option::is_some)))}
            {move || provider.with(facts)}
            {if built_in {
                view! { <p class="hint">{texts::storage::built_in_help(lang())}</p> }.into_any()
            } else {
                view! {
                    <h3>{texts::storage::scan(lang())}</h3>
                    {move || provider.with(scan)}
                }
                    .into_any()
            }}
        </div>
    }
}

/// What went wrong last, unless the try above says it.
fn health(provider: &ProviderView, said: bool) -> AnyView {
    let why = provider.error.as_ref().filter(|_| !said);
    why.map(words::error).map(|why| view! { <Note tone=Tone::Bad><p>{why}</p></Note> }).into_any()
}

/// The FTP server that has the same files, when phones are sent there.
fn ftp(provider: &ProviderView) -> AnyView {
    if provider.serving != Serving::Ftp {
        return ().into_any();
    }
    let language = lang();
    view! {
        <dt>{texts::storage::ftp_url(language)}</dt>
        <dd class="breakable">{provider.ftp_url.clone()}</dd>
        {(!provider.ftp_username.is_empty())
            .then(|| {
                view! {
                    <dt>{texts::storage::ftp_username(language)}</dt>
                    <dd class="breakable">{provider.ftp_username.clone()}</dd>
                    <dt>{texts::storage::ftp_password(language)}</dt>
                    <dd>{words::secret(provider.has_ftp_secret)}</dd>
                }
            })}
    }
    .into_any()
}

fn facts(provider: &ProviderView) -> AnyView {
    let language = lang();
    let (kind, health) = words::health(provider.health);
    let line =
        |name: &'static str, value: String| view! { <dt>{name}</dt><dd class="breakable">{value}</dd> };
    let yes_no =
        |yes: bool| if yes { texts::common::yes(language) } else { texts::common::no(language) }.to_owned();
    let path_style = line(texts::storage::path_style(language), yes_no(provider.path_style));
    let (username, secret) = words::credentials(provider.kind);
    let secret = line(secret, words::secret(provider.has_secret).to_owned());
    let writable = line(texts::storage::takes_files(language), words::writable(provider.writable).to_owned());
    let own = match provider.kind {
        ProviderKind::BuiltIn => ().into_any(),
        ProviderKind::S3 => view! {
            {line(texts::storage::url(language), provider.url.clone())}
            {line(texts::storage::bucket(language), provider.bucket.clone())}
            {line(texts::storage::region(language), provider.region.clone())}
            {path_style}
            {line(username, provider.username.clone())}
            {secret}
            {writable}
            {line(texts::storage::serving(language), words::serving(provider.serving))}
            {ftp(provider)}
        }
        .into_any(),
        ProviderKind::Https => view! {
            {line(texts::storage::url(language), provider.url.clone())}
            {(!provider.username.is_empty()).then(|| line(username, provider.username.clone()))}
            {secret}
            {writable}
            {line(texts::storage::listing(language), words::listing(provider.listing))}
            {line(texts::storage::serving(language), words::serving(provider.serving))}
            {ftp(provider)}
        }
        .into_any(),
    };
    let files = with_fields("/files", &[("provider", provider.id.to_string())]);
    view! {
        <dl class="kv">
            <dt>{texts::storage::health(language)}</dt>
            <dd>
                <Status kind=kind text=health />
                {provider.checked_at.map(|at| view! { <span class="muted">" " <Ago at=Some(at) /></span> })}
            </dd>
            {own}
            <dt>{texts::storage::files(language)}</dt>
            <dd>
                <a href=files>{words::amount(provider)}</a>
            </dd>
            // The built-in one was there before anybody changed it.
            {(!provider.updated_by.is_empty())
                .then(|| {
                    view! {
                        <dt>{texts::storage::updated(language)}</dt>
                        <dd>
                            <Ago at=Some(provider.updated_at) />
                            {format!(", {}", provider.updated_by)}
                        </dd>
                    }
                })}
        </dl>
    }
    .into_any()
}

/// Its last scan for files.
fn scan(provider: &ProviderView) -> AnyView {
    let scan = &provider.scan;
    let (kind, state) = words::scan_state(scan.state);
    if scan.state == ProviderScanState::None {
        return view! { <p class="muted">{texts::storage::never_scanned(lang())}</p> }.into_any();
    }
    let time = match (scan.started_at, scan.finished_at) {
        (_, Some(at)) => Some(texts::storage::ended(lang(), format::date_time(at))),
        (Some(at), None) => Some(texts::storage::since(lang(), format::date_time(at))),
        (None, None) => None,
    };
    view! {
        <p class="row wrap">
            <Status kind=kind text=state />
            <span class="muted">{time}</span>
        </p>
        <p aria-live="polite">{words::scan_found(scan)}</p>
    }
    .into_any()
}
