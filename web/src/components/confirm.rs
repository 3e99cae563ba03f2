//! The question before something that cannot be undone: says the number and the effect, asks to type the number when
//! the server wants it, and to confirm the own identity when it wants that.

use std::future::Future;
use std::pin::Pin;

use api::Code;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::button::{Button, ButtonKind};
use super::dialog::{Dialog, DialogButtons};
use super::field::TextField;
use super::states::FailureNote;
use super::step_up::{StepUp, is_asked};
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
    view! {
        <Dialog open=open title=title>
            <Question
                open=open
                text=text
                button=button
                harmless=harmless
                act=act
                done=done
                more=more.get_value()
            />
        </Dialog>
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
    act: Callback<Consent, Acting>,
    done: Option<Callback<()>>,
    more: Option<ViewFn>,
) -> impl IntoView {
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    // The server says how many there are; until it does nothing has to be typed.
    let wanted = RwSignal::new(None::<u64>);
    let number = move || typed.with(|typed| number_in(typed));
    let blocked = Signal::derive(move || {
        let wanted = wanted.get()?;
        (number() != Some(wanted)).then(|| texts::common::type_number(lang(), format::number(wanted)))
    });
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let typed = wanted.get_untracked().filter(|_| blocked.get_untracked().is_none());
        let acting = act.run(Consent { typed, key: key.get_value() });
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
                    if problem.code() == Some(Code::ConfirmationRequired)
                        && let Some(targets) = problem.number("targets")
                    {
                        let _ = wanted.try_set(Some(targets));
                        let _ = failure.try_set(None);
                    } else {
                        let _ = failure.try_set(Some(problem));
                    }
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
        {move || {
            wanted
                .get()
                .map(|wanted| {
                    view! {
                        <TextField
                            label=texts::common::type_number(lang(), format::number(wanted))
                            value=typed
                            inputmode="numeric"
                            max_length=12
                        />
                    }
                })
        }}
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
