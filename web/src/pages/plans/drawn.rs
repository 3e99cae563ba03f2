//! A plan while it is being drawn up, and when that failed. Of many clients it takes some seconds.

use std::time::Duration;

use api::plan::{PlanState, PlanView};
use leptos::prelude::*;

use crate::components::button::Button;
use crate::components::progress::{Progress, Segment};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::format;
use crate::live::Resource;
use crate::load::Loaded;
use crate::pages::configuration::words;
use crate::texts::{self, lang};

/// Time between two looks at a plan that is being drawn up.
const LOOK: Duration = Duration::from_secs(1);

/// Reason of a failure nobody knows more of.
const FAILED: &str = "failed";

/// Reads a plan again, each second and when the server says that it changed, until it is drawn up.
#[must_use]
pub fn until_drawn(plan: Loaded<PlanView>) -> Loaded<PlanView> {
    let plan = plan.live(Resource::Plans);
    Effect::new(move |_| {
        plan.failure.track();
        if plan.data.with(|plan| plan.as_ref().is_some_and(|plan| plan.state == PlanState::Drawing)) {
            let timer = set_timeout_with_handle(move || plan.reload(), LOOK);
            on_cleanup(move || {
                if let Ok(timer) = timer {
                    timer.clear();
                }
            });
        }
    });
    plan
}

/// How far a plan is drawn up.
#[component]
pub fn Drawing(
    /// The plan.
    #[prop(into)]
    plan: Signal<PlanView>,
) -> impl IntoView {
    let progress = move || plan.with(|plan| plan.progress);
    let segments = Signal::derive(move || {
        let language = lang();
        let progress = progress();
        let part = |class, label: &str, count| Segment { class, label: label.to_owned(), count, href: None };
        let all = [
            part("run", texts::plans::looked_at(language), progress.drawn),
            part(
                "rest",
                texts::plans::not_looked_at(language),
                progress.clients.saturating_sub(progress.drawn),
            ),
        ];
        all.into_iter().filter(|part| part.count > 0).collect::<Vec<_>>()
    });
    let sentence = move || {
        let progress = progress();
        let drawn = format::number(progress.drawn);
        match progress.clients {
            0 => texts::plans::drawing_begins(lang()).to_owned(),
            clients => texts::plans::drawing(lang(), clients, drawn),
        }
    };
    view! {
        <div class="stack-v close drawing" role="status">
            <p>{sentence}</p>
            <Progress segments=segments large=true />
        </div>
    }
}

/// That a plan could not be drawn up, why, and what helps.
#[component]
pub fn NotDrawn(
    /// The plan.
    #[prop(into)]
    plan: Signal<PlanView>,
    /// Asks for it again, where that is possible.
    #[prop(optional_no_strip, into)]
    again: Option<Callback<()>>,
) -> impl IntoView {
    // That it failed is said already.
    let why =
        move || plan.with(|plan| plan.failure.as_ref().filter(|why| why.code != FAILED).map(words::reason));
    view! {
        <Note tone=Tone::Bad>
            <p class="strong">{texts::plans::not_drawn(lang())}</p>
            {move || why().map(|why| view! { <p>{why}</p> })}
            <p>{texts::plans::not_drawn_hint(lang())}</p>
            {again
                .map(|again| {
                    view! {
                        <Button icon="refresh" on_press=again>
                            {texts::plans::ask_again(lang())}
                        </Button>
                    }
                })}
        </Note>
    }
}
