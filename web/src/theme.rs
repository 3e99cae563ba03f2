//! How the page looks: theme, density, width of the menu, language. On `<html>` before the first paint (`boot.js`),
//! changed here, remembered per account.

use domain::AccountId;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::storage;
use crate::texts::{self, Language};

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];
}

/// How dense lists are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Density {
    /// Rows of 40 px.
    #[default]
    Comfortable,
    /// Rows of 32 px.
    Compact,
}

/// How the page looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// How dense lists are.
    pub density: Density,
    /// Whether the menu shows its icons only.
    pub narrow_menu: bool,
    /// Whether single letters are shortcuts.
    pub no_letter_keys: bool,
    /// Language chosen before signing in: `en`, `de`.
    pub language: Option<String>,
}

thread_local! {
    static LOOK: ArcRwSignal<Look> = ArcRwSignal::new(Look::default());
    static LANGUAGE: ArcRwSignal<Language> = ArcRwSignal::new(Language::English);
}

/// How the page looks, to be watched.
pub fn look() -> ArcRwSignal<Look> {
    LOOK.with(Clone::clone)
}

/// The language, to be watched by who builds the page; texts take [`texts::lang`].
pub fn language() -> ArcRwSignal<Language> {
    LANGUAGE.with(Clone::clone)
}

/// Reads what the browser remembers, once at the start.
pub(crate) fn start() {
    let look: Look = storage::read(&storage::shared_key("look")).unwrap_or_default();
    let wish = look.language.clone().or_else(|| window().navigator().language()).unwrap_or_default();
    self::look().set(look.clone());
    apply(&look);
    speak(Language::of_tag(&wish));
}

/// An account signed in: the page looks as it left it.
pub(crate) fn enter(account: AccountId) {
    if let Some(look) = storage::read::<Look>(&storage::key(account, "look")) {
        self::look().set(look.clone());
        apply(&look);
        storage::write(&storage::shared_key("look"), &look);
    }
}

/// Changes how the page looks, and remembers it.
pub fn change(change: impl FnOnce(&mut Look)) {
    let signal = look();
    let mut look = signal.get_untracked();
    change(&mut look);
    apply(&look);
    storage::write(&storage::shared_key("look"), &look);
    storage::put("look", &look);
    signal.set(look);
}

/// The page speaks this language from now on; everything on it is built anew.
pub fn speak(language: Language) {
    texts::set_lang(language);
    let signal = self::language();
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language.code());
    }
    if signal.get_untracked() != language {
        signal.set(language);
    }
}

/// Name of the language that was chosen before signing in.
const CHOICE: &str = "language";

/// Before signing in: the language of the session that is begun, also when the account speaks another one
/// (OSEM §2.2.1).
pub(crate) fn choose(language: Language) {
    storage::write_in_tab(&storage::shared_key(CHOICE), &language.code());
}

/// The language that was chosen for this session.
pub(crate) fn choice() -> Option<Language> {
    let code: String = storage::read_in_tab(&storage::shared_key(CHOICE))?;
    Some(Language::of_tag(&code))
}

/// The session is over, or the account speaks another language now.
pub(crate) fn forget_choice() {
    storage::remove_in_tab(&storage::shared_key(CHOICE));
}

/// Whether the page is dark now.
pub fn is_dark(look: &Look) -> bool {
    match look.theme {
        Theme::Dark => true,
        Theme::Light => false,
        Theme::System => crate::browser::matches("(prefers-color-scheme: dark)"),
    }
}

/// Writes it to `<html>`, where the style sheet reads it.
fn apply(look: &Look) {
    let Some(root) = document().document_element() else { return };
    let density = match look.density {
        Density::Comfortable => "comfortable",
        Density::Compact => "compact",
    };
    let menu = if look.narrow_menu { "narrow" } else { "wide" };
    let theme = if is_dark(look) { "dark" } else { "light" };
    for (name, value) in [("data-theme", theme), ("data-density", density), ("data-menu", menu)] {
        let _ = root.set_attribute(name, value);
    }
}
