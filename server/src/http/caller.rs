//! Who calls: from the `Authorization` header, or from the session cookie.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::extract::{address, session_cookie};
use super::state::ApiState;
use crate::app::access_token::looks_like_one;
use crate::app::caller::{by_access_token, by_session, by_token};
use crate::app::{AppError, AppResult, Caller};

impl FromRequestParts<ApiState> for Caller {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> AppResult<Self> {
        let address = address(parts);
        // A header somebody took the trouble to send is stronger than a cookie the browser adds by itself.
        let caller = match parts.headers.get(AUTHORIZATION) {
            Some(value) => {
                let token = value.to_str().ok().and_then(bearer).ok_or_else(AppError::unauthenticated)?;
                if looks_like_one(token) {
                    by_access_token(&state.app, &state.token_keys, token, address).await?
                } else {
                    by_token(&state.app, token, address).await?
                }
            }
            None => {
                let cookie = session_cookie(&parts.headers).ok_or_else(AppError::unauthenticated)?;
                by_session(&state.app, cookie.expose(), address, parts.method.is_safe()).await?
            }
        };
        let span = tracing::Span::current();
        span.record("account", caller.account.0);
        if let Some(token) = caller.token() {
            span.record("token", token.0);
        }
        if !parts.method.is_safe() {
            caller.check_csrf(parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()))?;
        }
        Ok(caller)
    }
}

/// The token of a `Bearer` header; the word is written in any case (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn only_bearer_is_taken() {
        assert_eq!(bearer("Bearer wp_x"), Some("wp_x"));
        assert_eq!(bearer("bearer  wp_x "), Some("wp_x"));
        assert_eq!(bearer("Basic wp_x"), None);
        assert_eq!(bearer("wp_x"), None);
    }
}
