//! Signing in: user name and password, then a code when the account has a second factor. The address stays, so it
//! leads to where somebody wanted to go.

use std::cell::RefCell;

use api::Code;
use api::auth::{SecondFactorNeeded, SecondStep, SessionInfo, SignIn, SignInAnswer};
use domain::Secret;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser;
use crate::client::{Call, Failure};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::checkbox::Checkbox;
use crate::components::field::{SecretField, TextField};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::format;
use crate::session::{self, State};
use crate::shell::frame::Gate;
use crate::texts::{self, lang};

thread_local! {
    /// The name that stands in the form while the page is built anew.
    static TYPED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where a sign-in is.
#[derive(Clone)]
enum Step {
    Password,
    Code(SecondFactorNeeded),
}

/// The page of who is not signed in.
#[component]
pub fn SignInPage() -> impl IntoView {
    let step = RwSignal::new_local(Step::Password);
    let notice = RwSignal::new(None::<Failure>);
    Effect::new(|_| {
        document().set_title(&format!("{} – Workpoint", texts::sign_in::title(lang())));
    });
    view! {
        <Gate>
            {move || match step.get() {
                Step::Password => view! { <PasswordForm step=step notice=notice /> }.into_any(),
                Step::Code(needed) => view! { <CodeForm step=step notice=notice needed=needed /> }.into_any(),
            }}
        </Gate>
    }
}

/// Counts down the seconds until the next try is allowed; 0 when it is.
fn wait_after(failure: RwSignal<Option<Failure>>) -> Signal<u64> {
    let left = RwSignal::new(0_u64);
    Effect::new(move |_| {
        let seconds = failure.with(|failure| {
            let failure = failure.as_ref().filter(|failure| failure.code() == Some(Code::TooManyAttempts));
            failure.and_then(|failure| failure.number("seconds"))
        });
        let until =
            browser::now_millis() + i64::try_from(seconds.unwrap_or_default()).unwrap_or_default() * 1_000;
        left.set(seconds.unwrap_or_default());
        if seconds.is_some() {
            count_down(left, until);
        }
    });
    left.into()
}

fn count_down(left: RwSignal<u64>, until: i64) {
    set_timeout(
        move || {
            let millis = until - browser::now_millis();
            let seconds = u64::try_from((millis + 999) / 1_000).unwrap_or_default();
            if left.try_set(seconds).is_none() && seconds > 0 {
                count_down(left, until);
            }
        },
        std::time::Duration::from_millis(500),
    );
}

/// Why the last try failed; while tries are stopped, when the next one is allowed.
#[component]
fn Trouble(failure: RwSignal<Option<Failure>>, wait: Signal<u64>) -> impl IntoView {
    let other =
        Signal::derive(move || failure.get().filter(|failure| failure.code() != Some(Code::TooManyAttempts)));
    view! {
        <FailureNote failure=other />
        {move || {
            (wait.get() > 0)
                .then(|| {
                    view! {
                        <Note tone=Tone::Warn>
                            <p role="timer">{texts::sign_in::wait(lang(), format::duration(wait.get()))}</p>
                        </Note>
                    }
                })
        }}
    }
}

#[component]
fn PasswordForm(step: RwSignal<Step, LocalStorage>, notice: RwSignal<Option<Failure>>) -> impl IntoView {
    // Another language builds the page anew; the name that was typed stays.
    let user_name = RwSignal::new(TYPED.take());
    on_cleanup(move || TYPED.set(user_name.try_get_untracked().unwrap_or_default()));
    let password = RwSignal::new(String::new());
    let keep = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let wait = wait_after(notice);
    let (name_node, password_node) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let ended = matches!(session::state().get_untracked(), State::SignedOut { ended: true });
    Effect::new(move |_| {
        if let Some(node) = name_node.get() {
            browser::focus(&node);
        }
    });
    let send = move || {
        if busy.get_untracked() || wait.get_untracked() > 0 {
            return;
        }
        // What a password manager filled in may not have been announced.
        let read = |node: NodeRef<html::Input>, signal: RwSignal<String>| {
            node.get_untracked().map_or_else(|| signal.get_untracked(), |input| input.value())
        };
        let body = SignIn {
            user_name: read(name_node, user_name).trim().to_owned(),
            password: Secret::new(read(password_node, password)),
            keep_signed_in: keep.get_untracked(),
        };
        busy.set(true);
        spawn_local(async move {
            let answer = match Call::post("/auth/sign-in").json(&body) {
                Ok(call) => call.answer::<SignInAnswer>().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(SignInAnswer::SignedIn(info)) => {
                    let _ = user_name.try_set(String::new());
                    session::enter(info);
                }
                Ok(SignInAnswer::SecondFactorNeeded(needed)) => {
                    let _ = notice.try_set(None);
                    let _ = step.try_set(Step::Code(needed));
                }
                Err(failure) => {
                    let _ = notice.try_set(Some(failure));
                    let _ = password.try_set(String::new());
                    if let Some(node) = password_node.try_get_untracked().flatten() {
                        browser::focus(&node);
                    }
                }
            }
        });
    };
    view! {
        <form
            method="post"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <div>
                <h1>{texts::sign_in::title(lang())}</h1>
                <p class="muted">{window().location().host().unwrap_or_default()}</p>
            </div>
            {(ended && notice.with_untracked(Option::is_none))
                .then(|| {
                    view! {
                        <Note>
                            <p>{texts::sign_in::ended(lang())}</p>
                        </Note>
                    }
                })}
            <Trouble failure=notice wait=wait />
            <TextField
                label=texts::sign_in::user_name(lang()).to_owned()
                value=user_name
                autocomplete="username"
                max_length=64
                large=true
                node=name_node
            />
            <SecretField
                label=texts::sign_in::password(lang()).to_owned()
                value=password
                autocomplete="current-password"
                large=true
                node=password_node
            />
            <Checkbox label=texts::sign_in::keep(lang()).to_owned() checked=keep />
            <Button
                kind=ButtonKind::Primary
                size=ButtonSize::Large
                class="wide"
                busy=busy
                blocked=Signal::derive(move || (wait.get() > 0).then(|| texts::sign_in::stopped(lang()).to_owned()))
            >
                {texts::sign_in::sign_in(lang())}
            </Button>
        </form>
    }
}

#[component]
fn CodeForm(
    step: RwSignal<Step, LocalStorage>,
    notice: RwSignal<Option<Failure>>,
    needed: SecondFactorNeeded,
) -> impl IntoView {
    let challenge = StoredValue::new_local(needed.challenge);
    let code = RwSignal::new(String::new());
    let recovery = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let wait = wait_after(failure);
    let node = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        recovery.track();
        if let Some(node) = node.get() {
            browser::focus(&node);
        }
    });
    let send = move || {
        if busy.get_untracked() || wait.get_untracked() > 0 {
            return;
        }
        let typed = Secret::new(code.get_untracked().trim().to_owned());
        let (code_of_app, recovery_code) =
            if recovery.get_untracked() { (None, Some(typed)) } else { (Some(typed), None) };
        let body = SecondStep { challenge: challenge.get_value(), code: code_of_app, recovery_code };
        busy.set(true);
        spawn_local(async move {
            let answer = match Call::post("/auth/sign-in/second-factor").json(&body) {
                Ok(call) => call.answer::<SessionInfo>().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(info) => {
                    TYPED.take();
                    session::enter(info);
                }
                Err(problem) if problem.code() == Some(Code::SignInExpired) => {
                    let _ = notice.try_set(Some(problem));
                    let _ = step.try_set(Step::Password);
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                    let _ = code.try_set(String::new());
                    if let Some(node) = node.try_get_untracked().flatten() {
                        browser::focus(&node);
                    }
                }
            }
        });
    };
    let field = move || {
        if recovery.get() {
            view! {
                <TextField
                    label=texts::sign_in::recovery_code(lang()).to_owned()
                    help=texts::sign_in::recovery_code_help(lang()).to_owned()
                    value=code
                    max_length=32
                    mono=true
                    large=true
                    node=node
                />
            }
            .into_any()
        } else {
            view! {
                <TextField
                    label=texts::sign_in::code(lang()).to_owned()
                    help=texts::sign_in::code_help(lang()).to_owned()
                    value=code
                    inputmode="numeric"
                    autocomplete="one-time-code"
                    max_length=12
                    mono=true
                    large=true
                    node=node
                />
            }
            .into_any()
        }
    };
    view! {
        <form
            method="post"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <h1>{texts::sign_in::second_factor(lang())}</h1>
            <Trouble failure=failure wait=wait />
            {field}
            <Button kind=ButtonKind::Primary size=ButtonSize::Large class="wide" busy=busy>
                {texts::sign_in::sign_in(lang())}
            </Button>
            <div class="row between">
                <button
                    type="button"
                    class="link"
                    on:click=move |_| {
                        code.set(String::new());
                        failure.set(None);
                        recovery.update(|on| *on = !*on);
                    }
                >
                    {move || {
                        if recovery.get() {
                            texts::sign_in::use_code(lang())
                        } else {
                            texts::sign_in::use_recovery_code(lang())
                        }
                    }}
                </button>
                <button type="button" class="link" on:click=move |_| step.set(Step::Password)>
                    {texts::sign_in::back(lang())}
                </button>
            </div>
        </form>
    }
}
