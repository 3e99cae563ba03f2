//! What a file is, in words of the reader's language; and the choices that forms and filters about files share.

use api::Page;
use api::file::{FileUse, FileView};
use api::model::DeviceModelView;
use api::page::MOST_PER_PAGE;
use api::storage_provider::ProviderView;
use domain::file::{FileFacts, FileState, FileType, ProviderKind};
use leptos::prelude::*;

use crate::client::{self, Failure};
use crate::components::select::Choice;
use crate::components::status::{Status, StatusKind, Tone};
use crate::format;
use crate::load::{Loaded, load};
use crate::texts::{self, lang};

/// What stands where nothing is known.
pub(crate) fn dash() -> String {
    "–".to_owned()
}

/// What a file is for.
pub(crate) fn file_type(kind: Option<FileType>) -> String {
    kind.map_or_else(dash, |kind| texts::word(lang(), "file-type", kind.as_str()))
}

/// Where a file stands: how it looks and its word.
pub(super) fn state(state: FileState) -> (StatusKind, String) {
    let kind = match state {
        FileState::Ready => StatusKind::new(Tone::Ok, "okc", false),
        FileState::Incomplete => StatusKind::new(Tone::Warn, "pencil", true),
        FileState::Missing => StatusKind::new(Tone::Bad, "fail", true),
        FileState::Changed => StatusKind::new(Tone::Warn, "drift", true),
    };
    (kind, texts::word(lang(), "file-state", state.as_str()))
}

/// The state as it is shown.
pub(super) fn state_status(file: &FileView) -> AnyView {
    let (kind, text) = state(file.state);
    view! { <Status kind=kind text=text /> }.into_any()
}

/// Models it is for; a dash when nobody said so.
pub(crate) fn models(models: &[String]) -> String {
    if models.is_empty() { dash() } else { models.join(", ") }
}

/// Family and version of software: "SIP V3 R5.16.0".
pub(crate) fn software(file: &FileView) -> String {
    let parts = [file.software_type.as_deref(), file.software_version.as_deref()];
    let words: Vec<&str> = parts.into_iter().flatten().collect();
    if words.is_empty() { dash() } else { words.join(" ") }
}

/// What its content is: "PNG picture, 320 × 240, 24 bits".
pub(super) fn content(facts: &FileFacts) -> String {
    let mut words = vec![texts::word(lang(), "file-format", facts.format.as_str())];
    if let Some(picture) = &facts.picture {
        words.push(format!("{} × {}", picture.width, picture.height));
        words.push(texts::files::bits(lang(), picture.bits));
    }
    if let Some(length) = facts.milliseconds {
        words.push(format::duration(length.div_ceil(1_000)));
    }
    words.join(", ")
}

/// How many need it.
pub(super) fn used(used_by: &FileUse) -> String {
    let language = lang();
    let (templates, jobs) = (used_by.templates.len() as u64, used_by.jobs.len() as u64);
    let parts = [
        (templates > 0).then(|| texts::files::by_templates(language, templates)),
        (jobs > 0).then(|| texts::files::by_jobs(language, jobs)),
    ];
    let words: Vec<String> = parts.into_iter().flatten().collect();
    if words.is_empty() { dash() } else { words.join(", ") }
}

/// Templates and jobs that need a file, as links.
pub(crate) fn users(used_by: &FileUse) -> AnyView {
    let templates = used_by.templates.iter().map(|template| {
        view! { <a class="tag" href=format!("/templates/{}?tab=files", template.id)>{template.name.clone()}</a> }
    });
    let jobs = used_by.jobs.iter().map(|job| {
        view! { <a class="tag" href=format!("/jobs/{job}")>{texts::clients::job_number(lang(), job)}</a> }
    });
    view! { <span class="tags">{templates.collect::<Vec<_>>()} {jobs.collect::<Vec<_>>()}</span> }.into_any()
}

/// Choices of the type.
pub(crate) fn types() -> Vec<Choice> {
    FileType::ALL.iter().map(|kind| Choice::new(kind.as_str(), file_type(Some(*kind)))).collect()
}

/// Choices of the state.
pub(super) fn states() -> Vec<Choice> {
    FileState::ALL.iter().map(|word| Choice::new(word.as_str(), state(*word).1)).collect()
}

/// Choices of the family of software.
pub(crate) fn families() -> Vec<Choice> {
    vec![Choice::new("SIP", "SIP"), Choice::new("HFA", "HFA")]
}

/// Choices that the server knows; read while the component that asks is built.
pub(crate) struct Known<T: Send + Sync + 'static> {
    /// What the server has said.
    pub(crate) list: Loaded<Page<T>>,
    choice: fn(T) -> Choice,
}

impl<T: Send + Sync + 'static> Clone for Known<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Known<T> {}

impl<T: Clone + Send + Sync + 'static> Known<T> {
    /// Of a list, each as the choice that is made of it.
    pub(crate) fn new(list: Loaded<Page<T>>, choice: fn(T) -> Choice) -> Self {
        Self { list, choice }
    }

    /// The choices; none while they are read, and when they cannot be.
    pub(crate) fn choices(self) -> Signal<Vec<Choice>> {
        Signal::derive(move || {
            let known = self.list.data.get().map(|page| page.items).unwrap_or_default();
            known.into_iter().map(self.choice).collect()
        })
    }

    /// Why there are none.
    pub(crate) fn failure(self) -> Signal<Option<Failure>> {
        Signal::derive(move || self.list.failure.get().filter(|_| self.list.data.with(Option::is_none)))
    }

    /// What is wrong with a field that offers them: what is said of it, or why it can offer nothing.
    pub(crate) fn error(self, said: Signal<Option<String>>) -> Signal<Option<String>> {
        let failure = self.failure();
        Signal::derive(move || said.get().or_else(|| failure.get().map(|failure| failure.text(lang()))))
    }

    /// The choices of a filter, whose list says itself why it is empty.
    pub(crate) fn of_filter(self) -> Signal<Vec<Choice>> {
        let (choices, failure) = (self.choices(), self.failure());
        Signal::derive(move || match failure.get() {
            Some(failure) => vec![Choice::new("", failure.text(lang()))],
            None => choices.get(),
        })
    }

    /// Reads them again.
    pub(crate) fn reload(self) -> Callback<()> {
        Callback::new(move |()| self.list.reload())
    }
}

/// The models.
pub(crate) fn known_models() -> Known<DeviceModelView> {
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    Known::new(models, |model| Choice::new(model.name.clone(), model.name))
}

/// Name of the built-in storage provider as long as nobody has given it another.
const BUILT_IN_NAME: &str = "Built-in";

/// Name of a storage provider. That of the built-in one is a word of the language, until somebody gives it a name.
pub(crate) fn provider(name: &str, kind: &str) -> String {
    let built_in = ProviderKind::BuiltIn.as_str();
    let unnamed = kind == built_in && name == BUILT_IN_NAME;
    if unnamed { texts::word(lang(), "provider-kind", built_in) } else { name.to_owned() }
}

/// The storage providers.
pub(super) fn known_providers() -> Known<ProviderView> {
    let providers = load(|| {
        let path = format!("/storage-providers?size={MOST_PER_PAGE}");
        async move { client::get::<Page<ProviderView>>(&path).await }
    });
    Known::new(providers, |one| Choice::new(one.id.to_string(), provider(&one.name, one.kind.as_str())))
}

#[cfg(test)]
mod tests {
    use super::{content, dash, models, provider, used};
    use api::file::FileUse;
    use domain::JobId;
    use domain::file::{FileFacts, FileFormat, PictureFacts};

    #[test]
    fn the_built_in_provider_has_the_name_it_was_given() {
        assert_eq!(provider("Built-in", "built-in"), "Built in");
        assert_eq!(provider("Depot", "built-in"), "Depot");
        assert_eq!(provider("Built-in", "s3"), "Built-in");
    }

    #[test]
    fn what_is_known_stands_in_a_line() {
        let picture = Some(PictureFacts { width: 320, height: 240, bits: 24 });
        let facts = FileFacts { picture, ..FileFacts::plain(FileFormat::Png) };
        assert_eq!(content(&facts), "PNG picture, 320 × 240, 24 bits");
        let facts = FileFacts { milliseconds: Some(61_001), ..FileFacts::plain(FileFormat::Wav) };
        assert!(content(&facts).ends_with("1 min 2 s"));
        assert_eq!(models(&[]), dash());
    }

    #[test]
    fn who_needs_it_is_counted() {
        let used_by = FileUse { templates: Vec::new(), jobs: vec![JobId(4), JobId(5)] };
        assert_eq!(used(&used_by), "2 jobs");
        assert_eq!(used(&FileUse::default()), dash());
    }
}
