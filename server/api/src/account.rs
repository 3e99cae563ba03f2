//! Accounts of administrators and scripts (D-30 … D-32, OSEM §2.8.5).

use domain::{AccountId, Role, Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::patch;

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: AccountId,
    /// Name to sign in with.
    pub user_name: String,
    /// Roles; none allows only what concerns the account itself.
    #[schema(schema_with = crate::schema::list_of_words::<Role>)]
    pub roles: Vec<Role>,
    /// Language of texts for this account: `en` or `de`.
    pub language: String,
    /// Mail address.
    pub email: Option<String>,
    /// Whether nobody can use it.
    pub disabled: bool,
    /// Whether the password must be changed at the next sign-in.
    pub must_change_password: bool,
    /// Number of failed sign-ins since it was created.
    pub failed_sign_ins: u64,
    /// Last failed sign-in.
    pub last_failed_sign_in_at: Option<Timestamp>,
    /// Whether signing in is refused after too many failed sign-ins in a row. Sessions and tokens go on.
    pub locked: bool,
    /// When the lock ends by itself; `null` when it is not locked, or until somebody unlocks it.
    pub locked_until: Option<Timestamp>,
    /// Whether signing in asks for a code too.
    pub second_factor: bool,
    /// Last successful sign-in.
    pub last_sign_in_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// A new account. Its password must be changed at first sign-in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Name to sign in with: up to 64 letters, digits and `. _ - @ +`.
    pub user_name: String,
    /// First password; the password policy applies (D-31).
    #[serde(serialize_with = "patch::exposed")]
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
    /// Roles.
    #[schema(schema_with = crate::schema::list_of_words::<Role>)]
    pub roles: Vec<Role>,
    /// Language: `en` (default) or `de`.
    #[serde(default)]
    pub language: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub email: Option<String>,
}

/// Changes of an account; absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// Name to sign in with.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub user_name: Option<String>,
    /// Roles; other ones than before end all sessions of the account.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::list_of_words::<Role>)]
    pub roles: Option<Vec<Role>>,
    /// Language: `en` or `de`.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub language: Option<String>,
    /// Mail address; `null` clears it.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// `true` ends all sessions and removes all tokens of the account.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub disabled: Option<bool>,
    /// `true` has the password changed before anything else, also in open sessions; `false` takes that back.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub must_change_password: Option<bool>,
    /// A new first password, to be changed at the next sign-in; ends all sessions and removes all tokens of the
    /// account.
    #[serde(
        default,
        deserialize_with = "patch::set",
        serialize_with = "patch::exposed_if_some",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = String, format = Password, required = false)]
    pub password: Option<Secret>,
}

/// Which accounts a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Page, from 1.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Accounts on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `user_name` (default), `last_sign_in_at` or `created_at`; `-` before it for descending.
    pub sort: Option<String>,
    /// Part of the user name or of the mail address.
    pub search: Option<String>,
    /// Only accounts with this role.
    #[param(schema_with = crate::schema::word::<Role>)]
    pub role: Option<Role>,
    /// Only accounts that are disabled, or that are not.
    pub disabled: Option<bool>,
    /// Only accounts that are locked after failed sign-ins, or that are not.
    pub locked: Option<bool>,
}

/// Which accounts an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct AccountExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<crate::client::ExportFormat>,
    /// As in the list.
    pub sort: Option<String>,
    /// As in the list.
    pub search: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<Role>)]
    pub role: Option<Role>,
    /// As in the list.
    pub disabled: Option<bool>,
    /// As in the list.
    pub locked: Option<bool>,
}

impl From<AccountExportQuery> for AccountQuery {
    fn from(query: AccountExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            sort: query.sort,
            search: query.search,
            role: query.role,
            disabled: query.disabled,
            locked: query.locked,
        }
    }
}
