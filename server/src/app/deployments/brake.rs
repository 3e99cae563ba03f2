//! What fails on too many phones is not brought to others on its own: [`domain::deployment::brake`]. Once the file is
//! another one, or a template that has it was changed, what happened before counts no longer; and phones that somebody
//! deploys it to count like all others.

use std::collections::BTreeMap;

use domain::FileId;
use domain::deployment::brake::Share;
use domain::notification::NotificationCode;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::offer::OURS;
use crate::App;
use crate::app::layers::Snapshot;
use crate::events::{Change, Resource};
use crate::store::files::File;
use crate::store::notifications::{self, Raise};
use crate::store::{Source, StoreResult, Tx, file_offers};

/// It failed on too many phones.
pub const FAILS_ON_PHONES: &str = "fails-on-phones";

/// The same file is told of once a day, as long as it lasts.
const DAILY: SignedDuration = SignedDuration::from_hours(23);

/// Those of some files that no more phones get on their own.
///
/// # Errors
/// When the database cannot be asked.
pub async fn stopped(
    app: &App,
    on: &impl Source,
    layers: &Snapshot,
    files: &[&File],
) -> StoreResult<BTreeMap<FileId, Share>> {
    let percent = app.settings.integer(SettingKey::DeploymentsByRuleFailures).unsigned_abs();
    let mut stopped = BTreeMap::new();
    if percent == 0 {
        return Ok(stopped);
    }
    for file in files {
        let share = file_offers::share(on, file.id, wanted_since(layers, file), &OURS).await?;
        if share.stops(percent) {
            stopped.insert(file.id, share);
        }
    }
    Ok(stopped)
}

/// When somebody last said that this file is wanted as it is.
fn wanted_since(layers: &Snapshot, file: &File) -> Timestamp {
    let having = layers.layers.templates.values().filter(|template| template.files.contains(&file.id));
    let changed = having.filter_map(|template| layers.templates.get(&template.id));
    changed.map(|template| template.updated_at).chain([file.content_changed_at]).max().unwrap_or_default()
}

/// Tells administrators of a file that is not brought any more.
///
/// # Errors
/// When the database refuses.
pub async fn tell(app: &App, tx: &Tx, file: &File, share: Share, at: Timestamp) -> StoreResult<()> {
    let (code, subject) = (NotificationCode::FileFails, file.id.to_string());
    let since = at.saturating_sub(DAILY).unwrap_or(Timestamp::MIN);
    // Mostly it was told already: every phone that should have it finds it so.
    if notifications::was_raised(tx, code, &subject, since).await? {
        return Ok(());
    }
    let args = json!({"file": file.id, "name": file.name, "failed": share.failed, "of": share.of});
    let raise = Raise { at, code: code.as_str(), args: &args, client: None, subject: &subject, quiet: DAILY };
    if notifications::raise(tx, &raise).await?.is_some() {
        app.events.publish(Resource::Notifications, Change::Created, "");
    }
    Ok(())
}
