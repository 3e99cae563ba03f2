//! What stands between phones and a server that may die: one address for its whole life, whatever port the server
//! has at the moment. It can hold back what one side says, and cut the line.
//!
//! It reads nothing but the frame of TLS records, and holds back only those with application data. A connection
//! can so be made while it holds, and be stopped between one message and the next. In TLS 1.3 a handshake looks
//! like application data, so who holds something back lets the phones speak TLS 1.2.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Content type of TLS records that carry what is said (RFC 8446, section 5.1).
const APPLICATION_DATA: u8 = 23;

/// Length of the head of a TLS record; its last two bytes are the length of the rest.
const HEAD: usize = 5;

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The phones.
    Phones,
    /// The server.
    Server,
}

/// The gate. Closed when dropped.
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    server: Mutex<Option<SocketAddr>>,
    /// What all connections of the moment hang on; replaced when it is cut.
    line: Mutex<Arc<Line>>,
    phones: Voice,
    server_side: Voice,
}

#[derive(Default)]
struct Line {
    cut: CancellationToken,
    /// Connections that hang on it.
    connections: watch::Sender<usize>,
}

/// One direction.
struct Voice {
    holds: watch::Sender<bool>,
    /// Records that were held back so far.
    held: watch::Sender<u64>,
    /// Records that went through so far.
    passed: watch::Sender<u64>,
}

impl Voice {
    fn new() -> Self {
        Self { holds: watch::Sender::new(false), held: watch::Sender::new(0), passed: watch::Sender::new(0) }
    }
}

impl Shared {
    fn voice(&self, side: Side) -> &Voice {
        match side {
            Side::Phones => &self.phones,
            Side::Server => &self.server_side,
        }
    }

    fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn server(&self) -> Option<SocketAddr> {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// A gate at a free port of 127.0.0.1 that leads nowhere yet.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server: Mutex::new(None),
            line: Mutex::default(),
            phones: Voice::new(),
            server_side: Voice::new(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(take(listener, Arc::clone(&shared))));
        Self { address, shared, _stop: stop.drop_guard() }
    }

    /// Where phones find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads; `None`: nobody answers.
    pub fn lead_to(&self, server: Option<SocketAddr>) {
        *self.shared.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// Cuts every connection; what is held back is lost. None of them is left afterwards.
    pub async fn cut(&self) {
        let line = {
            let mut line = self.shared.line.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *line)
        };
        line.cut.cancel();
        let mut connections = line.connections.subscribe();
        connections.wait_for(|connections| *connections == 0).await.expect("the line is held");
    }

    /// Holds back what a side says from now on, or lets it go.
    pub fn hold(&self, side: Side, holds: bool) {
        self.shared.voice(side).holds.send_replace(holds);
    }

    /// Waits until something of a side is held back that was not before `count` was asked for.
    pub async fn holds_more_than(&self, side: Side, count: u64) {
        let mut held = self.shared.voice(side).held.subscribe();
        held.wait_for(|held| *held > count).await.expect("the gate stands");
    }

    /// Records of a side that were held back so far.
    pub fn held(&self, side: Side) -> u64 {
        *self.shared.voice(side).held.borrow()
    }

    /// Waits until so many more records of a side have gone through.
    pub async fn passes(&self, side: Side, more: u64) {
        let mut passed = self.shared.voice(side).passed.subscribe();
        let wanted = *passed.borrow() + more;
        passed.wait_for(|passed| *passed >= wanted).await.expect("the gate stands");
    }
}

async fn take(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((phone, peer)) = listener.accept().await {
        // Without a server the phone finds its connection closed, as it would find the port of a dead process.
        let Some(server) = shared.server() else { continue };
        let (shared, line) = (Arc::clone(&shared), shared.line());
        line.connections.send_modify(|connections| *connections += 1);
        tokio::spawn(async move {
            // Whoever loses the connection sees it; there is nobody else to tell.
            let _ = line.cut.run_until_cancelled(connect(phone, peer, server, &shared)).await;
            line.connections.send_modify(|connections| *connections -= 1);
        });
    }
}

async fn connect(phone: TcpStream, peer: SocketAddr, server: SocketAddr, shared: &Shared) -> io::Result<()> {
    // The server knows phones by their address.
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(peer.ip(), 0))?;
    let server = socket.connect(server).await?;
    let (from_phone, to_phone) = phone.into_split();
    let (from_server, to_server) = server.into_split();
    let (there, back) = tokio::join!(
        pass(from_phone, to_server, &shared.phones),
        pass(from_server, to_phone, &shared.server_side)
    );
    there.and(back)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, voice: &Voice) -> io::Result<()> {
    let mut holds = voice.holds.subscribe();
    let mut record = vec![0; HEAD];
    loop {
        record.resize(HEAD, 0);
        match from.read_exact(&mut record).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return to.shutdown().await,
            other => other?,
        };
        let rest = usize::from(u16::from_be_bytes([record[HEAD - 2], record[HEAD - 1]]));
        record.resize(HEAD + rest, 0);
        from.read_exact(&mut record[HEAD..]).await?;
        if record[0] == APPLICATION_DATA {
            if *holds.borrow() {
                voice.held.send_modify(|held| *held += 1);
            }
            if holds.wait_for(|holds| !holds).await.is_err() {
                return Ok(());
            }
            voice.passed.send_modify(|passed| *passed += 1);
        }
        to.write_all(&record).await?;
    }
}
