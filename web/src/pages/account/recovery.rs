//! Recovery codes, shown once, with a way to copy them. Nothing of them stays in the browser.

use leptos::prelude::*;

use super::copied::{Said, copy_and_say};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::states::Note;
use crate::components::status::Tone;
use crate::texts::{self, lang};

#[component]
pub(super) fn CodesDialog(codes: RwSignal<Option<Vec<String>>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let said = RwSignal::new(None::<&'static str>);
    Effect::new(move |_| {
        if codes.with(Option::is_some) {
            said.set(None);
            open.set(true);
        }
    });
    // The dialog can be closed in several ways; the codes are forgotten in all of them.
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            codes.set(None);
        }
        now
    });
    let list = move || {
        let codes = codes.get().unwrap_or_default();
        codes.into_iter().map(|code| view! { <li class="mono">{code}</li> }).collect_view()
    };
    let copy = Callback::new(move |()| {
        copy_and_say(&codes.get_untracked().unwrap_or_default().join("\n"), said);
    });
    view! {
        <Dialog open=open title=texts::account::codes_title(lang()).to_owned() kept=true>
            <Note tone=Tone::Warn>{texts::account::codes_text(lang())}</Note>
            <ul class="codes">{list}</ul>
            <Said said=said />
            <DialogButtons>
                <Button icon="copy" on_press=copy>{texts::account::copy_codes(lang())}</Button>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| open.set(false))>
                    {texts::account::codes_kept(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
    }
}
