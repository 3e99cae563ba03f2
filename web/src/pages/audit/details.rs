//! One record in the drawer: who, when, from where, and what was before and after as a diff.

use api::audit::AuditView;
use domain::Permission;
use leptos::prelude::*;

use super::list::{action, actor, actor_kind, object};
use super::values::{changes, field, has_changes, lines};
use crate::client;
use crate::client::Failure;
use crate::components::diff::DiffTable;
use crate::components::drawer::DrawerHead;
use crate::components::states::EmptyState;
use crate::format;
use crate::load::load;
use crate::pages::configuration::catalogue::catalogue;
use crate::session;
use crate::texts::{self, lang};

#[component]
pub(super) fn RecordDrawer(id: i64) -> impl IntoView {
    let record = load(move || async move {
        // A record is the newest one before the next number; the table has no gaps.
        let path = format!("/audit?before={}&size=1", id.saturating_add(1));
        let page: Result<api::Page<AuditView>, Failure> = client::get(&path).await;
        page.map(|page| page.items.into_iter().next().filter(|record| record.id.0 == id))
    });
    record.show(6, |record| match record.get_untracked() {
        Some(record) => view! { <Content record=record /> }.into_any(),
        None => view! { <EmptyState text=texts::audit::no_match(lang()).to_owned() /> }.into_any(),
    })
}

/// Where the thing is in the console, for those whose roles may see it.
fn place(record: &AuditView) -> Option<String> {
    let id = &record.object_id;
    let (permission, path) = match record.object_kind.as_str() {
        "client" => (Permission::ReadClients, format!("/clients/{id}")),
        "client-field" => (Permission::ReadClients, "/groups/fields".to_owned()),
        "group" => (Permission::ReadClients, format!("/groups/{id}")),
        "job" => (Permission::ReadClients, format!("/jobs/{id}")),
        "template" => (Permission::ReadClients, format!("/templates/{id}")),
        "plan" => (Permission::ReadClients, format!("/plans/{id}")),
        "account" => (Permission::ReadAccounts, format!("/accounts?open={id}")),
        "setting" => (Permission::ReadSettings, format!("/settings?q={id}")),
        _ => return None,
    };
    session::may(permission).then_some(path)
}

/// Where something is that a field names by its number.
fn place_of(field: &str, number: &str) -> Option<String> {
    let number: i64 = number.parse().ok().filter(|_| session::may(Permission::ReadClients))?;
    match field {
        "job" => Some(format!("/jobs/{number}")),
        "plan" => Some(format!("/plans/{number}")),
        _ => None,
    }
}

#[component]
fn Content(record: AuditView) -> impl IntoView {
    let language = lang();
    let subtitle = format!("{} · {}", actor(&record), format::date_time(record.at));
    let thing = match place(&record) {
        // What was deleted has no page any more.
        Some(href) if !record.action.ends_with(".delete") => {
            view! { <a href=href>{object(&record)}</a> }.into_any()
        }
        _ => object(&record).into_any(),
    };
    let (lines, rest) = lines(&record.details);
    // Parameters are called as everywhere else once their names are there.
    let may = session::may(Permission::ReadClients);
    let names = (may && has_changes(&record.details)).then(|| load(catalogue).data);
    let details = record.details.clone();
    let lines = Signal::derive(move || {
        let mut lines = lines.clone();
        let names = names.and_then(|names| names.get());
        lines.extend(changes(&details, names.as_deref()));
        lines
    });
    let any = lines.with_untracked(|lines| !lines.is_empty());
    let by = format!("{} ({})", actor(&record), actor_kind(&record.actor_kind));
    let others = address_of_others(&record);
    view! {
        <DrawerHead title=action(&record) subtitle=Some(subtitle) icon="audit" />
        <div class="body">
            <dl class="kv">
                <dt>{texts::audit::who(language)}</dt>
                <dd>{by}</dd>
                <dt>{texts::audit::object(language)}</dt>
                <dd>
                    {thing}
                    " · "
                    <a href=others>{texts::audit::all_of_object(language)}</a>
                </dd>
                <dt>{texts::audit::address(language)}</dt>
                <dd class="mono">{record.address.clone().unwrap_or_else(|| "–".to_owned())}</dd>
                <dt>{texts::audit::number(language)}</dt>
                <dd>{record.id.to_string()}</dd>
                {rest
                    .into_iter()
                    .map(|(name, value)| {
                        let value = match place_of(&name, &value) {
                            Some(href) => view! { <a href=href>{value}</a> }.into_any(),
                            None => value.into_any(),
                        };
                        view! { <dt>{field(&name)}</dt> <dd>{value}</dd> }
                    })
                    .collect_view()}
            </dl>
            {any
                .then(|| {
                    view! {
                        <DiffTable
                            label=texts::audit::changes(language).to_owned()
                            lines=lines
                            before_head=texts::common::before(language).to_owned()
                            name_head=texts::common::field(language).to_owned()
                        />
                    }
                })}
            <details>
                <summary class="soft small">{texts::audit::fingerprint(language)}</summary>
                <p class="mono small hash">{record.hash.clone()}</p>
            </details>
        </div>
    }
}

fn address_of_others(record: &AuditView) -> String {
    let object = format!("{}:{}", record.object_kind, record.object_id);
    crate::address::with_fields("/audit", &[("object", object.as_str())])
}
