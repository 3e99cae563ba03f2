//! `/accounts`: accounts of administrators and scripts.

use api::Page;
use api::account::{AccountQuery, AccountView, ChangeAccount, NewAccount};
use api::header::{IdempotencyKey, IfMatch};
use axum::extract::State;
use domain::{AccountId, Permission};

use super::answer::{Answer, created, gone, plain, tagged};
use super::extract::{Create, Id, Json, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, Expected, accounts};

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

/// Create an account. Its password must be changed at first sign-in.
#[utoipa::path(post, path = "/accounts", tag = "accounts", params(IdempotencyKey), request_body = NewAccount,
    responses((status = 201, description = "Created", body = AccountView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_account(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewAccount>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
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

/// Change an account; absent fields stay. Disabling it, or setting a new first password, ends its sessions.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "accounts",
    params(("id" = i64, Path, description = "Account"), IfMatch), request_body = ChangeAccount,
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
    query?;
    let account = accounts::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(account.revision, &account))
}

/// Delete an account with its sessions and tokens.
#[utoipa::path(delete, path = "/accounts/{id}", tag = "accounts",
    params(("id" = i64, Path, description = "Account"), IfMatch),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_account(
    State(app): State<App>,
    caller: Caller,
    id: Id<AccountId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeAccounts)?;
    query?;
    accounts::delete(&app, &caller, id.0, &expected).await?;
    Ok(gone())
}
