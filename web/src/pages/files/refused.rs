//! Uploads that failed: which of them may do better when they are tried again, and what is offered for those that never
//! will as they are.

use api::Code;
use domain::ProviderId;
use domain::file::FileType;
use leptos::prelude::*;

use super::uploading::{self, Upload};
use super::words;
use crate::client::{Failure, FailureKind};
use crate::components::button::Button;
use crate::components::select::{Choice, Select};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::texts::{self, lang};

/// What an upload that failed can go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The same once more.
    Again,
    /// Said to be something else.
    OtherType,
    /// Kept somewhere else.
    OtherPlace,
    /// Nothing: the file itself is refused.
    None,
}

fn way(failure: &Failure) -> Way {
    let Some(problem) = &failure.problem else { return Way::Again };
    let about = |field: &str| problem.errors.iter().any(|error| error.field == field);
    match problem.code {
        Code::ProviderFailed => match problem.args.get("error").and_then(|error| error.as_str()) {
            Some("read-only" | "forbidden") => Way::OtherPlace,
            _ => Way::Again,
        },
        // A mere archive, unless somebody says that it is software.
        Code::FileNotUsable => Way::OtherType,
        Code::InvalidFields if about("/provider") => Way::OtherPlace,
        Code::InvalidFields if about("/file_type") => Way::OtherType,
        Code::InvalidFields | Code::FileTooLarge => Way::None,
        _ => Way::Again,
    }
}

/// Whether the server has forgotten what it had of the upload: its content is none that it keeps.
pub(super) fn is_given_up(failure: &Failure) -> bool {
    matches!(failure.code(), Some(Code::FileNotUsable | Code::ChecksumMismatch | Code::InvalidFields))
}

/// Whether the same call may do better a little later.
pub(super) fn is_passing(failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::Offline => true,
        FailureKind::NotUnderstood(status) => status.is_some_and(|status| status >= 500),
        FailureKind::Refused => failure.problem.as_ref().is_some_and(|problem| {
            problem.status >= 500 && !matches!(problem.code, Code::StorageFull | Code::ProviderFailed)
        }),
    }
}

/// Why an upload failed, and what can be done about it.
#[component]
pub(super) fn Refused(upload: Upload, failure: Failure) -> impl IntoView {
    let number = upload.number;
    let own = failure.problem.as_ref().map(|problem| {
        let said = problem.errors.iter().filter_map(|error| failure.field(lang(), &error.field));
        said.collect::<Vec<_>>().join(" ")
    });
    let way = match way(&failure) {
        Way::Again => view! {
            <Button on_press=Callback::new(move |()| uploading::again(number))>
                {texts::common::try_again(lang())}
            </Button>
        }
        .into_any(),
        Way::OtherType => view! { <OtherType upload=upload /> }.into_any(),
        Way::OtherPlace => view! { <OtherPlace upload=upload /> }.into_any(),
        Way::None => ().into_any(),
    };
    view! {
        <Note tone=Tone::Bad>
            <p>{failure.text(lang())} " " {own}</p>
            {way}
        </Note>
    }
}

/// The same file, said to be something else.
#[component]
fn OtherType(upload: Upload) -> impl IntoView {
    let Upload { number, name, provider, file_type, .. } = upload;
    // What it was called, or what its content says, is what was refused.
    let is_other = move |kind: &Option<FileType>| *kind != file_type;
    let choices: Vec<Choice> = FileType::ALL
        .iter()
        .map(|kind| Some(*kind))
        .chain([None])
        .filter(is_other)
        .map(|kind| match kind {
            Some(kind) => Choice::new(kind.as_str(), words::file_type(Some(kind))),
            None => Choice::new("", texts::files::type_from_content(lang())),
        })
        .collect();
    // What is an archive by its content may be software; what is not what was said is what its content says.
    let likely = if file_type.is_none() { FileType::Software.as_str() } else { "" };
    let kind = RwSignal::new(likely.to_owned());
    let send = move || {
        let file_type = kind.with_untracked(|word| FileType::parse(word));
        uploading::again_as(number, provider, file_type);
    };
    view! {
        <div role="group" aria-label=name>
            <Select label=texts::files::kind(lang()).to_owned() value=kind choices=choices />
            <Button on_press=Callback::new(move |()| send())>{texts::files::send_as_type(lang())}</Button>
        </div>
    }
}

/// The same file, kept somewhere else.
#[component]
fn OtherPlace(upload: Upload) -> impl IntoView {
    let Upload { number, name, provider, file_type, .. } = upload;
    let providers = words::known_providers();
    let choices = words::places(providers, provider);
    let place = RwSignal::new(String::new());
    words::follow(providers, place);
    let send = move || {
        let Some(id) = place.with_untracked(|id| id.parse().ok()) else { return };
        uploading::again_as(number, Some(ProviderId(id)), file_type);
    };
    view! {
        <div role="group" aria-label=name>
            <FailureNote failure=providers.failure() retry=providers.reload() />
            <Select label=texts::files::keep_in(lang()).to_owned() value=place choices=choices />
            <Button on_press=Callback::new(move |()| send())>{texts::files::send_there(lang())}</Button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Way, is_given_up, is_passing, way};
    use api::{Args, Code, FieldError, Problem};

    fn refused(code: Code, error: Option<&str>, field: Option<&str>) -> Failure {
        let mut args = Args::new();
        if let Some(error) = error {
            args.insert("error".to_owned(), error.into());
        }
        Failure::refused(Problem {
            kind: code.urn(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: String::new(),
            args,
            errors: field.map(|field| FieldError::new(field, "invalid", "no")).into_iter().collect(),
            request_id: None,
        })
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(is_passing(&Failure::offline()) && is_passing(&Failure::not_understood(Some(502))));
        assert!(!is_passing(&Failure::not_understood(None)));
        assert!(!is_passing(&refused(Code::ProviderFailed, Some("unreachable"), None)));
    }

    #[test]
    fn what_never_will_do_is_not_offered_again_as_it_is() {
        let provider = |error| way(&refused(Code::ProviderFailed, Some(error), None));
        assert_eq!((provider("read-only"), provider("forbidden")), (Way::OtherPlace, Way::OtherPlace));
        assert_eq!((provider("unreachable"), provider("credentials")), (Way::Again, Way::Again));
        let field = |field| way(&refused(Code::InvalidFields, None, Some(field)));
        assert_eq!(field("/provider"), Way::OtherPlace);
        assert_eq!((field("/file_type"), field("/name")), (Way::OtherType, Way::None));
        assert_eq!(way(&refused(Code::FileNotUsable, None, None)), Way::OtherType);
        assert_eq!(way(&refused(Code::FileTooLarge, None, None)), Way::None);
        assert_eq!(way(&refused(Code::StorageFull, None, None)), Way::Again);
        assert_eq!(way(&Failure::offline()), Way::Again);
        // What the server has forgotten begins anew, whatever it is said to be then.
        assert!(is_given_up(&refused(Code::InvalidFields, None, Some("/file_type"))));
    }
}
