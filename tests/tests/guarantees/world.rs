//! The phones of a case: each can be called, comes when it will, and goes wrong when it is told to. They know
//! nothing of jobs.
//!
//! Calls are heard here and not by the simulator's own listener, because they are judged by the server's clock, which
//! is moved by hand.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use simulator::{Dice, Mishap, Opening, Refusal, SessionEnd, SimulatedPhone};
use tests::crash::Hand;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wire::ItemStatus;

use super::invariants::{Call, ClientEvidence, Key};
use super::orders::PARAMETERS;

/// Port of contact-me.
pub(crate) const CALL_PORT: u16 = 8085;

/// How long a call is under way at most, in the time of the machine: the server's clock may be moved meanwhile.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Longest contact-me request in bytes; longer ones are none.
const LONGEST_CALL: usize = 8 * 1024;

/// What a phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// It acknowledges and comes.
    Comes,
    /// It acknowledges and does not come.
    Ignores,
    /// It takes the connection and says nothing.
    Deaf,
}

/// A phone and its client.
pub(crate) struct Handset {
    /// The phone.
    pub(crate) phone: Arc<SimulatedPhone>,
    /// Its client.
    pub(crate) client: i64,
    ear: Arc<Ear>,
    listening: JoinHandle<()>,
}

impl Drop for Handset {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

struct Ear {
    mood: AtomicU8,
    /// It restarts, and hears nothing.
    off: AtomicBool,
    /// It was reset, and the server has not seen it since.
    reset: AtomicBool,
    called: AtomicBool,
    calls: Mutex<Vec<Call>>,
    hand: Arc<Hand>,
}

impl Handset {
    /// A phone that has started up; `hand` is the server's clock.
    pub(crate) async fn new(phone: Arc<SimulatedPhone>, client: i64, hand: Arc<Hand>) -> Self {
        let ear = Arc::new(Ear {
            mood: AtomicU8::new(Mood::Comes as u8),
            off: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            called: AtomicBool::new(false),
            calls: Mutex::default(),
            hand,
        });
        let listening = tokio::spawn(listen(phone.address(), Arc::clone(&ear)).await);
        Self { phone, client, ear, listening }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.ear.off.load(Ordering::SeqCst)
    }

    /// Calls it has acknowledged.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.ear.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it acknowledges calls and does not come.
    pub(crate) fn ignores_calls(&self) {
        self.become_(Mood::Ignores);
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.ear.reset.load(Ordering::SeqCst)
    }

    pub(crate) fn is_called(&self) -> bool {
        self.ear.called.load(Ordering::SeqCst)
    }

    /// A session: the start-up of a phone that is off, what was asked for otherwise. Gives how it ended.
    pub(crate) async fn session(&self, starts_up: bool) -> Option<SessionEnd> {
        let opening = if starts_up || self.is_off() { Opening::StartUp } else { Opening::Solicited };
        self.ear.called.store(false, Ordering::SeqCst);
        let outcome = self.phone.session(&opening).await;
        let end = outcome.ok().map(|outcome| outcome.end);
        let goes_off =
            matches!(end, Some(SessionEnd::Restart | SessionEnd::FactoryReset | SessionEnd::Vanished));
        // A start-up that did not reach the server is repeated.
        let still_off = end.is_none() && opening == Opening::StartUp;
        self.ear.off.store(goes_off || still_off, Ordering::SeqCst);
        let is_reset = end == Some(SessionEnd::FactoryReset) || end.is_none() && self.is_reset();
        self.ear.reset.store(is_reset, Ordering::SeqCst);
        if matches!(end, Some(SessionEnd::CleanUp { send_solicited: true, .. })) {
            self.ear.called.store(true, Ordering::SeqCst);
        }
        end
    }

    /// Something goes wrong from now on, or stops going wrong. Gives what, for the story of the case.
    pub(crate) async fn upset(&self, dice: &mut Dice) -> String {
        let times = u32::try_from(1 + dice.below(2)).unwrap_or(1);
        let what = dice.below(10);
        let item = PARAMETERS[usize::try_from(dice.below(PARAMETERS.len() as u64)).unwrap_or(0)].item;
        let status = [ItemStatus::InvalidData, ItemStatus::ReadOnly, ItemStatus::Failed]
            [usize::try_from(dice.below(3)).unwrap_or(0)]
        .clone();
        let mishap = |mishap| {
            self.phone.with_machine(move |machine, _| {
                machine.set_mishap(mishap, times);
                format!("{mishap:?} {times}")
            })
        };
        match what {
            0 => mishap(Mishap::VanishWritten).await,
            1 => mishap(Mishap::VanishUnwritten).await,
            2 => mishap(Mishap::GiveUp).await,
            3 => self.change(format!("busy {times}"), |machine| machine.set_busy(times)).await,
            4 => self.change("failing".to_owned(), |machine| machine.set_failing(1)).await,
            5 | 6 => {
                let story = format!("refuses {item}: {}", status.as_str());
                let refusal = Refusal::of(item, status);
                self.change(story, |machine| machine.phone_mut().refuse(vec![refusal])).await
            }
            7 => self.become_(Mood::Ignores),
            8 => self.become_(Mood::Deaf),
            _ => self.become_(Mood::Comes),
        }
    }

    async fn change(&self, story: String, change: impl FnOnce(&mut simulator::PhoneMachine)) -> String {
        self.phone.with_machine(|machine, _| change(machine)).await;
        story
    }

    fn become_(&self, mood: Mood) -> String {
        self.ear.mood.store(mood as u8, Ordering::SeqCst);
        format!("{mood:?}")
    }

    /// Nothing goes wrong any more.
    pub(crate) async fn heal(&self) {
        self.become_(Mood::Comes);
        self.phone
            .with_machine(|machine, _| {
                machine.set_mishap(Mishap::GiveUp, 0);
                machine.set_busy(0);
                machine.set_failing(0);
                machine.phone_mut().refuse(Vec::new());
            })
            .await;
    }

    /// What it holds, was told and how it was called.
    pub(crate) async fn evidence(&self) -> ClientEvidence {
        let mut holds = std::collections::BTreeMap::new();
        for parameter in PARAMETERS {
            let key: Key = (parameter.item.to_owned(), parameter.index);
            if let Some(value) = self.phone.value(parameter.item, parameter.index).await {
                holds.insert(key, value);
            }
        }
        let orders = self.phone.orders().await;
        assert_eq!(orders.items_beyond, 0, "every item is counted");
        ClientEvidence {
            id: self.client,
            holds,
            received: orders.items.keys().map(|key| (key.name.clone(), key.index)).collect(),
            restarts: orders.restarts.obeyed,
            resets: orders.factory_resets.obeyed,
            calls: self.calls(),
            ..ClientEvidence::default()
        }
    }
}

async fn listen(address: Ipv4Addr, ear: Arc<Ear>) -> impl Future<Output = ()> + Send + 'static {
    let listener = TcpListener::bind((address, CALL_PORT)).await.expect("a free port");
    async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who breaks off only hurts himself.
            hear(stream, &ear).await.ok();
        }
    }
}

async fn hear(mut stream: TcpStream, ear: &Ear) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"ContactMe=true") {
        if request.len() >= LONGEST_CALL || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let mood = ear.mood.load(Ordering::SeqCst);
    if mood == Mood::Deaf as u8 || ear.off.load(Ordering::SeqCst) {
        return Ok(());
    }
    let call = Call {
        earliest: ear.hand.showed(UNDER_WAY).as_millisecond(),
        latest: ear.hand.now().as_millisecond(),
    };
    ear.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    if mood == Mood::Comes as u8 {
        ear.called.store(true, Ordering::SeqCst);
    }
    let answer = "HTTP/1.1 204 No Content\r\nServer: DlsClient\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
