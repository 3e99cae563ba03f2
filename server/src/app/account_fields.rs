//! What the fields of an account take: name, language, mail address.

use api::{FieldError, field};
use domain::{Role, RoleSet};

use super::error::{AppError, AppResult};

/// Longest user name, in characters.
const LONGEST_NAME: usize = 64;
/// Longest mail address (RFC 5321 §4.5.3.1).
const LONGEST_EMAIL: usize = 254;
/// Languages that texts exist in.
const LANGUAGES: [&str; 2] = ["en", "de"];

/// The fault of a list of more roles than there are.
pub(super) fn too_many(roles: &[Role]) -> Option<FieldError> {
    let most = Role::ALL.len();
    let text = "names more roles than there are";
    (roles.len() > most).then(|| FieldError::new("/roles", field::TOO_LONG, text).arg("max", most))
}

/// What cannot be accepted of the fields of an account; all of it, not only the first.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<FieldError>);

impl Faults {
    pub(super) fn user_name(&mut self, text: &str) -> String {
        let text = text.trim();
        let length = text.chars().count();
        let good = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
        if length == 0 {
            self.0.push(FieldError::new("/user_name", field::MISSING, "must not be empty"));
        } else if length > LONGEST_NAME {
            let message = format!("has more than {LONGEST_NAME} characters");
            self.0.push(FieldError::new("/user_name", field::TOO_LONG, message).arg("max", LONGEST_NAME));
        } else if !text.chars().all(good) {
            let message = "consists of letters, digits and . _ - @ +";
            self.0.push(FieldError::new("/user_name", field::INVALID, message));
        }
        text.to_owned()
    }

    /// More roles than there are is one fault, and not one for each.
    pub(super) fn roles(&mut self, roles: &[Role]) -> RoleSet {
        self.0.extend(too_many(roles));
        RoleSet::new(roles.iter().copied().take(Role::ALL.len()))
    }

    pub(super) fn language(&mut self, text: &str) -> String {
        if !LANGUAGES.contains(&text) {
            let message = format!("must be one of: {}", LANGUAGES.join(", "));
            self.0.push(
                FieldError::new("/language", field::NOT_A_CHOICE, message).arg("choices", LANGUAGES.to_vec()),
            );
        }
        text.to_owned()
    }

    /// Looks only for what cannot be an address at all; whether it is one, only a mail can tell.
    pub(super) fn email(&mut self, text: Option<&str>) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        let parts = text.rsplit_once('@');
        let good = text.len() <= LONGEST_EMAIL
            && parts
                .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains(','))
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if !good {
            self.0.push(FieldError::new("/email", field::INVALID, "is not a mail address"));
        }
        Some(text.to_owned())
    }

    pub(super) fn refuse(self) -> AppResult<()> {
        if self.0.is_empty() { Ok(()) } else { Err(AppError::fields(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;

    fn faults(check: impl FnOnce(&mut Faults)) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults);
        faults.0.into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn user_names_are_words() {
        for good in ["anna", " Anna ", "müller", "a.b-c_d+e@example.org", "7"] {
            assert!(faults(|f| drop(f.user_name(good))).is_empty(), "{good}");
        }
        assert_eq!(faults(|f| drop(f.user_name("  "))), ["missing"]);
        assert_eq!(faults(|f| drop(f.user_name(&"x".repeat(65)))), ["too_long"]);
        for bad in ["a b", "a/b", "<b>", "a\u{202e}b", "a'b"] {
            assert_eq!(faults(|f| drop(f.user_name(bad))), ["invalid"], "{bad}");
        }
    }

    #[test]
    fn mail_addresses_and_languages_are_checked() {
        for bad in ["x", "@b", "a@", "a b@c", "a@b,c"] {
            assert_eq!(faults(|f| drop(f.email(Some(bad)))), ["invalid"], "{bad}");
        }
        assert!(faults(|f| assert_eq!(f.email(Some(" ")), None)).is_empty());
        assert!(faults(|f| drop(f.email(Some("a@b.example")))).is_empty());
        assert_eq!(faults(|f| drop(f.language("fr"))), ["not_a_choice"]);
    }
}
