//! The one session cookie of phones, written for the smallest of them and read leniently (D-8, `wpi.md` §2.3).

/// Name of the cookie.
const NAME: &str = "JSESSIONID";

/// Longest value that is looked at; ours have 32 characters.
const MAX_LENGTH: usize = 64;

/// The session named in a `Cookie` header: the value up to `;`, whatever stands around it. Phones send the
/// attributes of `Set-Cookie` back, other cookies first, or an empty header.
pub(super) fn session(header: &str) -> Option<&str> {
    header
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(NAME))
        .map(|(_, value)| value.trim().trim_matches('"'))
        .filter(|value| !value.is_empty() && value.len() <= MAX_LENGTH)
}

/// The `Set-Cookie` header of a new session. `Path` covers the path the phone called.
pub(super) fn set(session: &str, request_path: &str) -> String {
    let prefix = "/DeploymentService";
    let inside = request_path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let path = if inside { prefix } else { "/" };
    format!("{NAME}={session}; Path={path}; Secure")
}

#[cfg(test)]
mod tests {
    use super::{session, set};

    #[test]
    fn a_cookie_is_found_in_whatever_phones_send() {
        for header in [
            "JSESSIONID=0F1A",
            "JSESSIONID=0F1A; path=/",
            "JSESSIONID=0F1A; Path=/DeploymentService; Secure",
            "other=1; jsessionid=\"0F1A\"",
            " JSESSIONID = 0F1A ;",
        ] {
            assert_eq!(session(header), Some("0F1A"), "{header}");
        }
        for header in ["", ";", "JSESSIONID", "JSESSIONID=", "XSESSIONID=0F1A"] {
            assert_eq!(session(header), None, "{header}");
        }
        assert_eq!(session(&format!("JSESSIONID={}", "A".repeat(65))), None);
    }

    #[test]
    fn the_path_covers_the_request() {
        assert_eq!(
            set("0F", "/DeploymentService/LoginService"),
            "JSESSIONID=0F; Path=/DeploymentService; Secure"
        );
        assert_eq!(set("0F", "/deploymentservice/x"), "JSESSIONID=0F; Path=/DeploymentService; Secure");
        assert_eq!(set("0F", "/provisioningService"), "JSESSIONID=0F; Path=/; Secure");
    }
}
