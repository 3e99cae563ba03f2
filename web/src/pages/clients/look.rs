//! How a client looks wherever it is shown: its name, its condition, its features, each with words. Asks the server
//! nothing.

use api::client::ClientView;
use domain::client::{Access, ClientState, Mobility, SecureMode};
use leptos::prelude::*;

use crate::browser;
use crate::components::icon::Icon;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::texts::{self, lang};

const DAY_MS: i64 = 86_400_000;

/// What stands where nothing is known.
pub(super) fn dash() -> String {
    "–".to_owned()
}

/// What a client is called: its number, else its device id, else its own number here.
pub(super) fn name(client: &ClientView) -> String {
    let known = [&client.e164, &client.basic_e164, &client.device_id].into_iter().flatten().next();
    known.cloned().unwrap_or_else(|| texts::clients::client_number(lang(), client.id))
}

/// Its model, else the device type it reports.
pub(super) fn model(client: &ClientView) -> Option<String> {
    client.model.clone().or_else(|| client.device_type.clone())
}

/// What it is, in a line below its name.
pub(super) fn subtitle(client: &ClientView) -> String {
    let model = model(client).unwrap_or_else(|| texts::clients::unknown_model(lang()).to_owned());
    let seen = match client.last_contact_at {
        Some(at) => texts::clients::seen(lang(), crate::format::relative(at)),
        None => texts::clients::never_seen(lang()).to_owned(),
    };
    format!("{model} · {seen}")
}

/// Software type and version.
pub(super) fn software(client: &ClientView) -> AnyView {
    let (kind, version) = (client.software_type.clone(), client.software_version.clone());
    if kind.is_none() && version.is_none() {
        return dash().into_any();
    }
    view! {
        {kind}
        " "
        <span class="soft">{version}</span>
    }
    .into_any()
}

/// Time and reason of the last contact.
pub(super) fn last_contact(client: &ClientView) -> AnyView {
    let reason =
        client.last_contact_reason.map(|reason| texts::word(lang(), "contact-reason", reason.as_str()));
    view! {
        <Ago at=client.last_contact_at />
        {reason.map(|reason| view! { <span class="muted">{format!(" · {reason}")}</span> })}
    }
    .into_any()
}

/// What matters most about a client now: the worst first, "as desired" when there is nothing to say.
pub(super) fn condition(client: &ClientView) -> (StatusKind, String) {
    let language = lang();
    // What is retired has nothing to do any more, whatever it said last.
    if matches!(client.state, ClientState::Quarantined | ClientState::Retired) {
        let word = texts::word(language, "client-state", client.state.as_str());
        return (StatusKind::of_client(client.state), word);
    }
    if !client.faults.is_empty() {
        return (StatusKind::new(Tone::Bad, "tri", true), texts::clients::fault(language).to_owned());
    }
    if client.secrets_withheld {
        return (
            StatusKind::new(Tone::Warn, "key", true),
            texts::clients::secrets_withheld(language).to_owned(),
        );
    }
    if client.drifted > 0 {
        return (
            StatusKind::new(Tone::Warn, "drift", true),
            texts::clients::values_differ(language, client.drifted),
        );
    }
    if let Some(at) = client.last_contact_at.filter(|_| client.not_seen) {
        let days = days_between(at.as_millisecond(), browser::now_millis());
        return (StatusKind::new(Tone::Warn, "clock", true), texts::clients::not_seen_for(language, days));
    }
    if client.open_targets > 0 && client.state == ClientState::Active {
        return (StatusKind::new(Tone::Run, "run", false), texts::clients::in_a_job(language).to_owned());
    }
    match client.state {
        ClientState::Active if client.desired => {
            (StatusKind::of_client(client.state), texts::clients::as_desired(language).to_owned())
        }
        state => (StatusKind::of_client(state), texts::word(language, "client-state", state.as_str())),
    }
}

/// The condition as it is shown.
pub(super) fn condition_status(client: &ClientView) -> AnyView {
    let (kind, text) = condition(client);
    view! { <Status kind=kind text=text /> }.into_any()
}

fn days_between(from: i64, until: i64) -> u64 {
    u64::try_from((until - from) / DAY_MS).unwrap_or_default()
}

fn secure_mode(mode: SecureMode) -> (&'static str, &'static str) {
    match mode {
        SecureMode::Secure => ("good", "shieldok"),
        SecureMode::Default => ("off", "shieldoff"),
    }
}

fn mobility(mobility: Mobility) -> (&'static str, &'static str) {
    match mobility {
        Mobility::LoggedOn => ("good", "user"),
        Mobility::Enabled => ("off", "user"),
        Mobility::Interim => ("", "user"),
        Mobility::Disabled => ("off", "useroff"),
    }
}

fn access(access: Access) -> (&'static str, &'static str) {
    match access {
        Access::Direct => ("", "direct"),
        Access::Dcmp => ("", "cloud"),
    }
}

/// The key modules as the phone reports them; `None` without any.
pub(super) fn attached(client: &ClientView) -> Option<String> {
    let reported = client.key_modules.as_deref().map(str::trim);
    reported.filter(|text| !text.is_empty() && *text != "0").map(str::to_owned)
}

/// The key modules in words; `None` without any.
fn key_modules(client: &ClientView) -> Option<String> {
    let reported = attached(client)?;
    Some(match reported.parse::<u64>() {
        Ok(count) => texts::clients::key_modules_count(lang(), count),
        Err(_) => texts::clients::key_modules_are(lang(), reported),
    })
}

/// The backlight in words: the server does not know what every number means (D-6).
pub(super) fn backlight(client: &ClientView) -> Option<String> {
    let text = client.backlight.as_deref().filter(|text| !text.is_empty())?;
    let number = text.strip_prefix("unknown (").and_then(|rest| rest.strip_suffix(')'));
    Some(number.map_or_else(|| text.to_owned(), |number| texts::clients::unknown_backlight(lang(), number)))
}

/// Secure mode, mobility, access, key modules: fixed places, each with its word.
pub(super) fn features(client: &ClientView) -> AnyView {
    let language = lang();
    let slot = |(class, icon): (&'static str, &'static str), text: String| {
        view! {
            <span class=class role="img" aria-label=text.clone() title=text>
                <Icon name=icon />
            </span>
        }
    };
    let modules = match key_modules(client) {
        Some(text) => slot(("", "keys"), text).into_any(),
        None => view! { <span aria-hidden="true"></span> }.into_any(),
    };
    view! {
        <span class="feat">
            {slot(secure_mode(client.secure_mode), texts::word(language, "secure-mode", client.secure_mode.as_str()))}
            {slot(mobility(client.mobility), texts::word(language, "mobility", client.mobility.as_str()))}
            {slot(access(client.access), texts::word(language, "access", client.access.as_str()))} {modules}
        </span>
    }
    .into_any()
}

/// A feature with its words beside it, for lists of names and values.
pub(super) fn worded_features(client: &ClientView) -> [(AnyView, &'static str); 3] {
    let language = lang();
    let line = |(class, icon): (&'static str, &'static str), text: String| {
        view! {
            <span class="worded">
                <span class="feat">
                    <span class=class aria-hidden="true">
                        <Icon name=icon />
                    </span>
                </span>
                {text}
            </span>
        }
        .into_any()
    };
    let word = |table, word| texts::word(language, table, word);
    [
        (line(secure_mode(client.secure_mode), word("secure-mode", client.secure_mode.as_str())), "secure"),
        (line(mobility(client.mobility), word("mobility", client.mobility.as_str())), "mobility"),
        (line(access(client.access), word("access", client.access.as_str())), "access"),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::{condition, days_between, name};
    use api::client::ClientView;

    /// A client about which nothing needs to be said.
    pub(in crate::pages::clients) fn client() -> ClientView {
        serde_json::from_value(serde_json::json!({
            "id": 7, "state": "active", "secure_mode": "default", "mobility": "disabled", "access": "direct",
            "faults": [], "warnings": [], "full_read_wanted": false, "approved": true, "configuration_revision": 3, "desired": true,
            "open_targets": 0, "drifted": 0, "secrets_withheld": false, "not_seen": false, "groups": [], "fields": {},
            "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:00Z", "revision": 4,
        }))
        .unwrap()
    }

    #[test]
    fn a_client_is_called_by_the_best_that_is_known() {
        let mut shown = client();
        assert_eq!(name(&shown), "Client 7");
        shown.device_id = Some("00:1a:e8:75:fe:0a".to_owned());
        assert_eq!(name(&shown), "00:1a:e8:75:fe:0a");
        shown.e164 = Some("494066969214".to_owned());
        assert_eq!(name(&shown), "494066969214");
    }

    #[test]
    fn the_worst_condition_is_the_one_that_is_shown() {
        let mut shown = client();
        assert_eq!(condition(&shown).1, "As desired");
        shown.open_targets = 1;
        assert_eq!(condition(&shown).1, "In a job");
        shown.drifted = 2;
        assert_eq!(condition(&shown).1, "2 values differ");
        shown.secrets_withheld = true;
        assert!(condition(&shown).0.fill);
        shown.state = domain::client::ClientState::Quarantined;
        assert_eq!(condition(&shown).1, "Quarantined");
    }

    #[test]
    fn days_are_counted_down() {
        assert_eq!(days_between(0, 86_400_000 * 12 + 5), 12);
        assert_eq!(days_between(10, 0), 0);
    }
}
