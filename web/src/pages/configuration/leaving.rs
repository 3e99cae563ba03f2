//! Leaving the editor with changes that were not submitted asks first, and keeps them when the page goes away without
//! being asked.

use leptos::prelude::*;

use super::draft;
use super::editor::Editor;
use super::edits::Edits;
use crate::components::leaving::Leaving as Asking;

/// Asks before the changes are left behind, and keeps them when the page goes away without being asked.
#[component]
pub fn Leaving(
    /// What the parts share.
    editor: Editor,
) -> impl IntoView {
    let account = draft::account();
    on_cleanup(move || {
        let known = (account, editor.catalogue.try_get_value(), editor.target.try_get_value());
        if let ((Some(account), Some(catalogue), Some(target)), Some(edits)) =
            (known, editor.edits.try_get_untracked())
        {
            draft::keep(&catalogue, account, &target, edits);
        }
    });
    view! {
        <Asking
            count=Signal::derive(move || editor.edits.with(Edits::len) as u64)
            // The plan is made of the changes; they are forgotten when it is applied.
            keeps="/plans"
            base=editor.target.with_value(super::target::Target::base)
            discard=Callback::new(move |()| editor.edits.set(Edits::default()))
        />
    }
}
