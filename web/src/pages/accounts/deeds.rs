//! What is done with an account after one question: lock, sessions, second factor, deletion.

use api::Code;
use api::account::{AccountView, ChangeAccount};
use api::session::SessionsEnded;
use leptos::prelude::*;

use super::list::{roles, state};
use crate::client::{self, Call, Failure};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::menu::MenuEntry;
use crate::components::states::{Difference, Differences};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::session;
use crate::texts::{self, Language, lang};

/// What is done with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Unlock,
    EndSessions,
    RemoveSecondFactor,
    Disable,
    Enable,
    Delete,
}

/// Dialogs of this page; each is opened for one account.
#[derive(Clone, Copy)]
pub(super) struct Dialogs {
    /// The question is open.
    pub(super) asking: RwSignal<bool>,
    pub(super) asked: RwSignal<Option<(Deed, AccountView)>>,
    /// What somebody else changed since it was asked.
    differs: RwSignal<Vec<Difference>>,
    /// The form is open; without an account it makes a new one.
    pub(super) editing: RwSignal<bool>,
    pub(super) edited: RwSignal<Option<AccountView>>,
    /// A new password is given.
    pub(super) resetting: RwSignal<bool>,
    pub(super) reset: RwSignal<Option<AccountView>>,
}

impl Dialogs {
    pub(super) fn new() -> Self {
        Self {
            asking: RwSignal::new(false),
            asked: RwSignal::new(None),
            differs: RwSignal::new(Vec::new()),
            editing: RwSignal::new(false),
            edited: RwSignal::new(None),
            resetting: RwSignal::new(false),
            reset: RwSignal::new(None),
        }
    }

    fn ask(self, deed: Deed, account: AccountView) {
        self.differs.set(Vec::new());
        self.asked.set(Some((deed, account)));
        self.asking.set(true);
    }

    pub(super) fn edit(self, account: Option<AccountView>) {
        self.edited.set(account);
        self.editing.set(true);
    }

    /// Everything that can be done with an account, the dangerous last. One's own account keeps its rights and its
    /// password: those are changed on the page of the own account.
    pub(super) fn menu(self, account: &AccountView) -> Vec<MenuEntry> {
        let own = session::info_now().is_some_and(|info| info.account_id == account.id);
        let language = lang();
        let entry = |words: &str, icon, deed: Deed| {
            let account = account.clone();
            MenuEntry::press(words, move || self.ask(deed, account.clone())).icon(icon)
        };
        let editing = account.clone();
        let edit =
            MenuEntry::press(texts::accounts::edit(language), move || self.edit(Some(editing.clone())));
        let mut entries = vec![edit.icon("pencil")];
        if account.locked {
            entries.push(entry(texts::accounts::unlock(language), "key", Deed::Unlock));
        }
        if own {
            entries.push(MenuEntry::link(texts::accounts::to_own(language), "/account").icon("user"));
            return entries;
        }
        let resetting = account.clone();
        let reset = move || {
            self.reset.set(Some(resetting.clone()));
            self.resetting.set(true);
        };
        entries.push(MenuEntry::press(texts::accounts::new_password(language), reset).icon("lock"));
        entries.push(entry(texts::accounts::end_sessions(language), "out", Deed::EndSessions));
        if account.second_factor {
            entries.push(entry(
                texts::accounts::remove_second_factor(language),
                "shieldoff",
                Deed::RemoveSecondFactor,
            ));
        }
        if account.disabled {
            entries.push(entry(texts::accounts::enable(language), "check", Deed::Enable));
        }
        if !account.disabled {
            entries.push(
                entry(texts::accounts::disable(language), "quar", Deed::Disable).danger().line_before(),
            );
        }
        let delete = entry(texts::accounts::delete(language), "trash", Deed::Delete).danger();
        entries.push(if account.disabled { delete.line_before() } else { delete });
        entries
    }
}

/// The question before it is done. `deleted` is called when the account is gone.
#[component]
pub(super) fn DeedDialog(dialogs: Dialogs, deleted: Callback<()>) -> impl IntoView {
    let words = move |one: fn(Deed, &str) -> String| {
        Signal::derive(move || {
            dialogs.asked.with(|asked| {
                asked.as_ref().map(|(deed, account)| one(*deed, &account.user_name)).unwrap_or_default()
            })
        })
    };
    let title = words(|deed, name| match deed {
        Deed::Unlock => texts::accounts::unlock_question(lang(), name),
        Deed::EndSessions => texts::accounts::end_sessions_question(lang(), name),
        Deed::RemoveSecondFactor => texts::accounts::remove_second_factor_question(lang(), name),
        Deed::Disable => texts::accounts::disable_question(lang(), name),
        Deed::Enable => texts::accounts::enable_question(lang(), name),
        Deed::Delete => texts::accounts::delete_question(lang(), name),
    });
    let text = words(|deed, _| {
        match deed {
            Deed::Unlock => texts::accounts::unlock_text(lang()),
            Deed::EndSessions => texts::accounts::end_sessions_text(lang()),
            Deed::RemoveSecondFactor => texts::accounts::remove_second_factor_text(lang()),
            Deed::Disable => texts::accounts::disable_text(lang()),
            Deed::Enable => texts::accounts::enable_text(lang()),
            Deed::Delete => texts::accounts::delete_text(lang()),
        }
        .to_owned()
    });
    let button = words(|deed, _| {
        match deed {
            Deed::Unlock => texts::accounts::unlock(lang()),
            Deed::EndSessions => texts::accounts::end_sessions(lang()),
            Deed::RemoveSecondFactor => texts::accounts::remove_second_factor(lang()),
            Deed::Disable => texts::accounts::disable(lang()),
            Deed::Enable => texts::accounts::enable(lang()),
            Deed::Delete => texts::accounts::delete(lang()),
        }
        .to_owned()
    });
    let act = Callback::new(move |_: Consent| -> Acting {
        let asked = dialogs.asked.get_untracked();
        Box::pin(async move {
            let Some((deed, account)) = asked else { return Ok(()) };
            let said = match run(deed, &account).await {
                Ok(said) => said,
                Err(failure) => {
                    // The question stays; it is about the account of now.
                    let Some(now) = newer(&failure, &account).await else { return Err(failure) };
                    let different = differences(&account, &now);
                    if different.is_empty() {
                        // It only counted a sign-in: nobody has to look at that.
                        run(deed, &now).await?
                    } else {
                        let _ = dialogs.differs.try_set(different);
                        let _ = dialogs.asked.try_set(Some((deed, now)));
                        return Err(failure);
                    }
                }
            };
            live::touch(Resource::Accounts);
            toast::show(said);
            Ok(())
        })
    });
    let done = Callback::new(move |()| {
        if dialogs.asked.with_untracked(|asked| asked.as_ref().is_some_and(|(deed, _)| *deed == Deed::Delete))
        {
            deleted.run(());
        }
    });
    let more = move || view! { <Differences lines=dialogs.differs /> };
    view! { <ConfirmDialog open=dialogs.asking title=title text=text button=button act=act done=done more=more /> }
}

/// The account as it is now, when what was wanted of it failed because somebody else had changed it.
pub(super) async fn newer(failure: &Failure, account: &AccountView) -> Option<AccountView> {
    if failure.code() != Some(Code::PreconditionFailed) {
        return None;
    }
    client::get(&format!("/accounts/{}", account.id)).await.ok()
}

/// What is different of what an administrator decides about.
pub(super) fn differences(before: &AccountView, now: &AccountView) -> Vec<Difference> {
    use texts::accounts as words;
    let language = lang();
    let lines = |account: &AccountView| {
        let email = account.email.clone().unwrap_or_else(|| "–".to_owned());
        [
            (words::user_name(language), account.user_name.clone()),
            (words::email(language), email),
            (words::language(language), Language::of_tag(&account.language).name().to_owned()),
            (words::roles(language), roles(&account.roles)),
            (words::state(language), state(account).1.to_owned()),
        ]
    };
    let differs = lines(before).into_iter().zip(lines(now)).filter(|(before, now)| before != now);
    differs.map(|((name, before), (_, now))| Difference { name: name.to_owned(), before, now }).collect()
}

async fn run(deed: Deed, account: &AccountView) -> Result<String, Failure> {
    let path = format!("/accounts/{}", account.id);
    let name = &account.user_name;
    let language = lang();
    Ok(match deed {
        Deed::Unlock => {
            Call::post(&format!("{path}/unlock")).done().await?;
            texts::accounts::unlocked(language, name)
        }
        Deed::EndSessions => {
            let answer: SessionsEnded = Call::delete(&format!("{path}/sessions")).answer().await?;
            texts::accounts::sessions_ended(language, answer.ended)
        }
        Deed::RemoveSecondFactor => {
            Call::delete(&format!("{path}/second-factor")).done().await?;
            texts::accounts::second_factor_removed(language, name)
        }
        Deed::Disable | Deed::Enable => {
            let disabled = deed == Deed::Disable;
            let change = ChangeAccount { disabled: Some(disabled), ..ChangeAccount::default() };
            Call::patch(&path).if_match(account.revision).json(&change)?.done().await?;
            if disabled {
                texts::accounts::was_disabled(language, name)
            } else {
                texts::accounts::was_enabled(language, name)
            }
        }
        Deed::Delete => {
            Call::delete(&path).if_match(account.revision).done().await?;
            texts::accounts::deleted(language, name)
        }
    })
}
