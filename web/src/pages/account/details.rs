//! Own details: name and roles to read, language and mail address to change. The address needs the password.

use api::auth::{ChangeDetails, SessionInfo};
use domain::Secret;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{Call, Failure};
use crate::components::button::{Button, ButtonKind};
use crate::components::field::{SecretField, TextField};
use crate::components::select::{Select, languages};
use crate::components::states::FailureNote;
use crate::components::toast;
use crate::format;
use crate::session;
use crate::texts::{self, Language, lang};
use crate::theme;

async fn send(body: ChangeDetails) -> Result<SessionInfo, Failure> {
    Call::put("/auth/details").json(&body)?.answer().await
}

#[component]
pub(super) fn Details() -> impl IntoView {
    let Some(info) = session::info_now() else { return ().into_any() };
    let email = RwSignal::new(info.email.clone().unwrap_or_default());
    let language = RwSignal::new(info.language.clone());
    let password = RwSignal::new(String::new());
    let known = RwSignal::new(info.email.clone().unwrap_or_default());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let needs_password = Memo::new(move |_| email.with(|email| email.trim() != known.get()));
    let of_field = move |field: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), field)))
    };
    let rest = Signal::derive(move || {
        failure.get().filter(|failure| !failure.is_about(&["/email", "/language", "/password"]))
    });
    let run = move || {
        if busy.get_untracked() {
            return;
        }
        let typed = Some(email.get_untracked().trim().to_owned()).filter(|email| !email.is_empty());
        let secret = needs_password.get_untracked().then(|| Secret::new(password.get_untracked()));
        let body = ChangeDetails { language: language.get_untracked(), email: typed, password: secret };
        busy.set(true);
        spawn_local(async move {
            let answer = send(body).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(info) => {
                    let _ = password.try_set(String::new());
                    let _ = known.try_set(info.email.clone().unwrap_or_default());
                    let _ = failure.try_set(None);
                    let spoken = Language::of_tag(&info.language);
                    theme::forget_choice();
                    session::enter(info);
                    // Another language builds the page anew.
                    if spoken != lang() {
                        theme::speak(spoken);
                    }
                    toast::show(texts::account::details_saved(lang()));
                }
                Err(problem) => {
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let roles = info.roles.iter().map(|role| texts::word(lang(), "role", role.as_str())).collect::<Vec<_>>();
    let failed = match info.last_failed_sign_in_at {
        Some(at) => {
            texts::account::failed_last(lang(), format::number(info.failed_sign_ins), format::date_time(at))
        }
        None => texts::account::none_failed(lang()).to_owned(),
    };
    view! {
        <section class="pad">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    run();
                }
            >
                <dl class="kv">
                    <dt>{texts::account::user_name(lang())}</dt>
                    <dd class="strong">{info.user_name.clone()}</dd>
                    <dt>{texts::account::roles(lang())}</dt>
                    <dd>{if roles.is_empty() { "–".to_owned() } else { roles.join(", ") }}</dd>
                    <dt>{texts::account::failed(lang())}</dt>
                    <dd>{failed}</dd>
                </dl>
                <FailureNote failure=rest />
                <Select
                    label=texts::account::language(lang()).to_owned()
                    value=language
                    choices=languages()
                    error=of_field("/language")
                />
                <TextField
                    label=texts::account::email(lang()).to_owned()
                    value=email
                    kind="email"
                    autocomplete="email"
                    max_length=254
                    optional=true
                    error=of_field("/email")
                />
                {move || {
                    needs_password
                        .get()
                        .then(|| {
                            view! {
                                <SecretField
                                    label=texts::common::your_password(lang()).to_owned()
                                    value=password
                                    help=Some(texts::account::email_needs_password(lang()).to_owned())
                                    error=of_field("/password")
                                    autocomplete="current-password"
                                />
                            }
                        })
                }}
                <div class="row">
                    <Button kind=ButtonKind::Primary busy=busy>
                        {texts::account::save_details(lang())}
                    </Button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
