//! What is said of a file: name, type, models, family and version of software, a note. The same fields stand below an
//! upload whose content did not tell them.

use api::Code;
use api::file::{ChangeFile, FileView};
use domain::file::FileType;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{needs, words};
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::combobox::Choices;
use crate::components::confirm::AskedNumber;
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::{TextArea, TextField};
use crate::components::select::{Choice, Select};
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::pages::templates::words::gains;
use crate::texts::{self, lang};

/// The fields, as the API calls them.
const FIELDS: [&str; 6] = ["/name", "/file_type", "/models", "/software_type", "/software_version", "/note"];

/// What the form stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    name: String,
    file_type: Option<FileType>,
    models: Vec<String>,
    software_type: Option<String>,
    software_version: Option<String>,
    note: String,
}

impl Said {
    fn of(file: &FileView) -> Self {
        Self {
            name: file.name.clone(),
            file_type: file.file_type,
            models: file.models.clone(),
            software_type: file.software_type.clone(),
            software_version: file.software_version.clone(),
            note: file.note.clone(),
        }
    }

    /// Only what differs from the file. A type cannot be taken back.
    fn change(self, file: &FileView) -> ChangeFile {
        let before = Self::of(file);
        ChangeFile {
            name: (self.name != before.name).then_some(self.name),
            file_type: self.file_type.filter(|_| self.file_type != before.file_type),
            models: (self.models != before.models).then_some(self.models),
            software_type: (self.software_type != before.software_type).then_some(self.software_type),
            software_version: (self.software_version != before.software_version)
                .then_some(self.software_version),
            note: (self.note != before.note).then_some(self.note),
            confirm: None,
        }
    }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Entries {
    name: RwSignal<String>,
    file_type: RwSignal<String>,
    models: RwSignal<Vec<String>>,
    software_type: RwSignal<String>,
    software_version: RwSignal<String>,
    note: RwSignal<String>,
}

/// Empty text is none.
fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl Entries {
    fn of(file: &FileView) -> Self {
        Self {
            name: RwSignal::new(file.name.clone()),
            file_type: RwSignal::new(
                file.file_type.map_or_else(String::new, |kind| kind.as_str().to_owned()),
            ),
            models: RwSignal::new(file.models.clone()),
            software_type: RwSignal::new(file.software_type.clone().unwrap_or_default()),
            software_version: RwSignal::new(file.software_version.clone().unwrap_or_default()),
            note: RwSignal::new(file.note.clone()),
        }
    }

    /// What is typed; to be watched.
    fn said(self) -> Said {
        Said {
            name: self.name.with(|name| name.trim().to_owned()),
            file_type: self.file_type.with(|word| FileType::parse(word)),
            models: self.models.get(),
            software_type: self.software_type.with(|text| filled(text)),
            software_version: self.software_version.with(|text| filled(text)),
            note: self.note.with(|note| note.trim().to_owned()),
        }
    }
}

/// The dialog that changes what is said of a file.
#[component]
pub(super) fn EditDialog(open: RwSignal<bool>, edited: RwSignal<Option<FileView>>) -> impl IntoView {
    let title = Signal::derive(move || {
        let name = edited.with(|file| file.as_ref().map(|file| file.name.clone())).unwrap_or_default();
        texts::files::edit_title(lang(), name)
    });
    let dirty = RwSignal::new(false);
    view! {
        <Dialog open=open title=title dirty=dirty>
            {move || {
                edited.get().map(|file| {
                    view! {
                        <FileForm
                            file=file
                            dirty=dirty
                            close=Callback::new(move |()| open.set(false))
                            saved=Callback::new(move |_| open.set(false))
                        />
                    }
                })
            }}
        </Dialog>
    }
}

/// The fields. With `only`, those that are needed before the file can be deployed; without `close` there is no way out
/// but to fill them in.
#[component]
pub(super) fn FileForm(
    file: FileView,
    /// Only these fields.
    #[prop(optional)]
    only: Option<Vec<String>>,
    /// Says whether anything is typed that is not saved.
    #[prop(optional)]
    dirty: Option<RwSignal<bool>>,
    /// Closes what the form stands in.
    #[prop(optional, into)]
    close: Option<Callback<()>>,
    /// It was saved.
    #[prop(into)]
    saved: Callback<FileView>,
) -> impl IntoView {
    let entries = Entries::of(&file);
    let whole = only.is_none();
    let asks = move |field: &str| needs::asks(only.as_deref(), field);
    let failure = RwSignal::new(None::<Failure>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let busy = RwSignal::new(false);
    // Templates may have the file: then more phones than usual can get it by what is said here.
    let asked = AskedNumber::new();
    let blocked = Signal::derive(move || asked.blocks());
    let id = file.id;
    if let Some(dirty) = dirty {
        let shown = Said::of(&file);
        Effect::new(move |_| dirty.set(entries.said() != shown));
    }
    let before = StoredValue::new(file);
    let run = move || {
        if busy.get_untracked() || blocked.get_untracked().is_some() {
            return;
        }
        let old = before.get_value();
        let change = untrack(|| entries.said()).change(&old);
        let change = ChangeFile { confirm: asked.agreed(), ..change };
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        spawn_local(async move {
            let call = Call::patch(&format!("/files/{id}")).if_match(old.revision).json(&change);
            let answer = match call {
                Ok(call) => call.answer::<FileView>().await,
                Err(failure) => Err(failure),
            };
            let stale =
                answer.as_ref().is_err_and(|problem| problem.code() == Some(Code::PreconditionFailed));
            let newer = match stale {
                true => client::get::<FileView>(&format!("/files/{id}")).await.ok(),
                false => None,
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(file) => {
                    toast::show(texts::files::saved(lang(), &file.name));
                    live::touch(Resource::Files);
                    saved.run(file);
                }
                Err(problem) => {
                    if let Some(now) = newer {
                        differs.set(differences(&old, &now));
                        before.set_value(now);
                    }
                    let shown = (!asked.is_asked(&problem)).then_some(problem);
                    failure.set(shown);
                }
            }
        });
    };
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let language = lang();
    let types = {
        let mut types = words::types();
        types.insert(0, Choice::new("", texts::common::choose(language)));
        types
    };
    let families = {
        let mut families = words::families();
        families.insert(0, Choice::new("", "–"));
        families
    };
    // Family and version are only said of software.
    let software =
        Memo::new(move |_| !whole || entries.file_type.with(|word| word == FileType::Software.as_str()));
    let name = asks("name").then(|| {
        view! {
            <TextField
                label=texts::files::name(language).to_owned()
                value=entries.name
                error=of_field("/name")
                max_length=120
            />
        }
    });
    let kind = asks("file_type").then(|| {
        view! {
            <Select
                label=texts::files::kind(language).to_owned()
                value=entries.file_type
                choices=types
                error=of_field("/file_type")
            />
        }
    });
    let models = asks("models").then(|| {
        let known = words::known_models();
        view! {
            <Choices
                label=texts::files::models(language).to_owned()
                values=entries.models
                choices=known.choices()
                help=Some(texts::files::models_help(language).to_owned())
                error=known.error(of_field("/models"))
            />
        }
    });
    let (asks_family, asks_version) = (asks("software_type"), asks("software_version"));
    let families = StoredValue::new(families);
    let of_software = move || {
        software.get().then(|| {
            let family = asks_family.then(|| {
                view! {
                    <Select
                        label=texts::files::software_type(lang()).to_owned()
                        value=entries.software_type
                        choices=families.get_value()
                        error=of_field("/software_type")
                    />
                }
            });
            let version = asks_version.then(|| {
                view! {
                    <TextField
                        label=texts::files::software_version(lang()).to_owned()
                        value=entries.software_version
                        help=Some(texts::files::version_help(lang()).to_owned())
                        error=of_field("/software_version")
                        max_length=64
                    />
                }
            });
            view! { {family} {version} }
        })
    };
    let note = asks("note").then(|| {
        view! {
            <TextArea label=texts::files::note(language).to_owned() value=entries.note rows=2 error=of_field("/note") />
        }
    });
    let buttons = match close {
        Some(close) => view! {
            <DialogButtons>
                <Button on_press=close>{texts::common::cancel(language)}</Button>
                <Button kind=ButtonKind::Primary busy=busy blocked=blocked>
                    {texts::files::save(language)}
                </Button>
            </DialogButtons>
        }
        .into_any(),
        None => view! {
            <div class="row">
                <Button size=ButtonSize::Small busy=busy blocked=blocked>
                    {texts::files::save(language)}
                </Button>
            </div>
        }
        .into_any(),
    };
    view! {
        <form novalidate on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <FailureNote failure=rest />
            <Differences lines=differs />
            {name}
            {kind}
            {models}
            {of_software}
            {note}
            {gains(asked)}
            {buttons}
        </form>
    }
}

/// What somebody else has changed.
fn differences(before: &FileView, now: &FileView) -> Vec<Difference> {
    use texts::files as texts_of;
    let language = lang();
    let lines = |file: &FileView| {
        [
            (texts_of::name(language), file.name.clone()),
            (texts_of::kind(language), words::file_type(file.file_type)),
            (texts_of::models(language), words::models(&file.models)),
            (texts_of::software_version(language), words::software(file)),
            (texts_of::state(language), words::state(file.state).1),
            (texts_of::note(language), file.note.clone()),
        ]
    };
    let differs = lines(before).into_iter().zip(lines(now)).filter(|(before, now)| before != now);
    differs.map(|((name, before), (_, now))| Difference { name: name.to_owned(), before, now }).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Said, differences};
    use api::file::FileView;
    use domain::file::FileType;

    /// A file as the server describes one.
    pub(crate) fn file(id: i64, name: &str) -> FileView {
        serde_json::from_value(serde_json::json!({
            "id": id, "name": name, "file_type": null, "provider": {"id": 1, "name": "Built in", "kind": "built-in"},
            "object_key": "ab", "size": 4096, "sha256": null, "facts": {"format": "other"}, "models": [], "fits": [],
            "software_type": null, "software_version": null, "state": "incomplete", "needs": ["file_type"],
            "remarks": [], "note": "", "origin": "upload", "used_by": {"templates": [], "jobs": []},
            "created_at": "2026-11-21T10:00:00Z", "created_by": "root", "updated_at": "2026-11-21T10:00:00Z",
            "revision": 3,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_was_changed_is_sent() {
        let file = file(1, "image.img");
        let mut said = Said::of(&file);
        assert_eq!(said.clone().change(&file), api::file::ChangeFile::default());
        said.file_type = Some(FileType::Software);
        said.software_version = Some("V1 R2.3.4".to_owned());
        let change = said.change(&file);
        assert_eq!(change.file_type, Some(FileType::Software));
        assert_eq!(change.software_version, Some(Some("V1 R2.3.4".to_owned())));
        assert_eq!((change.name, change.models, change.note), (None, None, None));
    }

    #[test]
    fn what_others_changed_is_named() {
        let before = file(1, "image.img");
        let now = FileView { name: "other.img".to_owned(), revision: 4, ..before.clone() };
        let lines = differences(&before, &now);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].before.as_str(), lines[0].now.as_str()), ("image.img", "other.img"));
    }
}
