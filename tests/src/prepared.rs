//! What the first start of a server leaves behind, made once by each test program and copied for its tests.
//!
//! A first start builds the tables and makes RSA keys, and would take longer than most tests. It is the real one; a
//! server that starts with a copy finds its data as after any other stop. What is to be seen of a first start itself
//! is tested with [`crate::TestServer::start_with`], which begins with nothing.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;
use workpoint::Server;
use workpoint::clock::{Clock, Entropy};

use crate::database::{self, Backend, TestDatabase};

/// The data of a server that was started once and stopped.
struct Prepared {
    /// Its data directory: paths below it, and what is in the files.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Its database in the private cluster, which goes when the cluster goes.
    database: Option<TestDatabase>,
}

static PREPARED: [OnceCell<Prepared>; 2] = [OnceCell::const_new(), OnceCell::const_new()];

/// Fills a data directory as after a first start, and gives the database that belongs to it.
///
/// # Panics
/// When the server does not start, or nothing can be copied.
pub(crate) async fn copy(backend: Backend, directory: &Path) -> Option<TestDatabase> {
    let prepared = PREPARED[usize::from(backend == Backend::Postgres)].get_or_init(|| prepare(backend)).await;
    for (path, bytes) in &prepared.files {
        let path = directory.join(path);
        let parent = path.parent().expect("a file is in a directory");
        tokio::fs::create_dir_all(parent).await.expect("a directory");
        tokio::fs::write(&path, bytes).await.expect("a file");
    }
    match &prepared.database {
        None => None,
        Some(template) => Some(template.copy().await),
    }
}

async fn prepare(backend: Backend) -> Prepared {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let database = database::create(backend).await;
    let config = crate::configuration(directory.path(), database.as_ref());
    let server = Server::start(&config, Clock::system(), Entropy::system()).await.expect("the server starts");
    server.stop().await;
    let mut files = Vec::new();
    let mut below = vec![directory.path().to_owned()];
    while let Some(directory) = below.pop() {
        let mut entries = tokio::fs::read_dir(directory).await.expect("a directory");
        while let Some(entry) = entries.next_entry().await.expect("an entry") {
            let path = entry.path();
            if entry.file_type().await.expect("a kind of file").is_dir() {
                below.push(path);
            } else {
                files.push((path.clone(), tokio::fs::read(path).await.expect("a file")));
            }
        }
    }
    for (path, _) in &mut files {
        *path = path.strip_prefix(directory.path()).expect("a path below").to_owned();
    }
    Prepared { files, database }
}
