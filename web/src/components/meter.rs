//! How far one thing is: a bar that fills, with its name and share read out.

use leptos::prelude::*;

/// A bar that fills. While nobody knows the whole, it is empty.
#[component]
pub fn Meter(
    /// What is under way, read out.
    #[prop(into)]
    label: Signal<String>,
    /// How much is done.
    #[prop(into)]
    done: Signal<u64>,
    /// The whole.
    #[prop(into)]
    whole: Signal<u64>,
) -> impl IntoView {
    let share = Memo::new(move |_| percent(done.get(), whole.get()));
    view! {
        <div
            class="bar meter"
            role="progressbar"
            aria-label=move || label.get()
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || share.get().to_string()
        >
            <span class="run" style:width=move || format!("{}%", share.get())></span>
        </div>
    }
}

/// Whole percents, and 100 only when it is done.
pub fn percent(done: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = u128::from(done.min(whole)) * 100 / u128::from(whole);
    u64::try_from(share).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn it_is_full_only_when_it_is_done() {
        assert_eq!((percent(0, 0), percent(0, 9), percent(999, 1_000)), (0, 0, 99));
        assert_eq!((percent(9, 9), percent(12, 9), percent(u64::MAX, u64::MAX)), (100, 100, 100));
    }
}
