//! Variables in the values of a template: telling them from the letters around them, and putting one in where the caret
//! stands. What a variable is, and whether there is one of a name, the shared crate knows.

use domain::expand::BUILT_IN;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::editor::Editor;
use crate::browser;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::texts::{self, lang};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Letters.
    Letters(String),
    /// A variable, with its braces.
    Variable(String),
}

/// A text in pieces, as far as it can be read: doubled braces are letters.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut letters = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, braces) = rest.split_at(at);
        letters.push_str(before);
        let doubled = braces.starts_with("{{") || braces.starts_with("}}");
        let end = braces.find('}').filter(|_| !doubled && braces.starts_with('{'));
        let length = match end {
            Some(end) => end + 1,
            None => {
                if doubled {
                    2
                } else {
                    1
                }
            }
        };
        let (taken, after) = braces.split_at(length);
        if end.is_some() {
            if !letters.is_empty() {
                pieces.push(Piece::Letters(std::mem::take(&mut letters)));
            }
            pieces.push(Piece::Variable(taken.to_owned()));
        } else {
            letters.push_str(taken);
        }
        rest = after;
    }
    letters.push_str(rest);
    if !letters.is_empty() {
        pieces.push(Piece::Letters(letters));
    }
    pieces
}

/// A text with its variables shown as code.
pub fn written(text: &str) -> AnyView {
    let piece = |piece: Piece| match piece {
        Piece::Letters(letters) => view! { <span>{letters}</span> }.into_any(),
        Piece::Variable(name) => view! { <code class="variable">{name}</code> }.into_any(),
    };
    view! { <span class="with-variables">{pieces(text).into_iter().map(piece).collect_view()}</span> }
        .into_any()
}

/// A text with another one in the place of what is selected; places count as browsers count them, in UTF-16.
fn inserted(text: &str, selected: (usize, usize), piece: &str) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    let start = selected.0.min(units.len());
    let end = selected.1.clamp(start, units.len());
    let side = |units: &[u16]| String::from_utf16_lossy(units);
    format!("{}{piece}{}", side(&units[..start]), side(&units[end..]))
}

/// Where the caret of a field stands, or what is selected in it; the end when nobody was there.
fn selected(id: &str, text: &str) -> (usize, usize) {
    let end = text.encode_utf16().count();
    let field =
        document().get_element_by_id(id).and_then(|field| field.dyn_into::<web_sys::HtmlInputElement>().ok());
    let place = |found: Option<u32>| found.and_then(|place| usize::try_from(place).ok());
    let Some(field) = field else { return (end, end) };
    let start = place(field.selection_start().ok().flatten());
    let stop = place(field.selection_end().ok().flatten());
    start.zip(stop).unwrap_or((end, end))
}

/// A menu that puts a variable into a field.
#[component]
pub fn InsertVariable(
    /// What the parts share.
    editor: Editor,
    /// Id of the field.
    id: String,
    /// The text of the field now.
    #[prop(into)]
    text: Signal<String>,
    /// Takes the text with the variable in it.
    #[prop(into)]
    take: Callback<String>,
) -> impl IntoView {
    let id = StoredValue::new(id);
    let entries = Callback::new(move |()| {
        let entry = |name: String, words: String| {
            MenuEntry::press(format!("{{{name}}} · {words}"), move || {
                let now = text.get_untracked();
                let place = id.with_value(|id| selected(id, &now));
                take.run(inserted(&now, place, &format!("{{{name}}}")));
                request_animation_frame(move || {
                    id.try_with_value(|id| browser::focus_id(id));
                });
            })
        };
        let known =
            BUILT_IN.iter().map(|name| entry((*name).to_owned(), texts::word(lang(), "variable", name)));
        let mut entries: Vec<MenuEntry> = known.collect();
        let fields = editor.fields.get_untracked().unwrap_or_default().into_iter();
        let fields = fields.enumerate().map(|(at, field)| {
            let entry = entry(field.name, field.label);
            if at == 0 { entry.line_before() } else { entry }
        });
        entries.extend(fields);
        entries.push(
            MenuEntry::link(texts::configuration::manage_fields(lang()), "/groups/fields")
                .icon("gear")
                .line_before(),
        );
        entries
    });
    view! {
        <MenuButton
            label=texts::configuration::insert_variable(lang()).to_owned()
            icon="braces"
            class="ib tight"
            entries=entries
        />
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, inserted, pieces};

    #[test]
    fn variables_are_told_from_letters() {
        let letters = |text: &str| Piece::Letters(text.to_owned());
        let variable = |text: &str| Piece::Variable(text.to_owned());
        assert_eq!(
            pieces("a {e164}@{site}"),
            [letters("a "), variable("{e164}"), letters("@"), variable("{site}")]
        );
        assert_eq!(pieces("{{x}} y"), [letters("{{x}} y")]);
        assert_eq!(pieces("broken { brace } {"), [letters("broken "), variable("{ brace }"), letters(" {")]);
        assert_eq!(pieces("{e164"), [letters("{e164")]);
        assert_eq!(pieces(""), Vec::new());
    }

    #[test]
    fn a_variable_stands_where_the_caret_was() {
        assert_eq!(inserted("sip:@x", (4, 4), "{e164}"), "sip:{e164}@x");
        assert_eq!(inserted("Zoë 😀 x", (4, 6), "{site}"), "Zoë {site} x");
        assert_eq!(inserted("ab", (9, 1), "{mac}"), "ab{mac}");
    }
}
