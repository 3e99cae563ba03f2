//! Confirming again who one is, inside the dialog that needs it: nothing typed there is lost.

use api::Code;
use api::auth::Confirm;
use domain::Secret;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::button::{Button, ButtonKind};
use super::field::{SecretField, TextField};
use super::states::FailureNote;
use crate::client::{Call, Failure};
use crate::session;
use crate::texts::{self, lang};

/// Whether a failure asks for a confirmation of the own identity.
pub fn is_asked(failure: Option<&Failure>) -> bool {
    failure.and_then(Failure::code) == Some(Code::StepUpRequired)
}

/// How one may confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    password: bool,
    code: bool,
}

impl Ways {
    /// What the refusal says; without a word of it the password, which everybody has.
    fn of(failure: Option<&Failure>) -> Self {
        let problem = failure.and_then(|failure| failure.problem.as_ref());
        let methods = problem.and_then(|problem| problem.args.get("methods")?.as_array().cloned());
        let methods = methods.unwrap_or_default();
        let has = |word: &str| methods.iter().any(|method| method.as_str() == Some(word));
        let code = has("code") || has("recovery-code");
        Self { password: has("password") || !code, code }
    }
}

/// Asks for the password or a code, and goes on with what was refused.
#[component]
pub fn StepUp(
    /// What was refused; it says how one may confirm. Read once, when this is built.
    #[prop(into)]
    failure: Signal<Option<Failure>>,
    /// Tried again when the confirmation was good.
    #[prop(into)]
    confirmed: Callback<()>,
) -> impl IntoView {
    let ways = Ways::of(failure.get_untracked().as_ref());
    let with_code = RwSignal::new(ways.code);
    let both = ways.code && ways.password;
    let typed = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let wrong = Signal::derive(move || {
        let failure = failure.get()?;
        let field = if with_code.get() { "/code" } else { "/password" };
        failure.field(lang(), field)
    });
    let rest =
        Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&["/code", "/password"])));
    let send = move || {
        if busy.get_untracked() {
            return;
        }
        let text = Secret::new(typed.get_untracked());
        let body = if with_code.get_untracked() {
            Confirm { code: Some(text), ..Confirm::default() }
        } else {
            Confirm { password: Some(text), ..Confirm::default() }
        };
        busy.set(true);
        spawn_local(async move {
            let call = Call::post("/auth/confirm").json(&body);
            let answer = match call {
                Ok(call) => call.done().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(()) => {
                    let _ = typed.try_set(String::new());
                    let _ = failure.try_set(None);
                    // Until when the confirmation counts, the session says.
                    session::refresh().await;
                    confirmed.try_run(());
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let field = move || {
        if with_code.get() {
            view! {
                <TextField
                    label=texts::common::code_or_recovery(lang()).to_owned()
                    value=typed
                    error=wrong
                    autocomplete="one-time-code"
                    max_length=32
                />
            }
            .into_any()
        } else {
            view! {
                <SecretField
                    label=texts::common::your_password(lang()).to_owned()
                    value=typed
                    error=wrong
                    autocomplete="current-password"
                />
            }
            .into_any()
        }
    };
    let other = move || {
        if with_code.get() { texts::common::use_password(lang()) } else { texts::common::use_code(lang()) }
    };
    view! {
        <form
            class="step-up"
            on:submit=move |event| {
                event.prevent_default();
                event.stop_propagation();
                send();
            }
        >
            <p>{texts::common::step_up(lang())}</p>
            <FailureNote failure=rest />
            {field}
            <div class="row">
                <Button kind=ButtonKind::Primary busy=busy>
                    {texts::common::confirm_identity(lang())}
                </Button>
                {both
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="link"
                                on:click=move |_| {
                                    typed.set(String::new());
                                    with_code.update(|on| *on = !*on);
                                }
                            >
                                {other}
                            </button>
                        }
                    })}
            </div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::Ways;
    use crate::client::Failure;
    use api::{Args, Code, Problem};

    fn refused(methods: &[&str]) -> Failure {
        Failure::refused(Problem {
            kind: String::new(),
            title: String::new(),
            status: 403,
            code: Code::StepUpRequired,
            detail: String::new(),
            args: Args::from([("methods".to_owned(), methods.into())]),
            errors: Vec::new(),
            request_id: None,
        })
    }

    #[test]
    fn only_what_the_server_takes_is_offered() {
        let ways = |methods: &[&str]| Ways::of(Some(&refused(methods)));
        assert_eq!(ways(&["password"]), Ways { password: true, code: false });
        assert_eq!(ways(&["password", "code"]), Ways { password: true, code: true });
        assert_eq!(ways(&["code", "recovery-code"]), Ways { password: false, code: true });
        assert_eq!(Ways::of(None), Ways { password: true, code: false });
    }
}
