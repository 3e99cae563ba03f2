//! A web server that does exactly what a test says, byte by byte.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tests::storage_servers::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What is done next on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Says nothing for a while.
    Pause(Duration),
    /// Waits until something more comes, and tells so.
    UntilAsked(Arc<AtomicBool>),
    /// Says nothing for ever and keeps the connection.
    Hang,
}

/// An answer with a head and a body; the connection is closed after it.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Act> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body.as_ref());
    vec![Act::Send(bytes)]
}

/// The server.
pub(crate) struct Scripted {
    /// Its address: `https://127.0.0.1:port`.
    pub(crate) url: String,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Starts one that answers each request by what `script` makes of its head. It does not read bodies to the end.
    pub(crate) async fn start(script: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start_at([127, 0, 0, 1], script).await
    }

    /// As [`Scripted::start`], at another address, for which it has no certificate.
    pub(crate) async fn start_at(
        address: [u8; 4],
        script: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let (acceptor, script) = (Identity::get().acceptor(), Arc::new(script));
        let listener = TcpListener::bind((IpAddr::from(address), 0)).await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, count) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&count));
                connections.spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                        let mut piece = [0; 1_024];
                        match stream.read(&mut piece).await {
                            Ok(read) if read > 0 => head.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                    for act in script(&String::from_utf8_lossy(&head)) {
                        match act {
                            Act::Send(bytes) => {
                                if stream.write_all(&bytes).await.is_err() {
                                    return;
                                }
                                let _ = stream.flush().await;
                            }
                            Act::Pause(time) => {
                                let mut ticks = tokio::time::interval(time);
                                ticks.tick().await;
                                ticks.tick().await;
                            }
                            Act::UntilAsked(asked) => {
                                let read = stream.read(&mut [0; 1_024]).await;
                                asked.fetch_or(read.is_ok_and(|read| read > 0), Ordering::Relaxed);
                            }
                            Act::Hang => std::future::pending().await,
                        }
                    }
                    let _ = stream.shutdown().await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, asked, _tasks: tasks }
    }

    /// Requests that came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}
