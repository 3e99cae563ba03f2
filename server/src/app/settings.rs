//! Reading and changing settings (D-33). The values in force are `crate::settings`.

use api::setting::{ChangeSetting, Kind, SettingView, Source};
use api::{Code, FieldError, Page};
use domain::setting::{SettingFault, SettingKey, SettingKind, SettingValue};
use serde_json::json;

use super::caller::Caller;
use super::client_fields;
use super::error::{AppError, AppResult};
use super::layers;
use super::onboarding::{self, Given};
use super::revision::Expected;
use crate::App;
use crate::events::{Change, Resource};
use crate::settings::{SettingSource, SettingState};
use crate::store::audit::NewRecord;
use crate::store::{Tx, audit, layers as layer_rows, settings as rows};

/// The variable of templates that a setting makes.
const EXTENSION: &str = "extension";

fn view(state: SettingState) -> SettingView {
    let row = state.key.definition();
    SettingView {
        id: row.id.to_owned(),
        value: state.value,
        default: row.default.into(),
        source: match state.source {
            SettingSource::Default => Source::Default,
            SettingSource::Database => Source::Database,
            SettingSource::File => Source::File,
            SettingSource::Environment => Source::Environment,
        },
        locked: state.source.is_locked(),
        restart: row.restart,
        restart_pending: state.restart_pending,
        kind: match row.kind {
            SettingKind::Bool => Kind::Bool,
            SettingKind::Integer { min, max, unit } => Kind::Integer { min, max, unit: unit.to_owned() },
            SettingKind::Choice(choices) => {
                Kind::Choice { choices: choices.iter().map(|&choice| choice.to_owned()).collect() }
            }
            SettingKind::Url => Kind::Url,
            SettingKind::PathUrl => Kind::PathUrl,
            SettingKind::Networks => Kind::Networks,
            SettingKind::Instant => Kind::Instant,
        },
        environment: state.key.environment_name(),
        help: row.help.to_owned(),
        updated_at: state.updated_at,
        revision: state.revision,
    }
}

/// All settings, in the order of the registry.
pub fn list(app: &App) -> Page<SettingView> {
    Page::whole(SettingKey::ALL.iter().map(|key| view(app.settings.view(*key))).collect())
}

/// One setting.
///
/// # Errors
/// `not_found`.
pub fn find(app: &App, id: &str) -> AppResult<SettingView> {
    let key = SettingKey::from_id(id).ok_or_else(AppError::not_found)?;
    Ok(view(app.settings.view(key)))
}

/// Sets a value.
///
/// # Errors
/// `not_found`, `setting_locked`, `step_up_required`, `precondition_failed`, `invalid_fields`, `in_use`.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    expected: &Expected,
    request: ChangeSetting,
) -> AppResult<SettingView> {
    let key = unlocked(app, id)?;
    if key.is_security() {
        caller.require_confirmed(app).await?;
    }
    let against = Against::of(app, key).await?;
    let tx = app.store.begin().await?;
    let (before, revision) = match stored(&tx, key, expected).await {
        Err(error) => return Err(read_again(app, tx, error).await),
        Ok(stored) => stored,
    };
    key.check(&request.value).map_err(|fault| refused(&fault))?;
    if before != request.value {
        against.refuse(app, &tx).await?;
    }
    if !rows::put(&tx, id, &request.value, revision, app.clock.now()).await? {
        return Err(read_again(app, tx, AppError::stale()).await);
    }
    record(app, &tx, caller, "setting.change", key, &before, &request.value).await?;
    tx.commit().await?;
    changed(app, key).await
}

/// Goes back to the default.
///
/// # Errors
/// `not_found`, `setting_locked`, `step_up_required`, `precondition_failed`, `in_use`.
pub async fn reset(app: &App, caller: &Caller, id: &str, expected: &Expected) -> AppResult<SettingView> {
    let key = unlocked(app, id)?;
    if key.is_security() {
        caller.require_confirmed(app).await?;
    }
    let against = Against::of(app, key).await?;
    let tx = app.store.begin().await?;
    let (before, revision) = match stored(&tx, key, expected).await {
        Err(error) => return Err(read_again(app, tx, error).await),
        Ok(stored) => stored,
    };
    if revision != 0 {
        if before != key.definition().default.into() {
            against.refuse(app, &tx).await?;
        }
        if !rows::delete(&tx, id, revision).await? {
            return Err(read_again(app, tx, AppError::stale()).await);
        }
        record(app, &tx, caller, "setting.reset", key, &before, &key.definition().default.into()).await?;
    }
    tx.commit().await?;
    changed(app, key).await
}

/// What stands against another value of a setting, as far as it takes long to find out.
#[derive(Default)]
struct Against(Option<Given>);

impl Against {
    /// Looked for before anything is held.
    async fn of(app: &App, key: SettingKey) -> AppResult<Self> {
        if key != SettingKey::ExtensionDigits {
            return Ok(Self::default());
        }
        Ok(Self(Some(onboarding::given_with(app, EXTENSION).await?)))
    }

    /// Another number of digits is another value for every client whose template holds the extension. A setting has no
    /// plan that would show that first (D-22), so it stays while there is such a template or a value given by one.
    async fn refuse(self, app: &App, tx: &Tx) -> AppResult<()> {
        let Some(given) = self.0 else { return Ok(()) };
        // No template is saved before this transaction ends.
        layer_rows::lock(tx).await?;
        let mut users = client_fields::templates_with(&*layers::snapshot(app, tx).await?, EXTENSION);
        if users.is_empty() && given.clients == 0 {
            return Ok(());
        }
        users.extend(given.templates);
        let text =
            "Templates or values that clients were given hold {extension}: another value would change them.";
        Err(client_fields::in_use(text, users, given.clients))
    }
}

fn unlocked(app: &App, id: &str) -> AppResult<SettingKey> {
    let key = SettingKey::from_id(id).ok_or_else(AppError::not_found)?;
    let source = match app.settings.view(key).source {
        SettingSource::Default | SettingSource::Database => return Ok(key),
        SettingSource::File => "file",
        SettingSource::Environment => "environment",
    };
    let text = "This setting is fixed by the configuration file or the environment of the server.";
    Err(AppError::new(Code::SettingLocked, text)
        .arg("source", source)
        .arg("variable", key.environment_name()))
}

/// The stored value and revision, the default and 0 when nothing is stored; refuses when the caller saw
/// another one. From the database: another node may have changed it a moment ago.
async fn stored(tx: &Tx, key: SettingKey, expected: &Expected) -> AppResult<(SettingValue, i64)> {
    let stored = rows::by_id(tx, key.definition().id).await?;
    let revision = stored.as_ref().map_or(0, |stored| stored.revision);
    expected.check(revision)?;
    let value = stored.and_then(|stored| stored.value).filter(|value| key.check(value).is_ok());
    Ok((value.unwrap_or_else(|| key.definition().default.into()), revision))
}

/// Who is told that a setting changed reads it again, and must then get what this node had not seen yet.
async fn read_again(app: &App, tx: Tx, error: AppError) -> AppError {
    drop(tx);
    if error.code() == Code::PreconditionFailed
        && let Err(error) = app.settings.reload(&app.store).await
    {
        return error.into();
    }
    error
}

fn refused(fault: &SettingFault) -> AppError {
    let error = FieldError::new("/value", fault.code(), fault.to_string());
    AppError::field(match fault {
        SettingFault::Type(expected) => error.arg("expected", *expected),
        SettingFault::Range { min, max } => error.arg("min", *min).arg("max", *max),
        SettingFault::Choice(choices) => error.arg("choices", choices.to_vec()),
        SettingFault::Url
        | SettingFault::PathUrl
        | SettingFault::Networks
        | SettingFault::Instant
        | SettingFault::Length => error,
    })
}

async fn record(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    key: SettingKey,
    before: &SettingValue,
    after: &SettingValue,
) -> AppResult<()> {
    let record = NewRecord {
        at: app.clock.now(),
        actor: &caller.actor(),
        action,
        object_kind: "setting",
        object_id: key.definition().id.to_owned(),
        details: json!({"before": {"value": before}, "after": {"value": after}}),
    };
    audit::append(tx, &record).await?;
    Ok(())
}

async fn changed(app: &App, key: SettingKey) -> AppResult<SettingView> {
    app.settings.reload(&app.store).await?;
    app.events.publish(Resource::Settings, Change::Updated, key.definition().id);
    Ok(view(app.settings.view(key)))
}

#[cfg(test)]
mod tests {
    use super::refused;
    use domain::setting::{SettingKey, SettingValue};

    #[test]
    fn a_refused_value_names_its_limits() {
        let fault = SettingKey::ApiPort.check(&SettingValue::Integer(70_000)).unwrap_err();
        let error = refused(&fault);
        let field = &error.errors()[0];
        assert_eq!((field.field.as_str(), field.code.as_str()), ("/value", "out_of_range"));
        assert_eq!(field.args["max"], 65_535);
        let fault = SettingKey::LogLevel.check(&SettingValue::Text("loud".into())).unwrap_err();
        assert!(refused(&fault).errors()[0].args["choices"].as_array().unwrap().len() > 3);
    }
}
