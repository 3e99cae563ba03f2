//! Clients, what they report, accounts, settings, audit, notifications.
//!
//! Times are milliseconds since 1970 in UTC. States are words, never numbers. `revision` counts changes
//! and is the ETag. Lists sort by `COALESCE(column, …)`, because rows without a value must keep a place in
//! a list that is read piece by piece; the indexes carry the same expressions.

use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::DbErr;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's methods are declared without the lifetime")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::dialect::run(manager.get_connection(), SQL).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the schema only goes forward; restore a backup instead".to_owned()))
    }
}

const SQL: &str = "
CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE client (
    id {id},
    device_id TEXT,
    device_id_text TEXT,
    state TEXT NOT NULL,
    quarantine_reason TEXT,
    e164 TEXT,
    basic_e164 TEXT,
    device_type TEXT,
    model TEXT,
    software_type TEXT,
    software_version TEXT,
    software_sort TEXT,
    part_number TEXT,
    key_modules TEXT,
    backlight TEXT,
    gigabit BOOLEAN,
    contact_me_uri TEXT,
    peer_address TEXT,
    bound_network TEXT,
    secure_mode TEXT NOT NULL,
    mobility TEXT NOT NULL,
    access TEXT NOT NULL,
    faults TEXT NOT NULL,
    last_contact_at BIGINT,
    last_contact_reason TEXT,
    full_read_at BIGINT,
    full_read_version TEXT,
    full_read_wanted BOOLEAN NOT NULL,
    basic_digest {bytes},
    items_digest {bytes},
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX client_device_id ON client (device_id);
CREATE INDEX client_e164 ON client (e164);
CREATE INDEX client_by_e164 ON client (COALESCE(e164, ''), id);
CREATE INDEX client_by_device_id ON client (COALESCE(device_id, ''), id);
CREATE INDEX client_by_model ON client (COALESCE(model, device_type, ''), id);
CREATE INDEX client_by_software ON client (COALESCE(software_sort, ''), id);
CREATE INDEX client_by_last_contact ON client (COALESCE(last_contact_at, 0), id);
CREATE INDEX client_by_state ON client (state, id);

CREATE TABLE item_name (
    id {id},
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE reported_item (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    item_id BIGINT NOT NULL,
    item_index INTEGER NOT NULL,
    value TEXT NOT NULL,
    status TEXT,
    sealed BOOLEAN NOT NULL,
    reported_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, item_id, item_index)
) {clustered};

CREATE TABLE account (
    id {id},
    user_name TEXT NOT NULL,
    user_name_folded TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    must_change_password BOOLEAN NOT NULL,
    roles TEXT NOT NULL,
    language TEXT NOT NULL,
    email TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    failed_sign_ins BIGINT NOT NULL,
    last_failed_sign_in_at BIGINT,
    last_sign_in_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_user_name ON account (user_name_folded);

CREATE TABLE account_session (
    id {id},
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    token_hash {bytes} NOT NULL,
    csrf_hash {bytes} NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_session_token ON account_session (token_hash);
CREATE INDEX account_session_account ON account_session (account_id);

CREATE TABLE api_token (
    id {id},
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    token_hash {bytes} NOT NULL,
    roles TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_token_hash ON api_token (token_hash);
CREATE UNIQUE INDEX api_token_name ON api_token (account_id, name);

CREATE TABLE idempotency (
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    request_digest {bytes} NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE setting (
    id TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BIGINT,
    actor_name TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    details TEXT NOT NULL,
    previous_hash {bytes} NOT NULL,
    hash {bytes} NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_object ON audit (object_kind, object_id, id);
CREATE INDEX audit_actor ON audit (actor_name, id);

CREATE TABLE audit_head (
    id INTEGER NOT NULL PRIMARY KEY,
    last_id BIGINT NOT NULL,
    hash {bytes} NOT NULL
);
INSERT INTO audit_head (id, last_id, hash) VALUES (1, 0, '');

CREATE TABLE notification (
    id {id},
    at BIGINT NOT NULL,
    code TEXT NOT NULL,
    args TEXT NOT NULL,
    client_id BIGINT REFERENCES client (id) ON DELETE CASCADE
);
CREATE INDEX notification_at ON notification (at, id);
CREATE INDEX notification_client ON notification (client_id, code);
";
