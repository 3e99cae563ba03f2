//! The list of templates, and the way to a new one.

use api::Page;
use api::model::DeviceModelView;
use api::template::TemplateView;
use domain::Permission;
use leptos::prelude::*;

use super::deeds::{DeedDialogs, Deeds};
use super::new::NewTemplateDialog;
use super::words;
use crate::client;
use crate::components::button::{Button, ButtonKind};
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::components::time::Ago;
use crate::keys;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// All templates.
#[component]
pub fn TemplatesPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let deeds = Deeds::new();
    let making = RwSignal::new(false);
    let may = session::may(Permission::ChangeTemplates);
    keys::on("n", move || {
        if may {
            making.set(true);
        }
        may
    });
    let new = may.then(|| {
        view! {
            <Button kind=ButtonKind::Primary icon="plus" on_press=Callback::new(move |()| making.set(true))>
                {texts::templates::new(lang())}
            </Button>
        }
    });
    view! {
        <PageHead title=texts::templates::title(lang()).to_owned() sub=shown_total(found)>{new}</PageHead>
        <ListPage spec=spec(deeds, may) found=found />
        <NewTemplateDialog open=making />
        <DeedDialogs deeds=deeds gone=Callback::new(|()| ()) />
    }
}

fn spec(deeds: Deeds, may: bool) -> ListSpec<TemplateView> {
    let language = lang();
    let delete =
        BulkAction::new(texts::templates::delete(language), "trash", move |chosen| deeds.ask_many(chosen));
    ListSpec {
        name: "templates",
        label: texts::templates::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<TemplateView> {
            Box::pin(async move { client::get(&query.path("/templates")).await })
        }),
        key: |row| row.id.0,
        sort: "name",
        search: Some(texts::templates::search(language).to_owned()),
        filters: filters(),
        actions: if may { vec![delete.danger()] } else { vec![] },
        row_menu: Some(Callback::new(move |row: TemplateView| deeds.menu(&row, may, true))),
        open: Opening::Page(|row| format!("/templates/{}", row.id)),
        export: None,
        live: Some(Resource::Templates),
        empty: EmptyTexts {
            none: texts::templates::none(language).to_owned(),
            hint: Some(texts::templates::none_hint(language).to_owned()),
            filtered: texts::templates::no_match(language).to_owned(),
        },
    }
}

fn columns() -> Vec<Column<TemplateView>> {
    let language = lang();
    vec![
        Column::new("name", texts::templates::name(language), |row: &TemplateView| {
            row.name.clone().into_any()
        })
        .sort("name")
        .card(CardPlace::Title),
        Column::new("kind", texts::templates::kind(language), |row: &TemplateView| {
            words::kind(row.kind).into_any()
        })
        .sort("kind")
        .card(CardPlace::Right),
        Column::new("rank", texts::templates::rank(language), |row: &TemplateView| {
            row.rank.to_string().into_any()
        })
        .sort("rank")
        .number(),
        Column::new("models", texts::templates::models_short(language), |row: &TemplateView| {
            let models = words::models(&row.models);
            view! { <span class="clip cell-wide" title=models.clone()>{models.clone()}</span> }.into_any()
        }),
        Column::new("software", texts::templates::software_short(language), |row: &TemplateView| {
            words::software(&row.software_types).into_any()
        }),
        Column::new("software_update", texts::templates::software_update(language), |row: &TemplateView| {
            words::update(row.software_update).into_any()
        })
        .sort("software_update"),
        Column::new("content", texts::templates::content(language), |row: &TemplateView| {
            words::content_short(&row.content)
        })
        .sort("settings")
        .card(CardPlace::Below),
        Column::new("groups", texts::templates::groups(language), |row: &TemplateView| {
            words::groups(&row.groups)
        }),
        Column::new("updated_at", texts::templates::updated(language), |row: &TemplateView| {
            view! { <Ago at=Some(row.updated_at) /> }.into_any()
        })
        .sort("updated_at")
        .card(CardPlace::When),
        Column::new("secure_mode", texts::templates::secure_mode(language), |row: &TemplateView| {
            words::secure_mode(row.secure_mode).into_any()
        })
        .hidden(),
        Column::new("description", texts::templates::description(language), |row: &TemplateView| {
            let text = row.description.clone();
            view! { <span class="clip cell-wide" title=text.clone()>{text.clone()}</span> }.into_any()
        })
        .hidden(),
        Column::new("updated_by", texts::templates::updated_by(language), |row: &TemplateView| {
            row.updated_by.clone().into_any()
        })
        .hidden(),
    ]
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let models = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let models = Signal::derive(move || {
        let known = models.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    let groups = load(|| client::get::<Page<api::group::GroupView>>("/groups?size=500"));
    let groups = Signal::derive(move || {
        let known = groups.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|group| Choice::new(group.id.to_string(), group.name)).collect::<Vec<_>>()
    });
    let software = vec![Choice::new("SIP", "SIP"), Choice::new("HFA", "HFA")];
    vec![
        FilterSpec::choice("kind", texts::templates::kind(language), words::kinds()),
        FilterSpec::choice("model", texts::templates::for_model(language), models),
        FilterSpec::choice("software_type", texts::templates::for_software(language), software),
        FilterSpec::choice("group", texts::templates::of_group(language), groups),
        FilterSpec::text("parameter", texts::templates::with_parameter(language)),
    ]
}
