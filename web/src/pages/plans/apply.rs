//! Applying a plan: when, what secrets need, the number that has to be typed, and what to do when it is stale.

use api::Code;
use api::plan::{ApplyPlan, PlanApplied, PlanKind, PlanView};
use domain::{JobId, PlanId};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::note_applied;
use crate::client::{Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::checkbox::Checkbox;
use crate::components::confirm::number_in;
use crate::components::field::TextField;
use crate::components::moment;
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::components::step_up::{StepUp, is_asked};
use crate::format;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// Reason of a secret that an approval mends.
const NOT_APPROVED: &str = "not-approved";
/// Reason of a secret that sending it again mends.
const HANDED_OUT: &str = "handed-out-before";

/// What came of applying.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was applied.
    Applied(PlanApplied),
    /// The fleet has changed: this plan is true now.
    Stale(PlanId),
    /// It was applied before, as this job.
    Before(Option<JobId>),
}

/// The number somebody has to type before a plan is applied: that of the clients it writes to, beyond their limit.
fn number_to_type(plan: &PlanView) -> Option<u64> {
    let writes = plan.summary.writes;
    (!plan.stale && writes > plan.confirm_beyond).then_some(writes)
}

/// When, care and the button.
#[component]
pub fn Apply(
    /// The plan.
    plan: Signal<PlanView>,
    /// What came of it.
    outcome: Callback<Outcome>,
    /// Large, for the page.
    #[prop(optional)]
    large: bool,
    /// Told while it is being applied.
    #[prop(optional)]
    busy: RwSignal<bool>,
    /// A button beside it.
    #[prop(optional)]
    children: Option<ChildrenFn>,
) -> impl IntoView {
    let later = RwSignal::new(false);
    let at = RwSignal::new(String::new());
    let approve = RwSignal::new(false);
    let again = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    // The number the server asks for, and before it was asked the one it surely will.
    let asked = RwSignal::new(None::<u64>);
    let wanted = Memo::new(move |_| asked.get().or_else(|| plan.with(number_to_type)));
    let tried = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let key = StoredValue::new(idempotency_key());
    let withheld = move |reason: &'static str| {
        let count = plan.with(|plan| plan.summary.withheld.get(reason).copied().unwrap_or_default());
        (count > 0).then_some(count)
    };
    let planned_at = move || if later.get() { moment::read(&at.get()) } else { None };
    let no_time = move || later.get() && planned_at().is_none();
    let number = move || typed.with(|typed| number_in(typed));
    let blocked = Signal::derive(move || {
        let missing = wanted.get().filter(|wanted| number() != Some(*wanted));
        missing.map(|wanted| texts::common::type_number(lang(), format::number(wanted)))
    });
    let time_error = Signal::derive(move || {
        (tried.get() && no_time()).then(|| texts::plans::choose_time(lang()).to_owned())
    });
    let time_help = Signal::derive(move || planned_at().map(format::relative));
    let send = move || {
        tried.set(true);
        if busy.get_untracked() || untrack(no_time) {
            return;
        }
        busy.set(true);
        failure.set(None);
        let id = plan.with_untracked(|plan| plan.id);
        let request = ApplyPlan {
            planned_at: untrack(planned_at),
            approve: approve.get_untracked(),
            send_secrets_again: again.get_untracked(),
            confirm: wanted.get_untracked().and_then(|_| untrack(number)),
        };
        spawn_local(async move {
            // A refusal is no answer that is kept, but another question is another intent.
            let call = Call::post(&format!("/plans/{id}/apply")).once(&key.get_value()).json(&request);
            let answer = match call {
                Ok(call) => call.answer::<PlanApplied>().await,
                Err(failure) => Err(failure),
            };
            let _ = busy.try_set(false);
            match answer {
                Ok(applied) => {
                    note_applied(id);
                    live::touch(Resource::Jobs);
                    live::touch(Resource::Clients);
                    outcome.try_run(Outcome::Applied(applied));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    match problem.code() {
                        Some(Code::PlanStale) if problem.number("plan").is_some() => {
                            let plan = problem.number("plan").and_then(|plan| i64::try_from(plan).ok());
                            outcome.try_run(Outcome::Stale(PlanId(plan.unwrap_or_default())));
                        }
                        Some(Code::PlanApplied) => {
                            let job = problem.number("job").and_then(|job| i64::try_from(job).ok());
                            outcome.try_run(Outcome::Before(job.map(JobId)));
                        }
                        Some(Code::ConfirmationRequired)
                            if asked.try_get_untracked().flatten() != problem.number("targets") =>
                        {
                            let _ = asked.try_set(problem.number("targets"));
                        }
                        _ => {
                            let _ = failure.try_set(Some(problem));
                        }
                    }
                }
            }
        });
    };
    let step_up = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let shown = Signal::derive(move || failure.get().filter(|failure| !is_asked(Some(failure))));
    // What is withheld although secrets count when they are handed out: values, and of deployments clients.
    let kept = move || -> u64 {
        let (approve, again) = (approve.get(), again.get());
        let consented = |reason: &str| match reason {
            NOT_APPROVED => approve,
            HANDED_OUT => again,
            _ => false,
        };
        plan.with(|plan| {
            let withheld = plan.summary.withheld.iter().filter(|(reason, _)| !consented(reason));
            withheld.map(|(_, count)| count).sum()
        })
    };
    let deploys = move || plan.with(|plan| super::deploys(plan.kind));
    let nothing_for = move || {
        let count = kept();
        (count > 0 && deploys()).then(|| {
            view! { <Note tone=Tone::Warn><p>{texts::deployments::withheld(lang(), count)}</p></Note> }
        })
    };
    let button = move || {
        let (stale, clients, items) = plan.with(|plan| (plan.stale, plan.summary.writes, plan.summary.items));
        let fleet = plan.with(|plan| plan.kind == PlanKind::ChangeFleet);
        let items = items.saturating_sub(kept());
        if stale {
            texts::plans::check_again(lang()).to_owned()
        } else if fleet && clients == 0 {
            texts::plans::save(lang()).to_owned()
        } else if fleet && later.get() {
            texts::plans::save_and_write_later(lang(), clients)
        } else if fleet {
            texts::plans::save_and_write(lang(), clients)
        } else if deploys() {
            // There are no values that would count as desired: a client that a password is withheld from is a target all
            // the same.
            texts::plans::apply_to(lang(), clients)
        } else if clients == 0 || items == 0 {
            texts::plans::apply_desired(lang()).to_owned()
        } else if large {
            texts::plans::apply_to(lang(), clients)
        } else {
            texts::plans::write_values(lang(), items)
        }
    };
    let desired_at_once = move || {
        let words = match plan.with(|plan| plan.kind) {
            // What is deployed is no value that a client should have.
            PlanKind::DeployFiles | PlanKind::DeploySoftware => return None,
            PlanKind::ChangeFleet => texts::plans::saved_at_once(lang()),
            PlanKind::WriteConfiguration | PlanKind::Converge => texts::plans::desired_at_once(lang()),
        };
        Some(view! { <p class="hint">{words}</p> })
    };
    let choice = move |value: bool, words: &'static str| {
        view! {
            <label class="check">
                <input
                    type="radio"
                    class="ck rd"
                    name="when"
                    prop:checked=move || later.get() == value
                    on:change=move |_| {
                        later.set(value);
                        if value && at.with_untracked(String::is_empty) {
                            at.set(moment::next_hour());
                        }
                    }
                />
                <span>{words}</span>
            </label>
        }
    };
    let size = if large { ButtonSize::Large } else { ButtonSize::Medium };
    let children = StoredValue::new(children);
    view! {
        <fieldset class="when">
            <legend>{texts::plans::when(lang())}</legend>
            {choice(false, texts::plans::at_once(lang()))}
            {choice(true, texts::plans::at_a_time(lang()))}
            {move || {
                later
                    .get()
                    .then(|| {
                        view! {
                            <TextField
                                label=texts::plans::start(lang()).to_owned()
                                value=at
                                kind="datetime-local"
                                help=time_help
                                error=time_error
                            />
                            {desired_at_once}
                        }
                    })
            }}
        </fieldset>
        {move || {
            withheld(NOT_APPROVED)
                .map(|count| {
                    view! {
                        <Checkbox
                            label=texts::plans::approve(lang()).to_owned()
                            checked=approve
                            help=Some(texts::plans::approve_help(lang(), count))
                        />
                    }
                })
        }}
        {move || {
            withheld(HANDED_OUT)
                .map(|count| {
                    view! {
                        <Checkbox
                            label=texts::plans::send_again(lang()).to_owned()
                            checked=again
                            help=Some(texts::plans::send_again_help(lang(), count))
                        />
                    }
                })
        }}
        {nothing_for}
        {move || {
            plan.with(|plan| plan.stale)
                .then(|| view! { <Note tone=Tone::Warn><p>{texts::plans::stale(lang())}</p></Note> })
        }}
        <FailureNote failure=shown />
        {move || {
            wanted
                .get()
                .map(|wanted| {
                    let care = plan.with(|plan| plan.summary.care);
                    view! {
                        {(care > 0)
                            .then(|| view! { <Note tone=Tone::Bad><p>{texts::plans::could_cut_off(lang(), care)}</p></Note> })}
                        <TextField
                            label=texts::common::type_number(lang(), format::number(wanted))
                            value=typed
                            inputmode="numeric"
                            max_length=12
                        />
                    }
                })
        }}
        {move || {
            if step_up.get() {
                view! {
                    <StepUp failure=failure confirmed=Callback::new(move |()| {
                        failure.set(None);
                        send();
                    }) />
                }
                    .into_any()
            } else {
                view! {
                    <div class="dialog-buttons">
                        {children.with_value(|children| children.as_ref().map(|children| children()))}
                        <Button
                            kind=ButtonKind::Primary
                            size=size
                            busy=busy
                            blocked=blocked
                            on_press=Callback::new(move |()| send())
                        >
                            {button}
                        </Button>
                    </div>
                }
                    .into_any()
            }
        }}
    }
}
