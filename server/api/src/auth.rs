//! Signing in and what a signed-in account may know of itself (OSEM §2.2, §2.8).

use domain::password::{PasswordFault, PasswordPolicy};
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
    /// Keep the session when the browser is closed ("Keep me logged in", OSEM §2.2.1). Its limits are the
    /// settings `accounts.kept-session-…` then, else `accounts.session-…`.
    #[serde(default)]
    pub keep_signed_in: bool,
}

/// What a sign-in leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "one answer at a time, written and gone")]
pub enum SignInAnswer {
    /// Signed in; the session comes as a cookie.
    SignedIn(SessionInfo),
    /// The password was right, and a code is needed: `POST /auth/sign-in/second-factor`.
    SecondFactorNeeded(SecondFactorNeeded),
}

/// A sign-in that waits for its second step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorNeeded {
    /// To be sent back with the code.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub challenge: Secret,
    /// Until when; afterwards, or after five wrong codes, signing in begins again.
    pub expires_at: Timestamp,
}

/// The second step of signing in: a code of the authenticator app, or a recovery code.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    /// What the first step gave.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub challenge: Secret,
    /// Six digits of the authenticator app; or else `recovery_code`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<Secret>,
    /// A recovery code, which is used up by it; or else `code`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub recovery_code: Option<Secret>,
}

/// Confirming again who one is, before something dangerous (`step_up_required`): with the password or with a code.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The password; or else `code`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
    /// Six digits of the authenticator app, or a recovery code, which is used up by it; for accounts that have them.
    /// Or else `password`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<Secret>,
}

/// The own details (OSEM §2.8.1), both of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeDetails {
    /// Language: `en` or `de`.
    pub language: String,
    /// Mail address; `null` for none.
    #[serde(default)]
    pub email: Option<String>,
    /// The password. Needed when the mail address changes; the language alone changes without.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
}

/// For what a pair of tokens is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// User name and password, and a code when the account has a second factor.
    Password,
    /// A refresh token.
    RefreshToken,
}

/// Asking for a pair of tokens. Which fields are needed, `grant_type` says.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// For what: `password` or `refresh_token`, words of RFC 6749.
    pub grant_type: GrantType,
    /// User name, for `password`.
    #[serde(default)]
    pub user_name: Option<String>,
    /// Password, for `password`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
    /// Six digits of the authenticator app, for `password` and accounts that have one; or else `recovery_code`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<Secret>,
    /// A recovery code, which is used up by it; or else `code`.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub recovery_code: Option<Secret>,
    /// The refresh token, for `refresh_token`. It counts once.
    #[serde(default, serialize_with = "patch::exposed_if_some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<Secret>,
}

/// A pair of tokens (OSEM §13.10). Shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenPair {
    /// To be sent as `Authorization: Bearer …`.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: String,
    /// Until when the access token counts, at most: it counts no longer than its session.
    pub access_expires_at: Timestamp,
    /// For the next pair; counts once.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub refresh_token: Secret,
    /// End of the session, when it is used until then.
    pub refresh_expires_at: Timestamp,
    /// The session, as in the list of sessions; it can be ended there.
    #[schema(value_type = i64)]
    pub session_id: SessionId,
}

/// Rules for passwords in force (D-31). Checked by `domain::password::check`, in browser and server alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordRules {
    /// Which set of rules.
    #[schema(schema_with = crate::schema::word::<PasswordPolicy>)]
    pub policy: PasswordPolicy,
    /// Fewest characters.
    pub min_length: usize,
    /// Most characters.
    pub max_length: usize,
    /// The rules, in the order they are shown, each by the code of the fault of a password that breaks it.
    #[schema(schema_with = crate::schema::list_of_words::<PasswordFault>)]
    pub rules: Vec<PasswordFault>,
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
    /// Whether signing in asks for a code too.
    pub second_factor: bool,
    /// Until when dangerous actions need no new confirmation (`POST /auth/confirm`); `null` with an API token,
    /// which needs none.
    pub confirmed_until: Option<Timestamp>,
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
