//! Phones driven by hand: they say exactly what a test wants them to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use domain::Role;
use serde_json::Value;
use tests::{ApiClient, Exchange, TestServer, desk, message, raw_phone};
use wire::{Action, Item, Reason, ReplyStatus, ServerMessage};

use crate::OLD;

/// A phone that speaks when it is told to.
pub(crate) struct Phone {
    server: SocketAddr,
    address: [u8; 4],
    number: u8,
    said: u32,
    pub(crate) model: String,
    pub(crate) family: String,
    pub(crate) version: String,
    /// Files it has: name and type.
    pub(crate) files: Vec<(String, String)>,
    /// Date and time it gives of all of them; none when empty.
    pub(crate) written: (String, String),
    /// Most items it takes in one message.
    pub(crate) max_items: Option<u32>,
    /// What it runs it only says when it is asked for everything.
    pub(crate) opens_without_version: bool,
    session: Option<Exchange>,
}

/// A started phone with old SIP firmware, the API, and the id of its client.
pub(crate) async fn one(server: &mut TestServer) -> (Phone, ApiClient, Value) {
    let mut phone = Phone::new(server);
    phone.starts_up().await;
    let api = server.api(&[Role::Admin]).await;
    let id = phone.id(&api).await;
    (phone, api, id)
}

impl Phone {
    /// Another phone, at an address of its own.
    pub(crate) fn new(server: &TestServer) -> Self {
        Self::at(server.phone_port())
    }

    /// Another phone, for the server at this port.
    pub(crate) fn at(server: SocketAddr) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(2);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            server,
            address: [127, 44, number, 1],
            number,
            said: 0,
            model: "OpenStage 60".to_owned(),
            family: "Siemens SIP".to_owned(),
            version: OLD.to_owned(),
            files: Vec::new(),
            written: (String::new(), String::new()),
            max_items: None,
            opens_without_version: false,
            session: None,
        }
    }

    /// The server is at another port since it was started again.
    pub(crate) fn finds(&mut self, server: &TestServer) {
        self.server = server.phone_port();
    }

    /// Its address.
    pub(crate) fn host(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self.address))
    }

    pub(crate) fn mac(&self) -> String {
        format!("00:1A:E8:44:01:{:02X}", self.number)
    }

    pub(crate) async fn id(&self, api: &ApiClient) -> Value {
        desk::client_of(api, &self.mac()).await["id"].clone()
    }

    fn nonce(&mut self) -> String {
        self.said += 1;
        format!("{:02X}{:030X}", self.number, self.said)
    }

    fn basic(&self) -> Vec<Item> {
        let [a, b, c, d] = self.address;
        vec![
            Item::new("mac-addr", self.mac()),
            Item::new("e164", format!("4989700{:04}", self.number)),
            Item::new("device-type", self.model.clone()),
            Item::new("software-type", self.family.clone()),
            Item::new("software-version", self.version.clone()),
            Item::new("contact-me-uri", format!("http://{a}.{b}.{c}.{d}:8085/contact_dls.html/ContactDLS")),
        ]
    }

    fn inventory(&self) -> Vec<Item> {
        let entry = |(place, (name, kind)): (usize, &(String, String))| {
            let index = u16::try_from(place + 1).ok();
            [
                ("file-deployment-name", name.as_str()),
                ("file-deployment-type", kind),
                ("file-deployment-status", "ok"),
                ("file-deployment-date", &self.written.0),
                ("file-deployment-time", &self.written.1),
            ]
            .map(|(item, value)| Item { index, ..Item::new(item, value) })
        };
        self.files.iter().enumerate().flat_map(entry).collect()
    }

    /// Opens a session; tells everything when it is asked to, and gives the first other answer.
    pub(crate) async fn opens(&mut self, reason: Reason, more: Vec<Item>) -> ServerMessage {
        self.session = Some(raw_phone(self.server, self.address));
        let mut items = self.basic();
        items.retain(|item| !(self.opens_without_version && item.name == "software-version"));
        items.extend(more);
        let nonce = self.nonce();
        let answer = self.sends(message(&nonce, reason, items)).await;
        self.goes_on(answer).await
    }

    /// Opens a session, hears the first answer and is gone.
    pub(crate) async fn breaks_off(&mut self, reason: Reason, more: Vec<Item>) -> ServerMessage {
        self.session = Some(raw_phone(self.server, self.address));
        let mut items = self.basic();
        items.extend(more);
        let nonce = self.nonce();
        let answer = self.sends(message(&nonce, reason, items)).await;
        self.session = None;
        answer
    }

    async fn goes_on(&mut self, mut answer: ServerMessage) -> ServerMessage {
        while answer.action == Action::ReadAllItems {
            let mut items = self.basic();
            items.extend(self.inventory());
            let nonce = self.nonce();
            answer = self.sends(tests::reply(&nonce, Action::ReadAllItems, items)).await;
        }
        answer
    }

    async fn sends(&mut self, message: wire::PhoneMessage) -> ServerMessage {
        let message = wire::PhoneMessage { max_items: self.max_items, ..message };
        self.session.as_mut().expect("a session").send(&message).await
    }

    /// Answers an order in the session it came in.
    pub(crate) async fn replies(&mut self, action: Action, status: ReplyStatus) -> ServerMessage {
        let nonce = self.nonce();
        let reason = Reason::ReplyTo { action: Some(action), status: Some(status) };
        let answer = self.sends(message(&nonce, reason, Vec::new())).await;
        self.goes_on(answer).await
    }

    pub(crate) async fn starts_up(&mut self) -> ServerMessage {
        self.opens(Reason::StartUp, Vec::new()).await
    }

    pub(crate) async fn comes(&mut self) -> ServerMessage {
        self.opens(Reason::Solicited, Vec::new()).await
    }

    pub(crate) async fn tells(&mut self, name: &str, kind: &str, status: &str) -> ServerMessage {
        let items = [("name", name), ("type", kind), ("status", status)]
            .map(|(item, value)| Item::new(format!("file-deployment-{item}"), value));
        self.opens(Reason::Status, items.to_vec()).await
    }

    /// Fetches what an order names; gives the bytes, or the status of a refusal.
    pub(crate) async fn fetches(&self, order: &ServerMessage) -> Result<Vec<u8>, u16> {
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .local_address(self.host())
            .build()
            .expect("a client");
        let answer = client.get(value(order, "file-https-base-url")).send().await.expect("an answer");
        match answer.status().as_u16() {
            200 => Ok(answer.bytes().await.expect("a body").to_vec()),
            status => Err(status),
        }
    }
}

/// The value of an item of an order.
pub(crate) fn value<'a>(order: &'a ServerMessage, name: &str) -> &'a str {
    let item = order.items.iter().find(|item| item.name == name && item.index.is_none());
    item.map(|item| item.value.as_str()).unwrap_or_default()
}
