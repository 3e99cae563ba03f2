//! The console as a whole: who is signed in decides what is shown. The address stays through signing in, so that a deep
//! link leads where it should.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::Router;

use crate::components::states::ErrorState;
use crate::components::toast::Toasts;
use crate::pages::password::ForcedPasswordPage;
use crate::pages::sign_in::SignInPage;
use crate::session::{self, State};
use crate::shell::Shell;
use crate::{address, format, keys, live, theme};

/// What is shown as a whole.
#[derive(Clone, Debug, PartialEq)]
enum Whole {
    Nothing,
    Unreachable,
    SignIn,
    Password,
    Console,
}

/// The root of the page.
#[component]
pub fn App() -> impl IntoView {
    theme::start();
    format::start();
    keys::start();
    address::watch_history();
    live::watch_visibility();
    spawn_local(session::refresh());

    let state = session::state();
    let whole = {
        let state = state.clone();
        Memo::new(move |_| match state.get() {
            State::Unknown => Whole::Nothing,
            State::Unreachable(_) => Whole::Unreachable,
            State::SignedOut { .. } => Whole::SignIn,
            State::SignedIn(info) if info.must_change_password => Whole::Password,
            State::SignedIn(_) => Whole::Console,
        })
    };
    Effect::new(move |_| {
        if whole.get() == Whole::Console {
            live::start();
        } else {
            live::stop();
        }
    });
    let failure = Signal::derive(move || match state.get() {
        State::Unreachable(failure) => Some(failure),
        State::Unknown | State::SignedOut { .. } | State::SignedIn(_) => None,
    });
    let language = theme::language();
    view! {
        <Router>
            {move || {
                // Texts are read once: another language builds everything anew.
                language.track();
                match whole.get() {
                    Whole::Nothing => ().into_any(),
                    Whole::Unreachable => {
                        view! {
                            <main class="alone">
                                <ErrorState
                                    failure=failure
                                    retry=Callback::new(|()| spawn_local(session::refresh()))
                                />
                            </main>
                        }
                            .into_any()
                    }
                    Whole::SignIn => view! { <SignInPage /> }.into_any(),
                    Whole::Password => view! { <ForcedPasswordPage /> }.into_any(),
                    Whole::Console => view! { <Shell /> }.into_any(),
                }
            }}
            <Toasts />
        </Router>
    }
}
