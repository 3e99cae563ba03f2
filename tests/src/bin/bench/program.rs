//! The server as a program of its own: started, asked for what it used, stopped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::{Failure, START};

/// A running server.
pub(crate) struct Program {
    child: Child,
    pid: u32,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    /// Port of the phones.
    pub(crate) phones: SocketAddr,
    /// Port for polls.
    pub(crate) polls: SocketAddr,
    api: SocketAddr,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    /// Bytes written to files, as handed to the system.
    pub(crate) written: u64,
}

impl Usage {
    /// What was used since then; the memory is that of now.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            resident: self.resident,
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// The `workpoint` program beside this one.
fn binary() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("workpoint");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: run `make bench`", path.display()).into())
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Program {
    /// Starts the server on a data directory and waits until it is ready.
    pub(crate) async fn start(
        directory: &Path,
        database: Option<&str>,
        settings: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let (phones, api, polls) = (free_port()?, free_port()?, free_port()?);
        let mut environment: Vec<(String, String)> = [
            ("WORKPOINT_DATA_DIR", directory.display().to_string()),
            ("WORKPOINT_LISTEN_ADDRESS", "127.0.0.1".to_owned()),
            ("WORKPOINT_PORTS_DEFAULT_MODE_CLIENT_PORT", phones.to_string()),
            ("WORKPOINT_PORTS_SECURE_MODE_CLIENT_PORT", "0".to_owned()),
            ("WORKPOINT_PORTS_API_SERVER_PORT", api.to_string()),
            ("WORKPOINT_PORTS_DCMP_SERVER_PORT", polls.to_string()),
            ("WORKPOINT_OTHER_LOG_LEVEL", "warn".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(database) = database {
            environment.push(("WORKPOINT_DATABASE_URL".to_owned(), database.to_owned()));
        }
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut child = Command::new(binary()?)
            .arg("serve")
            .envs(environment.iter().cloned())
            .env_remove("WORKPOINT_TEST_POSTGRES")
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or("the server has no process number")?;
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        wait_for(address(api), &mut child).await?;
        Ok(Self {
            child,
            pid,
            directory: directory.to_owned(),
            environment,
            phones: address(phones),
            polls: address(polls),
            api: address(api),
        })
    }

    /// What it has used so far.
    #[expect(clippy::disallowed_methods, reason = "three small files of the system, between measurements")]
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.pid));
        let stat = read("stat")?;
        // The name stands in parentheses and may hold spaces; times are fields 14 and 15 in ticks of 10 ms.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let value = |text: &str, name: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Usage {
            cpu: Duration::from_millis((ticks(11) + ticks(12)) * 10),
            resident: value(&read("status")?, "VmRSS:") * 1024,
            written: value(&read("io")?, "write_bytes:"),
        })
    }

    /// An API client with a token of an administrator.
    pub(crate) async fn api(&self) -> Result<Api, Failure> {
        self.account("bench", "a password nobody guesses").await?;
        let token = self.run(&["token", "create", "--user", "bench", "--name", "bench"], "").await?;
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
        Ok(Api { http, base: format!("https://{}", self.api), token: token.trim().to_owned() })
    }

    /// An administrator's account, for signing in as people do.
    pub(crate) async fn account(&self, name: &str, password: &str) -> Result<(), Failure> {
        let user = ["user", "create", "--username", name, "--role", "admin", "--password-stdin"];
        self.run(&user, &format!("{password}\n")).await?;
        Ok(())
    }

    /// The certificate the server's own is issued by.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.directory.join("certificates/authority.pem")
    }

    /// Port of the API and the console.
    pub(crate) fn api_port(&self) -> u16 {
        self.api.port()
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, Failure> {
        use tokio::io::AsyncWriteExt as _;
        let mut child = Command::new(binary()?)
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .env_remove("WORKPOINT_TEST_POSTGRES")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        let done = child.wait_with_output().await?;
        if !done.status.success() {
            return Err(format!("workpoint {} failed", arguments.join(" ")).into());
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    /// Stops it as an administrator would.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for a program to start; nothing here is a test")]
async fn wait_for(api: SocketAddr, child: &mut Child) -> Result<(), Failure> {
    let begin = Instant::now();
    while begin.elapsed() < START {
        if tokio::net::TcpStream::connect(api).await.is_ok() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("the server stopped at its start: {status}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the server did not start".into())
}

/// Asks the API.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// The same, with connections of its own: one belongs to the runtime that opened it.
    pub(crate) fn anew(&self) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
        Ok(Self { http, base: self.base.clone(), token: self.token.clone() })
    }

    /// Posts JSON and gives the answer; one that is refused is a failure.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value, Failure> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        if !status.is_success() {
            return Err(format!("{path} was refused: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Posts JSON and gives status and answer, also of what is refused.
    pub(crate) async fn try_post(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(u16, serde_json::Value), Failure> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await?;
        Ok((response.status().as_u16(), serde_json::from_str(&response.text().await?)?))
    }

    /// Fetches JSON; what is refused is a failure.
    pub(crate) async fn fetch(&self, path: &str) -> Result<serde_json::Value, Failure> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        if !status.is_success() {
            return Err(format!("{path} was refused: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Sends a piece of an upload; one that is refused is a failure.
    pub(crate) async fn patch_bytes(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let request = self.http.patch(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/octet-stream").body(bytes.to_vec());
        let response = request.send().await?;
        if !response.status().is_success() {
            return Err(format!("{path} was refused: {}", response.text().await?).into());
        }
        Ok(())
    }

    /// Fetches a path completely; `false` when it is refused.
    pub(crate) async fn get(&self, path: &str) -> Result<bool, Failure> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.send().await?;
        let good = response.status().is_success();
        response.bytes().await?;
        Ok(good)
    }
}

/// A new, empty database of a cluster.
pub(crate) async fn create_database(cluster: &str, purpose: &str) -> Result<String, Failure> {
    let name = format!("bench_{purpose}_{}", std::process::id());
    let sql = format!("CREATE DATABASE {name}");
    let status = Command::new("psql").args([cluster, "--quiet", "--command", &sql]).status().await?;
    if !status.success() {
        return Err("no database for PostgreSQL could be made".into());
    }
    let (server, _) = cluster.rsplit_once('/').ok_or("the cluster's address ends with a database")?;
    Ok(format!("{server}/{name}"))
}
