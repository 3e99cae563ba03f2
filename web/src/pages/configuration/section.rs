//! One section: its filter, its values, its repeated groups.

use std::collections::BTreeSet;

use domain::catalogue::{Parameter, ParameterKey, Section};
use leptos::prelude::*;

use super::editor::{Editor, Filter};
use super::key_field::{KeyField, SECTIONS, parameters_of};
use super::repeated::RepeatedGroup;
use super::row::ParameterRow;
use super::words;
use crate::address::{History, use_address};
use crate::components::states::EmptyState;
use crate::format;
use crate::texts::{self, lang};

/// Parameters beside each other that are shown alike.
enum Part {
    /// Rows.
    Plain(Vec<Parameter>),
    /// A table of entries.
    Repeated((u16, u16), Vec<Parameter>),
    /// The keys of the phone, drawn as they sit there.
    Keys,
}

/// Puts parameters with the same entries together, in the order of their first one.
fn parts(section: &str, parameters: Vec<Parameter>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let of_keys = SECTIONS.contains(&section);
    for parameter in parameters {
        match parameter.entries {
            Some(_) if of_keys => {
                if !parts.iter().any(|part| matches!(part, Part::Keys)) {
                    parts.push(Part::Keys);
                }
            }
            Some(entries) => {
                let known = parts.iter_mut().find_map(|part| match part {
                    Part::Repeated(own, all) if *own == entries => Some(all),
                    _ => None,
                });
                match known {
                    Some(all) => all.push(parameter),
                    None => parts.push(Part::Repeated(entries, vec![parameter])),
                }
            }
            None => match parts.last_mut() {
                Some(Part::Plain(all)) => all.push(parameter),
                _ => parts.push(Part::Plain(vec![parameter])),
            },
        }
    }
    parts
}

/// One section of the configuration.
#[component]
pub fn SectionView(
    /// What the parts share.
    editor: Editor,
    /// The section, with the parameters that are offered.
    section: Section,
    /// Opens what is known of the selected value where there is no column for that.
    open: Callback<()>,
) -> impl IntoView {
    let address = use_address();
    let Section { id, title, parameters } = section;
    let mut ids: BTreeSet<String> = parameters.iter().map(|own| own.id.clone()).collect();
    if SECTIONS.contains(&id.as_str()) {
        ids.extend(parameters_of(editor).into_iter().map(|own| own.id));
    }
    let ids = StoredValue::new(ids);
    let count = move |show: Filter| ids.with_value(|ids| editor.count(ids, show));
    // What is known of the first value stands beside it from the beginning.
    let outside = editor.selected.with_untracked(|selected| {
        selected.as_ref().is_none_or(|key| !ids.with_value(|ids| ids.contains(&key.parameter)))
    });
    if outside {
        let first = parameters.iter().find(|own| own.entries.is_none());
        editor.selected.set(first.map(|first| ParameterKey::plain(first.id.clone())));
    }
    let shown: Vec<Filter> = Filter::ALL
        .into_iter()
        .filter(|show| match show {
            Filter::All | Filter::Changed => true,
            Filter::SetHere => editor.is_one() || editor.is_template(),
            Filter::Differ => editor.is_one(),
        })
        .collect();
    let filter = move |show: Filter| {
        let number = move || {
            let language = lang();
            let number = format::number(count(show) as u64);
            match show {
                Filter::All => texts::configuration::show_all(language, number),
                Filter::Changed => texts::configuration::show_changed(language, number),
                Filter::Differ => texts::configuration::show_differ(language, number),
                Filter::SetHere if editor.is_template() => {
                    texts::configuration::show_in_template(language, number)
                }
                Filter::SetHere => texts::configuration::show_set_here(language, number),
            }
        };
        view! {
            <button
                type="button"
                aria-pressed=move || (editor.show.get() == show).to_string()
                on:click=move |_| address.set(&[("show", Some(show.word().to_owned()))], History::Replace)
            >
                {number}
            </button>
        }
    };
    let nothing = move || {
        let show = editor.show.get();
        (show != Filter::All && count(show) == 0).then(|| {
            view! { <EmptyState text=texts::configuration::none_shown(lang()).to_owned() icon="filter" /> }
        })
    };
    let parts = parts(&id, parameters).into_iter().map(|part| match part {
        Part::Plain(parameters) => {
            let row =
                |parameter| view! { <ParameterRow editor=editor parameter=parameter index=None open=open /> };
            parameters.into_iter().map(row).collect::<Vec<_>>().into_any()
        }
        Part::Repeated(entries, parameters) => {
            view! { <RepeatedGroup editor=editor parameters=parameters entries=entries /> }.into_any()
        }
        Part::Keys => view! { <KeyField editor=editor /> }.into_any(),
    });
    view! {
        <div class="bar-top">
            <h2>{words::text(&title).to_owned()}</h2>
            <span class="seg" role="group" aria-label=texts::configuration::show(lang())>
                {shown.into_iter().map(filter).collect::<Vec<_>>()}
            </span>
        </div>
        {nothing}
        {parts.collect::<Vec<_>>()}
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, parts};
    use domain::catalogue::{Kind, Parameter, Text, ValueType};

    fn parameter(id: &str, entries: Option<(u16, u16)>) -> Parameter {
        let text = || Text { en: id.to_owned(), de: id.to_owned() };
        Parameter {
            id: id.to_owned(),
            label: text(),
            help: text(),
            kinds: vec![Kind::SipClient],
            value: ValueType::Integer { min: 0, max: 9 },
            default: None,
            unit: None,
            entries,
            secret: false,
            read_only: false,
            care: false,
            restarts: false,
            same_as: None,
            delivery: None,
        }
    }

    #[test]
    fn parameters_with_the_same_entries_are_one_table() {
        let all = [
            parameter("a", None),
            parameter("b", Some((1, 3))),
            parameter("c", None),
            parameter("d", Some((1, 3))),
            parameter("e", Some((0, 1))),
        ];
        let shown: Vec<(bool, usize)> = parts("general", all.to_vec())
            .iter()
            .map(|part| match part {
                Part::Plain(all) => (false, all.len()),
                Part::Repeated(_, all) => (true, all.len()),
                Part::Keys => (true, 0),
            })
            .collect();
        assert_eq!(shown, [(false, 1), (true, 2), (false, 1), (true, 1)]);
        // Keys are not a table: one field of them, wherever they stand.
        let shown = parts("records.keys", all.to_vec());
        assert!(matches!(shown.as_slice(), [Part::Plain(_), Part::Keys, Part::Plain(_)]));
    }
}
