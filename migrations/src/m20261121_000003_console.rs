//! What the console needs: second factors, lock-outs, kept sessions and their confirmation; notifications for
//! each account, contacts by the hour, and indexes for lists and counts.

use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, DbErr};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's methods are declared without the lifetime")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        crate::dialect::run(connection, SQL).await?;
        crate::dialect::run(connection, LISTS).await?;
        if connection.get_database_backend() == DbBackend::Sqlite {
            crate::dialect::run(connection, NARROW).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the schema only goes forward; restore a backup instead".to_owned()))
    }
}

const SQL: &str = "
ALTER TABLE account ADD COLUMN failed_in_a_row BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN locked_at BIGINT;
ALTER TABLE account ADD COLUMN last_sign_in_address TEXT NOT NULL DEFAULT '';

ALTER TABLE account_session ADD COLUMN kind TEXT NOT NULL DEFAULT 'browser';
ALTER TABLE account_session ADD COLUMN kept BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE account_session ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_session ADD COLUMN confirmed_with TEXT NOT NULL DEFAULT 'password';
ALTER TABLE account_session ADD COLUMN failed_confirmations INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account_session ADD COLUMN previous_token_hash {bytes};
ALTER TABLE account_session ADD COLUMN rotated_at BIGINT;
CREATE INDEX account_session_previous ON account_session (previous_token_hash) WHERE previous_token_hash IS NOT NULL;
CREATE INDEX account_session_lasting ON account_session (csrf_hash) WHERE kind = 'token-pair';

CREATE TABLE second_factor (
    account_id BIGINT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    last_step BIGINT NOT NULL
);

CREATE TABLE recovery_code (
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    code_digest {bytes} NOT NULL,
    PRIMARY KEY (account_id, code_digest)
) {clustered};

CREATE TABLE sign_in_challenge (
    token_hash {bytes} NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    password_digest {bytes} NOT NULL,
    kept BOOLEAN NOT NULL,
    tries INTEGER NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_challenge_account ON sign_in_challenge (account_id);
CREATE INDEX sign_in_challenge_expiry ON sign_in_challenge (expires_at);
";

/// Notifications that each account clears for itself, contacts by the hour, and indexes of counts.
const LISTS: &str = "
ALTER TABLE notification ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE INDEX notification_subject ON notification (code, subject, id);

CREATE TABLE notification_cleared (
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    notification_id BIGINT NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    batch BIGINT NOT NULL,
    PRIMARY KEY (account_id, notification_id)
) {clustered};
CREATE INDEX notification_cleared_notification ON notification_cleared (notification_id);

CREATE TABLE notification_mark (
    account_id BIGINT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    seen_up_to BIGINT NOT NULL
);

CREATE TABLE contact_count (
    hour_at BIGINT NOT NULL PRIMARY KEY,
    contacts BIGINT NOT NULL
);

DROP INDEX client_by_last_contact;
CREATE INDEX client_by_last_contact ON client (COALESCE(last_contact_at, 0), id, last_contact_reason);

DROP INDEX job_finished;
CREATE INDEX job_finished ON job (finished_at, state) WHERE finished_at IS NOT NULL;
CREATE INDEX job_target_withheld ON job_target (client_id, finished_at) WHERE reason = 'withheld';
";

/// Everything lists of clients look at but their last contact, in one index: a search in the middle of a text, a
/// count or an order without an index of its own reads this third of the table. It begins with a column that nobody
/// compares for equality, so that it is not taken for anything else. SQLite alone: PostgreSQL refuses a row whose
/// index entry is long, and what phones say of themselves can be.
const NARROW: &str = "
CREATE INDEX client_narrow ON client (faults, software_type, software_version, state, model, device_type, e164,
    device_id, part_number, key_modules, peer_address, secure_mode, mobility, access, software_sort);
";
