//! Differences: what is now, what will be. Minus and plus carry the meaning; a secret shows that it changes, no value.

use leptos::prelude::*;

use crate::texts::{self, lang};

/// One value that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Its label.
    pub label: String,
    /// Item name or place, small below it.
    pub item: Option<String>,
    /// What is now; `None` when there is nothing.
    pub old: Option<String>,
    /// What will be; `None` when it is taken away.
    pub new: Option<String>,
    /// Words for nothing before and after; without them it is a dash.
    pub nothing: Option<[&'static str; 2]>,
    /// Never shown.
    pub secret: bool,
    /// Where the new value comes from, or how many clients have it.
    pub remark: Option<String>,
}

/// A table of differences.
#[component]
pub fn DiffTable(
    /// Its name, read out.
    #[prop(into)]
    label: String,
    /// The lines.
    #[prop(into)]
    lines: Signal<Vec<DiffLine>>,
    /// Head of the remarks; without it there is no column for them.
    #[prop(optional, into)]
    remark: Option<String>,
    /// Head of the old values when they are no longer those of now.
    #[prop(optional, into)]
    before_head: Option<String>,
    /// Head of the labels when they are no parameters.
    #[prop(optional, into)]
    name_head: Option<String>,
) -> impl IntoView {
    let before_head = StoredValue::new(before_head.unwrap_or_else(|| texts::common::now(lang()).to_owned()));
    // A column that says nothing takes room from the values.
    let has_remarks = remark.is_some();
    let remarks = Memo::new(move |_| {
        has_remarks
            && lines.with(|lines| {
                lines.iter().any(|line| line.remark.as_ref().is_some_and(|remark| !remark.is_empty()))
            })
    });
    let row = move |line: DiffLine| {
        let DiffLine { label, item, old, new, nothing, secret, remark } = line;
        let [none_before, none_after] = nothing.unwrap_or(["–"; 2]);
        let hidden = texts::common::secret_changes(lang());
        let side = move |text: Option<String>, class: &'static str, none: &'static str| match (text, secret) {
            (_, true) if class == "old" => view! { <span class="muted">"•••"</span> }.into_any(),
            (_, true) => view! { <span class="new">{hidden}</span> }.into_any(),
            (Some(text), false) if text.is_empty() => {
                view! { <span class=class>{texts::common::empty_text(lang())}</span> }.into_any()
            }
            (Some(text), false) => view! { <span class=class>{text}</span> }.into_any(),
            (None, false) => view! { <span class="muted">{none}</span> }.into_any(),
        };
        view! {
            <tr>
                <th scope="row">
                    {label}
                    {item.map(|item| view! { <span class="two mono">{item}</span> })}
                </th>
                <td data-label=before_head.get_value()>{side(old, "old", none_before)}</td>
                <td data-label=texts::common::after(lang())>{side(new, "new", none_after)}</td>
                {remarks.get().then(|| view! { <td class="soft">{remark}</td> })}
            </tr>
        }
    };
    view! {
        <table class="tbl diff stack" aria-label=label>
            <thead>
                <tr>
                    <th scope="col">{name_head.unwrap_or_else(|| texts::common::parameter(lang()).to_owned())}</th>
                    <th scope="col">{before_head.get_value()}</th>
                    <th scope="col">{texts::common::after(lang())}</th>
                    {move || {
                        remark.clone().filter(|_| remarks.get()).map(|remark| view! { <th scope="col">{remark}</th> })
                    }}
                </tr>
            </thead>
            <tbody>{move || lines.get().into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}
