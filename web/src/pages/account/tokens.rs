//! API tokens of the own account: made, shown once with a way to copy them, deleted.

use api::token::{NewToken, TokenMade, TokenView};
use domain::Role;
use jiff::Timestamp;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::copied::{Said, copy_and_say};
use crate::browser;
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::checkbox::Checkbox;
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::select::{Choice, Select};
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::Tone;
use crate::components::step_up::{StepUp, is_asked};
use crate::components::time::Ago;
use crate::components::toast;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// Days a token lives, as offered; none of them is for ever.
const DAYS: [i64; 4] = [30, 90, 365, 730];
const DAY_MS: i64 = 86_400_000;

#[component]
pub(super) fn Tokens() -> impl IntoView {
    let tokens = load(|| client::get::<api::Page<TokenView>>("/tokens")).live(Resource::Tokens);
    let making = RwSignal::new(false);
    let made = RwSignal::new(None::<TokenMade>);
    let deleting = RwSignal::new(false);
    let chosen = RwSignal::new(None::<TokenView>);
    let delete = Callback::new(move |_: Consent| -> Acting {
        let token = chosen.get_untracked();
        Box::pin(async move {
            let Some(token) = token else { return Ok(()) };
            Call::delete(&format!("/tokens/{}", token.id)).done().await?;
            toast::show(texts::account::token_deleted(lang(), token.name));
            tokens.reload();
            Ok(())
        })
    });
    let name = Signal::derive(move || {
        let name = chosen.with(|token| token.as_ref().map(|token| token.name.clone())).unwrap_or_default();
        texts::account::delete_token_question(lang(), name)
    });
    let ask = Callback::new(move |token: TokenView| {
        chosen.set(Some(token));
        deleting.set(true);
    });
    let ready = Callback::new(move |token: TokenMade| {
        made.set(Some(token));
        tokens.reload();
    });
    view! {
        <section class="pad stack-v">
            <div class="row wrap between">
                <p class="soft">{texts::account::tokens_text(lang())}</p>
                <Button kind=ButtonKind::Primary icon="plus" on_press=Callback::new(move |()| making.set(true))>
                    {texts::account::new_token(lang())}
                </Button>
            </div>
            {tokens.show(3, move |page| view! { <Table page=page ask=ask /> }.into_any())}
        </section>
        <Dialog open=making title=texts::account::new_token(lang()).to_owned()>
            <Form open=making ready=ready />
        </Dialog>
        <MadeDialog made=made />
        <ConfirmDialog
            open=deleting
            title=name
            text=texts::account::delete_token_text(lang()).to_owned()
            button=texts::account::delete_token(lang()).to_owned()
            act=delete
        />
    }
}

#[component]
fn Table(page: Signal<api::Page<TokenView>>, ask: Callback<TokenView>) -> impl IntoView {
    let row = move |token: &TokenView| {
        let chosen = token.clone();
        let roles = match &token.roles {
            Some(roles) => roles
                .iter()
                .map(|role| texts::word(lang(), "role", role.as_str()))
                .collect::<Vec<_>>()
                .join(", "),
            None => texts::account::all_roles(lang()).to_owned(),
        };
        let (created, used) = (token.created_at, token.last_used_at);
        let which = format!(" – {}", token.name);
        let expires =
            token.expires_at.map_or_else(|| texts::common::never(lang()).to_owned(), format::date_time);
        view! {
            <tr>
                <th scope="row">
                    <span class="strong">{token.name.clone()}</span>
                    <span class="two mono">{format!("…{}", token.hint)}</span>
                </th>
                <td>{roles}</td>
                <td>
                    <span class="narrow-name">{texts::account::made(lang())}</span>
                    <Ago at=Some(created) />
                </td>
                <td>
                    <span class="narrow-name">{texts::account::last_used(lang())}</span>
                    <Ago at=used />
                </td>
                <td>
                    <span class="narrow-name">{texts::account::expires(lang())}</span>
                    {expires}
                </td>
                <td class="num">
                    <Button
                        size=ButtonSize::Small
                        class="warnish"
                        icon="trash"
                        on_press=Callback::new(move |()| ask.run(chosen.clone()))
                    >
                        {texts::account::delete_token(lang())}
                        <span class="vh">{which}</span>
                    </Button>
                </td>
            </tr>
        }
    };
    let heads = [
        texts::account::token_name(lang()),
        texts::account::roles(lang()),
        texts::account::made(lang()),
        texts::account::last_used(lang()),
        texts::account::expires(lang()),
    ];
    let empty = Memo::new(move |_| page.with(|page| page.items.is_empty()));
    move || {
        if empty.get() {
            return view! {
                <EmptyState
                    text=texts::account::no_tokens(lang()).to_owned()
                    hint=Some(texts::account::no_tokens_hint(lang()).to_owned())
                    icon="key"
                />
            }
            .into_any();
        }
        view! {
            <table class="tbl stack plain" aria-label=texts::account::tokens(lang())>
                <thead>
                    <tr>
                        {heads.map(|head| view! { <th scope="col">{head}</th> }).into_iter().collect_view()}
                        <th scope="col">
                            <span class="vh">{texts::common::row_menu(lang())}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{move || page.with(|page| page.items.iter().map(row).collect_view())}</tbody>
            </table>
        }
        .into_any()
    }
}

/// When a token made now expires; nothing for never.
fn expiry(days: &str, now_ms: i64) -> Option<Timestamp> {
    let days: i64 = days.parse().ok()?;
    Timestamp::from_millisecond(now_ms.checked_add(days.checked_mul(DAY_MS)?)?).ok()
}

async fn make(body: NewToken, key: String) -> Result<TokenMade, Failure> {
    Call::post("/tokens").once(&key).json(&body)?.answer().await
}

#[component]
fn Form(open: RwSignal<bool>, ready: Callback<TokenMade>) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let days = RwSignal::new("90".to_owned());
    let held = session::info_now().map(|info| info.roles).unwrap_or_default();
    let limits: StoredValue<Vec<(Role, RwSignal<bool>)>> =
        StoredValue::new(held.into_iter().map(|role| (role, RwSignal::new(true))).collect());
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let fields = ["/name", "/expires_at", "/roles"];
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| !is_asked(Some(failure)) && !failure.is_about(&fields))
    });
    let asked = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        let limits = limits.get_value();
        let all = limits.iter().all(|(_, on)| on.get_untracked());
        let roles = limits.into_iter().filter(|(_, on)| on.get_untracked()).map(|(role, _)| role).collect();
        let body = NewToken {
            name: name.get_untracked().trim().to_owned(),
            // All roles of the account, also those it gets later, or these only.
            roles: if all { None } else { Some(roles) },
            expires_at: expiry(&days.get_untracked(), browser::now_millis()),
        };
        busy.set(true);
        spawn_local(async move {
            let answer = make(body, key.get_value()).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(token) => {
                    open.set(false);
                    ready.try_run(token);
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let mut choices: Vec<Choice> = DAYS
        .iter()
        .map(|days| Choice::new(days.to_string(), texts::account::days(lang(), days.unsigned_abs())))
        .collect();
    choices.push(Choice::new("never", texts::common::never(lang())));
    let roles = limits.get_value().into_iter().map(|(role, on)| {
        view! { <Checkbox label=texts::word(lang(), "role", role.as_str()) checked=on /> }
    });
    let roles = roles.collect_view();
    let roles_error = of_field("/roles");
    let again = Callback::new(move |()| {
        failure.set(None);
        run();
    });
    // A form of its own: it does not stand inside the other one.
    let step_up = move || asked.get().then(|| view! { <StepUp failure=failure confirmed=again /> });
    let buttons = move || {
        (!asked.get()).then(|| {
            view! {
                <DialogButtons>
                    <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                    <Button kind=ButtonKind::Primary busy=busy>
                        {texts::account::make_token(lang())}
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
        <TextField
            label=texts::account::token_name(lang()).to_owned()
            value=name
            help=Some(texts::account::token_name_help(lang()).to_owned())
            error=of_field("/name")
            max_length=100
        />
        <Select
            label=texts::account::expires_after(lang()).to_owned()
            value=days
            choices=choices
            error=of_field("/expires_at")
        />
        <fieldset class="roles">
            <legend>{texts::account::limited_to(lang())}</legend>
            {roles}
            <p class="errtext" aria-live="polite">{move || roles_error.get()}</p>
        </fieldset>
        {buttons}
        </form>
        {step_up}
    }
}

/// The token, once.
#[component]
fn MadeDialog(made: RwSignal<Option<TokenMade>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let said = RwSignal::new(None::<&'static str>);
    Effect::new(move |_| {
        if made.with(Option::is_some) {
            said.set(None);
            open.set(true);
        }
    });
    // Closed in whatever way: the token is forgotten.
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            made.set(None);
        }
        now
    });
    let text = move || {
        made.with(|made| made.as_ref().map(|made| made.token.expose().to_owned())).unwrap_or_default()
    };
    let copy = Callback::new(move |()| copy_and_say(&untrack(text), said));
    view! {
        <Dialog open=open title=texts::account::token_made(lang()).to_owned() kept=true>
            <Note tone=Tone::Warn>{texts::account::token_once(lang())}</Note>
            <p class="mono token">{text}</p>
            <Said said=said />
            <DialogButtons>
                <Button icon="copy" on_press=copy>{texts::account::copy_token(lang())}</Button>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| open.set(false))>
                    {texts::account::token_kept(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::expiry;

    #[test]
    fn days_lead_to_an_instant_and_never_to_none() {
        assert_eq!(expiry("30", 0).map(|at| at.to_string()).as_deref(), Some("1970-01-31T00:00:00Z"));
        assert_eq!(expiry("never", 0), None);
    }
}
