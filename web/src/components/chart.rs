//! Charts: bars with direct labels, and columns over time. One hue, zero line, a sentence, and the same as a table.

use leptos::prelude::*;

use crate::format;
use crate::texts::{self, lang};

/// One bar or column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How many.
    pub count: u64,
    /// The list it counts.
    pub href: Option<String>,
}

impl Bar {
    /// A bar that leads to its list.
    pub fn new(label: impl Into<String>, count: u64, href: impl Into<String>) -> Self {
        Self { label: label.into(), count, href: Some(href.into()) }
    }

    fn link(&self) -> AnyView {
        match &self.href {
            Some(href) => view! { <a href=href.clone()>{self.label.clone()}</a> }.into_any(),
            None => view! { <span>{self.label.clone()}</span> }.into_any(),
        }
    }
}

/// Bars that lie, each with its word and number. It is its own table.
#[component]
pub fn BarList(
    /// The bars, largest first.
    #[prop(into)]
    bars: Signal<Vec<Bar>>,
) -> impl IntoView {
    let shown = move || {
        let bars = bars.get();
        let most = bars.iter().map(|bar| bar.count).max().unwrap_or_default().max(1);
        let row = move |bar: Bar| {
            view! {
                <li class="hbar">
                    <span class="clip">{bar.link()}</span>
                    <span class="well" aria-hidden="true">
                        <span class="t" style:width=share(bar.count, most)></span>
                    </span>
                    <span class="c">{format::number(bar.count)}</span>
                </li>
            }
        };
        bars.into_iter().map(row).collect_view()
    };
    view! { <ul class="hbars">{shown}</ul> }
}

/// Columns over time. The labels stand below the first, the middle and the last one.
#[component]
pub fn Columns(
    /// What it shows, in a sentence; read out.
    #[prop(into)]
    sentence: Signal<String>,
    /// The columns, oldest first.
    #[prop(into)]
    columns: Signal<Vec<Bar>>,
    /// Head of the table's first column: "Hour".
    #[prop(into)]
    unit: Signal<String>,
    /// Head of the table's second column: "Clients".
    #[prop(into)]
    counted: Signal<String>,
) -> impl IntoView {
    let as_table = RwSignal::new(false);
    let drawn = move || {
        let columns = columns.get();
        let most = columns.iter().map(|column| column.count).max().unwrap_or_default().max(1);
        let ends = [0, columns.len() / 2, columns.len().saturating_sub(1)];
        let below = ends.map(|at| columns.get(at).map(|column| column.label.clone()).unwrap_or_default());
        let column = move |column: Bar| {
            let title = format!("{}: {}", column.label, format::number(column.count));
            let inner = view! { <span class="col" style:height=share(column.count, most)></span> };
            match column.href {
                // Nothing leads nowhere, and is no stop on the way of the Tab key.
                _ if column.count == 0 => view! { <span title=title></span> }.into_any(),
                Some(href) => {
                    view! { <a href=href title=title.clone() aria-label=title>{inner}</a> }.into_any()
                }
                None => view! { <span title=title>{inner}</span> }.into_any(),
            }
        };
        view! {
            <div class="cols" role="group" aria-label=sentence.get()>
                <span class="most">{format::number(most)}</span>
                {columns.into_iter().map(column).collect_view()}
            </div>
            <div class="cols-below" aria-hidden="true">
                {below.into_iter().map(|label| view! { <span>{label}</span> }).collect_view()}
            </div>
        }
    };
    let listed = {
        move || {
            let row = |column: Bar| {
                view! {
                    <tr>
                        <td>{column.link()}</td>
                        <td class="num">{format::number(column.count)}</td>
                    </tr>
                }
            };
            view! {
                <div class="cols-table">
                    <table class="tbl" aria-label=sentence.get()>
                        <thead>
                            <tr>
                                <th scope="col">{unit.get()}</th>
                                <th scope="col" class="num">
                                    {counted.get()}
                                </th>
                            </tr>
                        </thead>
                        <tbody>{columns.get().into_iter().map(row).collect_view()}</tbody>
                    </table>
                </div>
            }
        }
    };
    view! {
        <figure class="chart-box">
            {move || if as_table.get() { listed().into_any() } else { drawn().into_any() }}
            <button type="button" class="link small" on:click=move |_| as_table.update(|on| *on = !*on)>
                {move || {
                    if as_table.get() {
                        texts::common::show_as_chart(lang())
                    } else {
                        texts::common::show_as_table(lang())
                    }
                }}
            </button>
        </figure>
    }
}

/// Part of the largest, as CSS wants it.
fn share(count: u64, most: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let share = count as f64 * 100.0 / most.max(1) as f64;
    format!("{share:.2}%")
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_of_the_largest() {
        assert_eq!(share(1, 4), "25.00%");
        assert_eq!(share(0, 0), "0.00%");
    }
}
