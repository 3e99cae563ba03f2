//! What an administrator enters of a client, field by field: models, device ids, numbers, PINs, templates (OSEM §4.1,
//! D-1 … D-3). Knows nothing of other clients.

use api::{FieldError, field};
use domain::client::is_e164;
use domain::group_filter::Facts;
use domain::model::{DeviceModel, models};
use domain::{DeviceId, Secret, TemplateId};

use crate::app::layers::Snapshot;
use crate::store::prepared::Entry;

/// Shortest and longest deployment PIN, in characters.
const PIN_LENGTH: std::ops::RangeInclusive<usize> = 4..=64;

/// Software types of phones whose model nobody has said; the usual one first.
const SOFTWARE_TYPES: [&str; 2] = ["SIP", "HFA"];

pub(in crate::app) fn model(name: &str) -> Result<&'static DeviceModel, FieldError> {
    models().iter().find(|model| model.name == name).ok_or_else(|| {
        let choices: Vec<&str> = models().iter().map(|model| model.name.as_str()).collect();
        let text = "is no model of the list of device models";
        FieldError::new("/model", field::NOT_A_CHOICE, text).arg("choices", choices)
    })
}

/// The software type a client is prepared with: what was asked for, if the model runs it.
pub(in crate::app) fn software_type(
    model: Option<&DeviceModel>,
    asked: Option<&str>,
) -> Result<String, FieldError> {
    let known = match model {
        Some(model) => model.software_types.clone(),
        None => SOFTWARE_TYPES.map(str::to_owned).to_vec(),
    };
    let word = match asked {
        Some(asked) => known.iter().find(|word| *word == asked),
        None => known.iter().find(|word| *word == SOFTWARE_TYPES[0]).or(known.first()),
    };
    word.cloned().ok_or_else(|| {
        let text = format!("must be one of: {}", known.join(", "));
        FieldError::new("/software_type", field::NOT_A_CHOICE, text).arg("choices", known.clone())
    })
}

pub(in crate::app) fn device_id(text: &str) -> Result<DeviceId, FieldError> {
    text.parse().map_err(|error: domain::device_id::DeviceIdError| {
        FieldError::new("/device_id", field::INVALID, error.to_string())
    })
}

pub(in crate::app) fn number(text: &str) -> Result<String, FieldError> {
    if is_e164(text) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new("/e164", field::INVALID, "must have one to fifteen digits").arg("max", 15))
}

pub(in crate::app) fn pin(secret: &Secret) -> Result<&Secret, FieldError> {
    let text = secret.expose();
    if PIN_LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(secret);
    }
    let (min, max) = (*PIN_LENGTH.start(), *PIN_LENGTH.end());
    let text = format!("must have {min} to {max} visible characters");
    Err(FieldError::new("/deployment_pin", field::INVALID, text).arg("min", min).arg("max", max))
}

/// Keeps a value, or notes what is wrong with it.
pub(in crate::app) fn note<T>(result: Result<T, FieldError>, faults: &mut Vec<FieldError>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// A template that is to give a client its first values: there is one, and it is for such a client.
pub(in crate::app) fn template(layers: &Snapshot, id: TemplateId, entry: &Entry) -> Result<(), FieldError> {
    let Some(template) = layers.layers.templates.get(&id) else {
        return Err(FieldError::new("/template", "unknown_template", "names nothing there is"));
    };
    let facts = Facts {
        model: entry.model.as_deref().or(entry.device_type.as_deref()),
        software_type: Some(&entry.software_type),
        ..Facts::default()
    };
    if template.is_for(&facts) {
        return Ok(());
    }
    let text = "is not for a client of this model and software";
    Err(FieldError::new("/template", "template_not_for_client", text).arg("name", template.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{model, number, pin, software_type};
    use domain::Secret;

    #[test]
    fn what_a_client_is_prepared_with_is_checked() {
        let cp600 = Some(model("CP600").unwrap());
        assert_eq!(software_type(cp600, None).unwrap(), "SIP");
        assert_eq!(software_type(None, Some("HFA")).unwrap(), "HFA");
        assert_eq!(software_type(cp600, Some("GW")).unwrap_err().code, "not_a_choice");
        assert_eq!(model("CP6").unwrap_err().field, "/model");
        assert!(number("4989700732406").is_ok() && number("+49").is_err() && number("").is_err());
        for (text, good) in [("4711", true), ("471", false), ("47 11", false), (&"1".repeat(65), false)] {
            assert_eq!(pin(&Secret::new(text.to_owned())).is_ok(), good, "{text}");
        }
    }
}
