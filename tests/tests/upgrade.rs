//! A database that an older program has filled is brought up to this one: nothing is lost, and what is new is worked
//! out for what was there.

use migrations::sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use migrations::{Migrator, MigratorTrait as _};
use tests::{Backend, TestDatabase, empty_database};

/// Migrations that had landed before templates and groups.
const BEFORE_TEMPLATES: u32 = 3;

/// The database goes with the second part.
async fn open(backend: Backend, directory: &tempfile::TempDir) -> (DatabaseConnection, Option<TestDatabase>) {
    let database = empty_database(backend).await;
    let url = match &database {
        Some(database) => database.url(),
        None => format!("sqlite://{}?mode=rwc", directory.path().join("old.db").display()),
    };
    (Database::connect(url).await.expect("a connection"), database)
}

async fn run(connection: &DatabaseConnection, sql: &str) {
    connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Texts of one row; `null` for none.
async fn texts(connection: &DatabaseConnection, sql: &str) -> Result<Vec<Option<String>>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql.to_owned());
    let row = connection.query_one_raw(statement).await?.expect("a row");
    (0..row.column_names().len()).map(|column| row.try_get_by_index(column)).collect()
}

async fn clients_of_an_older_program_get_what_groups_look_at(backend: Backend) {
    let directory = tempfile::tempdir().expect("a directory");
    let (connection, _database) = open(backend, &directory).await;
    Migrator::up(&connection, Some(BEFORE_TEMPLATES)).await.expect("the older schema");
    let client = |id: i64, state: &str, address: &str, sort: &str, version: &str| {
        format!(
            "INSERT INTO client (id, device_id, state, peer_address, software_sort, software_version, secure_mode, \
             mobility, access, faults, full_read_wanted, created_at, updated_at, revision) VALUES ({id}, \
             '00000000000{id}', '{state}', {address}, {sort}, {version}, 'default', 'disabled', 'direct', '', FALSE, \
             1000, 2000, 5)"
        )
    };
    let known = client(1, "active", "'10.20.30.40'", "'SIP 0000000000000ab1 V1 R10.2.2'", "'V1 R10.2.2'");
    let six = client(2, "active", "'2001:db8::1'", "'Unify Teams 0000000000000000 beta'", "'beta'");
    let prepared = client(3, "prepared", "NULL", "NULL", "NULL");
    for sql in [known, six, prepared] {
        run(&connection, &sql).await;
    }
    run(&connection, "INSERT INTO item_name (id, name) VALUES (7, 'reg-addr')").await;
    run(
        &connection,
        "INSERT INTO reported_item (client_id, item_id, item_index, value, status, sealed, reported_at) \
         VALUES (1, 7, -1, 'sip1.example.net', NULL, FALSE, 1), (2, 7, 0, 'other', NULL, FALSE, 1)",
    )
    .await;
    run(
        &connection,
        "INSERT INTO client_value (client_id, layer, parameter, parameter_index, value, sealed, changed_at) \
         VALUES (1, 'client', 'network.general.vlan-id', -1, '7', FALSE, 1)",
    )
    .await;

    Migrator::up(&connection, None).await.expect("the schema of today");
    // Doing it twice changes nothing.
    Migrator::up(&connection, None).await.expect("the schema of today");
    let of = async |id: i64| {
        let sql = format!(
            "SELECT address_sort, CAST(software_order AS TEXT), server_address, CAST(onboarded_at AS TEXT), \
             CAST(revision AS TEXT) FROM client WHERE id = {id}"
        );
        let row = texts(&connection, &sql).await.expect("a client");
        row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    // Phones that are there already are not given onboarding values at their next contact.
    assert_eq!(of(1).await, ["40A141E28", "2737", "sip1.example.net", "1000", "5"]);
    assert_eq!(of(2).await, ["620010DB8000000000000000000000001", "", "", "1000", "5"]);
    assert_eq!(of(3).await, ["", "", "", "", "5"]);
    let value = "SELECT layer, value, CAST(template_id AS TEXT) FROM client_value WHERE client_id = 1";
    let kept = [Some("client".to_owned()), Some("7".to_owned()), None];
    assert_eq!(texts(&connection, value).await.expect("a value"), kept);
}

#[tokio::test]
async fn clients_of_an_older_program_get_what_groups_look_at_sqlite() {
    clients_of_an_older_program_get_what_groups_look_at(Backend::Sqlite).await;
}

#[tokio::test]
async fn clients_of_an_older_program_get_what_groups_look_at_postgres() {
    clients_of_an_older_program_get_what_groups_look_at(Backend::Postgres).await;
}
