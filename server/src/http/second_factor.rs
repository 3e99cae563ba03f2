//! `/auth/second-factor`: the own second factor (OSEM §2.8.4). That of another account is removed at `/accounts`.

use std::sync::Arc;

use api::second_factor::{ActivateSecondFactor, RecoveryCodes, SecondFactorSetup, SecondFactorView};
use axum::extract::State;
use domain::Permission;

use super::answer::{Answer, gone, plain};
use super::auth::renew_cookie;
use super::extract::{Json, NoParameters, Query, SessionCookie};
use crate::App;
use crate::app::brake::Brake;
use crate::app::{AppResult, Caller, second_factor};

/// Whether the own account has a second factor.
#[utoipa::path(get, path = "/auth/second-factor", tag = "second-factor",
    responses((status = 200, description = "The second factor", body = SecondFactorView)))]
pub(crate) async fn get_second_factor(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    Ok(plain(&second_factor::view(&app, &caller).await?))
}

/// Begin to set up a second factor: gives what the authenticator app needs, once. It counts after its first code.
#[utoipa::path(post, path = "/auth/second-factor", tag = "second-factor", extensions(("x-step-up" = json!(true))),
    responses((status = 200, description = "What the app needs", body = SecondFactorSetup)))]
pub(crate) async fn begin_second_factor(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    caller.require_confirmed(&app).await?;
    query?;
    Ok(plain(&second_factor::begin(&app, &caller).await?))
}

/// Have the second factor count, with its first code. Gives the recovery codes, once; the other sessions of the account
/// end.
#[utoipa::path(post, path = "/auth/second-factor/activate", tag = "second-factor",
    extensions(("x-step-up" = json!(true))), request_body = ActivateSecondFactor,
    responses((status = 200, description = "Active", body = RecoveryCodes, headers(("Set-Cookie" = String)))))]
pub(crate) async fn activate_second_factor(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ActivateSecondFactor>>,
) -> Answer {
    caller.require(Permission::Own)?;
    caller.require_confirmed(&app).await?;
    query?;
    let cookie = cookie.0.as_ref();
    let (codes, renewed) = second_factor::activate(&app, &brake, &caller, cookie, body?.0).await?;
    let mut response = plain(&codes);
    renew_cookie(&mut response, renewed.as_ref());
    Ok(response)
}

/// Make new recovery codes, shown once; the old ones count no longer.
#[utoipa::path(post, path = "/auth/second-factor/recovery-codes", tag = "second-factor",
    extensions(("x-step-up" = json!(true))),
    responses((status = 200, description = "The codes", body = RecoveryCodes)))]
pub(crate) async fn renew_recovery_codes(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    caller.require_confirmed(&app).await?;
    query?;
    Ok(plain(&second_factor::renew_recovery_codes(&app, &caller).await?))
}

/// Remove the own second factor with its recovery codes.
#[utoipa::path(delete, path = "/auth/second-factor", tag = "second-factor",
    extensions(("x-step-up" = json!(true))),
    responses((status = 204, description = "Removed", headers(("Set-Cookie" = String)))))]
pub(crate) async fn delete_second_factor(
    State(app): State<App>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::Own)?;
    caller.require_confirmed(&app).await?;
    query?;
    let renewed = second_factor::remove(&app, &caller, cookie.0.as_ref()).await?;
    let mut response = gone();
    renew_cookie(&mut response, renewed.as_ref());
    Ok(response)
}
