//! Fields that an administrator gives to clients: for the filters of groups, and as variables of templates. Values of
//! clients stand on the clients' pages.

use api::client_field::{ChangeClientField, ClientFieldView, MOST_FIELDS, NewClientField};
use api::{Code, Page};
use domain::Permission;
use domain::expand::{is_built_in, is_name};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::confirm::{Acting, ConfirmDialog, Consent};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::field::TextField;
use crate::components::menu::{MenuButton, MenuEntry};
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::Tone;
use crate::components::time::Ago;
use crate::components::toast;
use crate::format;
use crate::keys;
use crate::live::{self, Resource};
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// The fields of clients.
#[component]
pub fn ClientFieldsPage() -> impl IntoView {
    let may = session::may(Permission::ChangeTemplates);
    let fields = load(|| client::get::<Page<ClientFieldView>>("/client-fields")).live(Resource::ClientFields);
    let editing = RwSignal::new(false);
    let edited = RwSignal::new(None::<ClientFieldView>);
    let deleting = RwSignal::new(false);
    let edit = Callback::new(move |field: Option<ClientFieldView>| {
        edited.set(field);
        editing.set(true);
    });
    let delete = Callback::new(move |field: ClientFieldView| {
        edited.set(Some(field));
        deleting.set(true);
    });
    keys::on("n", move || {
        if may {
            edit.run(None);
        }
        may
    });
    let number = Signal::derive(move || {
        fields.data.with(|fields| fields.as_ref().map(|fields| format::number(fields.total)))
    });
    let full = Signal::derive(move || {
        let count = fields.data.with(|fields| fields.as_ref().map_or(0, |fields| fields.items.len()));
        (count >= MOST_FIELDS).then(|| texts::fields::full(lang(), MOST_FIELDS))
    });
    let name =
        move || edited.with(|field| field.as_ref().map(|field| field.label.clone())).unwrap_or_default();
    let title = Signal::derive(move || match edited.with(Option::is_some) {
        true => texts::fields::rename_title(lang(), name()),
        false => texts::fields::new(lang()).to_owned(),
    });
    view! {
        <PageHead title=texts::fields::title(lang()).to_owned() sub=number>
            <LinkButton href="/groups".to_owned() kind=ButtonKind::Ghost icon="group">
                {texts::fields::to_groups(lang())}
            </LinkButton>
            {may
                .then(|| {
                    view! {
                        <Button
                            kind=ButtonKind::Primary
                            icon="plus"
                            blocked=full
                            on_press=Callback::new(move |()| edit.run(None))
                        >
                            {texts::fields::new(lang())}
                        </Button>
                    }
                })}
        </PageHead>
        <div class="pad stack-v">
            <p class="soft lead-text">{texts::fields::what_for(lang())}</p>
            {fields
                .show(
                    5,
                    move |fields: Signal<Page<ClientFieldView>>| {
                        view! { <Table fields=fields may=may edit=edit delete=delete /> }.into_any()
                    },
                )}
        </div>
        <Dialog open=editing title=title>
            {move || view! { <Form open=editing field=edited.get_untracked() /> }}
        </Dialog>
        <DeleteDialog open=deleting field=edited />
    }
}

#[component]
fn Table(
    fields: Signal<Page<ClientFieldView>>,
    may: bool,
    edit: Callback<Option<ClientFieldView>>,
    delete: Callback<ClientFieldView>,
) -> impl IntoView {
    let line = move |field: ClientFieldView| {
        let clients = match field.clients {
            0 => "0".to_owned(),
            clients => format::number(clients),
        };
        let used = if field.used_by.is_empty() { "–".to_owned() } else { field.used_by.join(", ") };
        let (variable, label, at) = (format!("{{{}}}", field.name), field.label.clone(), field.created_at);
        let menu = may.then(|| {
            let own = StoredValue::new(field);
            let entries = Callback::new(move |()| {
                vec![
                    MenuEntry::press(texts::fields::rename(lang()), move || edit.run(Some(own.get_value())))
                        .icon("pencil"),
                    MenuEntry::press(texts::fields::delete(lang()), move || delete.run(own.get_value()))
                        .icon("trash")
                        .danger()
                        .line_before(),
                ]
            });
            let name = format!("{}: {label}", texts::common::row_menu(lang()));
            view! { <MenuButton label=name class="ib" entries=entries /> }
        });
        view! {
            <tr>
                <th scope="row"><span class="strong">{label}</span></th>
                <td data-label=texts::fields::variable(lang())><code class="variable">{variable}</code></td>
                <td class="num" data-label=texts::fields::clients(lang())>{clients}</td>
                <td class="wrap" data-label=texts::fields::used_by(lang())>{used}</td>
                <td data-label=texts::fields::created(lang())><Ago at=Some(at) /></td>
                <td class="num">{menu}</td>
            </tr>
        }
    };
    move || {
        let fields = fields.get().items;
        if fields.is_empty() {
            return view! {
                <EmptyState
                    text=texts::fields::none(lang()).to_owned()
                    hint=Some(texts::fields::none_hint(lang()).to_owned())
                    icon="braces"
                />
            }
            .into_any();
        }
        view! {
            <table class="tbl stack" aria-label=texts::fields::title(lang())>
                <thead>
                    <tr>
                        <th scope="col">{texts::fields::label(lang())}</th>
                        <th scope="col">{texts::fields::variable(lang())}</th>
                        <th scope="col" class="num">{texts::fields::clients(lang())}</th>
                        <th scope="col">{texts::fields::used_by(lang())}</th>
                        <th scope="col">{texts::fields::created(lang())}</th>
                        <th scope="col" class="w-edit"><span class="vh">{texts::common::row_menu(lang())}</span></th>
                    </tr>
                </thead>
                <tbody>{fields.into_iter().map(line).collect::<Vec<_>>()}</tbody>
            </table>
        }
        .into_any()
    }
}

async fn send(
    field: Option<ClientFieldView>,
    name: String,
    label: String,
    key: String,
) -> Result<ClientFieldView, Failure> {
    match field {
        None => {
            let new = NewClientField { name, label };
            Call::post("/client-fields").once(&key).json(&new)?.answer().await
        }
        Some(field) => {
            let call = Call::patch(&format!("/client-fields/{}", field.name)).if_match(field.revision);
            call.json(&ChangeClientField { label })?.answer().await
        }
    }
}

/// A name made of what people read: `Cost centre` becomes `cost_centre`.
fn name_of(label: &str) -> String {
    let mut name = String::new();
    for letter in label.trim().to_lowercase().chars() {
        match letter {
            'ä' => name.push_str("ae"),
            'ö' => name.push_str("oe"),
            'ü' => name.push_str("ue"),
            'ß' => name.push_str("ss"),
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    let name = name.trim_start_matches(|letter: char| !letter.is_ascii_lowercase());
    name.chars().take(domain::expand::MOST_NAME_LENGTH).collect::<String>().trim_end_matches('_').to_owned()
}

#[component]
fn Form(open: RwSignal<bool>, field: Option<ClientFieldView>) -> impl IntoView {
    let new = field.is_none();
    let label = RwSignal::new(field.as_ref().map(|field| field.label.clone()).unwrap_or_default());
    let name = RwSignal::new(field.as_ref().map(|field| field.name.clone()).unwrap_or_default());
    // Follows what people read until somebody types another one.
    let own = RwSignal::new(false);
    if new {
        Effect::new(move |_| {
            let made = label.with(|label| name_of(label));
            if !own.get_untracked() {
                name.set(made);
            }
        });
    }
    Effect::new(move |before: Option<String>| {
        let now = name.get();
        if before.is_some() && now != label.with_untracked(|label| name_of(label)) {
            own.set(true);
        }
        now
    });
    let field = StoredValue::new(field);
    let key = StoredValue::new(idempotency_key());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let left = RwSignal::new(false);
    let of_field = move |place: &'static str| {
        Signal::derive(move || failure.get().and_then(|failure| failure.field(lang(), place)))
    };
    let name_error = Signal::derive(move || {
        let refused = of_field("/name").get();
        let own = name.with(|name| {
            if !new || name.is_empty() {
                None
            } else if is_built_in(name) {
                Some(texts::fields::name_taken(lang(), format!("{{{name}}}")))
            } else {
                (!is_name(name)).then(|| texts::fields::name_form(lang()).to_owned())
            }
        });
        refused.or(own.filter(|_| left.get()))
    });
    let rest =
        Signal::derive(move || failure.get().filter(|failure| !failure.is_about(&["/name", "/label"])));
    let run = move || {
        left.set(true);
        if busy.get_untracked() || name_error.get_untracked().is_some() {
            return;
        }
        busy.set(true);
        let text = |signal: RwSignal<String>| signal.with_untracked(|text| text.trim().to_owned());
        let (before, name, label, once) = (field.get_value(), text(name), text(label), key.get_value());
        spawn_local(async move {
            let answer = send(before, name, label, once).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(saved) => {
                    let _ = open.try_set(false);
                    live::touch(Resource::ClientFields);
                    toast::show(texts::fields::saved(lang(), saved.label));
                }
                Err(problem) => {
                    renew_key(key, &problem);
                    if problem.code() == Some(Code::PreconditionFailed) {
                        live::touch(Resource::ClientFields);
                    }
                    let _ = failure.try_set(Some(problem));
                }
            }
        });
    };
    let language = lang();
    let name_help = Signal::derive(move || {
        Some(name.with(|name| {
            if name.is_empty() {
                texts::fields::name_help(lang()).to_owned()
            } else {
                texts::fields::name_shown(lang(), format!("{{{name}}}"))
            }
        }))
    });
    view! {
        <form on:submit=move |event| {
            event.prevent_default();
            failure.set(None);
            run();
        }>
            <FailureNote failure=rest />
            <TextField
                label=texts::fields::label(language).to_owned()
                value=label
                help=Some(texts::fields::label_help(language).to_owned())
                error=of_field("/label")
                max_length=100
            />
            <TextField
                label=texts::fields::name(language).to_owned()
                value=name
                help=name_help
                error=name_error
                max_length=32
                mono=true
                readonly=!new
                on_blur=Callback::new(move |()| left.set(true))
            />
            <DialogButtons>
                <Button on_press=Callback::new(move |()| open.set(false))>{texts::common::cancel(language)}</Button>
                <Button kind=ButtonKind::Primary busy=busy>
                    {if new { texts::fields::create(language) } else { texts::fields::save(language) }}
                </Button>
            </DialogButtons>
        </form>
    }
}

#[component]
fn DeleteDialog(open: RwSignal<bool>, field: RwSignal<Option<ClientFieldView>>) -> impl IntoView {
    let with = move |words: fn(&ClientFieldView) -> String| {
        Signal::derive(move || field.with(|field| field.as_ref().map(words).unwrap_or_default()))
    };
    let act = Callback::new(move |_: Consent| -> Acting {
        let field = field.get_untracked();
        Box::pin(async move {
            let Some(field) = field else { return Ok(()) };
            Call::delete(&format!("/client-fields/{}", field.name)).if_match(field.revision).done().await?;
            live::touch(Resource::ClientFields);
            toast::show(texts::fields::deleted(lang(), field.label));
            Ok(())
        })
    });
    let more = move || {
        let used = field.with_untracked(|field| field.as_ref().map(|field| field.used_by.join(", ")))?;
        (!used.is_empty()).then(|| {
            view! { <Note tone=Tone::Warn><p>{texts::fields::in_use(lang(), used)}</p></Note> }
        })
    };
    view! {
        <ConfirmDialog
            open=open
            title=with(|field| texts::fields::delete_question(lang(), &field.label))
            text=with(|field| texts::fields::delete_text(lang(), field.clients))
            button=texts::fields::delete(lang()).to_owned()
            act=act
            more=more
        />
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_name_is_made_of_what_people_read() {
        assert_eq!(name_of("Cost centre"), "cost_centre");
        assert_eq!(name_of("  2. Gebäude / Straße "), "gebaeude_strasse");
        assert_eq!(name_of("??"), "");
        assert!(name_of("Ünnötig lange Beschriftung eines Feldes").len() <= 32);
    }
}
