//! What the browser may remember: theme, density, menu, columns, and for a tab the language chosen before signing in.
//! Nothing else, and nothing secret.

use domain::AccountId;
use leptos::prelude::window;
use serde::Serialize;
use serde::de::DeserializeOwned;
use web_sys::Storage;

use crate::session;

/// Begins every name, so that nothing else on this address is touched.
const PREFIX: &str = "workpoint";

/// Reads what the signed-in account remembers under a name.
pub fn get<T: DeserializeOwned>(name: &str) -> Option<T> {
    read(&key(session::info_now()?.account_id, name))
}

/// Remembers something for the signed-in account.
pub fn put(name: &str, value: &impl Serialize) {
    if let Some(info) = session::info_now() {
        write(&key(info.account_id, name), value);
    }
}

/// Forgets it.
pub fn remove(name: &str) {
    if let (Some(info), Some(storage)) = (session::info_now(), storage()) {
        let _ = storage.remove_item(&key(info.account_id, name));
    }
}

/// Name of something that an account remembers.
pub(crate) fn key(account: AccountId, name: &str) -> String {
    format!("{PREFIX}.{account}.{name}")
}

/// Name of something that the browser remembers for whoever comes; `boot.js` reads it.
pub(crate) fn shared_key(name: &str) -> String {
    format!("{PREFIX}.{name}")
}

pub(crate) fn read<T: DeserializeOwned>(key: &str) -> Option<T> {
    let text = storage()?.get_item(key).ok()??;
    serde_json::from_str(&text).ok()
}

pub(crate) fn write(key: &str, value: &impl Serialize) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(value)) {
        // Full or forbidden: the page works without.
        let _ = storage.set_item(key, &text);
    }
}

/// As [`read`], of what is remembered for as long as the tab is open.
pub(crate) fn read_in_tab<T: DeserializeOwned>(key: &str) -> Option<T> {
    let text = window().session_storage().ok()??.get_item(key).ok()??;
    serde_json::from_str(&text).ok()
}

/// Remembers something for as long as the tab is open.
pub(crate) fn write_in_tab(key: &str, value: &impl Serialize) {
    if let (Ok(Some(storage)), Ok(text)) = (window().session_storage(), serde_json::to_string(value)) {
        let _ = storage.set_item(key, &text);
    }
}

/// Forgets it.
pub(crate) fn remove_in_tab(key: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = storage.remove_item(key);
    }
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
