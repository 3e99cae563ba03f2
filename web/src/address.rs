//! The address of the page: what a page shows is in its query, so reload, back and a link to a colleague show the same.
//!
//! Changes of a filter replace the entry of the history; opening a page, a drawer or a tab adds one. Names of the query
//! are those of the API where there is one: `q` (search), `sort`, `page`, `size`, `open`, `tab`, and one per filter.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::location::State;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

/// What happens to the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Back leads to where the page was before.
    Push,
    /// Back leaves the page.
    Replace,
}

type Navigate = Box<dyn Fn(&str, NavigateOptions) + Send + Sync>;

/// The address, to be read and changed. Copied around freely; taken with [`use_address`] while a component is built.
#[derive(Clone, Copy)]
pub struct Address {
    path: Memo<String>,
    /// As it stands in the address. The router's own map of it decodes twice, so that `%` would be lost.
    search: Memo<String>,
    navigate: StoredValue<Navigate>,
}

/// The address of the page. Call it while a component is built, not in an event handler.
pub fn use_address() -> Address {
    let location = use_location();
    let navigate = use_navigate();
    Address {
        path: location.pathname,
        search: location.search,
        navigate: StoredValue::new(Box::new(move |to, options| navigate(to, options))),
    }
}

impl Address {
    /// Path, without the query; watched.
    pub fn path(&self) -> String {
        self.path.get()
    }

    /// As [`Address::path`], not watched.
    pub fn path_now(&self) -> String {
        self.path.get_untracked()
    }

    /// A field of the query; empty counts as absent. Watched.
    pub fn get(&self, name: &str) -> Option<String> {
        self.search.with(|search| field(search, name))
    }

    /// As [`Address::get`], not watched.
    pub fn get_now(&self, name: &str) -> Option<String> {
        self.search.with_untracked(|search| field(search, name))
    }

    /// Changes fields of the query; `None` takes one away, fields not named stay.
    pub fn set(&self, changes: &[(&str, Option<String>)], history: History) {
        let to = self.search.with_untracked(|search| address(&self.path.get_untracked(), search, changes));
        self.navigate(&to, history, false);
    }

    /// This page with some fields of the query changed, for a link. Watched.
    pub fn href_with(&self, changes: &[(&str, Option<String>)]) -> String {
        self.search.with(|search| address(&self.path.get(), search, changes))
    }

    /// Opens another page of the console.
    pub fn go(&self, to: &str) {
        self.navigate(to, History::Push, true);
    }

    /// Opens another page in the place of this one.
    pub fn replace(&self, to: &str) {
        self.navigate(to, History::Replace, true);
    }

    /// Path and query, not watched.
    pub(crate) fn here_now(&self) -> String {
        let (path, search) = (self.path.get_untracked(), self.search.get_untracked());
        let search = search.trim_start_matches('?');
        if search.is_empty() { path } else { format!("{path}?{search}") }
    }

    fn navigate(&self, to: &str, history: History, scroll: bool) {
        // Whose page is gone, because a call took long, leads nobody away from where they are now.
        if self.navigate.is_disposed() || is_held(&Wish::Page(to.to_owned())) {
            return;
        }
        let replace = history == History::Replace;
        let options = NavigateOptions { resolve: false, replace, scroll, state: State::new(None) };
        self.navigate.try_with_value(|navigate| navigate(to, options));
    }
}

/// Something that ends a page.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Another page, by its address.
    Page(String),
    /// Something else, for instance signing out.
    Act(fn()),
}

type Asks = Rc<dyn Fn(&Wish) -> bool>;

/// Who is asked before another page is opened.
#[derive(Clone)]
struct Guard {
    number: u64,
    address: Address,
    asks: Asks,
}

thread_local! {
    static GUARD: RefCell<Option<Guard>> = const { RefCell::new(None) };
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// Listens for back and forward; once, before there is a router, so that it is told first. The browser has changed the
/// address by then: when the page asks, it is put back, and the router never learns of it.
pub(crate) fn watch_history() {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(|event: web_sys::Event| {
        let location = window().location();
        let Ok(path) = location.pathname() else { return };
        let to = format!("{path}{}", location.search().unwrap_or_default());
        let Some(guard) = GUARD.with_borrow(Clone::clone) else { return };
        let here = guard.address.here_now();
        if here != to && (guard.asks)(&Wish::Page(to)) {
            event.stop_immediate_propagation();
            if let Ok(history) = window().history() {
                let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&here));
            }
        }
    });
    let listener = closure.as_ref().unchecked_ref();
    let _ = window().add_event_listener_with_callback_and_bool("popstate", listener, true);
    closure.forget();
}

/// Does something that ends the page, unless the page asks first.
pub(crate) fn end_with(act: fn()) {
    if !is_held(&Wish::Act(act)) {
        act();
    }
}

/// Until the component is gone, `asks` is told what is about to end the page, and may keep it.
pub(crate) fn guard(address: Address, asks: impl Fn(&Wish) -> bool + 'static) {
    let number = NUMBER.get() + 1;
    NUMBER.set(number);
    GUARD.set(Some(Guard { number, address, asks: Rc::new(asks) }));
    on_cleanup(move || {
        GUARD.with_borrow_mut(|guard| {
            // The page that came after may have one of its own already.
            if guard.as_ref().is_some_and(|guard| guard.number == number) {
                *guard = None;
            }
        });
    });
}

fn is_held(wish: &Wish) -> bool {
    let guard = GUARD.with_borrow(Clone::clone);
    guard.is_some_and(|guard| (guard.asks)(wish))
}

/// A field of a query, when it is there and not empty.
fn field(search: &str, name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(search.as_bytes());
    let (_, value) = fields.find(|(known, _)| known == name)?;
    (!value.is_empty()).then(|| value.into_owned())
}

fn address(path: &str, search: &str, changes: &[(&str, Option<String>)]) -> String {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(search.as_bytes())
        .into_owned()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
        .collect();
    for (name, value) in changes {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            fields.push(((*name).to_owned(), value.clone()));
        }
    }
    with_fields(path, &fields)
}

/// A path with fields of a query, for links to other pages: `with_fields("/clients", &[("state", "quarantined")])`.
pub fn with_fields<N: AsRef<str>, V: AsRef<str>>(path: &str, fields: &[(N, V)]) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if !value.as_ref().is_empty() {
            pairs.append_pair(name.as_ref(), value.as_ref());
        }
    }
    let pairs = pairs.finish();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{pairs}") }
}

#[cfg(test)]
mod tests {
    use super::{address, field, with_fields};

    #[test]
    fn changes_replace_their_field_and_leave_the_others() {
        let changed = [("page", None), ("sort", Some("-e164".to_owned()))];
        assert_eq!(address("/clients", "state=active&page=3", &changed), "/clients?state=active&sort=-e164");
        assert_eq!(address("/clients", "", &[("q", None)]), "/clients");
    }

    #[test]
    fn text_of_the_user_comes_back_as_it_was_and_cannot_add_fields() {
        let to = with_fields("/clients", &[("q", "a&b=c 100% #1")]);
        assert_eq!(to, "/clients?q=a%26b%3Dc+100%25+%231");
        assert_eq!(field(&to["/clients?".len()..], "q").as_deref(), Some("a&b=c 100% #1"));
        assert_eq!(field("q=&x=1", "q"), None);
    }
}
