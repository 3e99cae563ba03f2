//! The list of clients: columns, filters, what can be done with one and with many. The living example of a list.

use api::Page;
use api::client::ClientView;
use api::model::DeviceModelView;
use api::targets::NO_SOFTWARE_TYPE;
use domain::Permission;
use domain::client::{ClientState, ContactReason, Fault, FirmwareState};
use leptos::prelude::*;

use super::actions::{ActionDialogs, Actions, What};
use super::details::ClientDrawer;
use super::fleet;
use super::look::{self, dash};
use super::scan::Scan;
use crate::address::use_address;
use crate::browser;
use crate::client;
use crate::components::button::{Button, ButtonKind};
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::keys;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// All clients.
#[component]
pub fn ClientsPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let actions = Actions::new();
    let may = session::may(Permission::ChangeClients);
    let address = use_address();
    keys::on("n", move || {
        if may {
            actions.prepare_new();
        }
        may
    });
    keys::on("e", move || {
        let client = address.get_now("open").or_else(row_in_focus);
        if let Some(client) = &client {
            address.go(&format!("/clients/{client}/configuration"));
        }
        client.is_some()
    });
    view! {
        <PageHead title=texts::clients::title(lang()).to_owned() sub=shown_total(found)>
            {may
                .then(|| {
                    view! {
                        <Scan />
                        <Button
                            kind=ButtonKind::Primary
                            icon="plus"
                            on_press=Callback::new(move |()| actions.prepare_new())
                        >
                            {texts::clients::new_client(lang())}
                        </Button>
                    }
                })}
        </PageHead>
        <ListPage spec=spec(actions, may) found=found />
        <ActionDialogs actions=actions />
    }
}

/// Key of the row that has the focus.
fn row_in_focus() -> Option<String> {
    let row = browser::focused()?.closest("tr[data-key]").ok()??;
    row.get_attribute("data-key")
}

fn spec(actions: Actions, may: bool) -> ListSpec<ClientView> {
    let bulk = |what: What, label: &str, icon| {
        let action = BulkAction::new(label, icon, move |chosen| actions.ask_many(what, chosen));
        if what.is_dangerous() { action.danger() } else { action }
    };
    let language = lang();
    let configure = BulkAction::new(texts::clients::set_values(language), "gear", move |chosen| {
        actions.configure(&chosen);
    });
    let many = vec![
        configure,
        bulk(What::Refresh, texts::clients::refresh(language), "refresh"),
        bulk(What::Restart, texts::clients::restart(language), "power"),
        bulk(What::Reset, texts::clients::reset(language), "undo"),
        BulkAction::new(texts::deployments::deploy(language), "deploy", move |chosen| {
            actions.deploy_many(&chosen);
        }),
        BulkAction::new(texts::clients::put_back(language), "undo", move |chosen| actions.put_back(&chosen)),
        bulk(What::Delete, texts::clients::delete(language), "trash"),
    ];
    ListSpec {
        name: "clients",
        label: texts::clients::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<ClientView> {
            Box::pin(async move { client::get(&query.path("/clients")).await })
        }),
        key: |row| row.id.0,
        sort: "e164",
        search: Some(texts::clients::search(language).to_owned()),
        filters: filters(),
        actions: if may { many } else { vec![] },
        row_menu: Some(Callback::new(move |row: ClientView| actions.menu(&row, true))),
        open: Opening::Drawer {
            view: Callback::new(move |id| view! { <ClientDrawer id=id actions=actions /> }.into_any()),
            label: texts::clients::one(language).to_owned(),
            page: Some(|id| format!("/clients/{id}")),
        },
        export: Some("/clients/export".to_owned()),
        live: Some(Resource::Clients),
        empty: EmptyTexts {
            none: texts::clients::none(language).to_owned(),
            hint: Some(texts::clients::none_hint(language).to_owned()),
            filtered: texts::clients::no_match(language).to_owned(),
        },
    }
}

fn columns() -> Vec<Column<ClientView>> {
    let language = lang();
    vec![
        Column::new("e164", texts::clients::e164(language), |row: &ClientView| {
            let number = row.e164.clone().or_else(|| row.basic_e164.clone());
            number.unwrap_or_else(dash).into_any()
        })
        .sort("e164")
        .card(CardPlace::Title),
        Column::new("model", texts::clients::model(language), |row: &ClientView| {
            look::model(row).unwrap_or_else(dash).into_any()
        })
        .sort("model")
        .card(CardPlace::Below),
        Column::new("device_id", texts::clients::device_id(language), |row: &ClientView| {
            mono(row.device_id.as_ref())
        })
        .sort("device_id"),
        Column::new("software", texts::clients::software(language), look::software).sort("software_version"),
        Column::new("last_contact", texts::clients::last_contact(language), look::last_contact)
            .sort("last_contact_at")
            .card(CardPlace::When),
        Column::new("features", texts::clients::features(language), look::features),
        Column::new("groups", texts::clients::groups(language), fleet::group_cell),
        Column::new("state", texts::clients::state(language), look::condition_status)
            .sort("state")
            .card(CardPlace::Right),
        Column::new("part_number", texts::clients::part_number(language), |row: &ClientView| {
            mono(row.part_number.as_ref())
        })
        .sort("part_number")
        .hidden(),
        Column::new("address", texts::clients::address(language), |row: &ClientView| {
            mono(row.peer_address.as_ref())
        })
        .sort("peer_address")
        .hidden(),
        Column::new("key_modules", texts::clients::key_modules(language), |row: &ClientView| {
            look::attached(row).unwrap_or_else(dash).into_any()
        })
        .sort("key_modules")
        .hidden(),
        Column::new("backlight", texts::clients::backlight(language), |row: &ClientView| {
            look::backlight(row).unwrap_or_else(dash).into_any()
        })
        .hidden(),
        Column::new("network", texts::clients::network(language), |row: &ClientView| {
            super::information::speed(row.gigabit).unwrap_or_else(dash).into_any()
        })
        .hidden(),
        Column::new("first_seen", texts::clients::first_seen(language), |row: &ClientView| {
            view! { <crate::components::time::Ago at=Some(row.created_at) /> }.into_any()
        })
        .hidden(),
    ]
}

fn mono(text: Option<&String>) -> AnyView {
    let text = text.cloned().unwrap_or_else(dash);
    view! { <span class="mono soft">{text}</span> }.into_any()
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let words = |table: &'static str, words: Vec<&'static str>| {
        words
            .into_iter()
            .map(|word| Choice::new(word, texts::word(language, table, word)))
            .collect::<Vec<_>>()
    };
    let yes_or_no = || {
        vec![
            Choice::new("true", texts::common::yes(language)),
            Choice::new("false", texts::common::no(language)),
        ]
    };
    let states = words("client-state", ClientState::ALL.iter().map(|state| state.as_str()).collect());
    let reasons = words("contact-reason", ContactReason::ALL.iter().map(|reason| reason.as_str()).collect());
    let firmware = words("firmware-state", FirmwareState::ALL.iter().map(|state| state.as_str()).collect());
    let mut faults = vec![Choice::new("any", texts::clients::any_fault(language))];
    faults.extend(words("fault", Fault::ALL.iter().map(|fault| fault.as_str()).collect()));
    let known = load(|| client::get::<Page<DeviceModelView>>("/device-models"));
    let models = Signal::derive(move || {
        let known = known.data.get().map(|page| page.items).unwrap_or_default();
        known.into_iter().map(|model| Choice::new(model.name.clone(), model.name)).collect::<Vec<_>>()
    });
    let software = vec![
        Choice::new("SIP", "SIP"),
        Choice::new("HFA", "HFA"),
        Choice::new(NO_SOFTWARE_TYPE, texts::clients::no_software_type(language)),
    ];
    vec![
        FilterSpec::choice("state", texts::clients::state(language), states),
        FilterSpec::choice("model", texts::clients::model(language), models),
        FilterSpec::choice("software_type", texts::clients::software_type(language), software),
        FilterSpec::choice("group", texts::clients::group(language), fleet::group_choices()),
        FilterSpec::choice("template", texts::clients::template(language), fleet::template_choices()),
        FilterSpec::text("software_version", texts::clients::software_version(language)),
        FilterSpec::choice("firmware", texts::firmware::title(language), firmware),
        FilterSpec::choice("drift", texts::clients::changed_at_phone(language), yes_or_no()),
        FilterSpec::choice("in_job", texts::clients::in_a_job(language), yes_or_no()),
        FilterSpec::choice("fault", texts::clients::fault(language), faults),
        FilterSpec::choice("not_seen", texts::clients::not_seen(language), yes_or_no()),
        FilterSpec::choice("secrets_withheld", texts::clients::secrets_withheld(language), yes_or_no()),
        FilterSpec::choice("last_contact_reason", texts::clients::contact_reason(language), reasons),
        FilterSpec::from_day("seen_from", texts::clients::seen_from(language)),
        FilterSpec::until_day("seen_until", texts::clients::seen_until(language)),
    ]
}
