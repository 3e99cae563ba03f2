//! A field that filters while typing: one value of many ([`Combobox`]), values of the server, or several ([`Choices`]).

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use super::button::IconButton;
use super::field::{FieldFrame, describing};
use super::fresh_id;
use super::icon::Icon;
use super::select::Choice;
use crate::texts::{self, lang};

/// Most values shown at a time.
const SHOWN: usize = 50;

/// One value of many. A choice without a value stands for none of them: then the field is empty and shows its label as a
/// placeholder, so that nobody types into words.
#[component]
pub fn Combobox(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The value chosen.
    value: RwSignal<String>,
    /// What can be chosen; with `search` the answer to what was typed.
    #[prop(into)]
    choices: Signal<Vec<Choice>>,
    /// Asks for other choices; gets what is typed. Without it the choices are filtered here.
    #[prop(optional, into)]
    search: Option<Callback<String>>,
    /// What is typed counts as well, even when it is no choice.
    #[prop(optional)]
    free: bool,
    /// Says whether what stands in the field is no choice: the form shall not be sent then, because its value is not what
    /// is read. What was typed stays there. Without it the label of the value comes back when the field is left.
    #[prop(optional)]
    unclear: Option<RwSignal<bool>>,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let id = fresh_id("combo");
    let below = describing(&id);
    let typed = RwSignal::new(String::new());
    let stays = unclear.is_some();
    let unclear = unclear.unwrap_or_else(|| RwSignal::new(false));
    // What was typed and left, and is no choice.
    let missed = RwSignal::new(None::<String>);
    let take = Callback::new(move |choice: Choice| {
        missed.set(None);
        unclear.set(false);
        typed.set(text_of(&choice));
        value.set(choice.value);
    });
    // Shows the label of the value, also when it comes later or is set from outside.
    Effect::new(move |before: Option<String>| {
        let now = value.get();
        let known = choices.with(|choices| choices.iter().find(|choice| choice.value == now).cloned());
        if unclear.get_untracked() && before.as_ref() == Some(&now) {
            // Only the choices are others: what is typed stays, and perhaps it is one of them now.
            let text = missed.get_untracked();
            let found = text.and_then(|text| choices.with_untracked(|choices| named(choices, &text)));
            if let Some(choice) = found {
                take.run(choice);
            }
            return now;
        }
        let text = match known {
            Some(choice) => Some(text_of(&choice)),
            None => (free || now.is_empty()).then(|| now.clone()),
        };
        if let Some(text) = text {
            unclear.set(false);
            typed.set(text);
        }
        now
    });
    // What the field shows of the value.
    let shown = move || {
        let now = value.get_untracked();
        let known =
            choices.with_untracked(|choices| choices.iter().find(|choice| choice.value == now).cloned());
        known.map_or(now, |choice| text_of(&choice))
    };
    let settle = Callback::new(move |text: String| {
        let shown = shown();
        if free || is_clear(&text, &shown) {
            return;
        }
        match choices.with_untracked(|choices| named(choices, &text)) {
            Some(choice) => take.run(choice),
            None => {
                if !stays {
                    unclear.set(false);
                    typed.set(shown);
                }
                missed.set(Some(text));
            }
        }
    });
    let error = Signal::derive(move || error.get().or_else(|| missed.get().map(not_in_list)));
    let typing = Callback::new(move |text: String| {
        missed.set(None);
        if free {
            value.set(text.clone());
        } else if text.trim().is_empty() {
            value.set(String::new());
        }
        unclear.set(!free && !is_clear(&text, &shown()));
        if let Some(search) = search {
            search.run(text);
        }
    });
    let placeholder = Signal::derive(move || {
        choices.with(|choices| {
            choices.iter().find(|choice| choice.value.is_empty()).map(|choice| choice.label.clone())
        })
    });
    let control = id.clone();
    view! {
        <FieldFrame label=label id=id help=help error=error>
            <Typing
                id=control
                described=below
                typed=typed
                choices=choices
                filter=search.is_none()
                placeholder=placeholder
                wrong=Signal::derive(move || error.get().is_some())
                take=take
                typing=typing
                settle=settle
                back=Callback::new(|()| ())
            />
        </FieldFrame>
    }
}

/// What stands in the field when this is chosen.
fn text_of(choice: &Choice) -> String {
    if choice.value.is_empty() { String::new() } else { choice.label.clone() }
}

/// Whether a text says nothing else than the value: it is what the field shows of it, or nothing at all.
fn is_clear(text: &str, shown: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text == shown.trim()
}

/// The choice that is called so, in any case of letters.
fn named(choices: &[Choice], text: &str) -> Option<Choice> {
    let text = text.trim().to_lowercase();
    let is = |other: &str| other.to_lowercase() == text;
    let found = choices.iter().find(|choice| is(&choice.label));
    found.or_else(|| choices.iter().find(|choice| is(&choice.value))).cloned()
}

fn not_in_list(text: String) -> String {
    texts::common::not_in_list(lang(), text)
}

/// Several values of many, as chips.
#[component]
pub fn Choices(
    /// What is asked.
    #[prop(into)]
    label: Signal<String>,
    /// The values chosen, in their order.
    values: RwSignal<Vec<String>>,
    /// What can be chosen.
    #[prop(into)]
    choices: Signal<Vec<Choice>>,
    /// A sentence that helps.
    #[prop(optional, into)]
    help: Signal<Option<String>>,
    /// What is wrong.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let id = fresh_id("choices");
    let below = describing(&id);
    let typed = RwSignal::new(String::new());
    let left = Signal::derive(move || {
        let taken = values.get();
        choices.get().into_iter().filter(|choice| !taken.contains(&choice.value)).collect::<Vec<_>>()
    });
    let missed = RwSignal::new(None::<String>);
    let take = Callback::new(move |choice: Choice| {
        missed.set(None);
        values.update(|values| values.push(choice.value));
        typed.set(String::new());
    });
    let settle = Callback::new(move |text: String| {
        if text.trim().is_empty() {
            return;
        }
        match left.with_untracked(|left| named(left, &text)) {
            Some(choice) => take.run(choice),
            None => {
                typed.set(String::new());
                missed.set(Some(text));
            }
        }
    });
    let error = Signal::derive(move || error.get().or_else(|| missed.get().map(not_in_list)));
    let chip = move |value: String| {
        let name = choices
            .with(|choices| choices.iter().find(|choice| choice.value == value).map(|c| c.label.clone()));
        let name = name.unwrap_or_else(|| value.clone());
        view! {
            <span class="tag">
                {name.clone()}
                <IconButton
                    class="x"
                    label=texts::common::remove(lang(), name)
                    icon="x".to_owned()
                    on_press=Callback::new(move |()| values.update(|values| values.retain(|other| *other != value)))
                />
            </span>
        }
    };
    let control = id.clone();
    view! {
        <FieldFrame label=label id=id help=help error=error>
            <div class="chosen">{move || values.get().into_iter().map(chip).collect_view()}</div>
            <Typing
                id=control
                described=below
                typed=typed
                choices=left
                filter=true
                placeholder=Signal::derive(|| None)
                wrong=Signal::derive(move || error.get().is_some())
                take=take
                typing=Callback::new(move |_: String| missed.set(None))
                settle=settle
                back=Callback::new(move |()| {
                    values.update(|values| {
                        values.pop();
                    });
                })
            />
        </FieldFrame>
    }
}

/// The input with its list.
#[component]
fn Typing(
    id: String,
    described: String,
    typed: RwSignal<String>,
    choices: Signal<Vec<Choice>>,
    filter: bool,
    placeholder: Signal<Option<String>>,
    wrong: Signal<bool>,
    take: Callback<Choice>,
    typing: Callback<String>,
    settle: Callback<String>,
    back: Callback<()>,
) -> impl IntoView {
    let list = fresh_id("options");
    let node = NodeRef::<html::Input>::new();
    let open = RwSignal::new(false);
    let at = RwSignal::new(0_usize);
    // It has just got the focus: the click that gave it marks what stands there, as Tab does, so that typing replaces it.
    let entered = StoredValue::new(false);
    // Until something is typed the whole list is shown, although the field shows the value.
    let fresh = RwSignal::new(true);
    let fitting = Memo::new(move |_| {
        let wanted = typed.get().to_lowercase();
        let all = choices.get().into_iter();
        let fits = |choice: &Choice| !filter || fresh.get() || choice.label.to_lowercase().contains(&wanted);
        all.filter(fits).take(SHOWN).collect::<Vec<_>>()
    });
    let close = move || {
        open.set(false);
        fresh.set(true);
        at.set(0);
    };
    let choose = move |choice: Choice| {
        take.run(choice);
        close();
    };
    let keys = move |event: KeyboardEvent| {
        let count = fitting.with(Vec::len);
        match event.key().as_str() {
            "ArrowDown" if !open.get_untracked() => open.set(true),
            "ArrowDown" if count > 0 => at.update(|at| *at = (*at + 1) % count),
            "ArrowUp" if count > 0 => at.update(|at| *at = (*at + count - 1) % count),
            "Home" if open.get_untracked() => at.set(0),
            "End" if open.get_untracked() => at.set(count.saturating_sub(1)),
            "Enter" if open.get_untracked() => {
                if let Some(choice) = fitting.with(|fitting| fitting.get(at.get_untracked()).cloned()) {
                    choose(choice);
                }
            }
            // It sends the form: what is typed is judged as when the field is left.
            "Enter" => {
                settle.run(typed.get_untracked());
                return;
            }
            "Escape" if open.get_untracked() => close(),
            "Escape" if !typed.get_untracked().is_empty() => {
                typed.set(String::new());
                typing.run(String::new());
            }
            "Backspace" if typed.get_untracked().is_empty() => {
                back.run(());
                return;
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let options = list.clone();
    let active = {
        let list = list.clone();
        move || {
            (open.get() && fitting.with(|fitting| !fitting.is_empty()))
                .then(|| format!("{list}-{}", at.get()))
        }
    };
    let shown = move || {
        let entries = fitting.get();
        let entry = |(place, choice): (usize, Choice)| {
            let id = format!("{options}-{place}");
            let taken = choice.clone();
            view! {
                <li
                    id=id
                    role="option"
                    class:on=move || at.get() == place
                    aria-selected=move || (at.get() == place).to_string()
                    on:pointerdown=move |event| {
                        event.prevent_default();
                        choose(taken.clone());
                    }
                >
                    {choice.label}
                </li>
            }
        };
        view! {
            <ul id=options.clone() class="menu options" role="listbox" hidden=move || !open.get()>
                {entries.into_iter().enumerate().map(entry).collect_view()}
            </ul>
        }
    };
    let count = move || {
        open.get().then(|| texts::common::found(lang(), fitting.with(|fitting| fitting.len() as u64)))
    };
    view! {
        <div class="combo">
            <div class="in" class:err=move || wrong.get()>
                <input
                    id=id
                    node_ref=node
                    role="combobox"
                    autocomplete="off"
                    spellcheck="false"
                    maxlength="1024"
                    placeholder=move || placeholder.get()
                    aria-expanded=move || open.get().to_string()
                    aria-controls=list
                    aria-autocomplete="list"
                    aria-activedescendant=active
                    aria-describedby=described
                    aria-invalid=move || wrong.get().then_some("true")
                    bind:value=typed
                    on:input=move |_| {
                        entered.set_value(false);
                        open.set(true);
                        fresh.set(false);
                        at.set(0);
                        typing.run(typed.get_untracked());
                    }
                    on:focus=move |_| entered.set_value(true)
                    on:click=move |_| {
                        open.set(true);
                        if entered.get_value() {
                            entered.set_value(false);
                            if let Some(input) = node.get_untracked() {
                                input.select();
                            }
                        }
                    }
                    on:keydown=keys
                    on:blur=move |_| {
                        close();
                        settle.run(typed.get_untracked());
                    }
                />
                <Icon name="down" />
            </div>
            {shown}
            <span class="vh" aria-live="polite">
                {count}
            </span>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, is_clear, named, text_of};

    #[test]
    fn what_is_half_typed_is_not_clear() {
        assert!(is_clear("", "") && is_clear("  ", "Hamburg"), "nothing is the choice of none");
        assert!(is_clear("Hamburg ", "Hamburg"));
        assert!(!is_clear("Hambu", ""), "half a name is not nobody's");
        assert!(!is_clear("Hambu", "Hamburg"));
    }

    #[test]
    fn the_choice_of_none_leaves_the_field_empty() {
        assert_eq!(text_of(&Choice::new("", "All groups")), "");
        assert_eq!(text_of(&Choice::new("7", "Hamburg")), "Hamburg");
    }

    #[test]
    fn a_choice_is_found_by_its_whole_name_in_any_case() {
        let choices = [Choice::new("cp600", "Desk Phone CP600"), Choice::new("cp60", "CP600")];
        let found = |text: &str| named(&choices, text).map(|choice| choice.value);
        assert_eq!(found(" cp600 ").as_deref(), Some("cp60"), "the name counts before the value");
        assert_eq!(found("DESK phone cp600").as_deref(), Some("cp600"));
        assert_eq!(found("cp60").as_deref(), Some("cp60"));
        assert_eq!(found("desk"), None);
    }
}
