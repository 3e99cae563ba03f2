//! Random texts that prove who somebody is: session tokens, CSRF tokens, API tokens, one-time passwords.
//! Only their SHA-256 is stored; 256 bits of chance need no slow hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Secret;
use domain::second_factor::RECOVERY_LENGTH;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::{Entropy, EntropyError};

/// Begins every API token, so that one that leaked is recognised.
const TOKEN_PREFIX: &str = "wp_";

/// 256 random bits in 43 characters fit for a URL.
pub(super) fn random(entropy: &Entropy) -> Result<Secret, EntropyError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?)))
}

/// A new session cookie, or refresh token: a part that stays as long as the session, and one that changes with its
/// rights, or at each use.
pub(super) fn session_cookie(entropy: &Entropy) -> Result<Secret, EntropyError> {
    Ok(Secret::new(format!("{}.{}", random(entropy)?.expose(), random(entropy)?.expose())))
}

/// Another cookie, or refresh token, for the same session.
pub(super) fn renewed_cookie(entropy: &Entropy, cookie: &str) -> Result<Secret, EntropyError> {
    Ok(Secret::new(format!("{}.{}", lasting_part(cookie), random(entropy)?.expose())))
}

fn lasting_part(cookie: &str) -> &str {
    cookie.split_once('.').map_or(cookie, |(lasting, _)| lasting)
}

/// What is stored of the part of a refresh token that stays: by it a token is known that was used long ago.
pub(super) fn lasting_hash(token: &str) -> Vec<u8> {
    hash(lasting_part(token))
}

/// A recovery code: 80 bits, in groups of four letters and digits that are not mistaken for each other.
pub(super) fn recovery_code(entropy: &Entropy) -> Result<Secret, EntropyError> {
    Ok(grouped(&entropy.bytes::<RECOVERY_LENGTH>()?, 4))
}

/// A new API token.
pub(super) fn api_token(entropy: &Entropy) -> Result<Secret, EntropyError> {
    Ok(Secret::new(format!("{TOKEN_PREFIX}{}", random(entropy)?.expose())))
}

/// A one-time password: 20 letters and digits (about 100 bits) in groups of five.
pub(super) fn one_time_password(entropy: &Entropy) -> Result<Secret, EntropyError> {
    Ok(grouped(&entropy.bytes::<20>()?, 5))
}

/// Letters and digits that are not mistaken for each other when read aloud or typed.
fn grouped(bytes: &[u8], group: usize) -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut text = String::new();
    for (position, byte) in bytes.iter().enumerate() {
        if position > 0 && position % group == 0 {
            text.push('-');
        }
        // 256 is a multiple of 32, so every letter is as likely.
        text.push(char::from(LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().unwrap_or(b'x')));
    }
    Secret::new(text)
}

/// What is stored of a random text.
pub(super) fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// The CSRF token of a session, made from the part of its cookie that stays: it can be told again, nobody who lacks
/// the cookie can make it, and other windows of the browser need not learn another one when the cookie changes.
pub(super) fn csrf_of(cookie: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"workpoint csrf token\0");
    hasher.update(lasting_part(cookie).as_bytes());
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

/// Compares without telling by the time it takes how much was right.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::{
        api_token, csrf_of, equal, hash, one_time_password, random, recovery_code, renewed_cookie,
        session_cookie,
    };
    use crate::clock::Entropy;

    #[test]
    fn tokens_have_the_documented_form() {
        let token = api_token(&Entropy::system()).unwrap();
        assert_eq!(token.expose().len(), 46);
        assert!(token.expose().starts_with("wp_"));
        assert!(token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(random(&Entropy::system()).unwrap().expose().len(), 43);
    }

    #[test]
    fn a_one_time_password_can_be_typed() {
        let password = one_time_password(&Entropy::system()).unwrap();
        assert_eq!(password.expose().len(), 23);
        assert!(!password.expose().contains(['0', 'O', '1', 'l', 'o']));
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session_and_does_not_show_it() {
        assert_ne!(csrf_of("a"), csrf_of("b"));
        assert_ne!(csrf_of("a").as_bytes(), hash("a"));
        assert!(equal(&hash("x"), &hash("x")) && !equal(&hash("x"), &hash("y")));
        assert!(!equal(b"", b"x"));
    }

    #[test]
    fn a_renewed_cookie_keeps_its_csrf_token_and_nothing_else() {
        let entropy = Entropy::system();
        let cookie = session_cookie(&entropy).unwrap();
        let renewed = renewed_cookie(&entropy, cookie.expose()).unwrap();
        assert_eq!((cookie.expose().len(), renewed.expose().len()), (87, 87));
        assert_ne!(cookie, renewed);
        assert_eq!(csrf_of(cookie.expose()), csrf_of(renewed.expose()));
        assert_ne!(csrf_of(cookie.expose()), csrf_of(session_cookie(&entropy).unwrap().expose()));
    }

    #[test]
    fn a_recovery_code_is_read_as_it_is_shown() {
        let code = recovery_code(&Entropy::system()).unwrap();
        let read = domain::second_factor::read_recovery_code(code.expose()).unwrap();
        assert_eq!((code.expose().len(), code.expose().replace('-', "")), (19, read));
    }
}
