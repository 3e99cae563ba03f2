//! The next piece of work for a phone that is there: taken, and committed as sent, in the transaction that
//! records what the phone said (D-26).

use std::net::{IpAddr, SocketAddr};

use domain::calling::AFTER_RESTART;
use domain::client::ContactReason;
use domain::configuration::HandOut;
use domain::job::{Happening, JobKind, TargetState};
use domain::network::Subnet;
use domain::setting::SettingKey;
use domain::{ClientId, DeviceId, JobId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::dossier::Dossier;
use super::kinds::{self, Prepared};
pub use super::kinds::{Order, WriteRecord};
use crate::App;
use crate::app::{configuration, deployments};
use crate::store::audit::{Actor, ActorKind, NewRecord};
use crate::store::clients::Client;
use crate::store::job_targets::{self, JobTarget};
use crate::store::{StoreResult, Tx, audit, call_queue, calls, secret_writes};

/// How long a restart or reset may take (`wpi.md` §4.5.7).
const RESTART: SignedDuration = SignedDuration::from_mins(10);

/// Most restarts of one phone in an hour (`wpi.md` §4.4).
const MOST_RESTARTS: u64 = 3;

/// A phone that is there: what deciding about its work needs to know of the session.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The client.
    pub client: ClientId,
    /// Its device id.
    pub device: DeviceId,
    /// Where the session comes from.
    pub peer: IpAddr,
    /// Our address and port, by which it came: where its files are, unless a setting says otherwise.
    pub local: SocketAddr,
    /// Why it was opened.
    pub reason: ContactReason,
    /// Whether it answers our contact-me, at the address that was called (D-24 c).
    pub answers_call: bool,
    /// Whether both sides are authenticated.
    pub secure: bool,
    /// Whether it has lost its configuration: what it reports is no wish of its user then.
    pub lost_configuration: bool,
    /// Whether calling it could bring a session that answers the call.
    pub calling_helps: bool,
    /// It is in quarantine: read, not written (D-4).
    pub only_reads: bool,
}

impl Visit {
    /// What D-24 asks of the session and the client, for a secret that was not handed out before.
    pub(in crate::app) fn circumstances(&self, app: &App, client: &Client) -> HandOut {
        let peer = self.peer.to_canonical();
        HandOut {
            secure: self.secure && configuration::is_secure(client),
            approved: client.approved,
            known_network: client.bound_network.as_deref()
                == Some(Subnet::of(self.peer).to_string().as_str())
                || app.settings.networks(SettingKey::OnboardingNetworks).contains(self.peer),
            known_address: client.trusted_address.as_deref() == Some(peer.to_string().as_str()),
            answers_call: self.answers_call,
            window_open: app
                .settings
                .instant(SettingKey::OnboardingWindowUntil)
                .is_some_and(|until| app.clock.now() < until),
            handed_out_before: false,
            send_again: false,
        }
    }
}

/// One attempt at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The target.
    pub target: TargetId,
    /// How often it was sent, this time included.
    pub number: u32,
}

impl Attempt {
    /// As one number, for the conversation.
    pub fn to_number(self) -> u64 {
        (self.target.0.unsigned_abs() << 8) | u64::from(self.number & 0xff)
    }

    /// Back from the number.
    pub fn from_number(number: u64) -> Self {
        let target = TargetId(i64::try_from(number >> 8).unwrap_or(0));
        Self { target, number: u32::try_from(number & 0xff).unwrap_or(0) }
    }
}

/// A piece of work that is committed as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which attempt it is.
    pub attempt: Attempt,
    /// What to do.
    pub order: Order,
}

/// What taking work came to.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// To be sent now.
    pub piece: Option<Piece>,
    /// Jobs whose targets changed.
    pub touched: Vec<JobId>,
}

/// Takes the next piece of work of a client. Targets that turn out to need nothing come to their end here.
///
/// # Errors
/// When the database refuses.
pub async fn take(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    at: Timestamp,
) -> StoreResult<Taken> {
    let mut taken = Taken::default();
    let mut open = dossier.targets(tx).await?.to_vec();
    open.sort_by_key(|target| (target.kind.rank(), target.id));
    // What was made in this very transaction is due a moment later than the message that caused it.
    let now = app.clock.now().max(at);
    // A write that has to wait for a call must not be overtaken by a later one.
    let mut writes_wait = false;
    let mut waits = false;
    // What a phone is fetching or flashing is not disturbed: nothing else is deployed meanwhile, nor is it restarted.
    let deploying = open.iter().any(|target| target.state == TargetState::Sent && target.kind.deploys());
    for mut target in open {
        let open =
            matches!(target.state, TargetState::Waiting | TargetState::Active) && target.kind.needs_phone();
        if !open || target.due_at > now || target.expires_at <= now || target.stopping {
            continue;
        }
        if visit.only_reads && target.kind != JobKind::ReadConfiguration {
            continue;
        }
        if deploying && target.kind.is_fenced() {
            continue;
        }
        if writes_wait && target.kind.writes() {
            waits = true;
            continue;
        }
        let before = target.machine();
        if target.kind.is_dangerous() && restarts_too_often(tx, visit.client, at).await? {
            let (failed, reason) = (Happening::Ended(TargetState::Failed), Some("too-many-restarts"));
            if target.apply(failed, reason, Json::Null, at).is_ok()
                && job_targets::write(tx, &target, before).await?
            {
                dossier.note(&target);
                taken.touched.push(target.job);
            }
            continue;
        }
        match kinds::order(app, tx, &target, visit, dossier, at).await? {
            Prepared::NotNow => {
                (writes_wait, waits) = (true, true);
            }
            Prepared::Wait { until, reason } => {
                let asked = (until.unwrap_or(target.due_at), reason.map(str::to_owned));
                if (target.due_at, &target.reason) == (asked.0, &asked.1) {
                    continue;
                }
                (target.due_at, target.reason) = asked;
                if job_targets::write(tx, &target, before).await? {
                    dossier.note(&target);
                    taken.touched.push(target.job);
                }
            }
            Prepared::End { state, reason, args, results } => {
                if target.apply(Happening::Ended(state), reason.as_deref(), args, at).is_ok() {
                    target.results = results;
                    if job_targets::write(tx, &target, before).await? {
                        dossier.note(&target);
                        taken.touched.push(target.job);
                    }
                }
            }
            Prepared::Send { order, diff, results, secrets } => {
                if target.apply(Happening::Sent, None, Json::Null, at).is_err() {
                    continue;
                }
                target.results = results;
                target.diff = diff.or(target.diff);
                target.owner = Some(app.node.to_string());
                target.deadline_at = at.saturating_add(patience(app, &target)).ok();
                if !job_targets::write(tx, &target, before).await? {
                    continue;
                }
                hand_out(app, tx, visit, &target, &secrets, at).await?;
                if target.kind.is_dangerous() {
                    // From now on, whether the phone confirms it or is simply gone.
                    let until = at.saturating_add(AFTER_RESTART).unwrap_or(at);
                    call_queue::rest(tx, visit.client, at, until).await?;
                }
                taken.touched.push(target.job);
                let attempt = Attempt { target: target.id, number: target.attempts };
                taken.piece = Some(Piece { attempt, order });
                return Ok(taken);
            }
        }
    }
    if waits {
        calls::want(tx, visit.client, at).await?;
    }
    Ok(taken)
}

/// The session is over: when work is left, the phone is called again after a while.
///
/// # Errors
/// When the database refuses.
pub async fn wait_for_call(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    dossier: &mut Dossier,
    result: &super::outcome::Result,
    at: Timestamp,
) -> StoreResult<()> {
    if *result == super::outcome::Result::Started {
        // It restarts, and rests since it was told so.
        return Ok(());
    }
    want_call_later(app, tx, visit.client, dossier, at).await
}

/// When work waits for a client, it is called again after a while, whatever becomes of its session.
///
/// # Errors
/// When the database refuses.
pub async fn want_call_later(
    app: &App,
    tx: &Tx,
    client: ClientId,
    dossier: &mut Dossier,
    at: Timestamp,
) -> StoreResult<()> {
    if !dossier.waits(tx).await? {
        return Ok(());
    }
    let gap = SignedDuration::from_secs(app.settings.integer(SettingKey::ContactMeGap));
    calls::want(tx, client, at.saturating_add(gap).unwrap_or(at)).await
}

/// Whatever goes round in a circle, a phone is not kept from telephoning by it (`wpi.md` §4.4).
async fn restarts_too_often(tx: &Tx, client: ClientId, at: Timestamp) -> StoreResult<bool> {
    let since = at.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(at);
    Ok(job_targets::restarts(tx, client, since).await? >= MOST_RESTARTS)
}

fn patience(app: &App, target: &JobTarget) -> SignedDuration {
    if target.kind.is_dangerous() {
        RESTART
    } else if target.kind.deploys() {
        deployments::patience(target.kind)
    } else {
        SignedDuration::from_secs(app.settings.integer(SettingKey::JobFailureTimeout))
    }
}

/// Every hand-out of a secret is written down before it leaves (D-24).
async fn hand_out(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    target: &JobTarget,
    secrets: &[(domain::configuration::ItemKey, Vec<u8>)],
    at: Timestamp,
) -> StoreResult<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    for (item, digest) in secrets {
        if let Some(number) = app.store.item_number(&item.name) {
            secret_writes::hand_out(tx, visit.client, number, item.index, digest, at).await?;
        }
    }
    let items: Vec<String> = secrets.iter().map(|(item, _)| item.to_string()).collect();
    let details = json!({"job": target.job, "items": items, "address": visit.peer.to_string()});
    let actor = Actor {
        kind: ActorKind::Phone,
        id: Some(visit.client.0),
        name: visit.device.to_string(),
        address: Some(visit.peer.to_string()),
    };
    let (action, object_id) = ("client.secret-handed-out", visit.client.to_string());
    audit::append(tx, &NewRecord { at, actor: &actor, action, object_kind: "client", object_id, details })
        .await
        .map(|_| ())
}
