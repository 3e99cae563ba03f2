//! Templates, groups, client fields, scans; what of a client groups look at; where an onboarding value comes from.
//!
//! Which values a client gets from templates is not stored: it is worked out when the client is looked at. Whoever
//! keeps templates and groups in memory compares `layers_version`, which every change of them sets anew.

use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

use std::net::IpAddr;

/// Clients filled in by one statement each, between two looks at the table.
const AT_ONCE: u64 = 5_000;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's methods are declared without the lifetime")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        crate::dialect::run(connection, TABLES).await?;
        crate::dialect::run(connection, CLIENTS).await?;
        fill_in(connection).await?;
        if connection.get_database_backend() == DbBackend::Sqlite {
            crate::dialect::run(connection, NARROW).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the schema only goes forward; restore a backup instead".to_owned()))
    }
}

const TABLES: &str = "
CREATE TABLE layers_version (
    id INTEGER NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO layers_version (id, version) VALUES (1, 1);

CREATE TABLE template (
    id {id},
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    rank INTEGER NOT NULL,
    models TEXT NOT NULL,
    software_types TEXT NOT NULL,
    software_update TEXT NOT NULL,
    secure_mode TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX template_name ON template (name_folded);

CREATE TABLE template_value (
    template_id BIGINT NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    parameter TEXT NOT NULL,
    parameter_index INTEGER NOT NULL,
    value TEXT NOT NULL,
    sealed BOOLEAN NOT NULL,
    PRIMARY KEY (template_id, parameter, parameter_index)
) {clustered};

CREATE TABLE client_group (
    id {id},
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    description TEXT NOT NULL,
    filter TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX client_group_name ON client_group (name_folded);

CREATE TABLE group_template (
    group_id BIGINT NOT NULL REFERENCES client_group (id) ON DELETE CASCADE,
    template_id BIGINT NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, template_id)
) {clustered};
CREATE INDEX group_template_template ON group_template (template_id);

CREATE TABLE field_definition (
    name TEXT NOT NULL PRIMARY KEY,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE client_field (
    client_id BIGINT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (client_id, name)
) {clustered};
CREATE INDEX client_field_value ON client_field (name, value);

CREATE TABLE scan (
    id {id},
    state TEXT NOT NULL,
    ranges TEXT NOT NULL,
    port INTEGER NOT NULL,
    addresses BIGINT NOT NULL,
    probed BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    found BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    account_id BIGINT,
    author TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    failure TEXT
);
CREATE INDEX scan_by_created ON scan (created_at, id);
CREATE INDEX scan_running ON scan (id) WHERE state = 'running';
";

const CLIENTS: &str = "
ALTER TABLE client ADD COLUMN address_sort TEXT;
ALTER TABLE client ADD COLUMN software_order BIGINT;
ALTER TABLE client ADD COLUMN server_address TEXT;
ALTER TABLE client ADD COLUMN onboarded_at BIGINT;
ALTER TABLE client ADD COLUMN onboarding_template BIGINT;
ALTER TABLE client ADD COLUMN replaces BIGINT;
ALTER TABLE client ADD COLUMN layers_seen BIGINT;
CREATE INDEX client_by_address_sort ON client (address_sort);
CREATE INDEX client_by_onboarding_template ON client (onboarding_template) WHERE onboarding_template IS NOT NULL;
UPDATE client SET onboarded_at = created_at WHERE state <> 'prepared';
UPDATE client SET server_address = (SELECT r.value FROM reported_item AS r JOIN item_name AS n ON n.id = r.item_id
    WHERE r.client_id = client.id AND n.name = 'reg-addr' AND r.item_index = -1 AND r.sealed = FALSE
    AND r.status IS NULL);

ALTER TABLE client_value ADD COLUMN template_id BIGINT;
ALTER TABLE client_value ADD COLUMN template_name TEXT;

ALTER TABLE plan ADD COLUMN state TEXT NOT NULL DEFAULT 'ready';
ALTER TABLE plan ADD COLUMN clients BIGINT NOT NULL DEFAULT 0;
ALTER TABLE plan ADD COLUMN drawn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE plan ADD COLUMN drawn_at BIGINT;
ALTER TABLE plan ADD COLUMN failure TEXT;
ALTER TABLE plan ADD COLUMN layers_version BIGINT;

ALTER TABLE drift ADD COLUMN about {bytes};
ALTER TABLE item_refusal ADD COLUMN about {bytes};
";

/// The index that lists and counts read instead of the table, with what groups look at.
const NARROW: &str = "
DROP INDEX client_narrow;
CREATE INDEX client_narrow ON client (faults, software_type, software_version, state, model, device_type, e164,
    device_id, part_number, key_modules, peer_address, secure_mode, mobility, access, software_sort, basic_e164,
    address_sort, software_order, server_address);
";

/// What no SQL of both databases can work out: addresses and versions in an order.
async fn fill_in<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let mut after = 0_i64;
    loop {
        let sql = format!(
            "SELECT id, peer_address, software_sort, software_version FROM client WHERE id > $1 ORDER BY id LIMIT {AT_ONCE}"
        );
        let rows =
            connection.query_all_raw(Statement::from_sql_and_values(backend, &sql, [after.into()])).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            after = row.try_get_by_index(0)?;
            let address: Option<String> = row.try_get_by_index(1)?;
            let sort: Option<String> = row.try_get_by_index(2)?;
            let version: Option<String> = row.try_get_by_index(3)?;
            let address = address.and_then(|text| text.parse().ok()).map(address_sort);
            let order =
                sort.as_deref().zip(version.as_deref()).and_then(|(sort, version)| order_in(sort, version));
            if address.is_none() && order.is_none() {
                continue;
            }
            let sql = "UPDATE client SET address_sort = $2, software_order = $3 WHERE id = $1";
            let values: [Value; 3] = [after.into(), address.into(), order.into()];
            connection.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        }
    }
}

/// An address as a text that sorts like the address. Written down here as it was when this migration landed.
fn address_sort(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("4{:08X}", v4.to_bits()),
        IpAddr::V6(v6) => format!("6{:032X}", v6.to_bits()),
    }
}

/// The number of a version inside `type number version`, as `software_sort` has it; `None` when it was unreadable.
fn order_in(sort: &str, version: &str) -> Option<i64> {
    let head = sort.strip_suffix(version)?.trim_end();
    let (_, number) = head.rsplit_once(' ')?;
    i64::from_str_radix(number, 16).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::{address_sort, order_in};

    #[test]
    fn addresses_and_versions_sort() {
        let sort = |text: &str| address_sort(text.parse().unwrap());
        assert_eq!(sort("10.0.0.1"), "40A000001");
        assert_eq!(sort("::ffff:10.0.0.1"), "40A000001");
        assert_eq!(sort("2001:db8::1"), "620010DB8000000000000000000000001");
        assert_eq!(order_in("SIP 0000000000000ab1 V1 R10.2.2", "V1 R10.2.2"), Some(0xab1));
        assert_eq!(order_in("Unify Teams 0000000000000000 beta", "beta"), None);
        assert_eq!(order_in("", ""), None);
    }
}
