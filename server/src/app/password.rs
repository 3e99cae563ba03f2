//! Hashing and checking passwords of accounts: Argon2id, off the asynchronous threads, at most as many at
//! once as there are cores.
//!
//! The stored text names its scheme and parameters (PHC string), so that a better one can replace it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use api::FieldError;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Secret;
use domain::password::{MAX_LENGTH, PasswordFault, PasswordPolicy, check};
use domain::setting::SettingKey;
use tokio::sync::Semaphore;

use super::error::{AppError, AppResult};
use crate::clock::Entropy;
use crate::settings::Settings;

/// 19 MiB, two passes, one lane: OWASP's recommendation, and some 30 sign-ins a second and core.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash no password fits, with the parameters in use: what an unknown name is checked against, so that it
/// takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWhhcy10aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Each hash fills a core and 19 MiB: more at once would only take longer.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get)))
});

/// Most that wait for a place: beyond it the memory of those who wait, and their time, is worth nothing to anybody.
const MOST_WAITING: usize = 64;

/// Those who wait, or have a place.
static WAITING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let places = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Arc::new(Semaphore::new(MOST_WAITING + places))
});

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None)?))
}

/// Hashes a password for storing it.
///
/// # Errors
/// When there is no randomness or no memory.
pub async fn hash(entropy: &Entropy, password: &Secret) -> AppResult<String> {
    let salt = entropy.bytes::<16>()?;
    let password = password.clone();
    run(move || {
        let argon2 = argon2().map_err(AppError::internal)?;
        let hash = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
        Ok(hash.map_err(AppError::internal)?.to_string())
    })
    .await
}

/// Hashes computed by this process: what somebody who measures the time of a sign-in would learn. For tests, which count
/// instead.
static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// Number of hashes this process has computed.
pub fn computed() -> u64 {
    COMPUTED.load(Ordering::SeqCst)
}

/// Whether a password is the one of a stored hash; without a hash it takes as long and is wrong.
///
/// # Errors
/// When a stored hash is not understood.
pub async fn is_right(stored: Option<&str>, password: &Secret) -> AppResult<bool> {
    let known = stored.is_some();
    let stored = stored.unwrap_or(NOBODY).to_owned();
    let password = password.clone();
    run(move || {
        // No password that long is ever stored, and a longer one costs more to hash.
        let (text, possible) = match password.expose() {
            text if text.chars().count() <= MAX_LENGTH => (text, known),
            _ => ("", false),
        };
        let hash = PasswordHash::new(&stored).map_err(AppError::internal)?;
        let argon2 = argon2().map_err(AppError::internal)?;
        match argon2.verify_password(text.as_bytes(), &hash) {
            Ok(()) => Ok(possible),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(AppError::internal(error)),
        }
    })
    .await
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> AppResult<T> + Send + 'static) -> AppResult<T> {
    run_within(&WAITING, work).await
}

/// Does the work when there is a place; refuses when too many wait for one.
async fn run_within<T: Send + 'static>(
    waiting: &Arc<Semaphore>,
    work: impl FnOnce() -> AppResult<T> + Send + 'static,
) -> AppResult<T> {
    let busy = |_| AppError::too_many_attempts(Duration::from_secs(1));
    let waits = Arc::clone(waiting).try_acquire_owned().map_err(busy)?;
    let place = Arc::clone(&PLACES).acquire_owned().await.map_err(AppError::internal)?;
    // The place goes along: a request that is given up stops waiting, but its work goes on to the end.
    let done = tokio::task::spawn_blocking(move || {
        COMPUTED.fetch_add(1, Ordering::SeqCst);
        let done = work();
        drop((place, waits));
        done
    });
    done.await.map_err(AppError::internal)?
}

/// The policy in force (D-31).
pub fn policy(settings: &Settings) -> PasswordPolicy {
    PasswordPolicy::parse(&settings.text(SettingKey::PasswordPolicy)).unwrap_or_default()
}

/// What the policy has against a password, as errors of a field.
pub fn faults(policy: PasswordPolicy, user_name: &str, password: &Secret, field: &str) -> Vec<FieldError> {
    let (shortest, longest) = policy.lengths();
    check(policy, user_name, password.expose())
        .into_iter()
        .map(|fault| {
            let error = FieldError::new(field, fault.code(), text(fault));
            match fault {
                PasswordFault::TooShort => error.arg("min", shortest),
                PasswordFault::TooLong => error.arg("max", longest),
                _ => error,
            }
        })
        .collect()
}

fn text(fault: PasswordFault) -> &'static str {
    match fault {
        PasswordFault::TooShort => "needs at least 14 characters",
        PasswordFault::TooLong => "has too many characters",
        PasswordFault::ContainsUserName => "must not contain the user name",
        PasswordFault::Common => "is one of the passwords everybody tries first",
        PasswordFault::Composition => {
            "needs an upper-case letter, a lower-case letter, a digit and a special character"
        }
        PasswordFault::Repetition => "has more than three identical characters in a row",
        PasswordFault::Sequence => "has more than three sequential characters in a row",
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, MEMORY_KIB, NOBODY, PASSES, faults, hash, is_right, run_within};
    use crate::clock::Entropy;
    use api::Code;
    use argon2::password_hash::phc::PasswordHash;
    use domain::Secret;
    use domain::password::PasswordPolicy;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let stored = hash(&Entropy::system(), &secret("blue kettle sings")).await.unwrap();
        assert!(
            stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")),
            "{stored}"
        );
        assert!(is_right(Some(&stored), &secret("blue kettle sings")).await.unwrap());
        assert!(!is_right(Some(&stored), &secret("blue kettle sing")).await.unwrap());
        assert!(!is_right(Some(&stored), &secret(&"x".repeat(200))).await.unwrap());
        assert!(is_right(Some("nonsense"), &secret("x")).await.is_err());
    }

    #[tokio::test]
    async fn nobody_has_a_password_but_costs_the_same() {
        assert!(!is_right(None, &secret("")).await.unwrap());
        let parsed = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(parsed.params.to_string(), format!("m={MEMORY_KIB},t={PASSES},p={LANES}"));
        assert_eq!(parsed.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused() {
        let waiting = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
        let first = std::sync::Arc::clone(&waiting).try_acquire_owned().unwrap();
        let refused = run_within(&waiting, || Ok(())).await.unwrap_err();
        assert_eq!(refused.code(), Code::TooManyAttempts);
        drop(first);
        run_within(&waiting, || Ok(())).await.unwrap();
        assert_eq!(waiting.available_permits(), 1);
    }

    #[test]
    fn faults_name_the_field_and_the_limits() {
        let found = faults(PasswordPolicy::Modern, "anna", &secret("short"), "/password");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].field.as_str(), found[0].code.as_str()), ("/password", "password_too_short"));
        assert_eq!(found[0].args["min"], 14);
        let found = faults(PasswordPolicy::Osem, "anna", &secret(&"aB3$xy".repeat(4)), "/password");
        assert_eq!(found[0].args["max"], 20);
    }
}
