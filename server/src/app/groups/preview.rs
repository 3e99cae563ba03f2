//! Trying a filter before it is saved: how many clients belong to it, the first of them, and which other groups have
//! some of the same ("clients that belong to the current filter", OSEM §8).

use api::group::{GroupPreview, Overlap, PREVIEWED, PreviewGroup, PreviewedClient};
use domain::group_filter::Filter;

use super::filter_faults;
use crate::App;
use crate::app::error::{AppError, AppResult};
use crate::app::layers;
use crate::store::groups::Group;
use crate::store::{fleet, group_counts};

/// Groups named as overlapping.
const MOST_OVERLAPS: usize = 8;

/// Who belongs to a filter now.
///
/// # Errors
/// `invalid_fields`.
pub async fn preview(app: &App, request: &PreviewGroup) -> AppResult<GroupPreview> {
    let nobody = GroupPreview { members: 0, clients: Vec::new(), overlaps: Vec::new() };
    let Some(filter) = &request.filter else { return Ok(nobody) };
    let layers = layers::snapshot(app, &app.store).await?;
    let faults = filter_faults(&layers, filter);
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let others: Vec<(&Group, &Filter)> = layers
        .groups
        .values()
        .filter(|group| request.overlaps && Some(group.id) != request.group)
        .filter_map(|group| Some((group, group.filter.as_ref()?)))
        .collect();
    let filters: Vec<&Filter> = others.iter().map(|(_, filter)| *filter).collect();
    // Two looks at the same time: each goes once through what filters look at.
    let ((members, counts), first) = tokio::try_join!(
        group_counts::overlaps(&app.store, filter, &filters),
        group_counts::first(&app.store, filter, PREVIEWED),
    )?;
    let mut overlaps: Vec<Overlap> = others
        .iter()
        .zip(counts)
        .filter(|(_, members)| *members > 0)
        .map(|((group, _), members)| Overlap { id: group.id, name: group.name.clone(), members })
        .collect();
    overlaps.sort_by(|a, b| b.members.cmp(&a.members).then_with(|| a.name.cmp(&b.name)));
    overlaps.truncate(MOST_OVERLAPS);
    let mut rows = fleet::clients(&app.store, &first).await?;
    rows.sort_by_key(|row| first.iter().position(|id| *id == row.id));
    let clients = rows
        .into_iter()
        .map(|row| PreviewedClient {
            id: row.id,
            e164: row.e164,
            device_id: row.device_id.map(|device| device.to_string()).or(row.device_id_text),
            model: row.model.or(row.device_type),
            peer_address: row.peer_address,
        })
        .collect();
    Ok(GroupPreview { members, clients, overlaps })
}
