//! The values of settings in force (D-33): default < database < `workpoint.toml` < environment.
//!
//! What a setting is stands in `domain::setting`; changing one through the API is `app::settings`. Readers
//! ask each time they need a value and get the one of that moment, without waiting for anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::network::Networks;
use domain::setting::{SettingKey, SettingValue};
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use crate::store::settings::StoredSetting;
use crate::store::{Store, StoreResult, settings};

/// Where a value comes from; later ones are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingSource {
    /// Nobody set it.
    Default,
    /// The database: set through the API.
    Database,
    /// `workpoint.toml`.
    File,
    /// An environment variable.
    Environment,
}

impl SettingSource {
    /// Whether the API cannot change it.
    pub fn is_locked(self) -> bool {
        matches!(self, Self::File | Self::Environment)
    }
}

/// A setting with everything known of it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingState {
    /// Which one.
    pub key: SettingKey,
    /// Value in force.
    pub value: SettingValue,
    /// Where it comes from.
    pub source: SettingSource,
    /// Whether a change waits for the next start.
    pub restart_pending: bool,
    /// Last change through the API.
    pub updated_at: Option<Timestamp>,
    /// The ETag; 0 while the API has not set it.
    pub revision: i64,
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    value: Option<SettingValue>,
    updated_at: Timestamp,
    revision: i64,
}

type Snapshot = HashMap<SettingKey, Stored>;

/// The settings of a node. Cheap to clone; all clones see a change at once.
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

struct Inner {
    fixed: HashMap<SettingKey, (SettingValue, SettingSource)>,
    stored: ArcSwap<Snapshot>,
    /// Values at the start, for settings that need a restart.
    started_with: HashMap<SettingKey, SettingValue>,
    /// Reads of the database must not overtake each other.
    reading: Mutex<()>,
    changed: watch::Sender<()>,
}

impl Settings {
    /// Reads the stored settings. `fixed` are those of file and environment.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn load(
        store: &Store,
        fixed: HashMap<SettingKey, (SettingValue, SettingSource)>,
    ) -> StoreResult<Self> {
        Ok(Self::new(snapshot(settings::all(store).await?), fixed))
    }

    /// The settings of file and environment alone, for verbs that run before there is a database.
    pub fn fixed(fixed: HashMap<SettingKey, (SettingValue, SettingSource)>) -> Self {
        Self::new(Snapshot::new(), fixed)
    }

    fn new(stored: Snapshot, fixed: HashMap<SettingKey, (SettingValue, SettingSource)>) -> Self {
        let started_with =
            SettingKey::ALL.iter().map(|key| (*key, in_force(*key, &stored, &fixed).0)).collect();
        Self(Arc::new(Inner {
            fixed,
            stored: ArcSwap::from_pointee(stored),
            started_with,
            reading: Mutex::new(()),
            changed: watch::Sender::new(()),
        }))
    }

    /// Reads the stored settings again and tells subscribers when something is different.
    ///
    /// # Errors
    /// When the database cannot be asked; the values in force stay.
    pub async fn reload(&self, store: &Store) -> StoreResult<()> {
        let _turn = self.0.reading.lock().await;
        let fresh = snapshot(settings::all(store).await?);
        if **self.0.stored.load() != fresh {
            self.0.stored.store(Arc::new(fresh));
            self.0.changed.send_replace(());
        }
        Ok(())
    }

    /// Is told of every change from now on.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// The value in force.
    pub fn value(&self, key: SettingKey) -> SettingValue {
        in_force(key, &self.0.stored.load(), &self.0.fixed).0
    }

    /// A setting with everything known of it.
    pub fn view(&self, key: SettingKey) -> SettingState {
        let snapshot = self.0.stored.load();
        let (value, source) = in_force(key, &snapshot, &self.0.fixed);
        let stored = snapshot.get(&key);
        let started_with = self.0.started_with.get(&key);
        SettingState {
            key,
            source,
            restart_pending: key.definition().restart && started_with != Some(&value),
            updated_at: stored.map(|stored| stored.updated_at),
            revision: stored.map_or(0, |stored| stored.revision),
            value,
        }
    }

    /// A number. The setting must be one of numbers; others give 0.
    pub fn integer(&self, key: SettingKey) -> i64 {
        match self.value(key) {
            SettingValue::Integer(number) => number,
            SettingValue::Bool(_) | SettingValue::Text(_) => wrong_kind(key),
        }
    }

    /// A time in seconds. The setting must be one of numbers; others give 0.
    pub fn seconds(&self, key: SettingKey) -> Duration {
        Duration::from_secs(u64::try_from(self.integer(key)).unwrap_or(0))
    }

    /// A text. The setting must be one of texts or choices; others give an empty one.
    pub fn text(&self, key: SettingKey) -> String {
        match self.value(key) {
            SettingValue::Text(text) => text,
            SettingValue::Bool(_) | SettingValue::Integer(_) => wrong_kind(key),
        }
    }

    /// A moment; `None` when none is set.
    pub fn instant(&self, key: SettingKey) -> Option<Timestamp> {
        self.text(key).parse().ok()
    }

    /// Networks. The setting must be one of these; others give none.
    pub fn networks(&self, key: SettingKey) -> Networks {
        Networks::parse(&self.text(key)).unwrap_or_default()
    }

    /// Yes or no. The setting must be one of these; others give `false`.
    pub fn bool(&self, key: SettingKey) -> bool {
        match self.value(key) {
            SettingValue::Bool(value) => value,
            SettingValue::Integer(_) | SettingValue::Text(_) => wrong_kind(key),
        }
    }
}

/// A setting asked for as what it is not: a mistake of the programmer, which must not stop the server.
fn wrong_kind<T: Default>(key: SettingKey) -> T {
    debug_assert!(false, "{key:?} has another type");
    tracing::error!(setting = key.definition().id, "a setting was read as another type");
    T::default()
}

fn in_force(
    key: SettingKey,
    stored: &Snapshot,
    fixed: &HashMap<SettingKey, (SettingValue, SettingSource)>,
) -> (SettingValue, SettingSource) {
    if let Some((value, source)) = fixed.get(&key) {
        return (value.clone(), *source);
    }
    match stored.get(&key).and_then(|stored| stored.value.clone()) {
        Some(value) => (value, SettingSource::Database),
        None => (key.definition().default.into(), SettingSource::Default),
    }
}

/// Settings of a newer or older program are left alone, and a value that this one refuses is not used.
fn snapshot(rows: Vec<StoredSetting>) -> Snapshot {
    rows.into_iter()
        .filter_map(|row| {
            let key = SettingKey::from_id(&row.id)?;
            let value = row.value.filter(|value| key.check(value).is_ok());
            if value.is_none() {
                tracing::warn!(
                    setting = row.id,
                    "the stored value of a setting is not valid; the default is used"
                );
            }
            Some((key, Stored { value, updated_at: row.updated_at, revision: row.revision }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{SettingSource, Settings, snapshot};
    use crate::store::settings::StoredSetting;
    use domain::setting::{SettingKey, SettingValue};
    use jiff::Timestamp;
    use std::collections::HashMap;

    fn stored(id: &str, value: SettingValue) -> StoredSetting {
        StoredSetting {
            id: id.to_owned(),
            value: Some(value),
            updated_at: Timestamp::UNIX_EPOCH,
            revision: 3,
        }
    }

    #[test]
    fn file_and_environment_are_stronger_than_the_database() {
        let rows = vec![
            stored("server-settings.other.log-level", SettingValue::Text("debug".into())),
            stored("server-settings.phones.maximum-sessions", SettingValue::Integer(7)),
        ];
        let level = (SettingValue::Text("error".into()), SettingSource::File);
        let settings = Settings::new(snapshot(rows), HashMap::from([(SettingKey::LogLevel, level)]));
        assert_eq!(settings.text(SettingKey::LogLevel), "error");
        assert!(settings.view(SettingKey::LogLevel).source.is_locked());
        assert_eq!(settings.integer(SettingKey::MaximumSessions), 7);
        assert_eq!(settings.view(SettingKey::MaximumSessions).revision, 3);
        assert_eq!(settings.view(SettingKey::MaximumConnections).source, SettingSource::Default);
        assert_eq!(settings.view(SettingKey::MaximumConnections).revision, 0);
    }

    #[test]
    fn what_this_program_does_not_understand_is_left_alone() {
        let rows = vec![
            stored("server-settings.from-the-future", SettingValue::Bool(true)),
            stored("server-settings.ports.api-server-port", SettingValue::Integer(70_000)),
        ];
        let settings = Settings::new(snapshot(rows), HashMap::new());
        let view = settings.view(SettingKey::ApiPort);
        assert_eq!(view.value, SettingValue::Integer(10_443));
        // The row is there, so a change needs its revision.
        assert_eq!((view.source, view.revision), (SettingSource::Default, 3));
    }

    #[test]
    fn a_change_that_needs_a_restart_is_pending() {
        let settings = Settings::new(HashMap::new(), HashMap::new());
        let change = |key: SettingKey, value: i64| {
            let rows = vec![stored(key.definition().id, SettingValue::Integer(value))];
            settings.0.stored.store(std::sync::Arc::new(snapshot(rows)));
        };
        change(SettingKey::ApiPort, 11_443);
        assert!(settings.view(SettingKey::ApiPort).restart_pending);
        change(SettingKey::ApiPort, 10_443);
        assert!(!settings.view(SettingKey::ApiPort).restart_pending);
        change(SettingKey::MaximumSessions, 1);
        assert!(!settings.view(SettingKey::MaximumSessions).restart_pending, "takes effect at once");
    }
}
