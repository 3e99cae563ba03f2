//! The list of groups.

use api::Page;
use api::group::GroupView;
use api::template::TemplateView;
use domain::Permission;
use leptos::prelude::*;

use super::delete::{DeleteGroups, Deleting};
use crate::address::use_address;
use crate::client;
use crate::components::button::{ButtonKind, LinkButton};
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::menu::MenuEntry;
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::components::time::Ago;
use crate::format;
use crate::keys;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// Most templates named in a row.
const NAMED: usize = 3;

/// All groups.
#[component]
pub fn GroupsPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let deleting = Deleting::new();
    let address = use_address();
    let may = session::may(Permission::ChangeTemplates);
    keys::on("n", move || {
        if may {
            address.go("/groups/new");
        }
        may
    });
    view! {
        <PageHead title=texts::groups::title(lang()).to_owned() sub=shown_total(found)>
            <LinkButton href="/groups/fields".to_owned() kind=ButtonKind::Ghost icon="braces">
                {texts::groups::client_fields(lang())}
            </LinkButton>
            {may
                .then(|| {
                    view! {
                        <LinkButton href="/groups/new".to_owned() kind=ButtonKind::Primary icon="plus">
                            {texts::groups::new(lang())}
                        </LinkButton>
                    }
                })}
        </PageHead>
        <ListPage spec=spec(deleting, may) found=found />
        <DeleteGroups deleting=deleting gone=Callback::new(|()| ()) />
    }
}

fn spec(deleting: Deleting, may: bool) -> ListSpec<GroupView> {
    let language = lang();
    let delete =
        BulkAction::new(texts::groups::delete(language), "trash", move |chosen| deleting.many(chosen));
    ListSpec {
        name: "groups",
        label: texts::groups::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<GroupView> {
            Box::pin(async move { client::get(&query.path("/groups")).await })
        }),
        key: |row| row.id.0,
        sort: "name",
        search: Some(texts::groups::search(language).to_owned()),
        filters: filters(),
        actions: if may { vec![delete.danger()] } else { vec![] },
        row_menu: Some(Callback::new(move |row: GroupView| menu(row, deleting, may))),
        open: Opening::Page(|row| format!("/groups/{}", row.id)),
        export: None,
        live: Some(Resource::Groups),
        empty: EmptyTexts {
            none: texts::groups::none(language).to_owned(),
            hint: Some(texts::groups::none_hint(language).to_owned()),
            filtered: texts::groups::no_match(language).to_owned(),
        },
    }
}

fn menu(group: GroupView, deleting: Deleting, may: bool) -> Vec<MenuEntry> {
    let language = lang();
    let mut entries = Vec::new();
    if may {
        let edit = MenuEntry::link(texts::groups::edit(language), format!("/groups/{}", group.id));
        entries.push(edit.icon("pencil"));
    }
    let members =
        MenuEntry::link(texts::groups::show_members(language), format!("/clients?group={}", group.id));
    entries.push(members.icon("phone"));
    if may {
        let delete = MenuEntry::press(texts::groups::delete(language), move || deleting.one(group.clone()));
        entries.push(delete.icon("trash").danger().line_before());
    }
    entries
}

fn columns() -> Vec<Column<GroupView>> {
    let language = lang();
    vec![
        Column::new("name", texts::groups::name(language), |row: &GroupView| row.name.clone().into_any())
            .sort("name")
            .card(CardPlace::Title),
        Column::new("description", texts::groups::description(language), |row: &GroupView| {
            let text = row.description.clone();
            view! { <span class="clip cell-wide" title=text.clone()>{text.clone()}</span> }.into_any()
        })
        .card(CardPlace::Below),
        Column::new("members", texts::groups::members(language), |row: &GroupView| {
            let href = format!("/clients?group={}", row.id);
            view! { <a href=href>{format::number(row.members)}</a> }.into_any()
        })
        .sort("members")
        .number()
        .card(CardPlace::Right),
        Column::new("templates", texts::groups::templates(language), templates),
        Column::new("filters", texts::groups::active_filters(language), |row: &GroupView| {
            if row.filter.is_none() {
                return view! { <span class="muted">{texts::groups::no_filter(lang())}</span> }.into_any();
            }
            if row.subjects.is_empty() {
                return view! { <span class="muted">{texts::groups::all_clients(lang())}</span> }.into_any();
            }
            let chip = |subject: &domain::group_filter::Subject| {
                view! { <span class="tag">{texts::word(lang(), "subject", subject.as_str())}</span> }
            };
            view! { <span class="tags">{row.subjects.iter().map(chip).collect::<Vec<_>>()}</span> }.into_any()
        }),
        Column::new("updated_at", texts::groups::updated(language), |row: &GroupView| {
            view! { <Ago at=Some(row.updated_at) /> }.into_any()
        })
        .sort("updated_at")
        .card(CardPlace::When),
        Column::new("updated_by", texts::groups::updated_by(language), |row: &GroupView| {
            row.updated_by.clone().into_any()
        })
        .hidden(),
    ]
}

fn templates(row: &GroupView) -> AnyView {
    if row.templates.is_empty() {
        return view! { <span class="muted">"–"</span> }.into_any();
    }
    let more = row.templates.len().saturating_sub(NAMED);
    let chip = |template: &api::template::NamedTemplate| match template.id {
        Some(id) => view! {
            <a class="tag" href=format!("/templates/{id}")>
                {template.name.clone()}
            </a>
        }
        .into_any(),
        None => view! { <span class="tag">{template.name.clone()}</span> }.into_any(),
    };
    view! {
        <span class="tags">
            {row.templates.iter().take(NAMED).map(chip).collect::<Vec<_>>()}
            {(more > 0).then(|| view! { <span class="muted">{texts::templates::more(lang(), more as u64)}</span> })}
        </span>
    }
    .into_any()
}

fn filters() -> Vec<FilterSpec> {
    let known = load(|| client::get::<Page<TemplateView>>("/templates?size=500"));
    let templates = Signal::derive(move || {
        let known = known.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|one| Choice::new(one.id.to_string(), one.name)).collect::<Vec<_>>()
    });
    vec![FilterSpec::choice("template", texts::groups::with_template(lang()), templates)]
}
