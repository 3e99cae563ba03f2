//! A disk that is full: a small file system in memory that only a second run of this program sees, which has file
//! systems of its own (mount namespace).

use tokio::process::Command;
use workpoint::storage::{Directory, Fault, Provider};

use crate::suite::{Files, content, fault, whole};

/// Tells the second run where the small file system is.
const PLACE: &str = "WORKPOINT_TEST_SMALL_DISK";

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    if let Some(place) = std::env::var_os(PLACE) {
        return on_a_small_disk(&Directory::new(place.into())).await;
    }
    let place = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("unshare");
    if !is_root().await {
        command.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(place.path());
    command.arg(std::env::current_exe().expect("this program"));
    command.args(["--exact", "full::a_full_disk_loses_nothing"]).env(PLACE, place.path());
    let done = command.output().await.expect("unshare runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

async fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output().await.expect("id runs").stdout;
    said.trim_ascii() == b"0"
}

async fn on_a_small_disk(directory: &Directory) {
    let files = Files::new();
    let kept = content(700 * 1024);
    files.store(directory, "kept", &kept).await.expect("there is room");
    for _ in 0..3 {
        assert_eq!(fault(files.store(directory, "more", &kept).await), Fault::Full);
        assert_eq!(fault(files.store(directory, "kept", &kept[1..]).await), Fault::Full);
    }
    assert!(whole(directory, "kept").await.expect("read") == kept, "what was there stays as it was");
    assert_eq!(fault(directory.stat("more").await), Fault::NotFound);
    // What could not be written to its end takes no room.
    files.store(directory, "small", &content(200 * 1024)).await.expect("there is room");
}
