//! What a node looks after by itself for its administrators: contacts are written down, failed handshakes and
//! expiring certificates are told (OSEM §2.7), and notifications stay bounded in number.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::notification::NotificationCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::contact_counts;
use crate::App;
use crate::events::{Change, Resource};
use crate::net::HandshakeFailure;
use crate::status::causes;
use crate::store::notifications::Raise;
use crate::store::{StoreResult, notifications};

/// Time between two looks.
const BEAT: Duration = Duration::from_secs(10);

/// The same is told once a day, as long as it lasts. An hour less than one: a daily task would else be silent by chance,
/// because it ran some milliseconds earlier in its day than the day before.
const DAILY: SignedDuration = SignedDuration::from_hours(23);

/// A certificate is told of this long before it expires.
const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A certificate in use and its last second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// `authority`, `phones` or `console`.
    pub certificate: &'static str,
    /// Valid until.
    pub not_after: Timestamp,
}

/// Runs until the node stops.
pub async fn run(app: App) {
    while !app.stop.is_cancelled() {
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(BEAT) => beat(&app).await,
        }
    }
}

/// One look. What fails is tried again at the next one.
pub async fn beat(app: &App) {
    for (what, done) in [
        ("contacts were not written down", contact_counts::flush(app).await),
        ("failed handshakes were not told", tell_handshakes(app).await),
        ("old notifications were not removed", trim(app).await),
    ] {
        if let Err(error) = done {
            tracing::warn!(error = causes(&error), "{what}");
        }
    }
}

async fn trim(app: &App) -> StoreResult<()> {
    for code in notifications::too_many(&app.store).await? {
        loop {
            let tx = app.store.begin().await?;
            let removed = notifications::trim(&tx, &code).await?;
            tx.commit().await?;
            if removed == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Raises notifications, and says so when one is new.
async fn tell(app: &App, code: NotificationCode, all: &[(String, Json)]) -> StoreResult<u64> {
    if all.is_empty() {
        return Ok(0);
    }
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let mut new = 0;
    for (subject, args) in all {
        let raise = Raise { at, code: code.as_str(), args, client: None, subject, quiet: DAILY };
        new += u64::from(notifications::raise(&tx, &raise).await?.is_some());
    }
    tx.commit().await?;
    if new > 0 {
        app.events.publish(Resource::Notifications, Change::Created, "");
    }
    Ok(new)
}

/// Phones that fail to connect, by what is wrong with them: one notification a day for each, however many there
/// are.
async fn tell_handshakes(app: &App) -> StoreResult<()> {
    let since = app.clock.now().saturating_sub(DAILY).unwrap_or(Timestamp::MIN);
    let failures = app.handshake_failures.snapshot();
    let mut due = Vec::new();
    for (verdict, (number, last)) in by_verdict(&failures, since) {
        // Mostly it was told already; that is found out without a transaction.
        if !notifications::was_raised(&app.store, NotificationCode::HandshakeFailures, verdict, since).await?
        {
            let args = json!({
                "verdict": verdict, "addresses": number, "address": last.address.to_canonical(),
                "listener": last.listener,
            });
            due.push((verdict.to_owned(), args));
        }
    }
    tell(app, NotificationCode::HandshakeFailures, &due).await.map(|_| ())
}

/// Addresses of phones whose handshakes failed since a time, by the verdict on the last one; with it the address
/// seen last. Browsers are not phones.
fn by_verdict(
    failures: &[HandshakeFailure],
    since: Timestamp,
) -> BTreeMap<&'static str, (u64, &HandshakeFailure)> {
    let mut found: BTreeMap<&'static str, (u64, &HandshakeFailure)> = BTreeMap::new();
    let of_phones = |failure: &&HandshakeFailure| {
        failure.listener.starts_with("phones")
            && failure.last_seen >= since
            && failure.last.verdict.is_notable()
    };
    // The one seen last comes first.
    for failure in failures.iter().filter(of_phones) {
        found.entry(failure.last.verdict.code()).or_insert((0, failure)).0 += 1;
    }
    found
}

/// Tells of certificates of this server that are about to expire, or have; a daily task. Gives how many are new.
///
/// # Errors
/// When the database refuses.
pub async fn tell_certificates(app: &App) -> StoreResult<u64> {
    let now = app.clock.now();
    let expiries = app.certificates.get().map(expiries).unwrap_or_default();
    let due: Vec<(String, Json)> = expiring(&expiries, now)
        .map(|(expiry, days)| {
            let args = json!({
                "certificate": expiry.certificate, "not_after": expiry.not_after, "days": days,
            });
            (expiry.certificate.to_owned(), args)
        })
        .collect();
    tell(app, NotificationCode::CertificateExpiring, &due).await
}

fn expiries(certificates: &crate::certificates::Certificates) -> Vec<Expiry> {
    vec![
        Expiry { certificate: "authority", not_after: certificates.authority.info().not_after },
        Expiry { certificate: "phones", not_after: certificates.phones.info().not_after },
        Expiry { certificate: "console", not_after: certificates.console.info().not_after },
    ]
}

/// Those that expire soon, with the whole days left; 0 when they have expired.
fn expiring(expiries: &[Expiry], now: Timestamp) -> impl Iterator<Item = (&Expiry, i64)> {
    expiries.iter().filter_map(move |expiry| {
        let left = expiry.not_after.duration_since(now);
        (left <= BEFORE_EXPIRY).then(|| (expiry, left.as_hours().div_euclid(24).max(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::{BEFORE_EXPIRY, Expiry, expiring};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn certificates_are_told_of_in_their_last_month_and_after() {
        let now: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let expiry = |left| Expiry { certificate: "phones", not_after: now + left };
        let hour = SignedDuration::from_hours(1);
        let days = |left| expiring(&[expiry(left)], now).map(|(_, days)| days).next();
        assert_eq!(days(BEFORE_EXPIRY + hour), None);
        assert_eq!(days(BEFORE_EXPIRY), Some(30));
        assert_eq!(days(BEFORE_EXPIRY - hour), Some(29));
        assert_eq!(days(hour), Some(0));
        assert_eq!(days(-hour * 100), Some(0));
    }
}
