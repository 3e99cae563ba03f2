//! The one note of a client that needs a decision: what happened, and what can be done. The worst comes first; what
//! needs none stands among the information.

use api::client::{ClientView, Warning};
use api::targets::Targets;
use domain::client::ClientState;
use domain::{ClientId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::{Actions, What, converge};
use super::look;
use crate::address::with_fields;
use crate::client::Failure;
use crate::components::button::{Button, ButtonSize};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::session;
use crate::texts::{self, lang};

/// What has to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Quarantined,
    SecretsWithheld,
    OtherAddress,
    Drifted(u64),
    NumberInUse,
    Retired,
    Expected,
    Nothing,
}

fn open(client: &ClientView) -> Open {
    let moved = client.trusted_address.is_some() && client.trusted_address != client.peer_address;
    if client.state == ClientState::Quarantined {
        Open::Quarantined
    } else if client.state == ClientState::Retired {
        Open::Retired
    } else if client.secrets_withheld {
        if client.approved && moved { Open::OtherAddress } else { Open::SecretsWithheld }
    } else if client.drifted > 0 {
        Open::Drifted(client.drifted)
    } else if client.warnings.contains(&Warning::NumberInUse) {
        Open::NumberInUse
    } else if client.state == ClientState::Prepared {
        Open::Expected
    } else {
        Open::Nothing
    }
}

/// The note, or nothing.
#[component]
pub(super) fn Decision(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    // All that the note says is part of what is decided about: it never shows something of before.
    let open = Memo::new(move |_| {
        client.with(|client| {
            let addresses = (client.trusted_address.clone(), client.peer_address.clone());
            let approval = (client.approved, Actions::may_approve(client));
            (open(client), client.id, client.e164.clone(), client.quarantine_reason, addresses, approval)
        })
    });
    let may = session::may(Permission::ChangeClients);
    let ask = move |what: What, label: &'static str| {
        may.then(|| {
            view! {
                <Button
                    size=ButtonSize::Small
                    on_press=Callback::new(move |()| actions.ask(what, &client.get_untracked()))
                >
                    {label}
                </Button>
            }
        })
    };
    let note = move |tone: Tone, title: String, text: String, act: AnyView| {
        view! {
            <Note tone=tone>
                <p>
                    <b class="strong">{title}</b>
                    " "
                    {text}
                </p>
                <div class="row wrap decide">{act}</div>
            </Note>
        }
        .into_any()
    };
    move || {
        use texts::clients as words;
        let language = lang();
        // Read once: the memo says when another decision is due.
        let shown = client.get_untracked();
        match open.get().0 {
            Open::Nothing => ().into_any(),
            Open::Quarantined => {
                let reason = shown
                    .quarantine_reason
                    .map(|reason| texts::word(language, "quarantine-reason", reason.as_str()));
                let text = format!("{} {}", reason.unwrap_or_default(), words::quarantined_text(language));
                let act = ask(What::Release, words::release(language)).into_any();
                note(Tone::Bad, words::quarantined_title(language).to_owned(), text, act)
            }
            Open::SecretsWithheld => {
                let act = Actions::may_approve(&shown)
                    .then(|| ask(What::Approve, words::approve(language)))
                    .into_any();
                let text = if shown.approved {
                    words::withheld_approved(language)
                } else {
                    words::withheld_text(language)
                };
                note(Tone::Warn, words::withheld_title(language).to_owned(), text.to_owned(), act)
            }
            Open::OtherAddress => {
                let now = shown.peer_address.clone().unwrap_or_else(look::dash);
                let before = shown.trusted_address.clone().unwrap_or_else(look::dash);
                let act = ask(What::Approve, words::approve(language)).into_any();
                note(
                    Tone::Warn,
                    words::withheld_title(language).to_owned(),
                    words::other_address(language, before, now),
                    act,
                )
            }
            Open::Drifted(count) => {
                let act = view! { <PutBack id=shown.id actions=actions /> }.into_any();
                let title = words::drifted_title(language, count);
                note(Tone::Warn, title, words::drifted_text(language).to_owned(), act)
            }
            Open::NumberInUse => {
                let number = shown.e164.clone().unwrap_or_default();
                let href = with_fields("/clients", &[("q", number)]);
                let act = view! { <a href=href>{words::show_both(language)}</a> }.into_any();
                let text = texts::word(language, "warning", "number-in-use");
                note(Tone::Warn, words::number_in_use(language).to_owned(), text, act)
            }
            Open::Retired => {
                let title = words::retired_title(language).to_owned();
                note(Tone::Idle, title, words::retired_text(language).to_owned(), ().into_any())
            }
            Open::Expected => {
                let title = words::expected_title(language).to_owned();
                note(Tone::Idle, title, words::expected_text(language).to_owned(), ().into_any())
            }
        }
    }
}

/// What was changed at the phone: a plan that puts it back, or the editor, where each value is decided.
#[component]
fn PutBack(id: ClientId, actions: Actions) -> impl IntoView {
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let plan = move || {
        busy.set(true);
        spawn_local(async move {
            let answer = converge(Targets { ids: Some(vec![id]), filter: None }).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(plan) => actions.show_plan(plan),
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    view! {
        {session::may(Permission::ChangeClients)
            .then(|| {
                view! {
                    <Button
                        size=ButtonSize::Small
                        busy=busy
                        on_press=Callback::new(move |()| plan())
                    >
                        {texts::clients::put_back(lang())}
                    </Button>
                }
            })}
        <a href=format!("/clients/{id}/configuration?show=differ")>{texts::clients::show_values(lang())}</a>
        <FailureNote failure=failure />
    }
}

#[cfg(test)]
mod tests {
    use super::{Open, open};
    use crate::pages::clients::look::tests::client;
    use domain::client::ClientState;

    #[test]
    fn only_one_thing_is_asked_and_the_worst_first() {
        let mut shown = client();
        assert_eq!(open(&shown), Open::Nothing);
        shown.drifted = 2;
        assert_eq!(open(&shown), Open::Drifted(2));
        shown.secrets_withheld = true;
        assert_eq!(open(&shown), Open::SecretsWithheld);
        shown.trusted_address = Some("10.1.2.3".to_owned());
        shown.peer_address = Some("10.1.2.4".to_owned());
        assert_eq!(open(&shown), Open::OtherAddress);
        shown.state = ClientState::Retired;
        assert_eq!(open(&shown), Open::Retired);
        shown.state = ClientState::Quarantined;
        assert_eq!(open(&shown), Open::Quarantined);
    }
}
