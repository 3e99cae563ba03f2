//! Whom a plan or an action is for: ids, or all that a filter takes.

use api::targets::{MOST_IDS, TargetFilter, Targets};
use api::{FieldError, field};
use domain::ClientId;

use super::error::{AppError, AppResult};
use crate::App;
use crate::store::client_list::{self, ClientFilter};

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
        (None, Some(filter)) => client_list::ids(&app.store, &client_filter(filter)).await?,
        _ => return Err(fault(field::MISSING, "needs either ids or filter")),
    };
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn client_filter(filter: &TargetFilter) -> ClientFilter {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    ClientFilter {
        search: text(&filter.search),
        software_type: text(&filter.software_type),
        model: text(&filter.model),
        state: filter.state,
    }
}
