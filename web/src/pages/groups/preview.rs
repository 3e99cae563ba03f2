//! Who belongs to a filter while it is typed: the count, the first of them, and other groups with some of the same clients.

use api::group::{GroupPreview, PreviewGroup, PreviewedClient};
use domain::GroupId;
use domain::group_filter::Filter;
use leptos::prelude::*;

use crate::client::{self, Failure};
use crate::components::states::FailureNote;
use crate::format;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// Pause in typing after which is counted, in milliseconds.
const TYPING_MS: u64 = 300;

/// What is counted: a filter that can be asked for, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// This filter; nobody belongs to none.
    Filter(Option<Filter>),
    /// A condition is not complete, or wrong.
    Incomplete,
}

/// The count and who it counts. `group` is the one the filter is for; `saved` says that the filter shown is the saved one.
#[component]
pub(super) fn Preview(
    #[prop(into)] asked: Signal<Asked>,
    #[prop(into)] group: Signal<Option<GroupId>>,
    #[prop(into)] saved: Signal<bool>,
) -> impl IntoView {
    let found = RwSignal::new(None::<GroupPreview>);
    let failure = RwSignal::new(None::<Failure>);
    // What is shown belongs to another filter than the one that is typed.
    let old = RwSignal::new(true);
    let number = StoredValue::new(0_u64);
    let tick = live::tick(Resource::Clients);
    let count = move |filter: Option<Filter>, own: u64| {
        let group = group.get_untracked();
        leptos::task::spawn_local_scoped_with_cancellation(async move {
            // The count first; what other groups have in common with it takes longer.
            for overlaps in [false, true] {
                let body = PreviewGroup { filter: filter.clone(), group, overlaps };
                let answer = client::post::<GroupPreview>("/groups/preview", &body).await;
                // Another filter was typed meanwhile.
                if number.try_get_value() != Some(own) {
                    return;
                }
                match answer {
                    Ok(preview) => {
                        found.set(Some(preview));
                        failure.set(None);
                        old.set(false);
                    }
                    Err(problem) => {
                        failure.set(Some(problem));
                        return;
                    }
                }
            }
        });
    };
    Effect::new(move |before: Option<(Asked, u64)>| {
        let (now, ticked) = (asked.get(), tick.get());
        let typed = before.as_ref().is_some_and(|(before, _)| *before != now);
        let own = number.get_value() + 1;
        number.set_value(own);
        if typed {
            old.set(true);
        }
        if let Asked::Filter(filter) = now.clone() {
            if typed {
                set_timeout(
                    move || {
                        if number.try_get_value() == Some(own) {
                            count(filter, own);
                        }
                    },
                    std::time::Duration::from_millis(TYPING_MS),
                );
            } else {
                count(filter, own);
            }
        }
        (now, ticked)
    });
    let incomplete = Memo::new(move |_| asked.with(|asked| *asked == Asked::Incomplete));
    let figure = move || {
        let words = match found.with(|found| found.as_ref().map(|found| found.members)) {
            Some(members) => texts::groups::belong(lang(), members),
            None => "–".to_owned(),
        };
        view! { <p class="figure" class:old=move || old.get() aria-busy=move || (old.get() && !incomplete.get()).to_string()>{words}</p> }
    };
    let note = move || {
        incomplete.get().then(|| view! { <p class="muted small">{texts::groups::incomplete(lang())}</p> })
    };
    let clients = move || {
        let preview = found.get()?;
        if preview.members == 0 {
            return Some(view! { <p class="muted">{texts::groups::nobody_found(lang())}</p> }.into_any());
        }
        let all = match group.get().filter(|_| saved.get()) {
            Some(id) => {
                let words = texts::groups::show_all(lang(), format::number(preview.members));
                view! { <p><a href=format!("/clients?group={id}")>{words}</a></p> }.into_any()
            }
            None if preview.members > preview.clients.len() as u64 => {
                view! { <p class="muted small">{texts::groups::show_all_after(lang())}</p> }.into_any()
            }
            None => ().into_any(),
        };
        Some(
            view! {
                <ul class="first-members" class:old=move || old.get()>
                    {preview.clients.into_iter().map(member).collect::<Vec<_>>()}
                </ul>
                {all}
            }
            .into_any(),
        )
    };
    let overlaps = move || {
        let preview = found.get()?;
        let line = |overlap: api::group::Overlap| {
            view! {
                <li>
                    <a href=format!("/groups/{}", overlap.id)>{overlap.name}</a>
                    <span class="num">{format::number(overlap.members)}</span>
                </li>
            }
        };
        Some(if preview.overlaps.is_empty() {
            view! { <p class="muted">{texts::groups::no_overlap(lang())}</p> }.into_any()
        } else {
            let lines: Vec<_> = preview.overlaps.into_iter().map(line).collect();
            view! { <ul class="overlaps" class:old=move || old.get()>{lines}</ul> }.into_any()
        })
    };
    let any = Memo::new(move |_| found.with(Option::is_some));
    view! {
        <div class="blk" aria-live="polite">
            <h2>{texts::groups::members(lang())}</h2>
            <FailureNote failure=failure />
            {figure}
            {note}
            {clients}
        </div>
        <Show when=move || any.get()>
            <div class="blk">
                <h2>{texts::groups::overlap(lang())}</h2>
                {overlaps}
            </div>
        </Show>
    }
}

/// A client, by what identifies it.
fn member(client: PreviewedClient) -> impl IntoView {
    let id = client.id;
    let name = client.e164.or_else(|| client.device_id.clone()).unwrap_or_else(|| id.to_string());
    let more: Vec<String> = [client.model, client.peer_address].into_iter().flatten().collect();
    view! {
        <li>
            <a href=format!("/clients/{id}")>{name}</a>
            <span class="muted small">{more.join(" · ")}</span>
        </li>
    }
}
