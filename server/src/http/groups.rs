//! `/groups`: which clients belong together, and which templates they get (OSEM §8).

use api::Page;
use api::group::{ChangeGroup, GroupPreview, GroupQuery, GroupView, NewGroup, PreviewGroup};
use api::header::{IdempotencyKey, IfMatch};
use api::template::{DeleteMany, DeleteOne, DeletedMany};
use axum::extract::State;
use domain::{GroupId, Permission};

use super::answer::{Answer, created, gone, plain, tagged};
use super::extract::{Create, Id, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, groups};

/// List groups.
#[utoipa::path(get, path = "/groups", tag = "groups", params(GroupQuery),
    responses((status = 200, description = "Groups", body = Page<GroupView>)))]
pub(crate) async fn list_groups(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<GroupQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&groups::list(&app, &query?.0).await?))
}

/// Make a group. When that changes what is desired of clients, the answer is 409 `plan_required`: applying the plan
/// makes it.
#[utoipa::path(post, path = "/groups", tag = "groups", params(IdempotencyKey), request_body = NewGroup,
    responses((status = 201, description = "Made", body = GroupView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_group(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewGroup>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let Create { body, key } = request?;
    let made = groups::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/groups/{}", made.value.id), Some(made.value.revision)))
}

/// Get a group.
#[utoipa::path(get, path = "/groups/{id}", tag = "groups", params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "The group", body = GroupView, headers(("ETag" = String)))))]
pub(crate) async fn get_group(
    State(app): State<App>,
    caller: Caller,
    id: Id<GroupId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let group = groups::find(&app, id.0).await?;
    Ok(tagged(group.revision, &group))
}

/// Change a group; absent fields stay. When that changes what is desired of clients, the answer is 409
/// `plan_required`: applying the plan changes it.
#[utoipa::path(patch, path = "/groups/{id}", tag = "groups",
    params(("id" = i64, Path, description = "Group"), IfMatch), request_body = ChangeGroup,
    responses((status = 200, description = "Changed", body = GroupView, headers(("ETag" = String)))))]
pub(crate) async fn update_group(
    State(app): State<App>,
    caller: Caller,
    id: Id<GroupId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeGroup>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    let group = groups::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(group.revision, &group))
}

/// Delete a group. When that changes what is desired of clients, the answer is 409 `plan_required`: applying the plan
/// deletes it.
#[utoipa::path(delete, path = "/groups/{id}", tag = "groups",
    params(("id" = i64, Path, description = "Group"), IfMatch, DeleteOne),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_group(
    State(app): State<App>,
    caller: Caller,
    id: Id<GroupId>,
    expected: Expected,
    query: AppResult<Query<DeleteOne>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    let confirm = query?.0.confirm;
    groups::delete(&app, &caller, id.0, &expected, confirm).await?;
    Ok(gone())
}

/// Delete many groups, all or none. When that changes what is desired of clients, the answer is 409 `plan_required`:
/// applying the plan deletes them.
#[utoipa::path(post, path = "/groups/delete", tag = "groups", request_body = DeleteMany,
    responses((status = 200, description = "How many were deleted", body = DeletedMany)))]
pub(crate) async fn delete_groups(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<DeleteMany>>,
) -> Answer {
    caller.require(Permission::ChangeTemplates)?;
    query?;
    Ok(plain(&groups::delete_many(&app, &caller, &body?.0).await?))
}

/// Try a filter: who belongs to it now. Nothing is saved.
#[utoipa::path(post, path = "/groups/preview", tag = "groups", request_body = PreviewGroup,
    responses((status = 200, description = "Who belongs to it", body = GroupPreview)))]
pub(crate) async fn preview_group(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<PreviewGroup>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    Ok(plain(&groups::preview(&app, &body?.0).await?))
}
