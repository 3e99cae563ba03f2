//! What users order with chance, and what they were answered. What comes of it is not known here.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::Dice;
use tests::crash::Asker;

use super::harvest::{Watch, list, number};

/// A parameter that is set, and the item it becomes.
pub(crate) struct Parameter {
    id: &'static str,
    /// Name of the item.
    pub(crate) item: &'static str,
    /// Its index.
    pub(crate) index: Option<u16>,
    sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Text,
    Number,
    Switch,
    Secret,
}

const fn parameter(id: &'static str, item: &'static str, index: Option<u16>, sort: Sort) -> Parameter {
    Parameter { id, item, index, sort }
}

/// Single items, an entry of a record, and a secret.
pub(crate) const PARAMETERS: [Parameter; 7] = [
    parameter("telephony.sip-settings.server-address", "reg-addr", None, Sort::Text),
    parameter("telephony.sip-settings.server-port", "reg-port", None, Sort::Number),
    parameter("mobile-user.cti-settings.auto-answer-calls-enabled", "auto-answer", None, Sort::Switch),
    parameter("mobile-user.cti-settings.auto-reconnect-calls-enabled", "auto-reconnect", None, Sort::Switch),
    parameter("mobile-user.general.display-id", "display-id-unicode", None, Sort::Text),
    parameter("records.lines.address", "line-sip-uri", Some(1), Sort::Text),
    parameter("telephony.sip-settings.sip-credentials-password", "sip-pwd", None, Sort::Secret),
];

/// A value for a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Place in [`PARAMETERS`].
    pub(crate) parameter: usize,
    /// The value as it stands on the phone.
    pub(crate) text: String,
}

impl Change {
    fn roll(parameter: usize, dice: &mut Dice) -> Self {
        let text = match PARAMETERS[parameter].sort {
            Sort::Text => format!("v{:x}.example.net", dice.below(1 << 32)),
            Sort::Number => (5061 + dice.below(900)).to_string(),
            Sort::Switch => (dice.below(2) == 0).to_string(),
            Sort::Secret => format!("k4nari{:x}", dice.roll()),
        };
        Self { parameter, text }
    }

    fn body(&self) -> Value {
        let parameter = &PARAMETERS[self.parameter];
        let value = match parameter.sort {
            Sort::Text | Sort::Secret => json!(self.text),
            Sort::Number => json!(self.text.parse::<u32>().expect("a number")),
            Sort::Switch => json!(self.text == "true"),
        };
        let mut body = json!({"parameter": parameter.id, "value": value});
        if let Some(index) = parameter.index {
            body["index"] = json!(index);
        }
        body
    }
}

/// Something a user wants.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Values for clients, at once or in so many seconds.
    Set { clients: Vec<i64>, changes: Vec<Change>, after: Option<i64> },
    /// An action on clients.
    Act { action: &'static str, clients: Vec<i64> },
    /// Cancels one of the jobs there are.
    Cancel(u64),
    /// Tries one of the jobs there are again.
    Retry(u64),
}

/// What a user was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing was asked for, or it was refused in words.
    Nothing,
    /// It was taken; the job with its targets, where there is one.
    Taken(Option<(i64, u64)>),
    /// No answer: it may have been taken.
    Unanswered,
    /// A job was asked to be tried again, whether this was answered or not.
    Retried(i64),
}

impl Order {
    /// An order of some kind for some of these clients.
    pub(crate) fn roll(clients: &[i64], watch: &Watch, dice: &mut Dice) -> Self {
        match dice.below(14) {
            0 => Self::Act { action: "restart", clients: some(clients, dice) },
            1 => Self::Act { action: "reset", clients: some(clients, dice).into_iter().take(2).collect() },
            2 => Self::Act { action: "refresh", clients: some(clients, dice) },
            3 => Self::Cancel(dice.roll()),
            4 | 5 => Self::Retry(dice.roll()),
            _ => {
                let mut changes = Vec::new();
                for parameter in 0..PARAMETERS.len() {
                    if dice.below(4) == 0 {
                        changes.push(Change::roll(parameter, dice));
                    }
                }
                if changes.is_empty() {
                    changes.push(Change::roll(0, dice));
                }
                for change in &changes {
                    if PARAMETERS[change.parameter].sort == Sort::Secret {
                        watch.keep(&change.text);
                    }
                }
                let after = (dice.below(5) == 0).then(|| i64::try_from(dice.below(2_000)).unwrap_or(0));
                Self::Set { clients: some(clients, dice), changes, after }
            }
        }
    }

    /// Asks the server for it.
    pub(crate) async fn give(&self, asker: &Asker, watch: &Watch, now: Timestamp) -> Outcome {
        match self {
            Self::Set { clients, changes, after } => {
                let changes: Vec<Value> = changes.iter().map(Change::body).collect();
                let body =
                    json!({"kind": "write-configuration", "targets": {"ids": clients}, "changes": changes});
                let Some(Ok(plan)) = post(asker, watch, "/api/v1/plans", &body, 201).await else {
                    return Outcome::Nothing;
                };
                // Looked at as a user would; here only for secrets.
                let shown = format!("/api/v1/plans/{}/targets", plan["id"]);
                if let Some(answer) = asker.get(&shown).await {
                    watch.look(&shown, &answer);
                }
                let planned_at = after.map(|after| (now + SignedDuration::from_secs(after)).to_string());
                let how = json!({"approve": true, "planned_at": planned_at});
                let path = format!("/api/v1/plans/{}/apply", plan["id"]);
                match post(asker, watch, &path, &how, 201).await {
                    Some(Ok(applied)) => {
                        let job = applied["job_id"].as_i64();
                        Outcome::Taken(job.zip(applied["targets"].as_u64()))
                    }
                    Some(Err(())) => Outcome::Nothing,
                    None => Outcome::Unanswered,
                }
            }
            Self::Act { action, clients } => {
                let body = json!({"action": action, "targets": {"ids": clients}});
                match post(asker, watch, "/api/v1/clients/actions", &body, 201).await {
                    Some(Ok(job)) => {
                        let targets = job["targets"].as_object().expect("counts");
                        let number_of = targets.values().filter_map(Value::as_u64).sum();
                        Outcome::Taken(Some((number(&job["id"]), number_of)))
                    }
                    Some(Err(())) => Outcome::Nothing,
                    None => Outcome::Unanswered,
                }
            }
            Self::Cancel(which) => {
                if let Some(job) = pick(asker, watch, *which).await {
                    post(asker, watch, &format!("/api/v1/jobs/{job}/cancel"), &json!({}), 200).await;
                }
                Outcome::Nothing
            }
            Self::Retry(which) => match pick(asker, watch, *which).await {
                Some(job) => {
                    post(asker, watch, &format!("/api/v1/jobs/{job}/retry"), &json!({}), 200).await;
                    Outcome::Retried(job)
                }
                None => Outcome::Nothing,
            },
        }
    }
}

/// Posts; `None` without an answer, `Err` when it was refused because of what has happened meanwhile.
///
/// # Panics
/// When it was refused for another reason, or the server failed: no order here is wrong.
async fn post(
    asker: &Asker,
    watch: &Watch,
    path: &str,
    body: &Value,
    good: u16,
) -> Option<Result<Value, ()>> {
    let answer = asker.post(path, body).await?;
    watch.look(path, &answer);
    match answer.status {
        status if status == good => Some(Ok(answer.json())),
        // What was planned is no longer true, or somebody else was changing the same; nothing was changed.
        409 | 503 => Some(Err(())),
        status => panic!("{path} {body}: {status} {}", answer.text),
    }
}

async fn pick(asker: &Asker, watch: &Watch, which: u64) -> Option<i64> {
    // The server may be dead already.
    let answer = asker.get("/api/v1/jobs?size=1").await?;
    watch.look("/api/v1/jobs", &answer);
    let total = answer.json()["total"].as_u64().filter(|total| *total > 0)?;
    let page = which % total + 1;
    let answer = asker.get(&format!("/api/v1/jobs?size=1&page={page}")).await?;
    answer.json()["items"][0]["id"].as_i64()
}

/// Some of them, one at least.
fn some(clients: &[i64], dice: &mut Dice) -> Vec<i64> {
    let first = usize::try_from(dice.below(clients.len() as u64)).unwrap_or(0);
    let share = 1 + dice.below(4);
    let more = clients.iter().enumerate().filter(|(place, _)| *place == first || dice.below(4) < share);
    more.map(|(_, client)| *client).collect()
}

/// Whether every target of every job has come to its end, and every job with them.
pub(crate) async fn at_rest(asker: &Asker, watch: &Watch) -> bool {
    let ended = |job: &Value| !matches!(job["state"].as_str(), Some("created" | "active" | "paused"));
    list(asker, watch).await.iter().all(ended)
}
