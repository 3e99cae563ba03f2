//! Signing in and what a signed-in account may know of itself (OSEM §2.2, §2.8).

use domain::{AccountId, Permission, Role, Secret, SessionId, TokenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::patch;

/// Signing in with a browser.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// User name, in any case of letters.
    pub user_name: String,
    /// Password.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
    /// Keep the session when the browser is closed ("Keep me logged in", OSEM §2.2.1). The limits of a
    /// session (settings `accounts.session-…`) hold all the same.
    #[serde(default)]
    pub keep_signed_in: bool,
}

/// Changing one's own password.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String, format = Password)]
    pub old_password: Secret,
    /// The password from now on; the password policy applies (D-31).
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String, format = Password)]
    pub new_password: Secret,
}

/// Who is signed in, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// The account.
    #[schema(value_type = i64)]
    pub account_id: AccountId,
    /// Its name.
    pub user_name: String,
    /// Roles in force; a token may have fewer than its account.
    #[schema(schema_with = crate::schema::list_of_words::<Role>)]
    pub roles: Vec<Role>,
    /// What these roles allow.
    #[schema(schema_with = crate::schema::permissions)]
    pub permissions: Vec<Permission>,
    /// Language of texts: `en` or `de`.
    pub language: String,
    /// Mail address.
    pub email: Option<String>,
    /// While true only this operation, signing out and changing the password are allowed (D-32).
    pub must_change_password: bool,
    /// Number of failed sign-ins since the account was created (OSEM §2.8.1).
    pub failed_sign_ins: u64,
    /// Last failed sign-in.
    pub last_failed_sign_in_at: Option<Timestamp>,
    /// The browser session; `null` with an API token.
    #[schema(value_type = Option<i64>)]
    pub session_id: Option<SessionId>,
    /// The API token; `null` with a session.
    #[schema(value_type = Option<i64>)]
    pub token_id: Option<TokenId>,
    /// When session or token expires; `null` for a token that never does.
    pub expires_at: Option<Timestamp>,
    /// To be sent as `X-CSRF-Token` with every change; `null` with an API token, which needs none.
    pub csrf_token: Option<String>,
}
