//! Writing the items of a stored diff (D-22): what is still wanted of it, secrets when D-24 allows.

use std::collections::BTreeSet;

use domain::DiffId;
use domain::catalogue::ParameterKey;
use domain::configuration::{
    Content, HandOut, ItemKey, Row, Scope, Still, Withheld, difference, may_hand_out, still_wanted,
};
use domain::job::TargetState;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Order, Prepared, WriteRecord};
use crate::App;
use crate::app::configuration::{self, Portrait};
use crate::app::jobs::dossier::Dossier;
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
pub(super) async fn order(
    app: &App,
    tx: &Tx,
    target: &JobTarget,
    visit: &Visit,
    dossier: &mut Dossier,
) -> StoreResult<Prepared> {
    let rows = diffs::read(tx, target.diff).await?;
    let Some(portrait) = dossier.portrait(app, tx).await? else {
        let reason = Some("client-deleted".to_owned());
        return Ok(Prepared::End {
            state: TargetState::Cancelled,
            reason,
            args: Json::Null,
            results: Vec::new(),
        });
    };
    let mut options = Options::default();
    if rows.iter().any(|row| row.secret) {
        let stored = jobs::by_id(tx, target.job).await?.map(|job| job.options).unwrap_or_default();
        options = serde_json::from_value(stored).unwrap_or_default();
    }
    let again;
    let portrait: &Portrait = if options.send_secrets_again {
        // What the phone has is what it shall get once more.
        let mut copy = portrait.clone();
        copy.picture.acknowledged.clear();
        again = copy;
        &again
    } else {
        portrait
    };
    let mut letter = Letter::default();
    let (own, along) = sort_out(app, portrait, rows.to_vec());
    for (row, still) in &own {
        match still {
            Still::Write if row.secret => {
                let hand_out = hand_out(app, portrait, visit, row, target, options);
                match may_hand_out(&hand_out) {
                    Ok(()) => letter.add_secret(app, portrait, row)?,
                    Err(_) if has_it(portrait, row) => letter.drop(row, "already-so", Json::Null),
                    // Calling the phone mends these, and nothing else does: whoever comes by itself, and from
                    // another address too, may be somebody else. When it answers our call from there, an
                    // administrator has to look at it.
                    Err(Withheld::NotCalled | Withheld::OtherAddress)
                        if visit.calling_helps
                            && !visit.answers_call
                            && calls::can_call(tx, visit.client).await? =>
                    {
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
    for row in &along {
        if !letter.has_record_of(row) {
            continue;
        }
        if !row.secret {
            letter.add(row, row.to.clone().unwrap_or_default());
        } else if may_hand_out(&hand_out(app, portrait, visit, row, target, options)).is_ok() {
            letter.add_secret(app, portrait, row)?;
        } else {
            // The phone keeps the secret it has.
            letter.drop(row, "already-so", Json::Null);
        }
    }
    // What goes along is as it is now, not as it was when the job was made; the job shows what is sent (D-22).
    let mut sent: Vec<Row> = own.into_iter().map(|(row, _)| row).chain(along).collect();
    sent.sort_by(|a, b| a.place().cmp(&b.place()));
    let diff =
        if letter.is_empty() || sent[..] == rows[..] { None } else { Some(diffs::intern(tx, &sent).await?) };
    Ok(letter.close(diff))
}

/// The rows of a stored diff with what is to become of each, and what goes along with them to make records
/// whole. A row that something later has superseded goes along with its later text.
fn sort_out(app: &App, portrait: &Portrait, rows: Vec<Row>) -> (Vec<(Row, Still)>, Vec<Row>) {
    let still = still_wanted(&app.catalogue, &portrait.picture, &rows);
    let mut own: Vec<(Row, Still)> = rows.into_iter().zip(still).filter(|(row, _)| !row.companion).collect();
    let keys: BTreeSet<ParameterKey> = own
        .iter()
        .filter(|(row, still)| row.group.is_some() && *still == Still::Write)
        .flat_map(|(row, _)| row.parameters.iter().cloned())
        .collect();
    if keys.is_empty() {
        return (own, Vec::new());
    }
    let mut along = difference(&app.catalogue, &portrait.picture, Scope::Only(&keys)).rows;
    along.retain(|row| {
        let kept = |(mine, still): &(Row, Still)| mine.item == row.item && *still != Still::Superseded;
        row.companion && !own.iter().any(kept)
    });
    own.retain(|(row, _)| !along.iter().any(|other| other.item == row.item));
    (own, along)
}

/// Whether the phone has acknowledged this very secret.
fn has_it(portrait: &Portrait, row: &Row) -> bool {
    let digest = desired_digest(portrait, row);
    digest.is_some() && portrait.picture.acknowledged.get(&row.item) == digest.as_ref()
}

fn hand_out(
    app: &App,
    portrait: &Portrait,
    visit: &Visit,
    row: &Row,
    target: &JobTarget,
    options: Options,
) -> HandOut {
    let digest = desired_digest(portrait, row);
    let before = portrait.handed_out.get(&row.item).is_some_and(|given| Some(given) == digest.as_ref());
    HandOut {
        // This very target may be sent once more, when its answer was lost or the phone was busy; but not what
        // was withheld the first time.
        handed_out_before: before && (target.sent_at.is_none() || was_withheld(target, row)),
        send_again: options.send_secrets_again,
        ..visit.circumstances(app, &portrait.client)
    }
}

fn was_withheld(target: &JobTarget, row: &Row) -> bool {
    target.results.iter().any(|result| result.item == row.item && result.code == "withheld")
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
    rows: Vec<(Row, String)>,
    secrets: Vec<(ItemKey, Vec<u8>)>,
    results: Vec<ItemResult>,
    withheld: u64,
    others: u64,
}

impl Letter {
    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn add(&mut self, row: &Row, text: String) {
        self.rows.push((row.clone(), text));
    }

    fn has_record_of(&self, row: &Row) -> bool {
        self.rows.iter().any(|(other, _)| is_one_record(other, row))
    }

    /// In the order of writing; rows of one record in one message.
    fn records(mut self) -> Vec<WriteRecord> {
        self.rows.sort_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
        let mut records: Vec<(Row, WriteRecord)> = Vec::new();
        for (row, text) in self.rows {
            let item = (row.item.clone(), text);
            match records.iter_mut().find(|(first, _)| is_one_record(first, &row)) {
                Some((_, record)) => {
                    record.items.push(item);
                    record.alone |= row.care;
                }
                None => {
                    let record = WriteRecord { items: vec![item], alone: row.care };
                    records.push((row, record));
                }
            }
        }
        records.into_iter().map(|(_, record)| record).collect()
    }

    fn add_secret(&mut self, app: &App, portrait: &Portrait, row: &Row) -> StoreResult<()> {
        let mut secret = None;
        for key in &row.parameters {
            secret = configuration::secret_text(app, portrait, key)?;
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
        self.others += u64::from(code == "not-deliverable");
        self.results.push(ItemResult { item: row.item.clone(), code: code.to_owned(), args });
    }

    fn close(mut self, diff: Option<DiffId>) -> Prepared {
        if !self.rows.is_empty() {
            let (results, secrets) = (std::mem::take(&mut self.results), std::mem::take(&mut self.secrets));
            return Prepared::Send { order: Order::Write(self.records()), diff, results, secrets };
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
        let reason = reason.map(str::to_owned);
        Prepared::End { state, reason, args: Json::Null, results: self.results }
    }
}

fn is_one_record(a: &Row, b: &Row) -> bool {
    a.group.is_some() && a.group == b.group && a.item.index == b.item.index
}
