//! What a client is: the states and words around a phone's row in the inventory (OSEM §4, D-1 … D-6).

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Most digits of an E.164 number (D-3, OSEM §4).
pub const E164_MAX_DIGITS: usize = 15;

/// Whether a text is an E.164 number: one to fifteen digits.
pub fn is_e164(text: &str) -> bool {
    (1..=E164_MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

words! {
    /// Where a client is in its life.
    ClientState {
        /// Entered by an administrator; no phone has matched it yet (OSEM §4.1).
        Prepared = "prepared",
        /// A phone has matched it.
        Active = "active",
        /// Read but not written until an administrator releases it (D-4).
        Quarantined = "quarantined",
        /// Another phone has taken its place (D-29). It is kept for its history.
        Retired = "retired",
    }
}

words! {
    /// Why a known device id is in quarantine (D-4).
    QuarantineReason {
        /// It came from another /24 or /64 than it is bound to.
        OtherNetwork = "other-network",
        /// It reports another part number than before.
        OtherPartNumber = "other-part-number",
        /// It reports another model than before.
        OtherModel = "other-model",
        /// Several prepared clients could be it (D-1).
        SeveralMatches = "several-matches",
        /// Another phone has taken its place, and it came back (D-29).
        Replaced = "replaced",
    }
}

words! {
    /// Secure mode of a client (`wpi.md` §5.5). The way into it comes with secure mode itself.
    SecureMode {
        /// Default mode: neither side is authenticated.
        Default = "default",
        /// Mutual TLS on the secure port.
        Secure = "secure",
    }
}

words! {
    /// How the server reaches the phone (OSEM §4, "Access of the device").
    Access {
        /// By contact-me to its address.
        Direct = "direct",
        /// The phone polls (DCMP).
        Dcmp = "dcmp",
    }
}

words! {
    /// Mobility of a client (OSEM §4; `wpi.md` §4.7).
    Mobility {
        /// The phone does not offer mobility, or has not said so.
        Disabled = "disabled",
        /// Mobile users may log on; none is.
        Enabled = "enabled",
        /// A mobile user is logged on.
        LoggedOn = "logged-on",
        /// Between logon and the end of the profile download.
        Interim = "interim",
    }
}

words! {
    /// Reason of a contact, as shown with "last contact".
    ContactReason {
        /// The phone (re)started.
        StartUp = "start-up",
        /// After contact-me, `send-solicited` or a poll.
        Solicited = "solicited",
        /// Settings were changed at the phone.
        LocalChanges = "local-changes",
        /// Key modules or mobility.
        InventoryChanges = "inventory-changes",
        /// A deployment has ended.
        Status = "status",
    }
}

words! {
    /// How phones stand to the software that is here, as lists of clients ask for it.
    FirmwareState {
        /// Phones that are there, however they stand: neither prepared nor retired ones.
        Phones = "phones",
        /// Active ones that run something older than the newest software for them.
        Outdated = "outdated",
        /// Active ones that the rule of their templates would update.
        Due = "due",
        /// Phones whose software is being updated right now.
        Updating = "updating",
    }
}

words! {
    /// Faults a phone reports in its basic items (`wpi.md` §7.1, D-6).
    Fault {
        /// `slog-archive-me`: the security log wants to be fetched.
        SecurityLogArchive = "security-log-archive",
        /// `fault-report-slog-entry`: entries of the security log may be lost.
        SecurityLogEntry = "security-log-entry",
        /// `fault-report-ocsr-connect`: the OCSP responder cannot be reached.
        OcspConnect = "ocsp-connect",
        /// `fault-report-admin-pwd`: wrong administrator passwords were typed.
        AdminPassword = "admin-password",
        /// `fault-report-user-pwd`: wrong user passwords were typed.
        UserPassword = "user-password",
    }
}

impl Fault {
    /// The basic item that carries the flag.
    pub fn item(self) -> &'static str {
        match self {
            Self::SecurityLogArchive => "slog-archive-me",
            Self::SecurityLogEntry => "fault-report-slog-entry",
            Self::OcspConnect => "fault-report-ocsr-connect",
            Self::AdminPassword => "fault-report-admin-pwd",
            Self::UserPassword => "fault-report-user-pwd",
        }
    }
}

/// A set of faults; stored as words separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultSet(Vec<Fault>);

impl FaultSet {
    /// A set from any list; sorted, each fault once.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut faults: Vec<Fault> = faults.into_iter().collect();
        faults.sort_unstable();
        faults.dedup();
        Self(faults)
    }

    /// The faults, sorted.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }

    /// Faults of this set that the other does not have.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Fault> + 'a {
        self.0.iter().copied().filter(|fault| !other.0.contains(fault))
    }

    /// The stored form.
    pub fn to_words(&self) -> String {
        self.0.iter().map(|fault| fault.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Reads the stored form; unknown words are left out.
    pub fn from_words(words: &str) -> Self {
        Self::new(words.split(',').filter_map(Fault::parse))
    }
}

/// Kind of display backlight (OSEM §4 "Information": None, CCFL, LED), from the number a phone reports.
///
/// The numbers are not documented; the order of OSEM's list is shown only where it is certain, else the
/// number itself is given (D-6).
pub fn backlight_text(reported: &str) -> String {
    match reported.trim() {
        "" => String::new(),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("unknown ({text})"),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ContactReason, Fault, FaultSet, backlight_text, is_e164};

    #[test]
    fn numbers_have_one_to_fifteen_digits() {
        assert!(is_e164("4989700732406"));
        assert!(is_e164("123456789012345"));
        assert!(!is_e164("1234567890123456"));
        assert!(!is_e164("") && !is_e164("+49") && !is_e164("12 3"));
    }

    #[test]
    fn words_are_read_back() {
        assert_eq!(
            ContactReason::parse(ContactReason::LocalChanges.as_str()),
            Some(ContactReason::LocalChanges)
        );
        assert_eq!(ContactReason::parse("7"), None);
    }

    #[test]
    fn new_faults_are_those_not_there_before() {
        let before = FaultSet::new([Fault::OcspConnect]);
        let now = FaultSet::from_words("user-password,ocsp-connect,nonsense");
        assert_eq!(now.without(&before).collect::<Vec<_>>(), [Fault::UserPassword]);
        assert_eq!(now.to_words(), "ocsp-connect,user-password");
    }

    #[test]
    fn a_backlight_number_is_not_guessed() {
        assert_eq!(backlight_text("1"), "unknown (1)");
        assert_eq!(backlight_text("LED"), "LED");
    }
}
