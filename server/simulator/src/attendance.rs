//! What a phone attends to while nobody touches it: it hears contact-me requests and polls the
//! contact-me proxy when it knows one.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::contact_me::{ContactMeListener, ListenError};
use crate::dcmp::DcmpPoller;
use crate::simulated_phone::{SessionSink, SimulatedPhone};

/// A phone that can be called and polls. Ends both when dropped.
pub struct Attendance {
    listener: ContactMeListener,
    _poller: DcmpPoller,
}

impl Attendance {
    /// Start listening at `port` (0 takes a free one) and polling; see [`ContactMeListener::start`] and
    /// [`DcmpPoller::start`].
    ///
    /// # Errors
    /// [`ListenError`] when the phone's address is not free or does not exist.
    pub async fn start(
        phone: Arc<SimulatedPhone>,
        port: u16,
        permits: Arc<Semaphore>,
        sink: Arc<dyn SessionSink>,
    ) -> Result<Self, ListenError> {
        let listener =
            ContactMeListener::start(Arc::clone(&phone), port, Arc::clone(&permits), Arc::clone(&sink));
        Ok(Self { listener: listener.await?, _poller: DcmpPoller::start(phone, permits, sink) })
    }

    /// Where the phone listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }
}

#[cfg(test)]
mod tests;
