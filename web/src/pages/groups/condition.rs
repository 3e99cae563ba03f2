//! One condition of a filter: what it looks at, how it compares, and with what. What is wrong with it stands below it.

use std::collections::BTreeMap;

use api::client_field::ClientFieldView;
use domain::group_filter::Subject;
use leptos::prelude::*;

use super::builder::focus_last;
use super::draft::{Condition, Draft, Operator};
use crate::components::button::IconButton;
use crate::components::combobox::Choices;
use crate::components::fresh_id;
use crate::components::icon::Icon;
use crate::components::select::Choice;
use crate::texts::{self, lang};

/// Before the name of a client field in the list of what a condition looks at.
const FIELD: &str = "field:";
/// What stands in empty fields.
const NETWORK: &str = "10.1.0.0/16";
const ADDRESS: &str = "10.1.2.3";
const LAST_ADDRESS: &str = "10.1.2.90";
const VERSION: &str = "V3 R5.16.0";

/// What the conditions of a filter share. Copied around freely.
#[derive(Clone, Copy)]
pub(super) struct Filtering {
    /// The filter as typed.
    pub(super) draft: RwSignal<Draft>,
    /// Fields of clients.
    pub(super) fields: Signal<Vec<ClientFieldView>>,
    /// Types that can be chosen.
    pub(super) models: Signal<Vec<Choice>>,
    /// What is wrong, by the condition.
    pub(super) faults: Signal<BTreeMap<u64, String>>,
    /// Faults are shown from the beginning: somebody tried to save.
    pub(super) tried: RwSignal<bool>,
}

/// What a condition compares with, in a list of choices.
fn choice_of(condition: &Condition) -> String {
    match condition.subject {
        Subject::ClientField => format!("{FIELD}{}", condition.field),
        subject => subject.as_str().to_owned(),
    }
}

/// The words of an operator; of one that is negated other ones.
fn operator_text(operator: Operator, not: bool) -> &'static str {
    use texts::groups as words;
    let language = lang();
    match (operator, not) {
        (Operator::Is, false) => words::is(language),
        (Operator::Is, true) => words::is_not(language),
        (Operator::Pattern, false) => words::matches(language),
        (Operator::Pattern, true) => words::matches_not(language),
        (Operator::Range, false) => words::from_to(language),
        (Operator::Range, true) => words::not_from_to(language),
        (Operator::Network, false) => words::in_network(language),
        (Operator::Network, true) => words::not_in_network(language),
        (Operator::OneOf, false) => words::one_of(language),
        (Operator::OneOf, true) => words::none_of(language),
        (Operator::AtLeast, false) => words::at_least(language),
        (Operator::AtLeast, true) => words::not_at_least(language),
        (Operator::Below, false) => words::below(language),
        (Operator::Below, true) => words::not_below(language),
    }
}

/// One condition. `number` is its place among all, for those who hear the page.
#[component]
pub(super) fn ConditionRow(filtering: Filtering, id: u64, number: Signal<usize>) -> impl IntoView {
    let Filtering { draft, fields, faults, tried, .. } = filtering;
    let own = Memo::new(move |_| draft.with(|draft| draft.get(id).cloned()));
    let change = move |change: &dyn Fn(&mut Condition)| draft.update(|draft| draft.change(id, change));
    let left = RwSignal::new(false);
    let fault = Signal::derive(move || {
        let shown = left.get() || tried.get();
        faults.with(|faults| faults.get(&id).cloned()).filter(|_| shown)
    });
    let described = fresh_id("condition");
    let below = described.clone();
    let subject = Memo::new(move |_| own.with(|own| own.as_ref().map(choice_of)).unwrap_or_default());
    let subjects = move || {
        let now = subject.get();
        let plain = Subject::ALL
            .iter()
            .filter(|subject| **subject != Subject::ClientField)
            .map(|subject| (subject.as_str().to_owned(), texts::word(lang(), "subject", subject.as_str())));
        let of_fields = fields.get().into_iter().map(|field| {
            (format!("{FIELD}{}", field.name), texts::groups::field_choice(lang(), field.label))
        });
        let mut all: Vec<(String, String)> = plain.chain(of_fields).collect();
        // A field that is gone is shown all the same.
        if !now.is_empty() && !all.iter().any(|(value, _)| *value == now) {
            all.push((now.clone(), texts::groups::field_choice(lang(), now.trim_start_matches(FIELD))));
        }
        let option = |(value, label): (String, String)| {
            let selected = value == now;
            view! { <option value=value selected=selected>{label}</option> }
        };
        all.into_iter().map(option).collect::<Vec<_>>()
    };
    let comparing =
        Memo::new(move |_| own.with(|own| own.as_ref().map(|own| (own.subject, own.operator, own.not))));
    let operators = move || {
        let Some((subject, operator, not)) = comparing.get() else { return Vec::new() };
        let option = |(one, negated): (Operator, bool)| {
            let value = format!("{}{}", if negated { "not-" } else { "" }, one.word());
            let selected = one == operator && negated == not;
            view! { <option value=value selected=selected>{operator_text(one, negated)}</option> }
        };
        let all = Operator::of(subject).iter().flat_map(|one| [(*one, false), (*one, true)]);
        all.map(option).collect::<Vec<_>>()
    };
    // The fields are built anew when another kind of them is needed, not while somebody types.
    let shape = Memo::new(move |_| own.with(|own| own.as_ref().map(|own| (own.subject, own.operator))));
    let value = move || {
        shape.get().map(|(subject, operator)| {
            view! { <Value filtering=filtering id=id subject=subject operator=operator described=below.clone() left=left /> }
        })
    };
    view! {
        <div
            class="cond"
            role="group"
            aria-label=move || texts::groups::condition(lang(), number.get())
            class:wrong=move || fault.get().is_some()
            on:focusout=move |_| left.set(true)
        >
            <select
                class="in what"
                aria-label=texts::groups::looks_at(lang())
                prop:value=move || subject.get()
                on:change:target=move |event| {
                    let chosen = event.target().value();
                    left.set(false);
                    match chosen.strip_prefix(FIELD) {
                        Some(field) => change(&|own| own.look_at(Subject::ClientField, field)),
                        None => {
                            if let Some(subject) = Subject::parse(&chosen) {
                                change(&|own| own.look_at(subject, ""));
                            }
                        }
                    }
                }
            >
                {subjects}
            </select>
            <select
                class="in how"
                aria-label=texts::groups::compares(lang())
                on:change:target=move |event| {
                    let chosen = event.target().value();
                    let (not, word) = match chosen.strip_prefix("not-") {
                        Some(word) => (true, word),
                        None => (false, chosen.as_str()),
                    };
                    if let Some(operator) = Operator::parse(word) {
                        change(&|own| {
                            own.operator = operator;
                            own.not = not;
                        });
                    }
                }
            >
                {operators}
            </select>
            <div class="with">{value}</div>
            <IconButton
                label=Signal::derive(move || texts::groups::remove_condition(lang(), number.get()))
                icon="x".to_owned()
                on_press=Callback::new(move |()| {
                    draft.update(|draft| draft.remove(id));
                    focus_last();
                })
            />
            <div id=described class="below" aria-live="polite">
                {move || {
                    fault
                        .get()
                        .map(|fault| {
                            view! {
                                <span class="errtext">
                                    <Icon name="fail" />
                                    <span>{fault}</span>
                                </span>
                            }
                        })
                }}
            </div>
        </div>
    }
}

/// What a condition compares with.
#[component]
fn Value(
    filtering: Filtering,
    id: u64,
    subject: Subject,
    operator: Operator,
    described: String,
    left: RwSignal<bool>,
) -> impl IntoView {
    let Filtering { draft, models, faults, tried, .. } = filtering;
    let wrong = move || (left.get() || tried.get()) && faults.with(|faults| faults.contains_key(&id));
    if operator == Operator::OneOf {
        let words =
            draft.with_untracked(|draft| draft.get(id).map(|own| own.words.clone()).unwrap_or_default());
        let words = RwSignal::new(words);
        Effect::new(move |before: Option<()>| {
            let now = words.get();
            if before.is_some() {
                draft.update(|draft| draft.change(id, |own| own.words = now));
            }
        });
        let software = || ["SIP", "HFA", "GW"].map(|word| Choice::new(word, word)).to_vec();
        let (label, choices) = match subject {
            Subject::SoftwareType => (texts::groups::softwares(lang()), Signal::stored(software())),
            _ => (texts::groups::types(lang()), models),
        };
        return view! { <Choices label=label.to_owned() values=words choices=choices /> }.into_any();
    }
    let number = subject == Subject::E164;
    let field =
        move |place: fn(&mut Condition) -> &mut String, label: &'static str, example: &'static str| {
            let now = move || {
                draft.with(|draft| {
                    draft.get(id).cloned().map(|mut own| std::mem::take(place(&mut own))).unwrap_or_default()
                })
            };
            view! {
                <span class="in" class:err=wrong>
                    <input
                        aria-label=label
                        autocomplete="off"
                        spellcheck="false"
                        inputmode=if number && operator != Operator::Pattern { "tel" } else { "text" }
                        maxlength="100"
                        placeholder=example
                        aria-describedby=described.clone()
                        aria-invalid=move || wrong().then_some("true")
                        prop:value=now
                        on:input:target=move |event| {
                            let typed = event.target().value();
                            draft.update(|draft| draft.change(id, |own| typed.clone_into(place(own))));
                        }
                    />
                </span>
            }
        };
    let text: fn(&mut Condition) -> &mut String = |own| &mut own.text;
    let to: fn(&mut Condition) -> &mut String = |own| &mut own.to;
    let language = lang();
    match operator {
        Operator::Range => {
            let (first, last) = if number { ("", "") } else { (ADDRESS, LAST_ADDRESS) };
            view! {
                {field(text, texts::groups::range_from(language), first)}
                <span class="muted">"–"</span>
                {field(to, texts::groups::range_to(language), last)}
            }
            .into_any()
        }
        Operator::Pattern => view! {
            {field(text, texts::groups::value(language), "")}
            <span class="hint pattern">{texts::groups::pattern_help(language)}</span>
        }
        .into_any(),
        Operator::Network => field(text, texts::groups::value(language), NETWORK).into_any(),
        _ => {
            let example = match subject {
                Subject::Address => ADDRESS,
                Subject::SoftwareVersion => VERSION,
                _ => "",
            };
            field(text, texts::groups::value(language), example).into_any()
        }
    }
}
