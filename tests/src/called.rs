//! Phones that have started up and come when the server calls them (`wpi.md` §1.5), each test in networks of its
//! own. What they are called for is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use simulator::{Attendance, Opening, SessionSink, SimulateConfig, SimulatedPhone};
use tokio::sync::Semaphore;

use crate::{TestServer, phones};

/// The port phones are called at.
pub const CALL_PORT: u16 = 8085;

/// A network of 127.0.0.0/8 that no other test of this program has; `second` is the program's own second byte.
pub fn network(second: u8) -> [u8; 3] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    [127, second, NEXT.fetch_add(1, Ordering::Relaxed)]
}

/// An address in a network.
pub fn host(network: [u8; 3], last: u8) -> [u8; 4] {
    let [a, b, c] = network;
    [a, b, c, last]
}

/// Phones of one network that are not attended yet. Their gap between calls is the server's business alone: its
/// clock stands still and theirs does not.
pub async fn fleet(
    server: &TestServer,
    network: [u8; 3],
    count: u32,
    change: impl FnOnce(&mut SimulateConfig),
) -> Vec<Arc<SimulatedPhone>> {
    let [a, b, c] = network;
    phones(server.phone_port(), count, |config| {
        config.source = Some(format!("{a}.{b}.{c}.0/24").parse().expect("a block"));
        config.contact_me_port = CALL_PORT;
        config.contact_gap = Some(Duration::ZERO);
        change(config);
    })
    .await
}

/// A phone that comes when it is called, until this is dropped.
pub struct Attended {
    /// The phone.
    pub phone: Arc<SimulatedPhone>,
    _attendance: Attendance,
}

impl Attended {
    /// Starts the phone up, and attends to it.
    pub async fn start(phone: Arc<SimulatedPhone>) -> Self {
        phone.session(&Opening::StartUp).await.expect("a session");
        let (permits, sink): (_, Arc<dyn SessionSink>) = (Arc::new(Semaphore::new(8)), Arc::new(()));
        let attendance = Attendance::start(Arc::clone(&phone), CALL_PORT, permits, sink).await;
        Self { phone, _attendance: attendance.expect("a listener") }
    }
}
