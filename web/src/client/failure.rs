//! What can go wrong between the console and the server, and how it is said.

use api::{Code, Problem};

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
                    texts::worded(language, "problem", code, &problem.args)
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
            texts::worded(language, "field", &error.code, &error.args)
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

#[cfg(test)]
mod tests {
    use super::Failure;
    use api::{Args, Code, Problem};

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
