//! A list whose order counts: codecs, ciphers. Entries are moved with buttons and with Alt and the arrows, added from what
//! is known or typed, and removed.

use domain::catalogue::{Parameter, ParameterKey, Value, ValueType};
use leptos::prelude::*;

use super::editor::Editor;
use super::edits::Edit;
use crate::browser;
use crate::components::button::{Button, ButtonSize};
use crate::components::icon::Icon;
use crate::texts::{self, lang};

/// Most characters of an entry.
const MOST_CHARACTERS: u32 = 255;

/// The entries in another order: the one at `place` moved by one. `None` when it stands at that end already.
fn moved(entries: &[String], place: usize, up: bool) -> Option<(Vec<String>, usize)> {
    let other = if up { place.checked_sub(1)? } else { place + 1 };
    if place.max(other) >= entries.len() {
        return None;
    }
    let mut entries = entries.to_vec();
    entries.swap(place, other);
    Some((entries, other))
}

/// The control of a list.
#[component]
pub fn OrderList(
    /// What the parts share.
    editor: Editor,
    /// The parameter.
    parameter: Parameter,
    /// Which entry of it.
    key: ParameterKey,
    /// Id of what adds an entry, which is what the label stands for.
    id: String,
    /// Id of what describes it.
    described: String,
) -> impl IntoView {
    let (known, most) = match parameter.value {
        ValueType::List { known, max_entries, .. } => (known, usize::from(max_entries)),
        _ => (Vec::new(), 0),
    };
    let place = StoredValue::new(key);
    let own = StoredValue::new(id.clone());
    let entries = Memo::new(move |_| match place.with_value(|key| editor.shown(key)) {
        Some(Value::List(entries)) => entries,
        _ => Vec::new(),
    });
    let said = RwSignal::new(String::new());
    let set = move |entries: Vec<String>| {
        place.with_value(|key| {
            let nothing = entries.is_empty() && untrack(|| editor.before(key)).is_none();
            // A template without entries says nothing of the list.
            let edit = if entries.is_empty() && editor.is_template() {
                Edit::Remove
            } else {
                Edit::Set(Value::List(entries))
            };
            editor.set(key, (!nothing).then_some(edit));
        });
    };
    let focus = move |what: &'static str, at: usize| {
        request_animation_frame(move || {
            own.try_with_value(|own| browser::focus_id(&format!("{own}-{what}-{at}")));
        });
    };
    let shift = move |at: usize, up: bool| {
        let now = entries.get_untracked();
        let Some((next, at)) = moved(&now, at, up) else { return };
        let name = next[at].clone();
        said.set(texts::configuration::moved(lang(), name, at + 1));
        set(next);
        focus(if up { "up" } else { "down" }, at);
    };
    let remove = move |at: usize| {
        let mut next = entries.get_untracked();
        if at >= next.len() {
            return;
        }
        next.remove(at);
        let left = next.len();
        set(next);
        if left > 0 {
            focus("remove", at.min(left - 1));
        } else {
            own.with_value(|own| browser::focus_id(own));
        }
    };
    let add = move |entry: &str| {
        let (entry, mut next) = (entry.trim().to_owned(), entries.get_untracked());
        if entry.is_empty() || next.contains(&entry) || next.len() >= most {
            return false;
        }
        next.push(entry);
        set(next);
        true
    };
    let line = move |at: usize, name: String, last: bool| {
        let button = |what: &'static str, icon: &'static str, label: String, off: bool, act: Callback<()>| {
            let id = own.with_value(|own| format!("{own}-{what}-{at}"));
            view! {
                <button
                    type="button"
                    id=id
                    class="ib tight"
                    aria-label=label.clone()
                    title=label
                    aria-disabled=off.then_some("true")
                    on:click=move |_| act.run(())
                >
                    <Icon name=icon />
                </button>
            }
        };
        use texts::configuration as words;
        let language = lang();
        let up = button(
            "up",
            "up",
            words::move_up(language, &name),
            at == 0,
            Callback::new(move |()| shift(at, true)),
        );
        let down = button(
            "down",
            "down",
            words::move_down(language, &name),
            last,
            Callback::new(move |()| shift(at, false)),
        );
        let away =
            button("remove", "x", words::remove(language, &name), false, Callback::new(move |()| remove(at)));
        view! {
            <li on:keydown=move |event: leptos::ev::KeyboardEvent| {
                let up = match event.key().as_str() {
                    "ArrowUp" => true,
                    "ArrowDown" => false,
                    _ => return,
                };
                if event.alt_key() {
                    event.prevent_default();
                    event.stop_propagation();
                    shift(at, up);
                }
            }>
                <span class="n">{at + 1}</span>
                <span class="grow clip" title=name.clone()>{name.clone()}</span>
                {up}
                {down}
                {away}
            </li>
        }
    };
    let lines = move || {
        let entries = entries.get();
        let last = entries.len().saturating_sub(1);
        entries.into_iter().enumerate().map(|(at, name)| line(at, name, at == last)).collect::<Vec<_>>()
    };
    let adding = if known.is_empty() {
        view! { <Typed id=id described=described add=Callback::new(move |typed: String| add(&typed)) /> }
            .into_any()
    } else {
        let left = Memo::new(move |_| {
            entries.with(|used| known.iter().filter(|one| !used.contains(one)).cloned().collect::<Vec<_>>())
        });
        let options = move || {
            let option = |one: String| view! { <option value=one.clone()>{one.clone()}</option> };
            left.get().into_iter().map(option).collect::<Vec<_>>()
        };
        // Chosen first, then added: a closed list chooses with every arrow key.
        let chosen = RwSignal::new(String::new());
        let take = move || {
            if add(&chosen.get_untracked()) {
                chosen.set(String::new());
            }
        };
        view! {
            <div class="row">
            <select
                id=id
                class="in grow"
                aria-describedby=described
                disabled=move || left.with(Vec::is_empty)
                prop:value=move || {
                    left.track();
                    chosen.get()
                }
                on:change:target=move |event| chosen.set(event.target().value())
                on:keydown=move |event| {
                    if event.key() == "Enter" {
                        event.prevent_default();
                        take();
                    }
                }
            >
                <option value="">
                    {move || {
                        if left.with(Vec::is_empty) {
                            texts::configuration::nothing_to_add(lang())
                        } else {
                            texts::configuration::add_value(lang())
                        }
                    }}
                </option>
                {options}
            </select>
            <Button
                size=ButtonSize::Small
                icon="plus"
                blocked=Signal::derive(move || {
                    chosen.with(String::is_empty).then(|| texts::configuration::choose_value(lang()).to_owned())
                })
                on_press=Callback::new(move |()| take())
            >
                {texts::configuration::add(lang())}
            </Button>
            </div>
        }
        .into_any()
    };
    view! {
        <div class="order">
            <ol hidden=move || entries.with(Vec::is_empty)>{lines}</ol>
            {adding}
            <span class="vh" role="status">{said}</span>
        </div>
    }
}

/// Adds what is typed.
#[component]
fn Typed(id: String, described: String, add: Callback<String, bool>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let take = move || {
        if add.run(typed.get_untracked()) {
            typed.set(String::new());
        }
    };
    view! {
        <div class="row">
            <span class="in">
                <input
                    id=id
                    autocomplete="off"
                    spellcheck="false"
                    maxlength=MOST_CHARACTERS
                    placeholder=texts::configuration::add_value(lang())
                    aria-describedby=described
                    bind:value=typed
                    on:keydown=move |event| {
                        if event.key() == "Enter" {
                            event.prevent_default();
                            take();
                        }
                    }
                />
            </span>
            <Button size=ButtonSize::Small icon="plus" on_press=Callback::new(move |()| take())>
                {texts::configuration::add(lang())}
            </Button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn an_entry_moves_by_one_and_not_beyond_the_ends() {
        let all: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let names = |found: Option<(Vec<String>, usize)>| found.map(|(all, at)| (all.concat(), at));
        assert_eq!(names(moved(&all, 1, true)), Some(("bac".to_owned(), 0)));
        assert_eq!(names(moved(&all, 1, false)), Some(("acb".to_owned(), 2)));
        assert_eq!((names(moved(&all, 0, true)), names(moved(&all, 2, false))), (None, None));
        assert_eq!(names(moved(&all, 9, true)), None);
    }
}
