//! `/auth`: signing in and out, the own session, the own password (OSEM §2.2, §2.8).

use std::sync::Arc;

use api::auth::{ChangePassword, SessionInfo, SignIn};
use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::SET_COOKIE;
use jiff::SignedDuration;

use super::answer::{Answer, gone, plain};
use super::extract::{Json, NoParameters, Query, SESSION_COOKIE, SessionCookie};
use crate::App;
use crate::app::brake::Brake;
use crate::app::sign_in::{self, Visitor};
use crate::app::{AppResult, Caller};

/// Sign in with a browser. The session comes as a cookie; the answer has the CSRF token.
#[utoipa::path(post, path = "/auth/sign-in", tag = "auth", request_body = SignIn,
    responses((status = 200, description = "Signed in", body = SessionInfo, headers(("Set-Cookie" = String)))))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    visitor: Visitor,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<SignIn>>,
) -> Answer {
    query?;
    let signed_in = sign_in::sign_in(&app, &brake, body?.0, &visitor).await?;
    let mut response = plain(&signed_in.info);
    set_cookie(&mut response, signed_in.cookie.expose(), signed_in.keep_for);
    Ok(response)
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
    Ok(plain(&sign_in::info(&app, &caller, cookie.0.as_ref()).await?))
}

/// Change the own password. All other sessions of the account end.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 204, description = "Changed")))]
pub(crate) async fn update_own_password(
    State(app): State<App>,
    State(brake): State<Arc<Brake>>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangePassword>>,
) -> Answer {
    caller.require_signed_in();
    query?;
    sign_in::change_password(&app, &brake, &caller, body?.0).await?;
    Ok(gone())
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
        assert_eq!(cookie("x", None), "workpoint_session=x; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert!(cookie("x", Some(SignedDuration::from_secs(60))).ends_with("; Max-Age=60"));
        assert!(cookie("", Some(SignedDuration::ZERO)).ends_with("; Max-Age=0"));
    }
}
