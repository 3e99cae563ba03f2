//! Real storage servers for tests: an S3 server in this process, moto (an S3 server of other people's making), nginx and
//! Apache with index pages and WebDAV, and Caddy with index pages. All of them speak TLS on 127.0.0.1 and end with the
//! value that stands for them.
//!
//! `scripts/setup.sh test` installs all but the first; a test that needs one fails without it and says so.

mod apache;
mod caddy;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use domain::Secret;
use domain::file::{Listing, ProviderKind};
use domain::network::Networks;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pki::{Authority, KeyKind, Name, SerialSeed, ServerRequest, Subject};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use workpoint::clock::Clock;
use workpoint::storage::{Manners, Site};

pub use apache::Apache;
pub use caddy::Caddy;

/// Access key of the S3 servers, and user of web servers where they want one.
pub const USER: &str = "tester";

/// Access secret of the S3 servers, and password of [`USER`].
pub const PASSWORD: &str = "a+secret/with=signs";

/// Bucket of the S3 servers.
pub const BUCKET: &str = "firmware";

/// Region of the S3 servers.
pub const REGION: &str = "eu-central-1";

/// How often a server that starts is asked whether it is there: for half a minute.
const TRIES: u32 = 1_500;

/// The certificate of all these servers, for `127.0.0.1` and `localhost`.
pub struct Identity {
    /// The authority that made it, in DER: whoever trusts it trusts these servers.
    pub authority: Vec<u8>,
    chain_pem: String,
    key_pem: String,
}

impl Identity {
    /// The one of this program.
    pub fn get() -> &'static Self {
        static IDENTITY: OnceLock<Identity> = OnceLock::new();
        IDENTITY.get_or_init(Self::make)
    }

    fn make() -> Self {
        let now = Clock::system().now();
        let lifetime = Duration::from_secs(24 * 60 * 60);
        let subject = Subject::new("Authority of the storage servers", None).expect("a subject");
        let seed = SerialSeed::new([7; 16]);
        let authority = Authority::create(&subject, KeyKind::EcdsaP256, now, lifetime, seed);
        let authority = authority.expect("an authority");
        let request = ServerRequest {
            common_name: "127.0.0.1",
            names: &[Name::Ip([127, 0, 0, 1].into()), Name::Dns("localhost".to_owned())],
            key_kind: KeyKind::EcdsaP256,
            lifetime,
        };
        let issued = authority.issue_server(&request, now, SerialSeed::new([8; 16])).expect("a certificate");
        Self {
            authority: authority.certificate_der().to_vec(),
            chain_pem: issued.chain_pem,
            key_pem: issued.private_key_pem.expose().to_owned(),
        }
    }

    /// For a server in this process.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.expect("certificates"), key);
        TlsAcceptor::from(Arc::new(config.expect("a pair")))
    }

    /// Writes certificate and key for another program; their paths.
    async fn write(&self, directory: &Path) -> (PathBuf, PathBuf) {
        let paths = (directory.join("certificate.pem"), directory.join("key.pem"));
        tokio::fs::write(&paths.0, &self.chain_pem).await.expect("a file");
        tokio::fs::write(&paths.1, &self.key_pem).await.expect("a file");
        paths
    }
}

/// How to deal with these servers: they are on this machine, and their certificate is trusted.
pub fn manners() -> Manners {
    let allowed = Networks::parse("127.0.0.0/8").expect("a network");
    Manners { authorities: vec![Identity::get().authority.clone()], ..Manners::new(true, allowed) }
}

/// A provider at an S3 server.
pub fn s3_site(url: &str) -> Site {
    Site {
        kind: ProviderKind::S3,
        url: url.to_owned(),
        username: USER.to_owned(),
        secret: Some(Secret::new(PASSWORD.to_owned())),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        path_style: true,
        listing: Listing::Automatic,
    }
}

/// A provider at a web server that wants no password.
pub fn https_site(url: &str) -> Site {
    Site {
        kind: ProviderKind::Https,
        url: url.to_owned(),
        username: String::new(),
        secret: None,
        bucket: String::new(),
        region: String::new(),
        path_style: false,
        listing: Listing::Automatic,
    }
}

/// An S3 server in this process: s3s on a temporary directory, with [`BUCKET`].
pub struct S3Server {
    /// Its address: `https://127.0.0.1:port`.
    pub url: String,
    directory: TempDir,
    /// Method and path of every request, in their order.
    requests: Arc<Mutex<Vec<String>>>,
    there: watch::Sender<bool>,
    /// Ended, with all connections, when this is dropped.
    _tasks: JoinSet<()>,
}

impl S3Server {
    /// Starts one.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        tokio::fs::create_dir(directory.path().join(BUCKET)).await.expect("a bucket");
        let files = s3s_fs::FileSystem::new(directory.path()).expect("the directory can be used");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(USER, PASSWORD));
        let service = service.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let acceptor = Identity::get().acceptor();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (there, mut is_there) = watch::channel(true);
        let log = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.expect("a connection").0,
                    changed = is_there.changed() => match changed {
                        Ok(()) => { connections.abort_all(); continue }
                        Err(_) => return,
                    },
                };
                if !*is_there.borrow() {
                    continue;
                }
                let (acceptor, service, log) = (acceptor.clone(), service.clone(), Arc::clone(&log));
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let counted = service_fn(|request: http::Request<Incoming>| {
                        let line = format!("{} {}", request.method(), request.uri().path());
                        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                        Service::call(&service, request)
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), counted).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, directory, requests, there, _tasks: tasks }
    }

    /// Number of GET requests for an object of [`BUCKET`] so far, for all of it or a part.
    pub fn gets(&self, key: &str) -> usize {
        let line = format!("GET /{BUCKET}/{key}");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| **request == line).count()
    }

    /// Goes away with all its connections, or comes back at the same address. What it keeps stays.
    pub fn set_there(&self, there: bool) {
        self.there.send_replace(there);
    }

    /// A provider for it.
    pub fn site(&self) -> Site {
        s3_site(&self.url)
    }

    /// Where it keeps the objects of [`BUCKET`]: a file put there is one.
    pub fn objects(&self) -> PathBuf {
        self.directory.path().join(BUCKET)
    }
}

/// moto, an S3 server written in Python, with [`BUCKET`].
pub struct Moto {
    /// Its address: `https://127.0.0.1:port`.
    pub url: String,
    keys: (String, String),
    _child: Child,
    _directory: TempDir,
}

impl Moto {
    /// Starts one that takes every access key.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts one that takes one access key and checks signatures, though not those in addresses: it cannot.
    pub async fn start_strict() -> Self {
        // It takes this many requests unsigned, then none.
        let mut server = Self::start_with(Some("4")).await;
        let policy =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        server.manage(&[("Action", "CreateUser")]).await;
        server
            .manage(&[("Action", "PutUserPolicy"), ("PolicyName", "all"), ("PolicyDocument", policy)])
            .await;
        let made = server.manage(&[("Action", "CreateAccessKey")]).await;
        let text = |element: &str| {
            let (_, rest) = made.split_once(&format!("<{element}>")).expect("an element");
            rest.split_once('<').expect("its end").0.to_owned()
        };
        server.keys = (text("AccessKeyId"), text("SecretAccessKey"));
        server
    }

    async fn start_with(unsigned: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (certificate, key) = Identity::get().write(directory.path()).await;
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin");
        let program = program("moto_server", &[&venv]);
        let (child, address) = start(async |address: SocketAddr| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &address.port().to_string(), "-s", "-c"]);
            command.arg(&certificate).arg("-k").arg(&key);
            if let Some(unsigned) = unsigned {
                command.env("INITIAL_NO_AUTH_ACTION_COUNT", unsigned);
            }
            command
        })
        .await;
        let url = format!("https://{address}");
        let made = client().put(format!("{url}/{BUCKET}")).send().await.expect("moto answers");
        assert!(made.status().is_success(), "making a bucket: {}", made.status());
        let keys = (USER.to_owned(), PASSWORD.to_owned());
        Self { url, keys, _child: child, _directory: directory }
    }

    /// A request to its user administration.
    async fn manage(&self, fields: &[(&str, &str)]) -> String {
        let service = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x";
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs([("UserName", USER), ("Version", "2010-05-08")]).extend_pairs(fields);
        let asked = client()
            .post(&self.url)
            .header("authorization", service)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        let answer = asked.send().await.expect("moto answers");
        assert!(answer.status().is_success(), "{fields:?}: {}", answer.status());
        answer.text().await.expect("text")
    }

    /// A provider for it.
    pub fn site(&self) -> Site {
        let (username, secret) = self.keys.clone();
        Site { username, secret: Some(Secret::new(secret)), ..s3_site(&self.url) }
    }
}

/// nginx: `/index/` shows index pages, `/dav/` speaks WebDAV, `/private/` too and wants [`USER`] and [`PASSWORD`],
/// `/plain/` only gives files.
pub struct Nginx {
    /// Its address: `https://127.0.0.1:port`.
    pub url: String,
    directory: TempDir,
    _child: Child,
}

impl Nginx {
    /// Starts one.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().to_owned();
        let pair = Identity::get().write(&root).await;
        for below in ["files/index", "files/dav", "files/private", "files/plain"] {
            tokio::fs::create_dir_all(root.join(below)).await.expect("a directory");
        }
        tokio::fs::write(root.join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n")).await.expect("a file");
        let program = program("nginx", &[Path::new("/usr/sbin")]);
        let (child, address) = start(async |address: SocketAddr| {
            let file = root.join("nginx.conf");
            tokio::fs::write(&file, configuration(&root, address, &pair)).await.expect("a file");
            let mut command = Command::new(&program);
            command.arg("-p").arg(&root).arg("-e").arg(root.join("error.log")).arg("-c").arg(&file);
            command
        })
        .await;
        Self { url: format!("https://{address}"), directory, _child: child }
    }

    /// A provider at one of its places: `index`, `dav`, `private` or `plain`. It has no password.
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
    let dav = "dav_methods PUT DELETE MKCOL; dav_ext_methods PROPFIND OPTIONS;";
    // One process, so that it ends with the one that was started.
    format!(
        "daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/error.log;
        load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
        events {{ worker_connections 256; }}
        http {{
            access_log off; types {{ text/html html; text/plain txt; }} default_type application/octet-stream;
            client_max_body_size 0; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
            fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
            server {{
                listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; root {root}/files;
                location /index/ {{ autoindex on; }}
                location /dav/ {{ {dav} }}
                location /private/ {{ auth_basic files; auth_basic_user_file {root}/users; {dav} }}
            }}
        }}"
    )
}

/// Starts a program on a free port and waits until it listens there.
async fn start(command: impl AsyncFn(SocketAddr) -> Command) -> (Child, SocketAddr) {
    for _ in 0..5 {
        // Free now; should somebody else be faster, the program ends and another port is tried.
        let free = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = command(address).await;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..TRIES {
            ticks.tick().await;
            if child.try_wait().expect("its state").is_some() {
                break;
            }
            if TcpStream::connect(address).await.is_ok() {
                return (child, address);
            }
        }
    }
    panic!("the program does not start: {:?}", command(([127, 0, 0, 1], 0).into()).await);
}

/// Finds a program where programs are, or in a directory of its own.
fn program(name: &str, directories: &[&Path]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let everywhere = std::env::split_paths(&path).chain(directories.iter().map(|path| (*path).to_owned()));
    let mut candidates = everywhere.map(|directory| directory.join(name));
    candidates
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run scripts/setup.sh test"))
}

/// A client that trusts these servers.
pub fn client() -> reqwest::Client {
    let authority = reqwest::Certificate::from_der(&Identity::get().authority).expect("a certificate");
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.tls_certs_only([authority]).build().expect("a client")
}
