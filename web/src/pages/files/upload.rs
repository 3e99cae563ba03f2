//! Uploading files: by a button or by dropping them onto the page, several at once, each with its progress; and what must
//! be said of a file right where it arrived (OSEM §9.3).

use api::file::{FileView, UploadView};
use domain::ProviderId;
use domain::file::{FileState, FileType};
use leptos::ev::DragEvent;
use leptos::html::{Input, Li};
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::edit::FileForm;
use super::needs;
use super::refused::Refused;
use super::unseen;
use super::uploading::{self, Step, Upload};
use super::words;
use crate::browser;
use crate::components::button::{Button, ButtonKind, IconButton};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::fresh_id;
use crate::components::icon::Icon;
use crate::components::meter::{Meter, percent};
use crate::components::select::{Choice, Select};
use crate::components::states::{FailureNote, Note};
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::texts::{self, lang};

/// The uploads as pages watch them.
fn watched() -> Signal<Vec<Upload>> {
    let uploads = uploading::uploads();
    Signal::derive(move || uploads.get())
}

/// The button that opens the dialog, with the number of uploads under way.
#[component]
pub(super) fn UploadButton(open: RwSignal<bool>) -> impl IntoView {
    let uploads = watched();
    // A file that is dropped at once may be one that broke off.
    uploading::look();
    let running = Memo::new(move |_| {
        uploads.with(|uploads| uploads.iter().filter(|upload| upload.step.is_open()).count() as u64)
    });
    let words = move || match running.get() {
        0 => texts::files::upload(lang()).to_owned(),
        count => texts::files::upload_running(lang(), count),
    };
    view! {
        <Button kind=ButtonKind::Primary icon="ul" on_press=Callback::new(move |()| open.set(true))>
            {words}
        </Button>
    }
}

/// Whether files are dragged, and no text or picture of a page.
fn has_files(event: &DragEvent) -> bool {
    let types = event.data_transfer().map(|data| data.types());
    types.is_some_and(|types| types.includes(&JsValue::from_str("Files"), 0))
}

/// What was dropped.
fn dropped(event: &DragEvent) -> Vec<web_sys::File> {
    let list = event.data_transfer().and_then(|data| data.files());
    list.map(|list| all(&list)).unwrap_or_default()
}

fn all(list: &web_sys::FileList) -> Vec<web_sys::File> {
    (0..list.length()).filter_map(|at| list.get(at)).collect()
}

/// A part of the page that files can be dropped onto; dropping them begins their uploads.
pub(super) fn drop_zone(open: RwSignal<bool>, inner: AnyView) -> AnyView {
    let over = RwSignal::new(false);
    view! {
        <div
            class="drop-page"
            class:over=over
            on:dragover=move |event| {
                if has_files(&event) {
                    event.prevent_default();
                    over.set(true);
                }
            }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event| {
                if has_files(&event) {
                    event.prevent_default();
                    over.set(false);
                    for file in dropped(&event) {
                        uploading::add(file, None, None);
                    }
                    open.set(true);
                }
            }
        >
            {inner}
        </div>
    }
    .into_any()
}

/// The uploads, and the way to more.
#[component]
pub(super) fn UploadDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open=open title=texts::files::upload_title(lang()).to_owned() size=DialogSize::Table>
            <Uploads open=open />
        </Dialog>
    }
}

#[component]
fn Uploads(open: RwSignal<bool>) -> impl IntoView {
    let uploads = watched();
    uploading::look();
    unseen::watch();
    let (provider, kind) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let ids = Memo::new(move |_| {
        uploads.with(|uploads| uploads.iter().map(|upload| upload.number).collect::<Vec<_>>())
    });
    let done_count = Memo::new(move |_| {
        uploads.with(|uploads| uploads.iter().filter(|upload| upload.step.is_done()).count())
    });
    let add = move |files: Vec<web_sys::File>| {
        let to = provider.get_untracked().parse().ok().map(ProviderId);
        let file_type = kind.with_untracked(|word| FileType::parse(word));
        for file in files {
            uploading::add(file, to, file_type);
        }
    };
    let one = move |number: u64| {
        let found =
            move || uploads.with(|uploads| uploads.iter().find(|upload| upload.number == number).cloned());
        let first = untrack(found)?;
        let upload = Signal::derive(move || found().unwrap_or_else(|| first.clone()));
        Some(view! { <One upload=upload /> })
    };
    // One sentence of each; what changes in it is read out.
    let spoken = move |number: u64| {
        let sentence = Memo::new(move |_| {
            uploads.with(|uploads| {
                let upload = uploads.iter().find(|upload| upload.number == number)?;
                told(&upload.name, &upload.step)
            })
        });
        view! { <p>{move || sentence.get()}</p> }
    };
    view! {
        <Chooser add=Callback::new(add) />
        <div class="two-columns even">
            <WhatFor kind=kind />
            <Where provider=provider />
        </div>
        <ul class="uploads" aria-label=texts::files::uploads(lang())>
            <For each=move || ids.get() key=|number| *number let:number>
                {one(number)}
            </For>
        </ul>
        <div class="vh" aria-live="polite">
            <For each=move || ids.get() key=|number| *number let:number>
                {spoken(number)}
            </For>
        </div>
        <Unfinished />
        <DialogButtons>
            {move || {
                (done_count.get() > 1)
                    .then(|| {
                        view! {
                            <Button kind=ButtonKind::Ghost on_press=Callback::new(|()| uploading::clear())>
                                {texts::files::clear(lang())}
                            </Button>
                        }
                    })
            }}
            <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::close(lang())}</Button>
        </DialogButtons>
    }
}

/// A place for files: chosen with the browser's own dialog, or dropped.
#[component]
fn Chooser(add: Callback<Vec<web_sys::File>>) -> impl IntoView {
    let node = NodeRef::<Input>::new();
    let id = fresh_id("upload");
    let over = RwSignal::new(false);
    view! {
        <div
            class="drop"
            class:over=over
            on:dragover=move |event| {
                event.prevent_default();
                event.stop_propagation();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event| {
                event.prevent_default();
                event.stop_propagation();
                over.set(false);
                add.run(dropped(&event));
            }
        >
            <Icon name="ul" />
            <label for=id.clone()>{texts::files::drop_here(lang())}</label>
            <input
                id=id
                node_ref=node
                type="file"
                multiple=true
                class="in file"
                on:change=move |_| {
                    if let Some(input) = node.get_untracked() {
                        add.run(input.files().map(|list| all(&list)).unwrap_or_default());
                        // The same file can be chosen again.
                        input.set_value("");
                    }
                }
            />
        </div>
    }
}

/// What the next files are for. What the content tells of a file is enough but for firmware of CP phones that looks like an
/// archive: without a word that it is software it is refused.
#[component]
fn WhatFor(kind: RwSignal<String>) -> impl IntoView {
    let mut choices = words::types();
    choices.insert(0, Choice::new("", texts::files::type_from_content(lang())));
    view! {
        <Select
            label=texts::files::type_of_next(lang()).to_owned()
            value=kind
            choices=choices
            help=Some(texts::files::type_of_next_help(lang()).to_owned())
        />
    }
}

/// Where the next files go, when there is a choice.
#[component]
fn Where(provider: RwSignal<String>) -> impl IntoView {
    let providers = words::known_providers();
    words::follow(providers, provider);
    let choices = words::places(providers, None);
    let several = Memo::new(move |_| choices.with(|known| known.len() > 1));
    view! {
        <FailureNote failure=providers.failure() retry=providers.reload() />
        {move || {
            several.get().then(|| {
                view! {
                    <Select
                        label=texts::files::keep_in(lang()).to_owned()
                        value=provider
                        choices=choices
                        help=words::closed(providers)
                    />
                }
            })
        }}
    }
}

/// Uploads that broke off and whose files nobody has chosen again.
#[component]
fn Unfinished() -> impl IntoView {
    let unfinished = uploading::unfinished();
    let line = |upload: UploadView| {
        let (token, language) = (upload.token.clone(), lang());
        let sent = percent(upload.received, upload.size);
        let (all, arrived) = (format::bytes(upload.size), format::bytes(upload.received));
        view! {
            <li>
                <div class="row">
                    <span class="grow clip" title=upload.name.clone()>
                        <b>{upload.name.clone()}</b>
                    </span>
                    <Button on_press=Callback::new(move |()| uploading::give_up(token.clone()))>
                        {texts::files::forget(language)}
                        <span class="vh">" " {upload.name.clone()}</span>
                    </Button>
                </div>
                <p class="small muted num">
                    {texts::files::sent_of(language, all, sent, arrived)} " · "
                    {texts::files::kept_until(language, format::date_time(upload.expires_at))}
                </p>
            </li>
        }
    };
    move || {
        let all = unfinished.get();
        (!all.is_empty()).then(|| {
            view! {
                <section class="stack-v close" aria-label=texts::files::unfinished(lang())>
                    <h3>{texts::files::unfinished(lang())}</h3>
                    <p class="soft">{texts::files::unfinished_hint(lang())}</p>
                    <ul class="uploads">{all.into_iter().map(line).collect_view()}</ul>
                </section>
            }
        })
    }
}

/// How an upload looks.
fn look(step: &Step) -> (StatusKind, String) {
    let language = lang();
    match step {
        Step::Found(_) => {
            (StatusKind::new(Tone::Hold, "clock", false), texts::files::is_found(language).to_owned())
        }
        Step::Waiting => {
            (StatusKind::new(Tone::Idle, "clock", false), texts::files::waits(language).to_owned())
        }
        Step::Checking(_) => {
            (StatusKind::new(Tone::Run, "run", false), texts::files::checks(language).to_owned())
        }
        Step::Sending => (StatusKind::new(Tone::Run, "run", false), texts::files::sends(language).to_owned()),
        Step::Reconnecting => {
            (StatusKind::new(Tone::Hold, "cloudoff", false), texts::files::reconnects(language).to_owned())
        }
        Step::Finishing => {
            (StatusKind::new(Tone::Run, "run", false), texts::files::finishes(language).to_owned())
        }
        Step::Done(file) if file.state == FileState::Incomplete => {
            (StatusKind::new(Tone::Warn, "pencil", true), words::state(file.state).1)
        }
        Step::Done(_) => {
            (StatusKind::new(Tone::Ok, "okc", false), texts::files::is_there(language).to_owned())
        }
        Step::Failed(_) | Step::Unreadable | Step::Mixed(_) => {
            (StatusKind::new(Tone::Bad, "fail", true), texts::files::failed(language).to_owned())
        }
    }
}

/// What is read out when an upload comes to something; nothing while it only goes on.
fn told(name: &str, step: &Step) -> Option<String> {
    let language = lang();
    let more = match step {
        Step::Waiting | Step::Checking(_) | Step::Sending | Step::Finishing => return None,
        Step::Reconnecting => None,
        Step::Found(found) => {
            Some(texts::files::found(language, format::bytes(found.size), format::bytes(found.received)))
        }
        Step::Done(file) => (file.state == FileState::Incomplete && !file.needs.is_empty())
            .then(|| texts::files::say_first(language, needs::in_words(&file.needs))),
        Step::Failed(failure) => Some(failure.text(language)),
        Step::Unreadable => Some(texts::files::unreadable(language).to_owned()),
        Step::Mixed(_) => Some(texts::files::is_mixed(language).to_owned()),
    };
    let told = texts::files::upload_told(language, name, look(step).1);
    Some(more.map_or(told.clone(), |more| format!("{told} {more}")))
}

/// One upload.
#[component]
fn One(upload: Signal<Upload>) -> impl IntoView {
    let (number, name, size) =
        upload.with_untracked(|upload| (upload.number, upload.name.clone(), upload.size));
    let step = Memo::new(move |_| upload.with(|upload| upload.step.clone()));
    let open = Memo::new(move |_| step.with(Step::is_open));
    // What is shown of its bytes: first how many are checked, then how many are at the server.
    let checking = Memo::new(move |_| step.with(|step| matches!(step, Step::Checking(_))));
    let sent = Memo::new(move |_| {
        upload.with(|upload| match upload.step {
            Step::Checking(done) => done,
            _ => upload.sent,
        })
    });
    let named = StoredValue::new(name.clone());
    let item = NodeRef::<Li>::new();
    let saved = move |file: FileView| {
        // The form goes away, and with it the button that has the focus.
        if let Some(item) = item.get_untracked() {
            browser::focus(&item);
        }
        uploading::note_file(number, file);
    };
    let progress = move || {
        open.get().then(|| {
            view! {
                <Meter
                    label=Signal::derive(move || {
                        let checks = checking.get();
                        named
                            .with_value(|name| match checks {
                                true => texts::files::checking_of(lang(), name),
                                false => texts::files::progress_of(lang(), name),
                            })
                    })
                    done=sent
                    whole=size
                />
                <p class="small muted num">
                    {move || {
                        let (all, share, done) = (format::bytes(size), percent(sent.get(), size), format::bytes(sent.get()));
                        if checking.get() {
                            texts::files::checked_of(lang(), all, done, share)
                        } else {
                            texts::files::sent_of(lang(), all, share, done)
                        }
                    }}
                </p>
            }
        })
    };
    let found = move || {
        step.with(|step| match step {
            Step::Found(found) => {
                let (all, arrived) = (format::bytes(found.size), format::bytes(found.received));
                Some(view! {
                    <Note tone=Tone::Run>
                        <p>{texts::files::found(lang(), all, arrived)}</p>
                        <div class="row wrap">
                            <Button
                                kind=ButtonKind::Primary
                                on_press=Callback::new(move |()| uploading::go_on(number, true))
                            >
                                {texts::files::go_on(lang())}
                            </Button>
                            <Button on_press=Callback::new(move |()| uploading::go_on(number, false))>
                                {texts::files::from_beginning(lang())}
                            </Button>
                        </div>
                    </Note>
                })
            }
            _ => None,
        })
    };
    let failure = move || {
        step.with(|step| match step {
            Step::Failed(failure) => {
                let upload = upload.get_untracked();
                Some(view! { <Refused upload=upload failure=failure.clone() /> }.into_any())
            }
            Step::Unreadable => Some(
                view! {
                    <Note tone=Tone::Bad>
                        <p>{texts::files::unreadable(lang())}</p>
                        <Button on_press=Callback::new(move |()| uploading::again(number))>
                            {texts::common::try_again(lang())}
                        </Button>
                    </Note>
                }
                .into_any(),
            ),
            Step::Mixed(made) => {
                let (address, name) = (format!("/files?open={}", made.id), made.name.clone());
                Some(
                    view! {
                    <Note tone=Tone::Bad>
                        <p>
                            {texts::files::is_mixed(lang())} " "
                            <a href=address>{name}</a>
                        </p>
                        <Button on_press=Callback::new(move |()| uploading::again(number))>
                            {texts::files::from_beginning(lang())}
                        </Button>
                    </Note>
                    }
                    .into_any(),
                )
            }
            _ => None,
        })
    };
    let file = Memo::new(move |_| {
        step.with(|step| match step {
            Step::Done(file) => Some((**file).clone()),
            _ => None,
        })
    });
    let about = move || {
        file.get().map(|file| {
            let asked = (file.state == FileState::Incomplete && !file.needs.is_empty()).then(|| {
                let only = file.needs.clone();
                let own = file.clone();
                view! {
                    <div class="asked" role="group" aria-label=named.get_value()>
                        <p>{texts::files::say_first(lang(), needs::in_words(&file.needs))}</p>
                        <FileForm
                            file=own
                            only=only
                            saved=Callback::new(saved)
                        />
                    </div>
                }
            });
            let known = [
                words::file_type(file.file_type),
                words::content(&file.facts),
                words::models(&file.models),
                words::software(&file),
            ];
            let known: Vec<String> = known.into_iter().filter(|word| *word != words::dash()).collect();
            view! {
                <p class="small soft">{known.join(" · ")}</p>
                {asked}
            }
        })
    };
    let remove_words = move || {
        let name = named.get_value();
        if open.get() {
            texts::files::cancel_upload(lang(), name)
        } else {
            texts::common::remove(lang(), name)
        }
    };
    view! {
        <li node_ref=item tabindex="-1">
            <div class="row">
                <span class="grow clip" title=name.clone()>
                    <b>{name.clone()}</b>
                    " "
                    <span class="muted">{format::bytes(size)}</span>
                </span>
                <Status
                    kind=Signal::derive(move || step.with(|step| look(step).0))
                    text=Signal::derive(move || step.with(|step| look(step).1))
                />
                <IconButton
                    label=Signal::derive(remove_words)
                    icon="x"
                    on_press=Callback::new(move |()| uploading::remove(number))
                />
            </div>
            {progress}
            {found}
            {failure}
            {about}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, told};
    use crate::client::Failure;
    use crate::pages::files::edit::tests::file;
    use domain::file::FileState;

    #[test]
    fn what_an_upload_comes_to_is_told_and_what_goes_on_is_not() {
        assert_eq!(told("a.wav", &Step::Waiting), None);
        assert_eq!(told("a.wav", &Step::Checking(7)), None);
        assert_eq!(told("a.wav", &Step::Sending), None);
        assert!(
            told("a.wav", &Step::Unreadable)
                .is_some_and(|told| told.starts_with("a.wav: Failed. The browser"))
        );
        let mut made = file(1, "a.wav");
        made.state = FileState::Ready;
        assert_eq!(told("a.wav", &Step::Done(Box::new(made.clone()))).as_deref(), Some("a.wav: Uploaded."));
        made.state = FileState::Incomplete;
        made.needs = vec!["models".to_owned()];
        let asked = told("a.wav", &Step::Done(Box::new(made))).unwrap_or_default();
        assert!(asked.starts_with("a.wav: Incomplete. ") && asked.contains("supported clients"), "{asked}");
        let failed = told("a.wav", &Step::Failed(Failure::offline())).unwrap_or_default();
        assert!(failed.starts_with("a.wav: Failed. ") && failed.len() > 20, "{failed}");
    }
}
