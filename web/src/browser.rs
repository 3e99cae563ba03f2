//! The few things of the browser that pages need, each with an answer for when it is not there.

use leptos::prelude::{document, set_timeout, window};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use web_sys::HtmlElement;

/// A random UUID; not for secrets.
pub fn random_uuid() -> String {
    window().crypto().map(|crypto| crypto.random_uuid()).unwrap_or_default()
}

/// Now, in milliseconds since 1970.
pub fn now_millis() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    let now = js_sys::Date::now() as i64;
    now
}

/// Whether nobody looks at the page.
pub fn is_hidden() -> bool {
    document().hidden()
}

/// Whether the page is as wide as a telephone (design: at most 640 px).
pub fn is_narrow() -> bool {
    matches("(max-width: 40rem)")
}

/// Whether a media query holds now.
pub fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Whether the keyboard is one of Apple's, where `⌘` stands for `Ctrl`.
pub fn is_apple() -> bool {
    window().navigator().user_agent().is_ok_and(|agent| agent.contains("Mac OS") || agent.contains("iPhone"))
}

/// Writes to the console of the browser.
pub fn log_error(text: &str) {
    web_sys::console::error_1(&text.into());
}

/// Loads the whole console again; what was typed is lost.
pub fn reload() {
    let _ = window().location().reload();
}

/// Puts text on the clipboard. `done` is called when the browser has let it.
pub fn copy(text: &str, done: impl FnOnce() + 'static) {
    try_copy(text, |copied| {
        if copied {
            done();
        }
    });
}

/// Puts text on the clipboard, and says whether the browser has let it.
pub fn try_copy(text: &str, done: impl FnOnce(bool) + 'static) {
    let clipboard = window().navigator().clipboard();
    // Pages without a secure origin have none.
    if clipboard.is_undefined() {
        done(false);
        return;
    }
    let written = wasm_bindgen_futures::JsFuture::from(clipboard.write_text(text));
    leptos::task::spawn_local(async move { done(written.await.is_ok()) });
}

/// The element that has the focus.
pub fn focused() -> Option<HtmlElement> {
    document().active_element()?.dyn_into().ok()
}

/// Gives an element the focus.
pub fn focus(element: &HtmlElement) {
    let _ = element.focus();
}

/// Gives the element with an id the focus.
pub fn focus_id(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|found| found.dyn_into().ok()) {
        focus(&element);
    }
}

/// Elements below one that take the focus with Tab, in order.
pub fn focusable(within: &HtmlElement) -> Vec<HtmlElement> {
    const SELECTOR: &str = "a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), \
                            textarea:not([disabled]), summary, [tabindex]:not([tabindex='-1'])";
    let Ok(found) = within.query_selector_all(SELECTOR) else { return Vec::new() };
    let elements = (0..found.length()).filter_map(|at| found.get(at)?.dyn_into::<HtmlElement>().ok());
    elements.filter(|element| element.offset_parent().is_some() && element.tab_index() >= 0).collect()
}

/// Elements below one that match a selector.
pub fn select(within: &HtmlElement, selector: &str) -> Vec<HtmlElement> {
    let Ok(found) = within.query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.get(at)?.dyn_into().ok()).collect()
}

/// Whether somebody is typing: single keys mean themselves then.
pub fn is_typing() -> bool {
    focused().is_some_and(|element| {
        let tag = element.tag_name();
        element.is_content_editable()
            || matches!(tag.as_str(), "TEXTAREA" | "SELECT")
            || (tag == "INPUT"
                && !matches!(element.get_attribute("type").as_deref(), Some("checkbox" | "radio" | "button")))
    })
}

/// Whether a dialog or a full-screen layer lies above the page.
pub fn has_modal() -> bool {
    document().query_selector("dialog[open], [aria-modal='true']").ok().flatten().is_some()
}

/// Whether text is marked on the page: a click ends the marking and opens nothing.
pub fn has_selected_text() -> bool {
    let selection = window().get_selection().ok().flatten();
    selection.is_some_and(|selection| !selection.is_collapsed())
}

/// Has the browser save something that is there already (a `Blob`) under a name.
pub fn save(blob: &JsValue, name: &str) {
    let call = |function: &str, argument: &JsValue| {
        let urls = js_sys::Reflect::get(&js_sys::global(), &JsValue::from_str("URL")).ok()?;
        let function = js_sys::Reflect::get(&urls, &JsValue::from_str(function)).ok()?;
        function.dyn_into::<js_sys::Function>().ok()?.call1(&urls, argument).ok()
    };
    let anchor =
        document().create_element("a").ok().and_then(|element| element.dyn_into::<HtmlElement>().ok());
    let address = call("createObjectURL", blob);
    if let (Some(anchor), Some(text)) = (anchor, address.as_ref().and_then(JsValue::as_string)) {
        let _ = anchor.set_attribute("href", &text);
        let _ = anchor.set_attribute("download", name);
        anchor.click();
    }
    // The browser still reads it for a moment.
    set_timeout(
        move || {
            address.and_then(|address| call("revokeObjectURL", &address));
        },
        std::time::Duration::from_secs(60),
    );
}

/// Has the browser fetch an address and save it, without the page in between: for what is too large for the page.
/// A refusal is shown by the browser, as a failed download and nothing more: [`crate::client::probe`] asks why.
pub fn download(address: &str) {
    let anchor =
        document().create_element("a").ok().and_then(|element| element.dyn_into::<HtmlElement>().ok());
    if let Some(anchor) = anchor {
        let _ = anchor.set_attribute("href", address);
        let _ = anchor.set_attribute("download", "");
        anchor.click();
    }
}

/// Ends after some time.
pub async fn wait(milliseconds: i32) {
    let promise = js_sys::Promise::new(&mut |done, _| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&done, milliseconds);
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

/// Calls something at every event of the document for as long as the page lives.
pub(crate) fn listen_forever(event: &str, act: impl FnMut(web_sys::Event) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(act);
    let _ = document().add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Has the browser ask before the window is closed or loaded anew, whenever `asks` says so.
pub(crate) fn ask_before_unload(asks: impl Fn() -> bool + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        if asks() {
            event.prevent_default();
        }
    });
    let _ = window().add_event_listener_with_callback("beforeunload", closure.as_ref().unchecked_ref());
    closure.forget();
}
