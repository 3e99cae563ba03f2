//! What must be true when everything has come to rest, checked on evidence alone: it knows neither server nor
//! phones, and how the evidence was gathered is not its business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Name and index of an item.
pub(crate) type Key = (String, Option<u16>);

/// What was seen of one client, on the phone and by its user.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientEvidence {
    /// Its id.
    pub(crate) id: i64,
    /// What was desired last, by item. More than one value where an order went unanswered: either may be so.
    pub(crate) wished: BTreeMap<Key, BTreeSet<String>>,
    /// What the phone holds.
    pub(crate) holds: BTreeMap<Key, String>,
    /// Items that reached the phone in a write.
    pub(crate) received: BTreeSet<Key>,
    /// Restarts the phone did; one that it was too busy for may come again.
    pub(crate) restarts: u32,
    /// Factory resets the phone did.
    pub(crate) resets: u32,
    /// The calls the phone acknowledged, as they came.
    pub(crate) calls: Vec<Call>,
}

/// When a call left the server, in milliseconds: between these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

/// What was seen of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobEvidence {
    /// Its id.
    pub(crate) id: i64,
    /// What it does, in the word of the API.
    pub(crate) kind: String,
    /// Its state, in the word of the API.
    pub(crate) state: String,
    /// Number of targets it was made with, where that was answered.
    pub(crate) made_with: Option<u64>,
    /// Number of targets in each state, as the job says.
    pub(crate) counts: BTreeMap<String, u64>,
    /// How often somebody asked for it to be tried again.
    pub(crate) retries: u32,
    /// Its targets.
    pub(crate) targets: Vec<TargetEvidence>,
}

/// What was seen of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetEvidence {
    /// Its id; later ones are larger.
    pub(crate) id: i64,
    /// Its client.
    pub(crate) client: i64,
    /// Its state.
    pub(crate) state: String,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Items it writes.
    pub(crate) rows: BTreeSet<Key>,
    /// What became of items, by code.
    pub(crate) results: Vec<(Key, String)>,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The clients.
    pub(crate) clients: Vec<ClientEvidence>,
    /// All jobs there were.
    pub(crate) jobs: Vec<JobEvidence>,
    /// Contact gap in milliseconds.
    pub(crate) gap: i64,
    /// Requests whose answer held a secret.
    pub(crate) secrets_in: Vec<String>,
}

/// A guarantee that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A desired value is not on the phone, and no target says why.
    Unexplained { client: i64, item: Key, wished: BTreeSet<String>, holds: Option<String> },
    /// A target has not come to its end.
    Open { job: i64, target: i64, state: String },
    /// A job has not come to its end although its targets have.
    Unfinished { job: i64, state: String },
    /// A job does not have as many targets as it was made with, or its counts are not those of its targets.
    Miscounted { job: i64, made_with: Option<u64>, counted: u64, listed: u64 },
    /// A phone did a restart or reset more often than somebody wanted it.
    Repeated { client: i64, what: &'static str, done: u32, wanted: u32 },
    /// A phone was called inside its gap.
    TooSoon { client: i64, after: i64 },
    /// A phone was written what no target shows.
    Unasked { client: i64, item: Key },
    /// The API showed a secret.
    Secret { request: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// States nothing follows on (D-26).
const ENDS: [&str; 6] = ["success", "partial", "failed", "timeout", "cancelled", "skipped"];

/// All guarantees that the evidence shows broken.
pub(crate) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut broken = Vec::new();
    for client in &evidence.clients {
        broken.extend(unexplained(client, &evidence.jobs));
        broken.extend(repeated(client, &evidence.jobs));
        broken.extend(too_soon(client, evidence.gap));
        broken.extend(unasked(client, &evidence.jobs));
    }
    for job in &evidence.jobs {
        broken.extend(open(job));
        broken.extend(unfinished(job));
        broken.extend(miscounted(job));
    }
    broken.extend(evidence.secrets_in.iter().map(|request| Violation::Secret { request: request.clone() }));
    broken
}

fn targets_of(client: i64, jobs: &[JobEvidence]) -> impl Iterator<Item = &TargetEvidence> {
    jobs.iter().flat_map(|job| &job.targets).filter(move |target| target.client == client)
}

fn unexplained(client: &ClientEvidence, jobs: &[JobEvidence]) -> Vec<Violation> {
    let missing = client.wished.iter().filter(|(item, wished)| {
        let holds = client.holds.get(*item);
        !holds.is_some_and(|holds| wished.contains(holds)) && !is_explained(client.id, item, jobs)
    });
    let violation = |(item, wished): (&Key, &BTreeSet<String>)| Violation::Unexplained {
        client: client.id,
        item: item.clone(),
        wished: wished.clone(),
        holds: client.holds.get(item).cloned(),
    };
    missing.map(violation).collect()
}

/// Whether the last target that was to write the item says why it did not. An earlier one explains nothing: what
/// came after it was another try. A skipped one leaves the item to others.
fn is_explained(client: i64, item: &Key, jobs: &[JobEvidence]) -> bool {
    let writing = targets_of(client, jobs).filter(|target| target.rows.contains(item));
    let last = writing.filter(|target| target.state != "skipped").max_by_key(|target| target.id);
    last.is_some_and(|target| {
        let said = |code: &str| !matches!(code, "already-so" | "superseded");
        let result = target.results.iter().any(|(key, code)| key == item && said(code));
        let whole = matches!(target.state.as_str(), "failed" | "timeout" | "cancelled");
        target.state != "success" && (result || whole && target.reason.is_some())
    })
}

fn repeated(client: &ClientEvidence, jobs: &[JobEvidence]) -> Vec<Violation> {
    let wanted = |kind: &str| -> u32 {
        let of_kind = jobs.iter().filter(|job| job.kind == kind);
        of_kind
            .map(|job| {
                let targets = job.targets.iter().filter(|target| target.client == client.id).count();
                u32::try_from(targets).unwrap_or(u32::MAX) * (1 + job.retries)
            })
            .sum()
    };
    [("restart", client.restarts), ("factory-reset", client.resets)]
        .into_iter()
        .map(|(what, done)| (what, done, wanted(what)))
        .filter(|(_, done, wanted)| done > wanted)
        .map(|(what, done, wanted)| Violation::Repeated { client: client.id, what, done, wanted })
        .collect()
}

fn too_soon(client: &ClientEvidence, gap: i64) -> Vec<Violation> {
    // As far apart as they can have been.
    let between = client.calls.windows(2).map(|pair| pair[1].latest - pair[0].earliest);
    let early = between.filter(|between| *between < gap);
    early.map(|after| Violation::TooSoon { client: client.id, after }).collect()
}

fn unasked(client: &ClientEvidence, jobs: &[JobEvidence]) -> Vec<Violation> {
    let shown: BTreeSet<&Key> = targets_of(client.id, jobs).flat_map(|target| target.rows.iter()).collect();
    let unasked = client.received.iter().filter(|item| !shown.contains(item));
    unasked.map(|item| Violation::Unasked { client: client.id, item: item.clone() }).collect()
}

fn open(job: &JobEvidence) -> Vec<Violation> {
    let open = job.targets.iter().filter(|target| !ENDS.contains(&target.state.as_str()));
    open.map(|target| Violation::Open { job: job.id, target: target.id, state: target.state.clone() })
        .collect()
}

fn unfinished(job: &JobEvidence) -> Option<Violation> {
    let open = matches!(job.state.as_str(), "created" | "active" | "paused" | "");
    (open && self::open(job).is_empty())
        .then(|| Violation::Unfinished { job: job.id, state: job.state.clone() })
}

fn miscounted(job: &JobEvidence) -> Option<Violation> {
    let mut listed: BTreeMap<&str, u64> = BTreeMap::new();
    for target in &job.targets {
        *listed.entry(&target.state).or_default() += 1;
    }
    let said: BTreeMap<&str, u64> =
        job.counts.iter().filter(|(_, count)| **count > 0).map(|(state, count)| (&**state, *count)).collect();
    let number = job.targets.len() as u64;
    let fits = said == listed && job.made_with.is_none_or(|made_with| made_with == number);
    (!fits).then(|| Violation::Miscounted {
        job: job.id,
        made_with: job.made_with,
        counted: job.counts.values().sum(),
        listed: number,
    })
}

#[cfg(test)]
mod tests {
    use super::{Call, ClientEvidence, Evidence, JobEvidence, Key, TargetEvidence, Violation, check};

    fn call(at: i64) -> Call {
        Call { earliest: at, latest: at }
    }

    fn item(name: &str) -> Key {
        (name.to_owned(), None)
    }

    /// A client with one value that a job has written, and one restart: nothing wrong with it.
    fn good() -> Evidence {
        let client = ClientEvidence {
            id: 7,
            wished: [(item("reg-addr"), ["a".to_owned()].into())].into(),
            holds: [(item("reg-addr"), "a".to_owned())].into(),
            received: [item("reg-addr")].into(),
            restarts: 1,
            calls: vec![call(0), call(300_000)],
            ..ClientEvidence::default()
        };
        let target = |id, state: &str| TargetEvidence {
            id,
            client: 7,
            state: state.to_owned(),
            rows: [item("reg-addr")].into(),
            ..TargetEvidence::default()
        };
        let job = |id, kind: &str, targets: Vec<TargetEvidence>| JobEvidence {
            id,
            kind: kind.to_owned(),
            state: "success".to_owned(),
            made_with: Some(1),
            counts: [("success".to_owned(), 1), ("waiting".to_owned(), 0)].into(),
            targets,
            ..JobEvidence::default()
        };
        let mut restart = target(2, "success");
        restart.rows.clear();
        Evidence {
            clients: vec![client],
            jobs: vec![
                job(1, "write-configuration", vec![target(1, "success")]),
                job(2, "restart", vec![restart]),
            ],
            gap: 300_000,
            secrets_in: Vec::new(),
        }
    }

    fn broken(change: impl FnOnce(&mut Evidence)) -> Vec<Violation> {
        let mut evidence = good();
        change(&mut evidence);
        check(&evidence)
    }

    fn end(evidence: &mut Evidence, state: &str, reason: Option<&str>) {
        let job = &mut evidence.jobs[0];
        job.counts = [(state.to_owned(), 1)].into();
        job.targets[0].state = state.to_owned();
        job.targets[0].reason = reason.map(str::to_owned);
    }

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        assert_eq!(broken(|_| {}), []);
    }

    #[test]
    fn a_value_that_is_not_on_the_phone_must_be_explained() {
        let lost = |change: fn(&mut Evidence)| {
            broken(|evidence| {
                evidence.clients[0].holds.insert(item("reg-addr"), "other".to_owned());
                change(evidence);
            })
        };
        let is_lost = |found: &[Violation]| matches!(found, [Violation::Unexplained { client: 7, .. }]);
        assert!(is_lost(&lost(|_| {})), "a success explains nothing");
        assert!(is_lost(&lost(|evidence| evidence.clients[0].holds.clear())));
        assert!(is_lost(&lost(|evidence| end(evidence, "skipped", Some("superseded")))));
        assert!(is_lost(&lost(|evidence| end(evidence, "failed", None))), "a reason is wanted");
        assert!(
            is_lost(&lost(|evidence| end(evidence, "partial", Some("refused-by-phone")))),
            "of which item?"
        );
        assert_eq!(lost(|evidence| end(evidence, "timeout", Some("lifetime"))), []);
        assert_eq!(
            lost(|evidence| {
                end(evidence, "partial", Some("refused-by-phone"));
                evidence.jobs[0].targets[0].results = vec![(item("reg-addr"), "invalid-data".to_owned())];
            }),
            []
        );
        // An order without an answer may have been taken or not.
        assert_eq!(
            lost(|evidence| {
                evidence.clients[0]
                    .wished
                    .insert(item("reg-addr"), ["a".to_owned(), "other".to_owned()].into());
            }),
            []
        );
    }

    #[test]
    fn only_the_last_try_explains() {
        let found = broken(|evidence| {
            evidence.clients[0].holds.clear();
            let mut earlier = evidence.jobs[0].clone();
            end(evidence, "failed", Some("no-answer"));
            earlier.id = 3;
            earlier.targets[0].id = 3;
            evidence.jobs.push(earlier);
        });
        assert!(matches!(&found[..], [Violation::Unexplained { .. }]), "{found:?}");
    }

    #[test]
    fn a_target_that_is_open_or_missing_is_found() {
        let found = broken(|evidence| end(evidence, "sent", None));
        assert_eq!(found, [Violation::Open { job: 1, target: 1, state: "sent".to_owned() }]);
        let found = broken(|evidence| evidence.jobs[0].state = "active".to_owned());
        assert_eq!(found, [Violation::Unfinished { job: 1, state: "active".to_owned() }]);
        let found = broken(|evidence| evidence.jobs[0].made_with = Some(2));
        assert!(matches!(found[..], [Violation::Miscounted { job: 1, made_with: Some(2), .. }]), "{found:?}");
        let found = broken(|evidence| evidence.jobs[1].targets.clear());
        assert!(found.iter().any(|found| matches!(found, Violation::Miscounted { job: 2, .. })), "{found:?}");
        let found = broken(|evidence| evidence.jobs[0].targets[0].state = "failed".to_owned());
        assert!(matches!(found[..], [Violation::Miscounted { job: 1, .. }]), "{found:?}");
    }

    #[test]
    fn a_restart_or_reset_too_many_is_found() {
        let again = |evidence: &mut Evidence| evidence.clients[0].restarts = 2;
        assert!(matches!(
            broken(again)[..],
            [Violation::Repeated { what: "restart", done: 2, wanted: 1, .. }]
        ));
        let wanted = |evidence: &mut Evidence| {
            again(evidence);
            evidence.jobs[1].retries = 1;
        };
        assert_eq!(broken(wanted), []);
        let found = broken(|evidence| evidence.clients[0].resets = 1);
        assert!(
            matches!(found[..], [Violation::Repeated { what: "factory-reset", wanted: 0, .. }]),
            "{found:?}"
        );
    }

    #[test]
    fn a_call_inside_the_gap_is_found() {
        let found =
            broken(|evidence| evidence.clients[0].calls = vec![call(0), call(300_000), call(599_999)]);
        assert_eq!(found, [Violation::TooSoon { client: 7, after: 299_999 }]);
        // It may have left before the clock was moved.
        let doubtful = Call { earliest: 299_999, latest: 300_000 };
        let found = broken(|evidence| evidence.clients[0].calls = vec![call(0), doubtful, call(599_999)]);
        assert_eq!(found, []);
    }

    #[test]
    fn an_item_that_no_target_shows_is_found() {
        let found = broken(|evidence| {
            evidence.clients[0].received.insert(item("sip-pwd"));
        });
        assert_eq!(found, [Violation::Unasked { client: 7, item: item("sip-pwd") }]);
        let found = broken(|evidence| evidence.jobs[0].targets[0].client = 8);
        assert!(matches!(found[..], [Violation::Unasked { .. }]), "another client's target: {found:?}");
    }

    #[test]
    fn a_secret_in_an_answer_is_found() {
        let found = broken(|evidence| evidence.secrets_in.push("/api/v1/jobs".to_owned()));
        assert_eq!(found, [Violation::Secret { request: "/api/v1/jobs".to_owned() }]);
    }
}
