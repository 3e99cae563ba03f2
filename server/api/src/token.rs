//! API tokens: for scripts, shown once, hashed at rest.

use domain::{AccountId, Role, Secret, TokenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::patch;

/// A token, without the token itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: TokenId,
    /// Account it belongs to.
    #[schema(value_type = i64)]
    pub account_id: AccountId,
    /// What it is for.
    pub name: String,
    /// Its last four characters, to tell tokens apart.
    pub hint: String,
    /// Roles it is limited to; `null` for all roles of its account.
    #[schema(schema_with = crate::schema::list_of_words_or_null::<Role>)]
    pub roles: Option<Vec<Role>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires; `null` for never.
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A token to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; up to 100 characters, unique within the account.
    pub name: String,
    /// Limits it to these roles, none of which may allow more than the caller's own.
    #[serde(default)]
    #[schema(schema_with = crate::schema::list_of_words_or_null::<Role>)]
    pub roles: Option<Vec<Role>>,
    /// When it expires; never when absent. A token made with a token expires no later than that one.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// What is kept of it.
    #[serde(flatten)]
    pub details: TokenView,
    /// The token itself. It is shown only now.
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String)]
    pub token: Secret,
}

/// Whose tokens a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// Tokens of another account; needs the permission `read-accounts`. The own account's when absent.
    #[param(value_type = Option<i64>)]
    pub account_id: Option<AccountId>,
}
