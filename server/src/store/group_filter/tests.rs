//! Compares the condition with `domain::group_filter` on both databases: edges with what they must give, and random
//! filters over random clients. PostgreSQL comes from `make test`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use domain::group_filter::{AddressTest, Facts, Filter, NumberTest, Test, TextTest, VersionTest};
use domain::network::address_sort;
use domain::software::SoftwareVersion;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ConnectionTrait, Database, Statement, Value};

use crate::store::client_filter::{ClientFilter, Condition};
use crate::store::{Store, StoreOptions, Tx};

/// What a row of `client` says, as far as filters look at it.
#[derive(Clone, Debug, Default)]
struct Client {
    basic_e164: Option<String>,
    e164: Option<String>,
    address: Option<IpAddr>,
    model: Option<String>,
    device_type: Option<String>,
    software_type: Option<String>,
    software_version: Option<String>,
    server_address: Option<String>,
    fields: BTreeMap<String, String>,
}

impl Client {
    fn facts(&self) -> Facts<'_> {
        Facts {
            e164: Facts::own_number(self.basic_e164.as_deref(), self.e164.as_deref()),
            address: self.address,
            model: self.model.as_deref().or(self.device_type.as_deref()),
            software_type: self.software_type.as_deref(),
            software_version: self.software_version.as_deref(),
            server_address: self.server_address.as_deref(),
            fields: &self.fields,
        }
    }

    async fn insert(&self, tx: &Tx, id: i64) {
        let order = self.software_version.as_deref().and_then(SoftwareVersion::parse);
        let values: [Value; 10] = [
            id.into(),
            self.basic_e164.clone().into(),
            self.e164.clone().into(),
            self.model.clone().into(),
            self.device_type.clone().into(),
            self.software_type.clone().into(),
            self.software_version.clone().into(),
            self.server_address.clone().into(),
            self.address.map(address_sort).into(),
            order.map(SoftwareVersion::sort_key).into(),
        ];
        let sql = "INSERT INTO client (id, basic_e164, e164, model, device_type, software_type, software_version, \
            server_address, address_sort, software_order, state, secure_mode, mobility, access, faults, \
            full_read_wanted, created_at, updated_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
            'active', 'default', 'disabled', 'direct', '', FALSE, 0, 0, 1)";
        tx.inner.execute_raw(Statement::from_sql_and_values(tx.backend, sql, values)).await.unwrap();
        for (name, value) in &self.fields {
            let values: [Value; 3] = [id.into(), name.clone().into(), value.clone().into()];
            let sql = "INSERT INTO client_field (client_id, name, value) VALUES ($1, $2, $3)";
            tx.inner.execute_raw(Statement::from_sql_and_values(tx.backend, sql, values)).await.unwrap();
        }
    }
}

/// A store with these clients; the first has id 1.
async fn store(url: String, clients: &[Client]) -> Store {
    let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
    store.migrate().await.unwrap();
    let tx = store.begin().await.unwrap();
    for (id, client) in (1..).zip(clients) {
        client.insert(&tx, id).await;
    }
    tx.commit().await.unwrap();
    store
}

/// A new database, in English rather than by bytes where the server knows languages: the condition must not depend on
/// how a database sorts and folds.
async fn postgres(name: &str) -> String {
    let cluster = std::env::var("WORKPOINT_TEST_POSTGRES")
        .expect("WORKPOINT_TEST_POSTGRES names the cluster for tests: run `make test`");
    let name = format!("group_filter_{name}_{}", std::process::id());
    let connection = Database::connect(&cluster).await.unwrap();
    let create = format!("CREATE DATABASE {name}");
    let english = format!("{create} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    if connection.execute_unprepared(&english).await.is_err() {
        connection.execute_unprepared(&create).await.unwrap();
    }
    connection.close().await.unwrap();
    let (server, _) = cluster.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

fn sqlite(directory: &tempfile::TempDir) -> String {
    format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display())
}

/// Ids the database finds.
async fn found(store: &Store, filter: &Filter) -> Vec<i64> {
    let among = ClientFilter { among: vec![filter.clone()], ..ClientFilter::default() };
    let is_postgres = store.backend_name() == "postgres";
    let parts = Condition::of(&among, Timestamp::UNIX_EPOCH, is_postgres);
    let sql = format!("SELECT id FROM client {} ORDER BY id", parts.text());
    let statement = Statement::from_sql_and_values(store.backend, &sql, parts.values);
    let rows = store.reader.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Ids the domain finds.
fn expected(clients: &[Client], filter: &Filter) -> Vec<i64> {
    (1..).zip(clients).filter(|(_, client)| filter.matches(&client.facts())).map(|(id, _)| id).collect()
}

fn test(test: Test) -> Filter {
    Filter::Test(test)
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn field(value: &str) -> Client {
    Client { fields: BTreeMap::from([("site".to_owned(), value.to_owned())]), ..Client::default() }
}

fn site(test: TextTest) -> Filter {
    Filter::Test(Test::ClientField { name: "site".to_owned(), test })
}

fn number(basic_e164: Option<&str>, e164: Option<&str>) -> Client {
    let [basic_e164, e164] = [basic_e164, e164].map(|text| text.map(str::to_owned));
    Client { basic_e164, e164, ..Client::default() }
}

fn range(from: &str, to: &str) -> Filter {
    test(Test::E164(NumberTest::Range { from: from.to_owned(), to: to.to_owned() }))
}

/// The first ten clients have fields, the others numbers.
fn known_clients() -> Vec<Client> {
    let fields = ["50%", "50x", "a_b", "AxB", "a!b", "", "Straße", "STRASSE", "o'hara", "Über\\"];
    let numbers = [
        number(Some("0099"), None),
        number(Some("99"), Some("100")),
        number(Some(""), Some("100")),
        number(None, Some("0100")),
        number(Some(""), None),
        number(None, None),
    ];
    fields.into_iter().map(field).chain(numbers).collect()
}

/// Filters over [`known_clients`] with the ids they must find.
fn known_filters() -> Vec<(Filter, Vec<i64>)> {
    let is = |text: &str| site(TextTest::Is(text.to_owned()));
    let pattern = |text: &str| site(TextTest::Pattern(text.to_owned()));
    let digits = |text: &str| test(Test::E164(NumberTest::Pattern(text.to_owned())));
    let everybody: Vec<i64> = (1..=16).collect();
    vec![
        (pattern("50%"), vec![1]),
        (pattern("50?"), vec![1, 2]),
        (pattern("a_b"), vec![3]),
        (pattern("A?B"), vec![3, 4, 5]),
        (pattern("*!*"), vec![5]),
        (pattern("*"), vec![1, 2, 3, 4, 5, 7, 8, 9, 10]),
        (not(pattern("*")), vec![6, 11, 12, 13, 14, 15, 16]),
        (is(""), vec![]),
        (is("axb"), vec![4]),
        (is("STRAßE"), vec![7]),
        (pattern("stra?e"), vec![7]),
        (is("O'HARA"), vec![9]),
        (pattern("*\\*"), vec![10]),
        (is("ÜBER\\"), vec![10]),
        (is("über\\"), vec![]),
        (pattern("über*"), vec![]),
        (range("99", "100"), vec![12, 13]),
        (range("0000", "0099"), vec![11]),
        (range("98", "0099"), vec![11, 12, 13]),
        (range("0100", "99"), vec![]),
        (digits("*"), vec![11, 12, 13, 14]),
        (digits("??"), vec![12]),
        (digits("0*"), vec![11, 14]),
        (not(range("0", "999999999999999")), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16]),
        (not(not(digits("100"))), vec![13]),
        (Filter::All(vec![]), everybody),
        (Filter::Any(vec![]), vec![]),
        (Filter::All(vec![not(digits("*")), not(pattern("*"))]), vec![6, 15, 16]),
    ]
}

async fn edges(url: String) {
    let clients = known_clients();
    let store = store(url, &clients).await;
    for (filter, ids) in known_filters() {
        assert_eq!(expected(&clients, &filter), ids, "domain: {filter:?}");
        assert_eq!(found(&store, &filter).await, ids, "database: {filter:?}");
    }
    // As large as one can be: no database may refuse the number of values.
    let one_of = (0..50).map(|n| format!("model {n}")).collect();
    let models = vec![test(Test::Model { one_of }); 50];
    assert_eq!(found(&store, &Filter::Any(models)).await, Vec::<i64>::new());
    store.close().await;
}

#[tokio::test]
async fn edges_are_the_same_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    edges(sqlite(&directory)).await;
}

#[tokio::test]
async fn edges_are_the_same_on_postgres() {
    edges(postgres("edges").await).await;
}

// Few letters, so that tests often find somebody; among them those that mean something to one of the databases.
const DIGITS: &str = "[0149]{0,4}";
const WILD_DIGITS: &str = "[0149?*]{0,4}";
const LETTERS: &str = "[aAb%_!\\\\'üÜ. 😀]{0,3}";
const WILD_LETTERS: &str = "[aAb%_!\\\\'üÜ. 😀?*]{0,3}";
const MODELS: [&str; 6] = ["CP710", "CP700X", "cp710", "Toaster 9000", "Toaster %", ""];
const SOFTWARE_TYPES: [&str; 4] = ["SIP", "HFA", "Unify Teams", ""];
const VERSIONS: [&str; 10] = [
    "V3 R5.16.0",
    "V3 R5.9.0",
    "v3 r5.16.0",
    "1.4.9.0",
    "V1 R4.9.0",
    "V2.1 R0.11.0",
    "V0 R0.0.0",
    " V3 R5.9 ",
    "Beta_1",
    "",
];
const ADDRESSES: [&str; 12] = [
    "0.0.0.0",
    "9.255.255.255",
    "10.0.0.0",
    "10.0.0.255",
    "10.0.1.0",
    "10.10.0.1",
    "::ffff:10.0.0.7",
    "255.255.255.255",
    "::",
    "2001:db8::a",
    "2001:db8::10",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];
const NETWORKS: [&str; 10] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.9/24",
    "10.0.0.0/32",
    "10.10.0.1",
    "::/0",
    "2001:db8::/124",
    "2001:db8::a/128",
    "10.0.0.0/33",
    "everywhere",
];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

fn any_number() -> impl Strategy<Value = Option<String>> {
    // Phones report what they like, so not only digits.
    prop::option::of(prop_oneof![6 => DIGITS, 1 => "[+4aA%]{0,3}"])
}

fn any_client() -> impl Strategy<Value = Client> {
    let maybe = |words| prop::option::weighted(0.8, word(words));
    let fields =
        prop::collection::btree_map(select(&["site", "floor"][..]).prop_map(str::to_owned), LETTERS, 0..=2);
    let address = prop::option::weighted(0.9, select(&ADDRESSES[..]));
    let rest = (maybe(&SOFTWARE_TYPES), maybe(&VERSIONS), prop::option::of(LETTERS), fields);
    (any_number(), any_number(), address, prop::option::of(word(&MODELS)), maybe(&MODELS), rest).prop_map(
        |(basic_e164, e164, address, model, device_type, rest)| {
            let (software_type, software_version, server_address, fields) = rest;
            let address = address.map(|text| text.parse().unwrap());
            Client {
                basic_e164,
                e164,
                address,
                model,
                device_type,
                software_type,
                software_version,
                server_address,
                fields,
            }
        },
    )
}

fn any_text_test() -> impl Strategy<Value = TextTest> {
    prop_oneof![LETTERS.prop_map(TextTest::Is), WILD_LETTERS.prop_map(TextTest::Pattern)]
}

fn any_test() -> impl Strategy<Value = Test> {
    let words = |words| prop::collection::vec(word(words), 0..3);
    prop_oneof![
        DIGITS.prop_map(|digits| Test::E164(NumberTest::Is(digits))),
        WILD_DIGITS.prop_map(|pattern| Test::E164(NumberTest::Pattern(pattern))),
        (DIGITS, DIGITS).prop_map(|(from, to)| Test::E164(NumberTest::Range { from, to })),
        word(&ADDRESSES).prop_map(|address| Test::Address(AddressTest::Is(address))),
        (word(&ADDRESSES), word(&ADDRESSES))
            .prop_map(|(from, to)| Test::Address(AddressTest::Range { from, to })),
        word(&NETWORKS).prop_map(|network| Test::Address(AddressTest::Network(network))),
        words(&MODELS).prop_map(|one_of| Test::Model { one_of }),
        words(&SOFTWARE_TYPES).prop_map(|one_of| Test::SoftwareType { one_of }),
        any_text_test().prop_map(Test::ServerAddress),
        word(&VERSIONS).prop_map(|version| Test::SoftwareVersion(VersionTest::Is(version))),
        "[vV3 *?1_]{0,4}".prop_map(|pattern| Test::SoftwareVersion(VersionTest::Pattern(pattern))),
        word(&VERSIONS).prop_map(|version| Test::SoftwareVersion(VersionTest::AtLeast(version))),
        word(&VERSIONS).prop_map(|version| Test::SoftwareVersion(VersionTest::Below(version))),
        (word(&["site", "floor", "gone"]), any_text_test())
            .prop_map(|(name, test)| Test::ClientField { name, test }),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    any_test().prop_map(Filter::Test).prop_recursive(3, 16, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            parts.clone().prop_map(Filter::All),
            parts.prop_map(Filter::Any),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

/// Writes 200 random clients, then asks random filters of domain and database.
fn compare(url: impl AsyncFnOnce() -> String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let clients = prop::collection::vec(any_client(), 200).new_tree(&mut runner).unwrap().current();
    let store = runtime.block_on(async { store(url().await, &clients).await });
    let divided = Cell::new(0);
    let outcome = runner.run(&any_filter(), |filter| {
        let (found, expected) = (runtime.block_on(found(&store, &filter)), expected(&clients, &filter));
        let wrong = (1..).zip(&clients).find(|(id, _)| found.contains(id) != expected.contains(id));
        prop_assert!(wrong.is_none(), "they differ about {:?}", wrong);
        prop_assert_eq!(&found, &expected);
        if !found.is_empty() && found.len() < clients.len() {
            divided.set(divided.get() + 1);
        }
        Ok(())
    });
    runtime.block_on(store.close());
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(divided.get() > 100, "most filters take some and leave others: {}", divided.get());
}

#[test]
fn random_filters_are_the_same_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    compare(async || sqlite(&directory));
}

#[test]
fn random_filters_are_the_same_on_postgres() {
    compare(async || postgres("random").await);
}
