//! The list of records with its filters and the export.

use api::audit::AuditView;
use leptos::prelude::*;

use super::check::ChainSign;
use super::details::RecordDrawer;
use crate::address::with_fields;
use crate::client;
use crate::components::list::{
    CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening, shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::format;
use crate::texts::{self, lang};

/// All actions that are recorded, by the thing they are done with. The part before the dot takes all of them.
pub(super) const ACTIONS: [&str; 82] = [
    "account.activate-second-factor",
    "account.activate-second-factor-failed",
    "account.begin-second-factor",
    "account.change",
    "account.change-details",
    "account.change-details-failed",
    "account.change-password",
    "account.change-password-failed",
    "account.create",
    "account.delete",
    "account.end-sessions",
    "account.lock",
    "account.remove-second-factor",
    "account.renew-recovery-codes",
    "account.unlock",
    "certificate.create",
    "client.access",
    "client.approve",
    "client.change",
    "client.configure",
    "client.copy",
    "client.create",
    "client.delete",
    "client.deploy",
    "client.deployed",
    "client.expect",
    "client.fields",
    "client.items-changed",
    "client.local-changes",
    "client.match",
    "client.onboard",
    "client.prepare",
    "client.quarantine",
    "client.release",
    "client.retire",
    "client.secret-handed-out",
    "client.written",
    "client-field.change",
    "client-field.create",
    "client-field.delete",
    "file.change",
    "file.convert",
    "file.create",
    "file.delete",
    "group.change",
    "group.create",
    "group.delete",
    "job.cancel",
    "job.create",
    "job.delete",
    "job.retry",
    "job.stop",
    "notification.delete",
    "notification.delete-all",
    "notification.restore",
    "plan.create",
    "plan.delete",
    "scan.start",
    "scan.stop",
    "session.confirm",
    "session.confirm-failed",
    "session.end",
    "session.end-all",
    "session.end-others",
    "session.refresh-token-used-twice",
    "session.sign-in",
    "session.sign-in-failed",
    "session.sign-out",
    "setting.change",
    "setting.reset",
    "storage-provider.change",
    "storage-provider.create",
    "storage-provider.delete",
    "storage-provider.scan",
    "storage-provider.scan-stop",
    "storage-provider.scanned",
    "template.change",
    "template.create",
    "template.delete",
    "token.create",
    "token.delete",
    "token-key.create",
];

/// Kinds of things that records are about.
const OBJECTS: [&str; 16] = [
    "account",
    "certificate",
    "client",
    "client-field",
    "file",
    "group",
    "job",
    "notification",
    "plan",
    "scan",
    "session",
    "setting",
    "storage-provider",
    "template",
    "token",
    "token-key",
];

/// The audit table.
#[component]
pub fn AuditPage() -> impl IntoView {
    let found = RwSignal::new(None);
    view! {
        <PageHead title=texts::audit::title(lang()).to_owned() sub=shown_total(found)>
            <ChainSign />
        </PageHead>
        <ListPage spec=spec() found=found />
    }
}

fn spec() -> ListSpec<AuditView> {
    let language = lang();
    ListSpec {
        name: "audit",
        label: texts::audit::records(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<AuditView> {
            Box::pin(async move { client::get(&path(&query)).await })
        }),
        key: |row| row.id.0,
        sort: "",
        search: Some(texts::audit::search(language).to_owned()),
        filters: filters(),
        actions: vec![],
        row_menu: None,
        open: Opening::Drawer {
            view: Callback::new(|key: i64| view! { <RecordDrawer id=key /> }.into_any()),
            label: texts::audit::record(language).to_owned(),
            page: None,
        },
        export: Some("/audit/export".to_owned()),
        live: None,
        empty: EmptyTexts {
            none: texts::audit::none(language).to_owned(),
            hint: None,
            filtered: texts::audit::no_match(language).to_owned(),
        },
    }
}

/// The cursor of this list is the number of the record before which it goes on.
fn path(query: &ListQuery) -> String {
    let mut fields = query.fields();
    match &query.after {
        Some(before) => fields.push(("before", before.clone())),
        None => fields.push(("page", query.page.to_string())),
    }
    fields.push(("size", query.size.to_string()));
    with_fields("/audit", &fields)
}

/// What was done, in words.
pub(super) fn action(record: &AuditView) -> String {
    texts::word(lang(), "audit", &record.action)
}

/// Who did it: name, or kind when nobody has one.
pub(super) fn actor(record: &AuditView) -> String {
    if record.actor_name.is_empty() { actor_kind(&record.actor_kind) } else { record.actor_name.clone() }
}

pub(super) fn actor_kind(kind: &str) -> String {
    match kind {
        "account" => texts::audit::by_account(lang()),
        "token" => texts::audit::by_token(lang()),
        "command-line" => texts::audit::by_command_line(lang()),
        "phone" => texts::audit::by_phone(lang()),
        "system" => texts::audit::by_system(lang()),
        other => return other.to_owned(),
    }
    .to_owned()
}

/// Kind of a thing, in words.
pub(super) fn object_kind(kind: &str) -> String {
    match kind {
        "account" => texts::audit::account(lang()),
        "certificate" => texts::audit::certificate(lang()),
        "client" => texts::audit::client(lang()),
        "client-field" => texts::audit::client_field(lang()),
        "file" => texts::audit::file(lang()),
        "group" => texts::audit::group(lang()),
        "job" => texts::audit::job(lang()),
        "notification" => texts::audit::notification(lang()),
        "plan" => texts::audit::plan(lang()),
        "scan" => texts::audit::scan(lang()),
        "session" => texts::audit::session(lang()),
        "setting" => texts::audit::setting(lang()),
        "storage-provider" => texts::audit::storage_provider(lang()),
        "template" => texts::audit::template(lang()),
        "token" => texts::audit::token(lang()),
        "token-key" => texts::audit::token_key(lang()),
        other => return other.to_owned(),
    }
    .to_owned()
}

/// The thing: a setting by its name, everything else by kind and name or number.
pub(super) fn object(record: &AuditView) -> String {
    if record.object_kind == "setting" {
        return texts::word(lang(), "setting", &record.object_id);
    }
    // A session or a token has a number nobody knows, and a failed sign-in may have been for no account at all.
    let name = record.object_name.as_deref().unwrap_or(&record.object_id);
    if name.is_empty() {
        return object_kind(&record.object_kind);
    }
    format!("{} {name}", object_kind(&record.object_kind))
}

fn columns() -> Vec<Column<AuditView>> {
    let language = lang();
    vec![
        Column::new("at", texts::audit::when(language), |row: &AuditView| {
            format::date_time(row.at).into_any()
        })
        .card(CardPlace::When),
        Column::new("actor", texts::audit::who(language), |row: &AuditView| actor(row).into_any())
            .card(CardPlace::Below),
        Column::new("action", texts::audit::what(language), |row: &AuditView| {
            view! { <span class="strong">{action(row)}</span> }.into_any()
        })
        .card(CardPlace::Title),
        Column::new("object", texts::audit::object(language), |row: &AuditView| object(row).into_any()),
        Column::new("address", texts::audit::address(language), |row: &AuditView| {
            let address = row.address.clone().unwrap_or_else(|| "–".to_owned());
            view! { <span class="mono">{address}</span> }.into_any()
        }),
        Column::new("id", texts::audit::number(language), |row: &AuditView| row.id.to_string().into_any())
            .number()
            .hidden(),
    ]
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let objects: Vec<Choice> = OBJECTS.iter().map(|kind| Choice::new(*kind, object_kind(kind))).collect();
    let mut actions: Vec<Choice> = OBJECTS
        .iter()
        .map(|kind| Choice::new(*kind, texts::audit::everything_with(language, object_kind(kind))))
        .collect();
    actions.extend(ACTIONS.iter().map(|action| Choice::new(*action, texts::word(language, "audit", action))));
    vec![
        FilterSpec::text("actor", texts::audit::who(language)),
        FilterSpec::choice("action", texts::audit::what(language), actions),
        FilterSpec::choice("object_kind", texts::audit::object(language), objects),
        FilterSpec::text("object", texts::audit::object_number(language)),
        FilterSpec::from_day("from", texts::audit::from(language)),
        FilterSpec::until_day("until", texts::audit::until(language)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{ACTIONS, ListQuery, OBJECTS, object_kind, path};
    use crate::texts::known;

    #[test]
    fn the_filter_has_the_actions_that_have_a_text() {
        let mut actions = ACTIONS.to_vec();
        actions.sort_unstable();
        assert_eq!(actions, known("audit"));
    }

    #[test]
    fn every_action_is_done_with_something_that_has_a_name() {
        for action in ACTIONS {
            let kind = action.split('.').next().unwrap();
            assert!(OBJECTS.contains(&kind), "{action}");
        }
        for kind in OBJECTS {
            assert_ne!(object_kind(kind), kind);
        }
    }

    #[test]
    fn the_cursor_is_called_before() {
        let query = ListQuery { page: 3, size: 50, after: Some("812".to_owned()), ..ListQuery::default() };
        assert_eq!(path(&query), "/audit?before=812&size=50");
    }
}
