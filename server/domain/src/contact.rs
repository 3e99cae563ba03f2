//! What a contact of a phone tells about the device, and what is decided from it (D-4, D-5).

use jiff::{SignedDuration, Timestamp};

use crate::client::{ContactReason, Fault, FaultSet, Mobility, QuarantineReason};
use crate::model::model_of;
use crate::network::Subnet;
use crate::software::SoftwareType;

/// An item as the rules see it: name, index, value, and whether the phone marked it with a problem.
#[derive(Clone, Copy, Debug)]
pub struct ReportedValue<'a> {
    /// Item name.
    pub name: &'a str,
    /// Instance number, if any.
    pub index: Option<u16>,
    /// Text as reported.
    pub value: &'a str,
    /// True when the phone set a status on it: the value could not be read.
    pub problem: bool,
}

/// The device part of the basic items (`wpi.md` §7.1). `None` means "not said": what is stored stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceReport {
    /// `device-type`.
    pub device_type: Option<String>,
    /// `software-type`, as the short word.
    pub software_type: Option<String>,
    /// `software-version`.
    pub software_version: Option<String>,
    /// `part-number`; the word `Unknown` is not a part number.
    pub part_number: Option<String>,
    /// `e164`: the number in use.
    pub e164: Option<String>,
    /// `basic-e164`: the number of the device itself.
    pub basic_e164: Option<String>,
    /// `reg-addr`: the server the phone is registered with (D-21).
    pub server_address: Option<String>,
    /// `contact-me-uri`.
    pub contact_me_uri: Option<String>,
    /// `backlight-type`, as reported.
    pub backlight: Option<String>,
    /// `gigabit-ethernet-enabled`, or the older `gigabit-ethernet`.
    pub gigabit: Option<bool>,
    /// Number and kind of key modules in words, from the four inventory items.
    pub key_modules: Option<String>,
    /// From `mobility-enabled`, `sip-mobility-state`, `e164` and `basic-e164`.
    pub mobility: Option<Mobility>,
    /// Faults that are on; `None` when the message said nothing of any of them.
    pub faults: Option<FaultSet>,
    /// `cloud-pin-value` other than `failure` (D-1).
    pub deployment_pin: Option<crate::Secret>,
    /// `configuration-changed-flag`.
    pub configuration_changed: bool,
}

/// Longest text taken over into a column of the client; the item itself keeps the whole value.
const COLUMN_LENGTH: usize = 255;

impl DeviceReport {
    /// Picks the device part out of the items of a message. Values with a problem count as not said.
    pub fn from_items<'a>(items: impl IntoIterator<Item = ReportedValue<'a>>) -> Self {
        let mut report = Self::default();
        let mut modules: Vec<(&'static str, &str)> = Vec::new();
        let (mut mobility_enabled, mut mobility_state) = (None, None);
        let mut faults: Option<Vec<Fault>> = None;
        for entry in items.into_iter().filter(|entry| entry.index.is_none() && !entry.problem) {
            let value = entry.value;
            let text = || Some(clip(value));
            match entry.name {
                "device-type" => report.device_type = text().filter(|text| !text.is_empty()),
                "software-type" => {
                    report.software_type = Some(clip(SoftwareType::parse(value).as_str()));
                }
                "software-version" => report.software_version = text().filter(|text| !text.is_empty()),
                "part-number" => {
                    report.part_number =
                        text().filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("unknown"));
                }
                "e164" => report.e164 = text(),
                "basic-e164" => report.basic_e164 = text(),
                "reg-addr" => report.server_address = text(),
                "contact-me-uri" => report.contact_me_uri = text(),
                "backlight-type" => report.backlight = text(),
                "gigabit-ethernet-enabled" => report.gigabit = boolean(value),
                "gigabit-ethernet" => report.gigabit = report.gigabit.or(boolean(value)),
                "key-modules" => modules.push(("KM", value)),
                "blf-modules" => modules.push(("BLF", value)),
                "slk-modules" => modules.push(("SLK", value)),
                "km15-modules" => modules.push(("KM15", value)),
                "mobility-enabled" => mobility_enabled = boolean(value),
                "sip-mobility-state" => mobility_state = value.trim().parse::<u8>().ok(),
                "configuration-changed-flag" => {
                    report.configuration_changed = boolean(value).unwrap_or(false);
                }
                "cloud-pin-value" => {
                    report.deployment_pin = (!value.is_empty() && !value.eq_ignore_ascii_case("failure"))
                        .then(|| crate::Secret::new(value.to_owned()));
                }
                name => {
                    if let Some(fault) = Fault::ALL.iter().copied().find(|fault| fault.item() == name) {
                        let on = boolean(value).unwrap_or(false);
                        faults.get_or_insert_default().extend(on.then_some(fault));
                    }
                }
            }
        }
        report.faults = faults.map(FaultSet::new);
        report.key_modules = modules_text(&modules);
        report.mobility = mobility(mobility_enabled, mobility_state, &report);
        report
    }
}

impl DeviceReport {
    /// The report without what says who and where the device is: for a client in quarantine (D-4), whose
    /// identity must stay what it was before.
    #[must_use]
    pub fn without_identity(&self) -> Self {
        Self { device_type: None, part_number: None, contact_me_uri: None, ..self.clone() }
    }
}

/// `KM 2, SLK 1` from the inventory items; an empty text when all are zero or empty, `None` when none came.
fn modules_text(modules: &[(&str, &str)]) -> Option<String> {
    if modules.is_empty() {
        return None;
    }
    let mut words = Vec::new();
    for (kind, value) in modules {
        match value.trim() {
            "" | "0" | "NULL" => {}
            value => words.push(format!("{kind} {}", clip(value))),
        }
    }
    Some(words.join(", "))
}

/// Who is logged on is decided by comparing the numbers *and* the state (`wpi.md` §4.7).
fn mobility(enabled: Option<bool>, state: Option<u8>, report: &DeviceReport) -> Option<Mobility> {
    match (enabled?, state) {
        (false, _) => Some(Mobility::Disabled),
        (true, Some(2)) => Some(Mobility::Interim),
        (true, Some(0)) if is_other_number(report) => Some(Mobility::LoggedOn),
        (true, _) => Some(Mobility::Enabled),
    }
}

fn is_other_number(report: &DeviceReport) -> bool {
    matches!((&report.e164, &report.basic_e164), (Some(e164), Some(basic)) if !e164.is_empty() && e164 != basic)
}

fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn clip(text: &str) -> String {
    text.trim().chars().take(COLUMN_LENGTH).collect()
}

/// What is stored of a client when one of its phones makes contact; the input of the decisions below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `device-type` reported before.
    pub device_type: Option<String>,
    /// `part-number` reported before.
    pub part_number: Option<String>,
    /// `key-modules` and the like reported before, in words.
    pub key_modules: Option<String>,
    /// Network the client is bound to.
    pub bound_network: Option<String>,
    /// Firmware at the last full read.
    pub full_read_version: Option<String>,
    /// Time of the last full read.
    pub full_read_at: Option<Timestamp>,
    /// A full read was asked for (by an administrator, or after a reset).
    pub full_read_wanted: bool,
}

/// Why everything is read (D-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullReadReason {
    /// The client is new, or was never read completely.
    New,
    /// An administrator asked for it, or the phone was reset.
    Wanted,
    /// It runs another firmware than at the last full read.
    OtherFirmware,
    /// The phone says that settings changed, and did not attach them.
    ChangedWithoutItems,
    /// Other key modules are plugged in: keys may have appeared.
    OtherModules,
    /// The last full read is too old.
    Old,
}

/// Whether everything must be read in this contact (D-5); `None` when what is stored is good enough.
///
/// `attached_complete` is true when a `local-changes` brought the changed items with it.
pub fn full_read(
    known: Option<&Known>,
    report: &DeviceReport,
    reason: ContactReason,
    attached_complete: bool,
    now: Timestamp,
    interval: SignedDuration,
) -> Option<FullReadReason> {
    if reason == ContactReason::Status {
        return None;
    }
    let Some((known, read_at)) = known.and_then(|known| Some((known, known.full_read_at?))) else {
        return Some(FullReadReason::New);
    };
    if known.full_read_wanted {
        return Some(FullReadReason::Wanted);
    }
    if report.software_version.is_some() && report.software_version != known.full_read_version {
        return Some(FullReadReason::OtherFirmware);
    }
    let changed = report.configuration_changed || reason == ContactReason::LocalChanges;
    if changed && !attached_complete {
        return Some(FullReadReason::ChangedWithoutItems);
    }
    if reason == ContactReason::InventoryChanges
        && report.key_modules.is_some()
        && report.key_modules != known.key_modules
    {
        return Some(FullReadReason::OtherModules);
    }
    (now.duration_since(read_at) >= interval).then_some(FullReadReason::Old)
}

/// Whether a known device id must go into quarantine (D-4).
///
/// A field that was never reported, or is not said now, is no difference.
pub fn quarantine(known: &Known, report: &DeviceReport, peer: std::net::IpAddr) -> Option<QuarantineReason> {
    let network = Subnet::of(peer).to_string();
    if known.bound_network.as_ref().is_some_and(|bound| *bound != network) {
        return Some(QuarantineReason::OtherNetwork);
    }
    if differs(known.device_type.as_deref(), report.device_type.as_deref(), same_model) {
        return Some(QuarantineReason::OtherModel);
    }
    differs(known.part_number.as_deref(), report.part_number.as_deref(), |a, b| a == b)
        .then_some(QuarantineReason::OtherPartNumber)
}

fn differs(before: Option<&str>, now: Option<&str>, same: impl Fn(&str, &str) -> bool) -> bool {
    matches!((before, now), (Some(before), Some(now)) if !same(before, now))
}

fn same_model(before: &str, now: &str) -> bool {
    match (model_of(before), model_of(now)) {
        (Some(before), Some(now)) => before.name == now.name,
        _ => before.eq_ignore_ascii_case(now),
    }
}

/// Whether an item of a contact is kept among the reported items.
///
/// What a message asks for, and commands, are no state of the phone (`wpi.md` §4.7, §7.5).
pub fn is_state(name: &str) -> bool {
    !matches!(name, "requested-items" | "modified-items" | "cleanup-reason" | "send-solicited")
}

/// Whether a different value of an item is a change of the phone's configuration. The flags by which a
/// message announces changes are none themselves.
pub fn is_configuration(name: &str) -> bool {
    !name.starts_with("configuration-")
}

#[cfg(test)]
mod tests {
    use super::{DeviceReport, FullReadReason, Known, ReportedValue, full_read, quarantine};
    use crate::client::{ContactReason, Fault, Mobility, QuarantineReason};
    use jiff::{SignedDuration, Timestamp};

    fn report(items: &[(&str, &str)]) -> DeviceReport {
        DeviceReport::from_items(items.iter().map(|&(name, value)| ReportedValue {
            name,
            index: None,
            value,
            problem: false,
        }))
    }

    fn known() -> Known {
        Known {
            device_type: Some("OpenStage 40".into()),
            part_number: Some("S30817-S7402-A101-9".into()),
            bound_network: Some("127.10.1.0/24".into()),
            full_read_version: Some("V3 R5.16.0".into()),
            full_read_at: Some(at(0)),
            ..Known::default()
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(480_000 + hours)
    }

    fn due(known: Option<&Known>, report: &DeviceReport, hours: i64) -> Option<FullReadReason> {
        full_read(known, report, ContactReason::StartUp, false, at(hours), SignedDuration::from_hours(24))
    }

    #[test]
    fn the_device_part_is_read_leniently() {
        let report = report(&[
            ("device-type", " OpenStage 40 "),
            ("software-type", "Siemens SIP"),
            ("part-number", "Unknown"),
            ("gigabit-ethernet", "1"),
            ("key-modules", "2"),
            ("slk-modules", "0"),
            ("fault-report-user-pwd", "true"),
            ("fault-report-admin-pwd", "false"),
            ("fault-time-user-pwd", "false"),
            ("mobility-enabled", "true"),
            ("sip-mobility-state", "0"),
            ("e164", "5555"),
            ("basic-e164", "4201"),
            ("cloud-pin-value", "failure"),
        ]);
        assert_eq!(report.device_type.as_deref(), Some("OpenStage 40"));
        assert_eq!(report.software_type.as_deref(), Some("SIP"));
        assert_eq!(report.part_number, None);
        assert_eq!(report.gigabit, Some(true));
        assert_eq!(report.key_modules.as_deref(), Some("KM 2"));
        assert_eq!(report.faults.unwrap().as_slice(), [Fault::UserPassword]);
        assert_eq!(report.mobility, Some(Mobility::LoggedOn));
        assert_eq!(report.deployment_pin, None);
    }

    #[test]
    fn a_value_with_a_problem_is_not_said() {
        let value = ReportedValue { name: "e164", index: None, value: "1", problem: true };
        assert_eq!(DeviceReport::from_items([value]).e164, None);
    }

    #[test]
    fn a_full_read_is_due_for_the_reasons_of_d5() {
        let same = report(&[("software-version", "V3 R5.16.0")]);
        assert_eq!(due(None, &same, 1), Some(FullReadReason::New));
        assert_eq!(due(Some(&Known::default()), &same, 1), Some(FullReadReason::New));
        assert_eq!(due(Some(&known()), &same, 23), None);
        assert_eq!(due(Some(&known()), &same, 24), Some(FullReadReason::Old));
        let wanted = Known { full_read_wanted: true, ..known() };
        assert_eq!(due(Some(&wanted), &same, 1), Some(FullReadReason::Wanted));
        let newer = report(&[("software-version", "V3 R5.17.0")]);
        assert_eq!(due(Some(&known()), &newer, 1), Some(FullReadReason::OtherFirmware));
        let changed = report(&[("configuration-changed-flag", "true")]);
        assert_eq!(due(Some(&known()), &changed, 1), Some(FullReadReason::ChangedWithoutItems));
        let day = SignedDuration::from_hours(24);
        let status = full_read(None, &same, ContactReason::Status, false, at(1), day);
        assert_eq!(status, None);
        let attached = full_read(Some(&known()), &changed, ContactReason::LocalChanges, true, at(1), day);
        assert_eq!(attached, None);
    }

    #[test]
    fn quarantine_for_another_network_model_or_part_number() {
        let here = "127.10.1.77".parse().unwrap();
        let same = report(&[("device-type", "OPENSTAGE 40"), ("part-number", "S30817-S7402-A101-9")]);
        assert_eq!(quarantine(&known(), &same, here), None);
        let there = "127.10.2.77".parse().unwrap();
        assert_eq!(quarantine(&known(), &same, there), Some(QuarantineReason::OtherNetwork));
        let model = report(&[("device-type", "OpenStage 60")]);
        assert_eq!(quarantine(&known(), &model, here), Some(QuarantineReason::OtherModel));
        let part = report(&[("part-number", "S30817-S7402-A103-9")]);
        assert_eq!(quarantine(&known(), &part, here), Some(QuarantineReason::OtherPartNumber));
        assert_eq!(quarantine(&Known::default(), &model, here), None);
    }
}
