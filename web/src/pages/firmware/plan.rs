//! One step to a plan that updates: when the phones do it, and after how many failures the rest is cancelled.

use api::Code;
use api::file::OutdatedQuery;
use api::plan::{PlanKind, PlanView};
use api::targets::{TargetFilter, Targets};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::models::family;
use crate::address::use_address;
use crate::client::{Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::pages::files::deploy::{OptionFields, Options};
use crate::texts::{self, lang};

/// Of how many clients one may fail before it stops, and between which numbers.
const ONE_OF: u64 = 50;
const FEWEST: u64 = 5;
const MOST: u64 = 100;

/// A model and family.
type Of = (String, Option<String>);

/// For whom a plan is asked for: the outdated clients of a model and family, or all of them; and how many they are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    of: Option<Of>,
    clients: u64,
}

/// Asking for a plan; one of it on the page.
#[derive(Clone, Copy)]
pub(super) struct Planning(RwSignal<Option<Asked>>);

impl Planning {
    pub(super) fn new() -> Self {
        Self(RwSignal::new(None))
    }

    /// Opens the dialog for a plan for the outdated clients of a model and family, or for all of them.
    pub(super) fn ask(self, of: Option<Of>, clients: u64) {
        self.0.set(Some(Asked { of, clients }));
    }
}

/// The limit that stands there before anything is typed: an update that fails everywhere shall not reach everybody.
fn preset(clients: u64) -> u64 {
    (clients / ONE_OF).clamp(FEWEST, MOST)
}

/// Those of whom the outdated ones are meant.
fn targets(of: Option<Of>) -> Targets {
    let filter = match of {
        Some((model, software_type)) => TargetFilter {
            model: Some(model),
            software_type: Some(family(software_type)),
            ..TargetFilter::default()
        },
        None => TargetFilter::default(),
    };
    Targets { ids: None, filter: Some(filter) }
}

/// The dialog; open while a plan is asked for.
#[component]
pub(super) fn PlanDialog(planning: Planning) -> impl IntoView {
    let asked = planning.0;
    let open = RwSignal::new(false);
    let (dirty, busy) = (RwSignal::new(false), RwSignal::new(false));
    Effect::new(move |_| {
        let there = asked.with(Option::is_some);
        if there != open.get_untracked() {
            open.set(there);
        }
    });
    view! {
        <Dialog
            open=open
            title=texts::firmware::plan_all(lang()).to_owned()
            dirty=dirty
            busy=busy
            on_close=Callback::new(move |()| asked.set(None))
        >
            {move || asked.get().map(|asked| view! { <Form open=open dirty=dirty busy=busy asked=asked /> })}
        </Dialog>
    }
}

#[component]
fn Form(open: RwSignal<bool>, dirty: RwSignal<bool>, busy: RwSignal<bool>, asked: Asked) -> impl IntoView {
    let address = use_address();
    let options = Options::stopping_after(preset(asked.clients));
    Effect::new(move |_| dirty.set(options.is_touched()));
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let of = StoredValue::new(asked.of);
    let run = move || {
        if busy.get_untracked() || !options.are_good() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let chosen = options.deployment(Vec::new(), PlanKind::DeploySoftware);
        let query = OutdatedQuery {
            targets: Some(targets(of.get_value())),
            priority: Some(chosen.priority),
            error_limit: chosen.error_limit,
            success_limit: chosen.success_limit,
        };
        let once = key.get_value();
        spawn_local(async move {
            let answer = match Call::post("/firmware/plan").once(&once).json(&query) {
                Ok(call) => call.answer::<PlanView>().await,
                Err(failure) => Err(failure),
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(plan) => {
                    open.set(false);
                    address.go(&format!("/plans/{}", plan.id));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    // Clients that are up to date by now are no selection that is missing.
    let nobody = Memo::new(move |_| {
        failure.with(|failure| failure.as_ref().and_then(Failure::code) == Some(Code::NoTargets))
    });
    let failed = Signal::derive(move || failure.get().filter(|_| !nobody.get()));
    let up_to_date = move || {
        nobody.get().then(|| {
            view! { <Note tone=Tone::Warn><p role="alert">{texts::firmware::nobody_outdated(lang())}</p></Note> }
        })
    };
    view! {
        <form novalidate on:submit=move |event| {
            event.prevent_default();
            run();
        }>
            <p>{texts::deployments::for_clients(lang(), asked.clients)}</p>
            <OptionFields options=options software=Signal::stored(true) newer_only=true />
            <FailureNote failure=failed />
            {up_to_date}
            <p class="hint">{texts::deployments::plan_follows(lang())}</p>
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy>
                    {texts::deployments::make_plan(lang())}
                </Button>
            </DialogButtons>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::{preset, targets};
    use api::targets::{NO_SOFTWARE_TYPE, TargetFilter};

    #[test]
    fn an_update_stops_long_before_it_has_failed_everywhere() {
        assert_eq!((preset(1), preset(1_000), preset(100_000)), (5, 20, 100));
    }

    #[test]
    fn a_plan_is_for_a_model_and_family_or_for_all() {
        assert_eq!(targets(None).filter, Some(TargetFilter::default()));
        let some = targets(Some(("CP600".to_owned(), None))).filter.unwrap();
        assert_eq!(
            (some.model.as_deref(), some.software_type.as_deref()),
            (Some("CP600"), Some(NO_SOFTWARE_TYPE))
        );
    }
}
