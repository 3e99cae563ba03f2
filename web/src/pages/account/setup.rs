//! Setting up the second factor: the QR code or the data by hand, then a first code that proves it works.

use api::second_factor::{ActivateSecondFactor, RecoveryCodes, SecondFactorSetup};
use domain::Secret;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::copied::{Said, copy_and_say};
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, IconButton};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::states::{ErrorState, FailureNote, Skeleton};
use crate::components::step_up::{StepUp, is_asked};
use crate::session;
use crate::texts::{self, lang};

#[component]
pub(super) fn SetupDialog(open: RwSignal<bool>, activated: Callback<Vec<String>>) -> impl IntoView {
    view! {
        <Dialog open=open title=texts::account::set_up_title(lang()).to_owned()>
            <Begin open=open activated=activated />
        </Dialog>
    }
}

/// Asks the server for the data, with a confirmation when it wants one.
#[component]
fn Begin(open: RwSignal<bool>, activated: Callback<Vec<String>>) -> impl IntoView {
    let setup = RwSignal::new(None::<SecondFactorSetup>);
    let failure = RwSignal::new(None::<Failure>);
    let begin = move || {
        failure.set(None);
        spawn_local(async move {
            match Call::post("/auth/second-factor").answer::<SecondFactorSetup>().await {
                Ok(data) => drop(setup.try_set(Some(data))),
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    Effect::new(move |_| begin());
    let again = Callback::new(move |()| begin());
    move || match (setup.get(), failure.get()) {
        (Some(setup), _) => view! { <Prove open=open setup=setup activated=activated /> }.into_any(),
        (None, Some(problem)) if is_asked(Some(&problem)) => {
            view! { <StepUp failure=failure confirmed=again /> }.into_any()
        }
        (None, Some(_)) => view! { <ErrorState failure=failure retry=again /> }.into_any(),
        (None, None) => view! { <Skeleton rows=5 /> }.into_any(),
    }
}

async fn activate(code: String) -> Result<RecoveryCodes, Failure> {
    client::post("/auth/second-factor/activate", &ActivateSecondFactor { code: Secret::new(code) }).await
}

#[component]
fn Prove(open: RwSignal<bool>, setup: SecondFactorSetup, activated: Callback<Vec<String>>) -> impl IntoView {
    let code = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let wrong = Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), "/code")));
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&["/code"])));
    let send = move || {
        if busy.get_untracked() || code.with_untracked(|code| code.trim().is_empty()) {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let answer = activate(code.get_untracked()).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(codes) => {
                    open.set(false);
                    session::refresh().await;
                    activated.try_run(codes.recovery_codes);
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let said = RwSignal::new(None::<&'static str>);
    let copied = |text: String| Callback::new(move |()| copy_and_say(&text, said));
    let secret = setup.secret.expose().to_owned();
    let uri = setup.uri.expose().to_owned();
    view! {
        <form
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <p>{texts::account::scan(lang())}</p>
            <img class="qr" src=setup.qr.expose().to_owned() alt=texts::account::qr(lang()) width="208" height="208" />
            <details class="manual">
                <summary>{texts::account::by_hand(lang())}</summary>
                <dl class="kv">
                    <dt>{texts::account::secret(lang())}</dt>
                    <dd class="row">
                        <span class="mono grow">{grouped(&secret)}</span>
                        <IconButton
                            label=texts::account::copy_secret(lang()).to_owned()
                            icon="copy".to_owned()
                            on_press=copied(secret)
                        />
                    </dd>
                    <dt>{texts::account::account_name(lang())}</dt>
                    <dd>{setup.account}</dd>
                    <dt>{texts::account::issuer(lang())}</dt>
                    <dd>{setup.issuer}</dd>
                    <dt>{texts::account::algorithm(lang())}</dt>
                    <dd>{setup.algorithm.as_str().to_uppercase()}</dd>
                    <dt>{texts::account::digits(lang())}</dt>
                    <dd>{setup.digits.to_string()}</dd>
                    <dt>{texts::account::period(lang())}</dt>
                    <dd>{texts::account::seconds(lang(), setup.period_seconds)}</dd>
                    <dt>{texts::account::setup_data(lang())}</dt>
                    <dd class="row">
                        <span class="mono small grow clip">{uri.clone()}</span>
                        <IconButton
                            label=texts::account::copy_setup_data(lang()).to_owned()
                            icon="copy".to_owned()
                            on_press=copied(uri)
                        />
                    </dd>
                </dl>
                <Said said=said />
            </details>
            <FailureNote failure=rest />
            <TextField
                label=texts::common::code_of_app(lang()).to_owned()
                value=code
                help=Some(texts::account::first_code(lang()).to_owned())
                error=wrong
                inputmode="numeric"
                autocomplete="one-time-code"
                max_length=16
            />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy>
                    {texts::account::activate(lang())}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// In groups of four, as people type it.
fn grouped(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    characters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn a_secret_is_typed_in_groups_of_four() {
        assert_eq!(grouped("JBSWY3DPEH"), "JBSW Y3DP EH");
        assert_eq!(grouped(""), "");
    }
}
