//! The diff before settings are changed, and the change: one after the other, so that what was refused is known.

use api::Code;
use api::setting::{ChangeSetting, SettingView};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::draft::{self, Change, Drafts};
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind};
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::diff::DiffTable;
use crate::components::states::{Difference, Differences, FailureNote};
use crate::components::step_up::{StepUp, is_asked};
use crate::components::toast;
use crate::live::{self, Resource};
use crate::texts::{self, lang};

/// Settings with what is done with each.
pub(super) type Changes = Vec<(SettingView, Change)>;

fn path(setting: &SettingView) -> String {
    format!("/settings/{}", setting.id)
}

async fn submit(setting: &SettingView, change: Change) -> Result<(), Failure> {
    let path = path(setting);
    match change {
        Change::Set(value) => {
            let body = ChangeSetting { value };
            Call::put(&path).if_match(setting.revision).json(&body)?.done().await
        }
        Change::Reset => Call::delete(&path).if_match(setting.revision).done().await,
    }
}

/// The setting as it is now, when a change was refused because somebody else changed it.
async fn newer(setting: &SettingView, problem: &Failure) -> Option<SettingView> {
    if problem.code() != Some(Code::PreconditionFailed) {
        return None;
    }
    client::get(&path(setting)).await.ok()
}

fn different(before: &SettingView, now: &SettingView) -> Vec<Difference> {
    let line = || Difference {
        name: draft::label(&now.id),
        before: draft::in_words(before, &before.value),
        now: draft::in_words(now, &now.value),
    };
    (before.value != now.value).then(line).into_iter().collect()
}

/// The dialog. `done` is called when settings were changed, also when only some were.
#[component]
pub(super) fn ReviewDialog(
    open: RwSignal<bool>,
    changes: Signal<Changes>,
    drafts: Drafts,
    done: Callback<()>,
) -> impl IntoView {
    view! {
        <Dialog open=open title=texts::settings::review_title(lang()).to_owned() size=DialogSize::Table>
            <Review open=open changes=changes.get_untracked() drafts=drafts done=done />
        </Dialog>
    }
}

#[component]
fn Review(open: RwSignal<bool>, changes: Changes, drafts: Drafts, done: Callback<()>) -> impl IntoView {
    let left = RwSignal::new(changes);
    let failure = RwSignal::new(None::<Failure>);
    let differs = RwSignal::new(Vec::<Difference>::new());
    let busy = RwSignal::new(false);
    let asked = Memo::new(move |_| failure.with(|failure| is_asked(failure.as_ref())));
    let rest = Signal::derive(move || failure.get().filter(|failure| !is_asked(Some(failure))));
    let of_value = move || failure.get().and_then(|failure| failure.field(lang(), "/value"));
    let lines = Signal::derive(move || {
        left.with(|left| {
            left.iter().map(|(setting, change)| draft::line(setting, change)).collect::<Vec<_>>()
        })
    });
    let count = left.with_untracked(|left| left.len() as u64);
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        differs.set(Vec::new());
        spawn_local(async move {
            while let Some((setting, change)) =
                left.try_with_untracked(|left| left.first().cloned()).flatten()
            {
                if let Err(problem) = submit(&setting, change).await {
                    if let Some(now) = newer(&setting, &problem).await {
                        let _ = differs.try_set(different(&setting, &now));
                        let _ = left.try_update(|left| {
                            if let Some((first, _)) = left.first_mut() {
                                *first = now;
                            }
                        });
                    }
                    let _ = failure.try_set(Some(problem));
                    break;
                }
                let _ = left.try_update(|left| left.remove(0));
                let _ = drafts.try_update(|drafts| drafts.remove(&setting.id));
            }
            let _ = busy.try_set(false);
            live::touch(Resource::Settings);
            done.try_run(());
            if left.try_with_untracked(Vec::is_empty) == Some(true) {
                open.set(false);
                toast::show(texts::settings::changed(lang(), count));
            }
        });
    };
    let buttons = move || {
        if asked.get() {
            return view! { <StepUp failure=failure confirmed=Callback::new(move |()| run()) /> }.into_any();
        }
        view! {
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary busy=busy on_press=Callback::new(move |()| run())>
                    {move || texts::settings::change_settings(lang(), left.with(|left| left.len() as u64))}
                </Button>
            </DialogButtons>
        }
        .into_any()
    };
    view! {
        <FailureNote failure=rest />
        <Differences lines=differs />
        {move || of_value().map(|text| view! { <p class="errtext">{text}</p> })}
        <DiffTable
            label=texts::settings::review_title(lang()).to_owned()
            lines=lines
            remark=texts::settings::remark(lang()).to_owned()
        />
        {buttons}
    }
}
