//! The own account (OSEM §2.8.1 to §2.8.4): details, password, second factor, sessions, API tokens.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::password::PasswordForm;
use crate::components::page_head::PageHead;
use crate::components::toast;
use crate::texts::{self, Language, lang};

mod copied;
mod details;
mod factor;
mod recovery;
mod sessions;
mod setup;
mod tokens;

/// A section: its word in the address and its name.
type Section = (&'static str, fn(Language) -> &'static str);

/// The sections; the first one has no word in the address.
const SECTIONS: [Section; 5] = [
    ("", texts::account::details),
    ("password", texts::account::password),
    ("second-factor", texts::account::second_factor),
    ("sessions", texts::account::sessions),
    ("tokens", texts::account::tokens),
];

/// A section of the own account.
#[component]
pub fn AccountPage() -> impl IntoView {
    let params = use_params_map();
    let section = Memo::new(move |_| params.with(|params| params.get("section")).unwrap_or_default());
    let tab = move |(word, name): Section| {
        let href = if word.is_empty() { "/account".to_owned() } else { format!("/account/{word}") };
        view! {
            <a href=href aria-current=move || (section.get() == word).then_some("true")>
                {name(lang())}
            </a>
        }
    };
    // On narrow screens the tabs are wider than the page.
    Effect::new(move |_| {
        section.track();
        request_animation_frame(|| {
            let tab = document().query_selector(".account-tabs [aria-current]").ok().flatten();
            let tab = tab.and_then(|tab| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(tab).ok());
            if let Some((tab, tabs)) = tab.and_then(|tab| tab.parent_element().map(|tabs| (tab, tabs))) {
                tabs.set_scroll_left(tab.offset_left() - tabs.client_width() / 3);
            }
        });
    });
    let body = move || {
        match section.get().as_str() {
        "password" => view! {
            <section class="pad">
                <PasswordForm done=Callback::new(|()| toast::show(texts::account::password_changed(lang()))) />
            </section>
        }
        .into_any(),
        "second-factor" => view! { <factor::SecondFactor /> }.into_any(),
        "sessions" => view! { <sessions::Sessions /> }.into_any(),
        "tokens" => view! { <tokens::Tokens /> }.into_any(),
        _ => view! { <details::Details /> }.into_any(),
    }
    };
    view! {
        <PageHead title=texts::account::title(lang()).to_owned() />
        <nav class="tabs account-tabs" aria-label=texts::account::title(lang())>
            {SECTIONS.into_iter().map(tab).collect_view()}
        </nav>
        {body}
    }
}
