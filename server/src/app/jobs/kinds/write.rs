//! Writing the items of a stored diff (D-22): what is still wanted of it, secrets when D-24 allows.

use std::net::IpAddr;

use domain::configuration::{Content, HandOut, ItemKey, Row, Still, Withheld, may_hand_out, still_wanted};
use domain::job::TargetState;
use domain::network::Subnet;
use domain::setting::SettingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Order, Prepared, WriteRecord};
use crate::App;
use crate::app::configuration::{self, Portrait};
use crate::app::jobs::work::Visit;
use crate::store::job_targets::{ItemResult, JobTarget};
use crate::store::{StoreResult, Tx, calls, diffs, jobs};

/// Options of a job that writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Hand secrets out again that were handed out before (D-24 d).
    #[serde(default)]
    pub send_secrets_again: bool,
}

/// WriteItems with what is still wanted.
pub(super) async fn order(app: &App, tx: &Tx, target: &JobTarget, visit: &Visit) -> StoreResult<Prepared> {
    let portrait = configuration::lean_picture(app, tx, visit.client).await?;
    let rows = match target.diff {
        Some(diff) => diffs::read(tx, diff).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let Some(portrait) = portrait else {
        let reason = Some("client-deleted");
        return Ok(Prepared::End {
            state: TargetState::Cancelled,
            reason,
            args: Json::Null,
            results: Vec::new(),
        });
    };
    let options = jobs::by_id(tx, target.job).await?.map(|job| job.options).unwrap_or_default();
    let options: Options = serde_json::from_value(options).unwrap_or_default();
    let mut letter = Letter::default();
    let still = still_wanted(&app.catalogue, &portrait.picture, &rows);
    for (row, still) in rows.iter().zip(still) {
        match still {
            Still::Write if row.secret => {
                let hand_out = hand_out(app, &portrait, visit, row, target, options);
                match may_hand_out(&hand_out) {
                    Ok(()) => letter.add_secret(app, tx, &portrait, visit, row).await?,
                    // Calling the phone mends this one, and nothing else does.
                    Err(Withheld::NotCalled) if calls::can_call(tx, visit.client).await? => {
                        return Ok(Prepared::NotNow);
                    }
                    Err(withheld) => letter.withhold(row, withheld),
                }
            }
            Still::Write => letter.add(row, row.to.clone().unwrap_or_default()),
            Still::Done => letter.drop(row, "already-so", Json::Null),
            Still::Superseded => letter.drop(row, "superseded", Json::Null),
            Still::LeftOut(reason) => letter.drop(row, "not-deliverable", json!({"reason": reason})),
        }
    }
    Ok(letter.close())
}

fn hand_out(
    app: &App,
    portrait: &Portrait,
    visit: &Visit,
    row: &Row,
    target: &JobTarget,
    options: Options,
) -> HandOut {
    let client = &portrait.client;
    let digest = desired_digest(portrait, row);
    let before = portrait.handed_out.get(&row.item).is_some_and(|given| Some(given) == digest.as_ref());
    HandOut {
        secure: visit.secure && configuration::is_secure(client),
        approved: portrait.approved,
        known_network: is_known_network(app, client.bound_network.as_deref(), visit.peer),
        answers_call: visit.answers_call,
        window_open: app
            .settings
            .instant(SettingKey::OnboardingWindowUntil)
            .is_some_and(|until| app.clock.now() < until),
        // An earlier attempt of this very target may be repeated: its answer was lost, not its right.
        handed_out_before: before && target.attempts == 0,
        send_again: options.send_secrets_again,
    }
}

fn is_known_network(app: &App, bound: Option<&str>, peer: IpAddr) -> bool {
    bound == Some(Subnet::of(peer).to_string().as_str())
        || app.settings.networks(SettingKey::OnboardingNetworks).contains(peer)
}

fn desired_digest(portrait: &Portrait, row: &Row) -> Option<Vec<u8>> {
    row.parameters.iter().find_map(|key| match &portrait.picture.desired.get(key)?.content {
        Content::Secret(digest) => Some(digest.clone()),
        Content::Plain(_) => None,
    })
}

/// What goes out, and what does not.
#[derive(Default)]
struct Letter {
    records: Vec<(Option<String>, Option<u16>, WriteRecord)>,
    secrets: Vec<(ItemKey, Vec<u8>)>,
    results: Vec<ItemResult>,
    withheld: u64,
    others: u64,
}

impl Letter {
    fn add(&mut self, row: &Row, text: String) {
        let item = (row.item.clone(), text);
        if let Some(group) = &row.group
            && let Some((_, _, record)) = self
                .records
                .iter_mut()
                .find(|(name, index, _)| name.as_ref() == Some(group) && *index == row.item.index)
        {
            record.items.push(item);
            return;
        }
        let record = WriteRecord { items: vec![item], alone: row.care };
        self.records.push((row.group.clone(), row.item.index, record));
    }

    async fn add_secret(
        &mut self,
        app: &App,
        tx: &Tx,
        portrait: &Portrait,
        visit: &Visit,
        row: &Row,
    ) -> StoreResult<()> {
        let mut secret = None;
        for key in &row.parameters {
            secret = configuration::secret_text(app, tx, visit.client, key).await?;
            if secret.is_some() {
                break;
            }
        }
        match (secret, desired_digest(portrait, row)) {
            (Some(secret), Some(digest)) => {
                self.secrets.push((row.item.clone(), digest));
                self.add(row, secret.expose().to_owned());
            }
            _ => self.drop(row, "superseded", Json::Null),
        }
        Ok(())
    }

    fn withhold(&mut self, row: &Row, withheld: Withheld) {
        self.withheld += 1;
        let args = json!({"reason": withheld});
        self.results.push(ItemResult { item: row.item.clone(), code: "withheld".to_owned(), args });
    }

    fn drop(&mut self, row: &Row, code: &str, args: Json) {
        if row.companion {
            return;
        }
        self.others += u64::from(code == "not-deliverable");
        self.results.push(ItemResult { item: row.item.clone(), code: code.to_owned(), args });
    }

    fn close(self) -> Prepared {
        if !self.records.is_empty() {
            let records = self.records.into_iter().map(|(_, _, record)| record).collect();
            return Prepared::Send {
                order: Order::Write(records),
                results: self.results,
                secrets: self.secrets,
            };
        }
        let superseded = self.results.iter().all(|result| result.code == "superseded");
        let (state, reason) = if self.withheld > 0 {
            (TargetState::Failed, Some("withheld"))
        } else if self.others > 0 {
            (TargetState::Failed, Some("not-deliverable"))
        } else if superseded && !self.results.is_empty() {
            (TargetState::Skipped, Some("superseded"))
        } else {
            (TargetState::Success, Some("already-so"))
        };
        Prepared::End { state, reason, args: Json::Null, results: self.results }
    }
}
