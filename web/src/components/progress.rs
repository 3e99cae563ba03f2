//! Progress in segments: fixed order, a pattern for each kind, the numbers beside it.

use domain::job::{Counts, TargetState};
use leptos::prelude::*;

use crate::format;
use crate::texts::{self, lang};

/// A part of a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Class of colour and pattern: `ok`, `bad`, `late`, `warn`, `hold`, `run`, `told`, `check`, `rest`.
    pub class: &'static str,
    /// Its word.
    pub label: String,
    /// How many.
    pub count: u64,
    /// The list it counts.
    pub href: Option<String>,
}

/// States of targets in the order of the bar: done, not done, under way, not begun.
pub const ORDER: [(TargetState, &str); 10] = [
    (TargetState::Success, "ok"),
    (TargetState::Skipped, "ok"),
    (TargetState::Partial, "warn"),
    (TargetState::Failed, "bad"),
    (TargetState::Timeout, "late"),
    (TargetState::Waiting, "hold"),
    (TargetState::Active, "run"),
    (TargetState::Sent, "run"),
    (TargetState::Scheduled, "rest"),
    (TargetState::Cancelled, "rest"),
];

/// The segments of a job.
pub fn segments_of(counts: &Counts) -> Vec<Segment> {
    segments_to(counts, |_| None)
}

/// The segments of a job, each leading to the targets it counts.
pub fn segments_to(counts: &Counts, href: impl Fn(TargetState) -> Option<String>) -> Vec<Segment> {
    let part = |(state, class): (TargetState, &'static str)| {
        let count = counts.of(state);
        let label = texts::word(lang(), "target-state", state.as_str());
        (count > 0).then(|| Segment { class, label, count, href: href(state) })
    };
    ORDER.into_iter().filter_map(part).collect()
}

/// A bar in segments. Its sentence is read out.
#[component]
pub fn Progress(
    /// The segments.
    #[prop(into)]
    segments: Signal<Vec<Segment>>,
    /// 14 px high instead of 8.
    #[prop(optional)]
    large: bool,
) -> impl IntoView {
    let sentence = move || {
        let parts =
            segments.get().into_iter().map(|part| format!("{} {}", format::number(part.count), part.label));
        parts.collect::<Vec<_>>().join(", ")
    };
    let bar = move || {
        let parts = segments.get().into_iter();
        parts
            .map(|part| view! { <span class=part.class style:flex-grow=part.count.to_string()></span> })
            .collect_view()
    };
    // Without segments it is an empty track: nothing to read out.
    let empty = Memo::new(move |_| segments.with(Vec::is_empty));
    view! {
        <div
            class="bar"
            class:lg=large
            role=move || (!empty.get()).then_some("img")
            aria-label=move || (!empty.get()).then(sentence)
        >
            {bar}
        </div>
    }
}

/// What the segments mean: swatch, number, word; numbers lead to their lists.
#[component]
pub fn Legend(
    /// The segments.
    #[prop(into)]
    segments: Signal<Vec<Segment>>,
) -> impl IntoView {
    let entry = |part: Segment| {
        let number = format::number(part.count);
        let number = match part.href {
            Some(href) => view! { <a href=href>{number}</a> }.into_any(),
            None => view! { <b>{number}</b> }.into_any(),
        };
        view! {
            <li>
                <span class=format!("sw-k {}", part.class) aria-hidden="true"></span>
                {number}
                " "
                {part.label}
            </li>
        }
    };
    view! { <ul class="legend">{move || segments.get().into_iter().map(entry).collect_view()}</ul> }
}

#[cfg(test)]
mod tests {
    use super::{ORDER, segments_of};
    use domain::job::{Counts, TargetState};

    #[test]
    fn every_target_is_in_one_segment() {
        let mut counts = Counts::default();
        for (place, state) in TargetState::ALL.iter().enumerate() {
            counts.add(*state, place as u64 + 1);
        }
        let parts = segments_of(&counts);
        assert_eq!(parts.len(), ORDER.len());
        assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), counts.total());
        assert_eq!(parts.len(), TargetState::ALL.len());
    }
}
