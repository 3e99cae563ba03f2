//! Who is signed in, and what they may see.
//!
//! What a role may not read is absent, not disabled: pages ask [`may`]. The server decides all the same. Nothing of it
//! is kept in the browser; after a reload the server is asked again.

use std::cell::{Cell, RefCell};

use api::Code;
use api::auth::SessionInfo;
use domain::Permission;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{self, Call, Failure};
use crate::texts::Language;
use crate::theme;

/// Where the page is with its session.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The server has not been asked yet.
    Unknown,
    /// The server cannot be reached, so nobody knows.
    Unreachable(Failure),
    /// Nobody is signed in. `ended`: somebody was, on this page.
    SignedOut {
        /// Whether a session ended while the page was open.
        ended: bool,
    },
    /// Signed in.
    SignedIn(Box<SessionInfo>),
}

thread_local! {
    static STATE: ArcRwSignal<State> = ArcRwSignal::new(State::Unknown);
    static ONLINE: ArcRwSignal<bool> = ArcRwSignal::new(true);
    /// Called at the next sign-out.
    static FORGET: RefCell<Vec<fn()>> = const { RefCell::new(Vec::new()) };
    /// Whether the server is being asked if the session is over.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// The session, to be watched.
pub fn state() -> ArcRwSignal<State> {
    STATE.with(Clone::clone)
}

/// Who is signed in now; watched when read where things are watched.
pub fn info() -> Option<SessionInfo> {
    match state().get() {
        State::SignedIn(info) => Some(*info),
        State::Unknown | State::Unreachable(_) | State::SignedOut { .. } => None,
    }
}

/// As [`info`], not watched: for event handlers and while a page is built.
pub fn info_now() -> Option<SessionInfo> {
    match state().get_untracked() {
        State::SignedIn(info) => Some(*info),
        State::Unknown | State::Unreachable(_) | State::SignedOut { .. } => None,
    }
}

/// Whether the signed-in roles allow it. Roles do not change while a page is open: the session ends then.
pub fn may(permission: Permission) -> bool {
    info_now().is_some_and(|info| info.permissions.contains(&permission))
}

/// To be sent with changes.
pub(crate) fn csrf_token() -> Option<String> {
    info_now()?.csrf_token
}

/// Asks the server who is signed in.
pub async fn refresh() {
    match client::get::<SessionInfo>("/auth/session").await {
        Ok(info) => enter(info),
        Err(failure) if client::ends_session(&failure) => {
            if !matches!(state().get_untracked(), State::SignedOut { .. }) {
                state().set(State::SignedOut { ended: false });
            }
        }
        Err(failure) => {
            if info_now().is_none() {
                state().set(State::Unreachable(failure));
            }
        }
    }
}

/// Somebody has signed in, or what is known of them changed.
pub fn enter(info: SessionInfo) {
    let same = info_now().is_some_and(|known| known.account_id == info.account_id);
    if !same {
        theme::enter(info.account_id);
        theme::speak(theme::choice().unwrap_or_else(|| Language::of_tag(&info.language)));
    }
    state().set(State::SignedIn(Box::new(info)));
}

/// Signs out, and forgets everything that was typed. A session that cannot be ended stays, and so does the page.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn sign_out() -> Result<(), Failure> {
    let mut answer = Call::post("/auth/sign-out").done().await;
    if answer.as_ref().is_err_and(client::ends_session) {
        // Refused with the cookie of before, perhaps: then the session is still there to be ended.
        refresh().await;
        if info_now().is_some() {
            answer = Call::post("/auth/sign-out").done().await;
        }
    }
    match answer {
        Err(failure) if !client::ends_session(&failure) => Err(failure),
        Ok(()) | Err(_) => {
            state().set(State::SignedOut { ended: false });
            theme::forget_choice();
            for forget in FORGET.take() {
                forget();
            }
            Ok(())
        }
    }
}

/// At the next sign-out, `forget` is called: for what must not outlive it.
pub(crate) fn at_sign_out(forget: fn()) {
    FORGET.with_borrow_mut(|all| {
        if !all.iter().any(|known| std::ptr::fn_addr_eq(*known, forget)) {
            all.push(forget);
        }
    });
}

/// Whether the one who was signed in has gone, and their session did not just end.
pub(crate) fn has_signed_out() -> bool {
    matches!(state().get_untracked(), State::SignedOut { ended: false })
}

/// What a failed call means for the session. `changes`: it was not one that only reads.
pub(crate) fn note_failure(failure: &Failure, changes: bool) {
    match failure.code() {
        Some(Code::Unauthenticated) if info_now().is_none() => {}
        // Changes are refused with the cookie of just before, too: the session itself says whether it is over.
        Some(Code::Unauthenticated) if changes => ask_again(),
        Some(Code::Unauthenticated) => state().set(State::SignedOut { ended: true }),
        Some(Code::PasswordChangeRequired) => state().update(|state| {
            if let State::SignedIn(info) = state {
                info.must_change_password = true;
            }
        }),
        _ => {}
    }
}

/// Asks the server who is signed in, unless it is being asked.
fn ask_again() {
    if !ASKING.replace(true) {
        spawn_local(async {
            refresh().await;
            ASKING.set(false);
        });
    }
}

/// Whether the last call reached the server.
pub fn online() -> ArcRwSignal<bool> {
    ONLINE.with(Clone::clone)
}

pub(crate) fn set_online(online: bool) {
    let signal = self::online();
    if signal.get_untracked() != online {
        signal.set(online);
    }
}
