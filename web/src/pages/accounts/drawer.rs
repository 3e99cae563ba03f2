//! One account in the drawer: how it is, its failed sign-ins, its API tokens, and what can be done with it.

use api::account::AccountView;
use api::token::TokenView;
use leptos::prelude::*;

use super::deeds::Dialogs;
use super::list::{roles, state};
use crate::client;
use crate::components::button::{Button, ButtonSize};
use crate::components::drawer::DrawerHead;
use crate::components::menu::MenuButton;
use crate::components::states::Note;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, Language, lang};

#[component]
pub(super) fn AccountDrawer(id: i64, dialogs: Dialogs, changes: bool) -> impl IntoView {
    let account = load(move || async move { client::get::<AccountView>(&format!("/accounts/{id}")).await })
        .live(Resource::Accounts);
    account.show(6, move |account| {
        view! { <Content account=account dialogs=dialogs changes=changes /> }.into_any()
    })
}

#[component]
fn Content(account: Signal<AccountView>, dialogs: Dialogs, changes: bool) -> impl IntoView {
    let id = account.get_untracked().id;
    let tokens = load(move || async move {
        client::get::<api::Page<TokenView>>(&format!("/tokens?account_id={id}")).await
    })
    .live(Resource::Tokens);
    let lock = move || {
        account.with(|account| {
            account.locked.then(|| {
                let words = match account.locked_until {
                    Some(until) => texts::accounts::locked_until(lang(), format::date_time(until)),
                    None => texts::accounts::locked_for_good(lang()).to_owned(),
                };
                view! { <Note tone=Tone::Bad>{words}</Note> }
            })
        })
    };
    let head = move || {
        changes.then(|| {
            view! {
                <Button
                    size=ButtonSize::Small
                    icon="pencil"
                    on_press=Callback::new(move |()| dialogs.edit(Some(account.get_untracked())))
                >
                    {texts::accounts::edit(lang())}
                </Button>
                <MenuButton
                    label=texts::common::more(lang()).to_owned()
                    entries=Callback::new(move |()| dialogs.menu(&account.get_untracked()))
                />
            }
        })
    };
    view! {
        <DrawerHead
            title=Signal::derive(move || account.with(|account| account.user_name.clone()))
            subtitle=Signal::derive(move || Some(account.with(|account| roles(&account.roles))))
            icon="user"
        >
            {head}
        </DrawerHead>
        <div class="body">
            {lock}
            {move || account.with(facts)}
            <h3>{texts::accounts::tokens(lang())}</h3>
            {tokens.show(2, |tokens| view! { <Tokens tokens=tokens /> }.into_any())}
        </div>
    }
}

fn facts(account: &AccountView) -> AnyView {
    let language = lang();
    let (kind, word) = state(account);
    let factor = if account.second_factor {
        (StatusKind::new(Tone::Ok, "shieldok", false), texts::accounts::on(language))
    } else {
        (StatusKind::new(Tone::Idle, "shieldoff", false), texts::accounts::off(language))
    };
    let others = crate::address::with_fields("/audit", &[("object", format!("account:{}", account.id))]);
    view! {
        <dl class="kv">
            <dt>{texts::accounts::state(language)}</dt>
            <dd>
                <Status kind=kind text=word.to_owned() />
            </dd>
            <dt>{texts::accounts::second_factor(language)}</dt>
            <dd>
                <Status kind=factor.0 text=factor.1.to_owned() />
            </dd>
            <dt>{texts::accounts::email(language)}</dt>
            <dd>{account.email.clone().unwrap_or_else(|| "–".to_owned())}</dd>
            <dt>{texts::accounts::language(language)}</dt>
            <dd>{Language::of_tag(&account.language).name()}</dd>
            <dt>{texts::accounts::last_sign_in(language)}</dt>
            <dd>
                <Ago at=account.last_sign_in_at />
            </dd>
            <dt>{texts::accounts::failed(language)}</dt>
            <dd>
                {format::number(account.failed_sign_ins)}
                {account
                    .last_failed_sign_in_at
                    .map(|at| texts::accounts::last_one(language, format::date_time(at)))
                    .map(|text| format!(", {text}"))}
            </dd>
            <dt>{texts::accounts::created_at(language)}</dt>
            <dd>{format::date_time(account.created_at)}</dd>
            <dt>{texts::accounts::history(language)}</dt>
            <dd>
                <a href=others>{texts::accounts::show_history(language)}</a>
            </dd>
        </dl>
    }
    .into_any()
}

#[component]
fn Tokens(tokens: Signal<api::Page<TokenView>>) -> impl IntoView {
    let line = |token: &TokenView| {
        let used = token.last_used_at;
        view! {
            <li>
                <span class="strong">{token.name.clone()}</span>
                <span class="muted mono">{format!(" …{}", token.hint)}</span>
                <span class="two">
                    {texts::accounts::last_used(lang())}
                    " "
                    <Ago at=used />
                </span>
            </li>
        }
    };
    move || {
        tokens.with(|tokens| {
            if tokens.items.is_empty() {
                view! { <p class="soft">{texts::accounts::no_tokens(lang())}</p> }.into_any()
            } else {
                view! { <ul class="stack-v close">{tokens.items.iter().map(line).collect_view()}</ul> }
                    .into_any()
            }
        })
    }
}
