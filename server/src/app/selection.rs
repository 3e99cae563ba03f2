//! Whom a plan or an action is for: ids, or all that a filter takes.

use api::targets::{MOST_IDS, NO_SOFTWARE_TYPE, TargetFilter, Targets};
use api::{FieldError, field};
use domain::client::{Fault, FirmwareState};
use domain::group_filter::Filter;
use domain::{ClientId, GroupId, TemplateId};

use super::error::{AppError, AppResult};
use super::{firmware as software, layers};
use crate::App;
use crate::store::client_firmware::ByFirmware;
use crate::store::client_list::{self, ClientFilter, FaultFilter};

/// The clients of a selection, each once, by id. Ids nobody has are left out.
///
/// # Errors
/// `invalid_fields`.
pub async fn clients(app: &App, targets: &Targets) -> AppResult<Vec<ClientId>> {
    let fault = |code, text: &str| AppError::field(FieldError::new("/targets", code, text));
    let mut ids = match (&targets.ids, &targets.filter) {
        (Some(ids), None) if ids.is_empty() => return Err(fault(field::MISSING, "must name a client")),
        (Some(ids), None) if ids.len() > MOST_IDS => {
            return Err(fault(field::TOO_LONG, "names too many clients; use a filter"));
        }
        (Some(ids), None) => client_list::existing(&app.store, ids).await?,
        (None, Some(filter)) => {
            client_list::ids(&app.store, &client_filter(app, filter).await?, app.clock.now()).await?
        }
        _ => return Err(fault(field::MISSING, "needs either ids or filter")),
    };
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

async fn client_filter(app: &App, filter: &TargetFilter) -> AppResult<ClientFilter> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Ok(ClientFilter {
        search: text(&filter.search),
        software_type: software_type(filter.software_type.as_deref()),
        software_version: text(&filter.software_version),
        model: text(&filter.model),
        state: filter.state,
        firmware: firmware(app, filter.firmware).await?,
        in_job: filter.in_job,
        drift: filter.drift,
        fault: fault(filter.fault.as_deref(), "/targets/filter/fault")?,
        not_seen: filter.not_seen,
        secrets_withheld: filter.secrets_withheld,
        last_contact_reason: filter.last_contact_reason,
        seen_from: filter.seen_from,
        seen_until: filter.seen_until,
        among: among(app, filter.group, filter.template, "/targets/filter/").await?,
    })
}

/// The members of a group, and those a template applies to, as filters; `at` stands before the names of the fields.
///
/// # Errors
/// `invalid_fields` when there is no such group or template.
pub(super) async fn among(
    app: &App,
    group: Option<GroupId>,
    template: Option<TemplateId>,
    at: &str,
) -> AppResult<Vec<Filter>> {
    if group.is_none() && template.is_none() {
        return Ok(Vec::new());
    }
    let layers = layers::snapshot(app, &app.store).await?;
    let nobody = || Filter::Any(Vec::new());
    let unknown = |name: &str, code: &str| {
        AppError::field(FieldError::new(format!("{at}{name}"), code, "names nothing there is"))
    };
    let mut among = Vec::new();
    if let Some(id) = group {
        let group = layers.groups.get(&id).ok_or_else(|| unknown("group", "unknown_group"))?;
        among.push(group.filter.clone().unwrap_or_else(nobody));
    }
    if let Some(id) = template {
        if !layers.templates.contains_key(&id) {
            return Err(unknown("template", "unknown_template"));
        }
        among.push(layers.reach_of(id).unwrap_or_else(nobody));
    }
    Ok(among)
}

/// The filter for how clients stand to the software that is here.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn firmware(app: &App, asked: Option<FirmwareState>) -> AppResult<Option<ByFirmware>> {
    Ok(match asked {
        Some(asked) => Some(software::clients(app, asked).await?),
        None => None,
    })
}

/// The filter for the software type; those that do not say have an empty one.
pub(super) fn software_type(word: Option<&str>) -> Option<String> {
    let word = word.filter(|word| !word.is_empty())?;
    Some(if word == NO_SOFTWARE_TYPE { String::new() } else { word.to_owned() })
}

/// The filter for faults: `any`, or one of them.
///
/// # Errors
/// `invalid_fields` with this field.
pub(super) fn fault(word: Option<&str>, name: &str) -> AppResult<Option<FaultFilter>> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    if word == "any" {
        return Ok(Some(FaultFilter::Any));
    }
    if let Some(fault) = Fault::parse(word) {
        return Ok(Some(FaultFilter::One(fault)));
    }
    let choices: Vec<&str> =
        std::iter::once("any").chain(Fault::ALL.iter().map(|fault| fault.as_str())).collect();
    let text = format!("must be one of: {}", choices.join(", "));
    Err(AppError::field(FieldError::new(name, field::NOT_A_CHOICE, text).arg("choices", choices)))
}
