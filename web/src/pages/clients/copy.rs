//! Copying a client (OSEM §4.5.5, D-29): the same configuration on another phone, or again on one that was reset. While
//! the form is filled in, the server says what would not fit; nothing is changed before the button is pressed.

use std::time::Duration;

use api::Page;
use api::client::ClientView;
use api::copy::{CopiedClient, CopyClient};
use api::model::DeviceModelView;
use domain::client::SecureMode;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::look;
use super::prepare::{device_fault, given};
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::combobox::Combobox;
use crate::components::dialog::{Dialog, DialogButtons, DialogSize};
use crate::components::field::TextField;
use crate::components::select::{Choice, Select};
use crate::components::states::{FailureNote, Note};
use crate::components::status::Tone;
use crate::live::{self, Resource};
use crate::load::load;
use crate::texts::{self, lang};

use fit::Fit;

mod fit;

/// Pause in typing after which the server is asked what would not fit.
const PAUSE: Duration = Duration::from_millis(300);
const HARDWARE: &str = "hardware-change";
const RESET: &str = "factory-reset";
const FIELDS: [&str; 4] = ["/model", "/software_type", "/device_id", "/secure_mode"];

/// The dialog.
#[component]
pub(super) fn CopyDialog(open: RwSignal<bool>, client: RwSignal<Option<ClientView>>) -> impl IntoView {
    let title = Signal::derive(move || {
        client.with(|client| {
            client
                .as_ref()
                .map(|client| texts::copies::copy_title(lang(), look::name(client)))
                .unwrap_or_default()
        })
    });
    let done = RwSignal::new(None::<CopiedClient>);
    view! {
        <Dialog open=open title=title size=DialogSize::Table on_close=Callback::new(move |()| done.set(None))>
            {move || match (done.get(), client.get_untracked()) {
                (Some(copied), _) => view! { <Done copied=copied open=open done=done /> }.into_any(),
                (None, Some(client)) => view! { <Form open=open done=done client=client /> }.into_any(),
                (None, None) => ().into_any(),
            }}
        </Dialog>
    }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Typed {
    reason: RwSignal<String>,
    model: RwSignal<String>,
    software: RwSignal<String>,
    device_id: RwSignal<String>,
    secure_mode: RwSignal<String>,
}

impl Typed {
    fn of(client: &ClientView) -> Self {
        let text = |text: Option<&String>| RwSignal::new(text.cloned().unwrap_or_default());
        Self {
            reason: RwSignal::new(HARDWARE.to_owned()),
            model: text(client.model.as_ref()),
            software: text(client.software_type.as_ref()),
            device_id: RwSignal::new(String::new()),
            secure_mode: RwSignal::new(SecureMode::Default.as_str().to_owned()),
        }
    }

    fn is_reset(self) -> bool {
        self.reason.with(|reason| reason == RESET)
    }

    /// What is wrong with the device id; a reset needs one.
    fn device_fault(self) -> Option<String> {
        let nothing = self.device_id.with(|typed| given(typed).is_none());
        if self.is_reset() && nothing {
            return Some(texts::copies::device_id_needed(lang()).to_owned());
        }
        self.device_id.with(|typed| device_fault(typed))
    }

    fn request(self, dry_run: bool) -> CopyClient {
        let secure_mode = self.secure_mode.with(|word| SecureMode::parse(word));
        let device_id = self.device_id.with(|typed| given(typed));
        if self.is_reset() {
            return CopyClient::FactoryReset {
                device_id: device_id.unwrap_or_default(),
                secure_mode,
                dry_run,
            };
        }
        CopyClient::HardwareChange {
            model: self.model.with(|typed| given(typed)),
            software_type: self.software.with(|typed| given(typed)),
            device_id,
            secure_mode,
            dry_run,
        }
    }
}

async fn ask(id: domain::ClientId, request: &CopyClient, key: Option<&str>) -> Result<CopiedClient, Failure> {
    let mut call = Call::post(&format!("/clients/{id}/copy"));
    if let Some(key) = key {
        call = call.once(key);
    }
    call.json(request)?.answer().await
}

#[component]
fn Form(open: RwSignal<bool>, done: RwSignal<Option<CopiedClient>>, client: ClientView) -> impl IntoView {
    let id = client.id;
    let typed = Typed::of(&client);
    let own_device = client.device_id.clone().unwrap_or_default();
    let number = RwSignal::new(
        client.e164.clone().or_else(|| client.basic_e164.clone()).unwrap_or_else(|| "–".to_owned()),
    );
    // The phone that was reset is usually the same one; another one has another id.
    Effect::new(move |before: Option<bool>| {
        let reset = typed.is_reset();
        if before.is_some_and(|before| before != reset) {
            typed.device_id.set(if reset { own_device.clone() } else { String::new() });
        }
        reset
    });
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let known = Signal::derive(move || models.data.get().map(|page| page.items).unwrap_or_default());
    let model_choices = Signal::derive(move || {
        known.get().into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    let software = Memo::new(move |_| {
        let name = typed.model.get();
        let runs = known.with(|known| {
            known.iter().find(|model| model.name == name).map(|model| model.software_types.clone())
        });
        runs.unwrap_or_else(|| ["SIP", "HFA", "GW"].map(str::to_owned).to_vec())
    });
    Effect::new(move |_| {
        let runs = software.get();
        if !typed.software.with_untracked(|now| runs.contains(now))
            && let Some(first) = runs.first()
        {
            typed.software.set(first.clone());
        }
    });
    let software_choices = Signal::derive(move || {
        software.get().into_iter().map(|word| Choice::new(word.clone(), word)).collect::<Vec<_>>()
    });
    let reasons = vec![
        Choice::new(HARDWARE, texts::copies::hardware_change(lang())),
        Choice::new(RESET, texts::copies::factory_reset(lang())),
    ];
    let modes = SecureMode::ALL
        .iter()
        .map(|mode| Choice::new(mode.as_str(), texts::word(lang(), "secure-mode", mode.as_str())));
    let modes: Vec<Choice> = modes.collect();

    let failure = RwSignal::new(None::<Failure>);
    let (busy, tried, left) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    let key = StoredValue::new(idempotency_key());
    // What is asked for, when typing has paused and it makes sense.
    let asked = RwSignal::new(None::<CopyClientText>);
    Effect::new(move |_| {
        let request = typed.device_fault().is_none().then(|| CopyClientText::of(&typed.request(true)));
        let timer = set_timeout_with_handle(move || drop(asked.try_set(request.flatten())), PAUSE);
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
    });
    let fit = load(move || {
        let request = asked.get().map(|_| untrack(|| typed.request(true)));
        async move {
            match request {
                Some(request) => ask(id, &request, None).await.map(Some),
                None => Ok(None),
            }
        }
    });
    let refused = move |field: &str| {
        let of =
            |failure: &Option<Failure>| failure.as_ref().and_then(|failure| failure.field(lang(), field));
        failure.with(of).or_else(|| fit.failure.with(of))
    };
    let device_error = Signal::derive(move || {
        (left.get() || tried.get()).then(|| typed.device_fault()).flatten().or_else(|| refused("/device_id"))
    });
    let rest = Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&FIELDS)));
    let send = move || {
        tried.set(true);
        if busy.get_untracked() || untrack(|| typed.device_fault().is_some()) {
            return;
        }
        busy.set(true);
        failure.set(None);
        let request = untrack(|| typed.request(false));
        spawn_local(async move {
            let answer = ask(id, &request, Some(&key.get_value())).await;
            live::touch(Resource::Clients);
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(copied) => done.set(Some(copied)),
                Err(problem) => {
                    renew_key(key, &problem);
                    failure.set(Some(problem));
                }
            }
        });
    };
    let text = move || {
        if typed.is_reset() {
            texts::copies::factory_reset_text(lang())
        } else {
            texts::copies::hardware_change_text(lang())
        }
    };
    let hardware = move || {
        (!typed.is_reset()).then(|| {
            view! {
                <Combobox
                    label=texts::clients::model(lang()).to_owned()
                    value=typed.model
                    choices=model_choices
                    error=Signal::derive(move || refused("/model"))
                />
                <Select
                    label=texts::clients::software_type(lang()).to_owned()
                    value=typed.software
                    choices=software_choices
                    error=Signal::derive(move || refused("/software_type"))
                />
            }
        })
    };
    let device_help = Signal::derive(move || {
        let words = if typed.is_reset() {
            texts::copies::device_id_reset_help(lang())
        } else {
            texts::copies::device_id_help(lang())
        };
        Some(words.to_owned())
    });
    view! {
        <form
            novalidate
            on:submit=move |event| {
                event.prevent_default();
                send();
            }
        >
            <div class="two-columns">
                <div class="form">
                    <Select
                        label=texts::copies::reason(lang()).to_owned()
                        value=typed.reason
                        choices=reasons
                        help=Signal::derive(move || Some(text().to_owned()))
                    />
                    <TextField label=texts::clients::e164(lang()).to_owned() value=number readonly=true />
                    {hardware}
                    <TextField
                        label=texts::clients::device_id(lang()).to_owned()
                        value=typed.device_id
                        error=device_error
                        help=device_help
                        max_length=80
                        mono=true
                        on_blur=Callback::new(move |()| left.set(true))
                    />
                    <Select
                        label=texts::clients::secure_mode(lang()).to_owned()
                        value=typed.secure_mode
                        choices=modes
                        error=Signal::derive(move || refused("/secure_mode"))
                    />
                </div>
                <Fit fit=fit fields=&FIELDS />
            </div>
            <FailureNote failure=rest />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| {
                    open.set(false);
                })>{texts::common::cancel(lang())}</Button>
                <Button kind=ButtonKind::Primary icon="copy" busy=busy>
                    {move || {
                        if typed.is_reset() {
                            texts::copies::renew(lang())
                        } else {
                            texts::copies::copy_client(lang())
                        }
                    }}
                </Button>
            </DialogButtons>
        </form>
    }
}

/// A request as text: tells whether another question is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CopyClientText(String);

impl CopyClientText {
    fn of(request: &CopyClient) -> Option<Self> {
        serde_json::to_string(request).ok().map(Self)
    }
}

/// What came of it.
#[component]
fn Done(copied: CopiedClient, open: RwSignal<bool>, done: RwSignal<Option<CopiedClient>>) -> impl IntoView {
    let language = lang();
    let name = copied.client.as_ref().map(look::name).unwrap_or_default();
    let href = copied.client.as_ref().map(|client| format!("/clients/{}", client.id));
    let close = move || {
        open.set(false);
        done.set(None);
    };
    view! {
        <Note tone=Tone::Ok>
            <p>{texts::copies::waits(language, copied.copied, name)}</p>
        </Note>
        <fit::Unfit unfit=copied.does_not_fit />
        <DialogButtons>
            {href
                .map(|href| {
                    view! { <LinkButton href=href>{texts::copies::open_client(language)}</LinkButton> }
                })}
            <Button kind=ButtonKind::Primary on_press=Callback::new(move |()| close())>
                {texts::common::close(language)}
            </Button>
        </DialogButtons>
    }
}

#[cfg(test)]
mod tests {
    use super::{RESET, Typed};
    use crate::pages::clients::look::tests::client;
    use api::copy::CopyClient;
    use leptos::prelude::*;

    #[test]
    fn a_reset_needs_the_device_and_a_new_phone_need_not_have_one() {
        Owner::new().with(|| {
            let typed = Typed::of(&client());
            assert_eq!(typed.device_fault(), None);
            assert!(matches!(
                typed.request(true),
                CopyClient::HardwareChange { device_id: None, dry_run: true, .. }
            ));
            typed.reason.set(RESET.to_owned());
            assert!(typed.device_fault().is_some());
            typed.device_id.set("00-1A-E8-75-FE-0A".to_owned());
            assert_eq!(typed.device_fault(), None);
            let sent = serde_json::to_value(typed.request(false)).unwrap();
            assert_eq!(sent["reason"], "factory-reset");
            assert_eq!(sent["device_id"], "00-1A-E8-75-FE-0A");
            assert!(sent.get("model").is_none());
        });
    }
}
