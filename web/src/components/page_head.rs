//! The head of a page: its one title, what it is about, and its actions.

use std::cell::RefCell;

use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

use crate::browser;

const TITLE: &str = "title";

thread_local! {
    /// The page that was turned to, and what had the focus then.
    static TURNED: RefCell<Option<(String, Option<HtmlElement>)>> = const { RefCell::new(None) };
    /// Path and title of the page that is shown, for the breadcrumb.
    static HERE: ArcRwSignal<(String, String)> = ArcRwSignal::new((String::new(), String::new()));
}

/// The title of the page at this path; `None` while it has not said it. Watched.
pub fn title_of(path: &str) -> Option<String> {
    let (at, title) = HERE.with(ArcRwSignal::get);
    (at == path && !title.is_empty()).then_some(title)
}

/// Another page was turned to: its title takes the focus, at once or when it comes.
pub(crate) fn turn_to(path: &str) {
    TURNED.set(Some((path.to_owned(), browser::focused())));
    let path = path.to_owned();
    request_animation_frame(move || {
        let title = document().get_element_by_id(TITLE).and_then(|title| title.dyn_into().ok());
        if let Some(title) = title {
            take_focus(&path, &title);
        }
    });
}

/// The title takes the focus, unless somebody has gone on with something else meanwhile.
fn take_focus(path: &str, title: &HtmlElement) {
    let free = TURNED.with_borrow(|turned| {
        let Some((_, from)) = turned.as_ref().filter(|(to, _)| to == path) else { return false };
        browser::focused()
            .is_none_or(|now| now.id() == TITLE || now.tag_name() == "BODY" || from.as_ref() == Some(&now))
    });
    if free {
        browser::focus(title);
        TURNED.with_borrow_mut(|turned| {
            if let Some((_, from)) = turned {
                *from = None;
            }
        });
    }
}

/// Title, a line beside it, actions on the right. Also the title of the window.
#[component]
pub fn PageHead(
    /// The title, the only `h1`.
    #[prop(into)]
    title: Signal<String>,
    /// Beside it: numbers, identifiers.
    #[prop(optional, into)]
    sub: Signal<Option<String>>,
    /// Buttons, the primary one last.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let path = use_location().pathname;
    Effect::new(move |_| {
        let (title, path) = (title.get(), path.get());
        document().set_title(&format!("{title} – Workpoint"));
        HERE.with(|here| here.set((path, title)));
    });
    let heading = NodeRef::<html::H1>::new();
    Effect::new(move |_| {
        if let Some(heading) = heading.get() {
            take_focus(&path.get_untracked(), &heading);
        }
    });
    view! {
        <div class="head">
            <h1 node_ref=heading id=TITLE tabindex="-1">{move || title.get()}</h1>
            {move || sub.get().map(|sub| view! { <span class="sub">{sub}</span> })}
            {children.map(|children| view! { <div class="acts">{children()}</div> })}
        </div>
    }
}
