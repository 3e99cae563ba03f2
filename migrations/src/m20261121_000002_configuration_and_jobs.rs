//! Desired configuration with its revisions, plans, jobs, contact-me, and what phones refuse.
//!
//! Where a client has open work, its call row says when to call it; where a phone changed what it had been
//! given, a drift row says since when. Equal diffs are stored once: a job for a whole fleet mostly changes
//! the same items from the same to the same.

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
ALTER TABLE client ADD COLUMN approved BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE client ADD COLUMN configuration_revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE client ADD COLUMN trusted_address TEXT;
ALTER TABLE client ADD COLUMN deployment_pin_digest {bytes};
ALTER TABLE client ADD COLUMN secure_mode_wanted TEXT;
CREATE INDEX client_deployment_pin ON client (deployment_pin_digest) WHERE deployment_pin_digest IS NOT NULL;

CREATE TABLE client_value (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    layer TEXT NOT NULL,
    parameter TEXT NOT NULL,
    parameter_index INTEGER NOT NULL,
    value TEXT NOT NULL,
    sealed BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, layer, parameter, parameter_index)
) {clustered};

CREATE TABLE client_revision (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author_kind TEXT NOT NULL,
    author_id BIGINT,
    author_name TEXT NOT NULL,
    job_id BIGINT,
    changes TEXT NOT NULL,
    PRIMARY KEY (client_id, number)
) {clustered};

CREATE TABLE diff (
    id {id},
    digest {bytes} NOT NULL,
    content TEXT NOT NULL
);
CREATE INDEX diff_digest ON diff (digest);

CREATE TABLE plan (
    id {id},
    kind TEXT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    request TEXT NOT NULL,
    summary TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    job_id BIGINT
);
CREATE INDEX plan_expiry ON plan (expires_at);

CREATE TABLE plan_target (
    plan_id BIGINT NOT NULL REFERENCES plan (id) ON DELETE CASCADE,
    client_id BIGINT NOT NULL,
    diff_id BIGINT,
    excluded TEXT,
    excluded_args TEXT,
    configuration_revision BIGINT NOT NULL,
    basis {bytes} NOT NULL,
    PRIMARY KEY (plan_id, client_id)
) {clustered};

CREATE TABLE job (
    id {id},
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    initiator_kind TEXT NOT NULL,
    initiator_id BIGINT,
    initiator_name TEXT NOT NULL,
    options TEXT NOT NULL,
    plan_id BIGINT,
    stopping BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    planned_at BIGINT,
    expires_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    counts TEXT,
    revision BIGINT NOT NULL
);
CREATE INDEX job_by_created ON job (created_at, id);
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_kind ON job (kind, id);
CREATE INDEX job_by_planned ON job (COALESCE(planned_at, created_at), id);
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_target (
    id {id},
    job_id BIGINT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    client_id BIGINT REFERENCES client (id) ON DELETE SET NULL,
    device_id TEXT,
    e164 TEXT,
    model TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    stopping BOOLEAN NOT NULL,
    diff_id BIGINT,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    deadline_at BIGINT,
    owner TEXT,
    sent_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    reason TEXT,
    reason_args TEXT NOT NULL,
    results TEXT NOT NULL
);
CREATE INDEX job_target_job ON job_target (job_id, state, id);
CREATE INDEX job_target_client ON job_target (client_id, id);
CREATE INDEX job_target_diff ON job_target (diff_id);
CREATE INDEX job_target_open ON job_target (client_id, id) WHERE state IN ('waiting', 'active', 'sent');
CREATE INDEX job_target_scheduled ON job_target (due_at) WHERE state = 'scheduled';
CREATE INDEX job_target_deadline ON job_target (deadline_at) WHERE state = 'sent';
CREATE INDEX job_target_expiry ON job_target (expires_at) WHERE state IN ('waiting', 'active', 'scheduled');

CREATE TABLE client_call (
    client_id BIGINT NOT NULL PRIMARY KEY REFERENCES client (id) ON DELETE CASCADE,
    next_at BIGINT,
    tries INTEGER NOT NULL,
    called_at BIGINT,
    called_address TEXT,
    result TEXT
);
CREATE INDEX client_call_next ON client_call (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE drift (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    item_id BIGINT NOT NULL,
    item_index INTEGER NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (client_id, item_id, item_index)
) {clustered};

CREATE TABLE secret_write (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    item_id BIGINT NOT NULL,
    item_index INTEGER NOT NULL,
    handed_out {bytes},
    handed_out_at BIGINT,
    acknowledged {bytes},
    acknowledged_at BIGINT,
    PRIMARY KEY (client_id, item_id, item_index)
) {clustered};

CREATE TABLE item_refusal (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    item_id BIGINT NOT NULL,
    item_index INTEGER NOT NULL,
    status TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, item_id, item_index)
) {clustered};

CREATE TABLE model_refusal (
    model TEXT NOT NULL,
    software_version TEXT NOT NULL,
    item_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (model, software_version, item_id)
) {clustered};

CREATE TABLE background_task (
    id {id},
    kind TEXT NOT NULL,
    unique_key TEXT,
    payload TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX background_task_due ON background_task (run_at, id);
CREATE UNIQUE INDEX background_task_key ON background_task (unique_key);
";
