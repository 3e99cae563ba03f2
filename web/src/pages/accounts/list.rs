//! The list of accounts.

use api::account::AccountView;
use domain::{Permission, Role};
use leptos::prelude::*;

use super::deeds::{DeedDialog, Dialogs};
use super::drawer::AccountDrawer;
use super::form::AccountDialog;
use super::password::PasswordDialog;
use crate::address::{History, use_address};
use crate::client;
use crate::components::button::{Button, ButtonKind};
use crate::components::list::{
    CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening, shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::keys;
use crate::live::Resource;
use crate::session;
use crate::texts::{self, lang};

/// All accounts.
#[component]
pub fn AccountsPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let dialogs = Dialogs::new();
    let address = use_address();
    let changes = session::may(Permission::ChangeAccounts);
    let gone = Callback::new(move |()| address.set(&[("open", None)], History::Replace));
    keys::on("n", move || {
        if changes {
            dialogs.edit(None);
        }
        changes
    });
    let new = changes.then(|| {
        view! {
            <Button kind=ButtonKind::Primary icon="plus" on_press=Callback::new(move |()| dialogs.edit(None))>
                {texts::accounts::new(lang())}
            </Button>
        }
    });
    view! {
        <PageHead title=texts::accounts::title(lang()).to_owned() sub=shown_total(found)>{new}</PageHead>
        <ListPage spec=spec(dialogs, changes) found=found />
        <AccountDialog dialogs=dialogs />
        <PasswordDialog dialogs=dialogs />
        <DeedDialog dialogs=dialogs deleted=gone />
    }
}

fn spec(dialogs: Dialogs, changes: bool) -> ListSpec<AccountView> {
    let language = lang();
    let menu = Callback::new(move |row: AccountView| dialogs.menu(&row));
    ListSpec {
        name: "accounts",
        label: texts::accounts::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<AccountView> {
            Box::pin(async move { client::get(&query.path("/accounts")).await })
        }),
        key: |row| row.id.0,
        sort: "user_name",
        search: Some(texts::accounts::search(language).to_owned()),
        filters: filters(),
        actions: vec![],
        row_menu: changes.then_some(menu),
        open: Opening::Drawer {
            view: Callback::new(move |key: i64| {
                view! { <AccountDrawer id=key dialogs=dialogs changes=changes /> }.into_any()
            }),
            label: texts::accounts::account(language).to_owned(),
            page: None,
        },
        export: Some("/accounts/export".to_owned()),
        live: Some(Resource::Accounts),
        empty: EmptyTexts {
            none: texts::accounts::none(language).to_owned(),
            hint: None,
            filtered: texts::accounts::no_match(language).to_owned(),
        },
    }
}

/// How an account is: the worst first.
pub(super) fn state(account: &AccountView) -> (StatusKind, &'static str) {
    let language = lang();
    if account.disabled {
        (StatusKind::new(Tone::Idle, "struck", false), texts::accounts::disabled(language))
    } else if account.locked {
        (StatusKind::new(Tone::Bad, "lock", true), texts::accounts::locked(language))
    } else if account.must_change_password {
        (StatusKind::new(Tone::Hold, "hourglass", false), texts::accounts::first_sign_in(language))
    } else {
        (StatusKind::new(Tone::Ok, "okc", false), texts::accounts::active(language))
    }
}

/// Roles in words.
pub(crate) fn roles(roles: &[Role]) -> String {
    if roles.is_empty() {
        return texts::accounts::no_role(lang()).to_owned();
    }
    roles.iter().map(|role| texts::word(lang(), "role", role.as_str())).collect::<Vec<_>>().join(", ")
}

fn columns() -> Vec<Column<AccountView>> {
    let language = lang();
    vec![
        Column::new("user_name", texts::accounts::user_name(language), |row: &AccountView| row.user_name.clone().into_any())
            .sort("user_name")
            .card(CardPlace::Title),
        Column::new("roles", texts::accounts::roles(language), |row: &AccountView| roles(&row.roles).into_any())
            .card(CardPlace::Below),
        Column::new("state", texts::accounts::state(language), |row: &AccountView| {
            let (kind, text) = state(row);
            view! { <Status kind=kind text=text.to_owned() /> }.into_any()
        })
        .card(CardPlace::Right),
        Column::new("second_factor", texts::accounts::second_factor(language), |row: &AccountView| {
            let (kind, text) = if row.second_factor {
                (StatusKind::new(Tone::Ok, "shieldok", false), texts::accounts::on(lang()))
            } else {
                (StatusKind::new(Tone::Idle, "shieldoff", false), texts::accounts::off(lang()))
            };
            view! { <Status kind=kind text=text.to_owned() /> }.into_any()
        }),
        Column::new("last_sign_in_at", texts::accounts::last_sign_in(language), |row: &AccountView| {
            view! { <Ago at=row.last_sign_in_at /> }.into_any()
        })
        .sort("last_sign_in_at")
        .card(CardPlace::When),
        Column::new("failed", texts::accounts::failed(language), |row: &AccountView| {
            view! {
                <span class=if row.failed_sign_ins == 0 { "muted" } else { "" }>{format::number(row.failed_sign_ins)}</span>
            }
            .into_any()
        })
        .number(),
        Column::new("email", texts::accounts::email(language), |row: &AccountView| {
            row.email.clone().unwrap_or_else(|| "–".to_owned()).into_any()
        })
        .hidden(),
        Column::new("created_at", texts::accounts::created_at(language), |row: &AccountView| {
            view! { <Ago at=Some(row.created_at) /> }.into_any()
        })
        .sort("created_at")
        .hidden(),
    ]
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let roles: Vec<Choice> = Role::ALL
        .iter()
        .map(|role| Choice::new(role.as_str(), texts::word(language, "role", role.as_str())))
        .collect();
    let either = || {
        vec![
            Choice::new("true", texts::common::yes(language)),
            Choice::new("false", texts::common::no(language)),
        ]
    };
    vec![
        FilterSpec::choice("role", texts::accounts::role(language), roles),
        FilterSpec::choice("locked", texts::accounts::locked(language), either()),
        FilterSpec::choice("disabled", texts::accounts::disabled(language), either()),
    ]
}
