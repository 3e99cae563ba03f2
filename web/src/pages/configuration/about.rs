//! What is known of the selected value: item, origin, what the phone reports, and the decision when both differ.

use api::configuration::ParameterStateView;
use api::plan::NewChange;
use domain::catalogue::{Certainty, Parameter, ParameterKey, Value, ValueType};
use domain::configuration::State;
use leptos::prelude::*;

use super::editor::Editor;
use super::edits::{Edit, text_of};
use super::layers::Layers;
use super::target::{Target, template_value};
use super::variables::written;
use super::words;
use crate::components::button::{Button, ButtonKind, ButtonSize};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::components::time::Ago;
use crate::texts::{self, lang};

/// What is known of the selected value.
#[component]
pub fn About(
    /// What the parts share.
    editor: Editor,
    /// Plans at once what puts a value back; without a change, everything that is desired.
    plan: Callback<Vec<NewChange>>,
) -> impl IntoView {
    move || {
        let key = editor.selected.get()?;
        let parameter = editor.parameter(&key.parameter)?;
        let state = editor.state(&key);
        Some(view! { <Known editor=editor parameter=parameter key=key state=state plan=plan /> })
    }
}

#[component]
fn Known(
    editor: Editor,
    parameter: Parameter,
    key: ParameterKey,
    state: Option<ParameterStateView>,
    plan: Callback<Vec<NewChange>>,
) -> impl IntoView {
    use texts::configuration as words_of;
    let language = lang();
    let label = match key.index {
        Some(index) => format!("{} · {}", words::text(&parameter.label), words_of::entry(language, index)),
        None => words::text(&parameter.label).to_owned(),
    };
    let item = parameter.item_of(key.index).map(|(name, index)| match index {
        Some(index) => format!("{name} [{index}]"),
        None => name.to_owned(),
    });
    let reported = state.as_ref().and_then(|state| words::reported(&parameter, state));
    let template = editor.is_template();
    let desired = state.as_ref().filter(|state| state.desired_set).map(|state| match &state.desired {
        Some(value) if template && state.variables => written(&text_of(value)),
        Some(value) => words::value(&parameter, value).into_any(),
        None => words_of::set_not_shown(language).to_owned().into_any(),
    });
    let origin = state.as_ref().filter(|_| !template).and_then(|state| {
        let words = words::origin(state.origin?, state.origin_template.as_ref());
        Some(match state.origin_template.as_ref().and_then(|template| template.id) {
            Some(id) => view! { <a href=template_value(id, &parameter.id)>{words}</a> }.into_any(),
            None => words.into_any(),
        })
    });
    let default = parameter.default.as_ref().map(|value| words::value(&parameter, value));
    let status = state.as_ref().and_then(|state| state.reported_status.clone());
    let certainty = match &parameter.delivery {
        None => Some(words_of::not_deliverable_help(language)),
        Some(delivery) if delivery.certainty == Certainty::Inferred => {
            Some(words_of::unconfirmed_help(language))
        }
        Some(_) => None,
    };
    let locked = state.as_ref().is_some_and(|state| state.locked);
    let withheld = state.as_ref().and_then(|state| state.withheld.as_ref()).map(words::reason);
    let own = state.as_ref().is_some_and(|state| editor.is_own(state));
    let from_template = state.as_ref().is_some_and(|state| state.origin_template.is_some());
    let disagree = state.as_ref().is_some_and(|state| !state.conflict.is_empty());
    let line = |name: &'static str, value: Option<AnyView>| {
        value.map(|value| view! { <dt>{name}</dt><dd>{value}</dd> })
    };
    let layered = state.as_ref().is_some_and(|state| state.desired_set) || disagree || from_template;
    let layers = editor.target.with_value(Target::one).filter(|_| layered).map(|client| {
        view! { <Layers client=client parameter=parameter.clone() key=key.clone() /> }
    });
    // An emptied field takes the value away; a text that is to be empty is said so here.
    let may_be_empty = template
        && editor.may
        && !parameter.secret
        && matches!(parameter.value, ValueType::Text { min_length: 0, .. });
    let place = StoredValue::new(key.clone());
    let not_written = |text: &'static str| view! { <Note tone=Tone::Idle><p>{text}</p></Note> };
    let decision = state.as_ref().filter(|state| state.state == Some(State::Drift)).map(|state| {
        let words = match &reported {
            Some(reported) => words_of::phone_reports(language, reported),
            None => words_of::changed_at_phone(language).to_owned(),
        };
        let since = state.drift_since;
        let keep = state.reported.clone().filter(|_| editor.may);
        let back = state.desired.clone().filter(|_| editor.may);
        view! {
            <Note tone=Tone::Warn>
                <p class="strong">{words}</p>
                <p class="small soft">
                    {words_of::changed_at_phone(language)} " " {since.map(|since| view! { <Ago at=Some(since) /> })}
                </p>
                <div class="row wrap acts">
                    {back
                        .map(|back| {
                            view! {
                                <Button
                                    size=ButtonSize::Small
                                    on_press=Callback::new(move |()| {
                                        if !own {
                                            // What a template wants is not to become the client's own.
                                            plan.run(vec![]);
                                            return;
                                        }
                                        let key = place.get_value();
                                        let value = serde_json::to_value(&back).unwrap_or_default();
                                        let change = NewChange {
                                            parameter: key.parameter,
                                            index: key.index,
                                            value,
                                        };
                                        plan.run(vec![change]);
                                    })
                                >
                                    {words_of::put_back(lang())}
                                </Button>
                            }
                        })}
                    {keep
                        .map(|keep| {
                            view! {
                                <Button
                                    size=ButtonSize::Small
                                    kind=ButtonKind::Ghost
                                    on_press=Callback::new(move |()| {
                                        place.with_value(|key| editor.set(key, Some(Edit::Set(keep.clone()))));
                                    })
                                >
                                    {words_of::keep(lang())}
                                </Button>
                            }
                        })}
                </div>
            </Note>
        }
    });
    let take = state
        .as_ref()
        .filter(|state| {
            !template
                && !state.desired_set
                && editor.may
                && editor.is_settable(&parameter)
                && !parameter.read_only
                && !parameter.secret
                && !locked
        })
        .and_then(|state| state.reported.clone())
        .map(|value| {
            view! {
                <Button
                    size=ButtonSize::Small
                    on_press=Callback::new(move |()| place.with_value(|key| editor.pin(key, value.clone())))
                >
                    {words_of::keep_as_reported(lang())}
                </Button>
            }
        });
    let remove = (own && editor.may).then(|| {
        view! {
            <Button
                size=ButtonSize::Small
                kind=ButtonKind::Ghost
                on_press=Callback::new(move |()| place.with_value(|key| editor.set(key, Some(Edit::Remove))))
            >
                {if template { words_of::remove_from_template(lang()) } else { words_of::remove_here(lang()) }}
            </Button>
        }
    });
    let empty = may_be_empty.then(|| {
        view! {
            <Button
                size=ButtonSize::Small
                kind=ButtonKind::Ghost
                on_press=Callback::new(move |()| {
                    place.with_value(|key| editor.set(key, Some(Edit::Set(Value::Text(String::new())))));
                })
            >
                {words_of::set_empty(lang())}
            </Button>
        }
    });
    let said = |text: Option<String>| text.map(IntoAny::into_any);
    view! {
        <div class="about">
            <h2>{label}</h2>
            {item.map(|item| view! { <p class="mono small muted">{item}</p> })}
            {decision}
            {withheld.map(|withheld| view! { <Note tone=Tone::Warn><p>{withheld}</p></Note> })}
            <p class="soft">{words::text(&parameter.help).to_owned()}</p>
            <dl class="kv">
                {line(if template { words_of::value(language) } else { words_of::desired(language) }, desired)}
                {line(words_of::origin(language), origin)}
                {line(words_of::reported(language), said(reported))}
                {line(words_of::status(language), said(status))}
                {line(words_of::default(language), said(default))}
                {line(words_of::limits(language), said(words::limits(&parameter)))}
            </dl>
            {layers}
            <div class="row wrap acts">{take} {empty} {remove}</div>
            {certainty.map(not_written)}
            {locked.then(|| not_written(words_of::locked_help(language)))}
            {parameter.care.then(|| view! { <Note tone=Tone::Warn><p>{words_of::care_help(language)}</p></Note> })}
            {parameter.restarts.then(|| not_written(words_of::restarts_help(language)))}
        </div>
    }
}
