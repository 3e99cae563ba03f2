//! The tab "Information": what is known of a client, in names and values (OSEM §4 "Information").

use api::client::ClientView;
use leptos::prelude::*;

use super::actions::Actions;
use super::fleet::Fleet;
use super::look::{self, dash};
use crate::address::with_fields;
use crate::components::icon::Icon;
use crate::components::time::Ago;
use crate::format;
use crate::texts::{self, lang};

/// Speed of the network connection in words.
pub(super) fn speed(gigabit: Option<bool>) -> Option<String> {
    gigabit.map(|gigabit| {
        let text =
            if gigabit { texts::clients::gigabit(lang()) } else { texts::clients::not_gigabit(lang()) };
        text.to_owned()
    })
}

/// What is known of a client.
#[component]
pub(super) fn Information(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    view! {
        {move || client.with(shown)}
        <hr class="sep" />
        <Fleet client=client actions=actions />
    }
}

fn shown(client: &ClientView) -> impl IntoView + use<> {
    use texts::clients as words;
    let language = lang();
    let [secure_mode, mobility, access] = look::worded_features(client);
    let plain = |name: &'static str, value: Option<String>| line(name, value.unwrap_or_else(dash).into_any());
    let mono = |name: &'static str, value: Option<String>| {
        line(name, view! { <span class="mono">{value.unwrap_or_else(dash)}</span> }.into_any())
    };
    let basic = client.basic_e164.clone().filter(|basic| client.e164.as_ref() != Some(basic));
    let device_type = client.device_type.clone().filter(|kind| client.model.as_ref() != Some(kind));
    let model = look::model(client).unwrap_or_else(dash);
    let other_trust =
        client.trusted_address.clone().filter(|trusted| client.peer_address.as_ref() != Some(trusted));
    view! {
        <dl class="kv">
            {line(words::state(language), look::condition_status(client))}
            {plain(words::e164(language), client.e164.clone())}
            {basic.map(|basic| plain(words::basic_e164(language), Some(basic)))}
            {line(
                words::model(language),
                view! {
                    {model}
                    {device_type.map(|kind| view! { <span class="two">{kind}</span> })}
                }
                    .into_any(),
            )} {line(words::software(language), look::software(client))}
            {mono(words::device_id(language), client.device_id.clone())}
            {mono(words::part_number(language), client.part_number.clone())}
            {plain(words::key_modules(language), Some(look::attached(client).unwrap_or_else(|| words::no_modules(language).to_owned())))}
            {plain(words::backlight(language), look::backlight(client))}
        </dl>
        <hr class="sep" />
        <dl class="kv">
            {line(words::last_contact(language), look::last_contact(client))}
            {mono(words::address(language), client.peer_address.clone())}
            {other_trust.map(|trusted| mono(words::trusted_address(language), Some(trusted)))}
            {mono(words::bound_network(language), client.bound_network.clone())}
            {mono(words::contact_me(language), client.contact_me_uri.clone())}
            {plain(words::network(language), speed(client.gigabit))}
            {line(words::access(language), access.0)}
        </dl>
        <hr class="sep" />
        <dl class="kv">
            {line(words::secure_mode(language), secure_mode.0)} {line(words::mobility(language), mobility.0)}
            {line(words::faults(language), faults(client))}
            {plain(words::approved(language), Some(approved(client)))}
            {line(words::configuration(language), configuration(client))}
            {line(words::open_jobs(language), open_jobs(client))}
            {line(words::all_read(language), all_read(client))}
            {line(words::first_seen(language), view! { <Ago at=Some(client.created_at) /> }.into_any())}
        </dl>
    }
}

fn line(name: &'static str, value: AnyView) -> AnyView {
    view! {
        <dt>{name}</dt>
        <dd>{value}</dd>
    }
    .into_any()
}

fn approved(client: &ClientView) -> String {
    let text =
        if client.approved { texts::common::yes(lang()) } else { texts::clients::not_approved(lang()) };
    text.to_owned()
}

fn faults(client: &ClientView) -> AnyView {
    if client.faults.is_empty() {
        return texts::clients::no_faults(lang()).into_any();
    }
    let fault = |fault: &domain::client::Fault| {
        let word = texts::word(lang(), "fault", fault.as_str());
        view! {
            <li class="st bad">
                <Icon name="tri" />
                <span>{word}</span>
            </li>
        }
    };
    view! { <ul class="client-faults">{client.faults.iter().map(fault).collect_view()}</ul> }.into_any()
}

fn configuration(client: &ClientView) -> AnyView {
    let href = format!("/clients/{}/configuration", client.id);
    let text = match u64::try_from(client.configuration_revision) {
        Ok(number) if number > 0 => texts::clients::revision(lang(), format::number(number)),
        _ => texts::clients::nothing_desired(lang()).to_owned(),
    };
    view! { <a href=href>{text}</a> }.into_any()
}

fn open_jobs(client: &ClientView) -> AnyView {
    if client.open_targets == 0 {
        return texts::clients::no_open_jobs(lang()).into_any();
    }
    let href = with_fields("/jobs", &[("client", client.id.to_string())]);
    view! { <a href=href>{texts::clients::open_jobs_count(lang(), client.open_targets)}</a> }.into_any()
}

fn all_read(client: &ClientView) -> AnyView {
    let wanted = client.full_read_wanted.then(|| {
        view! { <span class="two">{texts::clients::read_wanted(lang())}</span> }
    });
    view! {
        <Ago at=client.full_read_at />
        {wanted}
    }
    .into_any()
}
