//! What can go wrong between the console and the server, and how it is said.

use api::{Args, Code, Problem};

use crate::format;
use crate::texts::{self, Language};

/// Which kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server refused, with a problem document.
    Refused,
    /// No connection, or nobody behind it.
    Offline,
    /// An answer that is no problem document; `status` when there was one.
    NotUnderstood(Option<u16>),
}

/// A call that did not do what was wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// What the server says; only when it refused.
    pub problem: Option<Box<Problem>>,
}

impl Failure {
    /// The server refused.
    pub fn refused(problem: Problem) -> Self {
        Self { kind: FailureKind::Refused, problem: Some(Box::new(problem)) }
    }

    /// No connection.
    pub fn offline() -> Self {
        Self { kind: FailureKind::Offline, problem: None }
    }

    /// An answer that makes no sense here.
    pub fn not_understood(status: Option<u16>) -> Self {
        Self { kind: FailureKind::NotUnderstood(status), problem: None }
    }

    /// Whether the server said no, so that nothing was done. Otherwise it may have been, and only the answer was lost or
    /// could not be given.
    pub fn is_refused(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.status < 500)
    }

    /// Code of the problem.
    pub fn code(&self) -> Option<Code> {
        self.problem.as_ref().map(|problem| problem.code)
    }

    /// An argument of the problem that is a number: `targets`, `seconds`.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.problem.as_ref()?.args.get(name)?.as_u64()
    }

    /// Finds the request in the log of the server.
    pub fn request_id(&self) -> Option<&str> {
        self.problem.as_ref()?.request_id.as_deref()
    }

    /// What happened, in words.
    pub fn text(&self, language: Language) -> String {
        match (&self.kind, &self.problem) {
            (FailureKind::Offline, _) => texts::common::offline(language).to_owned(),
            (FailureKind::NotUnderstood(status), _) => {
                let status = status.map_or_else(|| "–".to_owned(), |status| status.to_string());
                texts::common::not_understood(language, status)
            }
            (FailureKind::Refused, None) => texts::common::not_understood(language, "–"),
            (FailureKind::Refused, Some(problem)) => {
                let code = problem.code.as_str();
                if texts::find(language, "problem", code).is_some() {
                    texts::worded(language, "problem", code, &in_words(language, problem))
                } else {
                    problem.detail.clone()
                }
            }
        }
    }

    /// What is wrong with one field, in words. `field` is the JSON pointer into the body: `/user_name`.
    pub fn field(&self, language: Language, field: &str) -> Option<String> {
        let problem = self.problem.as_ref()?;
        let error = problem.errors.iter().find(|error| error.field == field)?;
        Some(if texts::find(language, "field", &error.code).is_some() {
            let mut args = error.args.clone();
            // What a file is instead of what was said: the only word of the API that stands in a text for fields.
            translate(language, &mut args, "format", "file-format");
            texts::worded(language, "field", &error.code, &args)
        } else {
            error.message.clone()
        })
    }

    /// Whether the failure is about fields, all of them in `fields`: then everything it says stands at the fields.
    pub fn is_about(&self, fields: &[&str]) -> bool {
        let errors = self.problem.as_ref().map(|problem| problem.errors.as_slice()).unwrap_or_default();
        !errors.is_empty() && errors.iter().all(|error| fields.contains(&error.field.as_str()))
    }
}

/// Arguments of a problem; words of the API in the reader's language, and bytes in the unit that fits.
fn in_words(language: Language, problem: &Problem) -> Args {
    let mut args = problem.args.clone();
    let bytes: &[&str] = match problem.code {
        Code::BodyTooLarge | Code::FileTooLarge => &["limit"],
        Code::WrongOffset => &["received"],
        Code::UploadIncomplete => &["received", "size"],
        _ => &[],
    };
    for name in bytes {
        if let Some(amount) = args.get(*name).and_then(serde_json::Value::as_u64) {
            args.insert((*name).to_owned(), format::bytes(amount).into());
        }
    }
    let (name, table) = match problem.code {
        Code::ProviderFailed => ("error", "storage-error"),
        Code::FileNotReady => ("state", "file-state"),
        Code::FileNotUsable => ("format", "file-format"),
        Code::NotConvertible => ("reason", "not-convertible"),
        _ => return args,
    };
    translate(language, &mut args, name, table);
    args
}

/// Puts the words of a table in the place of a word of the API.
fn translate(language: Language, args: &mut Args, name: &str, table: &str) {
    let word = args.get(name).and_then(|word| word.as_str()).map(|word| texts::word(language, table, word));
    if let Some(word) = word {
        args.insert(name.to_owned(), word.into());
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use api::{Args, Code, FieldError, Problem};

    #[test]
    fn words_of_the_api_in_a_problem_are_translated() {
        let mut args = Args::new();
        args.insert("provider".to_owned(), "Depot".into());
        args.insert("error".to_owned(), "certificate".into());
        let code = Code::ProviderFailed;
        let failure = Failure::refused(Problem {
            kind: code.urn(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: String::new(),
            args,
            errors: Vec::new(),
            request_id: None,
        });
        let text = failure.text(crate::texts::Language::German);
        assert!(text.contains("Depot") && text.contains("Zertifikat"), "{text}");
    }

    #[test]
    fn words_of_the_api_at_a_field_are_translated() {
        let code = Code::InvalidFields;
        let error = FieldError::new("/file_type", "content_of_other_type", "is png").arg("format", "png");
        let failure = Failure::refused(Problem {
            kind: code.urn(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: String::new(),
            args: Args::new(),
            errors: vec![error],
            request_id: None,
        });
        let text = failure.field(crate::texts::Language::German, "/file_type").unwrap_or_default();
        assert!(text.contains("PNG-Bild") && !text.contains("png"), "{text}");
    }

    #[test]
    fn bytes_of_a_problem_have_the_units_of_the_console() {
        let mut args = Args::new();
        args.insert("limit".to_owned(), 512_000_000_u64.into());
        let code = Code::FileTooLarge;
        let failure = Failure::refused(Problem {
            kind: code.urn(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: String::new(),
            args,
            errors: Vec::new(),
            request_id: None,
        });
        let text = failure.text(crate::texts::Language::English);
        assert_eq!(text, "The file is too large; at most 512 MB are allowed.");
    }

    #[test]
    fn only_what_the_server_refused_was_surely_not_done() {
        let answered = |code: Code| {
            Failure::refused(Problem {
                kind: code.urn(),
                title: code.title().to_owned(),
                status: code.status(),
                code,
                detail: String::new(),
                args: Args::new(),
                errors: Vec::new(),
                request_id: None,
            })
        };
        assert!(answered(Code::NumberInUse).is_refused());
        assert!(!answered(Code::Internal).is_refused());
        assert!(!Failure::offline().is_refused() && !Failure::not_understood(Some(200)).is_refused());
    }
}
