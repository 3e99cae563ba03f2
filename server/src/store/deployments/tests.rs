//! How SQLite goes about what is asked every second, also when nothing is deployed; what ends with a target.

use domain::job::{Happening, TargetState};

use super::*;
use crate::store::sealed::Connection as _;
use crate::store::{Store, StoreOptions, file_list, job_targets};

/// The tables that are gone through, in this order, as SQLite says it.
async fn plan(store: &Store, sql: &str) -> Vec<String> {
    let connection = store.connection();
    let statement =
        Statement::from_string(connection.get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect()
}

#[tokio::test]
async fn who_may_be_called_is_looked_for_among_what_waits_and_not_among_all_clients() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
    let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
    store.migrate().await.unwrap();
    let steps = plan(&store, &to_dispatch_sql(20)).await;
    assert!(steps.first().is_some_and(|step| step.contains("deployment_to_dispatch")), "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("ORDER BY")), "found in this order: {steps:?}");
    assert_eq!(open(&store).await.unwrap(), Open { waiting: false, sent: false });
}

/// A phone was offered its only file.
async fn offered() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("x.sqlite").display());
    let store = Store::open(&StoreOptions { url, connections: 2 }).await.unwrap();
    store.migrate().await.unwrap();
    let tx = store.begin().await.unwrap();
    for sql in [
        "INSERT INTO client (id, state, secure_mode, mobility, access, faults, full_read_wanted, created_at, \
         updated_at, revision) VALUES (1, 'active', 'default', 'disabled', 'direct', '', FALSE, 0, 0, 1)",
        "INSERT INTO file (id, file_type, name, name_folded, provider_id, object_key, size, facts, models, state, \
         origin, note, created_at, created_by, updated_at, revision) VALUES (1, 'ringtone', 'x', 'x', 1, 'x', 1, \
         '{\"format\":\"other\"}', '[]', 'ready', 'upload', '', 0, '', 0, 1)",
        "INSERT INTO job (id, kind, state, cause, initiator_kind, initiator_name, options, stopping, created_at, \
         expires_at, revision) VALUES (1, 'deploy-files', 'active', 'user', 'system', '', 'null', FALSE, 0, 9, 1)",
        "INSERT INTO job_target (id, job_id, kind, client_id, state, attempts, stopping, due_at, expires_at, \
         reason_args, results) VALUES (1, 1, 'deploy-files', 1, 'sent', 1, FALSE, 0, 9, 'null', '[]')",
        "INSERT INTO deployment (target_id, job_id, client_id, phase, position, file_id, offered_at, verify_at, \
         results) VALUES (1, 1, 1, 'offered', 0, 1, 3, 4, '[]')",
        "INSERT INTO job_file (job_id, file_id) VALUES (1, 1)",
    ] {
        execute(&tx, sql, Vec::new(), "prepare").await.unwrap();
    }
    tx.commit().await.unwrap();
    (directory, store)
}

#[tokio::test]
async fn who_was_given_up_and_fetches_all_the_same_has_its_place() {
    let (_directory, store) = offered().await;
    let tx = store.begin().await.unwrap();
    let at = Timestamp::from_second(1_000).unwrap();
    let busy = async |tx: &Tx| under_way(tx, JobKind::DeployFiles, at).await.unwrap();
    for sql in [
        "UPDATE job_target SET deadline_at = 9",
        "INSERT INTO download (token_hash, target_id, client_id, file_id, name, peer, size, sent, created_at, moved_at, \
         expires_at) VALUES (X'00', 1, 1, 1, 'x', '', 9, 1, 3, 999000, 9)",
    ] {
        execute(&tx, sql, Vec::new(), "prepare").await.unwrap();
    }
    assert_eq!(busy(&tx).await, 1, "once, while its target is under way");
    for (sql, expected) in [
        ("UPDATE job_target SET state = 'timeout', finished_at = 5", 1),
        ("UPDATE download SET moved_at = 1000", 0),
        ("UPDATE download SET moved_at = 999000, finished_at = 999000", 0),
        ("UPDATE download SET finished_at = NULL", 1),
        ("UPDATE job_target SET kind = 'deploy-software'", 0),
    ] {
        execute(&tx, sql, Vec::new(), "prepare").await.unwrap();
        assert_eq!(busy(&tx).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_target_that_ends_ends_its_deployment() {
    let (_directory, store) = offered().await;
    let at = Timestamp::from_millisecond(5).unwrap();
    let tx = store.begin().await.unwrap();
    let mut target = job_targets::by_id(&tx, TargetId(1)).await.unwrap().unwrap();
    let before = target.machine();
    target.apply(Happening::Ended(TargetState::Cancelled), Some("replaced"), Json::Null, at).unwrap();
    assert!(job_targets::write(&tx, &target, before).await.unwrap());
    let ended = by_target(&tx, target.id).await.unwrap().unwrap();
    assert_eq!((ended.phase, ended.verify_at), (DeploymentPhase::Over, None));
    assert!(ended.offered_at.is_some(), "somebody notes what became of the offer");
}

#[tokio::test]
async fn a_file_is_awaited_by_open_targets_whatever_the_state_of_their_job() {
    let (_directory, store) = offered().await;
    let tx = store.begin().await.unwrap();
    for (target, job, stopping, awaited) in [
        ("sent", "active", false, true),
        // The states of jobs lag behind.
        ("sent", "success", false, true),
        ("waiting", "failed", false, true),
        ("success", "active", false, false),
        ("timeout", "created", false, false),
        ("scheduled", "created", false, true),
        // What waits for a job that is being ended is cancelled; what was sent is not.
        ("waiting", "active", true, false),
        ("sent", "active", true, true),
    ] {
        let sql = "UPDATE job_target SET state = $1";
        execute(&tx, sql, vec![target.into()], "prepare").await.unwrap();
        let sql = "UPDATE job SET state = $1, stopping = $2";
        execute(&tx, sql, vec![job.into(), stopping.into()], "prepare").await.unwrap();
        assert_eq!(
            file_list::is_awaited(&tx, FileId(1)).await.unwrap(),
            awaited,
            "{target} {job} {stopping}"
        );
    }
    assert!(!file_list::is_awaited(&tx, FileId(2)).await.unwrap());
}
