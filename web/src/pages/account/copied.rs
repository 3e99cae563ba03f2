//! Copying from a dialog: what came of it is said there, since toasts lie behind it and are not read out.

use leptos::prelude::*;

use crate::browser;
use crate::texts::{self, lang};

/// Puts text on the clipboard and says whether the browser has let it.
pub(super) fn copy_and_say(text: &str, said: RwSignal<Option<&'static str>>) {
    browser::try_copy(text, move |copied| {
        let words = if copied { texts::account::copied(lang()) } else { texts::account::not_copied(lang()) };
        let _ = said.try_set(Some(words));
    });
}

/// Where it is said.
#[component]
pub(super) fn Said(said: RwSignal<Option<&'static str>>) -> impl IntoView {
    view! { <p class="soft" role="status">{said}</p> }
}
