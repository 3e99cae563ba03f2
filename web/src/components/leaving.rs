//! Leaving with changes that were not submitted asks first: links of the page, other ways to another page of the
//! console, going back, signing out, and closing the window. Knows nothing of what the changes are.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;

use super::button::{Button, ButtonKind};
use super::dialog::{Dialog, DialogButtons};
use crate::address::{Wish, use_address};
use crate::texts::{self, lang};

type Listener = Closure<dyn FnMut(web_sys::Event)>;

/// Listens until the component is gone; before the router does.
fn listen(target: &web_sys::EventTarget, event: &'static str, act: impl FnMut(web_sys::Event) + 'static) {
    let closure: Listener = Closure::new(act);
    let _ = target.add_event_listener_with_callback_and_bool(event, closure.as_ref().unchecked_ref(), true);
    let kept = StoredValue::new_local((target.clone(), closure));
    on_cleanup(move || {
        kept.try_with_value(|(target, closure)| {
            let _ = target.remove_event_listener_with_callback_and_bool(
                event,
                closure.as_ref().unchecked_ref(),
                true,
            );
        });
    });
}

/// Whether a click opens a link in the place of the page, and not in another tab or as a file.
fn opens_here(event: &web_sys::Event) -> bool {
    event.dyn_ref::<web_sys::MouseEvent>().is_none_or(|click| {
        let apart = click.ctrl_key() || click.meta_key() || click.shift_key() || click.alt_key();
        click.button() == 0 && !apart
    })
}

/// The path a click on a link of this console leads to.
fn leads_to(event: &web_sys::Event) -> Option<String> {
    if !opens_here(event) {
        return None;
    }
    let clicked: web_sys::Element = event.target()?.dyn_into().ok()?;
    let link: web_sys::HtmlAnchorElement = clicked.closest("a[href]").ok()??.dyn_into().ok()?;
    let stays = !link.target().is_empty() || link.has_attribute("download");
    (!stays).then(|| link.get_attribute("href")).flatten().filter(|href| href.starts_with('/'))
}

/// Whether an address is a page, or below it.
fn is_within(href: &str, base: &str) -> bool {
    href.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// Asks before changes are left behind.
#[component]
pub fn Leaving(
    /// How many changes have not been submitted.
    #[prop(into)]
    count: Signal<u64>,
    /// Address of the page; addresses below it keep the changes.
    #[prop(into)]
    base: String,
    /// Another address that keeps the changes, with what is below it: where they are submitted.
    #[prop(optional)]
    keeps: Option<&'static str>,
    /// Throws the changes away.
    #[prop(into)]
    discard: Callback<()>,
) -> impl IntoView {
    let address = use_address();
    let open = RwSignal::new(false);
    let wanted = StoredValue::new(None::<Wish>);
    let dirty = move || count.try_get_untracked().is_some_and(|count| count > 0);
    let base = StoredValue::new(base);
    let asks = move |wish: &Wish| {
        let leaves = match wish {
            Wish::Page(href) => {
                base.try_with_value(|base| !is_within(href, base)) == Some(true)
                    && keeps.is_none_or(|keeps| !is_within(href, keeps))
            }
            Wish::Act(_) => true,
        };
        let asks = leaves && dirty();
        if asks {
            wanted.set_value(Some(wish.clone()));
            open.set(true);
        }
        asks
    };
    listen(document().as_ref(), "click", move |event| {
        if leads_to(&event).is_some_and(|href| asks(&Wish::Page(href))) {
            event.prevent_default();
            event.stop_propagation();
        }
    });
    listen(window().as_ref(), "beforeunload", move |event| {
        if dirty() {
            event.prevent_default();
        }
    });
    crate::address::guard(address, asks);
    view! {
        <Dialog open=open title=texts::common::leave_title(lang()).to_owned()>
            <p>{move || texts::common::leave_text(lang(), count.get())}</p>
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    open.set(false);
                    match wanted.get_value() {
                        Some(Wish::Page(to)) => {
                            discard.run(());
                            address.go(&to);
                        }
                        // Signing out forgets what was typed; when it fails, that is still there.
                        Some(Wish::Act(act)) => act(),
                        None => {}
                    }
                })>{texts::common::leave(lang())}</Button>
                <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| open.set(false))>
                    {texts::common::stay(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn addresses_below_a_page_stay_on_it() {
        assert!(is_within("/settings", "/settings") && is_within("/settings/ports", "/settings"));
        assert!(is_within("/settings?q=port", "/settings"));
        assert!(!is_within("/settings-of-others", "/settings") && !is_within("/jobs", "/settings"));
    }
}
