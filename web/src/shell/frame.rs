//! The frame of pages outside the console: signing in, choosing a password. Language and theme on top.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::components::menu::{MenuButton, MenuEntry};
use crate::components::toast;
use crate::session;
use crate::texts::{self, Language, lang};
use crate::theme::{self, Theme};

/// The logo.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <svg viewBox="0 0 24 24" aria-hidden="true" class="logo">
            <rect width="24" height="24" rx="6.5" class="logo-ground"></rect>
            <path d="M5.5 7.5 8.7 16.5 12 9.5l3.3 7 3.2-9" class="logo-line"></path>
            <circle cx="12" cy="6" r="1.25" class="logo-dot"></circle>
        </svg>
    }
}

/// Signs out; says so when that failed, because the session is still there then.
pub fn sign_out() {
    spawn_local(async {
        if let Err(failure) = session::sign_out().await {
            toast::failed(&failure);
        }
    });
}

/// Menu of languages; `choose` is called with the one that was chosen.
#[component]
pub fn LanguageMenu(
    /// What choosing does beyond remembering.
    #[prop(into)]
    choose: Callback<Language>,
) -> impl IntoView {
    let entries = move |()| {
        let entry = |language: Language| {
            MenuEntry::press(language.name(), move || choose.run(language)).chosen(lang() == language)
        };
        Language::ALL.into_iter().map(entry).collect()
    };
    // What is written on it has to be in its name, for those who speak to the computer.
    let name =
        format!("{} – {}", lang().code().to_uppercase(), texts::shell::language(lang(), lang().name()));
    let face = || view! { <span class="lang">{lang().code().to_uppercase()}</span> }.into_any();
    view! { <MenuButton label=name face=face entries=Callback::new(entries) /> }
}

/// Menu of themes.
#[component]
pub fn ThemeMenu() -> impl IntoView {
    let entries = |()| {
        let now = theme::look().get_untracked().theme;
        let entry = |chosen: Theme| {
            let (words, icon) = match chosen {
                Theme::System => (texts::shell::theme_system(lang()), "display"),
                Theme::Light => (texts::shell::theme_light(lang()), "sun"),
                Theme::Dark => (texts::shell::theme_dark(lang()), "moon"),
            };
            let entry = MenuEntry::press(words, move || theme::change(|look| look.theme = chosen));
            entry.icon(icon).chosen(now == chosen)
        };
        Theme::ALL.into_iter().map(entry).collect()
    };
    let look = theme::look();
    let face = move || {
        let dark = look.with(theme::is_dark);
        view! { <crate::components::icon::Icon name=if dark { "moon" } else { "sun" } /> }.into_any()
    };
    view! { <MenuButton label=texts::shell::theme(lang()).to_owned() face=face entries=Callback::new(entries) /> }
}

/// The frame: what is asked on the left, a quiet picture on the right.
#[component]
pub fn Gate(
    /// The form.
    children: Children,
) -> impl IntoView {
    let choose = Callback::new(|language: Language| {
        theme::choose(language);
        theme::change(|look| look.language = Some(language.code().to_owned()));
        theme::speak(language);
    });
    view! {
        <div class="gate">
            <main class="gate-side" id="main">
                <div class="bar-top">
                    <span class="brand">
                        <Logo />
                        "Workpoint"
                    </span>
                    <div class="iconbar">
                        <LanguageMenu choose=choose />
                        <ThemeMenu />
                    </div>
                </div>
                {children()}
                <p class="foot muted">{concat!("Workpoint ", env!("CARGO_PKG_VERSION"))}</p>
            </main>
            <div class="art" aria-hidden="true">
                <Picture />
                <p>
                    {texts::sign_in::motto(lang())} <small>{texts::sign_in::motto_small(lang())}</small>
                </p>
            </div>
        </div>
    }
}

/// Rows of desk phones as keys of light; drawn, not loaded.
#[component]
fn Picture() -> impl IntoView {
    let phones = (0..9).flat_map(|row| (0..11).map(move |column| (row, column)));
    let phone = |(row, column): (i32, i32)| {
        let lit = (row * 7 + column * 5) % 11;
        let class = match lit {
            0 => "lit",
            1..=3 => "half",
            _ => "dim",
        };
        view! { <rect class=class x=40 + column * 52 y=40 + row * 52 width="34" height="34" rx="7"></rect> }
    };
    view! {
        <svg viewBox="0 0 640 560" preserveAspectRatio="xMidYMid slice">{phones.map(phone).collect_view()}</svg>
    }
}
