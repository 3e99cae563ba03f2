//! Dialogs: the browser's own modal one, which traps the focus and gives it back. Built when opened, gone when closed.

use leptos::html;
use leptos::prelude::*;

use super::button::IconButton;
use super::fresh_id;
use crate::texts::{self, lang};

/// Width of a dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialogSize {
    /// 480 px: forms and questions.
    #[default]
    Form,
    /// 720 px: tables.
    Table,
}

/// A dialog. Its children are the body and, last, a `DialogButtons` with the primary button at the end.
#[component]
pub fn Dialog(
    /// Whether it is open; closing it sets this to `false`.
    open: RwSignal<bool>,
    /// Its title.
    #[prop(into)]
    title: Signal<String>,
    /// Its width.
    #[prop(optional)]
    size: DialogSize,
    /// Something was typed that would be lost: Escape does not close it.
    #[prop(optional, into)]
    dirty: Signal<bool>,
    /// Something is under way, and its outcome is shown here: it cannot be closed.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// What it shows is shown once: only its own buttons close it.
    #[prop(optional)]
    kept: bool,
    /// After it closed, in whatever way.
    #[prop(optional, into)]
    on_close: Option<Callback<()>>,
    /// The body.
    children: ChildrenFn,
) -> impl IntoView {
    let children = StoredValue::new(children);
    move || {
        open.get().then(|| {
            view! {
                <OpenDialog open=open title=title size=size dirty=dirty busy=busy kept=kept on_close=on_close>
                    {children.with_value(|children| children())}
                </OpenDialog>
            }
        })
    }
}

#[component]
fn OpenDialog(
    open: RwSignal<bool>,
    title: Signal<String>,
    size: DialogSize,
    dirty: Signal<bool>,
    busy: Signal<bool>,
    kept: bool,
    on_close: Option<Callback<()>>,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    let heading = fresh_id("dialog");
    let labelled = heading.clone();
    let opener = crate::browser::focused().map(StoredValue::new_local);
    let place = StoredValue::new_local(None::<web_sys::HtmlElement>);
    Effect::new(move |_| {
        if let Some(dialog) = node.get()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
            // The close button comes first, but what is asked is where one begins.
            let asked =
                crate::browser::select(&dialog, ".dialog-body :is(input, select, textarea):not([disabled])");
            if let Some(first) = asked.first() {
                crate::browser::focus(first);
            }
        }
    });
    on_cleanup(move || {
        // While a modal dialog is open nothing below it takes the focus.
        if let Some(dialog) = node.try_get_untracked().flatten() {
            dialog.close();
        }
        if let Some(opener) = opener.and_then(|opener| opener.try_get_value()) {
            crate::browser::focus(&opener);
        }
    });
    let close = move || {
        open.set(false);
        if let Some(on_close) = on_close {
            on_close.run(());
        }
    };
    let stays = move || kept || dirty.get_untracked() || busy.get_untracked();
    // Browsers let nobody keep a dialog open for ever: after some Escapes it closes without asking.
    let closed = move || {
        // Of a dialog that is gone, this comes late.
        let Some(dialog) = node.try_get_untracked().flatten() else { return };
        if dialog.open() || open.try_get_untracked() != Some(true) {
            return;
        }
        if stays() {
            let _ = dialog.show_modal();
            if let Some(place) = place.try_get_value().flatten() {
                crate::browser::focus(&place);
            }
        } else {
            close();
        }
    };
    let class = match size {
        DialogSize::Form => "dialog",
        DialogSize::Table => "dialog table",
    };
    view! {
        <dialog
            node_ref=node
            class=class
            aria-labelledby=labelled
            on:cancel=move |event: web_sys::Event| {
                event.prevent_default();
                place.set_value(crate::browser::focused());
                if !stays() {
                    close();
                }
            }
            on:close=move |_| closed()
            on:keydown=|event| event.stop_propagation()
        >
            <div class="dialog-head">
                <h2 id=heading>{move || title.get()}</h2>
                {(!kept)
                    .then(|| {
                        view! {
                            <IconButton
                                label=texts::common::close(lang()).to_owned()
                                icon="x".to_owned()
                                blocked=busy
                                on_press=Callback::new(move |()| close())
                            />
                        }
                    })}
            </div>
            <div class="dialog-body">{children()}</div>
        </dialog>
    }
}

/// The buttons at the foot of a dialog, the primary one last.
#[component]
pub fn DialogButtons(
    /// The buttons.
    children: Children,
) -> impl IntoView {
    view! { <div class="dialog-buttons">{children()}</div> }
}
