//! Making and editing an account.

use api::account::{AccountView, ChangeAccount, NewAccount};
use domain::{Role, Secret};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::deeds::{self, Dialogs};
use super::password::FirstPassword;
use crate::client::{Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::checkbox::Checkbox;
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::select::{Select, languages};
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::step_up::{StepUp, is_asked};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::session;
use crate::texts::{self, lang};

const FIELDS: [&str; 5] = ["/user_name", "/password", "/roles", "/language", "/email"];

#[component]
pub(super) fn AccountDialog(dialogs: Dialogs) -> impl IntoView {
    let title = Signal::derive(move || {
        match dialogs.edited.with(|account| account.as_ref().map(|account| account.user_name.clone())) {
            Some(name) => texts::accounts::edit_of(lang(), name),
            None => texts::accounts::new(lang()).to_owned(),
        }
    });
    view! {
        <Dialog open=dialogs.editing title=title>
            {move || view! { <Form open=dialogs.editing account=dialogs.edited.get() /> }}
        </Dialog>
    }
}

/// What is in the form.
#[derive(Clone, Copy)]
struct Entries {
    user_name: RwSignal<String>,
    email: RwSignal<String>,
    language: RwSignal<String>,
    password: RwSignal<String>,
    roles: [(Role, RwSignal<bool>); 4],
}

impl Entries {
    fn of(account: Option<&AccountView>) -> Self {
        let text = |text: Option<String>| RwSignal::new(text.unwrap_or_default());
        Self {
            user_name: text(account.map(|account| account.user_name.clone())),
            email: text(account.and_then(|account| account.email.clone())),
            language: RwSignal::new(
                account.map_or_else(|| lang().code().to_owned(), |account| account.language.clone()),
            ),
            password: RwSignal::new(String::new()),
            roles: Role::ALL.map(|role| {
                (role, RwSignal::new(account.is_some_and(|account| account.roles.contains(&role))))
            }),
        }
    }

    /// Somebody else has changed the account: what was not changed here is as it is now, the rest stays as typed.
    fn follow(self, before: &AccountView, now: &AccountView) {
        let follow = |field: RwSignal<String>, before: &str, now: &str| {
            if field.try_with_untracked(|typed| typed.trim() == before) == Some(true) {
                let _ = field.try_set(now.to_owned());
            }
        };
        let email = |account: &AccountView| account.email.clone().unwrap_or_default();
        follow(self.user_name, &before.user_name, &now.user_name);
        follow(self.email, &email(before), &email(now));
        follow(self.language, &before.language, &now.language);
        for (role, on) in self.roles {
            let had = before.roles.contains(&role);
            if on.try_get_untracked() == Some(had) {
                let _ = on.try_set(now.roles.contains(&role));
            }
        }
    }

    fn roles(self) -> Vec<Role> {
        self.roles.into_iter().filter(|(_, on)| on.get_untracked()).map(|(role, _)| role).collect()
    }

    fn email(self) -> Option<String> {
        Some(self.email.get_untracked().trim().to_owned()).filter(|email| !email.is_empty())
    }

    fn new_account(self) -> NewAccount {
        NewAccount {
            user_name: self.user_name.get_untracked().trim().to_owned(),
            password: Secret::new(self.password.get_untracked()),
            roles: self.roles(),
            language: Some(self.language.get_untracked()),
            email: self.email(),
        }
    }

    /// Only what differs from the account.
    fn change(self, account: &AccountView) -> ChangeAccount {
        let user_name = self.user_name.get_untracked().trim().to_owned();
        let (roles, language, email) = (self.roles(), self.language.get_untracked(), self.email());
        ChangeAccount {
            user_name: (user_name != account.user_name).then_some(user_name),
            roles: (roles != account.roles).then_some(roles),
            language: (language != account.language).then_some(language),
            email: (email != account.email).then_some(email),
            ..ChangeAccount::default()
        }
    }
}

async fn send(entries: Entries, account: Option<AccountView>, key: String) -> Result<AccountView, Failure> {
    match account {
        None => Call::post("/accounts").once(&key).json(&entries.new_account())?.answer().await,
        Some(account) => {
            let call = Call::patch(&format!("/accounts/{}", account.id)).if_match(account.revision);
            call.json(&entries.change(&account))?.answer().await
        }
    }
}

#[component]
fn Form(open: RwSignal<bool>, account: Option<AccountView>) -> impl IntoView {
    let entries = Entries::of(account.as_ref());
    let new = account.is_none();
    let own = account
        .as_ref()
        .is_some_and(|account| session::info_now().is_some_and(|info| info.account_id == account.id));
    let account = StoredValue::new(account);
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    // What somebody else changed meanwhile.
    let differs = RwSignal::new(Vec::<Difference>::new());
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| !is_asked(Some(failure)) && !failure.is_about(&FIELDS))
    });
    let asked = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let before = account.get_value();
            let once = key.get_value();
            let mut answer = send(entries, before.clone(), once.clone()).await;
            let newer = match (&answer, &before) {
                (Err(problem), Some(before)) => deeds::newer(problem, before).await,
                _ => None,
            };
            if let (Some(before), Some(now)) = (&before, newer) {
                entries.follow(before, &now);
                let different = deeds::differences(before, &now);
                if different.is_empty() {
                    // It only counted a sign-in: nobody has to look at that.
                    answer = send(entries, Some(now.clone()), once).await;
                }
                let _ = differs.try_set(different);
                account.try_set_value(Some(now));
            }
            let _ = busy.try_set(false);
            match answer {
                Ok(saved) => {
                    open.set(false);
                    live::touch(Resource::Accounts);
                    if own {
                        session::refresh().await;
                    }
                    let said = if new {
                        texts::accounts::created(lang(), saved.user_name)
                    } else {
                        texts::accounts::saved(lang(), saved.user_name)
                    };
                    toast::show(said);
                }
                Err(problem) => {
                    // Another content needs another key; a confirmation that is asked for does not.
                    if !is_asked(Some(&problem)) {
                        renew_key(key, &problem);
                    }
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let role = move |(role, on): (Role, RwSignal<bool>)| {
        let word = texts::word(lang(), "role", role.as_str());
        let help = match role {
            Role::Admin => texts::accounts::admin_may(lang()),
            Role::Operator => texts::accounts::operator_may(lang()),
            Role::Viewer => texts::accounts::viewer_may(lang()),
            Role::Auditor => texts::accounts::auditor_may(lang()),
        };
        view! { <Checkbox label=word checked=on help=Some(help.to_owned()) /> }
    };
    let roles_error = of_field("/roles");
    let again = Callback::new(move |()| {
        failure.set(None);
        run();
    });
    // A form of its own: it does not stand inside the other one.
    let step_up = move || asked.get().then(|| view! { <StepUp failure=failure confirmed=again /> });
    let buttons = move || {
        (!asked.get()).then(|| {
            let words = if new { texts::accounts::create(lang()) } else { texts::accounts::save(lang()) };
            view! {
                <DialogButtons>
                    <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                    <Button kind=ButtonKind::Primary busy=busy>
                        {words}
                    </Button>
                </DialogButtons>
            }
        })
    };
    view! {
        <form on:submit=move |event| {
            event.prevent_default();
            run();
        }>
        <FailureNote failure=rest />
        <Differences lines=differs />
        <TextField
            label=texts::accounts::user_name(lang()).to_owned()
            value=entries.user_name
            error=of_field("/user_name")
            max_length=64
        />
        {new
            .then(|| {
                view! {
                    <FirstPassword
                        label=texts::accounts::first_password(lang())
                        value=entries.password
                        user_name=entries.user_name
                        refused=of_field("/password")
                    />
                }
            })}
        <TextField
            label=texts::accounts::email(lang()).to_owned()
            value=entries.email
            error=of_field("/email")
            kind="email"
            max_length=254
            optional=true
        />
        <Select
            label=texts::accounts::language(lang()).to_owned()
            value=entries.language
            choices=languages()
            error=of_field("/language")
        />
        <fieldset class="roles">
            <legend>{texts::accounts::roles(lang())}</legend>
            {entries.roles.into_iter().map(role).collect_view()}
            <p class="errtext" aria-live="polite">{move || roles_error.get()}</p>
            {(!new).then(|| view! { <p class="hint">{texts::accounts::roles_end_sessions(lang())}</p> })}
        </fieldset>
        {buttons}
        </form>
        {step_up}
    }
}
