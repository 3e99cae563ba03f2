//! Own sessions (OSEM §2.8.3): where one is signed in, the current one marked; end one, the others, or all.

use api::session::{SessionKind, SessionView, SessionsEnded};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonSize};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::states::FailureNote;
use crate::components::time::Ago;
use crate::components::toast;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

#[component]
pub(super) fn Sessions() -> impl IntoView {
    let sessions = load(|| client::get::<api::Page<SessionView>>("/sessions")).live(Resource::Sessions);
    let failure = RwSignal::new(None::<Failure>);
    let (others, all) = (RwSignal::new(false), RwSignal::new(false));
    let end = Callback::new(move |id: i64| {
        spawn_local(async move {
            match Call::delete(&format!("/sessions/{id}")).done().await {
                Ok(()) => {
                    toast::show(texts::account::session_ended(lang()));
                    sessions.reload();
                }
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    });
    let end_others = Callback::new(move |_: Consent| -> Acting {
        Box::pin(async move {
            let answer: SessionsEnded = Call::delete("/sessions").answer().await?;
            toast::show(texts::account::sessions_ended(lang(), answer.ended));
            sessions.reload();
            Ok(())
        })
    });
    let end_all = Callback::new(move |_: Consent| -> Acting {
        Box::pin(async move {
            Call::delete("/sessions?current=true").done().await?;
            // The session of this page is gone too: the next answer says so and leads to signing in.
            session::refresh().await;
            Ok(())
        })
    });
    let several = move || sessions.data.with(|page| page.as_ref().is_some_and(|page| page.items.len() > 1));
    view! {
        <section class="pad stack-v">
            <div class="row wrap between">
                <p class="soft">{texts::account::sessions_text(lang())}</p>
                <div class="row wrap">
                    {move || {
                        several()
                            .then(|| {
                                view! {
                                    <Button icon="out" on_press=Callback::new(move |()| others.set(true))>
                                        {texts::account::end_others(lang())}
                                    </Button>
                                }
                            })
                    }}
                    <Button icon="out" class="warnish" on_press=Callback::new(move |()| all.set(true))>
                        {texts::account::end_all(lang())}
                    </Button>
                </div>
            </div>
            <FailureNote failure=failure />
            {sessions
                .show(4, move |page| view! { <Table page=page end=end /> }.into_any())}
        </section>
        <ConfirmDialog
            open=others
            title=texts::account::end_others_question(lang()).to_owned()
            text=texts::account::end_others_text(lang()).to_owned()
            button=texts::account::end_others(lang()).to_owned()
            act=end_others
        />
        <ConfirmDialog
            open=all
            title=texts::account::end_all_question(lang()).to_owned()
            text=texts::account::end_all_text(lang()).to_owned()
            button=texts::account::end_all(lang()).to_owned()
            act=end_all
        />
    }
}

/// Browser and system, or what a program says of itself.
fn name(session: &SessionView) -> String {
    if session.kind == SessionKind::TokenPair {
        return texts::account::program(lang()).to_owned();
    }
    match (&session.browser, &session.system) {
        (Some(browser), Some(system)) => texts::account::browser_on(lang(), browser, system),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) if session.user_agent.is_empty() => texts::account::unknown_browser(lang()).to_owned(),
        (None, None) => session.user_agent.clone(),
    }
}

#[component]
fn Table(page: Signal<api::Page<SessionView>>, end: Callback<i64>) -> impl IntoView {
    let row = move |session: &SessionView| {
        let (id, current) = (session.id.0, session.current);
        let (started, seen) = (session.created_at, session.last_seen_at);
        let which = format!(" – {}, {}, {}", name(session), session.address, format::date_time(started));
        let last = if current {
            view! { <span class="tag">{texts::account::this_session(lang())}</span> }.into_any()
        } else {
            view! {
                <Button size=ButtonSize::Small on_press=Callback::new(move |()| end.run(id))>
                    {texts::account::end_session(lang())}
                    <span class="vh">{which}</span>
                </Button>
            }
            .into_any()
        };
        view! {
            <tr>
                <th scope="row" title=session.user_agent.clone()>
                    <span class="strong">{name(session)}</span>
                    {session.kept.then(|| view! { <span class="two">{texts::account::kept(lang())}</span> })}
                </th>
                <td class="mono">{session.address.clone()}</td>
                <td>
                    <span class="narrow-name">{texts::account::started(lang())}</span>
                    {format::date_time(started)}
                </td>
                <td>
                    <span class="narrow-name">{texts::account::last_seen(lang())}</span>
                    <Ago at=Some(seen) />
                </td>
                <td>
                    <span class="narrow-name">{texts::account::expires(lang())}</span>
                    {format::date_time(session.expires_at)}
                </td>
                <td class="num">{last}</td>
            </tr>
        }
    };
    view! {
        <table class="tbl stack plain" aria-label=texts::account::sessions(lang())>
            <thead>
                <tr>
                    <th scope="col">{texts::account::where_signed_in(lang())}</th>
                    <th scope="col">{texts::account::address(lang())}</th>
                    <th scope="col">{texts::account::started(lang())}</th>
                    <th scope="col">{texts::account::last_seen(lang())}</th>
                    <th scope="col">{texts::account::expires(lang())}</th>
                    <th scope="col">
                        <span class="vh">{texts::common::row_menu(lang())}</span>
                    </th>
                </tr>
            </thead>
            <tbody>{move || page.with(|page| page.items.iter().map(row).collect_view())}</tbody>
        </table>
    }
}
