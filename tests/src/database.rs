//! A database of its own for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in the test's data directory.
    Sqlite,
    /// A database of the private cluster.
    Postgres,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Address of a new, empty database; `None` is the built-in default.
pub async fn create(backend: Backend) -> Option<String> {
    if backend == Backend::Sqlite {
        return None;
    }
    let cluster = std::env::var("WORKPOINT_TEST_POSTGRES")
        .expect("WORKPOINT_TEST_POSTGRES names the cluster for tests: run `make test`");
    let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let done = Command::new("psql")
        .args([&cluster, "--quiet", "--no-psqlrc", "--command", &format!("CREATE DATABASE {name}")])
        .output()
        .await
        .expect("psql runs");
    assert!(done.status.success(), "creating a database: {}", String::from_utf8_lossy(&done.stderr));
    let (server, _) = cluster.rsplit_once('/').expect("the address ends with a database");
    Some(format!("{server}/{name}"))
}

/// How often two transactions of a database have waited for each other.
pub(crate) async fn deadlocks(url: &str) -> u64 {
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let done = Command::new("psql")
        .args([url, "--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql])
        .output()
        .await
        .expect("psql runs");
    assert!(done.status.success(), "asking a database: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().parse().expect("a number")
}

/// All rows of a database.
pub(crate) async fn dump(url: &str) -> Vec<u8> {
    let done = Command::new("pg_dump").args(["--data-only", url]).output().await.expect("pg_dump runs");
    assert!(done.status.success(), "dumping a database: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}
