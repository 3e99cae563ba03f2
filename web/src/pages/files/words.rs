//! What a file is, in words of the reader's language; and the choices that forms and filters about files share.

use api::Page;
use api::file::{FileUse, FileView};
use api::model::DeviceModelView;
use api::page::MOST_PER_PAGE;
use api::storage_provider::ProviderView;
use domain::ProviderId;
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
        words.push(texts::files::bits(lang(), u64::from(picture.bits)));
    }
    if let Some(length) = facts.milliseconds {
        words.push(format::duration(length.div_ceil(1_000)));
    }
    words.join(", ")
}

/// How many need it.
pub(super) fn used(used_by: &FileUse) -> String {
    let language = lang();
    let (templates, jobs) = totals(used_by);
    let parts = [
        (templates > 0).then(|| texts::files::by_templates(language, templates)),
        (jobs > 0).then(|| texts::files::by_jobs(language, jobs)),
    ];
    let words: Vec<String> = parts.into_iter().flatten().collect();
    if words.is_empty() { dash() } else { words.join(", ") }
}

/// How many templates and jobs need it. Only the first ones are named.
fn totals(used_by: &FileUse) -> (u64, u64) {
    let FileUse { templates, templates_total, jobs, jobs_total } = used_by;
    ((*templates_total).max(templates.len() as u64), (*jobs_total).max(jobs.len() as u64))
}

/// How many of those that need it are not named.
fn unnamed(used_by: &FileUse) -> u64 {
    let (templates, jobs) = totals(used_by);
    let named = used_by.templates.len() + used_by.jobs.len();
    (templates + jobs).saturating_sub(named as u64)
}

/// Templates and jobs that need a file, as links; how many more there are.
pub(crate) fn users(used_by: &FileUse) -> AnyView {
    let templates = used_by.templates.iter().map(|template| {
        view! { <a class="tag" href=format!("/templates/{}?tab=files", template.id)>{template.name.clone()}</a> }
    });
    let jobs = used_by.jobs.iter().map(|job| {
        view! { <a class="tag" href=format!("/jobs/{job}")>{texts::clients::job_number(lang(), job)}</a> }
    });
    let more = unnamed(used_by);
    let more =
        (more > 0).then(|| view! { <span class="muted">{texts::files::more_users(lang(), more)}</span> });
    view! { <span class="tags">{templates.collect::<Vec<_>>()} {jobs.collect::<Vec<_>>()} {more}</span> }
        .into_any()
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

/// Whether files can be put there, as far as is known.
fn takes_files(one: &ProviderView) -> bool {
    one.writable != Some(false)
}

/// Choices of where a file is kept: providers that take files, without one that has just refused it.
pub(super) fn places(providers: Known<ProviderView>, but: Option<ProviderId>) -> Signal<Vec<Choice>> {
    Signal::derive(move || {
        providers.list.data.with(|page| {
            let known = page.iter().flat_map(|page| &page.items);
            let open = known.filter(|one| takes_files(one) && Some(one.id) != but);
            open.cloned().map(providers.choice).collect()
        })
    })
}

/// Which providers are none of the choices, because they take no files.
pub(super) fn closed(providers: Known<ProviderView>) -> Signal<Option<String>> {
    Signal::derive(move || {
        let names = providers.list.data.with(|page| {
            let known = page.iter().flat_map(|page| &page.items);
            let closed = known.filter(|one| !takes_files(one));
            closed.map(|one| provider(&one.name, one.kind.as_str())).collect::<Vec<_>>()
        });
        (!names.is_empty()).then(|| texts::files::take_nothing(lang(), names.join(", ")))
    })
}

/// Chooses the built-in provider, once it is known, until somebody chooses another.
pub(super) fn follow(providers: Known<ProviderView>, chosen: RwSignal<String>) {
    Effect::new(move |_| {
        let built_in = providers.list.data.with(|known| {
            let found = known.as_ref()?.items.iter().find(|one| one.kind == ProviderKind::BuiltIn);
            found.map(|one| one.id.to_string())
        });
        if let Some(id) = built_in.filter(|_| chosen.with_untracked(String::is_empty)) {
            chosen.set(id);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{content, dash, models, provider, unnamed, used};
    use api::file::{FileUse, TemplateUse};
    use domain::file::{FileFacts, FileFormat, PictureFacts};
    use domain::{JobId, TemplateId};

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
        let used_by = FileUse { jobs: vec![JobId(4), JobId(5)], jobs_total: 2, ..FileUse::default() };
        assert_eq!((used(&used_by).as_str(), unnamed(&used_by)), ("2 jobs", 0));
        assert_eq!(used(&FileUse::default()), dash());
        // Only some are named.
        let named = |id| TemplateUse { id: TemplateId(id), name: id.to_string() };
        let used_by = FileUse { templates: (0..20).map(named).collect(), templates_total: 60, ..used_by };
        assert_eq!((used(&used_by).as_str(), unnamed(&used_by)), ("60 templates, 2 jobs", 40));
    }
}
