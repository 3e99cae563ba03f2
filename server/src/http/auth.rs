//! `/auth`: signing in and out, the own session, password and details, confirming who one is (OSEM §2.2, §2.8).

use std::sync::Arc;

use api::auth::{
    ChangeDetails, ChangePassword, Confirm, PasswordRules, SecondStep, SessionInfo, SignIn, SignInAnswer,
    TokenPair, TokenRequest,
};
use axum::extract::State;
use axum::response::Response;
use domain::Permission;
use http::HeaderValue;
use http::header::SET_COOKIE;
use jiff::SignedDuration;

use super::answer::{Answer, gone, plain};
use super::extract::{Json, NoParameters, Query, SESSION_COOKIE, SessionCookie};
use crate::App;
use crate::app::access_token::TokenKeys;
use crate::app::brake::Brake;
use crate::app::sessions::Renewed;
use crate::app::sign_in::{self, FirstStep, Visitor};
use crate::app::{AppResult, Caller, own_account, token_pair};

/// Sign in with a browser. The session comes as a cookie; the answer has the CSRF token. Accounts with a second factor
/// get no session yet, but a challenge that goes back with the code.
#[utoipa::path(post, path = "/auth/sign-in", tag = "auth", request_body = SignIn,
    responses((status = 200, description = "Signed in, or the code is needed", body = SignInAnswer,
        headers(("Set-Cookie" = String)))))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    visitor: Visitor,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<SignIn>>,
) -> Answer {
    query?;
    match sign_in::sign_in(&app, &brake, body?.0, &visitor).await? {
        FirstStep::SignedIn(signed_in) => {
            let mut response = plain(&SignInAnswer::SignedIn(signed_in.info));
            renew_cookie(&mut response, Some(&signed_in.session));
            Ok(response)
        }
        FirstStep::SecondFactorNeeded(needed) => Ok(plain(&SignInAnswer::SecondFactorNeeded(needed))),
    }
}

/// The second step of signing in: the code of the authenticator app, or a recovery code. Each counts once.
#[utoipa::path(post, path = "/auth/sign-in/second-factor", tag = "auth", request_body = SecondStep,
    responses((status = 200, description = "Signed in", body = SignInAnswer, headers(("Set-Cookie" = String)))))]
pub(crate) async fn complete_sign_in(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    visitor: Visitor,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<SecondStep>>,
) -> Answer {
    query?;
    let signed_in = sign_in::second_step(&app, &brake, body?.0, &visitor).await?;
    let mut response = plain(&SignInAnswer::SignedIn(signed_in.info));
    renew_cookie(&mut response, Some(&signed_in.session));
    Ok(response)
}

/// Get a pair of access and refresh token, for programs that sign in with a password; or the next one for a refresh
/// token, which counts once. The pair is a session like that of a browser.
#[utoipa::path(post, path = "/auth/token", tag = "auth", request_body = TokenRequest,
    responses((status = 200, description = "The pair", body = TokenPair)))]
pub(crate) async fn create_token_pair(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    State(keys): State<Arc<TokenKeys>>,
    visitor: Visitor,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<TokenRequest>>,
) -> Answer {
    query?;
    Ok(plain(&token_pair::grant(&app, &brake, &keys, body?.0, &visitor).await?))
}

/// Sign out: ends the session. With an API token nothing ends.
#[utoipa::path(post, path = "/auth/sign-out", tag = "auth", responses((status = 204, description = "Signed out")))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require_signed_in();
    query?;
    sign_in::sign_out(&app, &caller).await?;
    let mut response = gone();
    set_cookie(&mut response, "", Some(SignedDuration::ZERO));
    Ok(response)
}

/// Who is signed in, and what they may.
#[utoipa::path(get, path = "/auth/session", tag = "auth",
    responses((status = 200, description = "The own session", body = SessionInfo)))]
pub(crate) async fn get_own_session(
    State(app): State<App>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require_signed_in();
    query?;
    Ok(plain(&own_account::info(&app, &caller, cookie.0.as_ref()).await?))
}

/// Confirm who uses the session, with the password or a code, before something dangerous. The session gets another
/// cookie; its CSRF token stays.
#[utoipa::path(post, path = "/auth/confirm", tag = "auth", request_body = Confirm,
    responses((status = 204, description = "Confirmed", headers(("Set-Cookie" = String)))))]
pub(crate) async fn confirm_session(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<Confirm>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    let renewed = own_account::confirm(&app, &brake, &caller, cookie.0.as_ref(), body?.0).await?;
    let mut response = gone();
    renew_cookie(&mut response, renewed.as_ref());
    Ok(response)
}

/// Change the own password. All other sessions of the account end; this one gets another cookie, its CSRF token stays.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 204, description = "Changed", headers(("Set-Cookie" = String)))))]
pub(crate) async fn update_own_password(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangePassword>>,
) -> Answer {
    caller.require_signed_in();
    query?;
    let renewed = own_account::change_password(&app, &brake, &caller, cookie.0.as_ref(), body?.0).await?;
    let mut response = gone();
    renew_cookie(&mut response, renewed.as_ref());
    Ok(response)
}

/// Change the own language and mail address. Another mail address takes the password.
#[utoipa::path(put, path = "/auth/details", tag = "auth", request_body = ChangeDetails,
    responses((status = 200, description = "Changed", body = SessionInfo)))]
pub(crate) async fn update_own_details(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    caller: Caller,
    cookie: SessionCookie,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeDetails>>,
) -> Answer {
    caller.require(Permission::Own)?;
    query?;
    own_account::change_details(&app, &brake, &caller, body?.0).await?;
    Ok(plain(&own_account::info(&app, &caller, cookie.0.as_ref()).await?))
}

/// Rules for passwords in force.
#[utoipa::path(get, path = "/auth/password-rules", tag = "auth",
    responses((status = 200, description = "The rules", body = PasswordRules)))]
pub(crate) async fn get_password_rules(
    State(app): State<App>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    query?;
    Ok(plain(&own_account::password_rules(&app)))
}

/// Gives the browser the cookie a session has from now on, if it has another one.
pub(super) fn renew_cookie(response: &mut Response, renewed: Option<&Renewed>) {
    if let Some(renewed) = renewed {
        set_cookie(response, renewed.cookie.expose(), renewed.keep_for);
    }
}

/// Not readable by scripts, never sent without TLS, never sent with requests that other sites cause.
fn set_cookie(response: &mut Response, value: &str, keep_for: Option<SignedDuration>) {
    let keep = keep_for.map(|time| format!("; Max-Age={}", time.as_secs())).unwrap_or_default();
    let text = format!("{SESSION_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{keep}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::set_cookie;
    use crate::http::answer::gone;
    use jiff::SignedDuration;

    #[test]
    fn the_cookie_is_for_this_server_alone() {
        let cookie = |value: &str, keep| {
            let mut response = gone();
            set_cookie(&mut response, value, keep);
            response.headers()["set-cookie"].to_str().unwrap().to_owned()
        };
        assert_eq!(
            cookie("x", None),
            "__Host-workpoint_session=x; Path=/; Secure; HttpOnly; SameSite=Strict"
        );
        assert!(cookie("x", Some(SignedDuration::from_secs(60))).ends_with("; Max-Age=60"));
        assert!(cookie("", Some(SignedDuration::ZERO)).ends_with("; Max-Age=0"));
    }
}
