//! Caddy with its index pages. It has no WebDAV, and answers every method as if it were GET.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use workpoint::storage::Site;

use super::{Identity, https_site, program, start};

/// Caddy: `/browse/` shows index pages, `/plain/` only gives files.
pub struct Caddy {
    /// Its address: `https://127.0.0.1:port`.
    pub url: String,
    directory: TempDir,
    _child: Child,
}

impl Caddy {
    /// Starts one.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().to_owned();
        let pair = Identity::get().write(&root).await;
        for below in ["files/browse", "files/plain"] {
            tokio::fs::create_dir_all(root.join(below)).await.expect("a directory");
        }
        let program = program("caddy", &[]);
        let (child, address) = start(async |address: SocketAddr| {
            let file = root.join("Caddyfile");
            tokio::fs::write(&file, configuration(&root, address, &pair)).await.expect("a file");
            let mut command = Command::new(&program);
            command.arg("run").arg("--adapter").arg("caddyfile").arg("--config").arg(&file);
            // It writes into the directories of whoever starts it otherwise.
            for home in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                command.env(home, &root);
            }
            command
        })
        .await;
        Self { url: format!("https://{address}"), directory, _child: child }
    }

    /// A provider at one of its places: `browse` or `plain`.
    pub fn site(&self, place: &str) -> Site {
        https_site(&format!("{}/{place}/", self.url))
    }

    /// Where the files of a place lie.
    pub fn files(&self, place: &str) -> PathBuf {
        self.directory.path().join("files").join(place)
    }
}

fn configuration(root: &Path, address: SocketAddr, (certificate, key): &(PathBuf, PathBuf)) -> String {
    let (root, certificate, key) = (root.display(), certificate.display(), key.display());
    format!(
        "{{
            admin off
            auto_https off
            servers {{
                protocols h1 h2
            }}
        }}
        https://{address} {{
            bind 127.0.0.1
            tls {certificate} {key}
            root * {root}/files
            handle /plain/* {{
                file_server
            }}
            handle {{
                file_server browse
            }}
        }}
        "
    )
}
