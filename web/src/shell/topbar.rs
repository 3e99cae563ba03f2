//! The bar on top: where one is, search, and what concerns oneself.

use api::auth::{ChangeDetails, SessionInfo};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_location;

use super::Layers;
use super::frame::{LanguageMenu, ThemeMenu, sign_out};
use super::notifications::News;
use super::shortcuts;
use crate::address::end_with;
use crate::browser;
use crate::client::{self, Call, Failure};
use crate::components::button::IconButton;
use crate::components::icon::Icon;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::components::{page_head, toast};
use crate::routes;
use crate::session;
use crate::texts::{self, Language, lang};
use crate::theme;

#[component]
pub(super) fn TopBar(layers: Layers, news: News) -> impl IntoView {
    let jump = format!("{} K", shortcuts::control());
    let jump_name = format!("{} {jump}", texts::shell::jump(lang()));
    let bell = Signal::derive(move || match news.unread.get() {
        0 => texts::shell::notifications(lang()).to_owned(),
        unread => texts::shell::notifications_new(lang(), unread),
    });
    view! {
        <header class="top">
            <IconButton
                class="burger"
                label=texts::shell::open_menu(lang()).to_owned()
                icon="menu".to_owned()
                expanded=layers.menu
                on_press=Callback::new(move |()| layers.menu.set(true))
            />
            <Breadcrumb />
            <button
                type="button"
                class="jump"
                // What is written on it has to be in its name, for those who speak to the computer.
                aria-label=jump_name
                on:click=move |_| layers.palette.set(true)
            >
                <Icon name="search" />
                <span>{texts::shell::jump(lang())}</span>
                <kbd aria-hidden="true">{jump}</kbd>
            </button>
            <div class="iconbar">
                <span class="only-wide">
                    <IconButton
                        label=texts::shell::about(lang()).to_owned()
                        icon="info".to_owned()
                        on_press=Callback::new(move |()| layers.about.set(true))
                    />
                </span>
                <IconButton
                    label=texts::shell::help(lang()).to_owned()
                    icon="chat".to_owned()
                    on_press=Callback::new(move |()| layers.shortcuts.set(true))
                />
                <span class="only-wide">
                    <LanguageMenu choose=Callback::new(choose_language) />
                </span>
                <ThemeMenu />
                <button
                    type="button"
                    class="ib"
                    aria-label=move || bell.get()
                    title=move || bell.get()
                    aria-expanded=move || layers.notifications.get().to_string()
                    on:click=move |_| layers.notifications.update(|open| *open = !*open)
                >
                    <Icon name="bell" />
                    {move || (news.unread.get() > 0).then(|| view! { <span class="dot"></span> })}
                </button>
                <AccountMenu layers=layers />
                <span class="only-wide">
                    <IconButton
                        label=texts::shell::sign_out(lang()).to_owned()
                        icon="out".to_owned()
                        on_press=Callback::new(|()| end_with(sign_out))
                    />
                </span>
            </div>
        </header>
    }
}

/// Another language at once, and for the account.
fn choose_language(language: Language) {
    theme::forget_choice();
    theme::change(|look| look.language = Some(language.code().to_owned()));
    theme::speak(language);
    spawn_local(async move {
        if let Err(failure) = remember(language).await {
            toast::failed(&failure);
        }
    });
}

/// Makes it the language of the account. Both details are sent, so the address has to be the one of now.
async fn remember(language: Language) -> Result<(), Failure> {
    let info: SessionInfo = client::get("/auth/session").await?;
    let body = ChangeDetails { language: language.code().to_owned(), email: info.email, password: None };
    Call::put("/auth/details").json(&body)?.done().await?;
    session::refresh().await;
    Ok(())
}

/// Group, page, and what lies below it: that one's name is the title the page gives itself.
#[component]
fn Breadcrumb() -> impl IntoView {
    let path = use_location().pathname;
    let step = |face: AnyView| {
        view! {
            {face}
            <Icon name="right" />
        }
        .into_any()
    };
    let shown = move || {
        let (language, path) = (lang(), path.get());
        let place = routes::place_of(&path);
        let group = match place {
            Some(place) => place.group.map(|name| name(language)),
            None if path.starts_with("/plans/") => Some(texts::shell::change(language)),
            None => None,
        };
        let group = group.map(|name| step(view! { <span>{name}</span> }.into_any()));
        // A part of a page that has the title of the page is no step of its own.
        let own = page_head::title_of(&path);
        let is_part = |title: &str| own.as_deref() == Some(title);
        let below = place.filter(|place| path != place.path && !is_part((place.title)(language)));
        let above = below.map(|place| {
            let title = (place.title)(language);
            step(view! { <a href=place.path>{title}</a> }.into_any())
        });
        // The editor belongs to a client or a template, whose page lies between.
        let configured = ["/clients", "/templates"].into_iter().find_map(|place| {
            let rest = path.strip_prefix(place)?.strip_prefix('/')?;
            rest.split_once("/configuration").map(|(id, _)| (place, id.parse::<i64>().ok()))
        });
        let thing = configured.and_then(|(place, id)| Some((place, id?))).zip(own.clone());
        let thing = thing.map(|((place, id), name)| {
            step(view! { <a class="clip" href=format!("{place}/{id}")>{name}</a> }.into_any())
        });
        let name = match place {
            _ if configured.is_some() => texts::configuration::title(language).to_owned(),
            Some(place) if below.is_none() => (place.title)(language).to_owned(),
            None if path.starts_with("/account") => texts::account::title(language).to_owned(),
            Some(_) | None => own.unwrap_or_default(),
        };
        view! {
            {group} {above} {thing}
            <b class="clip">{name}</b>
        }
        .into_any()
    };
    view! {
        <nav class="crumbs" aria-label=texts::shell::breadcrumb(lang())>
            {shown}
        </nav>
    }
}

#[component]
fn AccountMenu(layers: Layers) -> impl IntoView {
    let name = session::info_now().map(|info| info.user_name).unwrap_or_default();
    let initials: String = name.chars().filter(|letter| letter.is_alphanumeric()).take(2).collect();
    let entries = move |()| {
        let mut entries = vec![
            MenuEntry::link(texts::shell::own_account(lang()), "/account").icon("user"),
            MenuEntry::link(texts::shell::own_sessions(lang()), "/account/sessions").icon("display"),
            MenuEntry::link(texts::shell::own_tokens(lang()), "/account/tokens").icon("key"),
        ];
        if browser::is_narrow() {
            entries.push(
                MenuEntry::press(texts::shell::about(lang()), move || layers.about.set(true))
                    .icon("info")
                    .line_before(),
            );
            for language in Language::ALL {
                entries.push(
                    MenuEntry::press(language.name(), move || choose_language(language))
                        .chosen(language == lang()),
                );
            }
        }
        entries.push(
            MenuEntry::press(texts::shell::sign_out(lang()), || end_with(sign_out)).icon("out").line_before(),
        );
        entries
    };
    let shown = initials.to_uppercase();
    let face = move || view! { <span aria-hidden="true">{shown.clone()}</span> }.into_any();
    view! {
        <MenuButton
            label=format!("{} – {}", initials.to_uppercase(), texts::shell::account_of(lang(), name))
            class="avatar"
            face=face
            entries=Callback::new(entries)
        />
    }
}
