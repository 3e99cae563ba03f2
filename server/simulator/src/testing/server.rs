//! A scripted provisioning server: real TLS and HTTP on 127.0.0.1, answers from a closure.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wire::{Action, Fragment, Item, Limits, PhoneMessage, Reason, ServerMessage};

use crate::address::NetworkGuard;
use crate::behaviour::Behaviour;
use crate::connection::Dialler;
use crate::danger_tls::{TlsOptions, tls_settings};
use crate::machine::PhoneMachine;
use crate::simulated_phone::SimulatedPhone;
use crate::testing::openstage_40;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) peer: SocketAddr,
    /// Which connection it came on, from 1.
    pub(crate) connection: u32,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The reason of a message; `None` of a request that is none.
    pub(crate) fn message_reason(&self) -> Option<Reason> {
        PhoneMessage::parse(&self.body, &Limits::default()).ok().map(|message| message.reason)
    }

    pub(crate) fn message(&self) -> PhoneMessage {
        PhoneMessage::parse(&self.body, &Limits::default()).unwrap()
    }
}

pub(crate) type Reply = Response<Full<Bytes>>;

/// A good answer to a message.
pub(crate) fn order(message: &PhoneMessage, action: Action, items: Vec<Item>) -> Reply {
    let answer = ServerMessage { nonce: message.nonce.clone(), action, items };
    answered(StatusCode::OK, answer.to_bytes().unwrap())
}

pub(crate) fn answered(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// Read everything once, then close.
pub(crate) fn read_all(seen: &Seen) -> Reply {
    let message = seen.message();
    match (&message.reason, message.fragment) {
        (_, Fragment::Next) => order(&message, Action::GetNextFragment, vec![]),
        (Reason::ReplyTo { .. }, _) => order(&message, Action::CleanUp, vec![]),
        _ => order(&message, Action::ReadAllItems, vec![]),
    }
}

pub(crate) struct ScriptedServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl ScriptedServer {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["phones.example.net".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            let connections = AtomicU32::new(0);
            while let Ok((stream, peer)) = listener.accept().await {
                let connection = connections.fetch_add(1, Ordering::Relaxed) + 1;
                let (acceptor, script, log) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request: Request<Incoming>| {
                        let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let path = head.uri.path().to_owned();
                            let (method, headers) = (head.method, head.headers);
                            let seen = Seen { peer, connection, method, path, headers, body };
                            let reply = script(&seen);
                            log.lock().unwrap().push(seen);
                            Ok::<_, Infallible>(reply)
                        }
                    });
                    let io = TokioIo::new(stream);
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.ok();
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

pub(crate) fn dialler() -> Dialler {
    let tls = tls_settings(TlsOptions::default()).unwrap();
    Dialler::new(tls, None, NetworkGuard::LOOPBACK_ONLY).unwrap()
}

/// An OpenStage 40 at 127.0.0.1 whose server is the scripted one.
pub(crate) fn phone(server: &ScriptedServer, behaviour: Behaviour) -> SimulatedPhone {
    SimulatedPhone::new(PhoneMachine::new(openstage_40(), behaviour), dialler(), server.address, 1)
}
