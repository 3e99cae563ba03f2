//! Software that is deployed to many phones and does not stop however many fail.

use api::plan::{PlanKind, PlanView};
use leptos::prelude::*;

use crate::components::states::Note;
use crate::components::status::Tone;
use crate::texts::{self, lang};

/// Whether a plan is one that goes on however many phones fail. What goes to one phone alone needs no limit.
fn never_stops(plan: &PlanView) -> bool {
    let limit = plan.deployment.as_ref().and_then(|deployment| deployment.error_limit);
    plan.kind == PlanKind::DeploySoftware && plan.summary.writes > 1 && limit.is_none()
}

/// Says so.
#[component]
pub fn NoStop(
    /// The plan.
    plan: Signal<PlanView>,
) -> impl IntoView {
    move || {
        plan.with(never_stops).then(|| {
            view! { <Note tone=Tone::Warn><p>{texts::deployments::no_error_limit(lang())}</p></Note> }
        })
    }
}
