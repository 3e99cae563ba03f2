//! Who changed a template, and when: its records of the audit table, newest first.

use api::Page;
use api::audit::{AuditQuery, AuditView};
use domain::TemplateId;
use leptos::prelude::*;

use crate::address::with_fields;
use crate::client;
use crate::components::states::EmptyState;
use crate::components::status::Tone;
use crate::components::timeline::{Happened, Timeline};
use crate::live::Resource;
use crate::load::load;
use crate::texts::{self, lang};

/// Records that are shown; the audit page has the rest.
const SHOWN: u64 = 50;

#[component]
pub(super) fn History(id: TemplateId) -> impl IntoView {
    let records = load(move || async move {
        let query = AuditQuery {
            object_kind: Some("template".to_owned()),
            object_id: Some(id.to_string()),
            size: Some(SHOWN),
            ..AuditQuery::default()
        };
        client::get_with::<Page<AuditView>>("/audit", &query).await
    })
    .live(Resource::Templates);
    let all = with_fields("/audit", &[("object", format!("template:{id}"))]);
    records.show(4, move |records: Signal<Page<AuditView>>| {
        let all = all.clone();
        let empty = move || {
            records.with(|records| records.items.is_empty()).then(|| {
                view! { <EmptyState text=texts::templates::no_history(lang()).to_owned() icon="history" /> }
            })
        };
        let entries =
            Signal::derive(move || records.get().items.into_iter().map(happened).collect::<Vec<_>>());
        view! {
            {empty}
            <Timeline entries=entries />
            <p><a href=all>{texts::templates::all_records(lang())}</a></p>
        }
        .into_any()
    })
}

fn happened(record: AuditView) -> Happened {
    let icon = match record.action.rsplit('.').next() {
        Some("create" | "import") => "plus",
        Some("delete") => "trash",
        _ => "pencil",
    };
    let by = if record.actor_name.is_empty() {
        texts::audit::by_system(lang()).to_owned()
    } else {
        record.actor_name
    };
    Happened {
        icon,
        tone: Tone::Idle,
        text: texts::word(lang(), "audit", &record.action),
        at: record.at,
        by: Some(by),
        href: Some(format!("/audit?open={}", record.id)),
    }
}
