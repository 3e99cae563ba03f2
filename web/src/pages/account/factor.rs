//! The second factor as it is: off with a way to set it up, or on with recovery codes and removal.

use api::second_factor::{RecoveryCodes, SecondFactorView};
use leptos::prelude::*;

use super::recovery::CodesDialog;
use super::setup::SetupDialog;
use crate::client::{self, Call};
use crate::components::button::{Button, ButtonKind};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::states::Note;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::toast;
use crate::format;
use crate::load::{Loaded, load};
use crate::session;
use crate::texts::{self, lang};

/// Fewer codes than this are worth a warning.
const FEW_CODES: u64 = 3;

#[component]
pub(super) fn SecondFactor() -> impl IntoView {
    let factor = load(|| client::get::<SecondFactorView>("/auth/second-factor"));
    let codes = RwSignal::new(None::<Vec<String>>);
    let setting_up = RwSignal::new(false);
    let activated = Callback::new(move |made: Vec<String>| {
        codes.set(Some(made));
        factor.reload();
    });
    view! {
        <section class="pad">
            {factor
                .show(
                    4,
                    move |view| {
                        view! { <Shown view=view factor=factor codes=codes setting_up=setting_up /> }.into_any()
                    },
                )}
        </section>
        <SetupDialog open=setting_up activated=activated />
        <CodesDialog codes=codes />
    }
}

#[component]
fn Shown(
    view: Signal<SecondFactorView>,
    factor: Loaded<SecondFactorView>,
    codes: RwSignal<Option<Vec<String>>>,
    setting_up: RwSignal<bool>,
) -> impl IntoView {
    let (renewing, removing) = (RwSignal::new(false), RwSignal::new(false));
    let active = Memo::new(move |_| view.with(|view| view.active));
    let renew = Callback::new(move |_: Consent| -> Acting {
        Box::pin(async move {
            let made: RecoveryCodes = Call::post("/auth/second-factor/recovery-codes").answer().await?;
            codes.set(Some(made.recovery_codes));
            factor.reload();
            Ok(())
        })
    });
    let remove = Callback::new(move |_: Consent| -> Acting {
        Box::pin(async move {
            Call::delete("/auth/second-factor").done().await?;
            session::refresh().await;
            factor.reload();
            toast::show(texts::account::factor_removed(lang()));
            Ok(())
        })
    });
    let body = move || {
        if active.get() {
            on(view, renewing, removing)
        } else {
            view! {
                <Status
                    kind=StatusKind::new(Tone::Idle, "shieldoff", false)
                    text=texts::account::factor_off(lang()).to_owned()
                />
                <p>{texts::account::factor_text(lang())}</p>
                <div class="row">
                    <Button
                        kind=ButtonKind::Primary
                        icon="shieldok"
                        on_press=Callback::new(move |()| setting_up.set(true))
                    >
                        {texts::account::set_up(lang())}
                    </Button>
                </div>
            }
            .into_any()
        }
    };
    view! {
        <div class="form">{body}</div>
        <ConfirmDialog
            open=renewing
            harmless=true
            title=texts::account::renew_question(lang()).to_owned()
            text=texts::account::renew_text(lang()).to_owned()
            button=texts::account::renew(lang()).to_owned()
            act=renew
        />
        <ConfirmDialog
            open=removing
            title=texts::account::remove_question(lang()).to_owned()
            text=texts::account::remove_text(lang()).to_owned()
            button=texts::account::remove(lang()).to_owned()
            act=remove
        />
    }
}

fn on(view: Signal<SecondFactorView>, renewing: RwSignal<bool>, removing: RwSignal<bool>) -> AnyView {
    let since =
        move || view.with(|view| view.activated_at.map(format::date_time)).unwrap_or_else(|| "–".to_owned());
    let hash = move || {
        view.with(|view| view.algorithm.map(|algorithm| algorithm.as_str().to_uppercase()))
            .unwrap_or_default()
    };
    let left = move || view.with(|view| view.recovery_codes_left);
    let few = move || {
        (left() < FEW_CODES)
            .then(|| view! { <Note tone=Tone::Warn>{texts::account::few_codes(lang())}</Note> })
    };
    view! {
        <Status kind=StatusKind::new(Tone::Ok, "shieldok", false) text=texts::account::factor_on(lang()).to_owned() />
        <dl class="kv">
            <dt>{texts::account::since(lang())}</dt>
            <dd>{since}</dd>
            <dt>{texts::account::algorithm(lang())}</dt>
            <dd>{hash}</dd>
            <dt>{texts::account::codes_left(lang())}</dt>
            <dd>{move || format::number(left())}</dd>
        </dl>
        {few}
        <div class="row wrap">
            <Button icon="refresh" on_press=Callback::new(move |()| renewing.set(true))>
                {texts::account::renew(lang())}
            </Button>
            <Button icon="trash" class="warnish" on_press=Callback::new(move |()| removing.set(true))>
                {texts::account::remove(lang())}
            </Button>
        </div>
    }
    .into_any()
}
