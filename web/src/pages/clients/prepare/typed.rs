//! What is typed about a prepared client, and the rules for it: those of the server.

use api::client::ClientView;
use api::prepared::{ChangeClient, NewClient};
use domain::client::is_e164;
use domain::device_id::DeviceId;
use domain::{Secret, TemplateId};
use leptos::prelude::*;

use super::{Preparing, SOFTWARE};
use crate::pages::clients::fields::{Values, given as given_fields};
use crate::texts::{self, lang};

/// What is typed.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    /// The number.
    pub(super) e164: RwSignal<String>,
    /// The device id.
    pub(super) device_id: RwSignal<String>,
    /// The model.
    pub(super) model: RwSignal<String>,
    /// The software type.
    pub(super) software: RwSignal<String>,
    /// The deployment PIN.
    pub(super) pin: RwSignal<String>,
    /// Id of the template whose values it gets; empty for none.
    pub(super) template: RwSignal<String>,
    /// Values of the fields an administrator has added.
    pub(super) fields: RwSignal<Values>,
    /// Takes the number although another client has it.
    pub(super) force: RwSignal<bool>,
}

impl Typed {
    pub(super) fn begin(preparing: &Preparing) -> Self {
        let (from, all) = match preparing {
            Preparing::New => (None, false),
            Preparing::Like(client) => (Some(client), false),
            Preparing::Change(client) => (Some(client), true),
        };
        let text = |text: Option<&String>| RwSignal::new(text.cloned().unwrap_or_default());
        let own = from.filter(|_| all);
        let software = from.and_then(|client| client.software_type.clone());
        Self {
            e164: text(own.and_then(|client| client.e164.as_ref())),
            device_id: text(own.and_then(|client| client.device_id.as_ref())),
            model: text(from.and_then(|client| client.model.as_ref())),
            software: RwSignal::new(software.unwrap_or_else(|| SOFTWARE[0].to_owned())),
            pin: RwSignal::new(String::new()),
            template: RwSignal::new(id(own.and_then(|client| client.onboarding_template))),
            fields: RwSignal::new(from.map(|client| client.fields.clone()).unwrap_or_default()),
            force: RwSignal::new(false),
        }
    }

    /// Everything that is typed, to be compared. Watched.
    pub(super) fn all(self) -> ([String; 6], Values) {
        let texts = [self.e164, self.device_id, self.model, self.software, self.pin, self.template];
        (texts.map(|typed| typed.get()), self.fields.with(given_fields))
    }

    fn secret(self) -> Option<Secret> {
        let pin = self.pin.get_untracked();
        (!pin.is_empty()).then(|| Secret::new(pin))
    }

    fn template(self) -> Option<TemplateId> {
        self.template.with_untracked(|typed| typed.trim().parse().ok().map(TemplateId))
    }

    /// A new client.
    pub(super) fn as_new(self) -> NewClient {
        NewClient {
            model: given(&self.model.get_untracked()),
            software_type: given(&self.software.get_untracked()),
            device_id: given(&self.device_id.get_untracked()),
            e164: given(&self.e164.get_untracked()),
            secure_mode: None,
            deployment_pin: self.secret(),
            template: self.template(),
            fields: self.fields.with_untracked(given_fields),
            force: self.force.get_untracked(),
        }
    }

    /// Somebody else has changed the client: what was not changed here is as it is now, the rest stays as typed.
    pub(super) fn follow(self, before: &ClientView, now: &ClientView) {
        let follow = |typed: RwSignal<String>, before: &Option<String>, now: &Option<String>| {
            if typed.try_with_untracked(|typed| given(typed) == *before) == Some(true) {
                let _ = typed.try_set(now.clone().unwrap_or_default());
            }
        };
        follow(self.e164, &before.e164, &now.e164);
        follow(self.device_id, &before.device_id, &now.device_id);
        follow(self.model, &before.model, &now.model);
        follow(self.software, &before.software_type, &now.software_type);
        let template = |client: &ClientView| client.onboarding_template.map(|id| id.to_string());
        follow(self.template, &template(before), &template(now));
    }

    /// Only what differs from how the client is.
    pub(super) fn as_change(self, client: &ClientView) -> ChangeClient {
        let changed = |typed: RwSignal<String>, before: &Option<String>| {
            let now = given(&typed.get_untracked());
            (now != *before).then_some(now)
        };
        ChangeClient {
            model: changed(self.model, &client.model),
            software_type: changed(self.software, &client.software_type).flatten(),
            device_id: changed(self.device_id, &client.device_id),
            e164: changed(self.e164, &client.e164),
            secure_mode: None,
            deployment_pin: self.secret().map(Some),
            template: (self.template() != client.onboarding_template).then(|| self.template()),
            force: self.force.get_untracked(),
        }
    }
}

/// The id of a template as a form has it.
fn id(template: Option<TemplateId>) -> String {
    template.map(|id| id.to_string()).unwrap_or_default()
}

/// What was typed, without the spaces around it; `None` when nothing was.
pub(in crate::pages::clients) fn given(typed: &str) -> Option<String> {
    let typed = typed.trim();
    (!typed.is_empty()).then(|| typed.to_owned())
}

/// What is wrong with a typed number.
pub(super) fn number_fault(typed: &str) -> Option<String> {
    let typed = given(typed)?;
    (!is_e164(&typed)).then(|| texts::clients::number_fault(lang()).to_owned())
}

/// What is wrong with a typed device id.
pub(in crate::pages::clients) fn device_fault(typed: &str) -> Option<String> {
    let typed = given(typed)?;
    typed.parse::<DeviceId>().is_err().then(|| texts::clients::device_fault(lang()).to_owned())
}

/// What is wrong with a typed deployment PIN.
pub(super) fn pin_fault(typed: &str) -> Option<String> {
    let good = typed.is_empty()
        || (4..=64).contains(&typed.len()) && typed.bytes().all(|byte| byte.is_ascii_graphic());
    (!good).then(|| texts::clients::pin_fault(lang()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{device_fault, given, number_fault, pin_fault};

    #[test]
    fn what_is_typed_is_checked_by_the_rules_of_the_server() {
        assert!(number_fault("494066969214").is_none() && number_fault("  ").is_none());
        assert!(number_fault("+49 40").is_some() && number_fault("1234567890123456").is_some());
        assert!(device_fault("00-1A-E8-75-FE-0A").is_none() && device_fault("a b").is_some());
        assert!(pin_fault("").is_none() && pin_fault("4711").is_none());
        assert!(pin_fault("471").is_some() && pin_fault("47 11").is_some());
    }

    #[test]
    fn spaces_around_are_nothing() {
        assert_eq!(given(" 49 "), Some("49".to_owned()));
        assert_eq!(given("   "), None);
    }
}
