//! What a client is part of: its groups, the template it was prepared with, the client whose place it took, and the fields
//! an administrator has added.

use api::Page;
use api::client::ClientView;
use api::client_field::ClientFieldView;
use api::group::GroupView;
use api::page::MOST_PER_PAGE;
use api::template::TemplateView;
use domain::Permission;
use leptos::prelude::*;

use super::actions::Actions;
use super::fields::known_fields;
use super::look::dash;
use crate::client;
use crate::components::button::{Button, ButtonSize};
use crate::components::select::Choice;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// Groups in the cell of a list, each a link; the rest is counted.
pub(super) fn group_cell(client: &ClientView) -> AnyView {
    crate::pages::templates::words::groups(&client.groups)
}

/// The groups as choices of a filter. They are read when they are first wanted.
pub(super) fn group_choices() -> Signal<Vec<Choice>> {
    lazily(|| async {
        let path = format!("/groups?size={MOST_PER_PAGE}");
        let page = client::get::<Page<GroupView>>(&path).await?;
        Ok(page.items.into_iter().map(|group| Choice::new(group.id.to_string(), group.name)).collect())
    })
}

/// The templates as choices of a filter or a form. They are read when they are first wanted.
pub(super) fn template_choices() -> Signal<Vec<Choice>> {
    lazily(|| async {
        let path = format!("/templates?size={MOST_PER_PAGE}");
        let page = client::get::<Page<TemplateView>>(&path).await?;
        Ok(page.items.into_iter().map(|one| Choice::new(one.id.to_string(), one.name)).collect())
    })
}

/// Choices that are read when somebody looks at them for the first time.
fn lazily<F>(read: impl Fn() -> F + Copy + 'static) -> Signal<Vec<Choice>>
where
    F: Future<Output = Result<Vec<Choice>, client::Failure>> + 'static,
{
    let wanted = RwSignal::new(false);
    let read = load(move || {
        let wanted = wanted.get();
        async move { if wanted { read().await } else { Ok(Vec::new()) } }
    });
    Signal::derive(move || {
        if !wanted.get_untracked() {
            wanted.set(true);
        }
        read.data.get().unwrap_or_default()
    })
}

/// The part of the tab "Information" about groups, templates and fields.
#[component]
pub(super) fn Fleet(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    use texts::clients as words;
    let groups = Memo::new(move |_| client.with(|client| client.groups.clone()));
    let group_list = move || {
        let groups = groups.get();
        if groups.is_empty() {
            return view! { <span class="muted">{words::no_groups(lang())}</span> }.into_any();
        }
        let links = groups.into_iter().map(|group| {
            view! { <a class="tag" href=format!("/groups/{}", group.id)>{group.name}</a> }
        });
        view! { <span class="tags">{links.collect_view()}</span> }.into_any()
    };
    let replaces = Memo::new(move |_| client.with(|client| client.replaces));
    let template = Memo::new(move |_| client.with(|client| client.onboarding_template));
    let server = Memo::new(move |_| client.with(|client| client.server_address.clone()));
    view! {
        <dl class="kv">
            <dt>{words::groups(lang())}</dt>
            <dd>{group_list}</dd>
            <dt>{words::server_address(lang())}</dt>
            <dd class="mono">{move || server.get().unwrap_or_else(dash)}</dd>
            {move || {
                template
                    .get()
                    .map(|id| {
                        view! {
                            <dt>{words::prepared_with(lang())}</dt>
                            <dd>
                                <TemplateName id=id />
                            </dd>
                        }
                    })
            }}
            {move || {
                replaces
                    .get()
                    .map(|id| {
                        view! {
                            <dt>{words::replaces(lang())}</dt>
                            <dd>
                                <a href=format!("/clients/{id}")>{words::client_number(lang(), id)}</a>
                            </dd>
                        }
                    })
            }}
        </dl>
        <Fields client=client actions=actions />
    }
}

#[component]
fn TemplateName(id: domain::TemplateId) -> impl IntoView {
    let found = load(move || async move { client::get::<TemplateView>(&format!("/templates/{id}")).await });
    let name = move || {
        let name = found.data.with(|found| found.as_ref().map(|template| template.name.clone()));
        name.unwrap_or_else(|| texts::clients::template_number(lang(), id))
    };
    view! { <a href=format!("/templates/{id}")>{name}</a> }
}

/// The fields with their values, and the button that changes them.
#[component]
fn Fields(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    let known = known_fields();
    let values = Memo::new(move |_| client.with(|client| client.fields.clone()));
    let may = session::may(Permission::ChangeClients);
    let lines = move || {
        let fields = known.data.get().map(|page| page.items).unwrap_or_default();
        let values = values.get();
        if fields.is_empty() {
            return None;
        }
        let line = |field: ClientFieldView| {
            let value = values.get(&field.name).cloned().unwrap_or_else(dash);
            view! {
                <dt>{field.label}</dt>
                <dd>{value}</dd>
            }
        };
        Some(view! {
            <hr class="sep" />
            <dl class="kv">{fields.into_iter().map(line).collect_view()}</dl>
            {may
                .then(|| {
                    view! {
                        <div class="row">
                            <Button
                                size=ButtonSize::Small
                                icon="pencil"
                                on_press=Callback::new(move |()| actions.edit_fields(&client.get_untracked()))
                            >
                                {texts::clients::edit_fields(lang())}
                            </Button>
                        </div>
                    }
                })}
        })
    };
    view! { {lines} }
}
