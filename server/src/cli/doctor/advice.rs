//! Settings that work, but maybe not as meant.

use domain::setting::SettingKey;
use jiff::Timestamp;

use super::{Findings, Level};
use crate::settings::Settings;

/// Contact gap below which old firmware may break down, in seconds (`wpi.md` §1.5 rule 1).
const SHORT_GAP: i64 = 60;

pub(super) fn calling(settings: &Settings, findings: &mut Findings) {
    let check = "contact-me";
    let gap = settings.integer(SettingKey::ContactMeGap);
    let (rate, subnet) =
        (settings.integer(SettingKey::ContactMeRate), settings.integer(SettingKey::ContactMeRatePerSubnet));
    if gap < SHORT_GAP {
        let text = format!("contact-me.gap is {gap} s; below {SHORT_GAP} s old firmware may break down");
        findings.add(check, Level::Advice, text);
    } else if subnet > rate {
        let text =
            format!("contact-me.rate-per-subnet ({subnet}) is never reached: contact-me.rate is {rate}");
        findings.add(check, Level::Advice, text);
    } else {
        findings.add(
            check,
            Level::Good,
            format!("{rate} per second, {subnet} per subnet, a phone every {gap} s"),
        );
    }
}

pub(super) fn polling(settings: &Settings, findings: &mut Findings) {
    let check = "polls (DCMP)";
    let mode = settings.text(SettingKey::DcmpOperationMode);
    let url = settings.text(SettingKey::DcmpServerUrl);
    let secure = settings.bool(SettingKey::DcmpServerSecureMode);
    if mode == "disabled" {
        return findings.add(check, Level::Good, "disabled");
    }
    if url.is_empty() {
        // Automatic without an address is how an installation begins, and means that all phones are called.
        let level = if mode == "enabled" { Level::Wrong } else { Level::Good };
        return findings.add(check, level, format!("{mode}, without an address: no phone is told to poll"));
    }
    if settings.integer(SettingKey::DcmpServerPort) == 0 {
        let text = "the listener of this server is off; another one must answer the polls";
        return findings.add(check, Level::Advice, text);
    }
    if url.starts_with("https://") != secure {
        let text = format!("phones are told {url}, but secure mode is {}", if secure { "on" } else { "off" });
        return findings.add(check, Level::Advice, text);
    }
    findings.add(check, Level::Good, format!("{mode}, {url}"));
}

pub(super) fn onboarding(settings: &Settings, now: Timestamp, findings: &mut Findings) {
    let check = "onboarding window";
    match settings.instant(SettingKey::OnboardingWindowUntil) {
        Some(until) if until > now => {
            let text =
                format!("open until {until}: phones in default mode may get secrets without being called");
            findings.add(check, Level::Advice, text);
        }
        _ => findings.add(check, Level::Good, "closed"),
    }
}

pub(super) fn files(settings: &Settings, findings: &mut Findings) {
    let check = "files";
    let text = if !settings.bool(SettingKey::FileServerEnabled) {
        "the integrated file server is off: only files of providers that serve phones themselves are deployed"
    } else if !settings.bool(SettingKey::StorageValidation) {
        "certificates of storage providers are not checked: somebody between can change what phones get"
    } else if !settings.bool(SettingKey::FileServerBoundToAddress) {
        "addresses of files work from everywhere, not only from the phone they were made for"
    } else {
        return findings.add(check, Level::Good, "served by this server");
    };
    findings.add(check, Level::Advice, text);
}

#[cfg(test)]
mod tests {
    use super::{calling, files, onboarding, polling};
    use crate::cli::doctor::{Findings, Level};
    use crate::settings::{SettingSource, Settings};
    use domain::setting::{SettingKey, SettingValue};

    fn settings(pairs: &[(SettingKey, &str)]) -> Settings {
        let fixed = pairs.iter().map(|(key, text)| (*key, (key.read(text).unwrap(), SettingSource::File)));
        Settings::fixed(fixed.collect::<std::collections::HashMap<_, (SettingValue, _)>>())
    }

    fn level(look: impl FnOnce(&mut Findings)) -> Level {
        let mut findings = Findings::default();
        look(&mut findings);
        findings.0[0].level
    }

    #[test]
    fn what_may_not_be_meant_is_named() {
        let of = |key, text| settings(&[(key, text)]);
        assert_eq!(level(|f| calling(&settings(&[]), f)), Level::Good);
        assert_eq!(level(|f| calling(&of(SettingKey::ContactMeGap, "5"), f)), Level::Advice);
        assert_eq!(level(|f| calling(&of(SettingKey::ContactMeRatePerSubnet, "50"), f)), Level::Advice);
        assert_eq!(level(|f| polling(&settings(&[]), f)), Level::Good);
        assert_eq!(level(|f| polling(&of(SettingKey::DcmpOperationMode, "enabled"), f)), Level::Wrong);
        let plain = (SettingKey::DcmpServerUrl, "http://dcmp.example.net:8080/dcmp");
        assert_eq!(level(|f| polling(&settings(&[plain]), f)), Level::Good);
        let secure = [plain, (SettingKey::DcmpServerSecureMode, "yes")];
        assert_eq!(level(|f| polling(&settings(&secure), f)), Level::Advice);
        let off = [plain, (SettingKey::DcmpServerPort, "0")];
        assert_eq!(level(|f| polling(&settings(&off), f)), Level::Advice);
    }

    #[test]
    fn what_weakens_the_file_server_is_named() {
        let of = |key, text| level(|f| files(&settings(&[(key, text)]), f));
        assert_eq!(level(|f| files(&settings(&[]), f)), Level::Good);
        assert_eq!(of(SettingKey::FileServerEnabled, "no"), Level::Advice);
        assert_eq!(of(SettingKey::StorageValidation, "no"), Level::Advice);
        assert_eq!(of(SettingKey::FileServerBoundToAddress, "no"), Level::Advice);
    }

    #[test]
    fn an_open_window_is_named() {
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        let until = |text| settings(&[(SettingKey::OnboardingWindowUntil, text)]);
        assert_eq!(level(|f| onboarding(&until("2027-03-02T00:00:00Z"), now, f)), Level::Advice);
        assert_eq!(level(|f| onboarding(&until("2027-02-02T00:00:00Z"), now, f)), Level::Good);
        assert_eq!(level(|f| onboarding(&settings(&[]), now, f)), Level::Good);
    }
}
