//! What operators see of a running node: live figures, written by the device side and read by the API, and
//! how errors are written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::DeviceId;

/// An error with everything that caused it, for operators: one line of a log, or of a terminal.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str("; because: ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Counters since the start. Cheap to update from many places.
#[derive(Default)]
pub struct PhoneStatus {
    open_sessions: AtomicUsize,
    finished_sessions: AtomicU64,
    overloaded: AtomicU64,
    listening: AtomicBool,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    devices: Mutex<HashMap<DeviceId, usize>>,
}

impl PhoneStatus {
    /// Sessions with phones that are open now.
    pub fn open_sessions(&self) -> usize {
        self.open_sessions.load(Ordering::Relaxed)
    }

    /// Sessions that are over.
    pub fn finished_sessions(&self) -> u64 {
        self.finished_sessions.load(Ordering::Relaxed)
    }

    /// Phones told to come back later.
    pub fn overloaded(&self) -> u64 {
        self.overloaded.load(Ordering::Relaxed)
    }

    /// Requests that got no WPI answer, by code; never with what was in them.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every port that is switched on is open.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// All ports are open, or the node is stopping.
    pub fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Release);
    }

    /// Whether a session with this phone is open on this node.
    pub fn has_session(&self, device: &DeviceId) -> bool {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).contains_key(device)
    }

    /// A session was opened.
    pub fn session_opened(&self, device: &DeviceId) {
        self.open_sessions.fetch_add(1, Ordering::Relaxed);
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        *devices.entry(device.clone()).or_default() += 1;
    }

    /// A session is over.
    pub fn session_ended(&self, device: &DeviceId) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = devices.get_mut(device) {
            *open -= 1;
            if *open == 0 {
                devices.remove(device);
            }
        }
        drop(devices);
        self.open_sessions.fetch_sub(1, Ordering::Relaxed);
        self.finished_sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// A phone was told to come back later.
    pub fn overload_answered(&self) {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }

    /// A request got no WPI answer.
    pub fn request_refused(&self, code: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }
}
