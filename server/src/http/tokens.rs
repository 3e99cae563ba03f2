//! `/tokens`: API tokens.

use api::Page;
use api::header::IdempotencyKey;
use api::token::{NewToken, TokenMade, TokenQuery, TokenView};
use axum::extract::State;
use domain::{Permission, TokenId};

use super::answer::{Answer, created, gone, plain};
use super::extract::{Create, Id, NoParameters, Query};
use crate::App;
use crate::app::{AppResult, Caller, tokens};

/// List the own tokens, or those of another account for callers who may read accounts.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(TokenQuery),
    responses((status = 200, description = "Tokens, newest first", body = Page<TokenView>)))]
pub(crate) async fn list_tokens(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<TokenQuery>>,
) -> Answer {
    caller.require(Permission::Own)?;
    Ok(plain(&tokens::list(&app, &caller, &query?.0).await?))
}

/// Make a token for the own account. The token itself is shown only in this answer.
#[utoipa::path(post, path = "/tokens", tag = "tokens", params(IdempotencyKey), request_body = NewToken,
    extensions(("x-step-up" = json!(true))),
    responses((status = 201, description = "Made", body = TokenMade, headers(("Location" = String)))))]
pub(crate) async fn create_token(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewToken>>,
) -> Answer {
    caller.require(Permission::Own)?;
    caller.require_confirmed(&app).await?;
    query?;
    let Create { body, key } = request?;
    let made = tokens::create(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/tokens/{}", made.value.details.id), None))
}

/// Get a token, without the token itself: an own one, or any for callers who may read accounts.
#[utoipa::path(get, path = "/tokens/{id}", tag = "tokens", params(("id" = i64, Path, description = "Token")),
    responses((status = 200, description = "The token", body = TokenView)))]
pub(crate) async fn get_token(
    State(app): State<App>,
    caller: Caller,
    id: Id<TokenId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    Ok(plain(&tokens::find(&app, &caller, id.0).await?))
}

/// Remove a token: an own one, or any for callers who may change accounts.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = i64, Path, description = "Token")),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete_token(
    State(app): State<App>,
    caller: Caller,
    id: Id<TokenId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    tokens::delete(&app, &caller, id.0).await?;
    Ok(gone())
}
