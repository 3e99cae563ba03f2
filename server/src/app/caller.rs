//! Who calls, and what they may: an account with a browser session or an API token.
//!
//! Both are looked up at every request, so that a role taken away, a disabled account or an ended session
//! counts from the next request on.

use std::net::IpAddr;

use api::Code;
use domain::{AccountId, Permission, Role, RoleSet, SessionId, TokenId};
use jiff::{SignedDuration, Timestamp};

use super::access_token::{self, TokenKeys};
use super::error::{AppError, AppResult};
use super::secret_text;
use crate::App;
use crate::store::accounts::Account;
use crate::store::audit::{Actor, ActorKind};
use crate::store::sessions::Kind;
use crate::store::tokens::Token;
use crate::store::{StoreResult, Tx, accounts, sessions, tokens};

/// "Last used" is written at most this often.
const TOUCH: SignedDuration = SignedDuration::from_secs(60);
/// How long requests may have been under way when the cookie of their session was replaced.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(10);

/// How a caller proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A browser session.
    Session {
        /// Its id.
        id: SessionId,
        /// SHA-256 of its CSRF token.
        csrf_hash: Vec<u8>,
    },
    /// An access token of a program, which is as good as its session.
    TokenPair {
        /// Id of the session.
        id: SessionId,
    },
    /// An API token.
    Token {
        /// Its id.
        id: TokenId,
    },
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub user_name: String,
    /// Roles in force: those of the account, and with a limited token only those of them.
    pub roles: RoleSet,
    /// How they proved who they are.
    pub credential: Credential,
    /// When session or token expires.
    pub expires_at: Option<Timestamp>,
    /// Whether nothing but changing the password is allowed (D-32).
    pub must_change_password: bool,
    /// Address the request came from.
    pub address: IpAddr,
}

impl Caller {
    /// The first line of each handler: refuses when no role allows it, or when the password must be changed
    /// first (D-32).
    ///
    /// # Errors
    /// `password_change_required` or `forbidden`.
    pub fn require(&self, permission: Permission) -> AppResult<()> {
        if self.must_change_password && self.session().is_some() {
            let text = "Change the password first.";
            return Err(AppError::new(Code::PasswordChangeRequired, text));
        }
        if self.roles.may(permission) { Ok(()) } else { Err(AppError::forbidden(permission)) }
    }

    /// Stands in for [`Caller::require`] in the three operations that are allowed before the password has
    /// been changed: reading the own session, signing out, changing the password.
    pub fn require_signed_in(&self) {}

    /// Refuses a change with a session cookie unless the CSRF token came with it.
    ///
    /// # Errors
    /// `csrf_token_missing`.
    pub fn check_csrf(&self, token: Option<&str>) -> AppResult<()> {
        let Credential::Session { csrf_hash, .. } = &self.credential else { return Ok(()) };
        match token {
            Some(token) if secret_text::equal(&secret_text::hash(token), csrf_hash) => Ok(()),
            _ => Err(AppError::new(
                Code::CsrfTokenMissing,
                "Send the CSRF token of the session in the header X-CSRF-Token.",
            )),
        }
    }

    /// The session, of a browser or of a program, if it is one.
    pub fn session(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session { id, .. } | Credential::TokenPair { id } => Some(id),
            Credential::Token { .. } => None,
        }
    }

    /// The API token, if it is one.
    pub fn token(&self) -> Option<TokenId> {
        match self.credential {
            Credential::Session { .. } | Credential::TokenPair { .. } => None,
            Credential::Token { id } => Some(id),
        }
    }

    /// The account, its row locked, when the session or token that was let in is still there: a request may have been
    /// under way while it was revoked. Called first in transactions whose work would outlast it.
    ///
    /// # Errors
    /// `unauthenticated` when session, token or account are gone, or the account is disabled.
    pub(super) async fn still_valid(&self, tx: &Tx) -> AppResult<Account> {
        let account = accounts::by_id_locked(tx, self.account).await?;
        let account = account.filter(|account| !account.disabled).ok_or_else(AppError::unauthenticated)?;
        let there = match self.credential {
            Credential::Session { id, .. } | Credential::TokenPair { id } => {
                sessions::by_id(tx, id).await?.is_some()
            }
            Credential::Token { id } => tokens::by_id(tx, id).await?.is_some(),
        };
        there.then_some(account).ok_or_else(AppError::unauthenticated)
    }

    /// As the audit table names the caller.
    pub fn actor(&self) -> Actor {
        let kind = match self.credential {
            Credential::Session { .. } | Credential::TokenPair { .. } => ActorKind::Account,
            Credential::Token { .. } => ActorKind::Token,
        };
        Actor {
            kind,
            id: Some(self.account.0),
            name: self.user_name.clone(),
            address: Some(self.address.to_canonical().to_string()),
        }
    }
}

/// The caller of a session cookie. A cookie that was replaced a moment ago still reads, because requests that were
/// under way then carry it; it changes nothing.
///
/// # Errors
/// `unauthenticated` when there is no such session, or it has ended, or its account is disabled.
pub async fn by_session(app: &App, cookie: &str, address: IpAddr, reads: bool) -> AppResult<Caller> {
    let now = app.clock.now();
    let hash = secret_text::hash(cookie);
    let session = match sessions::by_token(&app.store, &hash).await? {
        None if reads => {
            let since = now.checked_sub(UNDER_WAY).unwrap_or(now);
            sessions::by_previous_token(&app.store, &hash, since).await?
        }
        session => session,
    };
    let idle_before = super::sessions::idle_before(app, now);
    let session = session
        .filter(|session| session.kind == Kind::Browser && idle_before.is_open(session, now))
        .ok_or_else(AppError::unauthenticated)?;
    let account = usable(app, session.account).await?;
    if now.duration_since(session.last_seen_at) >= TOUCH {
        touched(touch(app, async |tx| sessions::touch(tx, session.id, now).await).await);
    }
    Ok(Caller {
        account: account.id,
        user_name: account.user_name,
        roles: account.roles,
        expires_at: Some(session.expires_at),
        credential: Credential::Session { id: session.id, csrf_hash: session.csrf_hash },
        must_change_password: account.must_change_password,
        address,
    })
}

/// The caller of an API token.
///
/// # Errors
/// `unauthenticated` when there is no such token, or it has expired, or its account is disabled.
pub async fn by_token(app: &App, token: &str, address: IpAddr) -> AppResult<Caller> {
    let now = app.clock.now();
    let token = tokens::by_hash(&app.store, &secret_text::hash(token)).await?;
    let token = token.filter(|token| !has_expired(token, now)).ok_or_else(AppError::unauthenticated)?;
    let account = usable(app, token.account).await?;
    if token.last_used_at.is_none_or(|used| now.duration_since(used) >= TOUCH) {
        touched(touch(app, async |tx| tokens::touch(tx, token.id, now).await).await);
    }
    Ok(Caller {
        account: account.id,
        user_name: account.user_name,
        roles: limited(&account.roles, token.roles.as_ref()),
        expires_at: token.expires_at,
        credential: Credential::Token { id: token.id },
        must_change_password: account.must_change_password,
        address,
    })
}

/// The caller of an access token: signed here, not expired, and of a session that is open.
///
/// # Errors
/// `unauthenticated` when one of them is not so, or the account is disabled.
pub async fn by_access_token(app: &App, keys: &TokenKeys, token: &str, address: IpAddr) -> AppResult<Caller> {
    let now = app.clock.now();
    let bearer = access_token::check(app, keys, token).await?.ok_or_else(AppError::unauthenticated)?;
    let idle_before = super::sessions::idle_before(app, now);
    let session = sessions::by_id(&app.store, bearer.session)
        .await?
        .filter(|session| session.kind == Kind::TokenPair && session.account == bearer.account)
        .filter(|session| idle_before.is_open(session, now))
        .ok_or_else(AppError::unauthenticated)?;
    let account = usable(app, session.account).await?;
    if now.duration_since(session.last_seen_at) >= TOUCH {
        touched(touch(app, async |tx| sessions::touch(tx, session.id, now).await).await);
    }
    Ok(Caller {
        account: account.id,
        user_name: account.user_name,
        roles: account.roles,
        expires_at: Some(bearer.expires_at),
        credential: Credential::TokenPair { id: session.id },
        must_change_password: account.must_change_password,
        address,
    })
}

/// The roles that a caller who was let in earlier has now, `None` when they would not be let in any more; for
/// streams, which must not outlive their session. Does not count as use of the session.
///
/// # Errors
/// When the database cannot be asked.
pub async fn roles_now(app: &App, caller: &Caller) -> AppResult<Option<RoleSet>> {
    let now = app.clock.now();
    let limit = match caller.credential {
        Credential::Session { id, .. } | Credential::TokenPair { id } => {
            let idle_before = super::sessions::idle_before(app, now);
            let session = sessions::by_id(&app.store, id).await?;
            if !session.is_some_and(|session| idle_before.is_open(&session, now)) {
                return Ok(None);
            }
            None
        }
        Credential::Token { id } => match tokens::by_id(&app.store, id).await? {
            Some(token) if !has_expired(&token, now) => token.roles,
            _ => return Ok(None),
        },
    };
    let account = accounts::by_id(&app.store, caller.account).await?;
    let first = |account: &Account| account.must_change_password && caller.session().is_some();
    let account = account.filter(|account| !account.disabled && !first(account));
    Ok(account.map(|account| limited(&account.roles, limit.as_ref())))
}

/// Refuses a token with fewer rights than its account: it must not end what others of the account use.
///
/// # Errors
/// `forbidden`.
pub(super) async fn require_all_rights(app: &App, caller: &Caller) -> AppResult<()> {
    if caller.token().is_none() {
        return Ok(());
    }
    let account = usable(app, caller.account).await?;
    if account.roles.as_slice().iter().all(|role| covers(&caller.roles, *role)) {
        return Ok(());
    }
    let text = "This token has fewer rights than its account and may remove only itself.";
    Err(AppError::new(Code::Forbidden, text))
}

async fn usable(app: &App, account: AccountId) -> AppResult<Account> {
    let account = accounts::by_id(&app.store, account).await?;
    account.filter(|account| !account.disabled).ok_or_else(AppError::unauthenticated)
}

fn has_expired(token: &Token, now: Timestamp) -> bool {
    token.expires_at.is_some_and(|expires_at| expires_at <= now)
}

/// The rights both have: a token limited to `viewer` is a viewer also when its account is an administrator,
/// and one limited to `admin` shrinks with its account.
fn limited(roles: &RoleSet, limit: Option<&RoleSet>) -> RoleSet {
    let Some(limit) = limit else { return roles.clone() };
    let both = |these: &RoleSet, those: &RoleSet| {
        let roles = these.as_slice().iter().copied();
        roles.filter(|role| covers(those, *role)).collect::<Vec<Role>>()
    };
    RoleSet::new(both(limit, roles).into_iter().chain(both(roles, limit)))
}

/// Whether the roles allow everything that one role allows.
pub(super) fn covers(roles: &RoleSet, role: Role) -> bool {
    let one = RoleSet::new([role]);
    Permission::ALL.into_iter().all(|permission| !one.may(permission) || roles.may(permission))
}

async fn touch(app: &App, write: impl AsyncFnOnce(&Tx) -> StoreResult<()>) -> StoreResult<()> {
    let tx = app.store.begin().await?;
    write(&tx).await?;
    tx.commit().await
}

/// Who was let in is let in: a time that could not be noted does not change that.
fn touched(done: StoreResult<()>) {
    if let Err(error) = done {
        tracing::warn!(error = %error, "the last use of a session or token was not noted");
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Credential, limited};
    use crate::app::secret_text;
    use api::Code;
    use domain::{AccountId, Permission, Role, RoleSet, SessionId, TokenId};

    fn caller(roles: &[Role], credential: Credential, must_change_password: bool) -> Caller {
        Caller {
            account: AccountId(1),
            user_name: "anna".to_owned(),
            roles: RoleSet::new(roles.iter().copied()),
            credential,
            expires_at: None,
            must_change_password,
            address: [127, 0, 0, 1].into(),
        }
    }

    fn session() -> Credential {
        Credential::Session { id: SessionId(1), csrf_hash: secret_text::hash("right") }
    }

    #[test]
    fn roles_decide() {
        let viewer = caller(&[Role::Viewer], session(), false);
        assert!(viewer.require(Permission::ReadClients).is_ok());
        let refused = viewer.require(Permission::ChangeClients).unwrap_err();
        assert_eq!(refused.code(), Code::Forbidden);
        assert_eq!(refused.args()["permission"], "change-clients");
    }

    #[test]
    fn a_first_password_blocks_sessions_and_not_tokens() {
        let browser = caller(&[Role::Admin], session(), true);
        assert_eq!(browser.require(Permission::Own).unwrap_err().code(), Code::PasswordChangeRequired);
        let script = caller(&[Role::Admin], Credential::Token { id: TokenId(1) }, true);
        assert!(script.require(Permission::ChangeSettings).is_ok());
    }

    #[test]
    fn a_session_needs_its_csrf_token_a_token_does_not() {
        let browser = caller(&[], session(), false);
        assert!(browser.check_csrf(Some("right")).is_ok());
        for wrong in [None, Some(""), Some("wrong")] {
            assert_eq!(browser.check_csrf(wrong).unwrap_err().code(), Code::CsrfTokenMissing);
        }
        assert!(caller(&[], Credential::Token { id: TokenId(1) }, false).check_csrf(None).is_ok());
    }

    #[test]
    fn a_limited_token_never_has_more_than_its_account() {
        let set = |roles: &[Role]| RoleSet::new(roles.iter().copied());
        let left = |account: &[Role], limit: &[Role]| limited(&set(account), Some(&set(limit)));
        assert_eq!(left(&[Role::Viewer, Role::Auditor], &[Role::Auditor]), set(&[Role::Auditor]));
        assert_eq!(left(&[Role::Admin], &[Role::Viewer]), set(&[Role::Viewer]));
        assert_eq!(left(&[Role::Operator], &[Role::Admin]), set(&[Role::Operator]));
        assert_eq!(left(&[Role::Viewer], &[Role::Operator]), set(&[Role::Viewer]));
        assert_eq!(left(&[Role::Viewer], &[Role::Auditor]), set(&[]));
        assert_eq!(limited(&set(&[Role::Viewer]), None), set(&[Role::Viewer]));
        for account in Role::ALL {
            for limit in Role::ALL {
                let left = left(&[account], &[limit]);
                for permission in Permission::ALL {
                    let both = set(&[account]).may(permission) && set(&[limit]).may(permission);
                    assert!(!left.may(permission) || both, "{account:?} {limit:?} {permission:?}");
                }
            }
        }
    }
}
