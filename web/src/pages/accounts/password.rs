//! A first password for somebody else: typed or made up, checked by the same rules as on the server.

use api::account::{AccountView, ChangeAccount};
use api::auth::PasswordRules;
use domain::Secret;
use domain::password;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::deeds::{self, Dialogs};
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::SecretField;
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::step_up::{StepUp, is_asked};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::load::load;
use crate::texts::{self, lang};

/// A password field with the first rule that is broken below it, once something was typed and left.
#[component]
pub(super) fn FirstPassword(
    label: &'static str,
    value: RwSignal<String>,
    #[prop(into)] user_name: Signal<String>,
    #[prop(into)] refused: Signal<Option<String>>,
) -> impl IntoView {
    let rules = load(|| client::get::<PasswordRules>("/auth/password-rules"));
    let left = RwSignal::new(false);
    let own = Signal::derive(move || {
        let rules = rules.data.get().filter(|_| left.get())?;
        let typed = value.get();
        if typed.is_empty() {
            return None;
        }
        let fault = password::check(rules.policy, &user_name.get(), &typed).into_iter().next()?;
        Some(texts::word(lang(), "field", fault.as_str()))
    });
    let help = Signal::derive(move || {
        let rules = rules.data.get()?;
        Some(texts::accounts::password_help(lang(), rules.min_length as u64))
    });
    view! {
        <SecretField
            label=label.to_owned()
            value=value
            help=help
            error=Signal::derive(move || refused.get().or_else(|| own.get()))
            autocomplete="new-password"
            on_blur=Callback::new(move |()| left.set(true))
        />
    }
}

/// A new password for an account.
#[component]
pub(super) fn PasswordDialog(dialogs: Dialogs) -> impl IntoView {
    let title = Signal::derive(move || {
        let name = dialogs.reset.with(|account| account.as_ref().map(|account| account.user_name.clone()));
        texts::accounts::new_password_for(lang(), name.unwrap_or_default())
    });
    view! {
        <Dialog open=dialogs.resetting title=title>
            {move || {
                dialogs.reset.get().map(|account| view! { <Form open=dialogs.resetting account=account /> })
            }}
        </Dialog>
    }
}

#[component]
fn Form(open: RwSignal<bool>, account: AccountView) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let name = account.user_name.clone();
    let account = StoredValue::new(account);
    let refused =
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), "/password")));
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| !is_asked(Some(failure)) && !failure.is_about(&["/password"]))
    });
    let asked = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let send = move || {
        if busy.get_untracked() || typed.with_untracked(String::is_empty) {
            return;
        }
        let change =
            ChangeAccount { password: Some(Secret::new(typed.get_untracked())), ..ChangeAccount::default() };
        let (id, revision, name) =
            account.with_value(|account| (account.id, account.revision, account.user_name.clone()));
        busy.set(true);
        spawn_local(async move {
            let call = Call::patch(&format!("/accounts/{id}")).if_match(revision).json(&change);
            let answer = match call {
                Ok(call) => call.done().await,
                Err(failure) => Err(failure),
            };
            let before = account.try_get_value();
            if let (Err(problem), Some(before)) = (&answer, before)
                && let Some(now) = deeds::newer(problem, &before).await
            {
                let _ = differs.try_set(deeds::differences(&before, &now));
                account.try_set_value(now);
            }
            let _ = busy.try_set(false);
            match answer {
                Ok(()) => {
                    open.set(false);
                    live::touch(Resource::Accounts);
                    toast::show(texts::accounts::password_set(lang(), name));
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let again = Callback::new(move |()| {
        failure.set(None);
        send();
    });
    // A form of its own: it does not stand inside the other one.
    let step_up = move || asked.get().then(|| view! { <StepUp failure=failure confirmed=again /> });
    let buttons = move || {
        (!asked.get()).then(|| {
            view! {
                <DialogButtons>
                    <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                    <Button kind=ButtonKind::Primary busy=busy>
                        {texts::accounts::set_password(lang())}
                    </Button>
                </DialogButtons>
            }
        })
    };
    view! {
        <form on:submit=move |event| {
            event.prevent_default();
            send();
        }>
        <p>{texts::accounts::new_password_text(lang())}</p>
        <FailureNote failure=rest />
        <Differences lines=differs />
        <FirstPassword
            label=texts::accounts::first_password(lang())
            value=typed
            user_name=Signal::stored(name)
            refused=refused
        />
        {buttons}
        </form>
        {step_up}
    }
}
