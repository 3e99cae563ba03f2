//! Roles of accounts and what each may do (D-30).

use serde::{Deserialize, Serialize};

/// A role of an account; an account may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, including accounts and settings.
    Admin,
    /// Works with clients and their jobs.
    Operator,
    /// Looks at everything but accounts, settings and the audit table.
    Viewer,
    /// Looks at the audit table, accounts and settings.
    Auditor,
}

/// What a handler asks for in its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Own session, own password, own tokens: anybody signed in.
    Own,
    /// Read clients, models, counts, events, notifications.
    ReadClients,
    /// Change and delete clients.
    ChangeClients,
    /// Change templates, groups and the fields that clients can have.
    ChangeTemplates,
    /// Upload, describe and delete files.
    ChangeFiles,
    /// Change storage providers, and scan for them.
    ChangeStorage,
    /// Read accounts and other people's tokens.
    ReadAccounts,
    /// Change accounts and other people's tokens.
    ChangeAccounts,
    /// Read settings and diagnosis of listeners.
    ReadSettings,
    /// Change settings.
    ChangeSettings,
    /// Read the audit table.
    ReadAudit,
}

impl Permission {
    /// Every permission, for tables and tests.
    pub const ALL: [Self; 11] = [
        Self::Own,
        Self::ReadClients,
        Self::ChangeClients,
        Self::ChangeTemplates,
        Self::ChangeFiles,
        Self::ChangeStorage,
        Self::ReadAccounts,
        Self::ChangeAccounts,
        Self::ReadSettings,
        Self::ChangeSettings,
        Self::ReadAudit,
    ];
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Viewer, Self::Auditor];

    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
        }
    }

    /// The role a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match (self, permission) {
            (Self::Admin, _) | (_, P::Own) => true,
            (Self::Operator, P::ReadClients | P::ChangeClients | P::ChangeTemplates | P::ChangeFiles) => true,
            (Self::Viewer, P::ReadClients) => true,
            (Self::Auditor, P::ReadAudit | P::ReadAccounts | P::ReadSettings) => true,
            (Self::Operator | Self::Viewer | Self::Auditor, _) => false,
        }
    }
}

/// The roles of one account. Without a role an account may only do what concerns itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleSet(Vec<Role>);

impl RoleSet {
    /// A set from any list; sorted, each role once.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Self {
        let mut roles: Vec<Role> = roles.into_iter().collect();
        roles.sort_unstable();
        roles.dedup();
        Self(roles)
    }

    /// Whether one of the roles allows it.
    pub fn may(&self, permission: Permission) -> bool {
        permission == Permission::Own || self.0.iter().any(|role| role.may(permission))
    }

    /// Whether a role is in the set.
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The roles, sorted.
    pub fn as_slice(&self) -> &[Role] {
        &self.0
    }

    /// The stored form: words separated by commas.
    pub fn to_words(&self) -> String {
        self.0.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
    }

    /// Reads the stored form; words nobody knows are left out, they allow nothing.
    pub fn from_words(words: &str) -> Self {
        Self::new(words.split(',').filter_map(|word| Role::parse(word.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, Role, RoleSet};

    #[test]
    fn only_the_administrator_may_everything() {
        for permission in Permission::ALL {
            assert!(RoleSet::new([Role::Admin]).may(permission));
        }
        for role in [Role::Operator, Role::Viewer, Role::Auditor] {
            assert!(!RoleSet::new([role]).may(Permission::ChangeAccounts));
            assert!(!RoleSet::new([role]).may(Permission::ChangeSettings));
        }
    }

    #[test]
    fn several_roles_add_up_and_unknown_words_allow_nothing() {
        let roles = RoleSet::from_words("viewer, auditor,owner");
        assert!(roles.may(Permission::ReadClients) && roles.may(Permission::ReadAudit));
        assert!(!roles.may(Permission::ChangeClients));
        assert_eq!(roles.to_words(), "viewer,auditor");
        assert!(RoleSet::default().may(Permission::Own));
        assert!(!RoleSet::default().may(Permission::ReadClients));
    }
}
