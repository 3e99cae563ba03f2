//! A picture that is made to fit a model: what it shall be, and both pictures beside each other.

use api::file::{ConvertFile, DeleteFiles, FileInUse, FileView, FilesDeleted};
use api::model::DeviceModelView;
use domain::file::{FileFormat, FileState, FileType};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::preview::{Picture, content};
use super::words;
use crate::client::{Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::combobox::Combobox;
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::field::TextField;
use crate::components::select::{Choice, Select};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::components::toast;
use crate::format;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// What came of a picture.
#[derive(Clone)]
struct Made {
    file: FileView,
    /// The very same picture was there before, and is somebody else's to delete.
    known: bool,
}

/// What pictures can be made into.
const TARGETS: [FileType; 3] = [FileType::Logo, FileType::Screensaver, FileType::Picture];
const FIELDS: [&str; 3] = ["/model", "/file_type", "/name"];

/// Whether pictures can be made of a file.
pub(super) fn can_be_made_of(file: &FileView) -> bool {
    let picture = matches!(
        file.facts.format,
        FileFormat::Png | FileFormat::Jpeg | FileFormat::Bmp | FileFormat::Gif | FileFormat::Webp
    );
    picture && file.state != FileState::Missing
}

/// Whether pictures can be converted to what a model takes of a type.
pub(super) fn is_target(model: &DeviceModelView, kind: FileType) -> bool {
    model.file_limits.iter().any(|limits| limits.file_type == kind && limits.convertible)
}

/// The dialog for one picture.
#[component]
pub(super) fn ConvertDialog(open: RwSignal<bool>, converted: RwSignal<Option<FileView>>) -> impl IntoView {
    let title = Signal::derive(move || {
        let name = converted.with(|file| file.as_ref().map(|file| file.name.clone())).unwrap_or_default();
        texts::files::convert_title(lang(), name)
    });
    view! {
        <Dialog open=open title=title size=DialogSize::Table>
            {move || converted.get().map(|file| view! { <Converting open=open file=file /> })}
        </Dialog>
    }
}

/// First what is wanted, then both pictures.
#[component]
fn Converting(open: RwSignal<bool>, file: FileView) -> impl IntoView {
    let made = RwSignal::new(None::<Made>);
    let file = StoredValue::new(file);
    move || match made.get() {
        None => view! { <Form open=open file=file.get_value() made=made /> }.into_any(),
        Some(result) => {
            view! { <Both open=open before=file.get_value() after=result made=made /> }.into_any()
        }
    }
}

#[component]
fn Form(open: RwSignal<bool>, file: FileView, made: RwSignal<Option<Made>>) -> impl IntoView {
    let model = RwSignal::new(file.models.first().cloned().unwrap_or_default());
    let wanted = file.file_type.filter(|kind| TARGETS.contains(kind)).unwrap_or(FileType::Screensaver);
    let kind = RwSignal::new(wanted.as_str().to_owned());
    let name = RwSignal::new(String::new());
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let id = file.id;
    let run = move || {
        let Some(file_type) = kind.with_untracked(|word| FileType::parse(word)) else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let typed = name.with_untracked(|name| name.trim().to_owned());
        let wanted = ConvertFile {
            model: model.get_untracked(),
            file_type,
            name: (!typed.is_empty()).then_some(typed),
        };
        let once = key.get_value();
        spawn_local(async move {
            let answer = match Call::post(&format!("/files/{id}/convert")).once(&once).json(&wanted) {
                Ok(call) => call.created::<FileView>().await,
                Err(failure) => Err(failure),
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok((file, known)) => {
                    live::touch(Resource::Files);
                    made.set(Some(Made { file, known }));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    failure.set(Some(problem));
                }
            }
        });
    };
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let language = lang();
    let kinds: Vec<Choice> =
        TARGETS.iter().map(|kind| Choice::new(kind.as_str(), words::file_type(Some(*kind)))).collect();
    let models = words::known_models();
    // Of the other models nobody knows what their pictures are like.
    let choices = Memo::new(move |_| {
        let kind = kind.with(|word| FileType::parse(word));
        models.list.data.with(|page| {
            let known = page.iter().flat_map(|page| &page.items);
            let targets = known.filter(|model| kind.is_some_and(|kind| is_target(model, kind)));
            targets.map(|model| Choice::new(model.name.clone(), model.name.clone())).collect::<Vec<_>>()
        })
    });
    let blocked = Signal::derive(move || {
        let chosen = choices.with(|all| model.with(|name| all.iter().any(|choice| choice.value == *name)));
        (!chosen).then(|| texts::files::choose_model(lang()).to_owned())
    });
    view! {
        <form novalidate on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <p>{texts::files::convert_text(language)}</p>
            <FailureNote failure=rest />
            <Select label=texts::files::convert_to(language).to_owned() value=kind choices=kinds error=of_field("/file_type") />
            <Combobox
                label=texts::files::for_model(language).to_owned()
                value=model
                choices=choices
                error=models.error(of_field("/model"))
            />
            <TextField
                label=texts::files::new_name(language).to_owned()
                value=name
                help=Some(texts::files::new_name_help(language).to_owned())
                error=of_field("/name")
                max_length=120
                optional=true
            />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(language)}</Button>
                <Button kind=ButtonKind::Primary busy=busy blocked=blocked>
                    {texts::files::convert_now(language)}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// The picture before and after. A new one is kept or taken back; one that was there before is only shown.
#[component]
fn Both(open: RwSignal<bool>, before: FileView, after: Made, made: RwSignal<Option<Made>>) -> impl IntoView {
    let Made { file: after, known } = after;
    let failure = RwSignal::new(None::<Failure>);
    let stayed = RwSignal::new(None::<FileInUse>);
    let busy = RwSignal::new(false);
    let id = after.id;
    let name = after.name.clone();
    let take_back = move || {
        busy.set(true);
        failure.set(None);
        stayed.set(None);
        spawn_local(async move {
            let answer = match Call::post("/files/delete").json(&DeleteFiles { ids: vec![id] }) {
                Ok(call) => call.answer::<FilesDeleted>().await,
                Err(failure) => Err(failure),
            };
            live::touch(Resource::Files);
            if busy.try_set(false).is_some() {
                return;
            }
            match answer.map(|deleted| deleted.in_use.into_iter().next()) {
                Ok(None) => made.set(None),
                // Somebody was fast to take it into use.
                Ok(needed) => stayed.set(needed),
                Err(problem) => failure.set(Some(problem)),
            }
        });
    };
    let needed = move || {
        stayed.get().map(|file| {
            view! {
                <Note tone=Tone::Warn>
                    <p>{texts::files::stayed(lang(), 1)}</p>
                    {words::users(&file.used_by)}
                </Note>
            }
        })
    };
    let was_there = known.then(|| {
        let words = texts::files::was_there(lang(), &name);
        view! { <Note><p>{words}</p></Note> }
    });
    let side = |title: &'static str, file: &FileView| {
        view! {
            <section>
                <h3>{title}</h3>
                <Picture address=content(file.id) name=file.name.clone() />
                <p class="small">
                    <b class="breakable">{file.name.clone()}</b>
                    <br />
                    {words::content(&file.facts)}
                    ", "
                    {format::bytes(file.size)}
                </p>
            </section>
        }
    };
    let language = lang();
    let buttons = if known {
        view! {
            <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| open.set(false))>
                {texts::common::close(language)}
            </Button>
        }
        .into_any()
    } else {
        view! {
            <Button busy=busy on_press=Callback::new(move |()| take_back())>
                {texts::files::take_back(language)}
            </Button>
            <Button
                kind=ButtonKind::Primary
                on_press=Callback::new(move |()| {
                    toast::show(texts::files::converted(lang(), &name));
                    open.set(false);
                })
            >
                {texts::files::keep(language)}
            </Button>
        }
        .into_any()
    };
    view! {
        <FailureNote failure=failure />
        <div aria-live="polite">{was_there} {needed}</div>
        <div class="two-columns">
            {side(texts::common::before(language), &before)} {side(texts::common::after(language), &after)}
        </div>
        <DialogButtons>{buttons}</DialogButtons>
    }
}

#[cfg(test)]
mod tests {
    use super::{can_be_made_of, is_target};
    use crate::pages::files::edit::tests::file;
    use domain::file::{FileFacts, FileFormat, FileState, FileType};

    #[test]
    fn only_pictures_that_are_there_can_be_converted() {
        let mut picture = file(1, "logo.webp");
        assert!(!can_be_made_of(&picture));
        picture.facts = FileFacts::plain(FileFormat::Webp);
        assert!(can_be_made_of(&picture));
        picture.state = FileState::Missing;
        assert!(!can_be_made_of(&picture));
    }

    #[test]
    fn only_models_whose_pictures_are_known_are_offered() {
        let model = serde_json::from_value(serde_json::json!({
            "name": "OpenStage 40", "device_type": "OpenStage 40", "software_types": ["SIP"], "display": "",
            "free_keys": 0, "key_modules": 0, "key_module": null, "file_types": ["LOGO", "RINGTONE"],
            "file_limits": [
                {"file_type": "logo", "formats": ["bmp"], "width": 144, "height": 32, "bits": 1, "bytes": null,
                 "convertible": true},
                {"file_type": "ringtone", "formats": ["wav"], "width": null, "height": null, "bits": null,
                 "bytes": null, "convertible": false},
            ],
        }))
        .unwrap();
        assert!(is_target(&model, FileType::Logo));
        assert!(!is_target(&model, FileType::Ringtone) && !is_target(&model, FileType::Screensaver));
    }
}
