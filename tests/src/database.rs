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

/// A database of the private cluster that goes with the test: hundreds of tests would fill a small disk.
pub struct TestDatabase {
    cluster: String,
    name: String,
}

impl TestDatabase {
    /// A new database with the same content. Nobody may be connected to this one.
    pub(crate) async fn copy(&self) -> Self {
        create_in(self.cluster.clone(), &format!(" TEMPLATE {}", self.name)).await
    }

    /// Where it is.
    ///
    /// # Panics
    /// When the address of the cluster does not end with a database.
    pub fn url(&self) -> String {
        let (server, _) = self.cluster.rsplit_once('/').expect("the address ends with a database");
        format!("{server}/{}", self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // By force, because a test that has failed leaves a server behind which still holds its connections. What
        // the drop says counts for nothing: the cluster goes too, and a panic here would hide the test's own.
        let _ = std::process::Command::new("psql")
            .args([&self.cluster, "--quiet", "--no-psqlrc", "--command"])
            .arg(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            .output();
    }
}

/// A new, empty database; `None` is the built-in default.
///
/// # Panics
/// Without a cluster for tests.
pub async fn create(backend: Backend) -> Option<TestDatabase> {
    if backend == Backend::Sqlite {
        return None;
    }
    let cluster = std::env::var("WORKPOINT_TEST_POSTGRES")
        .expect("WORKPOINT_TEST_POSTGRES names the cluster for tests: run `make test`");
    Some(create_in(cluster, "").await)
}

async fn create_in(cluster: String, how: &str) -> TestDatabase {
    let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let sql = format!("CREATE DATABASE {name}{how}");
    let done = Command::new("psql")
        .args([&cluster, "--quiet", "--no-psqlrc", "--command", &sql])
        .output()
        .await
        .expect("psql runs");
    assert!(done.status.success(), "creating a database: {}", String::from_utf8_lossy(&done.stderr));
    TestDatabase { cluster, name }
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
