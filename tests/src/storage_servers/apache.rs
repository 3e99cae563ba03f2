//! Apache with its index pages and WebDAV.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use workpoint::storage::Site;

use super::{Identity, USER, https_site, program, start};

/// Where Debian keeps its modules.
const MODULES: &str = "/usr/lib/apache2/modules";

/// What it consists of here; everything else is left out.
const USED: [&str; 11] = [
    "mpm_event",
    "ssl",
    "dir",
    "autoindex",
    "dav",
    "dav_fs",
    "authn_core",
    "authn_file",
    "auth_basic",
    "authz_core",
    "authz_user",
];

/// SHA-1 of [`PASSWORD`](super::PASSWORD) in Base64: it takes no password in clear.
const DIGEST: &str = "crcvp3MyFabGvthSB9oDsPUERFM=";

/// Apache: `/fancy/`, `/table/` and `/list/` show the three kinds of its index pages, `/dav/` speaks WebDAV, and
/// `/private/` too and wants [`USER`] and [`PASSWORD`](super::PASSWORD).
pub struct Apache {
    /// Its address: `https://127.0.0.1:port`.
    pub url: String,
    directory: TempDir,
    _child: Child,
}

impl Apache {
    /// The places that show index pages.
    pub const INDEXES: [&str; 3] = ["fancy", "table", "list"];

    /// Starts one.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().to_owned();
        let pair = Identity::get().write(&root).await;
        for below in ["fancy", "table", "list", "dav", "private"] {
            let below = root.join("files").join(below);
            tokio::fs::create_dir_all(&below).await.expect("a directory");
            open_to_all(&below).await;
        }
        let users = format!("{USER}:{{SHA}}{DIGEST}\n");
        tokio::fs::write(root.join("users"), users).await.expect("a file");
        open_to_all(&root).await;
        let program = program("apache2", &[Path::new("/usr/sbin")]);
        let (child, address) = start(async |address: SocketAddr| {
            let file = root.join("apache.conf");
            tokio::fs::write(&file, configuration(&root, address, &pair)).await.expect("a file");
            let mut command = Command::new(&program);
            // One process, so that it ends with the one that was started.
            command.arg("-X").arg("-f").arg(&file);
            command
        })
        .await;
        Self { url: format!("https://{address}"), directory, _child: child }
    }

    /// A provider at one of its places. It has no password.
    pub fn site(&self, place: &str) -> Site {
        https_site(&format!("{}/{place}/", self.url))
    }

    /// Where the files of a place lie.
    pub fn files(&self, place: &str) -> PathBuf {
        self.directory.path().join("files").join(place)
    }
}

/// Who is root becomes somebody else before the first request is answered.
async fn open_to_all(directory: &Path) {
    let all = std::fs::Permissions::from_mode(0o777);
    tokio::fs::set_permissions(directory, all).await.expect("the permissions are set");
}

fn configuration(root: &Path, address: SocketAddr, (certificate, key): &(PathBuf, PathBuf)) -> String {
    let (root, certificate, key) = (root.display(), certificate.display(), key.display());
    let modules: String =
        USED.iter().map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n")).collect();
    // Nobody's numbers; without root's rights they are not used.
    format!(
        "{modules}
        ServerRoot {root}
        DefaultRuntimeDir {root}
        PidFile {root}/apache.pid
        ErrorLog {root}/error.log
        ServerName localhost
        User #65534
        Group #65534
        ServerLimit 1
        ThreadsPerChild 32
        MaxRequestWorkers 32
        Listen {address}
        SSLEngine on
        SSLCertificateFile {certificate}
        SSLCertificateKeyFile {key}
        DocumentRoot {root}/files
        DavLockDB {root}/locks
        <Directory {root}/files>
            Options FollowSymLinks
            Require all granted
        </Directory>
        <Location /fancy/>
            Options +Indexes
            IndexOptions FancyIndexing
        </Location>
        <Location /table/>
            Options +Indexes
            IndexOptions FancyIndexing HTMLTable
        </Location>
        <Location /list/>
            Options +Indexes
            IndexOptions -FancyIndexing
        </Location>
        <Location /dav/>
            Dav On
        </Location>
        <Location /private/>
            Dav On
            AuthType Basic
            AuthName files
            AuthUserFile {root}/users
            Require valid-user
        </Location>
        "
    )
}
