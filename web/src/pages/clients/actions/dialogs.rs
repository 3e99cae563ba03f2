//! The dialogs of [`Actions`]: the question before an action, and the forms.

use domain::client::SecureMode;
use leptos::prelude::*;

use super::when::WhenField;
use super::{Actions, Asked, Subject, What, words};
use crate::components::button::Button;
use crate::components::checkbox::Checkbox;
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::states::{Differences, FailureNote};
use crate::live::{self, Resource};
use crate::pages::clients::copy::CopyDialog;
use crate::pages::clients::fields::FieldsDialog;
use crate::pages::clients::generate::GenerateDialog;
use crate::pages::clients::prepare::PrepareDialog;
use crate::pages::files::deploy::DeployDialog;
use crate::pages::plans::PlanDialog;
use crate::texts::{self, lang};

/// The dialogs of [`Actions`], once on the page.
#[component]
pub(in crate::pages::clients) fn ActionDialogs(actions: Actions) -> impl IntoView {
    let asked = actions.asked;
    let said = move |say: fn(&Asked) -> String| {
        Signal::derive(move || asked.with(|asked| asked.as_ref().map(say).unwrap_or_default()))
    };
    let act = Callback::new(move |consent: Consent| -> Acting {
        Box::pin(async move {
            match asked.get_untracked() {
                Some(asked) => actions.act(asked, consent).await,
                None => Ok(()),
            }
        })
    });
    let more = move || {
        let Some(asked) = asked.get_untracked() else { return ().into_any() };
        view! { <More asked=asked actions=actions /> }.into_any()
    };
    // The look of the button is settled when the dialog is built; a client that is read again does not build it again.
    let harmless =
        Memo::new(move |_| asked.with(|asked| asked.as_ref().is_none_or(|asked| !asked.what.is_dangerous())));
    let dialog = move || {
        let harmless = harmless.get();
        view! {
            <ConfirmDialog
                open=actions.open
                title=said(|asked| words::title(asked.what, &asked.subject))
                text=said(|asked| words::effect(asked.what, &asked.subject))
                button=said(|asked| words::button(asked.what, &asked.subject))
                harmless=harmless
                act=act
                more=more
            />
        }
    };
    view! {
        {dialog}
        <PrepareDialog open=actions.prepare preparing=actions.preparing />
        <CopyDialog open=actions.copy client=actions.about />
        <GenerateDialog open=actions.generate client=actions.about />
        <FieldsDialog open=actions.fields client=actions.about />
        <PlanDialog plan=actions.plan applied=Callback::new(|()| live::touch(Resource::Clients)) />
        <DeployDialog deploying=actions.deploying />
        <Dialog open=actions.failed title=texts::clients::not_done(lang()).to_owned()>
            <FailureNote failure=actions.failure />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    actions.failed.set(false);
                })>{texts::common::close(lang())}</Button>
            </DialogButtons>
        </Dialog>
    }
}

/// What can be chosen with an action.
#[component]
fn More(asked: Asked, actions: Actions) -> impl IntoView {
    let timed = asked.what.kind().is_some()
        && !matches!((&asked.subject, asked.what), (Subject::One(_), What::Delete));
    let keep = asked.what == What::Reset
        && match &asked.subject {
            Subject::One(client) => client.secure_mode == SecureMode::Secure,
            Subject::Many(_) => true,
        };
    view! {
        <Differences lines=actions.differs />
        {keep
            .then(|| {
                view! {
                    <Checkbox
                        label=texts::clients::keep_certificates(lang()).to_owned()
                        help=Some(texts::clients::keep_certificates_help(lang()).to_owned())
                        checked=actions.keep
                    />
                }
            })}
        {timed.then(|| view! { <WhenField when=actions.when /> })}
    }
}
