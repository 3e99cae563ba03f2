//! A phone that is called or polls, and comes each time. While it fetches a file it can be called again: downloads go
//! on beside the sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{ContactEnd, SessionSink, SimulatedPhone};
use crate::machine::Opening;

/// The contacts of one phone, one after the other. What goes on in the background ends when this is dropped.
pub(crate) struct Following {
    phone: Arc<SimulatedPhone>,
    permits: Arc<Semaphore>,
    sink: Arc<dyn SessionSink>,
    stop: CancellationToken,
    going: JoinSet<ContactEnd>,
}

impl Following {
    pub(crate) fn new(
        phone: Arc<SimulatedPhone>,
        permits: Arc<Semaphore>,
        sink: Arc<dyn SessionSink>,
        stop: CancellationToken,
    ) -> Self {
        Self { phone, permits, sink, stop, going: JoinSet::new() }
    }

    /// Come with `solicited`, and return when the contact is over or the phone begins to fetch something. `false`: the
    /// run is over.
    pub(crate) async fn come(&mut self, server: SocketAddr) -> bool {
        while self.going.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return false };
        let (phone, permits) = (Arc::clone(&self.phone), Arc::clone(&self.permits));
        let (sink, stop) = (Arc::clone(&self.sink), self.stop.clone());
        let (going, over) = oneshot::channel::<()>();
        self.going.spawn(async move {
            let end = phone.contact(Opening::Solicited, server, permit, &permits, &*sink, &stop).await;
            drop(going);
            end
        });
        let mut attention = self.phone.attention();
        tokio::select! {
            _ = over => {}
            _ = attention.wait_for(|attention| attention.is_deploying) => {}
        }
        true
    }
}
