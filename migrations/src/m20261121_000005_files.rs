//! Storage providers, files, uploads, deployments and downloads; files of templates; scans for storage providers.

use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::DbErr;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's methods are declared without the lifetime")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::dialect::run(manager.get_connection(), TABLES).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the schema only goes forward; restore a backup instead".to_owned()))
    }
}

/// Provider 1 is the built-in one; it is there from the start and is never deleted.
const TABLES: &str = "
CREATE TABLE storage_provider (
    id {id},
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    username TEXT NOT NULL,
    secret {bytes},
    bucket TEXT NOT NULL,
    region TEXT NOT NULL,
    path_style BOOLEAN NOT NULL,
    listing TEXT NOT NULL,
    serving TEXT NOT NULL,
    ftp_url TEXT NOT NULL DEFAULT '',
    ftp_username TEXT NOT NULL DEFAULT '',
    ftp_secret {bytes},
    folder TEXT NOT NULL DEFAULT '',
    takes_files BOOLEAN,
    health TEXT NOT NULL,
    checked_at BIGINT,
    error TEXT,
    error_args TEXT NOT NULL,
    scan_state TEXT NOT NULL,
    scan_seen BIGINT NOT NULL,
    scan_added BIGINT NOT NULL,
    scan_changed BIGINT NOT NULL,
    scan_missing BIGINT NOT NULL,
    scan_skipped BIGINT NOT NULL,
    scan_owner TEXT,
    scan_lease_until BIGINT,
    scan_started_at BIGINT,
    scan_finished_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX storage_provider_name ON storage_provider (name_folded);
CREATE INDEX storage_provider_scanning ON storage_provider (id) WHERE scan_state = 'running';
INSERT INTO storage_provider (name, name_folded, kind, url, username, bucket, region, path_style, listing, serving,
    health, error_args, scan_state, scan_seen, scan_added, scan_changed, scan_missing, scan_skipped, created_at,
    updated_at, updated_by, revision)
    VALUES ('Built-in', 'built-in', 'built-in', '', '', '', '', FALSE, 'automatic', 'server', 'good', 'null', 'none',
    0, 0, 0, 0, 0, 0, 0, '', 1);

CREATE TABLE file (
    id {id},
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    file_type TEXT,
    provider_id BIGINT NOT NULL REFERENCES storage_provider (id),
    object_key TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT,
    object_tag TEXT,
    facts TEXT NOT NULL,
    models TEXT NOT NULL,
    software_type TEXT,
    software_version TEXT,
    software_order BIGINT,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    content_changed_at BIGINT NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL
);
CREATE INDEX file_by_name ON file (name_folded, id);
CREATE INDEX file_by_object ON file (provider_id, object_key);
CREATE INDEX file_by_content ON file (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE file_upload (
    id {id},
    token TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT,
    file_type TEXT,
    provider_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    touched_at BIGINT NOT NULL,
    file_id BIGINT
);
CREATE UNIQUE INDEX file_upload_token ON file_upload (token);

CREATE TABLE template_file (
    template_id BIGINT NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    file_id BIGINT NOT NULL REFERENCES file (id),
    PRIMARY KEY (template_id, file_id)
) {clustered};
CREATE INDEX template_file_file ON template_file (file_id);

CREATE TABLE job_file (
    job_id BIGINT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    file_id BIGINT NOT NULL REFERENCES file (id),
    PRIMARY KEY (job_id, file_id)
) {clustered};
CREATE INDEX job_file_file ON job_file (file_id);

CREATE TABLE deployment (
    target_id BIGINT NOT NULL PRIMARY KEY REFERENCES job_target (id) ON DELETE CASCADE,
    job_id BIGINT NOT NULL,
    client_id BIGINT NOT NULL,
    phase TEXT NOT NULL,
    position INTEGER NOT NULL,
    file_id BIGINT,
    from_version TEXT,
    to_version TEXT,
    to_software_type TEXT,
    offered_at BIGINT,
    verify_at BIGINT,
    dispatched_at BIGINT,
    had_before TEXT,
    by_hand BOOLEAN NOT NULL DEFAULT FALSE,
    last_look BOOLEAN NOT NULL DEFAULT FALSE,
    unserved INTEGER NOT NULL DEFAULT 0,
    results TEXT NOT NULL
);
CREATE INDEX deployment_by_client ON deployment (client_id);
CREATE INDEX deployment_verify ON deployment (verify_at) WHERE verify_at IS NOT NULL;
CREATE INDEX deployment_to_dispatch ON deployment (job_id, target_id) WHERE phase = 'waiting';
CREATE INDEX deployment_dispatched ON deployment (dispatched_at) WHERE dispatched_at IS NOT NULL;

CREATE TABLE download (
    id {id},
    token_hash {bytes} NOT NULL,
    target_id BIGINT REFERENCES job_target (id) ON DELETE CASCADE,
    client_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL REFERENCES file (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    peer TEXT NOT NULL,
    size BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    moved_at BIGINT,
    finished_at BIGINT,
    expires_at BIGINT NOT NULL,
    failure TEXT
);
CREATE UNIQUE INDEX download_token ON download (token_hash);
CREATE INDEX download_target ON download (target_id);
CREATE INDEX download_expiry ON download (expires_at);
CREATE INDEX download_file ON download (file_id);
CREATE INDEX download_moving ON download (moved_at) WHERE finished_at IS NULL;

CREATE TABLE file_offer (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    file_id BIGINT NOT NULL,
    file_type TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    content TEXT,
    is_software BOOLEAN NOT NULL,
    offered_at BIGINT NOT NULL,
    result TEXT,
    finished_at BIGINT,
    failures INTEGER NOT NULL DEFAULT 0,
    taken_content TEXT,
    taken_at BIGINT,
    PRIMARY KEY (client_id, file_id)
) {clustered};
CREATE INDEX file_offer_file ON file_offer (file_id, finished_at);
CREATE INDEX file_offer_software ON file_offer (offered_at) WHERE is_software;

ALTER TABLE client ADD COLUMN most_items BIGINT;

ALTER TABLE scan ADD COLUMN purpose TEXT NOT NULL DEFAULT 'phones';
ALTER TABLE scan ADD COLUMN ports TEXT NOT NULL DEFAULT '';

CREATE TABLE scan_finding (
    scan_id BIGINT NOT NULL REFERENCES scan (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    detail TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (scan_id, address, port)
) {clustered};
";
