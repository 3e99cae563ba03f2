//! Times: relative for the eye, exact in the tooltip and for machines.

use jiff::Timestamp;
use leptos::prelude::*;

use crate::format;
use crate::texts::{self, lang};

/// How long ago, or in how long; the exact instant in the tooltip. `None` is "never".
#[component]
pub fn Ago(
    /// The instant.
    #[prop(into)]
    at: Signal<Option<Timestamp>>,
) -> impl IntoView {
    move || match at.get() {
        Some(at) => view! {
            <time datetime=at.to_string() title=format::date_time(at)>
                {move || format::relative(at)}
            </time>
        }
        .into_any(),
        None => texts::common::never(lang()).into_any(),
    }
}

/// An instant, exactly.
#[component]
pub fn At(
    /// The instant.
    at: Timestamp,
) -> impl IntoView {
    view! { <time datetime=at.to_string()>{format::date_time(at)}</time> }
}
