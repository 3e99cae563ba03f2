//! Saving something of the fleet that changes what is desired of clients: the server answers with a plan instead, and
//! this dialog shows it over the form, which stays as it is until the plan is applied or given up.

use api::plan::{PlanApplied, PlanState, PlanView};
use api::{Code, Problem};
use domain::PlanId;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::apply::{Apply, Outcome};
use super::drawn::{self, Drawing, NotDrawn};
use super::short::ShortPlan;
use crate::client::{self, Call, Failure};
use crate::components::button::Button;
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::components::toast;
use crate::load::load;
use crate::texts::{self, lang};

/// A plan that stands between a change and its being saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredPlan {
    /// The plan.
    pub plan: PlanId,
    /// Clients whose desired values change; not known while the plan is being drawn up.
    pub affected: Option<u64>,
    /// Clients that something is written to.
    pub writes: Option<u64>,
    /// Clients whose telephony restarts.
    pub restarts: Option<u64>,
}

impl RequiredPlan {
    /// A plan of which nothing else is known yet.
    pub fn only(plan: PlanId) -> Self {
        Self { plan, affected: None, writes: None, restarts: None }
    }
}

/// The plan that a refusal names, when it is `plan_required`.
pub fn plan_required(problem: &Problem) -> Option<RequiredPlan> {
    if problem.code != Code::PlanRequired {
        return None;
    }
    let number = |name: &str| problem.args.get(name).and_then(serde_json::Value::as_u64);
    Some(RequiredPlan {
        plan: PlanId(problem.args.get("plan").and_then(serde_json::Value::as_i64)?),
        affected: number("affected"),
        writes: number("writes"),
        restarts: number("restarts"),
    })
}

/// As [`plan_required`], of a call that failed.
pub fn required_by(failure: &Failure) -> Option<RequiredPlan> {
    plan_required(failure.problem.as_ref()?)
}

/// The plan of [`plan_required`], with the button that saves it. Opens when there is one; closing takes it away.
///
/// `on_done` is called after it was saved, and `on_cancel` when it was given up; what was typed in the form below belongs
/// to the form. `on_again` saves once more, for a plan that could not be drawn up.
#[component]
pub fn RequiredPlanDialog(
    /// The plan.
    required: RwSignal<Option<RequiredPlan>>,
    /// After it was saved.
    #[prop(into)]
    on_done: Callback<()>,
    /// After it was given up.
    #[prop(optional, into)]
    on_cancel: Option<Callback<()>>,
    /// Saves once more.
    #[prop(optional, into)]
    on_again: Option<Callback<()>>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let plan = Memo::new(move |_| required.with(|required| required.map(|required| required.plan)));
    Effect::new(move |_| {
        let there = plan.get().is_some();
        if there != open.get_untracked() {
            open.set(there);
        }
    });
    // Nobody will ask for it again, and while it is being drawn up it costs.
    let give_up = move || {
        if let Some(id) = plan.get_untracked() {
            spawn_local(async move {
                // It may be gone or applied already: then there is nothing to give up.
                drop(Call::delete(&format!("/plans/{id}")).done().await);
            });
        }
        required.set(None);
        if let Some(on_cancel) = on_cancel {
            on_cancel.run(());
        }
    };
    let saved = Callback::new(move |applied: Option<PlanApplied>| {
        let language = lang();
        match applied.and_then(|applied| Some((applied.job_id?, applied.targets))) {
            Some((job, count)) => toast::show_link(
                texts::plans::saved_and_written(language, count),
                texts::plans::show_job(language, job),
                format!("/jobs/{job}"),
            ),
            None => toast::show(texts::plans::saved_now(language)),
        }
        let _ = required.try_set(None);
        on_done.try_run(());
    });
    view! {
        <Dialog
            open=open
            title=texts::plans::required_title(lang()).to_owned()
            size=DialogSize::Table
            busy=busy
            on_close=Callback::new(move |()| give_up())
        >
            {move || {
                plan.get()
                    .map(|id| {
                        view! {
                            <Required
                                id=id
                                required=required
                                busy=busy
                                saved=saved
                                give_up=Callback::new(move |()| give_up())
                                again=on_again
                            />
                        }
                    })
            }}
        </Dialog>
    }
}

#[component]
fn Required(
    id: PlanId,
    required: RwSignal<Option<RequiredPlan>>,
    busy: RwSignal<bool>,
    saved: Callback<Option<PlanApplied>>,
    give_up: Callback<()>,
    again: Option<Callback<()>>,
) -> impl IntoView {
    let plan =
        drawn::until_drawn(load(
            move || async move { client::get::<PlanView>(&format!("/plans/{id}")).await },
        ));
    let outcome = Callback::new(move |outcome: Outcome| match outcome {
        Outcome::Applied(applied) => saved.run(Some(applied)),
        Outcome::Before(_) => saved.run(None),
        Outcome::Stale(newer) => {
            super::note_stale(id, newer);
            let _ = required.try_set(Some(RequiredPlan::only(newer)));
        }
    });
    let back = move || {
        view! {
            <Button on_press=Callback::new(move |()| {
                if !busy.get_untracked() {
                    give_up.run(());
                }
            })>{texts::plans::back_to_form(lang())}</Button>
        }
    };
    let again = again.map(|again| {
        Callback::new(move |()| {
            required.set(None);
            again.run(());
        })
    });
    // Beside the plan: when it cannot be read, the way back must be there all the same.
    let unread = Memo::new(move |_| {
        plan.data.with(|plan| plan.as_ref().is_none_or(|plan| plan.state != PlanState::Ready))
    });
    view! {
        {super::was_stale(id)
            .then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::new_plan(lang())}</p></Note> })}
        {plan
            .show(
                4,
                move |plan: Signal<PlanView>| {
                    let state = Memo::new(move |_| plan.with(|plan| plan.state));
                    let view = move || match state.get() {
                        PlanState::Drawing => view! { <Drawing plan=plan /> }.into_any(),
                        PlanState::Failed => view! { <NotDrawn plan=plan again=again /> }.into_any(),
                        PlanState::Ready => {
                            view! {
                                <ShortPlan plan=plan />
                                <Apply plan=plan outcome=outcome busy=busy>
                                    {back()}
                                </Apply>
                            }
                                .into_any()
                        }
                    };
                    view! { {view} }.into_any()
                },
            )}
        {move || unread.get().then(|| view! { <DialogButtons>{back()}</DialogButtons> })}
    }
}

#[cfg(test)]
mod tests {
    use super::plan_required;
    use api::{Args, Code, Problem};
    use domain::PlanId;

    fn problem(code: Code, plan: serde_json::Value) -> Problem {
        let mut args = Args::new();
        args.insert("plan".to_owned(), plan);
        args.insert("state".to_owned(), "ready".into());
        args.insert("affected".to_owned(), 1_240.into());
        args.insert("writes".to_owned(), 1_200.into());
        Problem {
            kind: code.urn(),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: String::new(),
            args,
            errors: Vec::new(),
            request_id: None,
        }
    }

    #[test]
    fn only_a_plan_that_is_required_opens_the_dialog() {
        let required = plan_required(&problem(Code::PlanRequired, 7.into())).unwrap();
        assert_eq!((required.plan, required.affected, required.restarts), (PlanId(7), Some(1_240), None));
        assert_eq!(plan_required(&problem(Code::PlanStale, 7.into())), None);
        assert_eq!(plan_required(&problem(Code::PlanRequired, "x".into())), None);
    }
}
