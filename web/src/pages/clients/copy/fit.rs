//! What a copy takes along, and the values that do not fit the other model or software.

use std::sync::Arc;

use api::copy::{CopiedClient, DoesNotFit};
use domain::catalogue::Catalogue;
use leptos::prelude::*;

use crate::client::Failure;
use crate::components::states::{FailureNote, Skeleton};
use crate::load::{Loaded, load};
use crate::pages::configuration::{catalogue, words};
use crate::texts::{self, lang};

/// What the server says of what is typed. What concerns `fields` stands at them.
#[component]
pub(super) fn Fit(fit: Loaded<Option<CopiedClient>>, fields: &'static [&'static str]) -> impl IntoView {
    let rest =
        Signal::derive(move || fit.failure.get().filter(|failure: &Failure| !failure.is_about(fields)));
    let body = move || match fit.data.get().flatten() {
        _ if fit.failure.with(Option::is_some) => view! { <FailureNote failure=rest /> }.into_any(),
        Some(told) => {
            let fits = told.does_not_fit.is_empty().then(|| {
                view! { <p class="muted">{texts::copies::all_fits(lang())}</p> }
            });
            view! {
                <p class="strong">{texts::copies::takes_along(lang(), told.copied)}</p>
                {fits}
                <Unfit unfit=told.does_not_fit />
            }
            .into_any()
        }
        None if fit.busy.get() => view! { <Skeleton rows=3 /> }.into_any(),
        None => view! { <p class="muted">{texts::copies::not_asked_yet(lang())}</p> }.into_any(),
    };
    view! {
        <section class="fit" aria-live="polite" aria-busy=move || fit.busy.get().to_string()>
            <h3>{texts::copies::what_happens(lang())}</h3>
            {body}
        </section>
    }
}

/// The values that do not fit, each with its reason.
#[component]
pub(super) fn Unfit(unfit: Vec<DoesNotFit>) -> impl IntoView {
    if unfit.is_empty() {
        return ().into_any();
    }
    let count = unfit.len() as u64;
    let unfit = StoredValue::new(unfit);
    let all = load(catalogue);
    let lines = all.show(3, move |all: Signal<Arc<Catalogue>>| {
        let line = move |value: DoesNotFit| {
            let id = value.parameter.parameter;
            let label = all.with_untracked(|all| {
                all.parameter(&id).map(|parameter| words::text(&parameter.label).to_owned())
            });
            let label = label.unwrap_or(id);
            let label = match value.parameter.index {
                Some(index) => format!("{label} · {index}"),
                None => label,
            };
            view! {
                <li>
                    <span class="strong">{label}</span>
                    <span class="two">{words::reason(&value.reason)}</span>
                </li>
            }
        };
        let lines: Vec<_> = unfit.get_value().into_iter().map(line).collect();
        view! { <ul class="unfit">{lines}</ul> }.into_any()
    });
    view! {
        <p>{texts::copies::does_not_fit(lang(), count)}</p>
        <div class="scroll-box" tabindex="0" role="group" aria-label=texts::copies::does_not_fit(lang(), count)>
            {lines}
        </div>
    }
    .into_any()
}
