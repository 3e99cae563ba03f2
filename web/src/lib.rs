//! The administrators' console: a single page in the browser that knows only the API.
//!
//! Pages live in [`pages`], what they are made of in [`components`]; [`client`] is the only door to the server. How a
//! page is written is in `docs/console.md`. This crate compiles natively too, so that plain logic is tested there;
//! nothing of it may decide what somebody is allowed to do: the server does.

#![expect(unreachable_pub, reason = "the macro of components makes a public struct beside each of them")]

pub mod address;
pub mod app;
pub mod browser;
pub mod client;
pub mod components;
pub mod format;
pub mod keys;
pub mod live;
pub mod load;
pub mod pages;
pub mod pieces;
pub mod routes;
pub mod session;
pub mod shell;
pub mod storage;
pub mod texts;
pub mod theme;

/// Starts the console in the body of the page.
pub fn mount() {
    // A mistake in the program stops the page; its message finds it.
    std::panic::set_hook(Box::new(|panic| browser::log_error(&panic.to_string())));
    leptos::mount::mount_to_body(app::App);
}
