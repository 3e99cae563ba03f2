//! The tab "History": the revisions of what is desired for a client, newest first, each with what it changed. Secrets
//! show that they changed, never a value.

use std::sync::Arc;

use api::Page;
use api::client::ClientView;
use api::revision::{RevisionChange, RevisionQuery, RevisionView};
use domain::ClientId;
use domain::catalogue::{Catalogue, Value};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{self, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::diff::{DiffLine, DiffTable};
use crate::components::states::{EmptyState, FailureNote};
use crate::components::time::Ago;
use crate::load::load;
use crate::pages::configuration::{catalogue, words};
use crate::texts::{self, lang};

/// Revisions fetched at a time.
const SIZE: u64 = 20;

/// The revisions of a client.
#[component]
pub(super) fn History(client: Signal<ClientView>) -> impl IntoView {
    let id = client.with_untracked(|client| client.id);
    let newest = Memo::new(move |_| client.with(|client| client.configuration_revision));
    let known = load(catalogue);
    let page = load(move || {
        newest.track();
        let query = RevisionQuery { page: Some(1), size: Some(SIZE) };
        async move { client::get_with::<Page<RevisionView>>(&format!("/clients/{id}/revisions"), &query).await }
    });
    page.show(5, move |page: Signal<Page<RevisionView>>| {
        view! { <Revisions id=id page=page catalogue=Signal::derive(move || known.data.get()) /> }.into_any()
    })
}

#[component]
fn Revisions(
    id: ClientId,
    page: Signal<Page<RevisionView>>,
    catalogue: Signal<Option<Arc<Catalogue>>>,
) -> impl IntoView {
    let older = RwSignal::new(Vec::<RevisionView>::new());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let all = Memo::new(move |_| {
        let mut all = page.with(|page| page.items.clone());
        let last = all.last().map(|revision| revision.number);
        // A new revision moves the pages: what is known already is not shown twice.
        let rest = older.get().into_iter().filter(|revision| last.is_none_or(|last| revision.number < last));
        all.extend(rest);
        all
    });
    let more = move |()| {
        let next = all.with_untracked(Vec::len) as u64 / SIZE + 1;
        busy.set(true);
        spawn_local(async move {
            let query = RevisionQuery { page: Some(next), size: Some(SIZE) };
            let answer =
                client::get_with::<Page<RevisionView>>(&format!("/clients/{id}/revisions"), &query).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(page) => {
                    let known =
                        all.try_with_untracked(|all| all.last().map(|revision| revision.number)).flatten();
                    let _ = older.try_update(|older| {
                        older.extend(
                            page.items.into_iter().filter(|new| known.is_none_or(|known| new.number < known)),
                        );
                    });
                    let _ = failure.try_set(None);
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let rest = move || page.with(|page| page.total).saturating_sub(all.with(Vec::len) as u64);
    let list = move || {
        if all.with(Vec::is_empty) {
            let text = texts::clients::no_history(lang()).to_owned();
            let hint = Some(texts::clients::no_history_hint(lang()).to_owned());
            return view! { <EmptyState text=text hint=hint icon="history" /> }.into_any();
        }
        view! {
            <ol class="client-lines">
                <For each=move || all.get() key=|revision| revision.number let:revision>
                    <Revision id=id revision=revision catalogue=catalogue />
                </For>
            </ol>
        }
        .into_any()
    };
    view! {
        {list}
        <FailureNote failure=failure />
        {move || {
            (rest() > 0)
                .then(|| {
                    view! {
                        <Button size=ButtonSize::Small busy=busy on_press=Callback::new(more)>
                            {texts::clients::show_more(lang(), rest())}
                        </Button>
                    }
                })
        }}
    }
}

/// One revision: who, when, how much; what exactly when it is opened.
#[component]
fn Revision(
    id: ClientId,
    revision: RevisionView,
    catalogue: Signal<Option<Arc<Catalogue>>>,
) -> impl IntoView {
    let RevisionView { number, at, author, job_id, total_changes, changes, .. } = revision;
    let open = RwSignal::new(false);
    let changes = RwSignal::new(changes);
    let failure = RwSignal::new(None::<Failure>);
    // The list has the first changes of each; the rest is fetched by who wants to see it.
    let fetch = move || {
        spawn_local(async move {
            match client::get::<RevisionView>(&format!("/clients/{id}/revisions/{number}")).await {
                Ok(whole) => {
                    let _ = changes.try_set(whole.changes);
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let lines = Signal::derive(move || {
        let catalogue = catalogue.get();
        changes.with(|changes| {
            changes.iter().map(|change| line(catalogue.as_deref(), change)).collect::<Vec<_>>()
        })
    });
    let summary = move || {
        let names =
            lines.with(|lines| lines.iter().take(3).map(|line| line.label.clone()).collect::<Vec<_>>());
        let more = if total_changes > names.len() as u64 { " …" } else { "" };
        format!("{}{more}", names.join(", "))
    };
    let title = texts::clients::revision(lang(), number);
    let told = title.clone();
    view! {
        <li>
            <div class="row between">
                <button
                    type="button"
                    class="link strong"
                    aria-expanded=move || open.get().to_string()
                    on:click=move |_| {
                        open.update(|open| *open = !*open);
                        if open.get_untracked() && changes.with_untracked(Vec::len) as u64 != total_changes {
                            fetch();
                        }
                    }
                >
                    {title}
                </button>
                <span class="muted small">{texts::clients::values_changed(lang(), total_changes)}</span>
            </div>
            <p class="muted small">
                <Ago at=Some(at) />
                " · "
                {author}
                {job_id
                    .map(|job| {
                        view! {
                            " · "
                            <a href=format!("/jobs/{job}")>{texts::clients::job_number(lang(), job)}</a>
                        }
                    })}
            </p>
            {move || {
                if open.get() {
                    view! {
                        <FailureNote failure=failure />
                        <DiffTable label=told.clone() lines=lines before_head=texts::clients::before(lang()) />
                    }
                        .into_any()
                } else {
                    view! { <p class="soft clip">{summary}</p> }.into_any()
                }
            }}
        </li>
    }
}

fn line(catalogue: Option<&Catalogue>, change: &RevisionChange) -> DiffLine {
    let parameter = catalogue.and_then(|catalogue| catalogue.parameter(&change.parameter));
    let label = parameter
        .map_or_else(|| change.parameter.clone(), |parameter| words::text(&parameter.label).to_owned());
    let label = match change.index {
        Some(index) => texts::clients::entry(lang(), index, label),
        None => label,
    };
    let shown = |value: &Value| match parameter {
        Some(parameter) => words::value(parameter, value),
        None => plain(value),
    };
    DiffLine {
        label,
        item: Some(change.parameter.clone()),
        old: change.before.as_ref().map(shown),
        new: change.after.as_ref().map(shown),
        nothing: None,
        secret: change.secret,
        remark: None,
    }
}

/// A value of a parameter that the catalogue does not know any more.
fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => texts::common::yes(lang()).to_owned(),
        Value::Bool(false) => texts::common::no(lang()).to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(entries) => entries.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use api::revision::RevisionChange;
    use domain::catalogue::Value;

    #[test]
    fn a_parameter_nobody_knows_is_shown_by_its_id() {
        let change = RevisionChange {
            parameter: "old.setting".to_owned(),
            index: Some(3),
            secret: false,
            was_set: false,
            before: None,
            is_set: true,
            after: Some(Value::Integer(7)),
        };
        let shown = line(None, &change);
        assert_eq!(
            (shown.label.as_str(), shown.old, shown.new.as_deref()),
            ("old.setting, entry 3", None, Some("7"))
        );
    }
}
