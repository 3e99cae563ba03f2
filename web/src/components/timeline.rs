//! What happened, newest first: icon, sentence, when and who.

use jiff::Timestamp;
use leptos::prelude::*;

use super::icon::Icon;
use super::status::Tone;
use super::time::Ago;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Shape.
    pub icon: &'static str,
    /// Colour.
    pub tone: Tone,
    /// The sentence.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// Who, or why.
    pub by: Option<String>,
    /// Where it leads.
    pub href: Option<String>,
}

/// A list of what happened.
#[component]
pub fn Timeline(
    /// The entries, newest first.
    #[prop(into)]
    entries: Signal<Vec<Happened>>,
) -> impl IntoView {
    let entry = |entry: Happened| {
        let text = match entry.href {
            Some(href) => view! { <a href=href>{entry.text}</a> }.into_any(),
            None => entry.text.into_any(),
        };
        view! {
            <li class=entry.tone.class()>
                <Icon name=entry.icon.to_owned() />
                <p>
                    {text}
                    <span class="w">
                        <Ago at=Some(entry.at) />
                        {entry.by.map(|by| format!(" · {by}"))}
                    </span>
                </p>
            </li>
        }
    };
    view! { <ol class="time">{move || entries.get().into_iter().map(entry).collect_view()}</ol> }
}
