//! What the welcome page counts of the fleet, and how each number is found again in a list.

use std::collections::BTreeMap;

use api::dashboard::{Attention, AttentionKind, Contacts, Count, DayResults, ListFilter, ListName};
use domain::client::{ClientState, Fault, FaultSet};
use domain::job::JobState;
use jiff::Timestamp;

use crate::App;
use crate::app::contact_counts::{self, HOUR_MS};
use crate::store::client_counts::{self, CountBy};
use crate::store::client_list::{self, ClientFilter};
use crate::store::{StoreResult, job_list};

/// Most groups shown of a count.
const MOST_GROUPS: u64 = 30;
/// Most different sets of faults; there are five faults.
const MOST_FAULT_SETS: u64 = 32;
const HOURS: i64 = 48;
const DAYS: i64 = 30;
const RESULT_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The figures that are the same for everybody.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) at: Timestamp,
    pub(super) clients: u64,
    pub(super) by_state: Vec<Count>,
    pub(super) by_model: Vec<Count>,
    pub(super) by_software: Vec<Count>,
    pub(super) by_last_contact_reason: Vec<Count>,
    pub(super) by_fault: Vec<Count>,
    pub(super) contacts_by_hour: Vec<Contacts>,
    pub(super) contacts_by_day: Vec<Contacts>,
    pub(super) jobs: BTreeMap<String, u64>,
    pub(super) job_results: Vec<DayResults>,
    pub(super) attention: Vec<Attention>,
}

/// Works them out.
pub(super) async fn read(app: &App, at: Timestamp) -> StoreResult<Figures> {
    let store = &app.store;
    let hours = spans(at, HOUR_MS, HOURS);
    let days = spans(at, DAY_MS, DAYS);
    let result_days = spans(at, DAY_MS, RESULT_DAYS);
    let first = |spans: &[(i64, i64)]| timestamp(spans.first().map_or(0, |(from, _)| *from));
    let not_seen = ClientFilter { not_seen: Some(true), ..ClientFilter::default() };
    let by = |by, most| client_counts::count_by(store, by, most);
    let (states, models, software, reasons, faults, contacts, jobs, results, not_seen, beside) = tokio::try_join!(
        by(CountBy::State, MOST_GROUPS),
        by(CountBy::Model, MOST_GROUPS),
        by(CountBy::Software, MOST_GROUPS),
        by(CountBy::LastContactReason, MOST_GROUPS),
        by(CountBy::Faults, MOST_FAULT_SETS),
        contact_counts::since(app, first(&days)),
        job_list::by_state(store),
        job_list::results_by_day(store, first(&result_days)),
        client_list::total(store, &not_seen, at),
        client_counts::withheld_and_drifted(store),
    )?;
    let job_results = day_results(&result_days, results);
    let count = |found: Vec<(String, u64)>, name: &str| {
        found
            .into_iter()
            .map(|(key, clients)| Count { filter: filter(&[(name, &key)]), key, clients })
            .collect()
    };
    let attention = Worries {
        quarantined: of(&states, ClientState::Quarantined.as_str()),
        faulty: faults.iter().map(|(_, clients)| clients).sum(),
        not_seen,
        withheld: beside.0,
        drifted: beside.1,
        jobs_since: first(&result_days),
    };
    Ok(Figures {
        at,
        clients: states.iter().map(|(_, clients)| clients).sum(),
        attention: attention.list(&job_results),
        by_state: count(states, "state"),
        by_model: count(models, "model"),
        by_software: software.into_iter().filter_map(by_software).collect(),
        by_last_contact_reason: count(reasons, "last_contact_reason"),
        by_fault: by_fault(faults),
        contacts_by_hour: by_span(&hours, &contacts),
        contacts_by_day: by_span(&days, &contacts),
        jobs: jobs.into_iter().collect(),
        job_results,
    })
}

fn filter(pairs: &[(&str, &str)]) -> ListFilter {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn of(groups: &[(String, u64)], key: &str) -> u64 {
    groups.iter().find(|(word, _)| word == key).map_or(0, |(_, number)| *number)
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// Beginnings and ends of the last spans of this length, oldest first; the last one is running.
fn spans(at: Timestamp, length: i64, number: i64) -> Vec<(i64, i64)> {
    let running = at.as_millisecond().div_euclid(length) * length;
    (0..number).rev().map(|back| running - back * length).map(|from| (from, from + length)).collect()
}

/// Every span has its figure, also the ones in which nobody called.
fn by_span(spans: &[(i64, i64)], hours: &BTreeMap<i64, u64>) -> Vec<Contacts> {
    let contacts = |(from, until): &(i64, i64)| Contacts {
        from: timestamp(*from),
        until: timestamp(*until),
        contacts: hours.range(from..until).map(|(_, contacts)| contacts).sum(),
    };
    spans.iter().map(contacts).collect()
}

/// From the text the list is sorted by: type, version as 16 digits, version.
fn by_software((sorted, clients): (String, u64)) -> Option<Count> {
    // Neither the type nor the digits have a space; the version may.
    let mut parts = sorted.splitn(3, ' ');
    let (software_type, _, version) = (parts.next()?, parts.next()?, parts.next()?);
    let mut filter = filter(&[("software_version", version)]);
    if !software_type.is_empty() {
        filter.insert("software_type".to_owned(), software_type.to_owned());
    }
    let key = format!("{software_type} {version}").trim().to_owned();
    Some(Count { key, clients, filter })
}

/// A client with two faults is counted with each.
fn by_fault(sets: Vec<(String, u64)>) -> Vec<Count> {
    let mut totals: BTreeMap<Fault, u64> = BTreeMap::new();
    for (words, clients) in sets {
        for fault in FaultSet::from_words(&words).as_slice() {
            *totals.entry(*fault).or_default() += clients;
        }
    }
    let count = |(fault, clients): (Fault, u64)| {
        let key = fault.as_str().to_owned();
        Count { filter: filter(&[("fault", &key)]), key, clients }
    };
    totals.into_iter().map(count).collect()
}

fn day_results(days: &[(i64, i64)], found: Vec<(i64, String, u64)>) -> Vec<DayResults> {
    let mut results: Vec<DayResults> = days
        .iter()
        .map(|(from, until)| DayResults {
            from: timestamp(*from),
            until: timestamp(*until),
            jobs: BTreeMap::new(),
        })
        .collect();
    for (day, state, number) in found {
        let from = timestamp(day.saturating_mul(DAY_MS));
        if let Some(result) = results.iter_mut().find(|result| result.from == from) {
            result.jobs.insert(state, number);
        }
    }
    results
}

/// How much of each there is.
struct Worries {
    quarantined: u64,
    faulty: u64,
    not_seen: u64,
    withheld: u64,
    drifted: u64,
    jobs_since: Timestamp,
}

impl Worries {
    fn list(&self, results: &[DayResults]) -> Vec<Attention> {
        let jobs =
            |state: JobState| -> u64 { results.iter().filter_map(|day| day.jobs.get(state.as_str())).sum() };
        let attention = |kind: AttentionKind| {
            let since = self.jobs_since.to_string();
            let (count, list, filter) = match kind {
                AttentionKind::Quarantined => {
                    let state = ClientState::Quarantined.as_str();
                    (self.quarantined, ListName::Clients, filter(&[("state", state)]))
                }
                AttentionKind::Fault => (self.faulty, ListName::Clients, filter(&[("fault", "any")])),
                AttentionKind::SecretsWithheld => {
                    (self.withheld, ListName::Clients, filter(&[("secrets_withheld", "true")]))
                }
                AttentionKind::NotSeen => (self.not_seen, ListName::Clients, filter(&[("not_seen", "true")])),
                AttentionKind::Drift => (self.drifted, ListName::Clients, filter(&[("drift", "true")])),
                AttentionKind::JobsFailed | AttentionKind::JobsTimedOut | AttentionKind::JobsPartial => {
                    let state = match kind {
                        AttentionKind::JobsFailed => JobState::Failed,
                        AttentionKind::JobsTimedOut => JobState::Timeout,
                        _ => JobState::PartialSuccessful,
                    };
                    let filter = filter(&[("state", state.as_str()), ("finished_from", &since)]);
                    (jobs(state), ListName::Jobs, filter)
                }
            };
            Attention { kind, count, list, filter }
        };
        AttentionKind::ALL.into_iter().map(attention).filter(|attention| attention.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, HOUR_MS, Worries, by_fault, by_software, by_span, day_results, spans};
    use api::dashboard::AttentionKind;
    use jiff::Timestamp;
    use std::collections::BTreeMap;

    #[test]
    fn spans_have_their_figure_with_and_without_contacts() {
        let now: Timestamp = "2026-03-01T08:40:00Z".parse().unwrap();
        let (hours, days) = (spans(now, HOUR_MS, 48), spans(now, DAY_MS, 30));
        assert_eq!((hours.len(), days.len()), (48, 30));
        let running = hours[47].0;
        let counted = BTreeMap::from([(running, 7), (running - HOUR_MS, 2), (running - 9 * HOUR_MS, 5)]);
        let by_hour = by_span(&hours, &counted);
        assert_eq!((by_hour[47].contacts, by_hour[46].contacts, by_hour[45].contacts), (7, 2, 0));
        assert_eq!(by_hour[47].from.to_string(), "2026-03-01T08:00:00Z");
        assert_eq!(by_hour[47].until.to_string(), "2026-03-01T09:00:00Z");
        let by_day = by_span(&days, &counted);
        assert_eq!((by_day[29].contacts, by_day[28].contacts), (9, 5), "yesterday at eleven in the evening");
    }

    #[test]
    fn software_is_told_apart_by_type_and_version() {
        let count = by_software(("SIP 0003000005100000 V3 R5.16.0".to_owned(), 3)).unwrap();
        assert_eq!((count.key.as_str(), count.clients), ("SIP V3 R5.16.0", 3));
        assert_eq!(count.filter["software_type"], "SIP");
        assert_eq!(count.filter["software_version"], "V3 R5.16.0");
        let untyped = by_software((" 0000000000000000 odd".to_owned(), 1)).unwrap();
        assert_eq!((untyped.key.as_str(), untyped.filter.len()), ("odd", 1));
        assert!(by_software(("odd".to_owned(), 1)).is_none());
    }

    #[test]
    fn a_client_with_two_faults_counts_for_each() {
        let sets = vec![("admin-password,user-password".to_owned(), 2), ("user-password".to_owned(), 1)];
        let counts = by_fault(sets);
        let of = |key: &str| counts.iter().find(|count| count.key == key).map(|count| count.clients);
        assert_eq!((of("admin-password"), of("user-password")), (Some(2), Some(3)));
    }

    #[test]
    fn what_needs_attention_is_listed_worst_first_and_nothing_else() {
        let now: Timestamp = "2026-03-08T08:40:00Z".parse().unwrap();
        let days = spans(now, DAY_MS, 7);
        let today = days[6].0 / DAY_MS;
        let results = day_results(
            &days,
            vec![
                (today, "failed".to_owned(), 2),
                (today - 6, "failed".to_owned(), 3),
                (today - 7, "failed".to_owned(), 50),
                (today, "success".to_owned(), 9),
            ],
        );
        let jobs_since = Timestamp::from_millisecond(days[0].0).unwrap();
        let worries = Worries { quarantined: 1, faulty: 0, not_seen: 4, withheld: 0, drifted: 0, jobs_since };
        let list = worries.list(&results);
        let seen: Vec<_> = list.iter().map(|attention| (attention.kind, attention.count)).collect();
        let wanted =
            [(AttentionKind::Quarantined, 1), (AttentionKind::JobsFailed, 5), (AttentionKind::NotSeen, 4)];
        assert_eq!(seen, wanted);
        assert_eq!(list[1].filter["finished_from"], "2026-03-02T00:00:00Z");
    }
}
