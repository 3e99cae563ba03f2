//! When an action is done: at once, or at a time of the reader's clock.

use api::{Code, FieldError, Problem, field};
use jiff::Timestamp;
use leptos::prelude::*;

use crate::client::Failure;
use crate::components::checkbox::Checkbox;
use crate::components::field::TextField;
use crate::components::moment;
use crate::texts::{self, lang};

/// Name of the field in the request.
const FIELD: &str = "/planned_at";

/// When.
#[derive(Clone, Copy)]
pub(super) struct When {
    later: RwSignal<bool>,
    typed: RwSignal<String>,
    fault: RwSignal<Option<String>>,
}

impl When {
    pub(super) fn new() -> Self {
        Self { later: RwSignal::new(false), typed: RwSignal::new(String::new()), fault: RwSignal::new(None) }
    }

    /// At once.
    pub(super) fn clear(self) {
        self.later.set(false);
        self.typed.set(String::new());
        self.fault.set(None);
    }

    /// The instant; `None` is at once.
    ///
    /// # Errors
    /// When a later time is wanted and none was typed: it must not become "at once".
    pub(super) fn instant(self) -> Result<Option<Timestamp>, Failure> {
        self.fault.set(None);
        if !self.later.get_untracked() {
            return Ok(None);
        }
        match moment::read(&self.typed.get_untracked()) {
            Some(at) => Ok(Some(at)),
            None => {
                let failure = missing();
                self.note(&failure);
                Err(failure)
            }
        }
    }

    /// Shows at the field what is wrong with it.
    pub(super) fn note(self, failure: &Failure) {
        let _ = self.fault.try_set(failure.field(lang(), FIELD));
    }
}

fn missing() -> Failure {
    let code = Code::InvalidFields;
    Failure::refused(Problem {
        kind: String::new(),
        title: code.title().to_owned(),
        status: code.status(),
        code,
        detail: String::new(),
        args: api::Args::new(),
        errors: vec![FieldError::new(FIELD, field::MISSING, "")],
        request_id: None,
    })
}

/// Asks for it.
#[component]
pub(super) fn WhenField(when: When) -> impl IntoView {
    Effect::new(move |_| {
        if when.later.get() && when.typed.with_untracked(String::is_empty) {
            when.typed.set(moment::next_hour());
        }
    });
    view! {
        <Checkbox label=texts::clients::later(lang()).to_owned() checked=when.later />
        {move || {
            when.later
                .get()
                .then(|| {
                    view! {
                        <TextField
                            label=texts::clients::at_time(lang()).to_owned()
                            help=Some(texts::clients::at_time_help(lang()).to_owned())
                            kind="datetime-local"
                            value=when.typed
                            error=when.fault
                            max_length=32
                        />
                    }
                })
        }}
    }
}
