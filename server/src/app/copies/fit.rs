//! Whether a value of one client fits another model or software (D-29): by kind, by its entries, and for keys by how many
//! the model has (`wpi.md` §7.3). What is not known of a model refuses nothing.

use domain::catalogue::{Catalogue, Kind, ParameterKey};
use domain::configuration::LeftOutReason;
use domain::model::DeviceModel;

/// Logical record of what stands on a key.
const KEY_RECORD: &str = "key";

/// Keys of the shifted level have the number of the plain one and this much more.
const SHIFTED: u16 = 1_000;

/// Numbers from which on keys are fixed ones, which every phone has or ignores.
const FIXED: u16 = 4_000;

/// Number of the first key of the first key module, less one; each further module has so many more.
const MODULES: u16 = 300;
const PER_MODULE: u16 = 100;

/// Whether a value fits.
///
/// # Errors
/// Why not.
pub(super) fn check(
    catalogue: &Catalogue,
    key: &ParameterKey,
    kind: Kind,
    model: Option<&DeviceModel>,
) -> Result<(), LeftOutReason> {
    let parameter = catalogue.parameter(&key.parameter).ok_or(LeftOutReason::UnknownParameter)?;
    if !catalogue.reaches(parameter, kind) {
        return Err(LeftOutReason::OtherKind);
    }
    let fits = match (parameter.entries, key.index) {
        (Some((first, last)), Some(index)) => (first..=last).contains(&index),
        (None, None) => true,
        _ => return Err(LeftOutReason::UnknownParameter),
    };
    let group = parameter.delivery.as_ref().and_then(|delivery| delivery.group.as_deref());
    let is_key = group == Some(KEY_RECORD);
    let has_key = match (key.index.filter(|_| is_key), model) {
        (Some(index), Some(model)) => has_key(model, index),
        _ => true,
    };
    if fits && has_key { Ok(()) } else { Err(LeftOutReason::IndexTooHigh) }
}

/// Whether a model can have a key of this number.
fn has_key(model: &DeviceModel, index: u16) -> bool {
    if index >= FIXED {
        return true;
    }
    let plain = index % SHIFTED;
    if plain <= MODULES {
        // No number is said of models whose keys are on the screen.
        return model.free_keys == 0 || plain <= model.free_keys;
    }
    (plain - MODULES).div_ceil(PER_MODULE) <= model.key_modules
}

#[cfg(test)]
mod tests {
    use super::{check, has_key};
    use domain::catalogue::{Catalogue, Kind, ParameterKey};
    use domain::configuration::LeftOutReason;
    use domain::model::{DeviceModel, models};

    fn model(name: &str) -> &'static DeviceModel {
        models().iter().find(|model| model.name == name).unwrap()
    }

    #[test]
    fn keys_are_counted_as_the_models_have_them() {
        let cases = [
            ("CP200", 4, true),
            ("CP200", 5, false),
            ("CP200", 1_004, true),
            ("CP200", 1_005, false),
            ("CP200", 301, false),
            ("CP200", 4_003, true),
            ("OpenStage 15", 312, true),
            ("OpenStage 15", 401, false),
            ("OpenStage 40", 401, true),
            ("OpenStage 40", 1_412, true),
            ("CP600", 7, true),
        ];
        for (name, index, has) in cases {
            assert_eq!(has_key(model(name), index), has, "{name} {index}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_the_reason() {
        let catalogue = Catalogue::built_in();
        let sip = "telephony.sip-settings.server-address";
        let fits = |key: &ParameterKey, kind, name| check(catalogue, key, kind, Some(model(name)));
        assert_eq!(fits(&ParameterKey::plain(sip), Kind::SipClient, "CP200"), Ok(()));
        assert_eq!(fits(&ParameterKey::plain(sip), Kind::HfaClient, "CP200"), Err(LeftOutReason::OtherKind));
        // Offered for templates alone, as a value that was copied from one at onboarding.
        let by_template = ParameterKey::plain("general.date-time.time-format");
        assert_eq!(fits(&by_template, Kind::HfaClient, "CP200"), Ok(()));
        let lost = ParameterKey::plain("no.such.parameter");
        assert_eq!(fits(&lost, Kind::SipClient, "CP200"), Err(LeftOutReason::UnknownParameter));
        for id in ["mobile-user.fpk.function", "records.keys.label"] {
            let key = |index| ParameterKey::entry(id, index);
            assert_eq!(fits(&key(4), Kind::SipClient, "CP200"), Ok(()), "{id}");
            assert_eq!(fits(&key(7), Kind::SipClient, "CP200"), Err(LeftOutReason::IndexTooHigh), "{id}");
            assert_eq!(check(catalogue, &key(7), Kind::SipClient, None), Ok(()), "{id}");
        }
    }
}
