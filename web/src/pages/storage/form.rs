//! The form of a storage provider: type, name, address and access, with a try of the connection before it is saved
//! (OSEM §10.3, §10.4).

use api::Code;
use api::storage_provider::{ChangeProvider, NewProvider, ProviderChecked, ProviderView};
use domain::file::ProviderKind;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::entries::{Edited, Entries};
use super::fields::Fields;
use super::words;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::states::{Difference, Differences, FailureNote, Note};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// The fields, as the API calls them.
const FIELDS: [&str; 13] = [
    "/name",
    "/kind",
    "/url",
    "/username",
    "/secret",
    "/bucket",
    "/region",
    "/path_style",
    "/listing",
    "/serving",
    "/ftp_url",
    "/ftp_username",
    "/ftp_secret",
];

/// The dialog that adds or edits a provider.
#[component]
pub(super) fn ProviderDialog(open: RwSignal<bool>, edited: RwSignal<Option<Edited>>) -> impl IntoView {
    let title = Signal::derive(move || {
        edited.with(|edited| match edited {
            Some(Edited::Known(provider)) => texts::storage::edit_title(lang(), &provider.name),
            _ => texts::storage::add_title(lang()).to_owned(),
        })
    });
    let dirty = RwSignal::new(false);
    view! {
        <Dialog open=open title=title dirty=dirty on_close=Callback::new(move |()| dirty.set(false))>
            {move || edited.get().map(|edited| view! { <Form open=open edited=edited dirty=dirty /> })}
        </Dialog>
    }
}

#[component]
fn Form(open: RwSignal<bool>, edited: Edited, dirty: RwSignal<bool>) -> impl IntoView {
    let entries = Entries::of(&edited);
    let known = match edited {
        Edited::Known(provider) => Some(*provider),
        Edited::New | Edited::Found { .. } => None,
    };
    let built_in = known.as_ref().is_some_and(|provider| provider.kind == ProviderKind::BuiltIn);
    let has_secret = known.as_ref().is_some_and(|provider| provider.has_secret);
    let has_ftp_secret = known.as_ref().is_some_and(|provider| provider.has_ftp_secret);
    let new = known.is_none();
    let before = StoredValue::new(known);
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let tried = RwSignal::new(None::<ProviderChecked>);
    let (busy, trying) = (RwSignal::new(false), RwSignal::new(false));
    // A secret that was typed is not lost with Escape; what a try said is about what was typed then.
    Effect::new(move |first: Option<()>| {
        let typed =
            [entries.name, entries.url, entries.username, entries.secret, entries.bucket, entries.region];
        for field in typed.into_iter().chain([entries.ftp_url, entries.ftp_username, entries.ftp_secret]) {
            field.track();
        }
        for choice in [entries.kind, entries.listing, entries.serving] {
            choice.track();
        }
        for wish in [entries.forget_secret, entries.forget_ftp_secret, entries.path_style] {
            wish.track();
        }
        if first.is_some() {
            dirty.set(true);
            tried.set(None);
        }
    });
    // Whether a scan follows says nothing of the connection.
    Effect::new(move |first: Option<()>| {
        entries.scan.track();
        if first.is_some() {
            dirty.set(true);
        }
    });
    let save = move || {
        if busy.get_untracked() || trying.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        let (old, once) = (before.get_value(), key.get_value());
        let (change, wanted) = (old.as_ref().map(|old| entries.change(old)), entries.as_new());
        spawn_local(async move {
            let answer = send(old.as_ref(), change, wanted, &once).await;
            let stale =
                answer.as_ref().is_err_and(|problem| problem.code() == Some(Code::PreconditionFailed));
            let newer = match (&old, stale) {
                (Some(old), true) => {
                    client::get::<ProviderView>(&format!("/storage-providers/{}", old.id)).await.ok()
                }
                _ => None,
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(saved) => {
                    dirty.set(false);
                    open.set(false);
                    live::touch(Resource::StorageProviders);
                    toast::show(texts::storage::saved(lang(), saved.name));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    if let (Some(old), Some(now)) = (old, newer) {
                        differs.set(differences(&old, &now));
                        before.set_value(Some(now));
                    }
                    failure.set(Some(problem));
                }
            }
        });
    };
    // With the kept secret only what is stored can be tried: it is never sent anywhere else.
    let stored = Memo::new(move |_| has_secret && entries.keeps_secret());
    let try_it = move || {
        if busy.get_untracked() || trying.get_untracked() {
            return;
        }
        trying.set(true);
        failure.set(None);
        tried.set(None);
        let id = before.with_value(|before| before.as_ref().map(|before| before.id));
        let id = id.filter(|_| stored.get_untracked());
        let mut wanted = entries.as_new();
        wanted.scan = false;
        spawn_local(async move {
            let call = match id {
                Some(id) => Ok(Call::post(&format!("/storage-providers/{id}/check"))),
                None => Call::post("/storage-providers/check").json(&wanted),
            };
            let answer = match call {
                Ok(call) => call.answer::<ProviderChecked>().await,
                Err(failure) => Err(failure),
            };
            if trying.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(found) => tried.set(Some(found)),
                Err(problem) => failure.set(Some(problem)),
            }
        });
    };
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let outcome = move || {
        tried.get().map(|found| {
            let (tone, words) = words::checked(&found);
            view! { <Note tone=tone><p>{words}</p></Note> }
        })
    };
    let language = lang();
    let try_words = move || {
        if stored.get() { texts::storage::try_stored(lang()) } else { texts::storage::try_connection(lang()) }
    };
    let buttons = view! {
        <DialogButtons>
            {(!built_in)
                .then(|| {
                    view! {
                        <Button
                            kind=ButtonKind::Ghost
                            icon="direct"
                            busy=trying
                            on_press=Callback::new(move |()| try_it())
                        >
                            {try_words}
                        </Button>
                    }
                })}
            <Button on_press=Callback::new(move |()| {
                dirty.set(false);
                open.set(false);
            })>{texts::common::cancel(language)}</Button>
            <Button kind=ButtonKind::Primary busy=busy>
                {if new { texts::storage::add(language) } else { texts::storage::save(language) }}
            </Button>
        </DialogButtons>
    };
    view! {
        <form novalidate on:submit=move |event| {
            event.prevent_default();
            save();
        }>
            <FailureNote failure=rest />
            <Differences lines=differs />
            <Fields
                entries=entries
                failure=failure
                new=new
                built_in=built_in
                has_secret=has_secret
                has_ftp_secret=has_ftp_secret
            />
            <div aria-live="polite">{outcome}</div>
            {buttons}
        </form>
    }
}

async fn send(
    old: Option<&ProviderView>,
    change: Option<ChangeProvider>,
    wanted: NewProvider,
    key: &str,
) -> Result<ProviderView, Failure> {
    match (old, change) {
        (Some(old), Some(change)) => {
            let path = format!("/storage-providers/{}", old.id);
            Call::patch(&path).if_match(old.revision).json(&change)?.answer().await
        }
        _ => Call::post("/storage-providers").once(key).json(&wanted)?.answer().await,
    }
}

/// What somebody else has changed. Of a secret only whether there is one is known.
fn differences(before: &ProviderView, now: &ProviderView) -> Vec<Difference> {
    use texts::storage as texts_of;
    let language = lang();
    let yes_no =
        |yes: bool| if yes { texts::common::yes(language) } else { texts::common::no(language) }.to_owned();
    let kept = |kept: bool| words::secret(kept).to_owned();
    let (username, secret) = words::credentials(now.kind);
    let lines = |provider: &ProviderView| {
        [
            (texts_of::name(language), provider.name.clone()),
            (texts_of::url(language), provider.url.clone()),
            (username, provider.username.clone()),
            (secret, kept(provider.has_secret)),
            (texts_of::bucket(language), provider.bucket.clone()),
            (texts_of::region(language), provider.region.clone()),
            (texts_of::path_style(language), yes_no(provider.path_style)),
            (texts_of::listing(language), words::listing(provider.listing)),
            (texts_of::serving(language), words::serving(provider.serving)),
            (texts_of::ftp_url(language), provider.ftp_url.clone()),
            (texts_of::ftp_username(language), provider.ftp_username.clone()),
            (texts_of::ftp_password(language), kept(provider.has_ftp_secret)),
        ]
    };
    let differs = lines(before).into_iter().zip(lines(now)).filter(|(before, now)| before != now);
    differs.map(|((name, before), (_, now))| Difference { name: name.to_owned(), before, now }).collect()
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::pages::storage::entries::tests::provider;
    use api::storage_provider::ProviderView;
    use domain::file::ProviderKind;

    #[test]
    fn what_somebody_else_changed_is_named_as_in_the_form() {
        let before = provider();
        let now =
            ProviderView { path_style: false, has_secret: false, username: "other".to_owned(), ..provider() };
        let names = |before: &ProviderView, now: &ProviderView| {
            differences(before, now).into_iter().map(|line| line.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&before, &now), ["Access key", "Access secret", "Bucket in the path"]);
        let web = |username: &str| ProviderView {
            kind: ProviderKind::Https,
            username: username.to_owned(),
            has_ftp_secret: username.is_empty(),
            ..provider()
        };
        assert_eq!(names(&web("a"), &web("")), ["Username", "FTP password"]);
    }
}
