//! Files for phones: an image fetched over HTTPS from this server and from nginx, in the same run with the same client,
//! certificate and cipher (figure 6); and what a thousand slow downloads cost in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pki::{KeyKind, Name, SerialSeed, ServerRequest, Subject};
use serde_json::json;
use tests::fetching::{self, Told};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::program::{Api, Program};
use crate::{Failure, START, megabytes, print, row};

/// Bytes of the image.
const IMAGE: usize = 30 * 1024 * 1024;

/// Bytes of a piece of an upload.
const PIECE: usize = 8 * 1024 * 1024;

/// Rounds; the middle one counts.
const ROUNDS: usize = 5;

/// Percent of nginx's speed that is the goal: figure 6.
const GOAL: f64 = 70.0;

/// Slow downloads at the same time.
const SLOW: usize = 1_000;

/// Measures everything.
pub(crate) async fn measure(quick: bool) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let pair = certificate(directory.path()).await?;
    let settings = [("WORKPOINT_FILES_BOUND_TO_ADDRESS", "false"), ("WORKPOINT_CONTACT_ME_TRIES", "1")];
    let program = Program::start(directory.path(), None, &settings).await?;
    let image: Vec<u8> = (0..IMAGE).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let path = offer(&program, &image).await?;

    let files = tempfile::tempdir()?;
    tokio::fs::write(files.path().join("image.bin"), &image).await?;
    let nginx = Nginx::start(files.path(), &pair).await?;
    let repeat = if quick { 1 } else { 2 };
    for (connections, fetches) in [(1, 8 * repeat), (8, 2 * repeat), (64, repeat)] {
        compare((program.phones, &path), (nginx.address, "/image.bin"), connections, fetches).await?;
    }
    nginx.stop().await?;
    slow(&program, &path, if quick { SLOW / 10 } else { SLOW }).await?;
    program.stop().await
}

/// A certificate of an administrator's own for the phones' port, which nginx gets as well.
async fn certificate(directory: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let now = workpoint::clock::Clock::system().now();
    let lifetime = Duration::from_secs(24 * 60 * 60);
    let subject = Subject::new("Benchmark", None)?;
    let authority =
        pki::Authority::create(&subject, KeyKind::Rsa2048, now, lifetime, SerialSeed::new([5; 16]))?;
    let names = [Name::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let request =
        ServerRequest { common_name: "127.0.0.1", names: &names, key_kind: KeyKind::Rsa2048, lifetime };
    let issued = authority.issue_server(&request, now, SerialSeed::new([6; 16]))?;
    let directory = directory.join("certificates");
    tokio::fs::create_dir_all(&directory).await?;
    let pair = (directory.join("phones.pem"), directory.join("phones.key"));
    tokio::fs::write(&pair.0, &issued.chain_pem).await?;
    tokio::fs::write(&pair.1, issued.private_key_pem.expose()).await?;
    Ok(pair)
}

/// Uploads the image and has a phone told to fetch it; gives the path of its address.
async fn offer(program: &Program, image: &[u8]) -> Result<String, Failure> {
    let api: Api = program.api().await?;
    let new = json!({ "name": "image.bin", "size": image.len(), "file_type": "dongle" });
    let upload = api.post("/api/v1/uploads", &new).await?;
    let path = format!("/api/v1/uploads/{}", upload["token"].as_str().ok_or("no token")?);
    for (number, piece) in image.chunks(PIECE).enumerate() {
        api.patch_bytes(&format!("{path}?offset={}", number * PIECE), piece).await?;
    }
    let file = api.post(&format!("{path}/finish"), &json!({})).await?;
    let mut phone = Told::start_up(program.phones, [127, 44, 1, 1]).await;
    let clients = api.fetch("/api/v1/clients?size=1").await?;
    let plan = json!({
        "kind": "deploy-files", "targets": { "ids": [clients["items"][0]["id"]] },
        "deployment": { "files": [{ "file": file["id"] }] },
    });
    let plan = api.post("/api/v1/plans", &plan).await?;
    api.post(&format!("/api/v1/plans/{}/apply", plan["id"]), &json!({})).await?;
    let order = phone.come().await;
    let url = fetching::url(&order).ok_or("the phone was told no address")?;
    let path =
        url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).ok_or("a strange address")?.1;
    Ok(format!("/{path}"))
}

/// nginx with as many workers as there are cores, sendfile, and nothing that costs time.
struct Nginx {
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    #[expect(clippy::disallowed_methods, reason = "waits for a program to start")]
    async fn start(root: &Path, (certificate, key): &(PathBuf, PathBuf)) -> Result<Self, Failure> {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let address = free.local_addr()?;
        drop(free);
        let (place, certificate, key) = (root.display(), certificate.display(), key.display());
        let configuration = format!(
            "daemon off; worker_processes auto; pid {place}/nginx.pid; error_log {place}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
                client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
                fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
                server {{
                    listen {address} ssl; root {place};
                    ssl_certificate {certificate}; ssl_certificate_key {key};
                    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
                }}
            }}"
        );
        let file = root.join("nginx.conf");
        tokio::fs::write(&file, configuration).await?;
        // As the superuser nginx gives its workers another user, who may not look into this directory.
        let mut child = Command::new("nginx")
            .env("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
            .arg("-p")
            .arg(root)
            .arg("-e")
            .arg(root.join("error.log"))
            .arg("-c")
            .arg(&file)
            .args(["-g", "user root;"])
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("nginx does not start ({error}): scripts/setup.sh test installs it"))?;
        let begin = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if begin.elapsed() > START || child.try_wait()?.is_some() {
                return Err("nginx does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { address, child })
    }

    /// Ends it with its workers, which would outlive it if it were killed.
    async fn stop(mut self) -> Result<(), Failure> {
        let pid = self.child.id().ok_or("nginx has ended")?;
        Command::new("kill").arg(pid.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

/// One server and the other in turn; prints the middle of the rounds and their ratio.
async fn compare(
    ours: (SocketAddr, &str),
    nginx: (SocketAddr, &str),
    connections: usize,
    fetches: usize,
) -> Result<(), Failure> {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        own.push(rate(ours, connections, fetches).await?);
        other.push(rate(nginx, connections, fetches).await?);
    }
    let (own, other) = (middle(&mut own), middle(&mut other));
    print(&row(
        &format!("30 MiB over HTTPS, {connections} connections"),
        &format!("{own:.0} MB/s, nginx {other:.0} MB/s: {}", verdict(own, other)),
    ));
    Ok(())
}

/// Percent of nginx's speed, and whether that is too little.
fn verdict(own: f64, other: f64) -> String {
    let percent = own / other * 100.0;
    // What is no number is no figure.
    let missed = if percent >= GOAL { "" } else { ", MISSED" };
    format!("{percent:.1} %{missed}")
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Megabytes per second of so many connections that each fetch so often.
#[expect(clippy::disallowed_methods, reason = "measures")]
async fn rate(
    (server, path): (SocketAddr, &str),
    connections: usize,
    fetches: usize,
) -> Result<f64, Failure> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(connect(server, None).await?);
    }
    let begin = Instant::now();
    let mut tasks: JoinSet<Result<u64, Failure>> = JoinSet::new();
    for mut stream in open {
        let request = request(server, path);
        tasks.spawn(async move {
            let (mut bytes, mut buffer) = (0, vec![0; 256 * 1024]);
            for _ in 0..fetches {
                stream.write_all(request.as_bytes()).await?;
                stream.flush().await?;
                let (length, mut got) = head(&mut stream, &mut buffer).await?;
                while got < length {
                    let read = stream.read(&mut buffer).await?;
                    if read == 0 {
                        return Err("the body broke off".into());
                    }
                    got += read as u64;
                }
                bytes += got;
            }
            Ok(bytes)
        });
    }
    let mut bytes = 0;
    while let Some(fetched) = tasks.join_next().await {
        bytes += fetched?.map_err(|error| format!("fetching {path} from {server}: {error}"))?;
    }
    Ok(bytes as f64 / begin.elapsed().as_secs_f64() / 1e6)
}

fn request(server: SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n")
}

/// Connects as a phone; `buffer` bounds what the kernel keeps for a slow one.
async fn connect(server: SocketAddr, buffer: Option<u32>) -> Result<TlsStream<TcpStream>, Failure> {
    let socket = TcpSocket::new_v4()?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    let stream = socket.connect(server).await?;
    let name = rustls::pki_types::ServerName::IpAddress(server.ip().into());
    Ok(TlsConnector::from(tests::tls()).connect(name, stream).await?)
}

/// Reads the head of an answer; gives the length of the body and what has come of it.
async fn head(stream: &mut TlsStream<TcpStream>, buffer: &mut [u8]) -> Result<(u64, u64), Failure> {
    let mut read = 0;
    loop {
        let more = stream.read(&mut buffer[read..]).await?;
        if more == 0 {
            return Err("the connection ended".into());
        }
        read += more;
        let so_far = &buffer[..read];
        let Some(end) = so_far.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&so_far[..end]).to_ascii_lowercase();
        if !text.starts_with("http/1.1 200") {
            return Err(format!("the file was refused: {text}").into());
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse().ok()).ok_or("no length")?;
        return Ok((length, (read - end - 4) as u64));
    }
}

/// Resident memory before, during and after many downloads at some 40 kB/s each.
async fn slow(program: &Program, path: &str, count: usize) -> Result<(), Failure> {
    let resident = || program.usage().map(|usage| megabytes(usage.resident));
    let before = resident()?;
    let (got, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..count {
        let mut stream = connect(program.phones, Some(16 * 1024)).await?;
        let (request, got) = (request(program.phones, path), Arc::clone(&got));
        tasks.spawn(async move {
            let mut buffer = vec![0; 8 * 1024];
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await?;
            loop {
                let read = stream.read(&mut buffer).await?;
                if read == 0 {
                    return Ok::<(), std::io::Error>(());
                }
                got.fetch_add(read as u64, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
    let mut during = Vec::new();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        during.push(resident()?.to_string());
    }
    let mut ended = 0;
    while tasks.try_join_next().is_some() {
        ended += 1;
    }
    tasks.shutdown().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    print(&row(
        &format!("resident memory, {count} slow downloads"),
        &format!("{before} MB before, {} MB during, {} MB after", during.join(", "), resident()?),
    ));
    let fetched = got.load(Ordering::Relaxed);
    print(&row("  fetched meanwhile", &format!("{} MB", megabytes(fetched))));
    // Then the memory was not that of so many.
    if ended > 0 {
        Err(format!("{ended} of {count} slow downloads ended on their own").into())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod checks {
    use super::verdict;

    #[test]
    fn less_than_seventy_percent_is_said_to_be_missed() {
        assert_eq!(verdict(70.0, 100.0), "70.0 %");
        assert_eq!(verdict(69.9, 100.0), "69.9 %, MISSED");
        assert_eq!(verdict(120.0, 100.0), "120.0 %");
        assert!(verdict(0.0, 0.0).ends_with("MISSED"));
    }
}
