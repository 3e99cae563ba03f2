//! One typed id per entity, so that a client's number is never taken for an account's.

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

typed_ids! {
    /// A client: a phone, or the prepared entry for one (D-1).
    ClientId;
    /// An account of an administrator or a script.
    AccountId;
    /// A signed-in browser session of an account.
    SessionId;
    /// An API token.
    TokenId;
    /// A record of the audit table.
    AuditId;
    /// A notification for administrators.
    NotificationId;
    /// A plan: a change that was asked for and not applied yet (D-27).
    PlanId;
    /// A job.
    JobId;
    /// One client of a job.
    TargetId;
    /// A stored diff; equal ones are stored once.
    DiffId;
    /// A template.
    TemplateId;
    /// A group of clients.
    GroupId;
    /// A scan of networks, for phones or for storage providers.
    ScanId;
    /// A file for phones.
    FileId;
    /// A storage provider.
    ProviderId;
    /// An upload that is not complete.
    UploadId;
}
