//! The figures of the welcome page (OSEM §2.1).

use std::collections::BTreeMap;

use api::dashboard::{Count, Dashboard, HourCount, PhoneFigures};
use domain::Permission;
use domain::client::{Fault, FaultSet};
use jiff::{SignedDuration, Timestamp};

use super::caller::Caller;
use super::error::AppResult;
use crate::App;
use crate::store::client_list::{self, ClientFilter, CountBy};
use crate::store::{accounts, job_list, notifications, sessions};

/// Most groups shown of a count.
const MOST_GROUPS: u64 = 30;
/// Hours shown of contacts.
const HOURS: i64 = 24;
const HOUR_MS: i64 = 3_600_000;

/// All figures. Those of accounts only for callers who may read accounts.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(app: &App, caller: &Caller) -> AppResult<Dashboard> {
    let (store, now) = (&app.store, app.clock.now());
    let hours = hours(now);
    let first_hour = hours.first().copied().unwrap_or(now);
    let everything = ClientFilter::default();
    let (clients, by_state, by_model, by_software, by_reason, faults, contacts, jobs, notifications) = tokio::try_join!(
        client_list::total(store, &everything, now),
        client_list::count_by(store, CountBy::State, MOST_GROUPS),
        client_list::count_by(store, CountBy::Model, MOST_GROUPS),
        client_list::count_by(store, CountBy::Software, MOST_GROUPS),
        client_list::count_by(store, CountBy::LastContactReason, MOST_GROUPS),
        client_list::count_faults(store),
        client_list::contacts_by_hour(store, first_hour),
        job_list::by_state(store),
        notifications::count(store),
    )?;
    let (accounts, sessions) = figures_of_accounts(app, caller, now).await?;
    Ok(Dashboard {
        clients,
        by_state: counts(by_state),
        by_model: counts(by_model),
        by_software: counts(by_software),
        by_last_contact_reason: counts(by_reason),
        by_fault: by_fault(faults),
        contacts: by_hour(&hours, &contacts),
        jobs: jobs.into_iter().collect(),
        notifications,
        phones: phones(app),
        accounts,
        sessions,
    })
}

async fn figures_of_accounts(
    app: &App,
    caller: &Caller,
    now: Timestamp,
) -> AppResult<(Option<u64>, Option<u64>)> {
    if !caller.roles.may(Permission::ReadAccounts) {
        return Ok((None, None));
    }
    let filter = accounts::Filter::default();
    let idle_before = super::sessions::idle_before(app, now);
    let (accounts, sessions) = tokio::try_join!(
        accounts::count(&app.store, &filter),
        sessions::count_open(&app.store, now, idle_before),
    )?;
    Ok((Some(accounts), Some(sessions)))
}

fn phones(app: &App) -> PhoneFigures {
    PhoneFigures {
        open_sessions: app.phones.open_sessions() as u64,
        finished_sessions: app.phones.finished_sessions(),
        overloaded: app.phones.overloaded(),
        refused: app.phones.refused().into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
        handshake_failures: app.handshake_failures.snapshot().len() as u64,
    }
}

fn counts(groups: Vec<(String, u64)>) -> Vec<Count> {
    groups.into_iter().map(|(key, clients)| Count { key: key.trim().to_owned(), clients }).collect()
}

/// A client with two faults is counted with each.
fn by_fault(sets: Vec<(String, u64)>) -> Vec<Count> {
    let mut totals: BTreeMap<Fault, u64> = BTreeMap::new();
    for (words, clients) in sets {
        for fault in FaultSet::from_words(&words).as_slice() {
            *totals.entry(*fault).or_default() += clients;
        }
    }
    totals.into_iter().map(|(fault, clients)| Count { key: fault.as_str().to_owned(), clients }).collect()
}

/// Beginnings of the last hours, oldest first; the last one is the running hour.
fn hours(now: Timestamp) -> Vec<Timestamp> {
    let running =
        Timestamp::from_millisecond(now.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS).unwrap_or(now);
    (0..HOURS).rev().filter_map(|back| running.checked_sub(SignedDuration::from_hours(back)).ok()).collect()
}

/// Every hour has its figure, also the ones in which nobody called.
fn by_hour(hours: &[Timestamp], found: &[(String, u64)]) -> Vec<HourCount> {
    let found: BTreeMap<i64, u64> =
        found.iter().filter_map(|(word, clients)| Some((word.parse().ok()?, *clients))).collect();
    let clients = |hour: &Timestamp| found.get(&hour.as_millisecond()).copied().unwrap_or(0);
    hours.iter().map(|hour| HourCount { hour_at: *hour, clients: clients(hour) }).collect()
}

#[cfg(test)]
mod tests {
    use super::{by_fault, by_hour, hours};
    use jiff::Timestamp;

    #[test]
    fn there_are_24_hours_with_and_without_contacts() {
        let now: Timestamp = "2026-03-01T08:40:00Z".parse().unwrap();
        let hours = hours(now);
        assert_eq!(hours.len(), 24);
        assert_eq!(hours[23].to_string(), "2026-03-01T08:00:00Z");
        let running = hours[23].as_millisecond().to_string();
        let counts = by_hour(&hours, &[(running, 7), ("nonsense".to_owned(), 1)]);
        assert_eq!(counts[23].clients, 7);
        assert!(counts[..23].iter().all(|count| count.clients == 0));
    }

    #[test]
    fn a_client_with_two_faults_counts_for_each() {
        let sets = vec![("admin-password,user-password".to_owned(), 2), ("user-password".to_owned(), 1)];
        let counts = by_fault(sets);
        let of = |key: &str| counts.iter().find(|count| count.key == key).map(|count| count.clients);
        assert_eq!((of("admin-password"), of("user-password")), (Some(2), Some(3)));
    }
}
