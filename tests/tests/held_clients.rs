//! What a phone answers while somebody else changes its client: on PostgreSQL transactions run side by side, and a
//! report must not go on with what was true before it had to wait; and what the database gives up in favour of somebody
//! else keeps nobody but its own client waiting. SQLite lets one transaction write at a time.

use std::process::Stdio;

use domain::Role;
use serde_json::{Value, json};
use tests::{ApiClient, Backend, Exchange, TestServer, items, message, raw_phone, reply, wait_until};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use wire::{Action, Item, Reason, ServerMessage};
use workpoint::app::jobs::pulse::beat;

const SERVER: &str = "telephony.sip-settings.server-address";

fn psql(server: &TestServer) -> Command {
    let url = server.config().database_url.as_deref().expect("a database of PostgreSQL");
    let mut command = Command::new("psql");
    command.args([url, "--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
    command
}

async fn ask(server: &TestServer, sql: &str) -> String {
    let done = psql(server).args(["--command", sql]).output().await.expect("psql runs");
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A transaction of somebody else.
struct Transaction {
    _psql: Child,
    input: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Transaction {
    /// Holds every client, as a plan does that is being applied.
    async fn holds_clients(server: &TestServer) -> Self {
        let mut psql = psql(server);
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("psql runs");
        let input = child.stdin.take().expect("a pipe");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut transaction = Self { _psql: child, input, said };
        transaction.run("BEGIN; UPDATE client SET updated_at = updated_at;").await;
        transaction
    }

    async fn run(&mut self, sql: &str) {
        self.input.write_all(format!("{sql}\n\\echo done\n").as_bytes()).await.expect("psql listens");
        let line = self.said.next_line().await.expect("psql answers");
        assert_eq!(line.as_deref(), Some("done"), "{sql}");
    }
}

async fn server() -> TestServer {
    TestServer::start(Backend::Postgres).await
}

fn phone_says() -> Vec<Item> {
    items(&[
        ("device-type", "OpenStage 40"),
        ("software-type", "Siemens SIP"),
        ("software-version", "V3 R5.16.0"),
        ("mac-addr", "00:1A:E8:64:00:01"),
        ("e164", "4930001"),
        ("basic-e164", "4930001"),
        ("reg-addr", "sip0.example.net"),
    ])
}

/// There is a template for everybody, and a phone comes for the first time; it is told to say all it has.
async fn opened(server: &mut TestServer, last: u8) -> Exchange {
    let api = server.api(&[Role::Operator]).await;
    let values = json!([{"parameter": SERVER, "value": "sip1.example.net"}]);
    let body = json!({"name": "All", "kind": "default", "values": values});
    api.post("/api/v1/templates", &body).await.expect(201);
    let mut phone = raw_phone(server.phone_port(), [127, 64, 0, last]);
    let first = phone.send(&message("N1", Reason::StartUp, phone_says())).await;
    assert_eq!(first.action, Action::ReadAllItems);
    phone
}

/// The phone answers, and its report waits for the transaction.
async fn answers(
    server: &TestServer,
    mut phone: Exchange,
    nonce: &'static str,
    action: Action,
    said: Vec<Item>,
) -> JoinHandle<ServerMessage> {
    let answer = tokio::spawn(async move { phone.send(&reply(nonce, action, said)).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until(async || ask(server, waiting).await != "0").await;
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_read_goes_on_with_what_a_plan_has_saved_meanwhile() {
    let mut server = server().await;
    let phone = opened(&mut server, 1).await;
    let mut plan = Transaction::holds_clients(&server).await;
    let answer = answers(&server, phone, "N2", Action::ReadAllItems, phone_says()).await;
    plan.run(
        "UPDATE template_value SET value = REPLACE(value, 'sip1', 'sip9'); \
         UPDATE layers_version SET version = version + 1; COMMIT;",
    )
    .await;
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.action, Action::WriteItems);
    let written: Vec<_> = answer.items.iter().map(|item| (item.name.as_str(), item.value.as_str())).collect();
    assert_eq!(written, [("reg-addr", "sip9.example.net")]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_read_of_a_client_that_waits_for_another_phone_is_not_recorded() {
    let mut server = server().await;
    let phone = opened(&mut server, 2).await;
    let mut copy = Transaction::holds_clients(&server).await;
    let answer = answers(&server, phone, "N2", Action::ReadAllItems, phone_says()).await;
    copy.run("UPDATE client SET state = 'prepared'; DELETE FROM reported_item; COMMIT;").await;
    assert_eq!(answer.await.expect("an answer").action, Action::CleanUp);
    assert_eq!(ask(&server, "SELECT count(*) FROM reported_item").await, "0");
    assert_eq!(ask(&server, "SELECT count(*) FROM client WHERE full_read_at IS NOT NULL").await, "0");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_from_a_phone_whose_place_another_one_has_taken_is_not_recorded() {
    let mut server = server().await;
    let mut phone = opened(&mut server, 3).await;
    let order = phone.send(&reply("N2", Action::ReadAllItems, phone_says())).await;
    assert_eq!(order.action, Action::WriteItems);
    let mut other = Transaction::holds_clients(&server).await;
    let answer = answers(&server, phone, "N3", Action::WriteItems, Vec::new()).await;
    // Another phone has been given its place: the device id tells it apart.
    other.run("UPDATE client SET device_id = '001AE8640009'; COMMIT;").await;
    assert_eq!(answer.await.expect("an answer").action, Action::CleanUp);
    let known = "SELECT count(*) FROM reported_item WHERE value = 'sip1.example.net'";
    assert_eq!(ask(&server, known).await, "0");
    server.stop().await;
}

/// Two clients without phones, in the order of their ids.
async fn two_clients(api: &ApiClient) -> [Value; 2] {
    let mut ids = Vec::new();
    for last in 1..=2 {
        let body = json!({"device_id": format!("00:1A:E8:64:01:{last:02}"), "model": "CP600"});
        ids.push(api.post("/api/v1/clients", &body).await.expect(201)["id"].clone());
    }
    ids.try_into().expect("two")
}

/// Every change of a target of this client loses against somebody else from now on, after another change.
async fn first_one_loses(server: &TestServer, client: &Value, before: &str) {
    let sql = format!(
        "BEGIN; {before}
         CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'deadlock_detected'; END $$;
         CREATE TRIGGER lose BEFORE UPDATE ON job_target FOR EACH ROW WHEN (OLD.client_id = {client})
         EXECUTE FUNCTION lose(); COMMIT;"
    );
    ask(server, &sql).await;
}

async fn nobody_loses(server: &TestServer) {
    ask(server, "DROP TRIGGER lose ON job_target").await;
}

async fn act(api: &ApiClient, action: &str, ids: &[Value]) -> Value {
    let body = json!({"action": action, "targets": {"ids": ids}});
    api.post("/api/v1/clients/actions", &body).await.expect(201)["id"].clone()
}

async fn states_of(server: &TestServer, job: &Value) -> String {
    let sql = format!("SELECT string_agg(state, ' ' ORDER BY id) FROM job_target WHERE job_id = {job}");
    ask(server, &sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_deletion_loses_keeps_no_other_from_being_deleted() {
    let mut server = server().await;
    let api = server.api(&[Role::Operator]).await;
    let clients = two_clients(&api).await;
    first_one_loses(&server, &clients[0], "").await;
    let job = act(&api, "delete", &clients).await;
    beat(server.app(), true, false).await.expect("a pass");
    assert_eq!(api.get("/api/v1/clients").await.expect(200)["items"][0]["id"], clients[0]);
    assert_eq!(states_of(&server, &job).await, "waiting success");
    nobody_loses(&server).await;
    wait_until(async || states_of(&server, &job).await == "success success").await;
    assert_eq!(api.get("/api/v1/clients").await.expect(200)["total"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_return_loses_keeps_no_other_from_coming_back() {
    let mut server = server().await;
    let api = server.api(&[Role::Operator]).await;
    let clients = two_clients(&api).await;
    let job = act(&api, "refresh", &clients).await;
    // Another node sent both orders long ago, and is gone.
    let sent = format!(
        "UPDATE job_target SET state = 'sent', attempts = 1, owner = 'gone', sent_at = 0, \
         deadline_at = 9000000000000 WHERE job_id = {job};"
    );
    first_one_loses(&server, &clients[0], &sent).await;
    beat(server.app(), true, true).await.expect("a pass");
    assert_eq!(states_of(&server, &job).await, "sent waiting");
    nobody_loses(&server).await;
    wait_until(async || states_of(&server, &job).await == "waiting waiting").await;
    server.stop().await;
}
