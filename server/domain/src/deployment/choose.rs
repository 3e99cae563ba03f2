//! Which firmware a phone gets, and whether it gets any (`wpi.md` §4.6.6).

use crate::file::same_family;
use crate::software::SoftwareVersion;

/// The phone has it already.
pub const ALREADY_SO: &str = "already-so";

/// It is older than what the phone runs, and that was not allowed.
pub const OLDER_VERSION: &str = "older-version";

/// It is of the other family, and that was not allowed.
pub const OTHER_FAMILY: &str = "other-family";

/// There are several files, and none is for this phone.
pub const OTHER_MODEL: &str = "other-model";

/// What a phone runs, as far as it said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running<'a> {
    /// `SIP`, `HFA` or the phone's own word.
    pub software_type: Option<&'a str>,
    /// Version.
    pub version: Option<&'a str>,
}

/// A file with firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firmware<'a> {
    /// Why it is not for the phone's model; `None` when it is.
    pub misfit: Option<&'static str>,
    /// `SIP` or `HFA`.
    pub software_type: Option<&'a str>,
    /// Version.
    pub version: Option<&'a str>,
}

/// What somebody has allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permits {
    /// A phone that has it gets it all the same.
    pub again: bool,
    /// Older than what it runs.
    pub downgrade: bool,
    /// Of the other family.
    pub family_change: bool,
}

/// The file a phone gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the list.
    pub place: usize,
    /// The phone changes its family, and loses what the other one does not have.
    pub family_change: bool,
    /// It is older than what the phone runs.
    pub downgrade: bool,
}

/// The newest file that is for this phone. Files of its own family come first: the other one is taken only where
/// there is none of its own.
///
/// # Errors
/// Why it gets none: the reason why the only file does not fit, or one of the words above.
pub fn choose(
    running: Running<'_>,
    files: &[Firmware<'_>],
    permits: Permits,
) -> Result<Choice, &'static str> {
    let fitting: Vec<(usize, &Firmware<'_>)> =
        files.iter().enumerate().filter(|(_, file)| file.misfit.is_none()).collect();
    if fitting.is_empty() {
        let mut misfits = files.iter().filter_map(|file| file.misfit);
        let first = misfits.next().unwrap_or(OTHER_MODEL);
        return Err(if misfits.all(|other| other == first) { first } else { OTHER_MODEL });
    }
    let own = |file: &Firmware<'_>| is_own_family(running.software_type, file.software_type);
    let of_own = fitting.iter().copied().filter(|(_, file)| own(file));
    let candidates = match newest(of_own) {
        Some(found) => Some((found, false)),
        None if permits.family_change => newest(fitting.iter().copied()).map(|found| (found, true)),
        None => return Err(OTHER_FAMILY),
    };
    let Some(((place, file), family_change)) = candidates else { return Err(OTHER_FAMILY) };
    // Versions of two families are two different series: they say nothing of which one is older. Where the file does
    // not say its family, they are compared all the same.
    let comparable = !family_change || file.software_type.is_none();
    if comparable && same_version(running.version, file.version) {
        let choice = Choice { place, family_change, downgrade: false };
        return if permits.again { Ok(choice) } else { Err(ALREADY_SO) };
    }
    let downgrade = comparable && is_older(file.version, running.version);
    if downgrade && !permits.downgrade {
        return Err(OLDER_VERSION);
    }
    Ok(Choice { place, family_change, downgrade })
}

/// A file that does not say its family may be of the other one; of a phone that does not say, nobody knows better.
fn is_own_family(running: Option<&str>, offered: Option<&str>) -> bool {
    match (running, offered) {
        (Some(running), Some(offered)) => same_family(running, offered),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

fn newest<'a, 'b>(files: impl Iterator<Item = (usize, &'b Firmware<'a>)>) -> Option<(usize, &'b Firmware<'a>)>
where
    'a: 'b,
{
    // Of equal ones the first: the order of a list does not change between looking and doing.
    files.max_by_key(|(place, file)| {
        (file.version.and_then(SoftwareVersion::parse), std::cmp::Reverse(*place))
    })
}

/// Whether two version texts are the same version.
pub fn same_version(a: Option<&str>, b: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    match (SoftwareVersion::parse(a), SoftwareVersion::parse(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.trim().eq_ignore_ascii_case(b.trim()),
    }
}

fn is_older(offered: Option<&str>, running: Option<&str>) -> bool {
    match (offered.and_then(SoftwareVersion::parse), running.and_then(SoftwareVersion::parse)) {
        (Some(offered), Some(running)) => offered < running,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Choice, Firmware, Permits, Running, choose};

    const SIP: Option<&str> = Some("SIP");
    const HFA: Option<&str> = Some("HFA");

    fn sip(version: &str) -> Firmware<'_> {
        Firmware { misfit: None, software_type: SIP, version: Some(version) }
    }

    fn running(version: &str) -> Running<'_> {
        Running { software_type: Some("Siemens SIP"), version: Some(version) }
    }

    const NOTHING: Permits = Permits { again: false, downgrade: false, family_change: false };

    #[test]
    fn the_newest_that_fits_is_chosen_by_its_numbers() {
        let files = [
            sip("V3 R5.9.0"),
            sip("V3 R5.16.0"),
            Firmware { misfit: Some("other-model"), ..sip("V9 R0.0.0") },
        ];
        let choice = Choice { place: 1, family_change: false, downgrade: false };
        assert_eq!(choose(running("V3 R5.12.0"), &files, NOTHING), Ok(choice));
        assert_eq!(choose(running("V3 R5.16.0"), &files, NOTHING), Err("already-so"));
        assert_eq!(choose(running("V3 R5.16.0"), &files, Permits { again: true, ..NOTHING }), Ok(choice));
    }

    #[test]
    fn older_firmware_and_the_other_family_need_a_permit() {
        let files = [sip("V3 R4.0.0")];
        assert_eq!(choose(running("V3 R5.0.0"), &files, NOTHING), Err("older-version"));
        let down = choose(running("V3 R5.0.0"), &files, Permits { downgrade: true, ..NOTHING }).unwrap();
        assert!(down.downgrade);
        let hfa = Running { software_type: HFA, version: Some("V3 R9.0.0") };
        assert_eq!(choose(hfa, &files, NOTHING), Err("other-family"));
        let other = choose(hfa, &files, Permits { family_change: true, ..NOTHING }).unwrap();
        assert_eq!(other, Choice { place: 0, family_change: true, downgrade: false });
        let both = [sip("V9 R0.0.0"), Firmware { software_type: HFA, ..sip("V3 R9.1.0") }];
        assert_eq!(choose(hfa, &both, Permits { family_change: true, ..NOTHING }).unwrap().place, 1);
    }

    #[test]
    fn a_file_that_does_not_say_its_family_counts_as_of_the_other_one() {
        let unknown = |version| Firmware { software_type: None, ..sip(version) };
        let permits = Permits { family_change: true, ..NOTHING };
        assert_eq!(choose(running("V3 R5.0.0"), &[unknown("V3 R6.0.0")], NOTHING), Err("other-family"));
        let choice = Choice { place: 0, family_change: true, downgrade: false };
        assert_eq!(choose(running("V3 R5.0.0"), &[unknown("V3 R6.0.0")], permits), Ok(choice));
        assert_eq!(choose(running("V3 R5.0.0"), &[unknown("V3 R4.0.0")], permits), Err("older-version"));
        assert_eq!(choose(running("V3 R5.0.0"), &[unknown("V3 R5.0.0")], permits), Err("already-so"));
        let silent = Running { software_type: None, ..running("V3 R5.0.0") };
        assert!(!choose(silent, &[unknown("V3 R6.0.0")], NOTHING).unwrap().family_change);
    }

    #[test]
    fn nothing_that_fits_is_said_as_it_is() {
        let wrong = |word| Firmware { misfit: Some(word), ..sip("V3 R5.0.0") };
        assert_eq!(choose(running("V3 R1.0.0"), &[wrong("too-large")], NOTHING), Err("too-large"));
        let mixed = [wrong("too-large"), wrong("model-unknown")];
        assert_eq!(choose(running("V3 R1.0.0"), &mixed, NOTHING), Err("other-model"));
        assert_eq!(choose(running("V3 R1.0.0"), &[], NOTHING), Err("other-model"));
    }

    #[test]
    fn what_does_not_say_its_version_is_different_and_not_older() {
        let unknown = Running { software_type: SIP, version: None };
        assert!(choose(unknown, &[sip("V3 R5.0.0")], NOTHING).is_ok());
        let odd = [Firmware { version: Some("beta 7"), ..sip("") }];
        assert!(choose(running("V3 R5.0.0"), &odd, NOTHING).is_ok());
        assert_eq!(choose(running("BETA 7"), &odd, NOTHING), Err("already-so"));
    }

    fn version() -> impl Strategy<Value = String> {
        (0_u16..4, 0_u16..12, 0_u16..30).prop_map(|(major, minor, fix)| format!("V{major} R{minor}.{fix}.0"))
    }

    fn firmware() -> impl Strategy<Value = (bool, bool, String)> {
        (any::<bool>(), any::<bool>(), version())
    }

    proptest! {
        #[test]
        fn nothing_is_chosen_that_was_not_allowed(
            files in prop::collection::vec(firmware(), 0..6), own in version(), is_sip in any::<bool>(),
            again in any::<bool>(), downgrade in any::<bool>(), family_change in any::<bool>(),
        ) {
            let files: Vec<Firmware<'_>> = files.iter().map(|(fits, sip, version)| Firmware {
                misfit: (!fits).then_some("other-model"),
                software_type: if *sip { SIP } else { HFA },
                version: Some(version),
            }).collect();
            let now = Running { software_type: if is_sip { SIP } else { HFA }, version: Some(&own) };
            let permits = Permits { again, downgrade, family_change };
            if let Ok(choice) = choose(now, &files, permits) {
                let file = files[choice.place];
                prop_assert!(file.misfit.is_none());
                prop_assert_eq!(choice.family_change, file.software_type != now.software_type);
                prop_assert!(!choice.family_change || family_change);
                prop_assert!(!choice.downgrade || downgrade);
                prop_assert!(again || choice.family_change || file.version != now.version);
                // Nothing newer of the same family was left lying.
                let key = |text: Option<&str>| text.and_then(crate::software::SoftwareVersion::parse);
                for other in files.iter().filter(|other| other.misfit.is_none()) {
                    prop_assert!(other.software_type != file.software_type || key(other.version) <= key(file.version));
                }
            }
        }

        #[test]
        fn the_order_of_the_files_does_not_matter(
            files in prop::collection::vec(firmware(), 1..6), own in version(),
        ) {
            let list = |files: &[(bool, bool, String)]| -> Option<Option<String>> {
                let files: Vec<Firmware<'_>> = files.iter().map(|(fits, sip, version)| Firmware {
                    misfit: (!fits).then_some("other-model"),
                    software_type: if *sip { SIP } else { HFA },
                    version: Some(version),
                }).collect();
                let permits = Permits { again: true, downgrade: true, family_change: true };
                choose(running(&own), &files, permits).ok().map(|choice| files[choice.place].version.map(str::to_owned))
            };
            let mut turned = files.clone();
            turned.reverse();
            prop_assert_eq!(list(&files), list(&turned));
        }
    }
}
