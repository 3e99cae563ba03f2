//! Somebody who says he is a phone of ours, as far as he can: he knows its MAC and what it is, sends what it would
//! send, obeys every order, and keeps what he is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use simulator::SimulatedPhone;
use tests::called::fleet;
use tests::{Exchange, TestServer, items, message, raw_phone, reply};
use wire::{Action, Item, Reason, ServerMessage};

/// Most messages of one session of his.
const MOST_MESSAGES: usize = 20;

/// A SIP phone in a network of its own.
pub(crate) async fn sip_phone(server: &TestServer, network: [u8; 3]) -> Arc<SimulatedPhone> {
    let sip = |config: &mut simulator::SimulateConfig| {
        config.family = Some(simulator::Family::Sip);
        config.models = vec!["CP600".parse().expect("a model")];
    };
    fleet(server, network, 1, sip).await.remove(0)
}

/// One such person.
pub(crate) struct Stranger {
    exchange: Exchange,
    items: Vec<Item>,
    /// Everything he was told.
    pub(crate) told: Vec<ServerMessage>,
}

/// A nonce nobody has used: a message with an old one is a repeated message.
pub(crate) fn nonce() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("STRANGER{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Stranger {
    /// He comes from this address and pretends to be this phone.
    pub(crate) async fn new(server: &TestServer, from: [u8; 4], as_phone: &SimulatedPhone) -> Self {
        let basic = as_phone.with_machine(|machine, _| machine.phone().basic_items()).await;
        let [a, b, c, d] = from;
        let listens = format!("http://{a}.{b}.{c}.{d}:8085/contact_dls.html/ContactDLS");
        let own = items(&[("contact-me-uri", &listens)]);
        let items = basic.into_iter().filter(|item| item.name != "contact-me-uri").chain(own).collect();
        Self { exchange: raw_phone(server.phone_port(), from), items, told: Vec::new() }
    }

    /// A session; he does what he is told until the server has nothing more. Gives the orders.
    pub(crate) async fn session(&mut self, reason: Reason) -> Vec<Action> {
        let mut next = message(&nonce(), reason, self.items.clone());
        let mut orders = Vec::new();
        for _ in 0..MOST_MESSAGES {
            let answer = self.exchange.send(&next).await;
            let action = answer.action.clone();
            self.told.push(answer);
            orders.push(action.clone());
            if action == Action::CleanUp {
                return orders;
            }
            let says = if action == Action::ReadAllItems { self.items.clone() } else { Vec::new() };
            next = reply(&nonce(), action, says);
        }
        panic!("no end: {orders:?}");
    }

    /// Whether he was told this.
    pub(crate) fn knows(&self, secret: &str) -> bool {
        self.told.iter().any(|message| format!("{message:?}").contains(secret))
    }
}
