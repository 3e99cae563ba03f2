//! The question before something that cannot be undone: says the number and the effect, asks to type the number when
//! the server wants it, and to confirm the own identity when it wants that.

use std::future::Future;
use std::pin::Pin;

use api::Code;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::button::{Button, ButtonKind};
use super::dialog::{Dialog, DialogButtons, DialogSize};
use super::field::TextField;
use super::states::{FailureNote, Note};
use super::status::Tone;
use super::step_up::{StepUp, is_asked};
use crate::address::with_fields;
use crate::client::{Failure, idempotency_key};
use crate::format;
use crate::texts::{self, lang};

/// What the user agreed to.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The number that was typed; for `confirm` of the request.
    pub typed: Option<u64>,
    /// For [`crate::client::Call::once`]: the same for every try of this question.
    pub key: String,
}

impl Consent {
    /// The address of a call without a body, with what was typed as its `confirm`.
    pub fn address(&self, path: &str) -> String {
        let typed = self.typed.map(|number| ("confirm", number.to_string()));
        with_fields(path, &typed.into_iter().collect::<Vec<_>>())
    }
}

/// A call that is on its way.
pub type Acting = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// A question with a dangerous button.
///
/// `act` is `Callback::new(move |consent: Consent| -> Acting { Box::pin(async move { … }) })`; when it succeeds, the
/// dialog closes and `done` is called.
#[component]
pub fn ConfirmDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// The question: "Delete 3 clients?".
    #[prop(into)]
    title: Signal<String>,
    /// What it does, and what it does not.
    #[prop(into)]
    text: Signal<String>,
    /// Words of the button: verb and object.
    #[prop(into)]
    button: Signal<String>,
    /// Not red: it interrupts nothing.
    #[prop(optional)]
    harmless: bool,
    /// As wide as a dialog with a table.
    #[prop(optional)]
    wide: bool,
    /// Why it cannot be done yet: something has to be chosen first.
    #[prop(optional, into)]
    blocked: Signal<Option<String>>,
    /// What is said of the number that the server asks for: whom it counts, and what comes to them.
    #[prop(optional)]
    counted: Option<fn(u64) -> String>,
    /// Something was chosen that would be lost: Escape does not close it.
    #[prop(optional, into)]
    dirty: Signal<bool>,
    /// Does it.
    #[prop(into)]
    act: Callback<Consent, Acting>,
    /// After it was done.
    #[prop(optional, into)]
    done: Option<Callback<()>>,
    /// More to choose, above the buttons.
    #[prop(optional, into)]
    more: Option<ViewFn>,
) -> impl IntoView {
    let more = StoredValue::new(more);
    let size = if wide { DialogSize::Table } else { DialogSize::default() };
    view! {
        <Dialog open=open title=title size=size dirty=dirty>
            <Question
                open=open
                text=text
                button=button
                harmless=harmless
                blocked=blocked
                counted=counted
                act=act
                done=done
                more=more.get_value()
            />
        </Dialog>
    }
}

/// A number that is typed before a form is sent once more, because the server wants it.
#[derive(Clone, Copy, Debug)]
pub struct AskedNumber {
    wanted: RwSignal<Option<u64>>,
    typed: RwSignal<String>,
}

impl Default for AskedNumber {
    fn default() -> Self {
        Self::new()
    }
}

impl AskedNumber {
    /// Nothing is asked until the server asks.
    pub fn new() -> Self {
        Self { wanted: RwSignal::new(None), typed: RwSignal::new(String::new()) }
    }

    /// Whether this failure asks for a number; then it stands in the form from now on.
    pub fn is_asked(self, failure: &Failure) -> bool {
        let number = (failure.code() == Some(Code::ConfirmationRequired)).then(|| failure.number("targets"));
        let Some(number) = number.flatten() else { return false };
        let _ = self.wanted.try_set(Some(number));
        true
    }

    /// What was asked for is done: the next time nothing is asked until the server asks.
    pub fn forget(self) {
        let _ = self.wanted.try_set(None);
        let _ = self.typed.try_set(String::new());
    }

    /// Why the form cannot be sent yet; to be watched.
    pub fn blocks(self) -> Option<String> {
        let wanted = self.wanted.get()?;
        (self.typed.with(|typed| number_in(typed)) != Some(wanted))
            .then(|| texts::common::type_number(lang(), format::number(wanted)))
    }

    /// What was agreed to; for `confirm` of the request.
    pub fn agreed(self) -> Option<u64> {
        self.wanted.get_untracked().filter(|_| untrack(|| self.blocks()).is_none())
    }

    /// Where it is typed, below what is said of it; nothing until the server asks.
    pub fn field(self, counted: Option<fn(u64) -> String>) -> impl IntoView {
        move || {
            self.wanted.get().map(|wanted| {
                let said =
                    counted.map(|counted| view! { <Note tone=Tone::Warn><p>{counted(wanted)}</p></Note> });
                view! {
                    {said}
                    <TextField
                        label=texts::common::type_number(lang(), format::number(wanted))
                        value=self.typed
                        inputmode="numeric"
                        max_length=12
                    />
                }
            })
        }
    }
}

/// The number that was typed, however its digits are grouped.
pub fn number_in(typed: &str) -> Option<u64> {
    typed.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[component]
fn Question(
    open: RwSignal<bool>,
    text: Signal<String>,
    button: Signal<String>,
    harmless: bool,
    blocked: Signal<Option<String>>,
    counted: Option<fn(u64) -> String>,
    act: Callback<Consent, Acting>,
    done: Option<Callback<()>>,
    more: Option<ViewFn>,
) -> impl IntoView {
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    // The server says how many there are; until it does nothing has to be typed.
    let asked = AskedNumber::new();
    let blocked = Signal::derive(move || blocked.get().or_else(|| asked.blocks()));
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let acting = act.run(Consent { typed: asked.agreed(), key: key.get_value() });
        spawn_local(async move {
            let answer = acting.await;
            let _ = busy.try_set(false);
            match answer {
                Ok(()) => {
                    open.set(false);
                    if let Some(done) = done {
                        done.try_run(());
                    }
                }
                Err(problem) => {
                    let shown = (!asked.is_asked(&problem)).then_some(problem);
                    let _ = failure.try_set(shown);
                }
            }
        });
    };
    let step_up = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let shown = Signal::derive(move || failure.get().filter(|failure| !is_asked(Some(failure))));
    let kind = if harmless { ButtonKind::Primary } else { ButtonKind::Danger };
    view! {
        <p>{move || text.get()}</p>
        {more.map(|more| more.run())}
        <FailureNote failure=shown />
        {asked.field(counted)}
        {move || {
            if step_up.get() {
                view! {
                    <StepUp failure=failure confirmed=Callback::new(move |()| {
                        failure.set(None);
                        run();
                    }) />
                }
                    .into_any()
            } else {
                view! {
                    <DialogButtons>
                        <Button on_press=Callback::new(move |()| open.set(false))>
                            {texts::common::cancel(lang())}
                        </Button>
                        <Button
                            kind=kind
                            busy=busy
                            blocked=blocked
                            on_press=Callback::new(move |()| run())
                        >
                            {move || button.get()}
                        </Button>
                    </DialogButtons>
                }
                    .into_any()
            }
        }}
    }
}
