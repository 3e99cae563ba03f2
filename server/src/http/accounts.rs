//! `/accounts`: accounts of administrators and scripts.

use api::Page;
use api::account::{AccountExportQuery, AccountQuery, AccountView, ChangeAccount, NewAccount};
use api::header::{IdempotencyKey, IfMatch};
use api::session::SessionsEnded;
use axum::extract::State;
use domain::{AccountId, Permission};

use super::answer::{Answer, created, gone, plain, tagged};
use super::export;
use super::extract::{Create, Id, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, accounts};

const COLUMNS: &[&str] = &[
    "id",
    "user_name",
    "roles",
    "language",
    "email",
    "disabled",
    "must_change_password",
    "failed_sign_ins",
    "last_failed_sign_in_at",
    "locked",
    "locked_until",
    "second_factor",
    "last_sign_in_at",
    "created_at",
    "updated_at",
];

/// List accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(AccountQuery),
    responses((status = 200, description = "Accounts", body = Page<AccountView>)))]
pub(crate) async fn list_accounts(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<AccountQuery>>,
) -> Answer {
    caller.require(Permission::ReadAccounts)?;
    Ok(plain(&accounts::list(&app, query?.0).await?))
}

/// Export accounts.
#[utoipa::path(get, path = "/accounts/export", tag = "accounts", params(AccountExportQuery),
    responses((status = 200, description = "Accounts", content(
        (Vec<AccountView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_accounts(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<AccountExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadAccounts)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    Ok(export::answer("accounts", format, COLUMNS, accounts::export(app, query.into())?))
}

/// Create an account. Its password must be changed at first sign-in.
#[utoipa::path(post, path = "/accounts", tag = "accounts", params(IdempotencyKey), request_body = NewAccount,
    extensions(("x-step-up" = json!(true))),
    responses((status = 201, description = "Created", body = AccountView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_account(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewAccount>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    let Create { body, key } = request?;
    let made = accounts::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/accounts/{}", made.value.id), Some(made.value.revision)))
}

/// Get an account.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts", params(("id" = i64, Path, description = "Account")),
    responses((status = 200, description = "The account", body = AccountView, headers(("ETag" = String)))))]
pub(crate) async fn get_account(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadAccounts)?;
    query?;
    let account = accounts::find(&app, id.0).await?;
    Ok(tagged(account.revision, &account))
}

/// Change an account; absent fields stay. Disabling it, or setting a new first password, ends its
/// sessions and removes its tokens; other roles end its sessions.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "accounts",
    params(("id" = i64, Path, description = "Account"), IfMatch), request_body = ChangeAccount,
    extensions(("x-step-up" = json!(true))),
    responses((status = 200, description = "Changed", body = AccountView, headers(("ETag" = String)))))]
pub(crate) async fn update_account(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeAccount>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    let account = accounts::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(account.revision, &account))
}

/// Delete an account with its sessions and tokens.
#[utoipa::path(delete, path = "/accounts/{id}", tag = "accounts",
    params(("id" = i64, Path, description = "Account"), IfMatch), extensions(("x-step-up" = json!(true))),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_account(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    accounts::delete(&app, &caller, id.0, &expected).await?;
    Ok(gone())
}

/// Unlock an account that was locked after failed sign-ins.
#[utoipa::path(post, path = "/accounts/{id}/unlock", tag = "accounts",
    params(("id" = i64, Path, description = "Account")), extensions(("x-step-up" = json!(true))),
    responses((status = 200, description = "Not locked", body = AccountView, headers(("ETag" = String)))))]
pub(crate) async fn unlock_account(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    let account = accounts::unlock(&app, &caller, id.0).await?;
    Ok(tagged(account.revision, &account))
}

/// End all sessions of an account. Its tokens stay.
#[utoipa::path(delete, path = "/accounts/{id}/sessions", tag = "accounts",
    params(("id" = i64, Path, description = "Account")), extensions(("x-step-up" = json!(true))),
    responses((status = 200, description = "Ended", body = SessionsEnded)))]
pub(crate) async fn delete_account_sessions(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    Ok(plain(&accounts::end_sessions(&app, &caller, id.0).await?))
}

/// Remove the second factor of somebody who lost theirs. Their sessions end.
#[utoipa::path(delete, path = "/accounts/{id}/second-factor", tag = "accounts",
    params(("id" = i64, Path, description = "Account")), extensions(("x-step-up" = json!(true))),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete_account_second_factor(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    caller.require_confirmed(&app).await?;
    query?;
    accounts::remove_second_factor(&app, &caller, id.0).await?;
    Ok(gone())
}
