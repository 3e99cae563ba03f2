//! One file in the drawer: what it is, how it looks or sounds, who needs it, and what can be done with it.

use api::file::FileView;
use api::model::DeviceModelView;
use domain::file::{FileState, FileType};
use domain::{FileId, Permission};
use leptos::prelude::*;

use super::convert;
use super::deeds::Deeds;
use super::needs;
use super::preview::Preview;
use super::words;
use crate::client;
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::drawer::DrawerHead;
use crate::components::menu::MenuButton;
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::pages::configuration::words::reason;
use crate::session;
use crate::texts::{self, lang};

#[component]
pub(super) fn FileDrawer(id: i64, deeds: Deeds, may: bool) -> impl IntoView {
    let id = FileId(id);
    let file = load(move || async move { client::get::<FileView>(&format!("/files/{id}")).await })
        .live(Resource::Files);
    file.show(8, move |file| view! { <Content file=file deeds=deeds may=may /> }.into_any())
}

#[component]
fn Content(file: Signal<FileView>, deeds: Deeds, may: bool) -> impl IntoView {
    let deploys = session::may(Permission::ChangeClients);
    let ready = Memo::new(move |_| file.with(|file| file.state == FileState::Ready));
    let buttons = move || {
        let deploy = (deploys && ready.get()).then(|| {
            view! {
                <Button
                    size=ButtonSize::Small
                    kind=ButtonKind::Primary
                    icon="deploy"
                    on_press=Callback::new(move |()| deeds.deploy(vec![file.get_untracked()]))
                >
                    {texts::files::deploy_short(lang())}
                </Button>
            }
        });
        let edit = may.then(|| {
            view! {
                <Button
                    size=ButtonSize::Small
                    icon="pencil"
                    on_press=Callback::new(move |()| deeds.edit(&file.get_untracked()))
                >
                    {texts::files::edit_short(lang())}
                </Button>
            }
        });
        view! {
            {deploy}
            {edit}
            <MenuButton
                label=texts::common::more(lang()).to_owned()
                entries=Callback::new(move |()| deeds.menu(&file.get_untracked(), may, false))
            />
        }
    };
    // The picture stays as it is while nothing of it changes.
    let pictured = Memo::new(move |_| file.with(|file| (file.id, file.facts.clone(), file.size, file.state)));
    let preview = move || {
        pictured.track();
        view! { <Preview file=file.get_untracked() may=may /> }
    };
    let picture = Memo::new(move |_| file.with(convert::can_be_made_of));
    let fitting = move || picture.get().then(|| view! { <Fitting file=file deeds=deeds may=may /> });
    view! {
        <DrawerHead
            title=Signal::derive(move || file.with(|file| file.name.clone()))
            subtitle=Signal::derive(move || {
                Some(file.with(|file| format!("{} · {}", words::file_type(file.file_type), format::bytes(file.size))))
            })
            icon="file"
        >
            {buttons}
        </DrawerHead>
        <div class="body">
            {move || file.with(notes)}
            {preview}
            {fitting}
            {move || file.with(facts)}
        </div>
    }
}

/// What must be said of it, and what is remarkable.
fn notes(file: &FileView) -> AnyView {
    let language = lang();
    let provider = || words::provider(&file.provider.name, &file.provider.kind);
    let state = match file.state {
        FileState::Ready => None,
        FileState::Incomplete => {
            Some((Tone::Warn, texts::files::say_first(language, needs::in_words(&file.needs))))
        }
        FileState::Missing => Some((Tone::Bad, texts::files::is_missing(language, provider()))),
        FileState::Changed => Some((Tone::Warn, texts::files::has_changed(language, provider()))),
    };
    let state = state.map(|(tone, words)| view! { <Note tone=tone><p>{words}</p></Note> });
    let remarks = file.remarks.iter().map(|remark| {
        let words = reason(remark);
        view! { <Note><p>{words}</p></Note> }
    });
    view! { {state} {remarks.collect::<Vec<_>>()} }.into_any()
}

/// Models that can have a file, in a line.
fn fitting(file: &FileView) -> String {
    match file.fits.as_slice() {
        // What software fits is said by whoever describes it.
        [] if file.file_type == Some(FileType::Software) && file.models.is_empty() => words::dash(),
        [] => texts::files::fits_none(lang()).to_owned(),
        fits => fits.join(", "),
    }
}

/// Models whose limits are known and who cannot have a picture as it is.
fn misfits(file: &FileView, models: &[DeviceModelView]) -> Vec<String> {
    let Some(kind) = file.file_type else { return Vec::new() };
    let known = models.iter().filter(|model| convert::is_target(model, kind));
    known.filter(|model| !file.fits.contains(&model.name)).map(|model| model.name.clone()).collect()
}

/// Which phones a picture is too large for, or wrong in another way, and the way to one that fits.
#[component]
fn Fitting(file: Signal<FileView>, deeds: Deeds, may: bool) -> impl IntoView {
    let models = words::known_models().list.data;
    let wrong = Memo::new(move |_| {
        models.with(|page| {
            let models = page.as_ref().map(|page| page.items.as_slice()).unwrap_or_default();
            file.with(|file| misfits(file, models))
        })
    });
    move || {
        let wrong = wrong.get();
        (may || !wrong.is_empty()).then(|| {
            let words = (!wrong.is_empty()).then(|| texts::files::fits_not(lang(), wrong.join(", ")));
            view! {
                <div class="row wrap">
                    {words.map(|words| view! { <span class="grow">{words}</span> })}
                    {may
                        .then(|| {
                            view! {
                                <Button
                                    size=ButtonSize::Small
                                    icon="drift"
                                    on_press=Callback::new(move |()| deeds.convert(&file.get_untracked()))
                                >
                                    {texts::files::convert(lang())}
                                </Button>
                            }
                        })}
                </div>
            }
        })
    }
}

fn facts(file: &FileView) -> AnyView {
    let language = lang();
    let (kind, state) = words::state(file.state);
    let needed = !file.used_by.templates.is_empty() || !file.used_by.jobs.is_empty();
    let users = if needed {
        words::users(&file.used_by)
    } else {
        view! { <span class="muted">{texts::files::nobody(language)}</span> }.into_any()
    };
    let firmware = file.facts.firmware.as_ref().and_then(|firmware| firmware.name.clone());
    let line = |name: &'static str, value: String| view! { <dt>{name}</dt><dd>{value}</dd> };
    let origin = texts::word(language, "file-origin", &file.origin);
    view! {
        <dl class="kv">
            <dt>{texts::files::state(language)}</dt>
            <dd>
                <crate::components::status::Status kind=kind text=state />
            </dd>
            {line(texts::files::content(language), words::content(&file.facts))}
            {line(texts::files::models(language), words::models(&file.models))}
            {file.file_type.map(|_| line(texts::files::fits(language), fitting(file)))}
            {line(texts::files::software_version(language), words::software(file))}
            {firmware.map(|name| line(texts::files::image_name(language), name))}
            {line(texts::files::storage(language), words::provider(&file.provider.name, &file.provider.kind))}
            <dt>{texts::files::used(language)}</dt>
            <dd>{users}</dd>
            {(!file.note.is_empty()).then(|| line(texts::files::note(language), file.note.clone()))}
            <dt>{texts::files::created(language)}</dt>
            <dd>
                <Ago at=Some(file.created_at) />
                {format!(", {}, {origin}", file.created_by)}
            </dd>
            <dt>"SHA-256"</dt>
            <dd class="mono small breakable">{file.sha256.clone().unwrap_or_else(words::dash)}</dd>
        </dl>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{fitting, misfits};
    use crate::pages::files::edit::tests::file;
    use api::model::DeviceModelView;
    use domain::file::FileType;

    fn model(name: &str, convertible: bool) -> DeviceModelView {
        serde_json::from_value(serde_json::json!({
            "name": name, "device_type": name, "software_types": ["SIP"], "display": "", "free_keys": 0,
            "key_modules": 0, "key_module": null, "file_types": ["LOGO"],
            "file_limits": [{"file_type": "logo", "formats": ["bmp"], "width": 144, "height": 32, "bits": 1,
                             "bytes": null, "convertible": convertible}],
        }))
        .unwrap()
    }

    #[test]
    fn models_with_known_limits_that_cannot_have_a_picture_are_named() {
        let models = [model("OpenStage 40", true), model("OpenStage 60", true), model("CP600", false)];
        let mut logo = file(1, "logo.bmp");
        assert!(misfits(&logo, &models).is_empty(), "nobody has said what it is for");
        logo.file_type = Some(FileType::Logo);
        logo.fits = vec!["OpenStage 40".to_owned()];
        assert_eq!(misfits(&logo, &models), ["OpenStage 60"]);
        assert_eq!(fitting(&logo), "OpenStage 40");
        logo.fits.clear();
        assert_eq!(fitting(&logo), "no type of client");
        logo.file_type = Some(FileType::Software);
        assert_eq!(fitting(&logo), "–");
    }
}
