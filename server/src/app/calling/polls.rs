//! What polling phones are told: one bit, whether work waits for them (`wpi.md` §6, D-10).
//!
//! The answer comes from memory, because thousands of phones ask in a second and almost all for nothing. The
//! board is read from the database once a second, and when somebody may have to be called. Strangers who try
//! device ids learn nothing after some guesses.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::DeviceId;
use domain::calling::PollMode;
use domain::setting::SettingKey;
use tokio::sync::Notify;

use super::counted_address;
use crate::App;
use crate::status::causes;
use crate::store::{StoreResult, call_queue};

/// Longest time between two looks into the database, and shortest rest after a slow one as a multiple of it.
const LOOK: Duration = Duration::from_secs(1);

/// Looks between two readings of all known device ids.
const KNOWN: u32 = 60;

/// Times a phone is told of work without coming, one poll interval apart, before it is told no more until it
/// comes by itself.
const MOST_TOLD: u32 = 3;

/// Unknown device ids an address may ask for in a minute; then it is told nothing until the minute is over.
const MOST_GUESSES: u32 = 60;

/// Most addresses whose guesses are counted at once.
const MOST_GUESSERS: usize = 10_000;

const MINUTE: u64 = 60_000;

/// Who has work, as polling phones are told.
#[derive(Default)]
pub struct Board {
    /// Polling phones with work, each with its last contact.
    waiting: ArcSwap<HashMap<DeviceId, i64>>,
    known: ArcSwap<HashSet<DeviceId>>,
    told: Mutex<HashMap<DeviceId, Told>>,
    guesses: Mutex<Guesses>,
    woken: Notify,
}

/// How often a phone was told since its last contact.
#[derive(Clone, Copy)]
struct Told {
    last_contact: i64,
    times: u32,
    at: u64,
}

#[derive(Default)]
struct Guesses {
    minute: u64,
    by: HashMap<IpAddr, u32>,
}

impl Guesses {
    fn of(&mut self, address: IpAddr, now: u64) -> u32 {
        let minute = now / MINUTE;
        if self.minute != minute {
            (self.minute, self.by) = (minute, HashMap::new());
        }
        self.by.get(&address).copied().unwrap_or(0)
    }

    fn count(&mut self, address: IpAddr) {
        if self.by.len() < MOST_GUESSERS || self.by.contains_key(&address) {
            *self.by.entry(address).or_default() += 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// Somebody may have got work: the board is read again soon.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Keeps the board up to date until the node stops.
    pub async fn keep(&self, app: &App) {
        let mut looks: u32 = 0;
        while !app.stop.is_cancelled() {
            let begin = tokio::time::Instant::now();
            if let Err(error) = self.read(app, looks.is_multiple_of(KNOWN)).await {
                tracing::error!(error = causes(&error), "who has work could not be read for polling phones");
            }
            looks = looks.wrapping_add(1);
            // A large database must not be read all the time.
            let rest = begin.elapsed().saturating_mul(4);
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
            tokio::select! {
                () = app.stop.cancelled() => return,
                _ = tokio::time::timeout(LOOK, self.woken.notified()) => {}
            }
        }
    }

    /// Reads the board from the database; with `known` also who is known at all.
    ///
    /// # Errors
    /// When the database cannot be asked; the board stays as it is.
    pub async fn read(&self, app: &App, known: bool) -> StoreResult<()> {
        if known {
            self.known
                .store(call_queue::devices(&app.store).await?.into_iter().collect::<HashSet<_>>().into());
        }
        let has_address = !app.settings.text(SettingKey::DcmpServerUrl).is_empty();
        let mode = PollMode::of(&app.settings.text(SettingKey::DcmpOperationMode), has_address);
        let waiting: HashMap<DeviceId, i64> = match mode {
            PollMode::Disabled => HashMap::new(),
            PollMode::Automatic | PollMode::Enabled => {
                let all = mode == PollMode::Enabled;
                let polling = call_queue::polling(&app.store, all, app.clock.now()).await?;
                polling.into_iter().map(|client| (client.device, client.last_contact)).collect()
            }
        };
        lock(&self.told).retain(|device, _| waiting.contains_key(device));
        self.waiting.store(waiting.into());
        Ok(())
    }

    /// Whether work waits for a phone, as far as whoever asks from there may know it.
    pub fn has_work(&self, app: &App, device: &DeviceId, from: IpAddr) -> bool {
        let now = app.clock.monotonic_millis();
        let from = counted_address(from);
        if lock(&self.guesses).of(from, now) >= MOST_GUESSES {
            return false;
        }
        let waiting = self.waiting.load();
        match waiting.get(device) {
            Some(last_contact) => {
                let interval = app.settings.integer(SettingKey::DcmpQueryInterval).unsigned_abs() * MINUTE;
                !app.phones.has_session(device) && self.tell(device, *last_contact, interval, now)
            }
            None => {
                if !self.known.load().contains(device) {
                    lock(&self.guesses).count(from);
                }
                false
            }
        }
    }

    fn tell(&self, device: &DeviceId, last_contact: i64, interval: u64, now: u64) -> bool {
        let mut told = lock(&self.told);
        let told = told.entry(device.clone()).or_insert(Told { last_contact, times: 0, at: now });
        if told.last_contact != last_contact {
            *told = Told { last_contact, times: 0, at: now };
        }
        // Asking twice within one interval is one poll: the answer may have been lost.
        let again = told.times > 0 && now.saturating_sub(told.at) < interval / 2;
        if !again {
            (told.times, told.at) = (told.times.saturating_add(1), now);
        }
        told.times <= MOST_TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, Guesses, MINUTE, MOST_GUESSES};
    use domain::DeviceId;

    fn device() -> DeviceId {
        "00:1A:E8:5B:20:C7".parse().unwrap()
    }

    #[test]
    fn a_phone_that_does_not_come_is_told_three_times() {
        let board = Board::default();
        let tell =
            |minutes: u64, last_contact| board.tell(&device(), last_contact, 5 * MINUTE, minutes * MINUTE);
        assert!(tell(0, 1) && tell(1, 1), "the first answer may have been lost");
        assert!(tell(5, 1) && tell(10, 1));
        assert!(!tell(15, 1) && !tell(20, 1) && !tell(21, 1));
        assert!(tell(25, 2), "it was here in the meantime");
    }

    #[test]
    fn guesses_are_counted_by_the_minute() {
        let mut guesses = Guesses::default();
        let address = "192.0.2.1".parse().unwrap();
        for _ in 0..MOST_GUESSES {
            assert!(guesses.of(address, 10) < MOST_GUESSES);
            guesses.count(address);
        }
        assert_eq!(guesses.of(address, MINUTE - 1), MOST_GUESSES);
        assert_eq!(guesses.of("192.0.2.2".parse().unwrap(), 10), 0);
        assert_eq!(guesses.of(address, MINUTE), 0);
    }
}
