//! The forced change of the password: nothing else is open until it is done, but signing out (D-32). The rules tick
//! while typing, checked by the same code as on the server.

use api::auth::{ChangePassword, PasswordRules};
use domain::Secret;
use domain::password::{self, PasswordFault};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::field::SecretField;
use crate::components::icon::Icon;
use crate::components::states::FailureNote;
use crate::components::switch::Switch;
use crate::components::toast;
use crate::load::load;
use crate::session;
use crate::shell::frame::{Gate, sign_out};
use crate::texts::{self, lang};

/// The page of who must choose a new password.
#[component]
pub fn ForcedPasswordPage() -> impl IntoView {
    Effect::new(|_| {
        document().set_title(&format!("{} – Workpoint", texts::sign_in::new_password_title(lang())));
    });
    view! {
        <Gate>
            <div class="gate-form">
                <h1>{texts::sign_in::new_password_title(lang())}</h1>
                <p class="soft">{texts::sign_in::new_password_text(lang())}</p>
                <PasswordForm done=Callback::new(|()| toast::show(texts::sign_in::password_changed(lang()))) />
                <button type="button" class="link" on:click=|_| sign_out()>
                    {texts::shell::sign_out(lang())}
                </button>
            </div>
        </Gate>
    }
}

/// Old password, new password twice, rules. Also a part of the own account's page.
#[component]
pub fn PasswordForm(
    /// After it was changed.
    #[prop(into)]
    done: Callback<()>,
) -> impl IntoView {
    let user_name = session::info_now().map(|info| info.user_name).unwrap_or_default();
    let (old, new, again) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let shown = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let left = RwSignal::new(false);
    let rules = load(|| client::get::<PasswordRules>("/auth/password-rules"));
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let differs = Signal::derive(move || {
        let typed = again.get();
        (left.get() && typed != new.get()).then(|| texts::sign_in::differs(lang()).to_owned())
    });
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| !failure.is_about(&["/old_password", "/new_password"]))
    });
    let send = move || {
        left.set(true);
        if busy.get_untracked() || new.get_untracked() != again.get_untracked() {
            return;
        }
        let body = ChangePassword {
            old_password: Secret::new(old.get_untracked()),
            new_password: Secret::new(new.get_untracked()),
        };
        busy.set(true);
        spawn_local(async move {
            let answer = match Call::put("/auth/password").json(&body) {
                Ok(call) => call.done().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(()) => {
                    for field in [old, new, again] {
                        let _ = field.try_set(String::new());
                    }
                    let _ = failure.try_set(None);
                    let _ = left.try_set(false);
                    // First, because the page may be gone once the session says that nothing has to be changed.
                    done.try_run(());
                    session::refresh().await;
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    view! {
        <form
            class="form"
            method="post"
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <FailureNote failure=rest />
            // So that a password manager knows whose password it is.
            <input
                type="text"
                class="vh"
                autocomplete="username"
                readonly
                tabindex="-1"
                aria-hidden="true"
                prop:value=user_name
            />
            <SecretField
                label=texts::sign_in::old_password(lang()).to_owned()
                value=old
                error=of_field("/old_password")
                autocomplete="current-password"
                shown=shown
            />
            <SecretField
                label=texts::sign_in::new_password(lang()).to_owned()
                value=new
                error=of_field("/new_password")
                autocomplete="new-password"
                shown=shown
            />
            {move || rules.data.get().map(|rules| view! { <Rules rules=rules typed=new /> })}
            <SecretField
                label=texts::sign_in::again(lang()).to_owned()
                value=again
                error=differs
                autocomplete="new-password"
                shown=shown
                on_blur=Callback::new(move |()| {
                    if !again.get_untracked().is_empty() {
                        left.set(true);
                    }
                })
            />
            <Switch label=texts::sign_in::show_passwords(lang()).to_owned() on=shown />
            <Button kind=ButtonKind::Primary size=ButtonSize::Large class="wide" busy=busy>
                {texts::sign_in::change_password(lang())}
            </Button>
        </form>
    }
}

/// The rules, each with a tick once it is kept.
#[component]
fn Rules(rules: PasswordRules, typed: RwSignal<String>) -> impl IntoView {
    let name = session::info_now().map(|info| info.user_name).unwrap_or_default();
    let policy = rules.policy;
    let faults = Memo::new(move |_| typed.with(|typed| password::check(policy, &name, typed)));
    let (least, most) = (rules.min_length, rules.max_length);
    let rule = move |fault: PasswordFault| {
        let kept =
            Signal::derive(move || typed.with(|typed| !typed.is_empty()) && !faults.get().contains(&fault));
        let words = match fault {
            PasswordFault::TooShort => texts::sign_in::rule_least(lang(), least as u64),
            PasswordFault::TooLong => texts::sign_in::rule_most(lang(), most as u64),
            PasswordFault::ContainsUserName => texts::sign_in::rule_user_name(lang()).to_owned(),
            PasswordFault::Common => texts::sign_in::rule_common(lang()).to_owned(),
            PasswordFault::Composition => texts::sign_in::rule_composition(lang()).to_owned(),
            PasswordFault::Repetition => texts::sign_in::rule_repetition(lang()).to_owned(),
            PasswordFault::Sequence => texts::sign_in::rule_sequence(lang()).to_owned(),
        };
        view! {
            <li class:y=move || kept.get() class:n=move || !kept.get()>
                <Icon name=Signal::derive(move || if kept.get() { "okc" } else { "new" }.to_owned()) />
                <span>
                    {words}
                    <span class="vh">
                        {move || {
                            if kept.get() { texts::sign_in::kept(lang()) } else { texts::sign_in::not_kept(lang()) }
                        }}
                    </span>
                </span>
            </li>
        }
    };
    view! { <ul class="rules">{rules.rules.into_iter().map(rule).collect_view()}</ul> }
}
