//! The head of the editor: for whom it is, what that is, and what can be asked of it at once.

use api::Page;
use api::client::{ClientQuery, ClientView};
use api::template::TemplateView;
use domain::client::SecureMode;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::Editor;
use super::target::Target;
use crate::client::{self, Call, Failure};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::page_head::PageHead;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::components::toast;
use crate::format;
use crate::pages::templates::words as template_words;
use crate::texts::{self, lang};

/// Title and buttons.
#[component]
pub(super) fn Head(
    /// What the parts share.
    editor: Editor,
    /// Where it is said what did not go.
    failure: RwSignal<Option<Failure>>,
    /// Buttons.
    children: ChildrenFn,
) -> impl IntoView {
    let (client, template) = (editor.client, editor.template);
    let matching = RwSignal::new(None::<u64>);
    if let Target::Matching(fields) = editor.target.get_value() {
        spawn_local(async move {
            let path = crate::address::with_fields("/clients", &fields);
            let query = ClientQuery { size: Some(1), ..ClientQuery::default() };
            let joint = if path.contains('?') { '&' } else { '?' };
            let query = client::with_query("", &query);
            let path = format!("{path}{joint}{}", query.trim_start_matches('?'));
            if let Ok(page) = client::get::<Page<ClientView>>(&path).await {
                let _ = matching.try_set(Some(page.total));
            }
        });
    }
    let title = Signal::derive(move || {
        if let Some(template) = template.get() {
            return template.name;
        }
        let one = client.get().and_then(|client| client.e164.or(client.basic_e164).or(client.device_id));
        let count = editor.target.with_value(|target| match target {
            Target::One(_) | Target::Template(_) => None,
            Target::Some(ids) => Some(ids.len() as u64),
            Target::Matching(_) => matching.get(),
        });
        match (one, count) {
            (Some(one), _) => one,
            (None, Some(count)) => texts::configuration::of_clients(lang(), count),
            (None, None) => texts::configuration::title(lang()).to_owned(),
        }
    });
    let sub = Signal::derive(move || {
        Some(if editor.is_one() || editor.is_template() {
            texts::configuration::title(lang()).to_owned()
        } else {
            texts::configuration::for_many(lang()).to_owned()
        })
    });
    let refresh = move || {
        let Some(id) = editor.target.with_value(Target::one) else { return };
        failure.set(None);
        spawn_local(async move {
            match Call::post(&format!("/clients/{id}/refresh")).done().await {
                Ok(()) => toast::show(texts::configuration::refresh_wanted(lang())),
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let one = editor.is_one() && editor.may;
    let about = editor.target.with_value(Target::template).map(|id| format!("/templates/{id}"));
    view! {
        <PageHead title=title sub=sub>
            {about
                .map(|href| {
                    view! {
                        <LinkButton href=href kind=ButtonKind::Ghost icon="template">
                            {texts::configuration::show_template(lang())}
                        </LinkButton>
                    }
                })}
            {one
                .then(|| {
                    view! {
                        <Button kind=ButtonKind::Ghost icon="refresh" on_press=Callback::new(move |()| refresh())>
                            {texts::configuration::refresh(lang())}
                        </Button>
                    }
                })}
            {children()}
        </PageHead>
    }
}

/// What the client or the template is.
#[component]
pub(super) fn Properties(
    /// What the parts share.
    editor: Editor,
) -> impl IntoView {
    let (client, template) = (editor.client, editor.template);
    move || {
        if let Some(template) = template.get() {
            return Some(of_template(&template));
        }
        client.get().map(of_client)
    }
}

fn entry(name: &'static str, value: AnyView) -> AnyView {
    view! { <div><dt>{name}</dt><dd>{value}</dd></div> }.into_any()
}

fn of_template(template: &TemplateView) -> AnyView {
    use texts::templates as words;
    let language = lang();
    view! {
        <dl class="props">
            {entry(words::kind(language), template_words::kind(template.kind).into_any())}
            {entry(words::rank(language), template.rank.to_string().into_any())}
            {entry(words::models(language), template_words::models(&template.models).into_any())}
            {entry(words::software(language), template_words::software(&template.software_types).into_any())}
            {entry(words::groups(language), template_words::groups(&template.groups))}
        </dl>
    }
    .into_any()
}

fn of_client(client: ClientView) -> AnyView {
    let language = lang();
    let dash = || "–".to_owned();
    let software =
        [client.software_type, client.software_version].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let (icon, tone) = match client.secure_mode {
        SecureMode::Secure => ("shieldok", Tone::Ok),
        SecureMode::Default => ("shieldoff", Tone::Idle),
    };
    let secure = texts::word(language, "secure-mode", client.secure_mode.as_str());
    use texts::configuration as words;
    view! {
            <dl class="props">
                {entry(words::model(language), client.model.or(client.device_type).unwrap_or_else(dash).into_any())}
                {entry(words::software(language), if software.is_empty() { dash() } else { software }.into_any())}
                {entry(
                    words::device_id(language),
                    view! { <span class="mono">{client.device_id.unwrap_or_else(dash)}</span> }.into_any(),
                )}
                {entry(
                    words::secure_mode(language),
                    view! { <Status kind=StatusKind::new(tone, icon, false) text=secure /> }.into_any(),
                )}
                {entry(words::last_contact(language), view! { <Ago at=client.last_contact_at /> }.into_any())}
                {entry(
                    words::revision(language),
                    format::number(client.configuration_revision.unsigned_abs()).into_any(),
                )}
            </dl>
        }
        .into_any()
}
