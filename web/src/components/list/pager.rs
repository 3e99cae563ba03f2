//! Pages: rows per page, range and total, and the way to any page.

use leptos::prelude::*;

use super::frame::{Frame, SIZES};
use super::query::{last_numbered_page, pages};
use crate::components::button::IconButton;
use crate::components::select::{Choice, PlainSelect};
use crate::format;
use crate::texts::{self, lang};

#[component]
pub(super) fn Pager(state: Frame) -> impl IntoView {
    let query = state.query;
    let total = Signal::derive(move || state.total.get().unwrap_or_default());
    let last = Memo::new(move |_| pages(total.get(), query.with(|query| query.size)));
    let page = Memo::new(move |_| query.with(|query| query.page).min(last.get()));
    let size = RwSignal::new(query.get_untracked().size.to_string());
    Effect::new(move |_| size.set(query.with(|query| query.size).to_string()));
    let range = move || {
        let (size, shown) = (query.with(|query| query.size), state.keys.with(Vec::len) as u64);
        let shown = shown.saturating_sub(state.gone.get());
        let from = (page.get() - 1) * size;
        let first = if shown == 0 { 0 } else { from + 1 };
        texts::common::range_of(
            lang(),
            format::number(first),
            format::number(from + shown),
            format::number(total.get()),
        )
    };
    let typed = RwSignal::new(String::new());
    Effect::new(move |_| typed.set(page.get().to_string()));
    let jump = move || {
        let most = last_numbered_page(total.get_untracked(), query.get_untracked().size);
        match typed.get_untracked().trim().parse::<u64>() {
            Ok(wanted) if wanted != page.get_untracked() => state.go(wanted.clamp(1, most)),
            _ => typed.set(page.get_untracked().to_string()),
        }
    };
    let step = move |label: &'static str, icon: &'static str, to: Signal<Option<u64>>| {
        view! {
            <IconButton
                label=label.to_owned()
                icon=icon.to_owned()
                blocked=Signal::derive(move || to.get().is_none())
                on_press=Callback::new(move |()| {
                    if let Some(to) = to.get_untracked() {
                        state.go(to);
                    }
                })
            />
        }
    };
    let before = Signal::derive(move || (page.get() > 1).then(|| page.get() - 1));
    let after = Signal::derive(move || (page.get() < last.get()).then(|| page.get() + 1));
    let first = Signal::derive(move || (page.get() > 1).then_some(1));
    let end = Signal::derive(move || {
        let end = last_numbered_page(total.get(), query.with(|query| query.size));
        (page.get() < end).then_some(end)
    });
    view! {
        <div class="pager">
            <div class="row rows">
                <span class="hide" aria-hidden="true">
                    {texts::common::rows(lang())}
                </span>
                <PlainSelect
                    label=texts::common::rows_per_page(lang())
                    value=size
                    choices=Signal::derive(move || {
                        let now = query.with(|query| query.size);
                        let mut sizes = SIZES.to_vec();
                        if !sizes.contains(&now) {
                            sizes.push(now);
                            sizes.sort_unstable();
                        }
                        sizes.into_iter().map(|size| Choice::new(size.to_string(), size.to_string())).collect()
                    })
                    on_change=Callback::new(move |chosen: String| {
                        let chosen: Option<u64> = chosen.parse().ok();
                        state.like(|liking| liking.size = chosen.or(liking.size));
                        state.ask(&[("size", None)]);
                    })
                />
                <span aria-live="polite">{range}</span>
            </div>
            <nav class="row" aria-label=texts::common::pages(lang())>
                <span class="page-word">{texts::common::page(lang())}</span>
                <span class="in tiny">
                    <input
                        inputmode="numeric"
                        aria-label=texts::common::page(lang())
                        maxlength="6"
                        bind:value=typed
                        on:change=move |_| jump()
                        on:keydown=move |event| {
                            if event.key() == "Enter" {
                                event.prevent_default();
                                jump();
                            }
                        }
                    />
                </span>
                <span class="of">{move || texts::common::of_pages(lang(), format::number(last.get()))}</span>
                {step(texts::common::first_page(lang()), "first", first)}
                {step(texts::common::previous_page(lang()), "left", before)}
                {step(texts::common::next_page(lang()), "right", after)}
                {step(texts::common::last_page(lang()), "last", end)}
            </nav>
        </div>
    }
}
